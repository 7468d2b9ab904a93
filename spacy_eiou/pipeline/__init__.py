from .calibration import Calibration, calibrate
from .loading import load_pipeline
from .nested_spancat import NestedSpanCategorizer, make_nested_spancat
from .packaging import Package, package
from .scorer import make_nested_spans_scorer, nested_spans_score
from .thresholds import Thresholds

__all__ = [
    "Calibration",
    "NestedSpanCategorizer",
    "Package",
    "Thresholds",
    "calibrate",
    "load_pipeline",
    "make_nested_spancat",
    "make_nested_spans_scorer",
    "nested_spans_score",
    "package",
]
