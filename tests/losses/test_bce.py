from math import log

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spacy_eiou.losses import BCE, SpanTruths, build_bce_v1

# Probabilities 3/4 and 1/4, and any logit for "no entity"
LOGITS = np.asarray([[log(3), -log(3), 7], [log(3), -log(3), -7]], dtype="f")


def make_truths(labels):
    """Two candidates, of which the first bears the labels."""
    return SpanTruths(
        candidates=np.asarray([(0, 1), (1, 2)], dtype="i"),
        gold=np.asarray([(0, 1)] * len(labels), dtype="i").reshape((-1, 2)),
        labels=np.asarray(labels, dtype="i"),
    )


def test_cross_entropy_by_hand():
    gradient, loss = BCE()(LOGITS, make_truths([0]))
    assert loss == pytest.approx(-3 * log(3 / 4) - log(1 / 4))
    assert_allclose(gradient, [[-1 / 4, 1 / 4, 0], [3 / 4, 1 / 4, 0]], rtol=1e-6)


def test_two_labels_on_one_span_both_count_in_full():
    gradient, loss = BCE()(LOGITS, make_truths([0, 1]))
    assert loss == pytest.approx((-2 * log(3 / 4) - 2 * log(1 / 4)) / 2)
    assert_allclose(gradient, [[-1 / 8, -3 / 8, 0], [3 / 8, 1 / 8, 0]], rtol=1e-6)


def test_focal_loss_by_hand():
    _, loss = BCE(gamma=2)(LOGITS, make_truths([0]))
    assert loss == pytest.approx(-3 * (1 / 4) ** 2 * log(3 / 4) - (3 / 4) ** 2 * log(1 / 4))


def test_probabilities_of_the_labels_are_independent():
    assert_allclose(BCE().probabilities(LOGITS), [[3 / 4, 1 / 4]] * 2, rtol=1e-6)


def test_negative_gamma():
    with pytest.raises(ValueError, match="gamma of BCE must be at least 0, but is -1"):
        BCE(gamma=-1)


def test_build_passes_its_settings_on():
    assert build_bce_v1().gamma == 0
    assert build_bce_v1(gamma=2).gamma == 2
