"""Error analysis: from gold, predicted and candidate spans to what a report shows."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import (
    AbstractSet,
    Any,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

import numpy as np
from numpy.typing import NDArray

from ..spans.groups import LabeledSpan, to_boundaries
from ..spans.nesting import find_nesting
from ..spans.pairs import Bools, Ints
from ..spans.scores import get_f_score, score_counts, score_spans
from .bootstrap import bootstrap_intervals
from .errors import ERROR_CLASSES, SpanError, find_errors

# The least value of each group.
WIDTHS = (1, 2, 3, 4, 5, 7, 9, 13, 17)
DEPTHS = (1, 2, 3, 4, 5)
EXAMPLES = (0, 10, 50, 100, 500, 1000, 5000)

THRESHOLDS = np.arange(1, 100) / 100
HISTOGRAM_BINS = 20
RELIABILITY_BINS = 10

# The most tokens that an example shows before and after its error.
CONTEXT = 30

Floats = NDArray[np.float64]


@dataclass
class AnalyzedDoc:
    """What the analysis needs of a doc. Spans are in characters, as `get_spans` gives them. What is
    found out about the doc is kept, so that it must not change after that.

    tokens (List[str]): The tokens with the whitespace after them: joined, they are the text.
    gold (Set[LabeledSpan]): The gold spans.
    predicted (Set[LabeledSpan]): The predicted spans.
    candidates (Dict[LabeledSpan, float]): The probability of each candidate and label.
    record_id (Optional[str]): The id of the record that the doc was made from.
    unjudged (AbstractSet[LabeledSpan]): The gold spans that the model can give no probability.
    """

    tokens: List[str]
    gold: Set[LabeledSpan]
    predicted: Set[LabeledSpan]
    candidates: Dict[LabeledSpan, float]
    record_id: Optional[str] = None
    unjudged: AbstractSet[LabeledSpan] = frozenset()

    @cached_property
    def text(self) -> str:
        """The text."""
        return "".join(self.tokens)

    @cached_property
    def token_starts(self) -> Ints:
        """The first character of each token, and the end of the text."""
        return np.array([0, *accumulate(map(len, self.tokens))])

    @cached_property
    def placed_gold(self) -> "PlacedSpans":
        """The gold spans on the tokens."""
        return self._place(self.gold)

    @cached_property
    def placed_predicted(self) -> "PlacedSpans":
        """The predicted spans on the tokens."""
        return self._place(self.predicted)

    def _place(self, spans: Set[LabeledSpan]) -> "PlacedSpans":
        ordered = sorted(spans)
        return PlacedSpans(ordered, self.token_bounds(ordered))

    def token_bounds(self, spans: Iterable[LabeledSpan]) -> Ints:
        """Find the tokens that spans touch.

        spans (Iterable[LabeledSpan]): The spans.
        RETURNS (Ints): First token and token after the last one of each, shape (n, 2).
        """
        bounds = to_boundaries(spans)
        starts = np.searchsorted(self.token_starts, bounds[:, 0], side="right") - 1
        ends = np.searchsorted(self.token_starts, bounds[:, 1], side="left")
        return np.stack([starts, ends], axis=1)


class PlacedSpans(NamedTuple):
    """The spans of a doc in their order.

    spans (List[LabeledSpan]): The spans.
    bounds (Ints): The tokens that they touch, see `AnalyzedDoc.token_bounds`.
    """

    spans: List[LabeledSpan]
    bounds: Ints

    def find_near(self, start: int, end: int) -> List[LabeledSpan]:
        """RETURNS (List[LabeledSpan]): The spans that touch the tokens from `start` to `end`."""
        are_near = (self.bounds[:, 0] < end) & (start < self.bounds[:, 1])
        return [self.spans[row] for row in np.flatnonzero(are_near)]


class SpanTable(NamedTuple):
    """The gold or the predicted spans of all docs, one row each.

    widths (Ints): The numbers of tokens, shape (n,).
    depths (Ints): The depths of nesting among the spans of the table, shape (n,).
    examples (Ints): The numbers of training examples of their labels, shape (n,).
    shared (Bools): Which spans are both gold and predicted, shape (n,).
    """

    widths: Ints
    depths: Ints
    examples: Ints
    shared: Bools


def analyze_docs(
    docs: Sequence[AnalyzedDoc],
    training_counts: Optional[Mapping[str, int]] = None,
    *,
    max_examples: int = 200,
) -> Dict[str, Any]:
    """Analyze the errors in predicted spans.

    docs (Sequence[AnalyzedDoc]): The docs.
    training_counts (Optional[Mapping[str, int]]): The number of training examples of each label.
        If None, the number of gold spans stands in for it.
    max_examples (int): The most errors to give as examples.
    RETURNS (Dict[str, Any]): JSON-serializable values:
        docs: Number of docs.
        scores: The scores of `score_spans`.
        intervals: Their intervals, see `bootstrap_intervals`.
        training_counts: As passed.
        errors: Number of errors of each class.
        errors_per_type: The same for each label: that of the gold span, or of the predicted one
            if the error is spurious.
        confusion: Number of spans of each gold and predicted label on the same boundaries. One of
            the labels is None where a gold span was not found, or a predicted one is wrong.
        by_width, by_depth, by_rarity: Precision, recall, F-score, and number of gold, predicted
            and correct spans, by number of tokens, depth of nesting among the spans of the same
            side, and number of training examples of the label.
        histogram: Number of candidates by probability, correct and wrong ones.
        curve: Precision, recall and F-score of all candidates that reach a threshold.
        reliability: Number, mean probability and share of correct ones of the candidates in each
            tenth of the probabilities.
        calibration_error: Mean over the candidates of the distance between the last two (expected
            calibration error).
        examples: Errors with the text around them, see `find_examples`.
    """
    sides = [doc.gold for doc in docs], [doc.predicted for doc in docs]
    errors = [find_errors(doc.gold, doc.predicted) for doc in docs]
    all_errors = [error for doc_errors in errors for error in doc_errors]
    n_examples = training_counts or Counter(label for doc in docs for *_, label in doc.gold)
    gold = _tabulate(docs, [doc.placed_gold for doc in docs], n_examples)
    predicted = _tabulate(docs, [doc.placed_predicted for doc in docs], n_examples)
    probabilities = np.array([score for doc in docs for score in doc.candidates.values()])
    correct = np.array([span in doc.gold for doc in docs for span in doc.candidates], dtype=bool)
    return {
        "docs": len(docs),
        "scores": score_spans(*sides),
        "intervals": bootstrap_intervals(*sides),
        "training_counts": None if training_counts is None else dict(training_counts),
        "errors": _count_classes(all_errors),
        "errors_per_type": _count_classes_per_type(all_errors),
        "confusion": _count_confusions(docs, all_errors),
        "by_width": _score_groups(gold, predicted, "widths", WIDTHS),
        "by_depth": _score_groups(gold, predicted, "depths", DEPTHS),
        "by_rarity": _score_groups(gold, predicted, "examples", EXAMPLES),
        "histogram": _make_histogram(probabilities, correct),
        "curve": _make_curve(probabilities, correct, len(gold.shared)),
        **_measure_calibration(probabilities, correct),
        "examples": find_examples(docs, errors, max_examples),
    }


def find_examples(
    docs: Sequence[AnalyzedDoc], errors: Sequence[Sequence[SpanError]], max_examples: int
) -> List[Dict[str, Any]]:
    """Choose errors to look at: the first of each class and label, then the second, and so on.

    docs (Sequence[AnalyzedDoc]): The docs.
    errors (Sequence[Sequence[SpanError]]): The errors of each doc.
    max_examples (int): The most errors to choose.
    RETURNS (List[Dict[str, Any]]): JSON-serializable values:
        error_class: The class.
        doc, record_id: Index of the doc, and id of the record that it was made from or None.
        gold, predicted: The two spans of the error or None: label, text and probability, which is
            None for what is no candidate.
        tokens: The tokens around the error, with the whitespace after them.
        cut_start, cut_end: Whether the doc has more tokens before and after these.
        gold_spans, predicted_spans: All spans among the tokens: first token, token after the last
            one, label, and whether the span is the one in error.
    """
    seen: Counter[Tuple[str, str]] = Counter()
    ranked = []
    for index, doc_errors in enumerate(errors):
        for error in doc_errors:
            group = (error.error_class, error.span[2])
            ranked.append((seen[group], index, error))
            seen[group] += 1
    chosen = sorted(ranked, key=lambda item: item[0])[:max_examples]
    return [_show_error(docs[index], index, error) for _, index, error in chosen]


def _show_error(doc: AnalyzedDoc, index: int, error: SpanError) -> Dict[str, Any]:
    start, end = find_context(doc, [span for span in (error.gold, error.predicted) if span])
    return {
        "error_class": error.error_class,
        "doc": index,
        "record_id": doc.record_id,
        "gold": _describe_span(doc, error.gold),
        "predicted": _describe_span(doc, error.predicted),
        "tokens": doc.tokens[start:end],
        "cut_start": start > 0,
        "cut_end": end < len(doc.tokens),
        "gold_spans": cut_spans(doc, doc.placed_gold.find_near(start, end), start, end, error.gold),
        "predicted_spans": cut_spans(
            doc, doc.placed_predicted.find_near(start, end), start, end, error.predicted
        ),
    }


def find_context(doc: AnalyzedDoc, spans: Sequence[LabeledSpan]) -> Tuple[int, int]:
    """RETURNS (Tuple[int, int]): The tokens to show around spans: first, and after the last."""
    bounds = doc.token_bounds(spans)
    return max(int(bounds[:, 0].min()) - CONTEXT, 0), int(bounds[:, 1].max()) + CONTEXT


def _describe_span(doc: AnalyzedDoc, span: Optional[LabeledSpan]) -> Optional[Dict[str, Any]]:
    if span is None:
        return None
    start, end, label = span
    return {
        "label": label,
        "text": doc.text[start:end],
        "probability": doc.candidates.get(span),
    }


def cut_spans(
    doc: AnalyzedDoc,
    spans: Iterable[LabeledSpan],
    start: int,
    end: int,
    in_error: Optional[LabeledSpan],
) -> List[Dict[str, Any]]:
    """RETURNS (List[Dict[str, Any]]): Spans that touch the tokens from `start` to `end`, as far as
    they lie among them, see `find_examples`."""
    ordered = sorted(spans)
    return [
        {
            "start": max(int(first), start) - start,
            "end": min(int(last), end) - start,
            "label": span[2],
            "in_error": span == in_error,
        }
        for span, (first, last) in zip(ordered, doc.token_bounds(ordered))
    ]


def _tabulate(
    docs: Sequence[AnalyzedDoc], placed: Sequence[PlacedSpans], n_examples: Mapping[str, int]
) -> SpanTable:
    widths, depths, examples, shared = [], [], [], []
    for doc, (spans, bounds) in zip(docs, placed):
        widths.append(bounds[:, 1] - bounds[:, 0])
        depths.append(find_nesting(to_boundaries(spans)).depth)
        examples += [n_examples.get(label, 0) for *_, label in spans]
        shared += [span in doc.gold and span in doc.predicted for span in spans]
    return SpanTable(
        np.concatenate(widths),
        np.concatenate(depths),
        np.array(examples, dtype=np.int64),
        np.array(shared, dtype=bool),
    )


def _count_classes(errors: Iterable[SpanError]) -> Dict[str, int]:
    counts = Counter(error.error_class for error in errors)
    return {error_class: counts[error_class] for error_class in ERROR_CLASSES}


def _count_classes_per_type(errors: Iterable[SpanError]) -> Dict[str, Dict[str, int]]:
    errors_per_type = defaultdict(list)
    for error in errors:
        errors_per_type[error.span[2]].append(error)
    return {label: _count_classes(group) for label, group in sorted(errors_per_type.items())}


def _count_confusions(
    docs: Sequence[AnalyzedDoc], errors: Iterable[SpanError]
) -> List[Dict[str, Any]]:
    counts: Counter[Tuple[Optional[str], Optional[str]]] = Counter(
        (label, label) for doc in docs for *_, label in doc.gold & doc.predicted
    )
    for error in errors:
        gold, predicted = (span and span[2] for span in (error.gold, error.predicted))
        if error.error_class == "wrong type":
            counts[gold, predicted] += 1
        else:
            counts[gold, None] += 1
            counts[None, predicted] += 1
    del counts[None, None]
    return [
        {"gold": gold, "predicted": predicted, "count": count}
        for (gold, predicted), count in counts.most_common()
    ]


def _score_groups(
    gold: SpanTable, predicted: SpanTable, column: str, minima: Sequence[int]
) -> List[Dict[str, Any]]:
    """Score the spans in groups by a column. Groups without any spans are left out."""
    gold_groups = np.searchsorted(minima, getattr(gold, column), side="right") - 1
    predicted_groups = np.searchsorted(minima, getattr(predicted, column), side="right") - 1
    rows = []
    for index, name in enumerate(_name_groups(minima)):
        found = gold.shared[gold_groups == index]
        correct = predicted.shared[predicted_groups == index]
        if len(found) or len(correct):
            score = score_counts(len(found), len(correct), int(found.sum()), int(correct.sum()))
            rows.append({"name": name, **score})
    return rows


def _name_groups(minima: Sequence[int]) -> List[str]:
    names = [
        f"{least:,}" if following == least + 1 else f"{least:,}–{following - 1:,}"
        for least, following in pairwise(minima)
    ]
    return [*names, f"{minima[-1]:,}+"]


def _make_histogram(probabilities: Floats, correct: Bools) -> Dict[str, List[float]]:
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    return {
        "edges": edges.tolist(),
        "correct": np.histogram(probabilities[correct], edges)[0].tolist(),
        "wrong": np.histogram(probabilities[~correct], edges)[0].tolist(),
    }


def _make_curve(probabilities: Floats, correct: Bools, n_gold: int) -> List[Dict[str, float]]:
    n_positive = _count_reaching(probabilities)
    n_correct = _count_reaching(probabilities[correct])
    points = []
    for threshold, positive, true_positive in zip(THRESHOLDS, n_positive, n_correct):
        # Without gold spans there is no recall, without positive ones no precision
        if n_gold and positive:
            precision, recall = float(true_positive / positive), float(true_positive / n_gold)
            points.append(
                {
                    "threshold": float(threshold),
                    "p": precision,
                    "r": recall,
                    "f": get_f_score(precision, recall),
                }
            )
    return points


def _count_reaching(probabilities: Floats) -> Ints:
    """The number of probabilities that reach each of the `THRESHOLDS`."""
    return len(probabilities) - np.searchsorted(np.sort(probabilities), THRESHOLDS)


def _measure_calibration(probabilities: Floats, correct: Bools) -> Dict[str, Any]:
    bins = np.minimum(probabilities * RELIABILITY_BINS, RELIABILITY_BINS - 1).astype(np.int64)
    counts = np.bincount(bins, minlength=RELIABILITY_BINS)
    total_probability = np.bincount(bins, weights=probabilities, minlength=RELIABILITY_BINS)
    n_correct = np.bincount(bins, weights=correct, minlength=RELIABILITY_BINS)
    distance = np.abs(total_probability - n_correct).sum()
    return {
        "reliability": [
            {
                "count": int(counts[index]),
                "probability": float(total_probability[index] / counts[index]),
                "correct": float(n_correct[index] / counts[index]),
            }
            for index in np.flatnonzero(counts)
        ],
        "calibration_error": float(distance / len(bins)) if len(bins) else None,
    }
