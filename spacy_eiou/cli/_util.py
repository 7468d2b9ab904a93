import sys
import warnings
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any, Iterator

import typer
from spacy.cli._util import Opt
from spacy.cli._util import app as spacy_app
from wasabi import msg

COMMAND_HELP = "Nested entities with EIoU-EMC: from annotated files to a model, and how good it is."

# Options that several commands take, as spaCy's own do.
CODE_HELP = "Path to Python file with additional code (registered functions) to be imported"
CODE_OPTION: Any = Opt(None, "--code", "-c", help=CODE_HELP)
GPU_OPTION: Any = Opt(-1, "--gpu-id", "-g", help="GPU ID or -1 for CPU")


def _write_in_any_encoding() -> None:
    # Labels and texts hold what a terminal or a file may have no characters for.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


app = typer.Typer(
    name="eiou",
    help=COMMAND_HELP,
    callback=_write_in_any_encoding,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
spacy_app.add_typer(app)


@contextmanager
def reporting(problem: str) -> Iterator[None]:
    """Let a command tell warnings and errors as messages. An error ends it with the exit code 1.

    problem (str): What could not be done, if there is an error.
    """
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: msg.warn(str(message))
        try:
            yield
        except (ValueError, OSError) as err:
            # A message has one paragraph, whatever lines it is given.
            first, *others = str(err).split("\n")
            print()
            msg.fail(problem, first)
            print(*others, "", sep="\n")
            sys.exit(1)
