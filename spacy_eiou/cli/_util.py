import typer
from spacy.cli._util import app as spacy_app

COMMAND_HELP = "Nested entities with EIoU-EMC: convert, inspect, evaluate and calibrate."

app = typer.Typer(name="eiou", help=COMMAND_HELP, no_args_is_help=True)
spacy_app.add_typer(app)
