from importlib.util import find_spec
from pathlib import Path
from typing import Any, Dict, List, Optional

import srsly
from pydantic import BaseModel, ValidationError
from spacy.cli._util import Arg, Opt
from spacy.tokens import Doc
from spacy.util import load_config, load_model_from_config
from spacy.vocab import Vocab
from thinc.api import Config
from wasabi import msg

from ..corpora import CorpusError
from ._util import app, read_docs, write_file
from .convert import PARTS, convert


class Conversion(BaseModel, extra="forbid"):
    """One call of `convert`: paths are relative to the assets and to the output."""

    input: str
    output: str
    format: str
    level: Optional[int] = None
    split_sizes: Optional[List[int]] = None
    split_fractions: Optional[List[float]] = None
    split_ids: List[str] = []


class CorpusDescription(BaseModel, extra="forbid"):
    """A file of configs/corpora: how to convert a corpus, what it sets in a training config, and
    what to say of it in a model card."""

    title: str = ""
    license: str = ""
    source: str = ""
    lang: str
    tokenizer: str
    convert: List[Conversion]
    config: Dict[str, Any] = {}


@app.command("prepare")
def prepare_cli(
    corpus_path: Path = Arg(
        ..., help="Description of the corpus, from configs/corpora", exists=True, dir_okay=False
    ),
    output_path: Path = Arg(
        ..., help="Directory for train.spacy, dev.spacy, test.spacy and config.cfg", file_okay=False
    ),
    config_path: Path = Opt(
        ..., "--config", "-c", help="Training config to fill in", exists=True, dir_okay=False
    ),
    assets_path: Path = Opt("assets", "--assets", "-a", help="Directory of the corpora's files"),
    transformer: Optional[str] = Opt(
        None,
        "--transformer",
        "-t",
        help="Transformer, if the config has one: a name on the hub, a folder, or an installed "
        "Python package with a folder 'model'",
    ),
) -> None:
    """
    Convert the parts of a known corpus, and fill in the training config for it:
    language, tokenizer and what else the corpus' description sets.
    """
    try:
        corpus = CorpusDescription(**srsly.read_yaml(corpus_path))
    except (ValidationError, TypeError, ValueError) as err:
        msg.fail(f"Can't read the description of a corpus '{corpus_path}'", err, exits=1)
    missing = find_missing_files(corpus, assets_path)
    if missing:
        msg.fail(
            f"Can't find {len(missing)} of the corpus' files, the first is '{missing[0]}'",
            "Fetch them with: python -m spacy project assets",
            exits=1,
        )
    try:
        for conversion in corpus.convert:
            _convert_part(corpus, conversion, assets_path, output_path)
    except CorpusError as err:
        msg.fail(f"Can't convert the corpus '{corpus_path}'", err, exits=1)
    _warn_about_shared_docs(output_path)
    config = make_config(config_path, corpus, output_path, transformer)
    write_file(output_path / "config.cfg", config.to_bytes())
    msg.good(f"Saved training config: {output_path / 'config.cfg'}")


def find_missing_files(corpus: CorpusDescription, assets_path: Path) -> List[Path]:
    """RETURNS (List[Path]): The files that a corpus is converted from and that do not exist."""
    names = [
        name for conversion in corpus.convert for name in [conversion.input, *conversion.split_ids]
    ]
    return [assets_path / name for name in names if not (assets_path / name).exists()]


def _convert_part(
    corpus: CorpusDescription, conversion: Conversion, assets_path: Path, output_path: Path
) -> None:
    convert(
        assets_path / conversion.input,
        output_path / conversion.output,
        corpus_format=conversion.format,
        lang=corpus.lang,
        tokenizer=corpus.tokenizer,
        level=conversion.level,
        split_sizes=conversion.split_sizes,
        split_fractions=conversion.split_fractions,
        split_ids=[assets_path / name for name in conversion.split_ids] or None,
        silent=False,
    )


def _warn_about_shared_docs(output_path: Path) -> None:
    earlier: List[Doc] = []
    for path in [output_path / f"{part}.spacy" for part in PARTS]:
        docs = list(read_docs(path, Vocab())) if path.exists() else []
        n_shared = count_shared_docs(docs, earlier)
        if n_shared:
            msg.warn(
                f"{n_shared:,} of {len(docs):,} docs of {path.name} have a text, or belong to a "
                "document, that an earlier part has too: scores on them are too high"
            )
        earlier += docs


def count_shared_docs(docs: List[Doc], others: List[Doc]) -> int:
    """Count the docs whose text, or the document that they are a part of, is among other docs.

    docs (List[Doc]): The docs to count, as `convert` makes them.
    others (List[Doc]): The other docs.
    RETURNS (int): The number of docs.
    """
    texts = {doc.text for doc in others}
    groups = {doc.user_data["group"] for doc in others if "group" in doc.user_data}
    return sum(doc.text in texts or doc.user_data.get("group") in groups for doc in docs)


def make_config(
    config_path: Path,
    corpus: CorpusDescription,
    output_path: Path,
    transformer: Optional[str] = None,
) -> Config:
    """Fill in a training config for a corpus.

    config_path (Path): The config.
    corpus (CorpusDescription): The description of the corpus.
    output_path (Path): The directory of train.spacy and dev.spacy.
    transformer (Optional[str]): Name of the transformer, if the config has one, see
        `find_transformer`. `None` keeps that of the config.
    RETURNS (Config): The config, complete with spaCy's defaults.
    """
    overrides = {
        "nlp.lang": corpus.lang,
        "paths.train": (output_path / "train.spacy").as_posix(),
        "paths.dev": (output_path / "dev.spacy").as_posix(),
        **corpus.config,
    }
    if transformer is not None and "transformer" in load_config(config_path)["components"]:
        overrides["components.transformer.model.name"] = find_transformer(transformer)
    config = load_config(config_path, overrides=overrides)
    config["nlp"]["tokenizer"] = {"@tokenizers": corpus.tokenizer}
    return load_model_from_config(config, auto_fill=True).config


def find_transformer(name: str) -> str:
    """Find a transformer by name.

    name (str): A Python package that ships a transformer in its folder `model`, a folder, or a name
        on a hub.
    RETURNS (str): The folder, or the name on the hub.
    """
    package = find_spec(name.replace("-", "_")) if "/" not in name else None
    if package is not None and package.origin is not None:
        model_path = Path(package.origin).parent / "model"
        if model_path.is_dir():
            return str(model_path)
    return name
