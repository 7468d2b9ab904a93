import re
from collections import Counter
from pathlib import Path
from typing import Counter as CounterType
from typing import Dict, Iterator, List, Tuple

from ..record import CorpusError, Entity, Record, join_words, make_record
from ._columns import read_sentences
from .registry import register_format

TAG = re.compile(r"([BI])-(.+)")


@register_format("iob2", suffixes=(".iob2",))
def read_iob2(path: Path) -> Iterator[Record]:
    """Read tokens with IOB2 tags in columns (CoNLL): the token first, then one or more columns of
    tags, separated by a tab if the line has one and otherwise by spaces. Each column is a layer of
    entities, and a cell may hold several tags, separated by `|`. Blank lines separate records, and
    `-DOCSTART-` lines begin the documents that group them. The text is the tokens joined with
    single spaces.

    path (Path): The file.
    YIELDS (Record): The records, in the order of the file.
    RAISES (CorpusError): If a line is malformed, or an I- tag continues no entity of its label.
    """
    for number, (rows, group) in enumerate(read_sentences(path), start=1):
        where = rows[0][0]
        words = [columns[0] for _, columns in rows]
        text, starts, ends = join_words(words, where)
        entities = [
            Entity(starts[start], ends[end - 1], label)
            for layer in range(1, len(rows[0][1]))
            for start, end, label in _read_layer([(row[0], row[1][layer]) for row in rows])
        ]
        record_id = f"{path.stem}-{number}"
        yield make_record(record_id, text, entities, where, words=words, group=group)


def _read_layer(cells: List[Tuple[str, str]]) -> Iterator[Tuple[int, int, str]]:
    """Read the entities of one column.

    cells (List[Tuple[str, str]]): The location and the tags of each token.
    YIELDS (Tuple[int, int, str]): Start, end and label of each entity, in tokens.
    RAISES (CorpusError): If a tag is malformed.
    """
    open_starts: Dict[str, List[int]] = {}
    for i, (where, cell) in enumerate(cells):
        begun, continued = _parse_tags(cell, where)
        for label, count in continued.items():
            if count > len(open_starts.get(label, [])):
                raise CorpusError(f"{where}: expected 'B-{label}' before 'I-{label}'")
        for label, starts in open_starts.items():
            # Entities of one label nest: the ones that began last end first.
            n_open = continued[label]
            yield from ((start, i, label) for start in starts[n_open:])
            del starts[n_open:]
        for label in begun:
            open_starts.setdefault(label, []).append(i)
    for label, starts in open_starts.items():
        yield from ((start, len(cells), label) for start in starts)


def _parse_tags(cell: str, where: str) -> Tuple[List[str], CounterType[str]]:
    """Parse the tags of a cell.

    cell (str): The cell, e.g. "O", "B-DNA" or "B-DNA|I-protein".
    where (str): File and line, for error messages.
    RETURNS (Tuple[List[str], Counter[str]]): The labels of the entities that begin here, and the
        number of entities per label that continue.
    RAISES (CorpusError): If a tag is malformed.
    """
    begun: List[str] = []
    continued: CounterType[str] = Counter()
    for tag in [] if cell == "O" else cell.split("|"):
        match = TAG.fullmatch(tag)
        if not match:
            raise CorpusError(f"{where}: expected O, B-label or I-label, not '{tag}'")
        if match[1] == "B":
            begun.append(match[2])
        else:
            continued[match[2]] += 1
    return begun, continued
