from typing import Any

from spacy.cli._util import Opt

from ..annotation import TEXT_FORMATS
from ..annotation.tasks import TOOL_NAMES

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
TO_OPTION: Any = Opt(
    None,
    "--to",
    help="Also write tasks for an annotation tool beside the output, as NAME.tasks: "
    f"{', '.join(TOOL_NAMES)}, or another format that convert writes",
)
