"""Entity multi-class cross-entropy: which class each candidate has."""

from typing import Optional, Tuple

from thinc.types import Floats1d, Floats2d
from thinc.util import get_array_module

from .span_loss import SpanLoss, SpanTruths, column_major, log_softmax, sigmoid

# Found on the dev parts: to doubt a tenth of the gold spans pays where they are up to 3,000, and
# harms where they are 58,000.
DOUBTED_SPANS = 300


class EMC(SpanLoss):
    """Multi-class cross-entropy over K labels and "no entity", corrected for imbalance.

    In training, each class k gets a shift s_k, so that a rare label has to win by a margin to be
    right; predictions use the logits without it. With a weight w_k of each class and t_k(a), the
    share that candidate a should have of it, over the m gold spans of the batch:

        L_EMC = 1/m  sum_a sum_k  t_k(a) w_k  (log sum_j exp(z_j(a) + s_j) - z_k(a) - s_k)
        s_k = tau log pi_k - label_margin / n_k^(1/4)

    t(a) is 1 for "no entity", and for a gold span 1 - epsilon for its label and epsilon for "no
    entity", where

        epsilon = min(label_smoothing, 300 / n)

    Few examples leave in doubt what an entity is, and a model that is sure of them finds entities
    in all that looks like them; with many gold spans, no more than 300 of them are in doubt. n_k is
    how often label k was seen in the training data ("no entity" gets no margin), n the sum over all
    labels, and pi_k the share of class k among all candidates. The margin's law is that of
    label-distribution-aware margins (Cao et al. 2019, arXiv 1906.07413): large where labels are
    few, it fades as they grow in number, for rare and frequent labels alike.
    Where spans may bear several labels, these must not compete with each other. Each label of a
    gold span is then compared with "no entity" alone, and "no entity" with the labels that the
    candidate does not bear, so that it is a threshold between both (after Zhou et al. 2021, arXiv
    2010.11304).
    With P(a) the labels of candidate a, 0 for "no entity", d_k(a) = z_k(a) + s_k - z_0(a), and the
    logistic function sigma:

        L_EMC = 1/m  sum_a  log sum_{j not in P(a)} exp(z_j(a)) - z_0(a)
              - 1/m  sum_a sum_{k in P(a)}  w_k ((1 - epsilon) log sigma(d_k(a))
                                                 + epsilon log sigma(-d_k(a)))

    The prior (logit adjustment, Menon et al. 2021, arXiv 2007.07314) and the weights (effective
    number of samples, Cui et al. 2019, arXiv 1901.05555) are options. That these are the
    class-conditioned penalties of the EIoU-EMC paper (arXiv 2504.14203), to shift the logits of all
    candidates by the margin, and to smooth labels (Szegedy et al. 2016, arXiv 1512.00567) towards
    "no entity" alone and less where there are many, is this project's reading.
    """

    def __init__(
        self,
        *,
        label_margin: float = 4.0,
        tau: float = 0.0,
        label_smoothing: float = 0.1,
        effective_number: Optional[float] = None,
    ) -> None:
        """Initialize the loss.

        label_margin (float): The margin of a label that was seen once.
        tau (float): How much of the log prior to shift by.
        label_smoothing (float): The largest share of "no entity" in a gold span, at least 0 and
            below 1.
        effective_number (Optional[float]): The beta of Cui et al., below 1; labels seen n times
            weigh (1 - beta) / (1 - beta^n), relative to their mean. `None` for equal weights.
        RAISES (ValueError): If the label smoothing or the effective number's beta is out of range.
        """
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                f"label_smoothing of EMC must be at least 0 and below 1, but is {label_smoothing}."
            )
        if effective_number is not None and not 0 <= effective_number < 1:
            raise ValueError(
                "effective_number of EMC must be at least 0 and below 1, but is "
                f"{effective_number}."
            )
        self.label_margin = label_margin
        self.tau = tau
        self.label_smoothing = label_smoothing
        self.effective_number = effective_number

    def __call__(self, guesses: Floats2d, truths: SpanTruths) -> Tuple[Floats2d, float]:
        xp = get_array_module(guesses)
        logits = column_major(guesses)
        if truths.several_labels:
            return self._compare_separately(logits, truths)
        targets = self.targets(logits, truths)
        if truths.class_counts is not None:
            logits += self._shifts(truths.class_counts)
            targets *= self._class_weights(truths.class_counts)
        targets /= max(len(truths.gold), 1)
        log_probabilities = log_softmax(logits)
        loss = -float((targets * log_probabilities).sum())
        gradient = xp.exp(log_probabilities) * targets.sum(axis=1, keepdims=True) - targets
        return gradient, loss

    def _compare_separately(self, logits: Floats2d, truths: SpanTruths) -> Tuple[Floats2d, float]:
        """The gradient and the loss for spans that may bear several labels."""
        xp = get_array_module(logits)
        rows, labels = truths.matches()
        margins = logits[rows, labels] - logits[rows, -1]
        weights = xp.ones_like(margins)
        if truths.class_counts is not None:
            margins += self._shifts(truths.class_counts)[labels]
            weights = self._class_weights(truths.class_counts)[labels]
        epsilon = self._epsilon(truths.class_counts)
        loss = (weights * (epsilon * margins + xp.logaddexp(0, -margins))).sum()
        slopes = weights * (epsilon - sigmoid(-margins))
        logits[rows, labels] = -xp.inf
        log_probabilities = log_softmax(logits)
        loss -= log_probabilities[:, -1].sum()
        gradient = xp.exp(log_probabilities)
        gradient[:, -1] -= 1
        xp.add.at(gradient, (rows, labels), slopes)
        xp.add.at(gradient, (rows, -1), -slopes)
        n_gold = max(len(truths.gold), 1)
        return gradient / n_gold, float(loss) / n_gold

    def targets(self, guesses: Floats2d, truths: SpanTruths) -> Floats2d:
        """RETURNS (Floats2d): The share of each class that each candidate should get, shape
        (n, K + 1)."""
        return class_targets(guesses, truths, self._epsilon(truths.class_counts))

    def _epsilon(self, class_counts: Optional[Floats1d]) -> float:
        if class_counts is None:
            return self.label_smoothing
        n_spans = max(float(class_counts[:-1].sum()), 1)
        return min(self.label_smoothing, DOUBTED_SPANS / n_spans)

    def _shifts(self, class_counts: Floats1d) -> Floats1d:
        xp = get_array_module(class_counts)
        counts = xp.maximum(class_counts, 1)
        shifts = self.tau * xp.log(counts / counts.sum())
        shifts[:-1] -= self.label_margin / counts[:-1] ** 0.25
        return shifts

    def _class_weights(self, class_counts: Floats1d) -> Floats1d:
        xp = get_array_module(class_counts)
        weights = xp.ones_like(class_counts, dtype="f")
        if self.effective_number is not None:
            counts = xp.maximum(class_counts[:-1], 1)
            weights[:-1] = (1 - self.effective_number) / (1 - self.effective_number**counts)
            weights[:-1] *= counts.sum() / (weights[:-1] * counts).sum()
        return weights


def class_targets(guesses: Floats2d, truths: SpanTruths, epsilon: float = 0.0) -> Floats2d:
    """The class that each candidate should get. A candidate with several labels shares its mass
    among them.

    guesses (Floats2d): Logits, shape (n, K + 1).
    truths (SpanTruths): The gold spans and the candidates.
    epsilon (float): The share of "no entity" in a gold span.
    RETURNS (Floats2d): Distributions over the classes, shape (n, K + 1).
    """
    targets = get_array_module(guesses).zeros_like(guesses)
    targets[:, -1] = 1
    rows, labels = truths.matches()
    targets[rows, -1] = 0
    targets[rows, labels] = 1
    targets /= targets.sum(axis=1, keepdims=True)
    targets[rows] *= 1 - epsilon
    targets[rows, -1] = epsilon
    return targets


def build_emc_v1(
    label_margin: float = 4.0,
    tau: float = 0.0,
    label_smoothing: float = 0.1,
    effective_number: Optional[float] = None,
) -> EMC:
    """Create the class half of the EIoU-EMC loss. See `EMC` for the formula.

    label_margin (float): The margin of a label that was seen once; it fades with the fourth root
        of the number of its training examples.
    tau (float): How much of the log prior of each class to shift by.
    label_smoothing (float): The largest share of "no entity" in a gold span.
    effective_number (Optional[float]): Beta of the class weights, if any.
    RETURNS (EMC): The loss.
    """
    return EMC(
        label_margin=label_margin,
        tau=tau,
        label_smoothing=label_smoothing,
        effective_number=effective_number,
    )
