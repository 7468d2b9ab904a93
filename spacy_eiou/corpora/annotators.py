"""Texts that several annotators annotated."""

from collections import Counter
from dataclasses import replace
from itertools import combinations
from typing import Counter as CounterType
from typing import (
    Dict,
    Hashable,
    Iterable,
    Iterator,
    List,
    Literal,
    Optional,
    Set,
    Tuple,
    get_args,
)

from .record import Changed, CorpusError, Dropped, Entity, Record

Merge = Literal["first", "majority", "union"]
MERGES: Tuple[str, ...] = get_args(Merge)


def merge_annotators(
    records: Iterable[Record], merge: Optional[str] = None, annotator: Optional[str] = None
) -> List[Record]:
    """Make one record of those that several annotators made of a text.

    records (Iterable[Record]): The records.
    merge (Optional[str]): Whether to take the entities of the "first" annotator, those of the
        "majority" of them, which of two is both, or the "union" of all. If None, the ground truth
        if there is one, or else the first, which is counted as a change.
    annotator (Optional[str]): The only annotator to keep. Texts that he or she did not annotate are
        skipped.
    RETURNS (List[Record]): The records. Those of several annotators have an `agreement`.
    RAISES (CorpusError): If there is no such annotator, or no such way to merge.
    """
    if merge is not None and merge not in MERGES:
        raise CorpusError(f"Expected --merge to be one of {', '.join(MERGES)}, not '{merge}'")
    records = list(records)
    names = sorted({record.annotator for record in records if record.annotator is not None})
    if annotator is not None and annotator not in names:
        raise CorpusError(
            f"Expected an annotator of the corpus, not '{annotator}': {', '.join(names) or 'none'}"
        )
    groups: Dict[Hashable, List[Record]] = {}
    for key, record in zip(_find_tasks(records), records, strict=True):
        groups.setdefault(key, []).append(record)
    return [_merge(group, merge, annotator) for group in groups.values()]


def _find_tasks(records: Iterable[Record]) -> Iterator[Hashable]:
    """YIELDS (Hashable): What each record has in common with those that other annotators made of
    the same text. Of equal texts, the first of one annotator is that of the others, and so on."""
    seen = Counter[Tuple[str, str]]()
    for number, record in enumerate(records):
        if record.skipped is None and record.task is not None:
            yield record.task
        elif record.skipped is None and record.annotator is not None:
            key = (record.annotator, record.text)
            yield record.text, seen[key]
            seen[key] += 1
        else:
            yield number


def _merge(records: List[Record], merge: Optional[str], annotator: Optional[str]) -> Record:
    chosen = records
    if annotator is not None and records[0].skipped is None:
        chosen = [record for record in records if record.annotator == annotator]
        if not chosen:
            return replace(records[0], entities=(), skipped=f"not annotated by {annotator}")
    if len(records) == 1:
        return records[0]
    if merge in (None, "first") or len(chosen) == 1:
        merged = _take_first(chosen, is_default=merge is None and annotator is None)
    else:
        merged = _vote(chosen, least=len(chosen) // 2 + 1 if merge == "majority" else 1)
    return replace(
        merged,
        bad=tuple(problem for record in records for problem in record.bad),
        agreement=find_agreement([record.entities for record in records]),
    )


def _find_first(records: List[Record]) -> Record:
    """RETURNS (Record): The ground truth if there is one, or else the first."""
    return next((record for record in records if record.is_ground_truth), records[0])


def _take_first(records: List[Record], *, is_default: bool) -> Record:
    """RETURNS (Record): The first, with a change if nobody chose it and it is no ground truth."""
    first = _find_first(records)
    if not is_default or first.is_ground_truth:
        return first
    entity = first.entities[0] if first.entities else Entity(0, 0, "")
    text = first.text[entity.start : entity.end]
    reason = "of the first of several annotators; else choose --merge or --annotator"
    change = Changed(reason, first.id, entity, text, f"annotator {first.annotator}")
    return replace(first, changed=(*first.changed, change))


def _vote(records: List[Record], *, least: int) -> Record:
    """RETURNS (Record): The first, with the entities that at least so many annotators gave."""
    first = _find_first(records)
    votes = _count_votes(records)
    n_annotators = Counter(key for record in records for key in {*map(_get_key, record.entities)})
    kept: Set[Entity] = set()
    chosen: Dict[Tuple[int, int, str], Entity] = {}
    dropped = [item for record in records for item in record.dropped]
    changed = [item for record in records for item in record.changed]
    for entity, count in votes.most_common():
        key, text = _get_key(entity), first.text[entity.start : entity.end]
        if n_annotators[key] < least:
            dropped.append(Dropped("outvoted", first.id, entity, text))
        # Who agrees on an entity need not agree on its identifier.
        elif count >= least or key not in chosen:
            kept.add(entity)
            chosen.setdefault(key, entity)
        else:
            changed.append(Changed("identifier outvoted", first.id, chosen[key], text))
    return replace(
        first,
        entities=tuple(entity for entity in votes if entity in kept),
        dropped=tuple(dropped),
        changed=tuple(changed),
        annotator=None,
    )


def _get_key(entity: Entity) -> Tuple[int, int, str]:
    return entity.start, entity.end, entity.label


def _count_votes(records: List[Record]) -> CounterType[Entity]:
    """RETURNS (Counter[Entity]): How many annotators gave each entity."""
    votes = Counter(entity for record in records for entity in dict.fromkeys(record.entities))
    # Who gives no identifier doesn't say that there is none.
    for entity in [entity for entity in votes if not entity.kb_id]:
        named = [other for other in votes if other.kb_id and replace(other, kb_id="") == entity]
        if named:
            votes[max(named, key=votes.__getitem__)] += votes.pop(entity)
    return votes


def find_agreement(annotations: List[Tuple[Entity, ...]]) -> Tuple[int, int]:
    """Count how far the annotators of a text agree.

    annotations (List[Tuple[Entity, ...]]): The entities of each annotator.
    RETURNS (Tuple[int, int]): How many entities of each pair are the same, and how many there are,
        both counted from both sides: their quotient is the F-score.
    """
    sets: List[Set[Tuple[int, int, str]]] = [
        {(entity.start, entity.end, entity.label) for entity in entities}
        for entities in annotations
    ]
    pairs = list(combinations(sets, 2))
    return (
        sum(2 * len(first & second) for first, second in pairs),
        sum(len(first) + len(second) for first, second in pairs),
    )
