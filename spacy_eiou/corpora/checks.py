"""What may be wrong with an annotated corpus."""

from collections import Counter, defaultdict
from itertools import combinations
from typing import Counter as CounterType
from typing import (
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from spacy.tokens import Doc

from ..spans.groups import LabeledSpan, get_spans
from ..tables import one_line
from .record import Record

# Names that differ by a letter are mentioned from this length on: DNA and RNA are no mistake.
MIN_LABEL_LENGTH = 4
N_SHOWN = 5


class LabeledText(NamedTuple):
    """An annotated text.

    text (str): The text.
    group (Optional[str]): Id of the document that it is a part of.
    entities (Tuple[LabeledSpan, ...]): Start, end and label of the entities.
    """

    text: str
    group: Optional[str]
    entities: Tuple[LabeledSpan, ...]

    @classmethod
    def from_record(cls, record: Record) -> "LabeledText":
        """RETURNS (LabeledText): The annotated text of a record."""
        entities = tuple((entity.start, entity.end, entity.label) for entity in record.entities)
        return cls(record.text, record.group, entities)

    @classmethod
    def from_doc(cls, doc: Doc, spans_key: str = "sc") -> "LabeledText":
        """RETURNS (LabeledText): The annotated text of a doc, as `convert` makes it."""
        return cls(doc.text, doc.user_data.get("group"), tuple(get_spans(doc, spans_key)))


def find_warnings(parts: Mapping[str, Iterable[LabeledText]]) -> List[str]:
    """Find what may be wrong with a corpus: documents that parts share, documents that stand in a
    part several times, parts without entities, texts that are annotated differently in two places,
    labels that differ by a letter or by case, and labels with one example.

    parts (Mapping[str, Iterable[LabeledText]]): The annotated texts of each part, by its name.
    RETURNS (List[str]): The warnings.
    """
    examples = {part: list(members) for part, members in parts.items()}
    everything = [example for members in examples.values() for example in members]
    warnings = [
        *find_shared(examples),
        *_find_repeated(examples),
        *_find_unannotated(examples),
        *_find_contradictions(everything),
        *find_similar_labels(label for item in everything for _, _, label in item.entities),
    ]
    counts = Counter(label for example in everything for _, _, label in example.entities)
    rare = sorted(label for label, count in counts.items() if count == 1)
    if rare:
        warnings.append(f"{len(rare):,} labels have one example: {_show(rare)}")
    return warnings


def find_shared(parts: Mapping[str, Sequence[LabeledText]]) -> Iterator[str]:
    """Find documents that parts of a corpus share.

    parts (Mapping[str, Sequence[LabeledText]]): The annotated texts of each part, by its name.
    YIELDS (str): A warning for each part that shares any with an earlier one. The first is train.
    """
    texts: Set[str] = set()
    groups: Set[str] = set()
    for part in sorted(parts, key=lambda part: part != "train"):
        examples = parts[part]
        shared = [
            example for example in examples if example.text in texts or example.group in groups
        ]
        if shared:
            yield (
                f"{len(shared):,} of {len(examples):,} documents of {part} have a text, or belong "
                "to a document, that an earlier part has too: scores on them are too high "
                f"({_show([shared[0].text])})"
            )
        texts.update(example.text for example in examples)
        groups.update(example.group for example in examples if example.group is not None)


def _find_repeated(parts: Mapping[str, List[LabeledText]]) -> Iterable[str]:
    for part, examples in parts.items():
        counts = Counter(example.text for example in examples if example.text)
        repeated = [text for text, count in counts.items() if count > 1]
        if repeated:
            n_more = sum(counts[text] - 1 for text in repeated)
            name = f" of {part}" if len(parts) > 1 else ""
            yield (
                f"{n_more:,} documents{name} have the text of another one ({_show(repeated[:1])})"
            )


def _find_unannotated(parts: Mapping[str, List[LabeledText]]) -> Iterable[str]:
    has_entities = {
        part: any(example.entities for example in examples) for part, examples in parts.items()
    }
    if any(has_entities.values()):
        for part, examples in parts.items():
            if examples and not has_entities[part]:
                yield f"No document of {part} has an entity, unlike those of other parts"


def _find_contradictions(examples: List[LabeledText]) -> Iterable[str]:
    annotations: Dict[str, Set[Tuple[LabeledSpan, ...]]] = {}
    for example in examples:
        annotations.setdefault(example.text, set()).add(tuple(sorted(set(example.entities))))
    differing = [text for text, found in annotations.items() if len(found) > 1]
    if differing:
        yield (
            f"{len(differing):,} texts are annotated differently in two places "
            f"({_show(differing[:1])})"
        )


def find_similar_labels(labels: Iterable[str]) -> List[str]:
    """Find labels that may be one label, written differently.

    labels (Iterable[str]): The labels, as often as they occur.
    RETURNS (List[str]): The warnings.
    """
    counts: CounterType[str] = Counter(labels)
    warnings = []
    for first, second in _find_close_pairs(counts):
        if _fold(first) == _fold(second):
            difference = "by case or by punctuation"
        elif min(len(first), len(second)) >= MIN_LABEL_LENGTH and _differ_by_letter(first, second):
            difference = "by a letter"
        else:
            continue
        warnings.append(
            f"The labels '{one_line(first)}' ({counts[first]:,}) and '{one_line(second)}' "
            f"({counts[second]:,}) differ {difference}"
        )
    return warnings


def _find_close_pairs(labels: Iterable[str]) -> List[Tuple[str, str]]:
    """RETURNS (List[Tuple[str, str]]): The pairs that may be similar, in order: those that become
    the same when folded, or by leaving out a character of one or both."""
    groups: Dict[str, Set[str]] = defaultdict(set)
    for label in labels:
        for key in (_fold(label), label, *(label[:i] + label[i + 1 :] for i in range(len(label)))):
            groups[key].add(label)
    return sorted({pair for group in groups.values() for pair in combinations(sorted(group), 2)})


def _fold(label: str) -> str:
    return "".join(char for char in label.casefold() if char not in " _-.")


def _differ_by_letter(first: str, second: str) -> bool:
    """RETURNS (bool): Whether one letter of two names was added, left out or replaced."""
    short, long = sorted((first, second), key=len)
    start = next((i for i, pair in enumerate(zip(short, long)) if pair[0] != pair[1]), len(short))
    changed = {long[start], *short[start : start + 1]}
    rest = short[start:] if len(short) < len(long) else short[start + 1 :]
    return long[start + 1 :] == rest and all(char.isalpha() for char in changed)


def _show(values: List[str]) -> str:
    shown = ", ".join(
        f"'{one_line(value[:60])}...'" if len(value) > 60 else f"'{one_line(value)}'"
        for value in values[:N_SHOWN]
    )
    return f"{shown} ..." if len(values) > N_SHOWN else shown
