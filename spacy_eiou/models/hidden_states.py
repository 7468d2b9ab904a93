"""What a pretrained transformer makes of the tokens of a text."""

import os
import warnings
from hashlib import blake2b, sha256
from importlib import import_module
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Sequence, Tuple
from uuid import uuid4

import numpy as np
import torch
from spacy.attrs import LENGTH, SPACY
from spacy.tokens import Doc
from thinc.api import get_torch_default_device
from thinc.types import Floats1d, Floats2d, Ints1d, Ints2d
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
# What less variance than this is, are rounding errors.
MIN_VARIANCE = 1e-6
# The width of the windows of a model that sets no limit.
MAX_WINDOW = 512

# Before the vectors of a doc, in a file of the cache: its key and its number of tokens.
HEADER = Struct("<16sI")


class Basis(NamedTuple):
    """The principal components of vectors of width n, scaled so that a vector's squared length is
    on average the share of the variance that they keep.

    mean (Floats1d): The mean of the vectors, shape (n,).
    components (Floats2d): Their directions, the one of most variance first, shape (n, size).
    """

    mean: Floats1d
    components: Floats2d

    @classmethod
    def fit(cls, vectors: Floats2d, size: int) -> "Basis":
        """Find the components.

        vectors (Floats2d): The vectors, shape (N, n).
        size (int): The number of components.
        RETURNS (Basis): The components.
        """
        mean = vectors.mean(axis=0)
        centred = vectors - mean
        variances, directions = np.linalg.eigh(centred.T @ centred / len(vectors))
        # That of a single vector is zero.
        variance = variances.sum()
        scale = 1 / np.sqrt(variance) if variance > MIN_VARIANCE else 1.0
        return cls(mean, np.ascontiguousarray(directions[:, ::-1][:, :size] * scale))

    def project(self, vectors: Floats2d) -> Floats2d:
        """RETURNS (Floats2d): The components of vectors, shape (N, size)."""
        return (vectors - self.mean) @ self.components


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


class HiddenStates:
    """The principal components of a transformer's hidden states, for each token of docs. Each doc
    is computed once, if there is a folder to keep the results in.

    transformer (str): The transformer, see `Transformer`.
    size (int): The most components. Those of the first docs serve for all others.
    n_layers (int): How many of the last layers to average.
    cache (Optional[Path]): The folder. Other transformers and settings may share it. It may be
        removed at any time, and what a killed process has left there is used.
    """

    def __init__(
        self, transformer: str, *, size: int = 192, n_layers: int = 3, cache: Optional[Path] = None
    ) -> None:
        self.transformer = Transformer(transformer, n_layers)
        self.size = min(size, self.transformer.width)
        self.basis: Optional[Basis] = None
        self.store: Optional[VectorStore] = None
        if cache is not None:
            settings = f"{self.transformer.hash_weights()} {self.size} {n_layers}"
            folder = Path(cache) / sha256(settings.encode("utf8")).hexdigest()[:16]
            self.store = VectorStore(folder, self.size)
            self.basis = self.store.read_basis()

    def predict(self, docs: Sequence[Doc]) -> List[Floats2d]:
        """Compute the vectors of docs, or look them up.

        docs (Sequence[Doc]): The docs. All of them are held in memory.
        RETURNS (List[Floats2d]): For each doc, the vectors in half precision, shape (len(doc),
            size). Tokens without word pieces have NaN.
        """
        if self.store is None:
            return self._compute(docs)
        missing = [doc for doc in docs if doc not in self.store]
        if missing:
            self.store.add(missing, self._compute(missing))
        return [self.store[doc] for doc in docs]

    def _compute(self, docs: Sequence[Doc]) -> List[Floats2d]:
        vectors = self.transformer.predict(docs)
        if self.basis is None:
            known = vectors[~np.isnan(vectors[:, 0])]
            if not len(known):
                return [np.full((len(doc), self.size), np.nan, dtype="f2") for doc in docs]
            self.basis = Basis.fit(known, self.size)
            if self.store is not None:
                if len(known) < self.size:
                    warnings.warn(
                        f"The folder {self.store.path} keeps principal components that were found "
                        f"from {len(known):,} tokens alone. They hold too little for more texts: "
                        "use another folder then",
                        stacklevel=3,
                    )
                self.basis = self.store.keep_basis(self.basis)
        bounds = np.cumsum([len(doc) for doc in docs])[:-1]
        return np.split(self.basis.project(vectors).astype("f2"), bounds)


class VectorStore:
    """Vectors of the tokens of docs, on the disk in half precision. Processes that use the same
    folder at the same time each write a file of their own.

    path (Path): The folder.
    size (int): The width of the vectors.
    """

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size
        self.places: Dict[bytes, Tuple[Path, int]] = {}
        path.mkdir(parents=True, exist_ok=True)
        for file in sorted(path.glob("*.vectors")):
            self._index(file)
        self.file = path / f"{uuid4().hex}.vectors"

    def _index(self, path: Path) -> None:
        end = path.stat().st_size
        with path.open("rb") as file_:
            # What a killed process was writing at the end isn't whole.
            while file_.tell() + HEADER.size <= end:
                key, n_tokens = HEADER.unpack(file_.read(HEADER.size))
                start = file_.tell()
                if file_.seek(n_tokens * self.size * 2, os.SEEK_CUR) <= end:
                    self.places[key] = path, start

    def __contains__(self, doc: Doc) -> bool:
        return hash_tokens(doc) in self.places

    def __getitem__(self, doc: Doc) -> Floats2d:
        path, start = self.places[hash_tokens(doc)]
        n_values = len(doc) * self.size
        return np.fromfile(path, "<f2", n_values, offset=start).reshape(len(doc), self.size)

    def add(self, docs: Sequence[Doc], vectors: Sequence[Floats2d]) -> None:
        """Add docs.

        docs (Sequence[Doc]): The docs.
        vectors (Sequence[Floats2d]): Their vectors, shape (len(doc), size).
        """
        with self.file.open("ab") as file_:
            for doc, rows in zip(docs, vectors):
                key = hash_tokens(doc)
                file_.write(HEADER.pack(key, len(doc)))
                self.places[key] = self.file, file_.tell()
                file_.write(rows.astype("<f2").tobytes())

    def read_basis(self) -> Optional[Basis]:
        """RETURNS (Optional[Basis]): The components that the vectors are of, if there are any."""
        path = self.path / "basis.npy"
        if not path.exists():
            return None
        mean, *components = np.load(path)
        return Basis(mean, np.stack(components, axis=1))

    def keep_basis(self, basis: Basis) -> Basis:
        """Keep the components that the vectors are of, unless another process was faster.
        RETURNS (Basis): Those that are kept."""
        path, new = self.path / "basis.npy", self.path / f"{uuid4().hex}.npy"
        np.save(new, np.vstack([basis.mean, basis.components.T]))
        try:
            os.link(new, path)
        except OSError:
            # Or the file system has no links.
            if not path.exists():
                os.replace(new, path)
        new.unlink(missing_ok=True)
        return self.read_basis() or basis


def hash_tokens(doc: Doc) -> bytes:
    """RETURNS (bytes): 16 bytes that stand for the text of a doc and the bounds of its tokens."""
    digest = blake2b(doc.text.encode("utf8"), digest_size=16)
    digest.update(doc.to_array([LENGTH, SPACY]).tobytes())
    return digest.digest()
