"""From scores of candidates to the spans that are kept."""

from typing import Callable, Dict, Optional, Tuple

import numpy as np
from thinc.types import Floats1d, Floats2d, Ints1d, Ints2d

from ..spans.pairs import Bools, crosses, overlapping_pairs, overlaps


def select_labels(
    scores: Floats2d, thresholds: Floats1d, max_positive: Optional[int]
) -> Tuple[Ints1d, Ints1d]:
    """Choose the labels of each candidate that reach their threshold.

    scores (Floats2d): The probability of each label, shape (n, K).
    thresholds (Floats1d): The least probability of each label that counts as positive, shape (K,).
    max_positive (Optional[int]): The most labels that one candidate may get: the likeliest ones,
        whatever their thresholds.
    RETURNS (Tuple[Ints1d, Ints1d]): The rows and the columns of what is kept, sorted by row.
    """
    positive = scores >= thresholds
    rows = np.flatnonzero(positive.any(axis=1))
    if max_positive is not None:
        ranks = np.argsort(np.argsort(-scores[rows], axis=1, kind="stable"), axis=1)
        positive[rows] &= ranks < max_positive
    kept_rows, columns = np.nonzero(positive[rows])
    return rows[kept_rows], columns


# What may not stand beside each other in one doc, by the setting `overlap`.
CONFLICTS: Dict[str, Optional[Callable[[Ints2d, Ints2d], Bools]]] = {
    "any": None,
    "nested": crosses,
    "flat": overlaps,
}


def resolve_overlap(spans: Ints2d, scores: Floats1d, overlap: str) -> Bools:
    """Of spans in conflict, keep the ones with the highest score, greedily.

    spans (Ints2d): Spans `[start, end)`, shape (n, 2).
    scores (Floats1d): Their scores, shape (n,).
    overlap (str): "any" keeps all, "nested" resolves spans that cross, "flat" all that overlap.
    RETURNS (Bools): Which spans are kept, shape (n,).
    """
    keep = np.ones(len(spans), dtype=bool)
    conflict = CONFLICTS[overlap]
    if conflict is None:
        return keep
    rows, others = overlapping_pairs(spans, spans)
    in_conflict = conflict(spans[rows], spans[others]) & (rows != others)
    rows, others = rows[in_conflict], others[in_conflict]
    bounds = np.searchsorted(others, np.arange(len(spans) + 1))
    contested = np.unique(others)
    for best in contested[np.argsort(-scores[contested], kind="stable")]:
        if keep[best]:
            keep[rows[bounds[best] : bounds[best + 1]]] = False
    return keep
