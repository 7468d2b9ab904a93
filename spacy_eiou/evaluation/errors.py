from typing import Collection, Dict, Iterator, List, NamedTuple, Optional, Tuple

from ..spans.groups import LabeledSpan, to_boundaries
from ..spans.nesting import find_nesting
from ..spans.pairs import overlapping_pairs

ERROR_CLASSES = {
    "wrong type": "predicted on the boundaries of a missed span, with another label",
    "too long": "predicted around a missed span of the same label",
    "too short": "predicted inside a missed span of the same label",
    "shifted": "predicted across one boundary of a missed span of the same label",
    "boundary and type": "predicted over part of a missed span, with another label",
    "spurious": "predicted where no missed span is left to account for it",
    "missed inner": "inside another gold span, with no prediction that accounts for it",
    "missed outer": "around another gold span and in none, with no prediction that accounts for it",
    "missed flat": "neither inside nor around a gold span, with no prediction that accounts for it",
}


class SpanError(NamedTuple):
    """An error, in one of the `ERROR_CLASSES`.

    error_class (str): The class.
    gold (Optional[LabeledSpan]): The gold span that was not found, None if the error is spurious.
    predicted (Optional[LabeledSpan]): The wrong prediction, None if the gold span is missed.
    """

    error_class: str
    gold: Optional[LabeledSpan]
    predicted: Optional[LabeledSpan]

    @property
    def span(self) -> LabeledSpan:
        """The gold span, or the predicted one if there is none."""
        span = self.gold or self.predicted
        assert span is not None
        return span


def find_errors(
    gold: Collection[LabeledSpan], predicted: Collection[LabeledSpan]
) -> List[SpanError]:
    """Find the errors in the predicted spans of a document, each in exactly one class.

    Wrong predictions are matched one-to-one with the gold spans that were not found and that they
    overlap: first those on the same boundaries ("wrong type"), then those with the same label
    ("too long", "too short" or "shifted"), then all others ("boundary and type"), and among each
    of these first those with the greatest intersection over union. Whatever has no match is
    "spurious" or "missed". A missed span that lies inside a gold span and around another is an
    inner one; one that only crosses others is a flat one.

    gold (Collection[LabeledSpan]): The gold spans.
    predicted (Collection[LabeledSpan]): The predicted spans.
    RETURNS (List[SpanError]): The errors in the order of their gold spans, or predicted spans
        where there is no gold span.
    """
    missed = sorted(set(gold) - set(predicted))
    wrong = sorted(set(predicted) - set(gold))
    matches = _match(missed, wrong)
    positions = _find_positions(gold)
    errors = [
        SpanError(_compare(span, matches[span]), span, matches[span])
        if span in matches
        else SpanError(f"missed {positions[span]}", span, None)
        for span in missed
    ]
    unmatched = set(wrong).difference(matches.values())
    errors += [SpanError("spurious", None, span) for span in unmatched]
    return sorted(errors, key=lambda error: (error.span, error.error_class))


def _match(missed: List[LabeledSpan], wrong: List[LabeledSpan]) -> Dict[LabeledSpan, LabeledSpan]:
    """Match one-to-one, the best pair first. RETURNS (Dict): Wrong spans by missed span."""
    matches: Dict[LabeledSpan, LabeledSpan] = {}
    used = set()
    for gold, predicted in sorted(_find_overlaps(missed, wrong), key=_rank):
        if gold not in matches and predicted not in used:
            matches[gold] = predicted
            used.add(predicted)
    return matches


def _find_overlaps(
    missed: List[LabeledSpan], wrong: List[LabeledSpan]
) -> Iterator[Tuple[LabeledSpan, LabeledSpan]]:
    for gold, predicted in zip(*overlapping_pairs(to_boundaries(missed), to_boundaries(wrong))):
        yield missed[gold], wrong[predicted]


def _rank(
    pair: Tuple[LabeledSpan, LabeledSpan],
) -> Tuple[bool, bool, float, LabeledSpan, LabeledSpan]:
    gold, predicted = pair
    intersection = min(gold[1], predicted[1]) - max(gold[0], predicted[0])
    union = max(gold[1], predicted[1]) - min(gold[0], predicted[0])
    other_boundaries = gold[:2] != predicted[:2]
    other_label = gold[2] != predicted[2]
    return other_boundaries, other_label, -intersection / union, gold, predicted


def _compare(gold: LabeledSpan, predicted: LabeledSpan) -> str:
    gold_start, gold_end, gold_label = gold
    start, end, label = predicted
    if (start, end) == (gold_start, gold_end):
        return "wrong type"
    if label != gold_label:
        return "boundary and type"
    if start <= gold_start and gold_end <= end:
        return "too long"
    if gold_start <= start and end <= gold_end:
        return "too short"
    return "shifted"


def _find_positions(gold: Collection[LabeledSpan]) -> Dict[LabeledSpan, str]:
    spans = list(gold)
    nesting = find_nesting(to_boundaries(spans))
    return {
        span: "inner" if inner else "outer" if outer else "flat"
        for span, inner, outer in zip(spans, nesting.inner, nesting.outer)
    }
