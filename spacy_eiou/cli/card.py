from pathlib import Path
from typing import Optional

from spacy.cli._util import Arg, Opt
from wasabi import msg

from ..evaluation import write_card
from ._util import app, reporting


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
    Write the model card of a pipeline with a nested_spancat.

    It says what the pipeline finds, what it was trained on and how, and how
    well it scores. The card is the README.md of the pipeline, which
    "eiou package" and "spacy package" take for that of the package. Give both
    the same name and version.
    """
    with reporting(f"Can't describe the pipeline '{model_path}'"):
        write_card(model_path, metrics_path, corpus_path=corpus_path, name=name, version=version)
    msg.good(f"Saved model card: {model_path / 'README.md'}")
