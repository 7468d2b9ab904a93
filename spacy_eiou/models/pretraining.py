"""What an encoder learns from texts before there are annotated documents."""

from pathlib import Path
from typing import Any, Callable, List, Optional, Sequence, Tuple

import numpy as np
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Linear, Model, Ops, chain, list2array, reduce_mean, zero_init
from thinc.types import Floats2d

from .hidden_states import HiddenStates
from .torch_layers import compute_with_torch
from .transformer import pool_pieces


def build_pretrain_transformer_v1(
    transformer: Optional[str], size: int = 192, n_layers: int = 3, cache: Optional[Path] = None
) -> Callable[[Vocab, Model[List[Doc], List[Floats2d]]], Model[List[Doc], Floats2d]]:
    """Create an objective for `spacy pretrain`: the encoder predicts what a pretrained transformer
    makes of each token in its context. Registered as "spacy_eiou.PretrainTransformer.v1".

    A linear layer on top of the encoder is trained, by the squared error, to give the principal
    components of the hidden states. The loss of a batch is the sum over its tokens, in shares of
    the variance of the hidden states: 1 per token is what a constant gets. Neither the layer nor
    the transformer is saved with the encoder, which may be another transformer: a token then has
    the mean of its word pieces.

    transformer (str): An installed package that ships one in its folder `model`, a folder, or a
        name on a hub. Training, which reads this block as well, needs none.
    size (int): The number of components.
    n_layers (int): How many of the last layers to average.
    cache (Optional[Path]): A folder to keep the components in, so that the transformer computes
        each text once, and not once per epoch.
    RETURNS (Callable[..., Model[List[Doc], Floats2d]]): The objective, which makes the model to
        train from a vocabulary and an encoder.
    """

    def create_objective(
        vocab: Vocab, tok2vec: Model[List[Doc], Any]
    ) -> Model[List[Doc], Floats2d]:
        if transformer is None:
            raise ValueError("Expected the name of a transformer in [pretraining.objective]")
        teacher = HiddenStates(transformer, size=size, n_layers=n_layers, cache=cache)
        output_layer = chain(
            list2array(), Linear(teacher.size, tok2vec.get_dim("nO"), init_W=zero_init)
        )
        compute_with_torch(output_layer)
        is_transformer = "has_transformer" in tok2vec.attrs
        encoder = pool_pieces(tok2vec, reduce_mean()) if is_transformer else tok2vec
        model: Model[List[Doc], Floats2d] = chain(encoder, output_layer)
        model.set_ref("tok2vec", tok2vec)
        model.set_ref("output_layer", output_layer)

        def compute_loss(
            ops: Ops, docs: Sequence[Doc], predictions: Floats2d
        ) -> Tuple[float, Floats2d]:
            return squared_error(predictions, ops.asarray2f(np.concatenate(teacher.predict(docs))))

        model.attrs["loss"] = compute_loss
        return model

    return create_objective


def squared_error(predictions: Floats2d, targets: Floats2d) -> Tuple[float, Floats2d]:
    """Compute the squared error of the vectors of tokens.

    predictions (Floats2d): What was predicted, shape (n, size).
    targets (Floats2d): What should have been, shape (n, size). Tokens with NaN have no error.
    RETURNS (Tuple[float, Floats2d]): The sum of the squared errors, and its gradient divided by n.
    """
    errors = predictions - targets
    errors[targets != targets] = 0
    return float((errors**2).sum()), 2 * errors / max(len(errors), 1)
