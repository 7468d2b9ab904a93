"""How wide candidates have to be, and what that costs."""

from dataclasses import dataclass
from math import log
from typing import Iterable, Optional

import numpy as np
from spacy.tokens import Doc

from .pairs import Ints
from .sentences import sentence_bounds

# The most gold spans that the default width leaves out: this share, or a single one of at least so
# many, and only where that at least halves the candidates, of which narrow ones are few anyway.
OUTLIER_SHARE = 0.001
MIN_SPANS = 20
MIN_COST = 2.0
NARROW = 20
# How likely it may be that as many wide spans as a width leaves out are chance, where outliers have
# their share. Training goes through spans in any order, and a width that has grown stays.
MAX_CHANCE = 0.001


@dataclass
class WidthChoice:
    """How wide candidates are by default.

    width (int): The width, in tokens.
    longest (int): The width of the longest gold span.
    covering_width (int): The width without outliers, whether or not they are left out.
    n_outliers (int): Number of gold spans that are wider than that.
    n_spans (int): Number of gold spans.
    candidates (int): Number of candidates up to the covering width.
    candidates_longest (int): Number of candidates up to the width of the longest gold span.
    """

    width: int
    longest: int
    covering_width: int
    n_outliers: int
    n_spans: int
    candidates: int
    candidates_longest: int

    @property
    def cost(self) -> float:
        """How many times as many candidates the outliers ask for."""
        return self.candidates_longest / max(self.candidates, 1)

    def describe(self) -> str:
        """RETURNS (str): What the outliers cost, in a sentence; empty if there are none."""
        if not self.n_outliers:
            return ""
        share = self.n_outliers / self.n_spans
        return (
            f"{self.n_outliers:,} of {self.n_spans:,} spans ({share:.2%}) are wider than "
            f"{self.covering_width} tokens, up to {self.longest}. To cover them takes "
            f"{self.candidates_longest:,} candidates instead of {self.candidates:,}, "
            f"{self.cost:.1f} times as many"
        )


def choose_width(
    widths: Ints, lengths: Ints, *, earlier_width: Optional[int] = None
) -> WidthChoice:
    """Choose how wide candidates are: as the longest gold span, unless a few outliers would make
    the candidates at least twice as many.

    widths (Ints): The numbers of tokens of the gold spans, at least one, shape (n,).
    lengths (Ints): The numbers of tokens of what candidates don't cross: docs or sentences, shape
        (m,).
    earlier_width (Optional[int]): The width so far, if these are the first gold spans of more.
        Those that are wider are outliers then as long as they can be so by chance.
    RETURNS (WidthChoice): The width, and what it leaves out.
    """
    ordered = np.sort(widths)
    if earlier_width is None:
        n_outliers = max(int(OUTLIER_SHARE * len(ordered)), int(len(ordered) >= MIN_SPANS))
    else:
        n_outliers = most_by_chance(OUTLIER_SHARE * len(ordered))
    longest = int(ordered[-1])
    covering = int(ordered[-1 - n_outliers]) if n_outliers < len(ordered) else 0
    covering = max(covering, earlier_width or 0)
    choice = WidthChoice(
        width=longest,
        longest=longest,
        covering_width=covering,
        n_outliers=int((ordered > covering).sum()),
        n_spans=len(ordered),
        candidates=count_candidates(lengths, covering),
        candidates_longest=count_candidates(lengths, longest),
    )
    if longest > NARROW and choice.cost >= MIN_COST:
        choice.width = covering
    return choice


def most_by_chance(expected: float) -> int:
    """Find how many rare events can be chance, with Chernoff's bound on the tail of the Poisson
    distribution: the probability of k or more is at most exp(k - expected) (expected / k)^k.

    expected (float): How many there are on average, above 0.
    RETURNS (int): The greatest number for which this bound is at least `MAX_CHANCE`.
    """
    most = int(expected)
    while most + 1 - expected - (most + 1) * log((most + 1) / expected) >= log(MAX_CHANCE):
        most += 1
    return most


def count_candidates(lengths: Ints, width: int) -> int:
    """Count the spans of up to a width: n tokens have n - w + 1 of each width w.

    lengths (Ints): The numbers of tokens of what candidates don't cross, shape (m,).
    width (int): The greatest width, in tokens.
    RETURNS (int): The number of spans.
    """
    widths = np.minimum(lengths, width).astype("int64")
    return int((widths * (2 * lengths - widths + 1) // 2).sum())


def part_lengths(docs: Iterable[Doc]) -> Ints:
    """Find the lengths of what candidates don't cross: the sentences of docs that have sentence
    boundaries, and the other docs.

    docs (Iterable[Doc]): The docs.
    RETURNS (Ints): The numbers of tokens, shape (m,).
    """
    no_docs = np.zeros(0, dtype="int64")
    return np.concatenate([no_docs, *(np.diff(sentence_bounds(doc)) for doc in docs)])
