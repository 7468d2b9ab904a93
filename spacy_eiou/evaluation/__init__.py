from .scorer import make_nested_spans_scorer, nested_spans_score
from .scores import score_spans
from .statistics import Statistics, compute_statistics

__all__ = [
    "Statistics",
    "compute_statistics",
    "make_nested_spans_scorer",
    "nested_spans_score",
    "score_spans",
]
