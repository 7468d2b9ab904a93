import sys
import warnings
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any, Callable, Dict, Iterator, List, Optional, TypeVar

import typer
from click import NoSuchOption
from spacy.cli._util import Opt, parse_config_overrides
from spacy.cli._util import app as spacy_app
from wasabi import msg

T = TypeVar("T")

COMMAND_HELP = "Nested entities with EIoU-EMC: from annotated files to a model, and how good it is."

# Options that several commands take, as spaCy's own do.
CODE_HELP = "Path to Python file with additional code (registered functions) to be imported"
CODE_OPTION: Any = Opt(None, "--code", "-c", help=CODE_HELP)
GPU_OPTION: Any = Opt(-1, "--gpu-id", "-g", help="GPU ID or -1 for CPU")
# What a command takes as an option besides its own, see `parse_overrides`.
WITH_OVERRIDES: Any = {"allow_extra_args": True, "ignore_unknown_options": True}


def parse_overrides(ctx: typer.Context) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): The settings of a config that a command line replaces, as for
    `spacy train`. What is none of them ends the command as an unknown option does."""
    try:
        return parse_config_overrides(ctx.args)
    except NoSuchOption as err:
        ctx.fail(
            f"{err.format_message()} Settings of the config have a dot, such as "
            "--training.max_steps"
        )


def parse_list(value: Optional[str], kind: Callable[[str], T], option: str) -> Optional[List[T]]:
    """RETURNS (Optional[List[T]]): The items of an option, which commas separate.
    RAISES (BadParameter): If one is not of the kind."""
    if value is None:
        return None
    try:
        return [kind(item) for item in value.split(",")]
    except ValueError as err:
        numbers = "whole numbers" if kind is int else "numbers"
        raise typer.BadParameter(
            f"expected {numbers} separated by commas, not '{value}'", param_hint=option
        ) from err


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
