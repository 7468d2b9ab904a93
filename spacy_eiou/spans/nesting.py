"""How spans of one text lie to each other.

The words, here and everywhere in this package, each of one span among the others:

- *inner*: it lies strictly inside another one, which holds all of its tokens and more
- *outer*: it strictly contains another one
- *nested*: it is inner, outer or both
- *crossing*: it overlaps another one, and neither contains the other
- *overlapping*: it shares a token with another one, which may have the same boundaries
- *flat*: it overlaps no span with other boundaries

Spans on the same boundaries, with two labels, neither contain nor cross each other.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .geometry import intersection_over_union, widths
from .pairs import Bools, Ints, contains, crosses, overlapping_pairs, overlapping_pairs_within


@dataclass
class Nesting:
    """How each of n spans lies to the others, in the words of this module.

    inner (Bools): Shape (n,).
    outer (Bools): Shape (n,).
    crossing (Bools): Shape (n,).
    overlapping (Bools): Shape (n,).
    parents (Ints): Shape (n,). Index of the smallest span that strictly contains the span, and of
        equally small ones the first, or -1 for a span that lies in no other.
    crossing_pairs (int): Number of pairs of spans that cross.
    """

    inner: Bools
    outer: Bools
    crossing: Bools
    overlapping: Bools
    parents: Ints
    crossing_pairs: int

    @property
    def nested(self) -> Bools:
        """Shape (n,). The span is inner or outer."""
        return self.inner | self.outer

    @property
    def depth(self) -> Ints:
        """Shape (n,). Number of spans on the way up: 1 for a span that lies in no other, and for
        others one more than the depth of their parent."""
        depth = np.zeros(len(self.parents), dtype=np.int64)
        ancestors = np.arange(len(self.parents))
        while (inside := ancestors >= 0).any():
            depth[inside] += 1
            ancestors[inside] = self.parents[ancestors[inside]]
        return depth

    @property
    def flat(self) -> Bools:
        """Shape (n,). The span overlaps no span with other boundaries."""
        return ~(self.nested | self.crossing)


def find_nesting(spans: Ints) -> Nesting:
    """Find how spans contain and cross each other.

    spans (Ints): Spans `[start, end)`, shape (n, 2).
    RETURNS (Nesting): The relations of each span, in their order.
    """
    first, second = overlapping_pairs_within(spans)
    crossing = crosses(spans[first], spans[second])
    containing = contains(spans[first], spans[second])
    outer, inner = first[containing], second[containing]
    n_spans = len(spans)
    return Nesting(
        inner=_mask(n_spans, inner),
        outer=_mask(n_spans, outer),
        crossing=_mask(n_spans, first[crossing], second[crossing]),
        overlapping=_mask(n_spans, first, second),
        parents=_choose_smallest(spans, outer, inner),
        crossing_pairs=int(crossing.sum()),
    )


def find_parents(spans: Ints) -> Ints:
    """Find the smallest span that strictly contains each span, and of equally small ones the first.

    spans (Ints): Spans `[start, end)`, shape (n, 2).
    RETURNS (Ints): Shape (n,). Index of that span, or -1 for a span that lies in no other.
    """
    return find_nesting(spans).parents


def best_iou(spans: Ints, others: Ints) -> NDArray[np.float64]:
    """Find the greatest intersection over union of each span with any of the other spans.

    spans (Ints): Spans `[start, end)`, shape (n, 2).
    others (Ints): Spans to compare with, shape (m, 2).
    RETURNS (NDArray[np.float64]): Shape (n,). Between 0 (no overlap) and 1 (same boundaries).
    """
    rows, other_rows = overlapping_pairs(spans, others)
    best = np.zeros(len(spans))
    np.maximum.at(best, rows, intersection_over_union(spans[rows], others[other_rows]))
    return best


def _choose_smallest(spans: Ints, outer: Ints, inner: Ints) -> Ints:
    order = np.lexsort((outer, widths(spans[outer]), inner))
    children, best = np.unique(inner[order], return_index=True)
    parents = np.full(len(spans), -1, dtype=np.int64)
    parents[children] = outer[order][best]
    return parents


def _mask(n_spans: int, *indices: Ints) -> Bools:
    mask = np.zeros(n_spans, dtype=bool)
    mask[np.concatenate(indices)] = True
    return mask
