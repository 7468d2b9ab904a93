import os
from pathlib import Path
from typing import Any, Dict, Iterator, List

import srsly
import typer
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from spacy.cli._util import Opt
from spacy.cli._util import app as spacy_app
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example
from spacy.training.corpus import FILE_TYPE, walk_corpus
from spacy.vocab import Vocab

from ..corpora.docbin import load_docs

TEMPLATES_PATH = Path(__file__).parent / "templates"
COMMAND_HELP = "Nested entities with EIoU-EMC: from annotated files to a model, and how good it is."

# Options that several commands take, as spaCy's own do.
CODE_OPTION: Any = Opt(
    None,
    "--code",
    "-c",
    help="Path to Python file with additional code (registered functions) to be imported",
)
GPU_OPTION: Any = Opt(-1, "--gpu-id", "-g", help="GPU ID or -1 for CPU")

app = typer.Typer(
    name="eiou",
    help=COMMAND_HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
spacy_app.add_typer(app)


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, and the directory that it is in.

    path (Path): The file.
    data (bytes): Its content.
    """
    write_files({path: data})


def write_files(contents: Dict[Path, bytes]) -> None:
    """Write files that belong together, and the directories that they are in. If this is
    interrupted, even by a kill, they are all the old ones or all the new ones, or the first one is
    missing: it is never there beside files that do not belong to it.

    contents (Dict[Path, bytes]): The content of each file.
    """
    temporaries = {path: path.with_name(f".{path.name}.{os.getpid()}") for path in contents}
    first, *others = contents
    try:
        for path, data in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            temporaries[path].write_bytes(data)
        if others:
            first.unlink(missing_ok=True)
        for path in (*others, first):
            os.replace(temporaries[path], path)
    finally:
        for temporary in temporaries.values():
            temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON, whole or not at all, and the directory that it is in.

    path (Path): The file.
    value (Any): What JSON can hold.
    """
    write_file(path, to_json(value))


def to_json(value: Any) -> bytes:
    """RETURNS (bytes): A value as indented JSON, in UTF-8."""
    data: str = srsly.json_dumps(value, indent=2)
    return data.encode("utf8")


def read_docs(path: Path, vocab: Vocab) -> Iterator[Doc]:
    """Read annotated docs.

    path (Path): A .spacy file or a directory of them.
    vocab (Vocab): The vocabulary of the docs.
    YIELDS (Doc): The docs, but for empty ones.
    RAISES (CorpusError): If a file is damaged.
    """
    for location in walk_corpus(path, FILE_TYPE):
        yield from (doc for doc in load_docs(location, vocab) if len(doc))


def read_examples(path: Path, nlp: Language) -> List[Example]:
    """Read annotated docs, to compare them with what a pipeline predicts.

    path (Path): A .spacy file or a directory of them.
    nlp (Language): The pipeline.
    RETURNS (List[Example]): The examples, as `spacy.Corpus` makes them.
    RAISES (CorpusError): If a file is damaged.
    """
    return list(Corpus(path).make_examples(nlp, read_docs(path, nlp.vocab)))


def render_template(name: str, values: Dict[str, Any]) -> str:
    """Render a template of this package.

    name (str): Name of its file, without the suffix .jinja.
    values (Dict[str, Any]): The values that it uses.
    RETURNS (str): The text.
    """
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES_PATH),
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return templates.get_template(f"{name}.jinja").render(values)
