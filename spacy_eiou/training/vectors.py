"""Static vectors of words, from what a pretrained transformer makes of them in texts."""

import os
from collections import defaultdict
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
import torch
import torch.nn.functional as F
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import load_config, load_model_from_config
from spacy.vectors import Vectors
from spacy.vocab import Vocab
from thinc.api import Config
from thinc.types import Floats1d, Floats2d, Ints1d
from torch import Tensor

from ..annotation import RejectedText
from ..annotation.paths import is_within
from ..files import accepts_strings, real_path, replacing
from ..models import HiddenStates
from ..pipeline.loading import use_device
from ..progress import ProgressBar
from .texts import check_found, read_items, split_texts

# Texts are held in memory, and sorted by their length, in parts.
CHARACTERS_PER_PART = 200_000
# Lengths of the n-grams of a word that have rows of the table, and the rows of each.
N_GRAMS = (3, 5)
ROWS_PER_N_GRAM = 1
# More steps fit the words of the texts better, and other words no better.
N_STEPS = 20
BYTES_PER_VALUE = 4
# What spaCy writes of a pipeline without components.
FILES = {"config.cfg", "meta.json", "tokenizer", "vocab"}


class WordVectors(NamedTuple):
    """What `make_vectors` has made.

    n_texts (int): The number of texts.
    n_tokens (int): The number of their tokens.
    n_words (int): The number of distinct words among them.
    shape (Tuple[int, int]): The rows and the columns of the table.
    explained (float): The share of the vectors' variance that the table keeps, for the words of the
        texts.
    rejected (List[str]): What was expected in the place of each item that is no text, and where.
    """

    n_texts: int
    n_tokens: int
    n_words: int
    shape: Tuple[int, int]
    explained: float
    rejected: List[str]


@accepts_strings
def make_vectors(
    transformer: str,
    texts_path: Path,
    output_path: Path,
    *,
    config_path: Path,
    size: int = 192,
    n_layers: int = 3,
    max_megabytes: float = 20.0,
    cache: Optional[Path] = None,
    use_gpu: int = -1,
    silent: bool = True,
) -> WordVectors:
    """Make static vectors for the setting `vectors` of the block [initialize].

    The vector of a word is the mean of the transformer's hidden states over all its occurrences. It
    is stored as a sum of vectors of character n-grams (floret, Boyd and Warmerdam 2022), so that
    words that are in no text have one as well, and the table is as large as is wanted. Texts are
    read one after the other; memory grows with the number of distinct words only.

    transformer (str): An installed package that ships one in its folder `model`, a folder, or a
        name on a hub.
    texts_path (Path): The texts, see `read_texts`.
    output_path (Path): The folder to write, a pipeline without components. It may replace an
        earlier one.
    config_path (Path): The training config that the vectors are for: its tokenizer makes the words.
    size (int): The most columns of the table.
    n_layers (int): How many of the transformer's last layers to average.
    max_megabytes (float): The most memory of the table, in 1,000,000 bytes.
    cache (Optional[Path]): A folder to keep the hidden states in. The objective
        "spacy_eiou.PretrainTransformer.v1" can have the same one.
    use_gpu (int): GPU ID or -1 for CPU.
    silent (bool): Whether to show no progress.
    RETURNS (WordVectors): The numbers of texts and words, and how well the table fits.
    RAISES (CorpusError): If the texts are not as expected.
    RAISES (ValueError): If the output would replace anything else, the transformer is missing, the
        config is not as expected, or the table has no room for a vector.
    """
    output_path = real_path(output_path)
    inputs: List[Union[str, Path]] = [texts_path, config_path, *filter(None, [cache])]
    # The transformer may be a name as well.
    inputs += filter(os.path.exists, [transformer])
    _check_output(output_path, inputs)
    use_device(use_gpu)
    nlp = load_tokenizer(config_path)
    states = HiddenStates(transformer, size=size, n_layers=n_layers, cache=cache)
    n_rows = int(max_megabytes * 1_000_000 / (states.size * BYTES_PER_VALUE))
    if n_rows < 1:
        raise ValueError(
            f"A vector takes {states.size * BYTES_PER_VALUE} bytes, but the table may have "
            f"{max_megabytes} megabytes"
        )
    rejected: List[str] = []
    means = WordMeans(states.size)
    n_texts = 0
    with ProgressBar(unit="texts", disable=silent or None) as progress:
        for docs in _read_parts(nlp, texts_path, rejected):
            means.add(docs, states.predict(docs))
            n_texts += len(docs)
            progress.update(len(docs))
    words, vectors, counts = means.get()
    # Texts that the transformer makes no pieces of count as none.
    check_found(texts_path, len(words), rejected)
    nlp.vocab.vectors = make_table(nlp.vocab, min(n_rows, count_n_grams(words)), states.size)
    data, explained = fit_table(nlp.vocab.vectors, words, vectors, counts)
    nlp.vocab.vectors.data = data
    with replacing(output_path) as path:
        nlp.to_disk(path)
    return WordVectors(n_texts, int(counts.sum()), len(words), data.shape, explained, rejected)


def _check_output(path: Path, inputs: Sequence[Union[str, Path]]) -> None:
    for read in inputs:
        if is_within(real_path(read), path):
            raise ValueError(f"Expected another output directory: {read} would be lost with {path}")
    if path.exists() and not path.is_dir():
        raise ValueError(f"Expected an output directory: {path} is a file")
    names = {item.name for item in path.iterdir()} if path.exists() else set()
    if names and not {"meta.json", "vocab"} <= names <= FILES:
        raise ValueError(
            f"Expected a new output directory, or one that holds vectors: {path} has "
            f"{min(names - FILES, default='other files')}"
        )


def load_tokenizer(config_path: Path) -> Language:
    """RETURNS (Language): The pipeline of a config, without its components, and with the tokenizer
    that its initialization makes."""
    config = load_config(config_path, interpolate=True)
    settings = {"nlp": {**config["nlp"], "pipeline": []}, "initialize": select_callbacks(config)}
    nlp = load_model_from_config(Config(settings), auto_fill=True)
    if settings["initialize"]:
        nlp.initialize()
    return nlp


def select_callbacks(config: Config) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): What the block [initialize] of a config does to the tokenizer."""
    initialize = config.get("initialize", {})
    names = ("before_init", "tokenizer")
    return {name: initialize[name] for name in names if initialize.get(name)}


def _read_parts(nlp: Language, path: Path, rejected: List[str]) -> Iterator[List[Doc]]:
    def read() -> Iterator[str]:
        for item in read_items(path, nlp.max_length):
            if isinstance(item, RejectedText):
                rejected.append(item.reason)
            else:
                yield item.text

    for texts in split_texts(read(), CHARACTERS_PER_PART):
        yield [nlp.make_doc(text) for text in texts]


class WordMeans:
    """The means of the vectors of words over their occurrences.

    size (int): The width of the vectors.
    """

    def __init__(self, size: int) -> None:
        self.rows: Dict[str, int] = defaultdict(lambda: len(self.rows))
        self.sums = np.zeros((0, size), dtype="f")
        self.counts = np.zeros(0, dtype="int64")

    def add(self, docs: Sequence[Doc], vectors: Sequence[Floats2d]) -> None:
        """Add the tokens of docs.

        docs (Sequence[Doc]): The docs.
        vectors (Sequence[Floats2d]): Their vectors, shape (len(doc), size). Tokens with NaN don't
            count.
        """
        values = np.concatenate([np.asarray(rows, dtype="f") for rows in vectors])
        known = ~np.isnan(values[:, 0])
        tokens = (token.text for doc in docs for token in doc)
        found = [self.rows[text] for text, is_known in zip(tokens, known) if is_known]
        rows = np.asarray(found, dtype="int64")
        if len(self.rows) > len(self.sums):
            # Twice as many, so that they are not copied for each part.
            n_new = 2 * len(self.rows) - len(self.sums)
            self.sums = np.pad(self.sums, ((0, n_new), (0, 0)))
            self.counts = np.pad(self.counts, (0, n_new))
        np.add.at(self.sums, rows, values[known])
        np.add.at(self.counts, rows, 1)

    def get(self) -> Tuple[List[str], Floats2d, Ints1d]:
        """RETURNS (Tuple[List[str], Floats2d, Ints1d]): The words, their vectors, shape (n, size),
        and how often each one occurs, shape (n,)."""
        counts = self.counts[: len(self.rows)]
        return list(self.rows), self.sums[: len(counts)] / counts[:, np.newaxis], counts


def count_n_grams(words: Sequence[str]) -> int:
    """RETURNS (int): The number of n-grams in words, counted as often as they occur: no table needs
    more rows."""
    table = make_table(Vocab(), 1, 1)
    return sum(len(table._get_ngrams(word)) for word in words)


def make_table(vocab: Vocab, n_rows: int, size: int) -> Vectors:
    """Make an empty table of the vectors of n-grams.

    vocab (Vocab): The vocabulary.
    n_rows (int): The number of rows.
    size (int): The width of the vectors.
    RETURNS (Vectors): The table.
    """
    return Vectors(
        strings=vocab.strings,
        data=np.zeros((n_rows, size), dtype="f"),
        mode="floret",
        minn=N_GRAMS[0],
        maxn=N_GRAMS[1],
        hash_count=ROWS_PER_N_GRAM,
    )


def fit_table(
    table: Vectors, words: Sequence[str], vectors: Floats2d, counts: Ints1d
) -> Tuple[Floats2d, float]:
    """Find the vectors of n-grams whose means come closest to the vectors of words, by conjugate
    gradients for least squares (Hestenes and Stiefel 1952). A word counts with the square root of
    its occurrences.

    table (Vectors): The empty table.
    words (Sequence[str]): The words.
    vectors (Floats2d): Their vectors, shape (n, size).
    counts (Ints1d): How often each word occurs, shape (n,).
    RETURNS (Tuple[Floats2d, float]): The data of the table, and the share of the squared length of
        the vectors that it keeps.
    """
    grams = NGrams(table, words, np.sqrt(np.sqrt(counts)))
    residual = torch.from_numpy(vectors) * grams.weights
    total = float((residual**2).sum())
    data = torch.zeros(table.shape)
    direction = gradient = grams.spread(residual)
    length = (gradient**2).sum(dim=0)
    for _ in range(N_STEPS):
        change = grams.average(direction)
        step = length / (change**2).sum(dim=0).clamp(min=1e-12)
        data += step * direction
        residual = residual - step * change
        gradient = grams.spread(residual)
        length, before = (gradient**2).sum(dim=0), length
        direction = gradient + length / before.clamp(min=1e-12) * direction
    return data.numpy(), 1 - float((residual**2).sum()) / max(total, 1e-12)


class NGrams:
    """The n-grams of words, as the linear map from the vectors of n-grams to those of words, and
    its transpose.

    table (Vectors): A table in the mode "floret".
    words (Sequence[str]): The words.
    weights (Floats1d): What to multiply the vector of each word by, shape (n,).
    """

    def __init__(self, table: Vectors, words: Sequence[str], weights: Floats1d) -> None:
        # spaCy's own functions, so that it finds these rows when it looks up a word.
        rows = [
            [
                hash_value % table.shape[0]
                for n_gram in table._get_ngrams(word)
                for hash_value in table._get_ngram_hashes(n_gram)
            ]
            for word in words
        ]
        lengths = torch.tensor([len(word_rows) for word_rows in rows])
        self.weights = torch.from_numpy(weights.astype("f"))[:, None]
        self.shares = self.weights / lengths[:, None]
        self.rows = torch.tensor([row for word_rows in rows for row in word_rows])
        self.starts = lengths.cumsum(0) - lengths
        order = self.rows.argsort()
        self.words = torch.repeat_interleave(torch.arange(len(words)), lengths)[order]
        row_lengths = torch.bincount(self.rows, minlength=table.shape[0])
        self.row_starts = row_lengths.cumsum(0) - row_lengths

    def average(self, data: Tensor) -> Tensor:
        """RETURNS (Tensor): The weighted means of the n-grams of each word, shape (n, size)."""
        return F.embedding_bag(self.rows, data, self.starts, mode="sum") * self.shares

    def spread(self, vectors: Tensor) -> Tensor:
        """RETURNS (Tensor): The transpose of `average`, shape (rows, size)."""
        return F.embedding_bag(self.words, vectors * self.shares, self.row_starts, mode="sum")
