import re
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional, Tuple

from .._parse import read_lines
from ..record import CorpusError

DOCUMENT_START = "-DOCSTART-"

# The location and the columns of a token.
Row = Tuple[str, List[str]]


class Sentence(NamedTuple):
    """Consecutive tokens of a file in columns.

    rows (List[Row]): The tokens, all with the same number of columns.
    group (Optional[str]): Id of the document, if `-DOCSTART-` lines separate documents.
    """

    rows: List[Row]
    group: Optional[str]


def read_sentences(path: Path) -> Iterator[Sentence]:
    """Read a file of tokens in two or more columns, separated by a tab if the line has one and
    otherwise by spaces. Blank lines separate sentences, `-DOCSTART-` lines begin documents.

    path (Path): The file.
    YIELDS (Sentence): The sentences, none of which is empty.
    RAISES (CorpusError): If a token has another number of columns than the first of its sentence.
    """
    rows: List[Row] = []
    group = None
    n_documents = 0
    for number, line in read_lines(path):
        where = f"{path}, line {number}"
        if line.strip() and not line.startswith(DOCUMENT_START):
            # Not `split()`, which would take a no-break space for a separator.
            columns = line.split("\t") if "\t" in line else re.split(" +", line.strip(" "))
            n_columns = len(rows[0][1]) if rows else max(2, len(columns))
            if len(columns) != n_columns:
                raise CorpusError(
                    f"{where}: expected a token and its tags in {n_columns} columns, "
                    f"not in {len(columns)}"
                )
            rows.append((where, columns))
            continue
        if rows:
            yield Sentence(rows, group)
            rows = []
        if line.startswith(DOCUMENT_START):
            n_documents += 1
            group = f"{path.stem}-document-{n_documents}"
    if rows:
        yield Sentence(rows, group)
