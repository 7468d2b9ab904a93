from dataclasses import dataclass
from typing import Iterable, List, Optional, Sequence, Tuple


class CorpusError(ValueError):
    """A corpus, or what was asked of it, is malformed. The message names the file and the line or
    record, and what was expected there."""


@dataclass(frozen=True)
class Entity:
    """An annotated stretch of text.

    start (int): Offset of the first character.
    end (int): Offset after the last character.
    label (str): The entity type.
    """

    start: int
    end: int
    label: str


@dataclass(frozen=True)
class Dropped:
    """An annotated entity that a record or a doc cannot hold.

    reason (str): Why it was dropped, e.g. "discontinuous" or "misaligned".
    record (str): Id of the record.
    entity (Entity): The entity, with the offsets that the corpus gives.
    text (str): The text between the offsets.
    """

    reason: str
    record: str
    entity: Entity
    text: str


@dataclass(frozen=True)
class Record:
    """An annotated text, as every reader yields it.

    id (str): Name of the record within its corpus.
    text (str): The text, exactly as in the corpus.
    entities (Tuple[Entity, ...]): The entities, which may nest, overlap and repeat.
    words (Optional[Tuple[str, ...]]): The tokens, if the corpus gives them.
    group (Optional[str]): Id of the document that the text is a part of.
    dropped (Tuple[Dropped, ...]): Entities that the reader could not represent.
    skipped (Optional[str]): Why the annotators left the record out, or None for a record to use.
    """

    id: str
    text: str
    entities: Tuple[Entity, ...]
    words: Optional[Tuple[str, ...]] = None
    group: Optional[str] = None
    dropped: Tuple[Dropped, ...] = ()
    skipped: Optional[str] = None


def make_record(
    record_id: str,
    text: str,
    entities: Iterable[Entity],
    where: str,
    *,
    words: Optional[Sequence[str]] = None,
    group: Optional[str] = None,
    dropped: Sequence[Dropped] = (),
) -> Record:
    """Build a record, after a check of each entity against the text. An entity whose end does not
    lie after its start is dropped.

    record_id (str): Name of the record within its corpus.
    text (str): The text.
    entities (Iterable[Entity]): The entities, in characters.
    where (str): File and line or record, for error messages.
    words (Optional[Sequence[str]]): The tokens, if the corpus gives them.
    group (Optional[str]): Id of the document that the text is a part of.
    dropped (Sequence[Dropped]): Entities dropped so far.
    RETURNS (Record): The record.
    RAISES (CorpusError): If an offset lies outside the text or a label is empty.
    """
    kept: List[Entity] = []
    dropped = list(dropped)
    for entity in entities:
        check_entity(entity, text, where)
        if entity.start < entity.end:
            kept.append(entity)
        else:
            dropped.append(Dropped("empty or reversed", record_id, entity, ""))
    return Record(
        record_id,
        text,
        tuple(kept),
        words=None if words is None else tuple(words),
        group=group,
        dropped=tuple(dropped),
    )


def check_entity(entity: Entity, text: str, where: str) -> None:
    """Check that an entity has a label and lies within its text.

    entity (Entity): The entity.
    text (str): The text.
    where (str): File and line or record, for error messages.
    RAISES (CorpusError): If an offset lies outside the text or the label is empty.
    """
    if not entity.label:
        raise CorpusError(f"{where}: expected a label for the entity at {entity.start}")
    for offset in (entity.start, entity.end):
        if not 0 <= offset <= len(text):
            raise CorpusError(
                f"{where}: expected offsets from 0 to {len(text)}, the length of the text, "
                f"but '{entity.label}' has {offset}"
            )


def join_words(words: Sequence[str], where: str) -> Tuple[str, List[int], List[int]]:
    """Join tokens with single spaces, for corpora whose entities are given in tokens.

    words (Sequence[str]): The tokens.
    where (str): File and line or record, for error messages.
    RETURNS (Tuple[str, List[int], List[int]]): The text, and the character offsets at which each
        token starts and ends.
    RAISES (CorpusError): If a token is empty.
    """
    starts: List[int] = []
    ends: List[int] = []
    position = 0
    for word in words:
        if not word:
            raise CorpusError(f"{where}: expected tokens of at least one character")
        starts.append(position)
        ends.append(position + len(word))
        position = ends[-1] + 1
    return " ".join(words), starts, ends
