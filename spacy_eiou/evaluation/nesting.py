from dataclasses import dataclass
from typing import Tuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass
class Nesting:
    """How each of n spans lies to the others.

    Spans on the same boundaries neither contain nor cross each other.

    inner (Bools): Shape (n,). The span lies strictly inside another one.
    outer (Bools): Shape (n,). The span strictly contains another one.
    crossing (Bools): Shape (n,). The span overlaps another one without containment.
    overlapping (Bools): Shape (n,). The span shares a position with another one, be it the same
        boundaries.
    depth (Ints): Shape (n,). Length of the longest chain of containing spans that ends in the
        span: 1 for a span that lies in no other.
    crossing_pairs (int): Number of pairs of spans that cross.
    """

    inner: Bools
    outer: Bools
    crossing: Bools
    overlapping: Bools
    depth: Ints
    crossing_pairs: int

    @property
    def nested(self) -> Bools:
        """Shape (n,). The span contains another one or lies inside one."""
        return self.inner | self.outer

    @property
    def flat(self) -> Bools:
        """Shape (n,). The span overlaps no span with other boundaries."""
        return ~(self.nested | self.crossing)


def overlapping_pairs(starts: Ints, ends: Ints) -> Tuple[Ints, Ints]:
    """Find all pairs of spans that share a position. Time and memory grow with the number of
    spans and of overlaps, so that a whole corpus can be laid end to end and passed at once.

    starts (Ints): Shape (n,). First position of each span.
    ends (Ints): Shape (n,). Position after the last one of each span.
    RETURNS (Tuple[Ints, Ints]): Two index arrays of equal length. The span of the first array
        starts earlier, or at the same position and is at least as long.
    """
    order = np.lexsort((-ends, starts))
    order = order[starts[order] < ends[order]]  # an empty span overlaps nothing
    ranks = np.arange(len(order))
    n_followers = np.searchsorted(starts[order], ends[order]) - ranks - 1
    first = np.repeat(ranks, n_followers)
    group_starts = np.repeat(np.cumsum(n_followers) - n_followers, n_followers)
    second = first + 1 + np.arange(len(first)) - group_starts
    return order[first], order[second]


def find_nesting(starts: Ints, ends: Ints) -> Nesting:
    """Find how spans contain and cross each other.

    starts (Ints): Shape (n,). First position of each span.
    ends (Ints): Shape (n,). Position after the last one of each span.
    RETURNS (Nesting): The relations of each span, in the order of the arguments.
    """
    first, second = overlapping_pairs(starts, ends)
    crosses = ends[first] < ends[second]
    equal = (starts[first] == starts[second]) & (ends[first] == ends[second])
    contains = ~(crosses | equal)
    n_spans = len(starts)
    return Nesting(
        inner=_mask(n_spans, second[contains]),
        outer=_mask(n_spans, first[contains]),
        crossing=_mask(n_spans, first[crosses], second[crosses]),
        overlapping=_mask(n_spans, first, second),
        depth=_depth(n_spans, outer=first[contains], inner=second[contains]),
        crossing_pairs=int(crosses.sum()),
    )


def find_parents(starts: Ints, ends: Ints) -> Ints:
    """Find the smallest span that strictly contains each span, and of equally small ones the first.

    starts (Ints): Shape (n,). First position of each span.
    ends (Ints): Shape (n,). Position after the last one of each span.
    RETURNS (Ints): Shape (n,). Index of that span, or -1 for a span that lies in no other.
    """
    outer, inner = overlapping_pairs(starts, ends)
    widths = ends - starts
    contains = (ends[outer] >= ends[inner]) & (widths[outer] > widths[inner])
    outer, inner = outer[contains], inner[contains]
    order = np.lexsort((outer, widths[outer], inner))
    children, best = np.unique(inner[order], return_index=True)
    parents = np.full(len(starts), -1, dtype=np.int64)
    parents[children] = outer[order][best]
    return parents


def best_iou(starts: Ints, ends: Ints, other_starts: Ints, other_ends: Ints) -> NDArray[np.float64]:
    """Find the greatest intersection over union of each span with any of the other spans.

    starts (Ints): Shape (n,). First position of each span.
    ends (Ints): Shape (n,). Position after the last one of each span.
    other_starts (Ints): Shape (m,). First position of each span to compare with.
    other_ends (Ints): Shape (m,). Position after the last one of each span to compare with.
    RETURNS (NDArray[np.float64]): Shape (n,). Between 0 (no overlap) and 1 (same boundaries).
    """
    n_spans = len(starts)
    all_starts = np.concatenate([starts, other_starts])
    all_ends = np.concatenate([ends, other_ends])
    first, second = overlapping_pairs(all_starts, all_ends)
    mixed = (first < n_spans) != (second < n_spans)
    first, second = first[mixed], second[mixed]
    intersection = np.minimum(all_ends[first], all_ends[second]) - all_starts[second]
    union = np.maximum(all_ends[first], all_ends[second]) - all_starts[first]
    best = np.zeros(n_spans)
    np.maximum.at(best, np.minimum(first, second), intersection / union)
    return best


def _mask(n_spans: int, *indices: Ints) -> Bools:
    mask = np.zeros(n_spans, dtype=bool)
    mask[np.concatenate(indices)] = True
    return mask


def _depth(n_spans: int, *, outer: Ints, inner: Ints) -> Ints:
    depth = np.ones(n_spans, dtype=np.int64)
    while True:
        deeper = depth.copy()
        np.maximum.at(deeper, inner, depth[outer] + 1)
        if np.array_equal(deeper, depth):
            return depth
        depth = deeper
