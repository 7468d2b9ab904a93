"""Entity multi-class cross-entropy: which class each candidate has."""

from typing import Optional, Tuple

from thinc.types import Floats1d, Floats2d
from thinc.util import get_array_module

from .span_loss import SpanLoss, SpanTruths


class EMC(SpanLoss):
    """Multi-class cross-entropy over K labels and "no entity", corrected for imbalance.

    With the prior pi of each class among the candidates of the training data, and a weight w of
    each class, averaged over the m gold spans of the batch:

        L_EMC = 1/m  sum_a  w_y(a)  (log sum_k exp(z_k(a) + tau log pi_k) - z_y(a) - tau log pi_y)

    The prior (logit adjustment, Menon et al. 2021, arXiv 2007.07314) asks for a larger margin the
    rarer a class is. The weights (effective number of samples, Cui et al. 2019, arXiv 1901.05555)
    are an option. That these are the class-conditioned penalties of the EIoU-EMC paper (arXiv
    2504.14203) is this project's reading of it.
    """

    def __init__(self, *, tau: float = 0.3, effective_number: Optional[float] = None) -> None:
        """Initialize the loss.

        tau (float): How much of the prior to correct for: 0 for plain cross-entropy.
        effective_number (Optional[float]): The beta of Cui et al., below 1; labels seen n times
            weigh (1 - beta) / (1 - beta^n), relative to their mean. `None` for equal weights.
        RAISES (ValueError): If the effective number's beta is out of range.
        """
        if effective_number is not None and not 0 <= effective_number < 1:
            raise ValueError(
                "effective_number of EMC must be at least 0 and below 1, but is "
                f"{effective_number}."
            )
        self.tau = tau
        self.effective_number = effective_number

    def __call__(self, guesses: Floats2d, truths: SpanTruths) -> Tuple[Floats2d, float]:
        xp = get_array_module(guesses)
        logits, targets = guesses, class_targets(guesses, truths)
        if truths.class_counts is not None:
            logits = logits + self.tau * _log_prior(truths.class_counts)
            targets *= self._class_weights(truths.class_counts)
        targets /= max(len(truths.gold), 1)
        logits = logits - logits.max(axis=1, keepdims=True)
        log_probabilities = logits - xp.log(xp.exp(logits).sum(axis=1, keepdims=True))
        loss = -float((targets * log_probabilities).sum())
        gradient = xp.exp(log_probabilities) * targets.sum(axis=1, keepdims=True) - targets
        return gradient, loss

    def _class_weights(self, class_counts: Floats1d) -> Floats1d:
        xp = get_array_module(class_counts)
        weights = xp.ones_like(class_counts)
        if self.effective_number is not None:
            counts = xp.maximum(class_counts[:-1], 1)
            weights[:-1] = (1 - self.effective_number) / (1 - self.effective_number**counts)
            weights[:-1] *= counts.sum() / (weights[:-1] * counts).sum()
        return weights


def class_targets(guesses: Floats2d, truths: SpanTruths) -> Floats2d:
    """The class that each candidate should get. A candidate with several labels shares its mass
    among them.

    guesses (Floats2d): Logits, shape (n, K + 1).
    truths (SpanTruths): The gold spans and the candidates.
    RETURNS (Floats2d): Distributions over the classes, shape (n, K + 1).
    """
    targets = get_array_module(guesses).zeros_like(guesses)
    targets[:, -1] = 1
    rows, labels = truths.matches()
    targets[rows, -1] = 0
    targets[rows, labels] = 1
    targets /= targets.sum(axis=1, keepdims=True)
    return targets


def _log_prior(class_counts: Floats1d) -> Floats1d:
    xp = get_array_module(class_counts)
    counts = xp.maximum(class_counts, 1)
    return xp.log(counts / counts.sum())


def build_emc_v1(tau: float = 0.3, effective_number: Optional[float] = None) -> EMC:
    """Create the class half of the EIoU-EMC loss. See `EMC` for the formula.

    tau (float): How much of the class prior to correct for.
    effective_number (Optional[float]): Beta of the class weights, if any.
    RETURNS (EMC): The loss.
    """
    return EMC(tau=tau, effective_number=effective_number)
