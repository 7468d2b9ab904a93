"""What the tests of commands share."""

from typer.testing import CliRunner

from spacy_eiou.cli import app


def invoke(*args):
    """RETURNS (Result): What a command with arguments, such as paths and numbers, comes to."""
    return CliRunner().invoke(app, [*map(str, args)])


def run(*args):
    """RETURNS (Tuple[int, str]): The exit code of a command, and what it prints, as one line and
    without the frame around an error.
    """
    result = invoke(*args)
    return result.exit_code, " ".join(result.output.replace("│", " ").split())
