"""What readers make of a file, and the rules by which records are made of that: see
docs/formats.md."""

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import (
    Any,
    Callable,
    Iterable,
    Iterator,
    List,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
    Union,
)
from unicodedata import normalize

from ._parse import show
from .record import Changed, CorpusError, Dropped, Entity, Record, UnreadableError

T = TypeVar("T")
# What messages say of the commonest mistake.
INCLUSIVE_ENDS = (
    "the ends seem to be inclusive, but an end is expected to be the offset after the last "
    "character. Add 1 to each end"
)


@dataclass(frozen=True, slots=True)
class Mention:
    """An entity as a file states it.

    start (int): Offset of the start, as the file counts.
    end (int): Offset of the end, as the file counts.
    label (str): The entity type.
    text (Optional[str]): The text there, if the file states it. White space may differ.
    kb_id (str): Its identifier in a knowledge base, if the file gives one.
    where (str): File and line or record.
    fragments (Tuple[Tuple[int, int], ...]): Start and end of each fragment, if there are several.
    base (int): The character of the text from which the offsets count.
    score (Optional[float]): Its score, if the file gives one.
    """

    start: int
    end: int
    label: str
    text: Optional[str] = None
    kb_id: str = ""
    where: str = ""
    fragments: Tuple[Tuple[int, int], ...] = ()
    base: int = 0
    score: Optional[float] = None

    @property
    def bounds(self) -> Tuple[Tuple[int, int], ...]:
        """Start and end of each fragment, of which there is at least one."""
        return self.fragments or ((self.start, self.end),)

    def to_entity(self, start: int, end: int) -> Entity:
        """RETURNS (Entity): The entity at characters of the text."""
        return Entity(start, end, self.label, self.kb_id, self.score)


@dataclass(slots=True)
class Draft:
    """An annotated text as a file states it. `resolve` makes a record of it.

    text (str): The text.
    where (str): File, and line or record.
    number (Optional[int]): Its number in the file, if the file holds several.
    id (Optional[str]): Its id. If None, the name of the file and the number.
    mentions (List[Mention]): The entities.
    words, skipped, task, annotator, is_ground_truth: See `Record`.
    group (Optional[str]): Id of the document that the text is a part of.
    document (Optional[int]): The number of that document in the file, if it has no id.
    dropped (List[Dropped]): Entities that the reader can't represent. Their record need not be set.
    changed (List[Changed]): Entities that the reader has completed, likewise.
    bad (List[str]): What is malformed.
    is_located (bool): Whether the reader has located the entities in the characters of the text
        itself, e.g. from tokens: then it is no question how the offsets of the file count.
    """

    text: str
    where: str
    number: Optional[int] = None
    id: Optional[str] = None
    mentions: List[Mention] = field(default_factory=list)
    words: Optional[Sequence[str]] = None
    group: Optional[str] = None
    document: Optional[int] = None
    skipped: Optional[str] = None
    task: Optional[str] = None
    annotator: Optional[str] = None
    is_ground_truth: bool = False
    dropped: List[Dropped] = field(default_factory=list)
    changed: List[Changed] = field(default_factory=list)
    bad: List[str] = field(default_factory=list)
    is_located: bool = False

    def parse(
        self, parse: Callable[[T, str], Iterable[Mention]], items: Iterable[T], where: str = ""
    ) -> None:
        """Add entities. A malformed one is left out and counted.

        parse (Callable[[T, str], Iterable[Mention]]): Makes mentions of an item, of which it is
            told where it is.
        items (Iterable[T]): The items.
        where (str): Where they are. Defaults to where the text is.
        """
        for item in items:
            try:
                self.mentions += parse(item, where or self.where)
            except UnreadableError:
                raise
            except CorpusError as err:
                self.reject(str(err), item)

    def reject(self, message: str, item: Any, reason: str = "malformed") -> None:
        """Leave out a malformed entity.

        message (str): Where it is, and what was expected there.
        item (Any): What is there.
        reason (str): What is wrong with it.
        """
        self.bad.append(message)
        self.dropped.append(Dropped(reason, "", Entity(0, 0, ""), show(item)))

    def leave_out(
        self, reason: str, parse: Callable[[T, str], Iterable[Mention]], items: Iterable[T]
    ) -> None:
        """Leave out entities from another place than the one that is read, and count those that are
        not there too.

        reason (str): The place.
        parse (Callable[[T, str], Iterable[Mention]]): Makes mentions of an item, see `parse`.
        items (Iterable[T]): The items.
        """
        others = Draft(self.text, self.where)
        others.parse(parse, items)
        self.dropped += others.dropped
        read = {(mention.start, mention.end, mention.label) for mention in self.mentions}
        for mention in others.mentions:
            start, end = mention.start, mention.end
            if (start, end, mention.label) not in read:
                text = mention.text or self.text[max(0, start) : max(0, end)]
                entity = mention.to_entity(start, end)
                self.dropped.append(Dropped(reason, "", entity, text, mention.where))


def parse_each(
    items: Iterable[Tuple[str, T]], parse: Callable[[T, str], Union[Draft, Iterable[Draft], None]]
) -> Iterator[Draft]:
    """Parse the items of a file. A malformed one is left out and counted.

    items (Iterable[Tuple[str, T]]): File and line or record, and the item.
    parse (Callable[[T, str], Union[Draft, Iterable[Draft], None]]): Makes drafts of an item.
    YIELDS (Draft): The drafts.
    RAISES (UnreadableError): If the file can't be read as a whole.
    """
    for where, item in items:
        try:
            drafts = parse(item, where)
            drafts = [drafts] if isinstance(drafts, Draft) else list(drafts or ())
        except UnreadableError:
            raise
        except CorpusError as err:
            drafts = [Draft("", where, id=where, skipped="malformed", bad=[str(err)])]
        yield from drafts


def make_record(
    draft: Draft, name: str, locate: Callable[[str, Mention], Optional[List[Tuple[int, int]]]]
) -> Record:
    """Make a record of a draft. Of entities white space at the edges is trimmed, and fragments with
    nothing else between them are joined. An entity is dropped if it lacks a label or extent, or is
    not where the text is that the file states.

    draft (Draft): The draft.
    name (str): Name of the file.
    locate (Callable[[str, Mention], Optional[List[Tuple[int, int]]]]): Finds the start and the end
        of each fragment, in characters; None if they are not in the text.
    RETURNS (Record): The record.
    """
    record_id = draft.id
    if record_id is None:
        record_id = name if draft.number is None else f"{name}-{draft.number}"
    entities: List[Entity] = []
    dropped = [
        Dropped(item.reason, record_id, item.entity, item.text, item.where)
        for item in draft.dropped
    ]
    changed = [
        Changed(item.reason, record_id, item.entity, item.text, item.where)
        for item in draft.changed
    ]
    bad = list(draft.bad)
    for mention in draft.mentions:
        where = mention.where or draft.where
        spans = locate(draft.text, mention)
        entity, text, reason, problem = _check(draft.text, mention, spans)
        if reason is not None:
            dropped.append(Dropped(reason, record_id, entity, text, where))
            if problem:
                bad.append(f"{where}: {problem}")
            continue
        if len(mention.bounds) > 1:
            changed.append(Changed("joined over white space", record_id, entity, text, where))
        if not text.strip():
            dropped.append(Dropped("whitespace", record_id, entity, text, where))
            continue
        trimmed = text.strip()
        if trimmed != text:
            start = entity.start + len(text) - len(text.lstrip())
            entity = replace(entity, start=start, end=start + len(trimmed))
            changed.append(Changed("white space trimmed", record_id, entity, trimmed, where))
        entities.append(entity)
    return Record(
        record_id,
        draft.text,
        tuple(entities),
        words=None if draft.words is None else tuple(draft.words),
        group=draft.group,
        dropped=tuple(dropped),
        skipped=draft.skipped,
        changed=tuple(changed),
        bad=tuple(bad),
        task=draft.task,
        annotator=draft.annotator,
        is_ground_truth=draft.is_ground_truth,
    )


def _check(
    text: str, mention: Mention, spans: Optional[List[Tuple[int, int]]]
) -> Tuple[Entity, str, Optional[str], str]:
    """RETURNS (Tuple[Entity, str, Optional[str], str]): The entity and its text; why it has to be
    dropped, if it has; and if it is malformed, what was expected."""
    if spans is None:
        entity = mention.to_entity(mention.start, mention.end)
        found = text[max(0, mention.base + mention.start) : max(0, mention.base + mention.end)]
        length = len(text) - mention.base
        problem = (
            f"expected offsets from 0 to {length}, the length of the text, but '{mention.label}' "
            f"has {mention.start} to {mention.end}"
        )
        return entity, found, "outside of the text", problem
    entity = mention.to_entity(spans[0][0], spans[-1][1])
    found = text[entity.start : entity.end]
    if any(start >= end for start, end in spans):
        problem = f"expected an end after the start, not {mention.start} to {mention.end}"
        return entity, "", "empty or reversed", problem
    if not mention.label.strip():
        return entity, found, "no label", f"expected a label for '{found}' at {entity.start}"
    if len(spans) == 1 and mention.text is None:
        return entity, found, None, ""
    fragments = " ".join(text[start:end] for start, end in spans)
    if not is_stated(fragments, mention):
        problem = (
            f"expected '{mention.text}' at {mention.start} to {mention.end}, but the text has "
            f"'{fragments}' there"
        )
        if is_stated(" ".join(text[start : end + 1] for start, end in spans), mention):
            problem += f": {INCLUSIVE_ENDS}"
        return entity, found, "text differs", problem
    gaps = [text[first[1] : second[0]] for first, second in pairwise(spans)]
    if any(gap.strip() for gap in gaps) or sorted(spans) != spans:
        return entity, fragments, "discontinuous", ""
    return entity, found, None, ""


def is_stated(found: str, mention: Mention) -> bool:
    """RETURNS (bool): Whether a text is the one that the file states for a mention. Formats and
    browsers show line ends and other white space as they like, and some systems compose accents."""
    if mention.text is None or found == mention.text:
        return True
    # Label Studio escapes line ends.
    texts = (found, mention.text, mention.text.replace("\\n", "\n"))
    words, *stated = (normalize("NFC", text).split() for text in texts)
    return words in stated
