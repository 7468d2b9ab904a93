from pathlib import Path
from typing import Any, Dict, List, Optional

import srsly
from spacy.cli._util import Arg, Opt
from spacy.cli.package import get_meta
from spacy.util import load_config
from thinc.api import Config
from wasabi import Printer

from ._util import app, render_template, write_file
from .evaluate import SUBSETS
from .prepare import Conversion, CorpusDescription

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


@app.command("card")
def card_cli(
    model_path: Path = Arg(
        ..., help="Directory of the trained pipeline", exists=True, file_okay=False
    ),
    metrics_path: Path = Opt(
        ...,
        "--metrics",
        "-m",
        help='JSON file that "eiou evaluate --output" wrote',
        exists=True,
        dir_okay=False,
    ),
    corpus_path: Optional[Path] = Opt(
        None,
        "--corpus",
        help="Description of the corpus, from configs/corpora",
        exists=True,
        dir_okay=False,
    ),
    name: Optional[str] = Opt(None, "--name", "-n", help="Package name to override meta"),
    version: Optional[str] = Opt(None, "--version", "-v", help="Package version to override meta"),
) -> None:
    """
    Write the model card of a pipeline with a nested_spancat: what it finds,
    what it was trained on and how, and how well it scores. The card is the
    README.md of the pipeline, which "spacy package" takes for that of the
    package. Give both the same name and version.
    """
    card(
        model_path,
        metrics_path,
        corpus_path=corpus_path,
        name=name,
        version=version,
        silent=False,
    )


def card(
    model_path: Path,
    metrics_path: Path,
    *,
    corpus_path: Optional[Path] = None,
    name: Optional[str] = None,
    version: Optional[str] = None,
    silent: bool = True,
) -> str:
    """Write the model card of a pipeline, from its files and nothing else.

    model_path (Path): Directory of the pipeline. README.md is written there.
    metrics_path (Path): The scores that `evaluate` wrote.
    corpus_path (Optional[Path]): The description of the corpus, see `CorpusDescription`.
    name (Optional[str]): Name of the package. If None, that of meta.json.
    version (Optional[str]): Version of the package. If None, that of meta.json.
    silent (bool): Whether to print nothing.
    RETURNS (str): The card, in Markdown.
    """
    msg = Printer(no_print=silent, pretty=not silent)
    try:
        # The same as in the package, with what it requires.
        meta = get_meta(model_path, srsly.read_json(model_path / "meta.json"), require_parent=True)
        config = load_config(model_path / "config.cfg", interpolate=True)
        metrics = srsly.read_json(metrics_path)
        component = find_component(config, metrics)
        settings = srsly.read_json(model_path / component / "cfg")
        corpus = corpus_path and CorpusDescription.model_validate(srsly.read_yaml(corpus_path))
    except (ValueError, OSError) as err:
        msg.fail(f"Can't describe the pipeline '{model_path}'", err, exits=1)
    counts = settings["class_counts"] or []
    text = render(
        name=get_package_name(meta["lang"], name or meta["name"]),
        version=version or meta["version"],
        meta=meta,
        component=component,
        settings=settings,
        # The last class is "no entity".
        counts=dict(zip(settings["labels"], counts[:-1])),
        scores=strip_spans_key(metrics, settings["spans_key"]),
        subsets=SUBSETS,
        metrics_name=metrics_path.name,
        corpus=corpus,
        splits=[describe_split(conversion) for conversion in corpus.convert] if corpus else [],
        training=describe_training(config, component),
    )
    output = model_path / "README.md"
    write_file(output, text.encode("utf8"))
    msg.good(f"Saved model card: {output}")
    return text


def find_component(config: Config, metrics: Dict[str, Any]) -> str:
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
        if f"spans_{spans_key}_per_type" in metrics:
            return name
    raise ValueError(
        "Expected scores of a spans key that a nested_spancat writes, as `eiou evaluate --output` "
        f"saves them. Spans keys of the pipeline: {', '.join(keys.values()) or 'none'}."
    )


def get_package_name(lang: str, name: str) -> str:
    """RETURNS (str): The name that "spacy package" gives a pipeline, which starts with its
    language."""
    return name if name.startswith(f"{lang}_") else f"{lang}_{name}"


def strip_spans_key(metrics: Dict[str, Any], spans_key: str) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): The scores of a spans key under the names that `score_spans` gives
    them."""
    prefix = f"spans_{spans_key}_"
    return {
        name[len(prefix) :]: value for name, value in metrics.items() if name.startswith(prefix)
    }


def describe_split(conversion: Conversion) -> str:
    """Describe how the files of a corpus became its parts.

    conversion (Conversion): One conversion of the description of a corpus.
    RETURNS (str): The description, in Markdown.
    """
    name = f"`{conversion.input}`"
    if conversion.split_sizes is not None:
        return f"{name} in its order, {_join(conversion.split_sizes)} records"
    if conversion.split_fractions is not None:
        return f"{name} at random by document, {_join(conversion.split_fractions)}"
    if conversion.split_ids:
        return f"{name} by lists of ids, {_join(conversion.split_ids)}"
    return f"{name} as `{conversion.output}`"


def _join(values: List[Any]) -> str:
    return " / ".join(map(str, values))


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


def render(**values: Any) -> str:
    """Fill in the template of the card. RETURNS (str): The card, in Markdown."""
    return render_template("card.md", values)
