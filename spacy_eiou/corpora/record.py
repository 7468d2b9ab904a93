from dataclasses import dataclass, field
from typing import List, Optional, Sequence, Tuple


class CorpusError(ValueError):
    """A corpus, or what was asked of it, is malformed. The message names the file and the line or
    record, and what was expected there."""


class UnreadableError(CorpusError):
    """A file can't be read as a whole. Any other `CorpusError` of a reader concerns one item."""


@dataclass(frozen=True, slots=True)
class Entity:
    """An annotated stretch of text.

    start (int): Offset of the first character.
    end (int): Offset after the last character.
    label (str): The entity type.
    kb_id (str): Its identifier in a knowledge base, if the corpus gives one.
    score (Optional[float]): Its score, if a model has predicted it.
    """

    start: int
    end: int
    label: str
    kb_id: str = ""
    score: Optional[float] = field(default=None, compare=False)


@dataclass(frozen=True)
class Remark:
    """What happened to an annotated entity on its way into a record or a doc.

    reason (str): What happened, e.g. "discontinuous" or "misaligned".
    record (str): Id of the record.
    entity (Entity): The entity.
    text (str): The text between the offsets.
    where (str): File and line or record, if they are known.
    """

    reason: str
    record: str
    entity: Entity
    text: str
    where: str = field(default="", compare=False)


class Dropped(Remark):
    """An entity that a record or a doc cannot hold."""


class Changed(Remark):
    """An entity that was trimmed, joined, completed or moved. It is given as it is now."""


@dataclass(frozen=True, slots=True)
class Record:
    """An annotated text, as every reader yields it.

    id (str): Name of the record within its corpus.
    text (str): The text, exactly as in the corpus.
    entities (Tuple[Entity, ...]): The entities, which may nest, overlap and repeat.
    words (Optional[Tuple[str, ...]]): The tokens, if the corpus gives them.
    group (Optional[str]): Id of the document that the text is a part of.
    dropped (Tuple[Dropped, ...]): Entities that the reader could not represent.
    skipped (Optional[str]): Why the annotators left the record out, or None for a record to use.
    changed (Tuple[Changed, ...]): Entities that are not as the file states them.
    bad (Tuple[str, ...]): What is malformed: file, line or record, and what was expected there.
    task (Optional[str]): What was annotated, if several annotators may have done so: the same for
        each of their records. If None, that is told by the text.
    annotator (Optional[str]): Name of the annotator, if the corpus gives it.
    is_ground_truth (bool): Whether a reviewer has preferred it to those of the other annotators.
    agreement (Optional[Tuple[int, int]]): Of a record that several annotators made: how many of the
        entities of each pair of them are the same, and how many there are, counted from both sides.
    """

    id: str
    text: str
    entities: Tuple[Entity, ...]
    words: Optional[Tuple[str, ...]] = None
    group: Optional[str] = None
    dropped: Tuple[Dropped, ...] = ()
    skipped: Optional[str] = None
    changed: Tuple[Changed, ...] = ()
    bad: Tuple[str, ...] = ()
    task: Optional[str] = field(default=None, compare=False)
    annotator: Optional[str] = field(default=None, compare=False)
    is_ground_truth: bool = field(default=False, compare=False)
    agreement: Optional[Tuple[int, int]] = field(default=None, compare=False)

    @property
    def document(self) -> str:
        """The document that the record is a part of, or else its text: what no split divides."""
        return f"text {self.text}" if self.group is None else f"group {self.group}"


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
