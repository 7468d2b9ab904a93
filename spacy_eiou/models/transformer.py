"""The transformer of spacy-transformers, which computes texts of similar length together."""

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Model, chain
from thinc.layers.pytorchwrapper import forward as pytorch_forward
from thinc.types import Floats2d, Ragged
from torch import Tensor

from ..extras import require_extra
from .batches import batch_by_pieces
from .precision import mixed_precision_on_cpu
from .windows import get_windows

if TYPE_CHECKING:
    from spacy_transformers.data_classes import FullTransformerBatch, WordpieceBatch
    from transformers.utils.generic import ModelOutput

# The dimensions of outputs that are as long as the longest text of the batch.
PADDED_DIMENSIONS = {
    "last_hidden_state": (1,),
    "hidden_states": (1,),
    "attentions": (2, 3),
    "pooler_output": (),
}


def build_transformer_model_v1(
    name: str,
    get_spans: Callable[..., Any],
    tokenizer_config: Dict[str, Any] = {},  # noqa: B006
    transformer_config: Dict[str, Any] = {},  # noqa: B006
    mixed_precision: bool = False,
    grad_scaler_config: Dict[str, Any] = {},  # noqa: B006
    max_pieces: Optional[int] = None,
    cpu_bfloat16: bool = False,
) -> Model[List[Doc], "FullTransformerBatch"]:
    """Build `spacy-transformers.TransformerModel.v3`, which spends less on padding: of the texts
    that it gets at once, it computes those of similar length together. Its outputs and its
    weights are the same, so that a saved model can change from one to the other in its config.
    Where a window has more word pieces than the transformer takes, it is cut into several, rather
    than losing the tokens at its end.

    name, get_spans, tokenizer_config, transformer_config, mixed_precision, grad_scaler_config: As
        in `spacy-transformers.TransformerModel.v3`.
    max_pieces (Optional[int]): The most word pieces that are computed together, padding included.
        None takes 512 on a CPU and 32,768 on a GPU.
    cpu_bfloat16 (bool): Whether to multiply matrices in bfloat16 on a CPU that has instructions for
        it. The weights stay in single precision.
    RETURNS (Model[List[Doc], FullTransformerBatch]): The model.
    RAISES (ValueError): If spacy-transformers is missing.
    """
    require_extra("transformers", "spacy_transformers")
    from spacy_transformers.layers import TransformerModel

    model = TransformerModel(
        name,
        get_spans,
        tokenizer_config,
        transformer_config,
        mixed_precision,
        grad_scaler_config,
    )
    model.attrs["replace_listener_cfg"] = replace_listener_config
    wrapper = model.layers[0]
    model.attrs["get_spans"] = partial(get_windows, get_spans=get_spans, shim=wrapper.shims[0])
    convert = partial(convert_outputs, convert=wrapper.attrs["convert_outputs"])
    model.layers[0] = Model(
        wrapper.name,
        partial(forward, max_pieces=max_pieces, cpu_bfloat16=cpu_bfloat16),
        attrs={**wrapper.attrs, "convert_outputs": convert},
        shims=wrapper.shims,
    )
    return model


def build_tok2vec_transformer_v1(
    name: str,
    get_spans: Callable[..., Any],
    pooling: Model[Ragged, Floats2d],
    grad_factor: float = 1.0,
    tokenizer_config: Dict[str, Any] = {},  # noqa: B006
    transformer_config: Dict[str, Any] = {},  # noqa: B006
    mixed_precision: bool = False,
    grad_scaler_config: Dict[str, Any] = {},  # noqa: B006
    max_pieces: Optional[int] = None,
    cpu_bfloat16: bool = False,
) -> Model[List[Doc], List[Floats2d]]:
    """Build a transformer that a component has for itself, as `nlp.replace_listeners` leaves it.

    pooling (Model[Ragged, Floats2d]): Makes the vector of a token from those of its word pieces.
    grad_factor (float): A factor for the gradients of the transformer.
    name, get_spans, tokenizer_config, transformer_config, mixed_precision, grad_scaler_config,
    max_pieces, cpu_bfloat16: See `build_transformer_model_v1`.
    RETURNS (Model[List[Doc], List[Floats2d]]): The model.
    RAISES (ValueError): If spacy-transformers is missing.
    """
    model = build_transformer_model_v1(
        name,
        get_spans,
        tokenizer_config,
        transformer_config,
        mixed_precision,
        grad_scaler_config,
        max_pieces,
        cpu_bfloat16,
    )
    return pool_pieces(model, pooling, grad_factor)


def pool_pieces(
    transformer: Model[List[Doc], "FullTransformerBatch"],
    pooling: Model[Ragged, Floats2d],
    grad_factor: float = 1.0,
) -> Model[List[Doc], List[Floats2d]]:
    """Let a transformer give the vectors of tokens.

    transformer (Model[List[Doc], FullTransformerBatch]): Gives those of word pieces.
    pooling (Model[Ragged, Floats2d]): Makes the vector of a token from those of its word pieces.
    grad_factor (float): A factor for the gradients of the transformer.
    RETURNS (Model[List[Doc], List[Floats2d]]): The encoder of tokens.
    """
    from spacy_transformers.layers import split_trf_batch, trfs2arrays

    # A chain within a chain, as the listener leaves it that is replaced.
    return chain(chain(transformer, split_trf_batch()), trfs2arrays(pooling, grad_factor))


def replace_listener_config(
    model_config: Dict[str, Any], listener_config: Dict[str, Any]
) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): The config of a model that takes the place of a listener to the
    transformer."""
    return {
        **model_config,
        "@architectures": "spacy_eiou.Tok2VecTransformer.v1",
        "pooling": listener_config["pooling"],
        "grad_factor": listener_config["grad_factor"],
    }


def forward(
    model: Model[Any, Any],
    pieces: "WordpieceBatch",
    is_train: bool,
    *,
    max_pieces: Optional[int] = None,
    cpu_bfloat16: bool = False,
) -> Tuple["ModelOutput", Callable[["ModelOutput"], List[Any]]]:
    """Compute the transformer's outputs, a batch of similar lengths at a time.

    model (Model): The wrapped transformer.
    pieces (WordpieceBatch): The word pieces of n texts, padded to the width of the longest.
    is_train (bool): Whether gradients will follow.
    max_pieces, cpu_bfloat16: See `build_transformer_model_v1`.
    RETURNS (Tuple[ModelOutput, Callable]): The outputs as of one batch, zero where it is padded,
        and the backward pass, from the gradient of the last hidden state, shape (n, width, nO).
    """
    lengths = pieces.attention_mask.sum(axis=1).astype("int64")
    device = model.shims[0]._hfmodel.transformer.device.type
    batches = [np.asarray(rows) for rows in batch_by_pieces(lengths, max_pieces, device)]
    widths = [int(lengths[rows].max()) for rows in batches]
    with mixed_precision_on_cpu(cpu_bfloat16):
        results = [
            pytorch_forward(model, select(pieces, rows, width), is_train)
            for rows, width in zip(batches, widths)
        ]
    output = merge([output for output, _ in results], batches, pieces.input_ids.shape)

    def backprop(d_output: "ModelOutput") -> List[Any]:
        (d_states,) = d_output.values()
        weights = list(model.shims[0]._hfmodel.transformer.parameters())
        for rows, width, (_, backprop_batch) in zip(batches, widths, results):
            with adding_gradients(weights):
                backprop_batch(type(d_output)(last_hidden_state=d_states[rows, :width]))
        return []

    return output, backprop


@contextmanager
def adding_gradients(weights: Sequence[Tensor]) -> Iterator[None]:
    """Keep earlier gradients apart while others are computed, then add them up: in mixed precision,
    Thinc takes the scale of a batch out of all gradients that it finds.

    weights (Sequence[Tensor]): What gets gradients.
    """
    earlier = [weight.grad for weight in weights]
    for weight in weights:
        weight.grad = None
    yield
    for weight, gradient in zip(weights, earlier):
        if gradient is not None:
            weight.grad = gradient if weight.grad is None else gradient.add_(weight.grad)


def convert_outputs(
    model: Model[Any, Any],
    inputs_outputs: Tuple[Any, "ModelOutput"],
    is_train: bool,
    *,
    convert: Callable[..., Any],
) -> Any:
    """Convert outputs as spacy-transformers does, in single precision: NumPy has no bfloat16."""
    inputs, output = inputs_outputs
    for key, value in output.items():
        is_tuple = isinstance(value, tuple)
        output[key] = tuple(map(Tensor.float, value)) if is_tuple else value.float()
    return convert(model, (inputs, output), is_train)


def select(pieces: "WordpieceBatch", rows: Any, width: int) -> "WordpieceBatch":
    """RETURNS (WordpieceBatch): The rows of some texts, padded to a width."""
    types = pieces.token_type_ids
    return type(pieces)(
        strings=[pieces.strings[row][:width] for row in rows],
        input_ids=pieces.input_ids[rows, :width],
        attention_mask=pieces.attention_mask[rows, :width],
        lengths=[pieces.lengths[row] for row in rows],
        token_type_ids=None if types is None else types[rows, :width],
    )


def merge(
    outputs: Sequence["ModelOutput"], batches: Sequence[Any], shape: Tuple[int, ...]
) -> "ModelOutput":
    """Put the outputs of batches into one.

    outputs (Sequence[ModelOutput]): The outputs of each batch.
    batches (Sequence[Ints1d]): The numbers of the texts of each batch.
    shape (Tuple[int, ...]): How many texts there are, and the width of the longest.
    RETURNS (ModelOutput): The outputs of all texts.
    RAISES (ValueError): If the transformer has an output that this function doesn't know.
    """
    merged: Dict[str, Any] = {}
    for key in outputs[0]:
        if key not in PADDED_DIMENSIONS:
            raise ValueError(
                f"spacy_eiou.TransformerModel.v1 doesn't know the output '{key}'. Use "
                f"'spacy-transformers.TransformerModel.v3' for this transformer"
            )
        values = [output[key] for output in outputs]
        join = partial(scatter, batches=batches, shape=shape, padded=PADDED_DIMENSIONS[key])
        if isinstance(values[0], tuple):
            merged[key] = tuple(join(layer) for layer in zip(*values))
        else:
            merged[key] = join(values)
    return type(outputs[0])(**merged)


def scatter(
    tensors: Sequence[Tensor], batches: Sequence[Any], shape: Tuple[int, ...], padded: Sequence[int]
) -> Tensor:
    """RETURNS (Tensor): The rows of all batches in the order of the texts, zero where padded."""
    sizes = list(tensors[0].shape)
    sizes[0] = shape[0]
    for dimension in padded:
        sizes[dimension] = shape[1]
    result = tensors[0].new_zeros(sizes)
    with torch.no_grad():
        for tensor, rows in zip(tensors, batches):
            place: Tuple[Any, ...] = tuple(slice(size) for size in tensor.shape[1:])
            result[(torch.from_numpy(rows).to(result.device), *place)] = tensor
    return result
