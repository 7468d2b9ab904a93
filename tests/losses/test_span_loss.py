"""What all losses of the package have in common."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from spacy import registry
from truths_util import make_truths

from spacy_eiou.losses import SpanLoss
from spacy_eiou.losses.span_loss import softmax

LOSSES = {
    "EMC": registry.losses.get("spacy_eiou.EMC.v1")(),
    "EMC weighted": registry.losses.get("spacy_eiou.EMC.v1")(tau=1.0, effective_number=0.9),
    "EIoU margin": registry.losses.get("spacy_eiou.EIoU.v1")(form="margin"),
    "EIoU expected": registry.losses.get("spacy_eiou.EIoU.v1")(form="expected_distance"),
    "BCE": registry.losses.get("spacy_eiou.BCE.v1")(),
    "focal": registry.losses.get("spacy_eiou.BCE.v1")(gamma=2.0),
    "EIoU_EMC": registry.losses.get("spacy_eiou.EIoU_EMC.v1")(),
}
all_losses = pytest.mark.parametrize("loss", LOSSES.values(), ids=list(LOSSES))
K = 2
SPANS = st.tuples(st.integers(0, 5), st.integers(1, 3)).map(lambda x: (x[0], x[0] + x[1]))


@st.composite
def batches(draw):
    """Some logits, and truths with duplicate candidates, double labels and unreached gold spans."""
    candidates = draw(st.lists(SPANS, max_size=10))
    gold = draw(st.lists(st.tuples(SPANS, st.integers(0, K - 1)), max_size=5, unique=True))
    class_counts = draw(st.none() | st.lists(st.integers(0, 99), min_size=K + 1, max_size=K + 1))
    truths = make_truths(
        candidates,
        [span for span, _ in gold],
        [label for _, label in gold],
        class_counts,
        draw(st.booleans()),
    )
    random = np.random.RandomState(draw(st.integers(0, 999)))
    return random.normal(size=(len(candidates), K + 1)), truths


@all_losses
@given(batch=batches())
def test_loss_and_gradient_can_be_had_apart(loss, batch):
    logits, truths = batch
    logits = logits.astype("f")
    gradient, value = loss(logits, truths)
    assert gradient.dtype == "float32"
    assert gradient.shape == logits.shape
    assert isinstance(value, float)
    assert_array_equal(loss.get_grad(logits, truths), gradient)
    assert loss.get_loss(logits, truths) == value


@all_losses
@given(batch=batches())
def test_loss_is_not_negative(loss, batch):
    logits, truths = batch
    assert loss.get_loss(logits.astype("f"), truths) >= -1e-5


@all_losses
@settings(max_examples=25)
@given(batch=batches())
def test_gradient_matches_finite_differences(loss, batch):
    logits, truths = batch
    expected = np.zeros_like(logits)
    # Sums over a neighbourhood are float32 for any input, so the step is large.
    step = 1e-2
    for index in np.ndindex(logits.shape):
        offset = np.zeros_like(logits)
        offset[index] = step
        difference = loss.get_loss(logits + offset, truths) - loss.get_loss(logits - offset, truths)
        expected[index] = difference / (2 * step)
    assert_allclose(loss.get_grad(logits, truths), expected, atol=1e-3)


@all_losses
@given(batch=batches(), scale=st.sampled_from([1e2, 1e3, 1e4]))
def test_huge_logits_stay_finite(loss, batch, scale):
    logits, truths = batch
    logits = (np.sign(logits) * scale).astype("f")
    with np.errstate(all="raise", under="ignore"):
        gradient, value = loss(logits, truths)
        probabilities = loss.probabilities(logits)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    assert np.isfinite(probabilities).all()


@all_losses
@given(batch=batches())
def test_logits_are_not_modified(loss, batch):
    logits, truths = batch
    before = logits.copy()
    loss(logits, truths)
    loss.probabilities(logits)
    assert_array_equal(logits, before)


@all_losses
def test_no_candidates(loss):
    gradient, value = loss(np.zeros((0, K + 1), dtype="f"), make_truths([], [(0, 2)], [0]))
    assert gradient.shape == (0, K + 1)
    assert value == 0


@all_losses
def test_no_candidates_and_no_gold_spans(loss):
    gradient, value = loss(np.zeros((0, K + 1), dtype="f"), make_truths([], [], []))
    assert gradient.shape == (0, K + 1)
    assert value == 0


@all_losses
@pytest.mark.parametrize("n_copies", [2, 10])
def test_scale_does_not_follow_the_number_of_gold_spans(loss, n_copies):
    candidates = np.asarray([(0, 1), (0, 2), (1, 2), (1, 3)])
    gold, labels = np.asarray([(0, 2), (1, 2)]), [0, 1]
    logits = np.random.RandomState(0).normal(size=(4, K + 1)).astype("f")
    once = make_truths(candidates, gold, labels)
    shifts = np.arange(n_copies).reshape((-1, 1, 1)) * 10
    copies = make_truths(candidates + shifts, gold + shifts, labels * n_copies)
    gradient, value = loss(logits, once)
    copied_gradient, copied_value = loss(np.tile(logits, (n_copies, 1)), copies)
    assert copied_value == pytest.approx(value, rel=1e-5)
    assert_allclose(copied_gradient * n_copies, np.tile(gradient, (n_copies, 1)), atol=1e-6)


@all_losses
def test_scale_does_not_follow_the_number_of_certain_candidates(loss):
    candidates, certain = [(0, 1), (0, 2), (1, 2)], [(i, i + 1) for i in range(10, 1010)]
    logits = np.random.RandomState(0).normal(size=(3, K + 1))
    certain_logits = np.tile([[-50, -50, 50]], (len(certain), 1))
    gradient, value = loss(logits.astype("f"), make_truths(candidates, [(0, 2)], [1]))
    more_gradient, more_value = loss(
        np.vstack([logits, certain_logits]).astype("f"),
        make_truths(candidates + certain, [(0, 2)], [1]),
    )
    assert more_value == pytest.approx(value, rel=1e-6)
    assert_allclose(more_gradient[:3], gradient, rtol=1e-6)
    assert_allclose(more_gradient[3:], 0, atol=1e-6)


@all_losses
def test_order_of_candidates_and_gold_spans_is_free(loss):
    random = np.random.RandomState(0)
    candidates = np.asarray([(start, end) for start in range(6) for end in range(start + 1, 7)])
    gold, labels = np.asarray([(0, 3), (1, 2), (4, 6)]), np.asarray([0, 1, 0])
    logits = random.normal(size=(len(candidates), K + 1)).astype("f")
    gradient, value = loss(logits, make_truths(candidates, gold, labels, [2, 1, 18]))
    order, gold_order = random.permutation(len(candidates)), [2, 0, 1]
    shuffled = make_truths(candidates[order], gold[gold_order], labels[gold_order], [2, 1, 18])
    shuffled_gradient, shuffled_value = loss(logits[order], shuffled)
    assert shuffled_value == pytest.approx(value, rel=1e-5)
    assert_allclose(shuffled_gradient, gradient[order], atol=1e-6)


def test_matches_are_the_candidates_that_are_gold():
    truths = make_truths(
        [(0, 1), (0, 2), (2, 4), (0, 2)], [(0, 2), (2, 4), (5, 6), (2, 4)], range(4)
    )
    rows, labels = truths.matches()
    assert sorted(zip(rows, labels)) == [(1, 0), (2, 1), (2, 3), (3, 0)]


def test_probabilities_share_one_softmax_with_no_entity():
    logits = np.log(np.asarray([[1, 2, 1], [6, 3, 1]], dtype="f"))
    expected = [[1 / 4, 2 / 4], [6 / 10, 3 / 10]]
    assert_allclose(LOSSES["EMC"].probabilities(logits), expected, rtol=1e-6)


def test_softmax_of_huge_logits():
    logits = np.asarray([[1e4, -1e4], [-1e4, -1e4]], dtype="f")
    assert_array_equal(softmax(logits), [[1, 0], [0.5, 0.5]])


def test_span_loss_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        SpanLoss()
