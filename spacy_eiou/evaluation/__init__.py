from ..pipeline.scorer import make_nested_spans_scorer, nested_spans_score
from ..spans.scores import score_spans
from .agreement import agreement, cohen_kappa, krippendorff_alpha
from .analyze import analyze
from .bootstrap import bootstrap_difference, bootstrap_intervals
from .card import write_card
from .errors import find_errors
from .evaluate import evaluate
from .statistics import Statistics, compute_statistics, statistics

__all__ = [
    "Statistics",
    "agreement",
    "analyze",
    "bootstrap_difference",
    "bootstrap_intervals",
    "cohen_kappa",
    "compute_statistics",
    "evaluate",
    "find_errors",
    "krippendorff_alpha",
    "make_nested_spans_scorer",
    "nested_spans_score",
    "score_spans",
    "statistics",
    "write_card",
]
