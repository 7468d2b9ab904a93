"""What only some users need: the extras of this package, and transformers."""

from importlib.util import find_spec
from pathlib import Path

from thinc.api import Config


def require_extra(extra: str, module: str) -> None:
    """Check that an extra of this package is installed.

    extra (str): Its name.
    module (str): A module that it installs.
    RAISES (ValueError): If it is missing. The message says how to install it.
    """
    if find_spec(module) is None:
        raise ValueError(f"{module} is not installed. Try: pip install 'spacy-eiou[{extra}]'")


def check_transformers(config: Config) -> None:
    """Check that spacy-transformers is installed if a pipeline has a component of it.

    config (Config): The config of the pipeline.
    RAISES (ValueError): If it is missing. The message says how to install it.
    """
    components = config.get("components", {}).values()
    if any(component.get("factory") == "transformer" for component in components):
        require_extra("transformers", "spacy_transformers")


def find_transformer(name: str) -> str:
    """Find a transformer by name.

    name (str): A Python package that ships a transformer in its folder `model`, a folder, or a name
        on a hub.
    RETURNS (str): The folder, or the name on the hub.
    """
    module = name.replace("-", "_")
    package = find_spec(module) if module.isidentifier() else None
    if package is not None and package.origin is not None:
        model_path = Path(package.origin).parent / "model"
        if model_path.is_dir():
            return str(model_path)
    return name
