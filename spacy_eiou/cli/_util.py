import os
from pathlib import Path
from typing import Any

import srsly
import typer
from spacy.cli._util import app as spacy_app

COMMAND_HELP = "Nested entities with EIoU-EMC: from annotated files to a model, and how good it is."

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
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON, whole or not at all, and the directory that it is in.

    path (Path): The file.
    value (Any): What JSON can hold.
    """
    write_file(path, srsly.json_dumps(value, indent=2).encode("utf8"))
