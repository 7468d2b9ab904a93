"""The formats of corpora. Each is a module of this package, which is found by itself, with a
function that is registered, and a section of docs/formats.md."""

from importlib import import_module
from pkgutil import iter_modules

from .registry import (
    FORMATS,
    READERS,
    Format,
    Sample,
    get_format,
    recognize,
    recognize_as,
    register_format,
)

for module in iter_modules(__path__):
    import_module(f"{__name__}.{module.name}")

__all__ = [
    "FORMATS",
    "READERS",
    "Format",
    "Sample",
    "get_format",
    "recognize",
    "recognize_as",
    "register_format",
]
