from .annotate import AnnotationReport, annotate, annotate_texts
from .annotator import Annotator
from .paths import show_path
from .sources import TEXT_FORMATS, RejectedText, SourceText, read_texts

__all__ = [
    "TEXT_FORMATS",
    "AnnotationReport",
    "Annotator",
    "RejectedText",
    "SourceText",
    "annotate",
    "annotate_texts",
    "read_texts",
    "show_path",
]
