from .annotate import AnnotationReport, annotate
from .annotator import Annotator
from .engines import ENGINES
from .paths import show_path
from .prediction import annotate_texts
from .server import create_app, serve
from .shards import OUTPUT_FORMATS
from .sources import TEXT_FORMATS, RejectedText, SourceText, read_texts

__all__ = [
    "ENGINES",
    "OUTPUT_FORMATS",
    "TEXT_FORMATS",
    "AnnotationReport",
    "Annotator",
    "RejectedText",
    "SourceText",
    "annotate",
    "annotate_texts",
    "create_app",
    "read_texts",
    "serve",
    "show_path",
]
