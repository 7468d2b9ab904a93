from pathlib import Path
from typing import Optional

from spacy.cli._util import Arg, Opt
from wasabi import msg

from ..corpora import prepare
from ._accounts import SIZE_OPTION, print_account
from ._util import app, reporting


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
    size: str = SIZE_OPTION,
) -> None:
    """
    Convert a described corpus, and fill in the training config.

    The config gets the language, the tokenizer and what else the description of
    the corpus sets.
    """
    with reporting(f"Can't prepare the corpus '{corpus_path}'"):
        accounts = prepare(
            corpus_path,
            output_path,
            config_path=config_path,
            assets_path=assets_path,
            transformer=transformer or None,
            size=size,
            silent=False,
        )
    for path, account in accounts.items():
        msg.divider(path.name)
        print_account(account)
        msg.good(f"Generated output file ({account.documents} documents): {path}")
    msg.good(f"Saved training config: {output_path / 'config.cfg'}")
