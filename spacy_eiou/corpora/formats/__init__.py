"""The formats of corpora. Each is a module of this package, which is found by itself, with a
function that is registered to read it, maybe one to write it, and a section of docs/formats.md."""

from importlib import import_module
from pkgutil import iter_modules

from .registry import (
    FORMATS,
    READERS,
    Format,
    Sample,
    get_format,
    recognize,
    register_format,
    warn_of_unknown,
)
from .writers import WRITERS, Target, Writer, get_writer, register_writer

for module in iter_modules(__path__):
    import_module(f"{__name__}.{module.name}")

__all__ = [
    "FORMATS",
    "READERS",
    "WRITERS",
    "Format",
    "Sample",
    "Target",
    "Writer",
    "get_format",
    "get_writer",
    "recognize",
    "register_format",
    "register_writer",
    "warn_of_unknown",
]
