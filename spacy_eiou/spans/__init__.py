from .geometry import (
    DISTANCES,
    diou_distance,
    eiou_distance,
    giou_distance,
    intersection_over_union,
    iou_distance,
)
from .groups import LabeledSpan, describe_spans_keys, get_scores, get_spans
from .nesting import Nesting, best_iou, find_nesting, find_parents
from .pairs import (
    contains,
    crosses,
    equal_pairs,
    overlapping_pairs,
    overlapping_pairs_within,
    overlaps,
)
from .scores import score_spans
from .table import span_score, span_table
from .tree import SpanNode, span_tree

__all__ = [
    "DISTANCES",
    "LabeledSpan",
    "Nesting",
    "SpanNode",
    "best_iou",
    "contains",
    "crosses",
    "describe_spans_keys",
    "diou_distance",
    "eiou_distance",
    "equal_pairs",
    "find_nesting",
    "find_parents",
    "get_scores",
    "get_spans",
    "giou_distance",
    "intersection_over_union",
    "iou_distance",
    "overlapping_pairs",
    "overlapping_pairs_within",
    "overlaps",
    "score_spans",
    "span_score",
    "span_table",
    "span_tree",
]
