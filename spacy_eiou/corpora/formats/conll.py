import re
from pathlib import Path
from typing import Iterator, List, Optional, Tuple

from ..record import CorpusError, Entity, Record, join_words, make_record
from ._columns import read_sentences
from .registry import register_format

# B, I, E and S of IOBES; M, L and U are other names of I, E and S (BMES, BILOU).
TAG = re.compile(r"([BIESMLU])-(.+)")


@register_format("conll", suffixes=(".conll",))
def read_conll(path: Path) -> Iterator[Record]:
    """Read tokens in columns whose first one is the token and whose last one its tag, as those of
    CoNLL 2003; the columns between are ignored, see `read_iob2` for layers of entities. The tags
    are IOB2, IOBES, BMES, BILOU, or IOB1, in which an entity begins with I- unless it follows
    another one of its label. Blank lines separate records, and `-DOCSTART-` lines begin the
    documents that group them. The text is the tokens joined with single spaces.

    path (Path): The file.
    YIELDS (Record): The records, in the order of the file.
    RAISES (CorpusError): If a line is malformed.
    """
    for number, (rows, group) in enumerate(read_sentences(path), start=1):
        where = rows[0][0]
        words = [columns[0] for _, columns in rows]
        text, starts, ends = join_words(words, where)
        entities = [
            Entity(starts[start], ends[end - 1], label)
            for start, end, label in _read_entities([(row[0], row[1][-1]) for row in rows])
        ]
        record_id = f"{path.stem}-{number}"
        yield make_record(record_id, text, entities, where, words=words, group=group)


def _read_entities(tags: List[Tuple[str, str]]) -> Iterator[Tuple[int, int, str]]:
    """Read the entities of a sentence.

    tags (List[Tuple[str, str]]): The location and the tag of each token.
    YIELDS (Tuple[int, int, str]): Start, end and label of each entity, in tokens.
    RAISES (CorpusError): If a tag is malformed.
    """
    begun: Optional[Tuple[int, str]] = None
    for i, (where, tag) in enumerate(tags):
        prefix, label = _parse_tag(tag, where)
        if begun is not None and (prefix in "OBSU" or label != begun[1]):
            yield begun[0], i, begun[1]
            begun = None
        if begun is None and prefix != "O":
            begun = i, label
        if begun is not None and prefix in "ELSU":
            yield begun[0], i + 1, begun[1]
            begun = None
    if begun is not None:
        yield begun[0], len(tags), begun[1]


def _parse_tag(tag: str, where: str) -> Tuple[str, str]:
    match = TAG.fullmatch(tag)
    if match:
        return match[1], match[2]
    if tag != "O":
        raise CorpusError(
            f"{where}: expected O or a tag such as B-label in the last column, not '{tag}'"
        )
    return "O", ""
