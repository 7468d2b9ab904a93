import numpy as np
import pytest

from spacy_eiou.losses import SpanTruths


def make_truths(candidates, gold, labels, class_counts=None, several_labels=False):
    """The truths of a batch, from lists."""
    return SpanTruths(
        candidates=np.asarray(candidates, dtype="i").reshape((-1, 2)),
        gold=np.asarray(gold, dtype="i").reshape((-1, 2)),
        labels=np.asarray(labels, dtype="i"),
        class_counts=class_counts if class_counts is None else np.asarray(class_counts, "f"),
        several_labels=several_labels,
    )


def check_gradient(loss, guesses, truths):
    """Check the gradient of a loss against finite differences."""
    gradient = loss.get_grad(guesses.astype("f"), truths)
    assert gradient.dtype == "float32"
    step = 1e-3
    for index in np.ndindex(guesses.shape):
        offset = np.zeros_like(guesses)
        offset[index] = step
        up, down = loss.get_loss(guesses + offset, truths), loss.get_loss(guesses - offset, truths)
        assert gradient[index] == pytest.approx((up - down) / (2 * step), abs=1e-4)
