from typing import Any, Collection, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from ..spans.groups import LabeledSpan
from ..spans.scores import Boundaries, SpanSets, compare_spans

# Rows of documents, columns of numbers of gold, predicted and correct spans.
DocumentCounts = Any

BATCH_SIZE = 100

# With a single one, all draws of it are the same.
MIN_DOCUMENTS = 2


def bootstrap_difference(
    corpora: Sequence[Tuple[DocumentCounts, DocumentCounts]],
    *,
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Tuple[float, float, float]:
    """Compare two systems on the same documents by a paired bootstrap: documents are drawn with
    replacement within their corpus, the same ones for both systems.

    corpora (Sequence[Tuple[DocumentCounts, DocumentCounts]]): For each corpus, numbers of gold,
        predicted and correct spans of each document, shape (n_documents, 3), of the system and of
        the baseline to compare it with. To pool several runs of a system, add up their counts.
    n_resamples (int): How many times to draw as many documents as there are.
    confidence (float): The share of the resampled differences that lies within the interval.
    seed (int): Random seed.
    RETURNS (Tuple[float, float, float]): The difference in micro F-score on all documents, the mean
        over the corpora, from -1 to 1 and positive if the system is better than the baseline, and
        the lower and upper end of its percentile interval. The interval tells how far the
        difference depends on the choice of test documents, not on that of the training data or the
        random seed.
    RAISES (ValueError): If the documents of a corpus are none, or not the same.
    """
    pairs = [_stack_systems(*counts) for counts in corpora]
    rng = np.random.default_rng(seed)
    resampled = np.mean([_resample_differences(both, n_resamples, rng) for both in pairs], axis=0)
    tail = (1 - confidence) / 2
    lower, upper = np.quantile(resampled, [tail, 1 - tail])
    difference = np.mean([_differences(both.sum(axis=0)) for both in pairs])
    return difference.item(), lower.item(), upper.item()


def _stack_systems(counts: DocumentCounts, baseline_counts: DocumentCounts) -> Any:
    counts, baseline_counts = np.asarray(counts), np.asarray(baseline_counts)
    if len(counts) == 0 or not np.array_equal(counts[:, 0], baseline_counts[:, 0]):
        raise ValueError(
            f"Can't compare two systems: expected counts for the same documents with the same "
            f"gold spans, but got {len(counts)} and {len(baseline_counts)} documents."
        )
    return np.stack([counts, baseline_counts], axis=1)


def _resample_differences(both: Any, n_resamples: int, rng: np.random.Generator) -> Any:
    flat = both.reshape(len(both), -1)
    return np.concatenate(
        [
            _differences((times @ flat).reshape(-1, *both.shape[1:]))
            for times in _draw(len(both), n_resamples, rng)
        ]
    )


def _draw(n_documents: int, n_resamples: int, rng: np.random.Generator) -> Iterator[Any]:
    """Draw as many documents as there are, with replacement, again and again.

    YIELDS (Floats2d): How often each document was drawn, shape (BATCH_SIZE or fewer, n_documents).
    """
    for done in range(0, n_resamples, BATCH_SIZE):
        size = min(BATCH_SIZE, n_resamples - done)
        drawn = rng.integers(n_documents, size=(size, n_documents))
        places = drawn + n_documents * np.arange(size)[:, None]
        times = np.bincount(places.ravel(), minlength=size * n_documents)
        # Numbers of this size are exact as floats, whose products are faster.
        yield times.reshape(size, n_documents).astype(np.float64)


def _differences(totals: Any) -> Any:
    """Micro F-score of the first system less that of the second, from counts of shape
    (..., 2, 3)."""
    gold, predicted, correct = np.moveaxis(totals, -1, 0)
    scores = 2 * correct / np.maximum(gold + predicted, 1)
    return scores[..., 0] - scores[..., 1]


def bootstrap_intervals(
    gold: Sequence[Collection[LabeledSpan]],
    predicted: Sequence[Collection[LabeledSpan]],
    *,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Dict[str, Any]:
    """Estimate how far the scores of `score_spans` depend on the choice of documents, by a
    bootstrap: documents are drawn with replacement, and scored again.

    An interval from a handful of documents is too narrow, and there is none from a single one: look
    at the number of documents as well.

    gold (Sequence[Collection[LabeledSpan]]): The gold spans of each document.
    predicted (Sequence[Collection[LabeledSpan]]): The predicted spans of each document.
    n_resamples (int): How many times to draw as many documents as there are.
    confidence (float): The share of the resampled scores that lies within the interval.
    seed (int): Random seed.
    RETURNS (Dict[str, Any]): For precision, recall and F-score of all spans, of their boundaries
        and of each subset, for the macro F-score, the label accuracy and the mean IoU, each under
        its name in `score_spans`, the lower and upper end of its percentile interval, or None where
        under two documents have spans to score. Besides:
        docs, boundary_docs, inner_docs, ...: The number of documents that have such spans, gold or
            predicted ones. For `docs`, the number of all documents.
        per_type: The same (`p`, `r`, `f` and `docs`) for each type.
        confidence, resamples: As passed.
    RAISES (ValueError): If the numbers of documents differ, or there are none.
    """
    if not gold:
        raise ValueError("Can't estimate intervals: there are no documents to draw from.")
    compared = compare_spans(gold, predicted)
    groups = [*compared.groups.values(), *compared.per_type.values()]
    counts = np.stack([_count_spans(spans, len(gold)) for spans in groups], axis=1)
    shares = np.stack(
        [_add_up(values, len(gold)) for values in (compared.agreements, compared.ious)], axis=1
    )
    totals = counts.sum(axis=0)
    of_types = slice(len(groups) - len(compared.per_type), None)
    has_gold = totals[of_types, 0] > 0
    type_f = np.where(has_gold, _score_totals(totals)[of_types, 2], 0.0)
    drawn = []
    for times in _draw(len(gold), n_resamples, np.random.default_rng(seed)):
        totals = np.tensordot(times, counts, 1)
        scores = _score_totals(totals)
        # A type that was not drawn keeps its score: the rare ones, mostly lower, should not be
        # missing from the mean.
        f_scores = np.where(totals[:, of_types, 0] > 0, scores[:, of_types, 2], type_f)
        macro = _divide(f_scores[:, has_gold].sum(axis=1), np.full(len(times), has_gold.sum()))
        sums = np.tensordot(times, shares, 1)
        drawn.append((scores, macro, _divide(sums[..., 0], sums[..., 1])))
    scores, macro, means = map(np.concatenate, zip(*drawn))
    n_docs = counts.any(axis=2).sum(axis=0)
    rows = [
        {
            name: _find_interval(values, n, confidence)
            for name, values in zip(("p", "r", "f"), group.T)
        }
        | {"docs": int(n)}
        for group, n in zip(scores.swapaxes(0, 1), n_docs)
    ]
    intervals: Dict[str, Any] = {}
    for prefix, row in zip(compared.groups, rows):
        intervals.update({f"{prefix}{name}": value for name, value in row.items()})
    share_docs = shares[..., 1].astype(bool).sum(axis=0)
    return {
        **intervals,
        "docs": len(gold),
        "macro_f": _find_interval(macro, n_docs[0], confidence),
        "label_acc": _find_interval(means[:, 0], share_docs[0], confidence),
        "mean_iou": _find_interval(means[:, 1], share_docs[1], confidence),
        "per_type": dict(zip(compared.per_type, rows[len(compared.groups) :])),
        "confidence": confidence,
        "resamples": n_resamples,
    }


def _count_spans(spans: SpanSets, n_documents: int) -> Any:
    """RETURNS (Floats2d): Number of gold, predicted, found and correct spans of each document,
    shape (n_documents, 4)."""
    counts = [np.bincount([row[0] for row in rows], minlength=n_documents) for rows in spans]
    return np.stack(counts, axis=1).astype(np.float64)


def _add_up(values: Mapping[Boundaries, float], n_documents: int) -> Any:
    """RETURNS (Floats2d): Sum and number of the values of each document, shape (n_documents, 2)."""
    documents = np.array([boundaries[0] for boundaries in values], dtype=np.int64)
    weights = (np.array(list(values.values()), dtype=np.float64), None)
    sums = [np.bincount(documents, weight, minlength=n_documents) for weight in weights]
    return np.stack(sums, axis=1)


def _score_totals(totals: Any) -> Any:
    """Score groups of spans. A score is NaN where there is nothing to measure.

    totals (FloatsXd): Numbers of spans, as in `SpanSets`, shape (..., n_groups, 4).
    RETURNS (FloatsXd): Precision, recall and F-score, shape (..., n_groups, 3).
    """
    gold, predicted, found, correct = np.moveaxis(totals, -1, 0)
    nothing = np.where(gold + predicted > 0, 0.0, np.nan)
    precision = np.divide(correct, predicted, out=nothing.copy(), where=predicted > 0)
    recall = np.divide(found, gold, out=nothing.copy(), where=gold > 0)
    both = precision + recall
    f_score = np.divide(2 * precision * recall, both, out=nothing.copy(), where=both > 0)
    return np.stack([precision, recall, f_score], axis=-1)


def _divide(sums: Any, numbers: Any) -> Any:
    return np.divide(sums, numbers, out=np.full(sums.shape, np.nan), where=numbers > 0)


def _find_interval(values: Any, n_documents: int, confidence: float) -> Optional[List[float]]:
    values = values[~np.isnan(values)]
    if n_documents < MIN_DOCUMENTS or len(values) == 0:
        return None
    tail = (1 - confidence) / 2
    interval: List[float] = np.quantile(values, [tail, 1 - tail]).tolist()
    return interval
