"""Checks of the component, of its training data and of its predictions."""

import warnings
from contextlib import contextmanager
from typing import Any, Collection, Dict, Iterable, Iterator

from spacy.tokens import Doc
from spacy.util import logger
from thinc.api import Config, Model
from thinc.types import Floats2d
from thinc.util import get_array_module

from ..models.growth import last_layers
from ..spans.groups import describe_spans_keys
from ..spans.scores import SUBSETS
from ..spans.widths import WidthChoice
from .ceilings import Ceilings
from .decoding import CONFLICTS


def check_settings(name: str, cfg: Dict[str, Any]) -> None:
    """Check the settings of a component, which a user may set and a file may hold.

    name (str): Name of the component.
    cfg (Dict[str, Any]): Its settings.
    RAISES (ValueError): If a setting is of another type than it should be, or out of range.
    """
    if cfg["overlap"] not in CONFLICTS:
        raise ValueError(
            f"[{name}] Unknown setting overlap = {cfg['overlap']!r}. Choose one of: "
            f"{', '.join(CONFLICTS)}."
        )
    if not (isinstance(cfg["spans_key"], str) and cfg["spans_key"]):
        raise ValueError(f"[{name}] The spans key must be a text, but is {cfg['spans_key']!r}.")
    for setting, meaning in {"max_positive": "for no limit", "max_width": "to learn it"}.items():
        if cfg[setting] is not None and not (type(cfg[setting]) is int and cfg[setting] >= 1):
            raise ValueError(
                f"[{name}] {setting} must be at least 1, or null {meaning}, but is "
                f"{cfg[setting]!r}."
            )
    if not _is_probability(cfg["threshold"]):
        raise ValueError(
            f"[{name}] The threshold must be from 0 to 1, but is {cfg['threshold']!r}."
        )
    for label, threshold in cfg["label_thresholds"].items():
        if not _is_probability(threshold):
            raise ValueError(
                f"[{name}] The threshold of the label {label!r} must be from 0 to 1, but is "
                f"{threshold!r}."
            )


def _is_probability(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


def check_labels_fit_model(name: str, labels: Any, model: Model) -> None:
    """Check that the labels of a loaded component are those of its model.

    name (str): Name of the component.
    labels (Any): What stands in the place of its labels.
    model (Model): Its model, which has a class per label and one for "no entity".
    RAISES (ValueError): If they are no distinct strings, or there are more or fewer of them than
        the model has classes for.
    """
    if type(labels) is not list or not all(type(label) is str for label in labels):
        raise ValueError(f"[{name}] The labels must be a list of strings, but are {labels!r}.")
    if len(set(labels)) < len(labels):
        raise ValueError(f"[{name}] The labels must be distinct, but are {labels!r}.")
    if model.has_dim("nO") and model.get_dim("nO") != len(labels) + 1:
        raise ValueError(
            f"[{name}] The model tells {model.get_dim('nO') - 1} labels apart, but the file 'cfg' "
            f"has {len(labels)}: it is missing, or that of another model."
        )


@contextmanager
def loading(name: str, source: str) -> Iterator[None]:
    """Turn what goes wrong as a component is loaded into one clear error.

    name (str): Name of the component.
    source (str): What it is loaded from.
    RAISES (ValueError): If anything does.
    """
    # Damaged bytes may raise anything, such as a KeyError.
    try:
        yield
    except Exception as err:
        raise ValueError(
            f"[{name}] Can't load the component from {source}, which is damaged, incomplete, or of "
            f"another version: {err}"
        ) from err


def check_gold_spans(
    name: str, spans_key: str, n_spans: Dict[str, int], references: Iterable[Doc]
) -> None:
    """Check the gold spans, before the component is initialized with them.

    name (str): Name of the component.
    spans_key (str): Key of `Doc.spans` that it learns from.
    n_spans (Dict[str, int]): Number of gold spans by label.
    references (Iterable[Doc]): The annotated docs, which are looked at if there are no spans.
    RAISES (ValueError): If there are none.
    """
    if not n_spans:
        raise ValueError(
            f"[{name}] No training example has spans under the key '{spans_key}', the setting "
            f"spans_key. {describe_spans_keys(references)}"
        )
    single = [repr(label) for label, count in n_spans.items() if count == 1]
    if single:
        warnings.warn(
            f"[{name}] {len(single)} of {len(n_spans)} labels have a single training example: "
            f"{', '.join(single)}.",
            stacklevel=3,
        )


def check_labels(name: str, labels: Collection[str], n_spans: Dict[str, int]) -> None:
    """Check that the labels given are those of the training data.

    name (str): Name of the component.
    labels (Collection[str]): The labels given.
    n_spans (Dict[str, int]): Number of gold spans by label.
    RAISES (ValueError): If a gold span has none of them.
    """
    missing = [
        f"{label!r} ({count} spans)" for label, count in n_spans.items() if label not in labels
    ]
    if missing:
        raise ValueError(
            f"[{name}] The labels given lack labels of the training data: {', '.join(missing)}. "
            f"They are: {', '.join(labels)}. Add what is missing, or remove these spans."
        )


def check_ceilings(name: str, ceilings: Ceilings) -> None:
    """Check that the component can predict the gold spans.

    name (str): Name of the component.
    ceilings (Ceilings): The gold spans that it can't.
    RAISES (ValueError): If there are gold spans, but none can be predicted.
    """
    if not ceilings.unreachable:
        return
    message = f"[{name}] {ceilings.describe()}."
    if ceilings.unreachable == ceilings.gold:
        raise ValueError(message)
    warnings.warn(message, stacklevel=3)


def report_width(name: str, choice: WidthChoice) -> None:
    """Tell what the widest gold spans cost, and warn if they are left out.

    name (str): Name of the component.
    choice (WidthChoice): How wide candidates are.
    """
    if choice.width < choice.longest:
        warnings.warn(
            f"[{name}] {choice.describe()}: they are left out, and max_width is {choice.width}. "
            f"To find them too, set max_width = {choice.longest} in the block "
            f"[components.{name}.suggester].",
            stacklevel=4,
        )
    elif choice.n_outliers:
        logger.info("[%s] %s", name, choice.describe())


def check_score_weights(name: str, spans_key: str, config: Config) -> None:
    """Check that a score of the component counts when `spacy train` chooses the best model. In a
    pipeline that is trained from Python, whose config has no training data, none needs to.

    name (str): Name of the component.
    spans_key (str): Key of `Doc.spans` that it writes.
    config (Config): The config of the pipeline.
    """
    weights = config.get("training", {}).get("score_weights", {})
    counts = any(weights[score] for score in weights if score.startswith(f"spans_{spans_key}_"))
    if config.get("paths", {}).get("train") is not None and not counts:
        warnings.warn(
            f"[{name}] No score of the spans key '{spans_key}' has a weight, so that training "
            "can't tell which model finds these spans best. Add to the block "
            f"[training.score_weights] of the config: spans_{spans_key}_f = 1.0",
            stacklevel=3,
        )


def check_scorer(name: str, model: Model[Any, Any]) -> None:
    """Check that the model gives logits, as the loss expects, rather than probabilities, as those
    of `spancat` and `spancat_singlelabel` do.

    name (str): Name of the component.
    model (Model): Its model.
    RAISES (ValueError): If its scorer ends in a logistic function or a softmax.
    """
    scorer = model.get_ref("scorer") if "scorer" in model.ref_names else model
    if any(layer.name in ("logistic", "sigmoid", "softmax") for layer in last_layers(scorer)):
        raise ValueError(
            f"[{name}] The scorer of the model gives probabilities, but the loss expects logits. "
            f'Set scorer = {{"@layers": "Linear.v1"}} in the block [components.{name}.model].'
        )


def check_spans_keys(name: str, spans_key: str, keys: Collection[str]) -> None:
    """Check that scores of the component have names that those of no other one have, and warn.

    name (str): Name of the component.
    spans_key (str): Key of `Doc.spans` that it writes.
    keys (Collection[str]): The keys that the other components of the pipeline write.
    """
    if spans_key in keys:
        warnings.warn(
            f"[{name}] Another component writes spans under the key '{spans_key}' as well, so that "
            "one may replace those of the other. Give each a key of its own.",
            stacklevel=3,
        )
    clashing = {f"{spans_key}_{subset}" for subset in (*SUBSETS, "boundary")}
    for key in sorted(clashing.intersection(keys)):
        warnings.warn(
            f"[{name}] The scores of the spans keys '{spans_key}' and '{key}' have the same names, "
            f"such as spans_{key}_f, so that one replaces the other. Choose another key than "
            f"'{key}'.",
            stacklevel=3,
        )


def check_probabilities(name: str, probabilities: Floats2d) -> None:
    """Check that the probabilities of the candidates are numbers.

    name (str): Name of the component.
    probabilities (Floats2d): The probabilities, shape (n, K).
    RAISES (ValueError): If one is not finite.
    """
    if not get_array_module(probabilities).isfinite(probabilities.sum()):
        raise ValueError(
            f"[{name}] The model gives probabilities that are not numbers: training has diverged, "
            "or the weights or the token vectors that the component gets are damaged."
        )
