"""Binary cross-entropy: whether each candidate bears each label, apart from the other labels."""

from typing import Tuple

from thinc.types import Floats2d
from thinc.util import get_array_module

from .span_loss import SpanLoss, SpanTruths, sigmoid


class BCE(SpanLoss):
    """Binary cross-entropy over K labels, for spans that may bear several, and as the baseline of
    the multi-class loss. With p = sigmoid(z), t = 1 where a label is borne and 0 elsewhere, and
    p_t the probability of what is the case, over the m gold spans of the batch:

        L_BCE = -1/m  sum_a sum_k (1 - p_t)^gamma log p_t,    p_t = t p + (1 - t) (1 - p)

    With a gamma above 0 this is the focal loss (Lin et al. 2017, arXiv 1708.02002, without its
    weight of the classes), in which what is certain already counts less. The logit for "no entity"
    plays no part.
    """

    def __init__(self, *, gamma: float = 0.0) -> None:
        """Initialize the loss.

        gamma (float): How much less certain candidates count, at least 0.
        RAISES (ValueError): If gamma is negative.
        """
        if gamma < 0:
            raise ValueError(f"gamma of BCE must be at least 0, but is {gamma}.")
        self.gamma = gamma

    def __call__(self, guesses: Floats2d, truths: SpanTruths) -> Tuple[Floats2d, float]:
        xp = get_array_module(guesses)
        signs = xp.full_like(guesses[:, :-1], -1)
        signs[truths.matches()] = 1
        margins = signs * guesses[:, :-1]
        # log p_t and 1 - p_t, safe for large logits
        log_right = -xp.logaddexp(0, -margins)
        wrong = sigmoid(-margins)
        n_gold = max(len(truths.gold), 1)
        loss = -float((wrong**self.gamma * log_right).sum()) / n_gold
        slopes = wrong**self.gamma * (self.gamma * xp.exp(log_right) * log_right - wrong)
        gradient = xp.zeros_like(guesses)
        gradient[:, :-1] = signs * slopes / n_gold
        return gradient, loss

    def probabilities(self, logits: Floats2d) -> Floats2d:
        return sigmoid(logits[:, :-1])

    def separate_probabilities(self, logits: Floats2d) -> Floats2d:
        return self.probabilities(logits)


def build_bce_v1(gamma: float = 0.0) -> BCE:
    """Create a binary cross-entropy loss. See `BCE` for the formula.

    gamma (float): Above 0 for the focal loss.
    RETURNS (BCE): The loss.
    """
    return BCE(gamma=gamma)
