from .analyze import analyze
from .bootstrap import bootstrap_difference
from .card import write_card
from .errors import find_errors
from .evaluate import evaluate
from .statistics import Statistics, compute_statistics, statistics

__all__ = [
    "Statistics",
    "analyze",
    "bootstrap_difference",
    "compute_statistics",
    "evaluate",
    "find_errors",
    "statistics",
    "write_card",
]
