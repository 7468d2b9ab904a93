"""Entity intersection over union: where an entity begins and ends."""

from typing import Tuple

from thinc.backends import get_array_ops
from thinc.types import Floats1d, Floats2d, Ints1d
from thinc.util import get_array_module

from ..spans.geometry import DISTANCES
from ..spans.pairs import overlapping_pairs
from .span_loss import SpanLoss, SpanTruths

FORMS = ("expected_distance", "margin")


class EIoU(SpanLoss):
    """How far the candidates that compete with a gold span lie from it.

    For each gold span g with label y, N(g) are the candidates that overlap it, without those that
    are gold spans of the same label themselves (the nesting guard: or inner entities would suffer
    for the outer ones). With the distance D, 0 at g itself and larger the less a candidate looks
    like g, averaged over the m gold spans of the batch that are candidates:

        expected distance:  1/m  sum_g  sum_a q_g(a) D(a, g),    q_g = softmax of z_y over N(g)
        margin:             1/m  sum_g  log sum_a exp(z_y(a) + D(a, g)) - z_y(g)

    Both are this project's reading of L_EIoU in the EIoU-EMC paper (arXiv 2504.14203).
    """

    def __init__(self, *, form: str = "margin", distance: str = "eiou") -> None:
        """Initialize the loss.

        form (str): "margin" or "expected_distance".
        distance (str): "eiou", "diou", "giou" or "iou", see `geometry`.
        RAISES (ValueError): If the form or the distance is unknown.
        """
        if form not in FORMS:
            raise ValueError(f"Unknown form {form!r} of EIoU. Choose one of: {', '.join(FORMS)}.")
        if distance not in DISTANCES:
            raise ValueError(
                f"Unknown distance {distance!r} of EIoU. Choose one of: {', '.join(DISTANCES)}."
            )
        self.form = form
        self.distance = distance

    def __call__(self, guesses: Floats2d, truths: SpanTruths) -> Tuple[Floats2d, float]:
        xp = get_array_module(guesses)
        gradient = xp.zeros_like(guesses)
        rows, gold_rows = _neighbourhoods(truths, guesses.shape[1])
        if not len(rows):
            return gradient, 0.0
        distances = DISTANCES[self.distance](truths.candidates[rows], truths.gold[gold_rows])
        labels = truths.labels[gold_rows]
        logits = guesses[rows, labels]
        _, owners, lengths = xp.unique(gold_rows, return_inverse=True, return_counts=True)
        if self.form == "margin":
            weights, log_sums = _segment_softmax(logits + distances, owners, lengths)
            targets = distances == 0
            # A suggester may suggest a span twice.
            targets = targets / _segment_sum(targets, lengths)[owners]
            pair_gradient = weights - targets
            loss = log_sums.sum() - (targets * logits).sum()
        else:
            weights, _ = _segment_softmax(logits, owners, lengths)
            expected = _segment_sum(weights * distances, lengths)
            pair_gradient = weights * (distances - expected[owners])
            loss = expected.sum()
        xp.add.at(gradient, (rows, labels), pair_gradient / len(lengths))
        return gradient, float(loss) / len(lengths)


def _neighbourhoods(truths: SpanTruths, n_classes: int) -> Tuple[Ints1d, Ints1d]:
    """RETURNS (Tuple[Ints1d, Ints1d]): Pairs of a candidate and a gold span in whose neighbourhood
    N(g) it is, sorted by gold span. Gold spans that are no candidates have no neighbourhood."""
    xp = get_array_module(truths.candidates)
    rows, gold_rows = overlapping_pairs(truths.candidates, truths.gold)
    is_gold = (truths.candidates[rows] == truths.gold[gold_rows]).all(axis=1)
    # A candidate is guarded in the neighbourhoods of the label that it bears itself.
    candidate_labels = rows * n_classes + truths.labels[gold_rows]
    guarded = xp.isin(candidate_labels, candidate_labels[is_gold])
    reached = xp.isin(gold_rows, gold_rows[is_gold])
    kept = reached & (is_gold | ~guarded)
    return rows[kept], gold_rows[kept]


def _segment_softmax(
    values: Floats1d, owners: Ints1d, lengths: Ints1d
) -> Tuple[Floats1d, Floats1d]:
    """The softmax and the log of the sum of exponentials over segments laid end to end."""
    xp, ops = get_array_module(values), get_array_ops(values)
    maxima = ops.reduce_max(ops.asarray2f(values[:, None]), ops.asarray1i(lengths))[0][:, 0]
    exps = xp.exp(values - maxima[owners])
    sums = _segment_sum(exps, lengths)
    return exps / sums[owners], xp.log(sums) + maxima


def _segment_sum(values: Floats1d, lengths: Ints1d) -> Floats1d:
    ops = get_array_ops(values)
    sums: Floats2d = ops.reduce_sum(ops.asarray2f(values[:, None]), ops.asarray1i(lengths))
    return sums[:, 0]


def build_eiou_v1(form: str = "margin", distance: str = "eiou") -> EIoU:
    """Create the boundary half of the EIoU-EMC loss. See `EIoU` for the formulas.

    form (str): "margin" or "expected_distance".
    distance (str): "eiou", "diou", "giou" or "iou".
    RETURNS (EIoU): The loss.
    """
    return EIoU(form=form, distance=distance)
