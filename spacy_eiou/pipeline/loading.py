from spacy.language import Language
from spacy.util import load_model
from thinc.api import fix_random_seed, require_cpu, require_gpu

from ..extras import require_extra
from ..factories import importing_no_factories


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
