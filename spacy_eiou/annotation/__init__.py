from .annotate import AnnotationReport, annotate
from .annotator import Annotator
from .engines import ENGINES
from .paths import show_path
from .prediction import annotate_texts
from .selection import Selection, select
from .server import create_app, serve
from .shards import OUTPUT_FORMATS
from .source_files import TEXT_FORMATS
from .sources import RejectedText, SourceText, read_texts
from .strategies import STRATEGIES, TextBatch, register_strategy

__all__ = [
    "ENGINES",
    "OUTPUT_FORMATS",
    "STRATEGIES",
    "TEXT_FORMATS",
    "AnnotationReport",
    "Annotator",
    "RejectedText",
    "Selection",
    "SourceText",
    "TextBatch",
    "annotate",
    "annotate_texts",
    "create_app",
    "read_texts",
    "register_strategy",
    "select",
    "serve",
    "show_path",
]
