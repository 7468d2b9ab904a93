from ._util import app
from .calibrate import calibrate_cli
from .compare import compare_cli
from .convert import convert_cli
from .evaluate import evaluate_cli
from .prepare import prepare_cli
from .statistics import statistics_cli

__all__ = [
    "app",
    "calibrate_cli",
    "compare_cli",
    "convert_cli",
    "evaluate_cli",
    "prepare_cli",
    "statistics_cli",
]
