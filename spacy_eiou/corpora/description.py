"""How a corpus is converted and what it sets in a training config, as a file says it."""

from collections import Counter
from math import ceil
from pathlib import Path
from typing import Any, Dict, List, Optional

import srsly
from pydantic import BaseModel, Field
from spacy.util import load_config, load_model_from_config
from thinc.api import Config

from ..extras import check_transformers, find_transformer
from ..files import accepts_strings, write_file
from ..settings import check_known, check_training
from .account import Account
from .conversion import MAX_BAD, Reading, check_conversion, convert
from .record import CorpusError

# How often a transformer sees each document of a large corpus at least, as in the study
# benchmarks/studies/genia_transformer_recipe.
PASSES = 6

# What a size of the encoder sets in a config with "spacy.MultiHashEmbed.v2" and
# "spacy.MaxoutWindowEncoder.v2". "medium" is the config as it stands.
ENCODER_SIZES: Dict[str, Dict[str, Any]] = {
    "small": {"encode.width": 64, "encode.depth": 2, "embed.rows": [2000, 500, 1000, 500]},
    "medium": {},
    "large": {
        "encode.width": 192,
        "encode.depth": 4,
        "encode.maxout_pieces": 2,
        "embed.rows": [10000, 2000, 5000, 2000],
    },
}


class Conversion(BaseModel, extra="forbid", strict=True):
    """One call of `convert`: paths are relative to the assets and to the output."""

    input: str
    output: str
    format: str
    level: Optional[int] = None
    offsets: Optional[str] = None
    text_key: Optional[str] = None
    tag_names: Optional[List[str]] = None
    keep_tokens: bool = False
    annotator: Optional[str] = None
    merge: Optional[str] = None
    max_bad: float = Field(default=MAX_BAD, ge=0, le=1)
    split_sizes: Optional[List[int]] = None
    split_fractions: Optional[List[float]] = None
    split_ids: List[str] = []
    whole_documents: bool = False


class CorpusDescription(BaseModel, extra="forbid", strict=True):
    """A file of configs/corpora: how to convert a corpus, what it sets in a training config, and
    what to say of it in a model card."""

    title: str = ""
    license: str = ""
    source: str = ""
    lang: str
    tokenizer: str
    convert: List[Conversion] = Field(min_length=1)
    config: Dict[str, Any] = {}

    @classmethod
    def read(cls, path: Path) -> "CorpusDescription":
        """Read the description of a corpus.

        path (Path): The YAML file.
        RETURNS (CorpusDescription): The description.
        RAISES (CorpusError): If a setting is unknown, missing or not as expected.
        """
        try:
            return cls.model_validate(srsly.read_yaml(path))
        except ValueError as err:
            raise CorpusError(f"{path}: expected the description of a corpus ({err})") from err


@accepts_strings
def prepare(
    corpus_path: Path,
    output_path: Path,
    *,
    config_path: Path,
    assets_path: Path = Path("assets"),
    transformer: Optional[str] = None,
    size: str = "medium",
    silent: bool = True,
) -> Dict[Path, Account]:
    """Convert the parts of a described corpus, and fill in the training config for it.

    corpus_path (Path): The description of the corpus, see `CorpusDescription`.
    output_path (Path): The directory for train.spacy, dev.spacy, test.spacy and config.cfg.
    config_path (Path): The training config.
    assets_path (Path): The directory of the corpus' files.
    transformer (Optional[str]): Name of the transformer, if the config has one, see
        `find_transformer`. `None` keeps that of the config.
    size (str): The size of the encoder, if it is no transformer: "small", "medium", which
        is that of the config, or "large".
    silent (bool): Whether to show no progress.
    RETURNS (Dict[Path, Account]): The parts and their accounts.
    RAISES (CorpusError): If the description, the config or the corpus are not as expected.
    """
    corpus = CorpusDescription.read(corpus_path)
    missing = find_missing_files(corpus, assets_path)
    if missing:
        more = f", nor {len(missing) - 1} more" if len(missing) > 1 else ""
        raise CorpusError(
            f"{missing[0]}: can't find this file or directory{more}. Name the directory that holds "
            "the corpus with --assets, or fetch a public corpus with: python -m spacy project "
            "assets"
        )
    filled_path = output_path / "config.cfg"
    if filled_path.resolve() == config_path.resolve():
        raise CorpusError(f"Expected another output path: {config_path} is read, and would be lost")
    config = make_config(config_path, corpus, output_path, transformer, size)
    calls = [_get_arguments(item, assets_path, output_path) for item in corpus.convert]
    _check_conversions(calls, output_path)
    accounts: Dict[Path, Account] = {}
    for conversion, call in zip(corpus.convert, calls):
        accounts.update(
            convert(
                **call,
                whole_documents=conversion.whole_documents,
                lang=corpus.lang,
                tokenizer=corpus.tokenizer,
                beside=[*accounts],
                silent=silent,
            )
        )
    train = accounts.get(output_path / "train.spacy")
    if train is not None and "training.max_steps" not in corpus.config:
        _lengthen_training(config["training"], train.documents)
    write_file(filled_path, config.to_bytes())
    return accounts


def find_missing_files(corpus: CorpusDescription, assets_path: Path) -> List[Path]:
    """RETURNS (List[Path]): The files that a corpus is converted from and that do not exist."""
    names = [
        name for conversion in corpus.convert for name in [conversion.input, *conversion.split_ids]
    ]
    return [assets_path / name for name in names if not (assets_path / name).exists()]


def _get_arguments(conversion: Conversion, assets_path: Path, output_path: Path) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): The arguments of `convert`, other than those of the corpus."""
    return {
        "input_path": assets_path / conversion.input,
        "output_path": output_path / conversion.output,
        "corpus_format": conversion.format,
        **{name: getattr(conversion, name) for name in Reading._fields},
        "split_sizes": conversion.split_sizes,
        "split_fractions": conversion.split_fractions,
        "split_ids": [assets_path / name for name in conversion.split_ids] or None,
    }


def _check_conversions(calls: List[Dict[str, Any]], output_path: Path) -> None:
    outputs = [path for call in calls for path in _check_conversion(call)]
    for path, count in Counter(outputs).items():
        if not path.resolve().is_relative_to(output_path.resolve()):
            raise CorpusError(f"{path}: expected an output within {output_path}")
        if count > 1:
            raise CorpusError(f"{path}: expected one conversion that writes this file, not {count}")


def _check_conversion(call: Dict[str, Any]) -> List[Path]:
    reading = Reading(**{name: call[name] for name in Reading._fields})
    others = {name: value for name, value in call.items() if name not in Reading._fields}
    return check_conversion(**others, reading=reading)


def make_config(
    config_path: Path,
    corpus: CorpusDescription,
    output_path: Path,
    transformer: Optional[str] = None,
    size: str = "medium",
) -> Config:
    """Fill in a training config for a corpus.

    config_path (Path): The config.
    corpus (CorpusDescription): The description of the corpus.
    output_path (Path): The directory of train.spacy and dev.spacy.
    transformer (Optional[str]): Name of the transformer, if the config has one, see
        `find_transformer`. `None` keeps that of the config.
    size (str): The size of the encoder, see `prepare`.
    RETURNS (Config): The config, complete with spaCy's defaults.
    RAISES (CorpusError): If a setting is unknown or not as expected.
    """
    overrides = {
        "nlp.lang": corpus.lang,
        "paths.train": (output_path / "train.spacy").as_posix(),
        "paths.dev": (output_path / "dev.spacy").as_posix(),
        **corpus.config,
    }
    components = load_config(config_path)["components"]
    if transformer is not None and "transformer" in components:
        overrides["components.transformer.model.name"] = find_transformer(transformer)
    if "tok2vec" in components:
        settings = get_encoder_settings(size)
        overrides.update((f"components.tok2vec.model.{name}", settings[name]) for name in settings)
    try:
        config = load_config(config_path, overrides=overrides)
        config["nlp"]["tokenizer"] = {"@tokenizers": corpus.tokenizer}
        _end_schedule(config["training"])
        check_transformers(config)
        filled = load_model_from_config(config, auto_fill=True).config
        check_known(config, filled)
        check_training(filled)
    # A function that checks no types fails at a wrong one wherever it uses it.
    except (ImportError, ValueError, TypeError) as err:
        names = f" with the settings of the corpus ({', '.join(corpus.config)})"
        raise CorpusError(
            f"{config_path}{names if corpus.config else ''}: can't be filled in ({err})"
        ) from err
    return filled


def _lengthen_training(training: Dict[str, Any], n_docs: int) -> None:
    """Where a batch is a number of documents, a large corpus takes more steps to be seen."""
    batcher = training["batcher"]
    # No step but `max_epochs` ends a training of 0 steps.
    if batcher["@batchers"] == "spacy_eiou.batch_by_length.v1" and training["max_steps"] > 0:
        n_steps = PASSES * ceil(n_docs / batcher["size"])
        training["max_steps"] = max(training["max_steps"], n_steps)
        _end_schedule(training)


def _end_schedule(training: Dict[str, Any]) -> None:
    """Let the schedule of the learning rate, if there is one that ends, end with the training. A
    variable would be no way: spaCy doesn't look it up for a pipeline that was loaded."""
    schedule = training.get("optimizer", {}).get("learn_rate")
    if isinstance(schedule, dict) and "total_steps" in schedule and training["max_steps"] > 0:
        schedule["total_steps"] = training["max_steps"]


def get_encoder_settings(size: str) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): What a size of the encoder sets in its block.
    RAISES (CorpusError): If there is no such size."""
    if size not in ENCODER_SIZES:
        raise CorpusError(f"Expected an encoder that is {', '.join(ENCODER_SIZES)}, not '{size}'")
    return ENCODER_SIZES[size]
