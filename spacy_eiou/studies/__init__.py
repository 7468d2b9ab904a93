from .compare import compare
from .comparison import Result
from .curve import Curve, Forecast, curve
from .study import Run, Study, StudyCorpus, Variant
from .suspects import Suspects, find_suspects

__all__ = [
    "Curve",
    "Forecast",
    "Result",
    "Run",
    "Study",
    "StudyCorpus",
    "Suspects",
    "Variant",
    "compare",
    "curve",
    "find_suspects",
]
