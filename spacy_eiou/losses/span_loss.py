"""What all span losses share: the truths they compare logits with, and their interface."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Optional, Tuple

from thinc.loss import Loss
from thinc.types import Floats1d, Floats2d, Ints1d, Ints2d
from thinc.util import get_array_module

from ..spans.pairs import equal_pairs


@dataclass(frozen=True)
class SpanTruths:
    """The gold spans of a batch, beside the candidates that the logits belong to.

    Docs are laid end to end, so that spans of different docs never overlap.

    candidates (Ints2d): Candidate spans `[start, end)` in tokens, shape (n, 2).
    gold (Ints2d): Gold spans `[start, end)` in tokens, shape (m, 2).
    labels (Ints1d): The label of each gold span, from 0 to K - 1, shape (m,).
    class_counts (Optional[Floats1d]): How often each of the K labels and, last, "no entity" was
        seen among the candidates of the training data, shape (K + 1,).
    several_labels (bool): Whether a span may bear several labels.
    """

    candidates: Ints2d
    gold: Ints2d
    labels: Ints1d
    class_counts: Optional[Floats1d] = None
    several_labels: bool = False

    def matches(self) -> Tuple[Ints1d, Ints1d]:
        """RETURNS (Tuple[Ints1d, Ints1d]): The candidates that are gold spans, and their labels."""
        rows, gold_rows = equal_pairs(self.candidates, self.gold)
        return rows, self.labels[gold_rows]


class SpanLoss(Loss[Floats2d, SpanTruths, Floats2d, float], ABC):  # type: ignore[misc]
    """A Thinc loss over the logits of span candidates, for K labels and "no entity".

    Guesses are logits of shape (n, K + 1), the last column for "no entity"; truths are
    `SpanTruths`. Losses and gradients are divided by the number of gold spans in the batch, so
    that their scale does not follow the number of candidates.
    """

    @abstractmethod
    def __call__(self, guesses: Floats2d, truths: SpanTruths) -> Tuple[Floats2d, float]:
        """Compute the gradient and the loss together.

        guesses (Floats2d): Logits, shape (n, K + 1).
        truths (SpanTruths): The gold spans and the candidates.
        RETURNS (Tuple[Floats2d, float]): The gradient of the loss with respect to the logits,
            shape (n, K + 1), and the loss.
        """

    def get_grad(self, guesses: Floats2d, truths: SpanTruths) -> Floats2d:
        """RETURNS (Floats2d): The gradient with respect to the logits, shape (n, K + 1)."""
        return self(guesses, truths)[0]

    def get_loss(self, guesses: Floats2d, truths: SpanTruths) -> float:
        """RETURNS (float): The loss."""
        return self(guesses, truths)[1]

    def probabilities(self, logits: Floats2d) -> Floats2d:
        """Turn logits into the probability of each label: by default, all K + 1 classes share one
        softmax.

        logits (Floats2d): Shape (n, K + 1).
        RETURNS (Floats2d): Shape (n, K), without the column for "no entity".
        """
        return softmax(logits)[:, :-1]

    def separate_probabilities(self, logits: Floats2d) -> Floats2d:
        """Turn logits into the probability of each label by itself, for spans that may bear several
        labels: by default against "no entity" alone, which so is a threshold that each span has
        of its own (Zhou et al. 2021, arXiv 2010.11304; Su et al. 2022, arXiv 2208.02955).

        logits (Floats2d): Shape (n, K + 1).
        RETURNS (Floats2d): Shape (n, K), without the column for "no entity".
        """
        return sigmoid(logits[:, :-1] - logits[:, -1:])


def softmax(logits: Floats2d) -> Floats2d:
    """RETURNS (Floats2d): The softmax over each row, safe for large logits."""
    xp = get_array_module(logits)
    exps: Any = column_major(logits)
    exps -= exps.max(axis=1, keepdims=True)
    xp.exp(exps, out=exps)
    exps /= exps.sum(axis=1, keepdims=True)
    return exps


def log_softmax(logits: Floats2d) -> Floats2d:
    """RETURNS (Floats2d): The logarithm of the softmax over each row, safe for large logits."""
    xp = get_array_module(logits)
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(axis=1, keepdims=True))


def sigmoid(logits: Floats2d) -> Floats2d:
    """RETURNS (Floats2d): The logistic function of each logit, safe for large ones."""
    xp = get_array_module(logits)
    # exp(88) is still finite in single precision: below, the probability stays at 6e-39.
    result: Any = xp.minimum(-logits, 88)
    xp.exp(result, out=result)
    result += 1
    return xp.reciprocal(result, out=result)


def column_major(logits: Floats2d) -> Floats2d:
    """RETURNS (Floats2d): A copy that lies in memory column by column. Classes are few and
    candidates many, so that sums and maxima over the classes are found several times faster."""
    return get_array_module(logits).array(logits, order="F")
