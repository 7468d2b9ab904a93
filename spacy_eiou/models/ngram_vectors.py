from typing import Any, Dict, NamedTuple, Optional

import numpy as np
from spacy.vectors import Vectors
from thinc.api import to_numpy
from thinc.types import Floats2d, Ints1d
from thinc.util import get_array_module

# So many words are remembered, in 15 MB with vectors of width 192.
MAX_WORDS = 20_000


class KnownWords(NamedTuple):
    """Words, and the vectors that a table of n-grams gives them.

    table (Floats2d): The table.
    words (Ints1d): The words, as hashes in ascending order, shape (n,).
    vectors (Floats2d): Their vectors, shape (n, width).
    """

    table: Floats2d
    words: Ints1d
    vectors: Floats2d


class NGramVectors:
    """Looks up vectors that are means of those of a word's n-grams (floret). spaCy makes them anew
    for each batch, which takes a fifth of the time of a small encoder."""

    def __init__(self) -> None:
        # Threads that share it replace it, but don't change it.
        self.known: Optional[KnownWords] = None

    def __getstate__(self) -> Dict[str, Any]:
        return {"known": None}

    def get(self, vectors: Vectors, words: Ints1d) -> Floats2d:
        """Look up the vectors of words.

        vectors (Vectors): The table of n-grams.
        words (Ints1d): The words, as hashes, shape (n,).
        RETURNS (Floats2d): Their vectors, shape (n, width).
        """
        known = self.known
        if known is None or known.table is not vectors.data:
            known = _look_up(vectors, np.unique(words))
        else:
            missing = np.setdiff1d(words, known.words)
            if len(known.words) + len(missing) > MAX_WORDS:
                known = _look_up(vectors, np.unique(words))
            elif len(missing):
                known = _merge(known, _look_up(vectors, missing))
        self.known = known
        return known.vectors[np.searchsorted(known.words, words)]


def _look_up(vectors: Vectors, words: Ints1d) -> KnownWords:
    found = vectors.get_batch(to_numpy(words).tolist())
    # Of no words, spaCy makes zeros in double precision.
    return KnownWords(vectors.data, words, found.astype("f", copy=False))


def _merge(known: KnownWords, others: KnownWords) -> KnownWords:
    words = np.concatenate([known.words, others.words])
    order = np.argsort(words)
    xp = get_array_module(known.vectors)
    return KnownWords(
        known.table, words[order], xp.concatenate([known.vectors, others.vectors])[order]
    )
