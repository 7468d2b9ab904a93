from pathlib import Path
from typing import Iterator

from ..draft import Draft
from ._columns import fit_columns, read_columns, recognizes_columns, write_columns
from .registry import register_format
from .writers import register_writer


@register_format(
    "iob2",
    recognizes=lambda sample: sample.path.suffix == ".iob2" and recognizes_columns(sample),
)
def read_iob2(path: Path) -> Iterator[Draft]:
    """Read tokens in columns as `read_conll` does, and a column of phrases (NP, VP, ...) as a layer
    of entities too.

    path (Path): The file.
    YIELDS (Draft): The records, in the order of the file.
    RAISES (UnreadableError): If no column holds tags, or the first one holds no words.
    """
    yield from read_columns(path, with_phrases=True)


register_writer(
    "iob2",
    suffix=".iob2",
    holds=("groups",),
    needs_words=True,
    fit=fit_columns,
    text_change="tokens are joined with single spaces",
)(write_columns)
