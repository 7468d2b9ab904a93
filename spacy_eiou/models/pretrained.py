"""What a pretrained transformer makes of the tokens of a text."""

from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING, Any, List, Sequence, Tuple

import numpy as np
import torch
from spacy.attrs import LENGTH, SPACY
from spacy.tokens import Doc
from thinc.api import get_torch_default_device
from thinc.types import Floats2d, Ints1d, Ints2d
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ..extras import find_transformer, require_extra
from .batches import batch_by_pieces
from .precision import mixed_precision_on_cpu
from .windows import find_limit

if TYPE_CHECKING:
    from transformers.tokenization_utils_base import BatchEncoding

# Pieces that two windows of a long text share.
STRIDE = 64
# The width of the windows of a model that sets no limit.
MAX_WINDOW = 512


class Transformer:
    """A pretrained transformer that gives vectors of spaCy's tokens. It is no Thinc layer: nothing
    of it is trained or saved.

    name (str): An installed package that ships one in its folder `model`, a folder, or a name on a
        hub.
    n_layers (int): How many of the last layers to average.
    RAISES (ValueError): If the library or the transformer is missing, or its tokenizer can't say
        where in the text a piece is.
    """

    def __init__(self, name: str, n_layers: int) -> None:
        self.tokenizer = _load("AutoTokenizer", name, use_fast=True)
        if not self.tokenizer.is_fast:
            raise ValueError(f"The transformer '{name}' has no fast tokenizer, which this needs")
        self.device = get_torch_default_device()
        self.model = _load("AutoModel", name, torch_dtype=torch.float32).eval().to(self.device)
        self.n_layers = n_layers
        self.width: int = self.model.config.hidden_size
        self.max_window = min(find_limit(self.model, self.tokenizer), MAX_WINDOW)

    def hash_weights(self) -> str:
        """RETURNS (str): A checksum of the weights and the tokenizer, hexadecimal."""
        digest = sha256(self.tokenizer.backend_tokenizer.to_str().encode("utf8"))
        for weights in self.model.state_dict().values():
            digest.update(weights.cpu().numpy().tobytes())
        return digest.hexdigest()

    @torch.inference_mode()
    def predict(self, docs: Sequence[Doc]) -> Floats2d:
        """Compute hidden states: of each token, the mean over its word pieces and the last layers.

        docs (Sequence[Doc]): The docs, of any length.
        RETURNS (Floats2d): The vectors of all tokens, one doc after the other, shape (N, width).
            Tokens without pieces, such as line breaks, have NaN.
        """
        bounds = np.cumsum([0, *map(len, docs)])
        sums = torch.zeros((int(bounds[-1]), self.width), device=self.device)
        counts = torch.zeros((len(sums), 1), device=self.device)
        windows = self._split(docs)
        lengths = [len(pieces) for pieces in windows["input_ids"]]
        for batch in batch_by_pieces(lengths, None, self.device.type):
            states = self._compute(windows, batch)
            for window, window_states in zip(batch, states):
                number = windows["overflow_to_sample_mapping"][window]
                offsets = np.asarray(windows["offset_mapping"][window]).reshape(-1, 2)
                pieces, tokens = map(torch.from_numpy, align(offsets, docs[number]))
                rows = (tokens + int(bounds[number])).to(self.device)
                sums.index_add_(0, rows, window_states[pieces.to(self.device)])
                counts.index_add_(0, rows, torch.ones((len(rows), 1), device=self.device))
        vectors: Floats2d = (sums / counts).cpu().numpy()
        return vectors

    def _split(self, docs: Sequence[Doc]) -> "BatchEncoding":
        """RETURNS (BatchEncoding): The pieces of the docs, in windows that the model can take."""
        texts = [doc.text for doc in docs]
        return self.tokenizer(  # type: ignore[no-any-return]
            texts,
            truncation=True,
            max_length=self.max_window,
            stride=min(STRIDE, self.max_window // 4),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )

    def _compute(self, windows: "BatchEncoding", batch: List[int]) -> Tensor:
        """RETURNS (Tensor): The hidden states, shape (windows, pieces, width)."""
        pieces = [torch.tensor(windows["input_ids"][window]) for window in batch]
        masks = [torch.ones_like(ids) for ids in pieces]
        padding = self.tokenizer.pad_token_id or 0
        with mixed_precision_on_cpu(enabled=True):
            states = self.model(
                input_ids=pad_sequence(pieces, batch_first=True, padding_value=padding).to(
                    self.device
                ),
                attention_mask=pad_sequence(masks, batch_first=True).to(self.device),
                output_hidden_states=True,
            ).hidden_states
        return torch.stack(states[-self.n_layers :]).float().mean(dim=0)


def _load(kind: str, name: str, **settings: Any) -> Any:
    """RETURNS (Any): The tokenizer or the model of a transformer.
    RAISES (ValueError): If it, or the library, is missing."""
    require_extra("transformers", "transformers")
    factory = getattr(import_module("transformers"), kind)
    try:
        return factory.from_pretrained(find_transformer(name), **settings)
    except (OSError, ValueError) as err:
        raise ValueError(f"Can't load the transformer '{name}' ({err})") from err


def align(offsets: Ints2d, doc: Doc) -> Tuple[Ints1d, Ints1d]:
    """Find the pairs of a piece and a token that share a character.

    offsets (Ints2d): Where the pieces start and end in the text, in characters, shape (n, 2). Those
        that stand for no text are empty.
    doc (Doc): The doc.
    RETURNS (Tuple[Ints1d, Ints1d]): The numbers of the pieces and of the tokens, shape (m,).
    """
    # The stubs of spaCy know no arrays of integers.
    lengths, spaces = np.asarray(doc.to_array([LENGTH, SPACY]), dtype="int64").reshape(-1, 2).T
    ends = np.cumsum(lengths + spaces) - spaces
    firsts = np.searchsorted(ends, offsets[:, 0], side="right")
    counts = np.searchsorted(ends - lengths, offsets[:, 1], side="left") - firsts
    counts[offsets[:, 0] == offsets[:, 1]] = 0
    counts = counts.clip(min=0)
    before = np.cumsum(counts) - counts
    pieces = np.repeat(np.arange(len(offsets)), counts)
    tokens = np.arange(len(pieces)) + np.repeat(firsts - before, counts)
    return pieces, tokens


def list_words(transformer: str) -> List[str]:
    """List the words of a transformer's vocabulary.

    transformer (str): The transformer, see `Transformer`.
    RETURNS (List[str]): Those of at least three letters that are one piece each, sorted.
    """
    tokenizer = _load("AutoTokenizer", transformer, use_fast=True)
    # How tokenizers mark the beginning of a word.
    entries = {piece.lstrip("\u0120\u2581") for piece in tokenizer.get_vocab()}
    words = sorted(word for word in entries if word.isalpha() and len(word) >= 3)
    return [word for word in words if len(tokenizer.tokenize(f" {word}")) == 1]
