from typing import Any

from spacy.cli._util import Opt

from ..annotation import TEXT_FORMATS

# Options of the commands that read texts.
TEXT_FORMAT_OPTION: Any = Opt(
    None,
    "--format",
    "-f",
    help=f"Format of the input: {', '.join(TEXT_FORMATS.values())}. Defaults to that of the "
    "file extension",
)
TEXT_KEY_OPTION: Any = Opt(
    "text", "--text-key", "-tk", help="Field of the text in .jsonl, or column in .parquet, .csv"
)
ID_KEY_OPTION: Any = Opt("id", "--id-key", "-ik", help="The same of the id")
