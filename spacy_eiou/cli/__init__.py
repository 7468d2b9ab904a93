from ._util import app

# In the order of the work, which is that of `--help`.
# isort: off
from .init import init_cli
from .convert import convert_cli
from .prepare import prepare_cli
from .statistics import statistics_cli
from .vectors import vectors_cli
from .self_train import self_train_cli
from .calibrate import calibrate_cli
from .evaluate import evaluate_cli
from .analyze import analyze_cli
from .agreement import agreement_cli
from .suspects import suspects_cli
from .card import card_cli
from .package import package_cli
from .select import select_cli
from .annotate import annotate_cli
from .serve import serve_cli
from .compare import compare_cli
from .curve import curve_cli
# isort: on

__all__ = [
    "agreement_cli",
    "analyze_cli",
    "annotate_cli",
    "app",
    "calibrate_cli",
    "card_cli",
    "compare_cli",
    "convert_cli",
    "curve_cli",
    "evaluate_cli",
    "init_cli",
    "package_cli",
    "prepare_cli",
    "select_cli",
    "self_train_cli",
    "serve_cli",
    "statistics_cli",
    "suspects_cli",
    "vectors_cli",
]
