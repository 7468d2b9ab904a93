from contextlib import contextmanager
from threading import Lock, get_ident
from typing import Any, Dict, Iterator

from spacy.language import Language
from spacy.util import load_model, registry
from thinc.api import fix_random_seed, require_cpu, require_gpu

from ..extras import require_extra

LOCK = Lock()


def use_device(use_gpu: int) -> None:
    """Choose where arrays are allocated and computed from now on.

    use_gpu (int): GPU ID or -1 for CPU.
    RAISES (ValueError): If there is no such GPU.
    """
    if use_gpu < 0:
        require_cpu()
        return
    try:
        require_gpu(use_gpu)
    # CuPy has errors of its own for a GPU number that is too high.
    except Exception as err:
        raise ValueError(
            f"Can't use the GPU {use_gpu}: {err}. To use the CPU, leave out --gpu-id."
        ) from err


def load_pipeline(model: str, *, use_gpu: int = -1) -> Language:
    """Load a pipeline, and fix the random seed.

    model (str): Name or path of the pipeline.
    use_gpu (int): GPU ID or -1 for CPU.
    RETURNS (Language): The pipeline.
    RAISES (ValueError): If there is no such GPU, or a component can't be made: if it needs
        spacy-transformers and that is not installed, the message says how to install it.
    RAISES (OSError): If there is no such pipeline.
    """
    fix_random_seed()
    use_device(use_gpu)
    try:
        return load_model(model)
    except ValueError as err:
        if "factory for 'transformer'" in str(err):
            require_extra("transformers", "spacy_transformers")
        raise ValueError(f"Can't load the pipeline '{model}': {err}") from err
    # What spaCy raises where a file of the pipeline holds other JSON than it wrote.
    except (AttributeError, KeyError, TypeError) as err:
        raise ValueError(f"Can't load the pipeline '{model}', which is damaged: {err!r}") from err


def load_finished_pipeline(model: str, *, use_gpu: int = -1) -> Language:
    """Load a pipeline that nobody adds components to, without the installed packages that it
    doesn't need. See `load_pipeline`."""
    try:
        with importing_no_factories():
            return load_pipeline(model, use_gpu=use_gpu)
    # What is missing then depends on the packages.
    except Exception:
        return load_pipeline(model, use_gpu=use_gpu)


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
