from contextlib import suppress
from pathlib import Path
from typing import Any, Dict, List, Optional

import srsly
from jinja2 import TemplateError
from spacy.cli.package import get_meta
from spacy.util import load_config
from thinc.api import Config

from ..corpora.description import Conversion, CorpusDescription
from ..files import accepts_strings, write_file
from ..pipeline.packaging import check_package
from ..spans.scores import SUBSETS, select_scores
from ..tables import markdown_code, markdown_text
from ..templates import render_template

# What the card shows of the block [training] of the config.
TRAINING_SETTINGS = (
    "seed",
    "dropout",
    "max_steps",
    "max_epochs",
    "patience",
    "accumulate_gradient",
    "batcher",
    "optimizer",
)


@accepts_strings
def write_card(
    model_path: Path,
    metrics_path: Path,
    *,
    corpus_path: Optional[Path] = None,
    name: Optional[str] = None,
    version: Optional[str] = None,
) -> str:
    """Write the model card of a pipeline, from its files and nothing else.

    model_path (Path): Directory of the pipeline. README.md is written there.
    metrics_path (Path): The scores that `evaluate` returned, as JSON.
    corpus_path (Optional[Path]): The description of the corpus, see `CorpusDescription`.
    name (Optional[str]): Name of the package. If None, that of meta.json.
    version (Optional[str]): Version of the package. If None, that of meta.json.
    RETURNS (str): The card, in Markdown.
    RAISES (ValueError): If a file is not as expected, or pip would not take the name or the
        version.
    RAISES (OSError): If a file is missing.
    """
    check_package(name, version)
    # The same as in the package, with what it requires.
    try:
        meta = get_meta(model_path, srsly.read_json(model_path / "meta.json"), require_parent=True)
    except (AttributeError, KeyError, TypeError) as err:
        raise ValueError(
            f"{model_path}: expected a pipeline that spaCy can load ({err!r})"
        ) from err
    config = load_config(model_path / "config.cfg", interpolate=True)
    metrics = read_metrics(metrics_path)
    component = find_scored_component(config, metrics)
    settings = srsly.read_json(model_path / component / "cfg")
    corpus = None if corpus_path is None else CorpusDescription.read(corpus_path)
    counts = settings["class_counts"] or []
    values = {
        "name": get_package_name(meta["lang"], name or meta["name"]),
        "version": version or meta["version"],
        "meta": meta,
        "component": component,
        "settings": settings,
        # The last class is "no entity".
        "counts": dict(zip(settings["labels"], counts[:-1])),
        # As Python code
        "group": f"doc.spans[{srsly.json_dumps(settings['spans_key'])}]",
        "scores": select_scores(metrics, settings["spans_key"]),
        "intervals": metrics.get("intervals"),
        "subsets": SUBSETS,
        "metrics_name": metrics_path.name,
        "corpus": corpus,
        "splits": [describe_split(conversion) for conversion in corpus.convert] if corpus else [],
        "training": describe_training(config, component),
    }
    try:
        text = render_template("card.md", values)
    # What someone else wrote as JSON may be anything.
    except (TemplateError, AttributeError, KeyError, TypeError) as err:
        raise ValueError(
            f"{metrics_path}: expected scores as `eiou evaluate --output` saves them ({err})"
        ) from err
    write_file(model_path / "README.md", text.encode("utf8"))
    return text


def read_metrics(path: Path) -> Dict[str, Any]:
    """Read the scores of a pipeline.

    path (Path): The JSON file that `evaluate` wrote.
    RETURNS (Dict[str, Any]): The scores.
    RAISES (ValueError): If it holds no JSON object.
    """
    metrics = None
    with suppress(ValueError):
        metrics = srsly.read_json(path)
    if not isinstance(metrics, dict):
        raise ValueError(
            f"{path}: expected a JSON object of scores, as `eiou evaluate --output` saves it"
        )
    return metrics


def find_scored_component(config: Config, metrics: Dict[str, Any]) -> str:
    """Find the component that scores belong to.

    config (Config): The config of the pipeline.
    metrics (Dict[str, Any]): The scores that `evaluate` wrote.
    RETURNS (str): Name of the nested_spancat whose spans key was scored.
    RAISES (ValueError): If there is none.
    """
    keys: Dict[str, str] = {
        name: component["spans_key"]
        for name, component in config["components"].items()
        if component["factory"] == "nested_spancat"
    }
    for name, spans_key in keys.items():
        if isinstance(metrics.get(f"spans_{spans_key}_per_type", 0), (dict, type(None))):
            return name
    raise ValueError(
        "Expected scores of a spans key that a nested_spancat writes, as `eiou evaluate --output` "
        f"saves them. Spans keys of the pipeline: {', '.join(keys.values()) or 'none'}."
    )


def get_package_name(lang: str, name: str) -> str:
    """RETURNS (str): The name that "spacy package" gives a pipeline, which starts with its
    language."""
    return name if name.startswith(f"{lang}_") else f"{lang}_{name}"


def describe_split(conversion: Conversion) -> str:
    """Describe how the files of a corpus became its parts.

    conversion (Conversion): One conversion of the description of a corpus.
    RETURNS (str): The description, in Markdown.
    """
    name = markdown_code(conversion.input)
    if conversion.split_sizes is not None:
        return f"{name} in its order, {_join(conversion.split_sizes)} records"
    if conversion.split_fractions is not None:
        return f"{name} at random by document, {_join(conversion.split_fractions)}"
    if conversion.split_ids:
        return f"{name} by lists of ids, {_join(conversion.split_ids)}"
    return f"{name} as {markdown_code(conversion.output)}"


def _join(values: List[Any]) -> str:
    return " / ".join(markdown_text(str(value)) for value in values)


def describe_training(config: Config, component: str) -> str:
    """Choose from a config what says how a component was trained: the models of the pipeline, which
    hold the encoder, the loss, and batches, optimizer and seed of the training.

    config (Config): The config of the pipeline, interpolated.
    component (str): Name of the component.
    RETURNS (str): The blocks, in the format of the config.
    """
    components: Dict[str, Any] = {
        name: {"model": block["model"]}
        for name, block in config["components"].items()
        if "model" in block
    }
    components[component]["loss"] = config["components"][component]["loss"]
    training = {
        name: value for name, value in config["training"].items() if name in TRAINING_SETTINGS
    }
    text: str = Config({"components": components, "training": training}).to_str()
    return text.strip()
