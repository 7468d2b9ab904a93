"""The settings of training configs."""

from spacy.schemas import ConfigSchemaTraining
from spacy.util import dict_to_dot, registry
from thinc.api import Config, ConfigValidationError


def check_known(config: Config, filled: Config) -> None:
    """Check that spaCy knows all settings of a training config. Unless they are those of a
    component, it leaves the others out without a word as it fills in the config.

    config (Config): The config.
    filled (Config): The same, complete with spaCy's defaults.
    RAISES (ValueError): If a setting was left out.
    """
    left_out = dict_to_dot(config).keys() - dict_to_dot(filled).keys()
    unknown = sorted(name for name in left_out if not name.startswith("components."))
    if unknown:
        raise ValueError(f"The config has a setting that spaCy doesn't know: '{unknown[0]}'")


def check_training(config: Config) -> None:
    """Check the block [training], which spaCy else does only as it begins to train.

    config (Config): The training config, complete with spaCy's defaults.
    RAISES (ValueError): If a setting is not as expected.
    """
    try:
        registry.resolve(config.interpolate()["training"], schema=ConfigSchemaTraining)
    except ConfigValidationError as err:
        # It would show all objects that the block was made into.
        raise ConfigValidationError.from_error(err, show_config=False) from err
