from .compare import compare
from .comparison import Result
from .curve import Curve, Forecast, curve
from .study import Run, Study, StudyCorpus, Variant

__all__ = [
    "Curve",
    "Forecast",
    "Result",
    "Run",
    "Study",
    "StudyCorpus",
    "Variant",
    "compare",
    "curve",
]
