"""spaCy's factories of other installed packages."""

from contextlib import contextmanager
from threading import Lock, get_ident
from typing import Any, Dict, Iterator

from spacy.util import registry

LOCK = Lock()


@contextmanager
def importing_no_factories() -> Iterator[None]:
    """Let this thread create pipelines with the factories that are imported already. Otherwise
    spaCy imports those of all installed packages: spacy-transformers alone takes 2 seconds."""
    with LOCK:
        factories = registry._entry_point_factories
        registry._entry_point_factories = _NoFactories(factories)
        try:
            yield
        finally:
            registry._entry_point_factories = factories


class _NoFactories:
    """A registry that looks empty to the thread that made it, and as it is to others."""

    def __init__(self, factories: Any) -> None:
        self._factories = factories
        self._thread = get_ident()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._factories, name)

    def get_all(self) -> Dict[str, Any]:
        return {} if get_ident() == self._thread else self._factories.get_all()
