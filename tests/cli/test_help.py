import pytest
import typer

from spacy_eiou.cli import app

COMMANDS = typer.main.get_command(app).commands


def test_commands_are_in_the_order_of_the_work():
    order = ["init", "convert", "statistics", "calibrate", "evaluate", "package", "annotate"]
    assert [name for name in COMMANDS if name in order] == order


@pytest.mark.parametrize("name", COMMANDS)
def test_summaries_fit_the_line(name):
    command = COMMANDS[name]
    summary = command.help.split("\n\n")[0]
    assert command.get_short_help_str(80 - 6 - max(map(len, COMMANDS))) == summary.rstrip(".") + "."
