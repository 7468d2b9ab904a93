"""Geometry of token spans. A span is a row `[start, end)` of an integer array."""

from typing import Callable, Dict

from thinc.types import Floats1d, Ints1d, Ints2d
from thinc.util import get_array_module

SpanDistance = Callable[[Ints2d, Ints2d], Floats1d]


def intersection_over_union(a: Ints2d, b: Ints2d) -> Floats1d:
    """Share of the tokens of two spans that both hold, pair by pair.

    a (Ints2d): Spans `[start, end)` in tokens, shape (n, 2).
    b (Ints2d): Spans to compare with, shape (n, 2).
    RETURNS (Floats1d): Values from 0 (disjoint) to 1 (equal), shape (n,).
    """
    xp = get_array_module(a)
    intersection = xp.minimum(a[:, 1], b[:, 1]) - xp.maximum(a[:, 0], b[:, 0])
    intersection = xp.maximum(intersection, 0)
    union = widths(a) + widths(b) - intersection
    return (intersection / union).astype("f")


def iou_distance(a: Ints2d, b: Ints2d) -> Floats1d:
    """One minus the intersection over union, pair by pair: 0 exactly for equal spans.

    a (Ints2d): Spans `[start, end)` in tokens, shape (n, 2).
    b (Ints2d): Spans to compare with, shape (n, 2).
    RETURNS (Floats1d): Distances from 0 to 1, shape (n,).
    """
    return 1 - intersection_over_union(a, b)


def giou_distance(a: Ints2d, b: Ints2d) -> Floats1d:
    """Generalized IoU distance (Rezatofighi et al. 2019, arXiv 1902.09630) in one dimension.

    The IoU distance plus the share of the hull that neither span covers: the same as the IoU
    distance for spans that overlap or touch.

    a (Ints2d): Spans `[start, end)` in tokens, shape (n, 2).
    b (Ints2d): Spans to compare with, shape (n, 2).
    RETURNS (Floats1d): Distances from 0 to 2, shape (n,).
    """
    xp = get_array_module(a)
    gap = xp.maximum(xp.maximum(a[:, 0], b[:, 0]) - xp.minimum(a[:, 1], b[:, 1]), 0)
    return iou_distance(a, b) + (gap / _hull_widths(a, b)).astype("f")


def diou_distance(a: Ints2d, b: Ints2d) -> Floats1d:
    """Distance IoU (Zheng et al. 2020, arXiv 1911.08287) in one dimension: the IoU distance plus
    the squared distance of the centres, relative to the width of the hull.

    a (Ints2d): Spans `[start, end)` in tokens, shape (n, 2).
    b (Ints2d): Spans to compare with, shape (n, 2).
    RETURNS (Floats1d): Distances from 0 to 2, shape (n,).
    """
    centre_offset = (a.sum(axis=1) - b.sum(axis=1)) / 2
    return iou_distance(a, b) + ((centre_offset / _hull_widths(a, b)) ** 2).astype("f")


def eiou_distance(a: Ints2d, b: Ints2d) -> Floats1d:
    """Efficient IoU distance (Zhang et al. 2021, arXiv 2101.08158) in one dimension.

    With the centre c, the width w and the width C of the hull of both spans:

        D(a, b) = 1 - IoU(a, b) + (c_a - c_b)^2 / C^2 + (w_a - w_b)^2 / C^2

    That the EIoU-EMC paper (arXiv 2504.14203) uses this distance is this project's reading of it.

    a (Ints2d): Spans `[start, end)` in tokens, shape (n, 2).
    b (Ints2d): Spans to compare with, shape (n, 2).
    RETURNS (Floats1d): Distances from 0 (equal spans) to less than 3, shape (n,).
    """
    width_difference = widths(a) - widths(b)
    return diou_distance(a, b) + ((width_difference / _hull_widths(a, b)) ** 2).astype("f")


DISTANCES: Dict[str, SpanDistance] = {
    "iou": iou_distance,
    "giou": giou_distance,
    "diou": diou_distance,
    "eiou": eiou_distance,
}


def widths(spans: Ints2d) -> Ints1d:
    return spans[:, 1] - spans[:, 0]


def _hull_widths(a: Ints2d, b: Ints2d) -> Ints1d:
    xp = get_array_module(a)
    return xp.maximum(a[:, 1], b[:, 1]) - xp.minimum(a[:, 0], b[:, 0])
