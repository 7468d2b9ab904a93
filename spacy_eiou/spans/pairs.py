"""Which pairs of spans lie how to each other. A span is a row `[start, end)` of an integer array.

The words, here and everywhere in this package: two spans *overlap* if they share a token. Of two
spans with other boundaries that overlap, one *contains* the other, or they *cross*.
"""

from typing import Any, Tuple

import numpy as np
from numpy.typing import NDArray
from thinc.types import Ints1d, Ints2d
from thinc.util import get_array_module

from .geometry import widths

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def overlaps(a: Ints2d, b: Ints2d) -> Any:
    """Which spans share a token, pair by pair.

    a (Ints2d): Spans `[start, end)`, shape (n, 2).
    b (Ints2d): Spans to compare with, shape (n, 2).
    RETURNS (Bools): Shape (n,).
    """
    xp = get_array_module(a)
    return xp.minimum(a[:, 1], b[:, 1]) > xp.maximum(a[:, 0], b[:, 0])


def contains(a: Ints2d, b: Ints2d) -> Any:
    """Which spans strictly contain another one, pair by pair: hold all of its tokens, and more.

    a (Ints2d): Spans `[start, end)`, shape (n, 2).
    b (Ints2d): The spans that may lie in them, shape (n, 2).
    RETURNS (Bools): Shape (n,).
    """
    return (a[:, 0] <= b[:, 0]) & (b[:, 1] <= a[:, 1]) & (widths(a) > widths(b))


def crosses(a: Ints2d, b: Ints2d) -> Any:
    """Which spans overlap without one containing the other, pair by pair.

    a (Ints2d): Spans `[start, end)`, shape (n, 2).
    b (Ints2d): Spans to compare with, shape (n, 2).
    RETURNS (Bools): Shape (n,).
    """
    a_first = (a[:, 0] < b[:, 0]) & (b[:, 0] < a[:, 1]) & (a[:, 1] < b[:, 1])
    b_first = (b[:, 0] < a[:, 0]) & (a[:, 0] < b[:, 1]) & (b[:, 1] < a[:, 1])
    return a_first | b_first


def equal_pairs(a: Ints2d, b: Ints2d) -> Tuple[Ints1d, Ints1d]:
    """All pairs of equal spans between two sets, without comparing each with each.

    a (Ints2d): Spans `[start, end)`, shape (n, 2).
    b (Ints2d): Spans `[start, end)`, shape (m, 2).
    RETURNS (Tuple[Ints1d, Ints1d]): Rows of `a` and the rows of `b` they equal, sorted by the
        latter.
    """
    xp = get_array_module(a)
    base = max(_maximum(a), _maximum(b)) + 1
    keys_a = a[:, 0].astype("int64") * base + a[:, 1]
    keys_b = b[:, 0].astype("int64") * base + b[:, 1]
    order = xp.argsort(keys_a)
    keys_a = keys_a[order]
    found, rows_b = _ranges(
        xp.searchsorted(keys_a, keys_b), xp.searchsorted(keys_a, keys_b, side="right")
    )
    return order[found], rows_b


def overlapping_pairs(a: Ints2d, b: Ints2d) -> Tuple[Ints1d, Ints1d]:
    """All pairs of spans between two sets that share at least one token. Time and memory grow with
    the number of spans and of overlaps, not with n * m, however wide some spans are.

    a (Ints2d): Spans `[start, end)`, shape (n, 2).
    b (Ints2d): Spans `[start, end)`, shape (m, 2).
    RETURNS (Tuple[Ints1d, Ints1d]): Rows of `a` and the rows of `b` they overlap, sorted by the
        latter, then by start.
    """
    xp = get_array_module(a)
    order_a, order_b = (xp.argsort(spans[:, 0], kind="stable") for spans in (a, b))
    starts_a, ends_a = a[order_a].T
    # Of two spans that overlap, one starts within the other: first those of `a` that start earlier.
    found_b, earlier_a = _ranges(
        xp.searchsorted(b[order_b, 0], starts_a, side="right"),
        xp.searchsorted(b[order_b, 0], ends_a),
    )
    later_a, rows_b = _ranges(
        xp.searchsorted(starts_a, b[:, 0]), xp.searchsorted(starts_a, b[:, 1])
    )
    rows_a = order_a[xp.concatenate([earlier_a, later_a])]
    rows_b = xp.concatenate([order_b[found_b], rows_b])
    # An empty span overlaps nothing.
    overlapping = (widths(a) > 0)[rows_a] & (widths(b) > 0)[rows_b]
    rows_a, rows_b = rows_a[overlapping], rows_b[overlapping]
    order = xp.argsort(rows_b, kind="stable")
    return rows_a[order], rows_b[order]


def overlapping_pairs_within(spans: Ints) -> Tuple[Ints, Ints]:
    """All pairs of spans of one set that share at least one token, each pair once. Time and memory
    grow with the number of spans and of overlaps, so that a whole corpus can be laid end to end and
    passed at once.

    spans (Ints): Spans `[start, end)`, shape (n, 2).
    RETURNS (Tuple[Ints, Ints]): Rows of the two spans of each pair. The first one starts earlier,
        or at the same token and is at least as long.
    """
    starts, ends = spans.T
    order = np.lexsort((-ends, starts))
    order = order[starts[order] < ends[order]]  # an empty span overlaps nothing
    ranks = np.arange(len(order))
    n_followers = np.searchsorted(starts[order], ends[order]) - ranks - 1
    first = np.repeat(ranks, n_followers)
    group_starts = np.repeat(np.cumsum(n_followers) - n_followers, n_followers)
    second = first + 1 + np.arange(len(first)) - group_starts
    return order[first], order[second]


def lay_end_to_end(documents: Ints, spans: Ints) -> Ints:
    """Move spans so that no two of different documents overlap.

    documents (Ints): The index of the document of each span, shape (n,).
    spans (Ints): Spans `[start, end)` in their documents, shape (n, 2).
    RETURNS (Ints): The spans moved, shape (n, 2).
    """
    offsets = documents * (spans.max(initial=0) + 1)
    moved: Ints = spans + offsets[:, None]
    return moved


def _ranges(starts: Ints1d, ends: Ints1d) -> Tuple[Ints1d, Ints1d]:
    """Lay the ranges `[start, end)` end to end: their members, and which range each comes from."""
    xp = get_array_module(starts)
    lengths = xp.maximum(ends - starts, 0)
    bounds = xp.cumsum(lengths)
    # CuPy's repeat takes no array of lengths.
    owners = xp.searchsorted(bounds, xp.arange(_maximum(bounds)), side="right")
    members = xp.arange(len(owners)) + (starts - bounds + lengths)[owners]
    return members, owners


def _maximum(values: Ints1d) -> int:
    return int(values.max()) if len(values) else 0
