"""Where writers of formats are registered, each beside the reader of its format."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import (
    Callable,
    Collection,
    Dict,
    FrozenSet,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Pattern,
    Sequence,
    Tuple,
)

from spacy.util import get_words_and_spaces

from .._files import printable
from ..record import Changed, CorpusError, Entity, Record

# The format for training, which has no writer here: its docs have more than records do.
DOCBIN = "docbin"
# The tool that imports a format, where it has another name.
TOOLS = {"inception": "uima-cas"}
# Names are cut to what file systems allow, in bytes.
MAX_NAME_LENGTH = 200


class Target(NamedTuple):
    """Where a writer writes, and what it is told beside the records.

    path (Path): The file or folder, which is not there yet.
    labels (Sequence[str]): The labels of all parts of the corpus, sorted.
    model (Optional[str]): Name of the model that predicted the entities, as suggestions for
        annotators. None if people annotated them.
    """

    path: Path
    labels: Sequence[str] = ()
    model: Optional[str] = None


@dataclass(frozen=True)
class Writer:
    """What writes a format.

    name (str): Its name.
    write (Callable[[Sequence[Record], Target], None]): Writes records that `hold` has returned.
    suffix (str): The suffix of its files; none if it writes a folder.
    holds (FrozenSet[str]): What it holds beside texts and labels: "ids" and
        "groups" of records, "identifiers" and "scores" of entities.
    needs_words (bool): Whether it writes tokens, which the records then have.
    fit (Callable[[Record], Record]): Makes a record as a file of the format holds it.
    text_change (str): How `fit` may change a text.
    beside (Tuple[Tuple[str, Callable[[Sequence[str]], bytes]], ...]): The suffix of each file that
        lies beside, and what makes its content of the labels.
    """

    name: str
    write: Callable[[Sequence[Record], Target], None]
    suffix: str
    holds: FrozenSet[str]
    needs_words: bool = False
    fit: Callable[[Record], Record] = lambda record: record
    text_change: str = ""
    beside: Tuple[Tuple[str, Callable[[Sequence[str]], bytes]], ...] = ()

    def hold(self, record: Record) -> Record:
        """Make a record as a file of the format holds it, with an account of what it can't hold.

        record (Record): The record.
        RETURNS (Record): What reading the file gives.
        """
        if "identifiers" not in self.holds:
            record = replace_in_entities(record, identifier=re.compile(".+", re.DOTALL), by="")
        return self.fit(record)


WRITERS: Dict[str, Writer] = {}


def register_writer(
    name: str,
    *,
    suffix: str,
    holds: Collection[str],
    needs_words: bool = False,
    fit: Callable[[Record], Record] = lambda record: record,
    text_change: str = "",
    beside: Tuple[Tuple[str, Callable[[Sequence[str]], bytes]], ...] = (),
) -> Callable[
    [Callable[[Sequence[Record], Target], None]], Callable[[Sequence[Record], Target], None]
]:
    """Register a function that writes records in a format. The arguments are those of `Writer`.

    RETURNS (Callable[[Callable], Callable]): A decorator.
    """

    def register(
        write: Callable[[Sequence[Record], Target], None],
    ) -> Callable[[Sequence[Record], Target], None]:
        WRITERS[name] = Writer(
            name, write, suffix, frozenset(holds), needs_words, fit, text_change, beside
        )
        return write

    return register


def get_writer(name: str, others: Sequence[str] = ()) -> Writer:
    """Get a writer by the name of its format.

    name (str): The name, or that of its tool in `TOOLS`.
    others (Sequence[str]): Names of what else could have been chosen.
    RETURNS (Writer): The writer.
    RAISES (CorpusError): If there is none of this name.
    """
    name = TOOLS.get(name, name)
    if name not in WRITERS:
        names = ", ".join((*others, *WRITERS, *TOOLS))
        raise CorpusError(f"Expected a format to write from {names}, not '{name}'")
    return WRITERS[name]


def replace_in_entities(
    record: Record,
    *,
    label: Optional[Pattern[str]] = None,
    identifier: Optional[Pattern[str]] = None,
    by: str = "_",
) -> Record:
    """Replace what a format can't hold in the labels and identifiers of entities.

    record (Record): The record.
    label (Optional[Pattern[str]]): What it can't hold in a label.
    identifier (Optional[Pattern[str]]): What it can't hold in an identifier.
    by (str): What to put in its place.
    RETURNS (Record): The record, with an account of what was replaced.
    """
    entities: List[Entity] = []
    changed: List[Changed] = []
    for entity in record.entities:
        new = replace(
            entity,
            label=label.sub(by, entity.label) if label else entity.label,
            kb_id=identifier.sub(by, entity.kb_id) if identifier else entity.kb_id,
        )
        text = record.text[entity.start : entity.end]
        if new.label != entity.label:
            changed.append(Changed("label that the format can't hold", record.id, new, text))
        if new.kb_id != entity.kb_id:
            changed.append(Changed("identifier that the format can't hold", record.id, new, text))
        entities.append(new)
    if not changed:
        return record
    return replace(record, entities=tuple(entities), changed=(*record.changed, *changed))


class Word(NamedTuple):
    """A token in its text.

    text (str): The token.
    start (int): Offset of its first character.
    end (int): Offset after its last character.
    has_space (bool): Whether a space follows that is no token.
    """

    text: str
    start: int
    end: int
    has_space: bool


def locate_words(record: Record) -> List[Word]:
    """Find the tokens of a record in its text.

    record (Record): The record, which has tokens.
    RETURNS (List[Word]): The tokens, and one for each other run of white space between them.
    """
    words, spaces = get_words_and_spaces(list(record.words or ()), record.text)
    located = []
    position = 0
    for word, has_space in zip(words, spaces):
        located.append(Word(word, position, position + len(word), has_space))
        position += len(word) + has_space
    return located


def make_unique(names: Iterable[str]) -> List[str]:
    """Make names of which no two are the same, not even in other case, as some file systems see it.

    names (Iterable[str]): The names.
    RETURNS (List[str]): The names, some with a number.
    """
    # The last number of each, so that many of one name are not tried again and again.
    seen: Dict[str, int] = {}
    unique = []
    for name in names:
        number, candidate = seen.get(name.casefold(), 1), name
        while candidate.casefold() in seen:
            number += 1
            candidate = f"{name}-{number}"
        seen[name.casefold()] = number
        seen.setdefault(candidate.casefold(), 1)
        unique.append(candidate)
    return unique


def make_file_names(records: Iterable[Record]) -> List[str]:
    """RETURNS (List[str]): A file name without a suffix for each record, by its id."""
    return make_unique(_make_file_name(record.id) for record in records)


def _make_file_name(record_id: str) -> str:
    """RETURNS (str): A file name without a suffix, in folders if an id is such a path."""
    parts = printable(record_id).split("/")
    is_path = all(part and not part.startswith(".") for part in parts)
    return "/".join(map(_quote, parts)) if is_path else _quote("/".join(parts))


def _quote(name: str) -> str:
    quoted = re.sub(
        r"[^\w.,() +@=-]|^\.",
        lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()),
        name,
    )
    return quoted.encode()[:MAX_NAME_LENGTH].decode(errors="ignore") or "%"
