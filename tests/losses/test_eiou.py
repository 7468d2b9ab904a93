import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy import exp, log
from numpy.testing import assert_allclose, assert_array_equal
from truths_util import make_truths

from spacy_eiou.losses import EIoU, build_eiou_v1
from spacy_eiou.spans import DISTANCES

# Distance of [0, 1) and of [1, 2) to [0, 2): IoU 1/2, hull 2, centres 0.5 apart, widths 1 apart
D = 1 / 2 + 0.5**2 / 2**2 + 1 / 2**2
SPANS = st.tuples(st.integers(0, 5), st.integers(1, 3)).map(lambda x: (x[0], x[0] + x[1]))


def reference_loss(form, distance, logits, candidates, gold, labels):
    """The formulas, gold span by gold span, in float64."""
    losses = []
    for span, label in zip(gold, labels):
        if span not in candidates:
            continue
        same_label = [s for s, other in zip(gold, labels) if other == label and s != span]
        near = [
            row
            for row, (start, end) in enumerate(candidates)
            if start < span[1] and span[0] < end and (start, end) not in same_label
        ]
        distances = np.asarray(
            [
                DISTANCES[distance](np.asarray([candidates[row]]), np.asarray([span]))[0]
                for row in near
            ],
            dtype="d",
        )
        z = logits[near, label]
        if form == "margin":
            gold_logit = z[[candidates[row] == span for row in near]].mean()
            losses.append(log(exp(z + distances).sum()) - gold_logit)
        else:
            losses.append((exp(z) / exp(z).sum() * distances).sum())
    return np.mean(losses) if losses else 0.0


def test_expected_distance_by_hand():
    truths = make_truths([(0, 1), (0, 2), (1, 2)], [(0, 2)], [0])
    gradient, loss = EIoU(form="expected_distance")(np.zeros((3, 2), dtype="f"), truths)
    # Every candidate has a third of the mass
    expected = 2 * D / 3
    assert loss == pytest.approx(expected)
    assert_allclose(gradient[:, 0], [(D - expected) / 3, -expected / 3, (D - expected) / 3])
    assert_array_equal(gradient[:, 1], 0)


def test_margin_by_hand():
    truths = make_truths([(0, 1), (0, 2), (1, 2)], [(0, 2)], [0])
    gradient, loss = EIoU(form="margin")(np.zeros((3, 2), dtype="f"), truths)
    total = exp(0) + 2 * exp(D)
    assert loss == pytest.approx(log(total))
    expected = [exp(D) / total, exp(0) / total - 1, exp(D) / total]
    assert_allclose(gradient[:, 0], expected, rtol=1e-5)
    assert_array_equal(gradient[:, 1], 0)


def test_nesting_guard():
    candidates, logits = [(0, 1), (0, 2), (1, 2)], np.zeros((3, 3), dtype="f")
    loss = EIoU(form="expected_distance")
    # N([0, 2)) lacks [0, 1), a gold span of the same label, and N([0, 1)) holds only itself
    same_label = make_truths(candidates, [(0, 2), (0, 1)], [0, 0])
    gradient, value = loss(logits, same_label)
    assert value == pytest.approx((D / 2 + 0) / 2)
    assert_allclose(gradient[:, 0], [0, -D / 8, D / 8], rtol=1e-6)
    # Labels apart, each competes with the other
    other_label = make_truths(candidates, [(0, 2), (0, 1)], [0, 1])
    assert loss.get_loss(logits, other_label) == pytest.approx((2 * D / 3 + D / 2) / 2)


def test_two_labels_on_one_span():
    truths = make_truths([(0, 1), (0, 2), (1, 2)], [(0, 2), (0, 2)], [0, 1])
    gradient, loss = EIoU(form="expected_distance")(np.zeros((3, 3), dtype="f"), truths)
    assert loss == pytest.approx(2 * D / 3)
    assert_array_equal(gradient[:, 0], gradient[:, 1])
    assert gradient[1, 0] == pytest.approx(-2 * D / 3 / 3 / 2)


@pytest.mark.parametrize("form", ["margin", "expected_distance"])
def test_gold_spans_that_are_no_candidates_have_no_neighbourhood(form):
    loss, logits = EIoU(form=form), np.random.RandomState(0).normal(size=(3, 2)).astype("f")
    candidates = [(0, 1), (0, 2), (1, 2)]
    gradient, value = loss(logits, make_truths(candidates, [(0, 2)], [0]))
    more_gradient, more_value = loss(logits, make_truths(candidates, [(0, 2), (0, 3)], [0, 0]))
    assert more_value == value
    assert_array_equal(more_gradient, gradient)
    gradient, value = loss(logits, make_truths(candidates, [(0, 3), (7, 9)], [0, 0]))
    assert value == 0
    assert_array_equal(gradient, 0)


def test_candidates_that_reach_no_gold_span_get_no_gradient():
    truths = make_truths([(0, 2), (1, 3), (2, 3), (9, 10)], [(0, 2)], [0])
    gradient = EIoU().get_grad(np.zeros((4, 2), dtype="f"), truths)
    assert gradient[1, 0] > 0
    assert_array_equal(gradient[2:], 0)


def test_a_gold_span_suggested_twice_counts_once():
    truths = make_truths([(0, 2), (0, 2), (0, 1)], [(0, 2)], [0])
    gradient, loss = EIoU(form="margin")(np.zeros((3, 2), dtype="f"), truths)
    total = 2 * exp(0) + exp(D)
    assert loss == pytest.approx(log(total))
    expected = [1 / total - 1 / 2, 1 / total - 1 / 2, exp(D) / total]
    assert_allclose(gradient[:, 0], expected, rtol=1e-5)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("form", ["margin", "expected_distance"])
@given(
    candidates=st.lists(SPANS, min_size=1, max_size=10),
    gold=st.lists(st.tuples(SPANS, st.integers(0, 1)), max_size=5, unique=True),
    seed=st.integers(0, 99),
)
def test_loss_matches_brute_force(form, distance, candidates, gold, seed):
    spans, labels = [span for span, _ in gold], [label for _, label in gold]
    logits = np.random.RandomState(seed).normal(size=(len(candidates), 3))
    loss = EIoU(form=form, distance=distance)
    expected = reference_loss(form, distance, logits, candidates, spans, labels)
    value = loss.get_loss(logits.astype("f"), make_truths(candidates, spans, labels))
    assert value == pytest.approx(expected, abs=1e-5)


@given(
    candidates=st.lists(SPANS, min_size=1, max_size=10),
    gold=st.lists(st.tuples(SPANS, st.integers(0, 1)), max_size=5, unique=True),
    form=st.sampled_from(["margin", "expected_distance"]),
)
def test_gradient_moves_mass_only_within_neighbourhoods(candidates, gold, form):
    truths = make_truths(candidates, [span for span, _ in gold], [label for _, label in gold])
    logits = np.random.RandomState(0).normal(size=(len(candidates), 3)).astype("f")
    gradient = EIoU(form=form).get_grad(logits, truths)
    assert_allclose(gradient.sum(axis=0), 0, atol=1e-6)
    assert_array_equal(gradient[:, -1], 0)


def test_settings():
    loss = build_eiou_v1()
    assert (loss.form, loss.distance) == ("margin", "eiou")
    loss = build_eiou_v1(form="expected_distance", distance="giou")
    assert (loss.form, loss.distance) == ("expected_distance", "giou")


def test_unknown_settings():
    with pytest.raises(ValueError, match=r"'hinge'.*one of: expected_distance, margin\.$"):
        EIoU(form="hinge")
    with pytest.raises(ValueError, match=r"'manhattan'.*one of: iou, giou, diou, eiou\.$"):
        EIoU(distance="manhattan")
