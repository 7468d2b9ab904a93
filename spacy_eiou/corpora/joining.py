"""Records of sentences -> records of whole documents."""

from dataclasses import replace
from itertools import chain, groupby
from pathlib import Path
from typing import Iterable, List, Optional, Sequence, Tuple, TypeVar

from ._files import printable
from .record import CorpusError, Entity, Record, Remark

R = TypeVar("R", bound=Remark)


def check_documents(records: Iterable[Record], path: Path) -> None:
    """Check that records can be joined.

    records (Iterable[Record]): The records.
    path (Path): Where they come from.
    RAISES (CorpusError): If no record says which document it is of.
    """
    if all(record.group is None for record in records):
        raise CorpusError(
            f"{printable(path)}: expected records that say which document they are of "
            "(--whole-documents)"
        )


def join_documents(records: Iterable[Record]) -> List[Record]:
    """Join records of the same document that follow each other, with a space between their texts.
    A record without a group is a document by itself; so is one that is skipped, which parts those
    before it from those after it.

    records (Iterable[Record]): The records.
    RETURNS (List[Record]): The documents. Each has the id of its first record, which no other has.
    """
    numbered = enumerate(records)
    groups = groupby(numbered, key=lambda item: _get_document(*item))
    return [_join([record for _, record in group]) for _, group in groups]


def _get_document(number: int, record: Record) -> Tuple[Optional[str], Optional[str], int]:
    if record.group is None or record.skipped is not None:
        return None, None, number
    return record.group, record.annotator, -1


def _join(records: Sequence[Record]) -> Record:
    first = records[0]
    if len(records) == 1:
        return first
    starts, text = [], ""
    for record in records:
        text += " " if text and not text[-1].isspace() else ""
        starts.append(len(text))
        text += record.text
    pairs = list(zip(records, starts))
    words = [record.words for record in records]
    return replace(
        first,
        text=text,
        entities=tuple(_move(item, start) for one, start in pairs for item in one.entities),
        words=None if None in words else tuple(chain.from_iterable(filter(None, words))),
        dropped=tuple(
            _locate(item, first.id, start) for one, start in pairs for item in one.dropped
        ),
        changed=tuple(
            _locate(item, first.id, start) for one, start in pairs for item in one.changed
        ),
        bad=tuple(chain.from_iterable(record.bad for record in records)),
        task=None,
        agreement=_add_agreements(records),
    )


def _move(entity: Entity, start: int) -> Entity:
    return replace(entity, start=entity.start + start, end=entity.end + start)


def _locate(remark: R, record: str, start: int) -> R:
    return replace(remark, record=record, entity=_move(remark.entity, start))


def _add_agreements(records: Iterable[Record]) -> Optional[Tuple[int, int]]:
    counts = [record.agreement for record in records if record.agreement is not None]
    return (sum(same for same, _ in counts), sum(n for _, n in counts)) if counts else None
