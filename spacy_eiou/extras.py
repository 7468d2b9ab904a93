"""What only some users need: the extras of this package."""

from importlib.util import find_spec

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
