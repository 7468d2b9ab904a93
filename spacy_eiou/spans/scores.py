from collections import defaultdict
from typing import (
    AbstractSet,
    Any,
    Collection,
    Dict,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

import numpy as np

from .groups import LabeledSpan
from .nesting import Nesting, best_iou, find_nesting
from .pairs import Ints, lay_end_to_end

# What tables call the scores of `score_spans`.
TITLES = {
    "f": "micro F",
    "macro_f": "macro F",
    "p": "precision",
    "r": "recall",
    "inner_f": "inner F",
    "outer_f": "outer F",
    "flat_f": "flat F",
    "boundary_f": "boundary F",
    "label_acc": "label acc.",
    "mean_iou": "mean IoU",
    "gold": "gold spans",
    "predicted": "predicted spans",
    "correct": "correct spans",
    "crossing_pairs_gold": "crossing pairs, gold",
    "crossing_pairs_predicted": "crossing pairs, predicted",
}
# The subsets of the spans that are scored apart, see `nesting`.
SUBSETS = ("nested", "inner", "outer", "crossing", "flat")

# A LabeledSpan after the index of its document.
CorpusSpan = Tuple[int, int, int, str]
# Document index, start and end character.
Boundaries = Tuple[int, int, int]


class SpanSets(NamedTuple):
    """The gold and the predicted spans that a score is about: tuples that begin with the index of
    their document.

    gold (AbstractSet[Any]): The gold spans.
    predicted (AbstractSet[Any]): The predicted spans.
    found (AbstractSet[Any]): The gold spans that are predicted.
    correct (AbstractSet[Any]): The predicted spans that are gold.
    """

    gold: AbstractSet[Any]
    predicted: AbstractSet[Any]
    found: AbstractSet[Any]
    correct: AbstractSet[Any]


class Comparison(NamedTuple):
    """Gold and predicted spans side by side, as `compare_spans` puts them.

    groups (Dict[str, SpanSets]): All spans as "", their boundaries as "boundary_", and the subsets
        of `SUBSETS`, each with an underscore after its name.
    per_type (Dict[str, SpanSets]): The spans of each type.
    agreements (Dict[Boundaries, bool]): Whether boundaries that both sides have bear the same
        labels on both.
    ious (Dict[Boundaries, float]): The greatest intersection over union of gold boundaries with any
        predicted span of the document, in characters.
    crossing_pairs_gold, crossing_pairs_predicted (int): Number of pairs of boundaries that cross.
    """

    groups: Dict[str, SpanSets]
    per_type: Dict[str, SpanSets]
    agreements: Dict[Boundaries, bool]
    ious: Dict[Boundaries, float]
    crossing_pairs_gold: int
    crossing_pairs_predicted: int


def score_spans(
    gold: Sequence[Collection[LabeledSpan]], predicted: Sequence[Collection[LabeledSpan]]
) -> Dict[str, Any]:
    """Score predicted spans against gold spans, with nested entities apart.

    A predicted span is correct if the same document holds a gold span with the same boundaries
    and label; two labels on the same boundaries are two spans. All scores lie between 0 and 1.
    As in spaCy, precision, recall and F-score are None if there are neither gold nor predicted
    spans to measure, and 0 if only one side has none.

    gold (Sequence[Collection[LabeledSpan]]): The gold spans of each document.
    predicted (Sequence[Collection[LabeledSpan]]): The predicted spans of each document.
    RETURNS (Dict[str, Any]): The scores:
        p, r, f, gold, predicted, correct: Precision, recall, F-score and number of spans over all
            types (micro average).
        macro_f: Mean F-score of the types that occur in the gold spans.
        per_type: The same six values as above for each type, or None if there are no spans.
        boundary_*: The same six values with the labels ignored.
        label_acc: Share of the boundaries found on both sides that have the same labels on both.
        mean_iou: Mean over the gold boundaries of the greatest intersection over union with
            any predicted span of the document, in characters.
        nested_*, inner_*, outer_*, crossing_*, flat_*: The same six values for a subset of the
            entities, in the words of `nesting`: recall over the gold spans that belong to it among
            the gold spans, precision over the predicted spans that belong to it among the
            predicted spans, and `correct` the number of the latter that are gold.
        crossing_pairs_gold, crossing_pairs_predicted: Number of pairs of boundaries that cross.
    RAISES (ValueError): If the numbers of documents differ.
    """
    compared = compare_spans(gold, predicted)
    per_type = {label: score_counts(*map(len, spans)) for label, spans in compared.per_type.items()}
    scores: Dict[str, Any] = {}
    for prefix, spans in compared.groups.items():
        score = score_counts(*map(len, spans))
        scores.update({f"{prefix}{name}": value for name, value in score.items()})
    return {
        **scores,
        "macro_f": _mean([score["f"] for score in per_type.values() if score["gold"]]),
        "per_type": per_type or None,
        "label_acc": _mean(compared.agreements.values()),
        "mean_iou": _mean(compared.ious.values()),
        "crossing_pairs_gold": compared.crossing_pairs_gold,
        "crossing_pairs_predicted": compared.crossing_pairs_predicted,
    }


def compare_spans(
    gold: Sequence[Collection[LabeledSpan]], predicted: Sequence[Collection[LabeledSpan]]
) -> Comparison:
    """Put gold and predicted spans side by side, group by group.

    gold (Sequence[Collection[LabeledSpan]]): The gold spans of each document.
    predicted (Sequence[Collection[LabeledSpan]]): The predicted spans of each document.
    RETURNS (Comparison): The groups.
    RAISES (ValueError): If the numbers of documents differ.
    """
    if len(gold) != len(predicted):
        raise ValueError(
            f"Can't score spans: expected as many predicted as gold documents, but got "
            f"{len(predicted)} and {len(gold)}."
        )
    gold_spans = _number_documents(gold)
    predicted_spans = _number_documents(predicted)
    gold_labels = _labels_by_boundaries(gold_spans)
    predicted_labels = _labels_by_boundaries(predicted_spans)
    gold_boundaries, predicted_boundaries = list(gold_labels), list(predicted_labels)
    gold_nesting = find_nesting(_lay_end_to_end(gold_boundaries))
    predicted_nesting = find_nesting(_lay_end_to_end(predicted_boundaries))
    groups = {
        "": _compare(gold_spans, predicted_spans),
        "boundary_": _compare(gold_labels.keys(), predicted_labels.keys()),
    }
    for subset in SUBSETS:
        groups[f"{subset}_"] = _compare(
            _select(gold_spans, gold_boundaries, gold_nesting, subset),
            _select(predicted_spans, predicted_boundaries, predicted_nesting, subset),
            gold_spans,
            predicted_spans,
        )
    return Comparison(
        groups,
        _compare_per_type(gold_spans, predicted_spans),
        {
            boundaries: gold_labels[boundaries] == predicted_labels[boundaries]
            for boundaries in gold_labels.keys() & predicted_labels.keys()
        },
        _find_ious(gold_boundaries, predicted_boundaries),
        gold_nesting.crossing_pairs,
        predicted_nesting.crossing_pairs,
    )


def _number_documents(documents: Sequence[Collection[LabeledSpan]]) -> Set[CorpusSpan]:
    return {(index, *span) for index, spans in enumerate(documents) for span in spans}


def _compare(
    gold: AbstractSet[Any],
    predicted: AbstractSet[Any],
    all_gold: Optional[AbstractSet[Any]] = None,
    all_predicted: Optional[AbstractSet[Any]] = None,
) -> SpanSets:
    """Look for `gold` among `all_predicted` and for `predicted` among `all_gold`, which default to
    `predicted` and `gold`."""
    found = gold & (predicted if all_predicted is None else all_predicted)
    correct = predicted & (gold if all_gold is None else all_gold)
    return SpanSets(gold, predicted, found, correct)


def score_counts(n_gold: int, n_predicted: int, n_found: int, n_correct: int) -> Dict[str, Any]:
    """Compute precision, recall and F-score.

    n_gold (int): The number of gold spans.
    n_predicted (int): The number of predicted spans.
    n_found (int): How many gold spans are predicted.
    n_correct (int): How many predicted spans are gold.
    RETURNS (Dict[str, Any]): "p", "r" and "f", None if there are no spans, and the numbers "gold",
        "predicted" and "correct".
    """
    counts = {"gold": n_gold, "predicted": n_predicted, "correct": n_correct}
    if not n_gold and not n_predicted:
        return {"p": None, "r": None, "f": None, **counts}
    precision = n_correct / n_predicted if n_predicted else 0.0
    recall = n_found / n_gold if n_gold else 0.0
    return {"p": precision, "r": recall, "f": get_f_score(precision, recall), **counts}


def get_f_score(precision: float, recall: float) -> float:
    """RETURNS (float): The harmonic mean of precision and recall, 0 if one of them is."""
    return 2 * precision * recall / (precision + recall) if precision and recall else 0.0


def _compare_per_type(
    gold: AbstractSet[CorpusSpan], predicted: AbstractSet[CorpusSpan]
) -> Dict[str, SpanSets]:
    gold_by_type = _group_by_type(gold)
    predicted_by_type = _group_by_type(predicted)
    return {
        label: _compare(gold_by_type[label], predicted_by_type[label])
        for label in sorted({*gold_by_type, *predicted_by_type})
    }


def _group_by_type(spans: AbstractSet[CorpusSpan]) -> Dict[str, Set[CorpusSpan]]:
    groups = defaultdict(set)
    for span in spans:
        groups[span[3]].add(span)
    return groups


def _labels_by_boundaries(spans: AbstractSet[CorpusSpan]) -> Dict[Boundaries, Set[str]]:
    labels = defaultdict(set)
    for document, start, end, label in spans:
        labels[document, start, end].add(label)
    return labels


def _find_ious(gold: List[Boundaries], predicted: List[Boundaries]) -> Dict[Boundaries, float]:
    positions = _lay_end_to_end([*gold, *predicted])
    return dict(zip(gold, best_iou(positions[: len(gold)], positions[len(gold) :]).tolist()))


def _select(
    spans: AbstractSet[CorpusSpan], boundaries: List[Boundaries], nesting: Nesting, subset: str
) -> Set[CorpusSpan]:
    selected = {boundaries[index] for index in np.flatnonzero(getattr(nesting, subset))}
    return {span for span in spans if span[:3] in selected}


def _lay_end_to_end(boundaries: List[Boundaries]) -> Ints:
    rows = np.array(boundaries, dtype=np.int64).reshape(-1, 3)
    return lay_end_to_end(rows[:, 0], rows[:, 1:])


def _mean(values: Collection[float]) -> Optional[float]:
    return sum(values) / len(values) if values else None


def name_scores(scores: Dict[str, Any], spans_key: str) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): The scores of `score_spans` under the names that spaCy gives those
    of a spans key."""
    return {f"spans_{spans_key}_{name}": value for name, value in scores.items()}


def select_scores(scores: Dict[str, Any], spans_key: str) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): The scores of a spans key under the names of `score_spans`."""
    prefix = f"spans_{spans_key}_"
    return {name[len(prefix) :]: value for name, value in scores.items() if name.startswith(prefix)}
