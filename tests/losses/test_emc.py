from dataclasses import replace
from math import exp, log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from truths_util import make_truths

from spacy_eiou.losses import EMC, build_emc_v1
from spacy_eiou.losses.emc import class_targets

PLAIN = EMC(label_margin=0, label_smoothing=0)


def test_cross_entropy_by_hand():
    truths = make_truths([(0, 1), (1, 2)], [(0, 1)], [0])
    gradient, loss = PLAIN(np.zeros((2, 2), dtype="f"), truths)
    assert loss == pytest.approx(log(2) + log(2))
    assert_allclose(gradient, [[0.5 - 1, 0.5], [0.5, 0.5 - 1]])


def test_loss_is_divided_by_all_gold_spans():
    # One of the two gold spans is no candidate
    truths = make_truths([(0, 1), (1, 2)], [(0, 1), (0, 9)], [0, 0])
    gradient, loss = PLAIN(np.zeros((2, 2), dtype="f"), truths)
    assert loss == pytest.approx((log(2) + log(2)) / 2)
    assert_allclose(gradient, [[-0.25, 0.25], [0.25, -0.25]])


def test_candidates_without_gold_spans_are_no_entity():
    truths = make_truths([(0, 1), (1, 2)], [], [])
    gradient, loss = PLAIN(np.zeros((2, 2), dtype="f"), truths)
    assert loss == pytest.approx(2 * log(2))
    assert_allclose(gradient, [[0.5, -0.5], [0.5, -0.5]])


def test_two_labels_on_one_span_share_its_mass():
    truths = make_truths([(0, 1)], [(0, 1), (0, 1)], [0, 1])
    logits = np.log(np.asarray([[2, 1, 1]], dtype="f"))
    # Probabilities 1/2, 1/4 and 1/4, two gold spans
    gradient, loss = PLAIN(logits, truths)
    assert loss == pytest.approx((log(2) / 2 + log(4) / 2) / 2)
    assert_allclose(gradient, [[(1 / 2 - 1 / 2) / 2, (1 / 4 - 1 / 2) / 2, 1 / 4 / 2]], atol=1e-7)


def test_labels_of_one_span_are_compared_with_no_entity_alone():
    truths = make_truths([(0, 1), (1, 2)], [(0, 1), (0, 1)], [0, 1], several_labels=True)
    logits = np.log(np.asarray([[3, 1, 1, 1], [1, 1, 1, 1]], dtype="f"))
    # Labels 3/4 and 1/2 against "no entity", which is 1/2 against the third label; then it is 1/4
    gradient, loss = PLAIN(logits, truths)
    assert loss == pytest.approx((-log(3 / 4) - log(1 / 2) - log(1 / 2) - log(1 / 4)) / 2)
    expected = [
        [3 / 4 - 1, 1 / 2 - 1, 1 / 2, (1 - 3 / 4) + (1 - 1 / 2) + (1 / 2 - 1)],
        [1 / 4, 1 / 4, 1 / 4, 1 / 4 - 1],
    ]
    assert_allclose(gradient, np.asarray(expected) / 2, atol=1e-6)


def test_margin_and_smoothing_of_several_labels():
    truths = make_truths([(0, 1)], [(0, 1)], [0], [16, 16, 16], several_labels=True)
    # A margin of 4 / 16^(1/4) = 2, which equal logits lose by
    gradient, loss = EMC(label_smoothing=0.2)(np.zeros((1, 3), dtype="f"), truths)
    p = 1 / (1 + exp(2))
    assert loss == pytest.approx(-0.8 * log(p) - 0.2 * log(1 - p) + log(2))
    assert_allclose(gradient, [[p - 0.8, 0.5, 0.8 - p - 0.5]], atol=1e-6)


def test_both_labels_of_a_span_can_be_certain():
    probabilities = EMC().separate_probabilities(np.asarray([[9, 9, -9, 0]], dtype="f"))
    assert_allclose(probabilities, [[1, 1, 0]], atol=2e-4)


def test_every_duplicate_of_a_gold_span_is_a_target():
    truths = make_truths([(0, 1), (0, 1), (0, 2)], [(0, 1)], [0])
    targets = class_targets(np.zeros((3, 2), dtype="f"), truths)
    assert_allclose(targets, [[1, 0], [1, 0], [0, 1]])


def test_gold_spans_are_smoothed_towards_no_entity():
    truths = make_truths([(0, 1), (1, 2)], [(0, 1)], [1])
    logits = np.log(np.asarray([[1, 2, 1], [1, 2, 1]], dtype="f"))
    # Probabilities 1/4, 1/2 and 1/4
    gradient, loss = EMC(label_smoothing=0.2)(logits, truths)
    assert loss == pytest.approx(0.8 * log(2) + 0.2 * log(4) + log(4))
    assert_allclose(
        gradient, [[1 / 4, 1 / 2 - 0.8, 1 / 4 - 0.2], [1 / 4, 1 / 2, 1 / 4 - 1]], atol=1e-6
    )


def test_labels_of_one_span_are_smoothed_once():
    truths = make_truths([(0, 1)], [(0, 1), (0, 1)], [0, 1])
    targets = class_targets(np.zeros((1, 3), dtype="f"), truths, epsilon=0.2)
    assert_allclose(targets, [[0.4, 0.4, 0.2]], rtol=1e-6)


@pytest.mark.parametrize(
    "class_counts,epsilon",
    [
        (None, 0.1),
        ([0, 0, 10**6], 0.1),
        ([1000, 2000, 10**6], 0.1),
        ([1000, 5000, 10**6], 0.05),
        ([10_000, 50_000, 10**6], 0.005),
    ],
)
def test_smoothing_fades_as_gold_spans_grow_in_number(class_counts, epsilon):
    truths = make_truths([(0, 1)], [(0, 1)], [0], class_counts)
    gradient = EMC(label_margin=0).get_grad(np.zeros((1, 3), dtype="f"), truths)
    assert_allclose(gradient, [[1 / 3 - (1 - epsilon), 1 / 3, 1 / 3 - epsilon]], atol=1e-6)
    truths = make_truths([(0, 1)], [(0, 1)], [0], class_counts, several_labels=True)
    gradient = EMC(label_margin=0).get_grad(np.zeros((1, 3), dtype="f"), truths)
    assert_allclose(gradient, [[epsilon - 1 / 2, 1 / 2, -epsilon]], atol=1e-6)


@pytest.mark.parametrize("label_smoothing", [1.0, -0.1])
def test_label_smoothing_out_of_range(label_smoothing):
    with pytest.raises(ValueError, match=f"label_smoothing of EMC .* but is {label_smoothing}"):
        EMC(label_smoothing=label_smoothing)


@pytest.mark.parametrize("tau,shares", [(1, (0.25, 0.75)), (0.5, (sqrt(0.25), sqrt(0.75)))])
def test_prior_by_hand(tau, shares):
    # 1 candidate in 4 is an entity: pi = 1/4, 3/4
    truths = make_truths([(0, 1), (1, 2)], [(0, 1)], [0], class_counts=[1, 3])
    gradient, loss = EMC(label_margin=0, tau=tau, label_smoothing=0)(
        np.zeros((2, 2), dtype="f"), truths
    )
    p, q = shares[0] / sum(shares), shares[1] / sum(shares)
    assert loss == pytest.approx(-log(p) - log(q))
    assert_allclose(gradient, [[p - 1, q], [p, q - 1]], atol=1e-6)


def test_margin_by_hand():
    # 16 and 81 examples: margins of 6 / 2 and 6 / 3, none for "no entity"
    truths = make_truths([(0, 1), (1, 2)], [(0, 1)], [0], class_counts=[16, 81, 1000])
    gradient, loss = EMC(label_margin=6, label_smoothing=0)(np.zeros((2, 3), dtype="f"), truths)
    exps = exp(-3), exp(-2), 1
    p = [value / sum(exps) for value in exps]
    assert loss == pytest.approx(-log(p[0]) - log(p[2]))
    assert_allclose(gradient, [[p[0] - 1, p[1], p[2]], [p[0], p[1], p[2] - 1]], atol=1e-6)


@pytest.mark.parametrize("settings", [{"label_margin": 0, "tau": 0.3}, {"label_margin": 6}])
def test_shifts_make_the_gradient_of_rare_classes_larger(settings):
    candidates, gold = [(0, 1), (1, 2)], [(0, 1), (1, 2)]
    truths = make_truths(candidates, gold, [0, 1], class_counts=[1000, 10, 10**5])
    gradient = EMC(**settings).get_grad(np.zeros((2, 3), dtype="f"), truths)
    assert gradient[1, 1] < gradient[0, 0] < 0


def test_shifts_are_off_without_counts_or_tau_and_margin():
    logits = np.random.RandomState(0).normal(size=(2, 2)).astype("f")
    without_counts = make_truths([(0, 1), (1, 2)], [(0, 1)], [0])
    with_counts = make_truths([(0, 1), (1, 2)], [(0, 1)], [0], class_counts=[1, 99])
    plain = EMC(label_margin=0, tau=0).get_loss(logits, without_counts)
    assert EMC(label_margin=0, tau=0).get_loss(logits, with_counts) == pytest.approx(plain)
    assert EMC(label_margin=0, tau=1).get_loss(logits, without_counts) == pytest.approx(plain)
    assert EMC(label_margin=0, tau=1).get_loss(logits, with_counts) != pytest.approx(plain)


def test_effective_number_by_hand():
    # (1 - 0.5) / (1 - 0.5^1) = 1 and (1 - 0.5) / (1 - 0.5^3) = 4/7, so 1 * 1 + 3 * 4/7 = 19/7
    # for 1 + 3 entities: a mean weight of 1 needs a factor of 4 / (19/7) = 28/19
    loss = EMC(label_margin=0, label_smoothing=0, effective_number=0.5)
    logits, counts = np.zeros((1, 3), dtype="f"), [1, 3, 100]
    first = make_truths([(0, 1)], [(0, 1)], [0], counts)
    second = make_truths([(0, 1)], [(0, 1)], [1], counts)
    no_entity = make_truths([(0, 1)], [], [], counts)
    assert loss.get_loss(logits, first) == pytest.approx(28 / 19 * log(3))
    assert loss.get_loss(logits, second) == pytest.approx(4 / 7 * 28 / 19 * log(3))
    assert loss.get_loss(logits, no_entity) == pytest.approx(log(3))
    expected = np.asarray([[1 / 3 - 1, 1 / 3, 1 / 3]]) * 28 / 19
    assert_allclose(loss.get_grad(logits, first), expected, rtol=1e-5)
    integers = replace(first, class_counts=np.asarray(counts))
    assert_allclose(loss.get_grad(logits, integers), expected, rtol=1e-5)


@pytest.mark.parametrize("effective_number", [None, 0.9, 0.999])
@pytest.mark.parametrize("class_counts", [[0, 0, 0], [0, 5, 0], [0, 0, 10**7], [10**7, 1, 0]])
def test_counts_of_zero_stay_finite(class_counts, effective_number):
    truths = make_truths([(0, 1), (1, 2), (0, 2)], [(0, 1), (1, 2)], [0, 1], class_counts)
    loss = EMC(label_margin=0, tau=1.0, label_smoothing=0, effective_number=effective_number)
    gradient, value = loss(np.zeros((3, 3), dtype="f"), truths)
    assert value > 0
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    # Every candidate is pushed towards its own class
    assert_allclose(gradient.argmin(axis=1), [0, 1, 2])


@given(
    labels=st.lists(st.integers(-1, 2), min_size=1, max_size=8),
    class_counts=st.lists(st.integers(1, 10**6), min_size=4, max_size=4),
    tau=st.floats(0, 1),
    label_margin=st.floats(0, 10),
    label_smoothing=st.floats(0, 0.9),
    seed=st.integers(0, 99),
)
def test_loss_matches_brute_force(labels, class_counts, tau, label_margin, label_smoothing, seed):
    """One candidate per label; -1 stands for no entity."""
    candidates = [(i, i + 1) for i in range(len(labels))]
    gold = [span for span, label in zip(candidates, labels) if label >= 0]
    gold_labels = [label for label in labels if label >= 0]
    logits = np.random.RandomState(seed).normal(size=(len(labels), 4))
    epsilon = min(label_smoothing, 300 / sum(class_counts[:3]))
    expected = 0.0
    for z, label in zip(logits, labels):
        adjusted = z + tau * np.log(np.asarray(class_counts) / sum(class_counts))
        adjusted[:3] -= [label_margin / count**0.25 for count in class_counts[:3]]
        log_probabilities = np.log(np.exp(adjusted) / np.exp(adjusted).sum())
        expected -= (1 - epsilon) * log_probabilities[label]
        expected -= epsilon * log_probabilities[-1]
    expected /= max(len(gold), 1)
    truths = make_truths(candidates, gold, gold_labels, class_counts)
    loss = EMC(label_margin=label_margin, tau=tau, label_smoothing=label_smoothing)
    assert loss.get_loss(logits.astype("f"), truths) == pytest.approx(expected, rel=1e-4)


def test_settings():
    loss = build_emc_v1()
    assert (loss.label_margin, loss.tau, loss.label_smoothing) == (4.0, 0.0, 0.1)
    assert loss.effective_number is None
    loss = build_emc_v1(label_margin=2.0, tau=0.5, label_smoothing=0.2, effective_number=0.99)
    assert (loss.label_margin, loss.tau, loss.label_smoothing) == (2.0, 0.5, 0.2)
    assert loss.effective_number == 0.99


def test_defaults_are_those_of_the_architecture():
    assert vars(EMC()) == vars(build_emc_v1())


def test_effective_number_of_zero_weighs_all_labels_alike():
    logits = np.random.RandomState(0).normal(size=(2, 3)).astype("f")
    truths = make_truths([(0, 1), (0, 2)], [(0, 1), (0, 2)], [0, 1], [1, 50, 100])
    assert EMC(effective_number=0).get_loss(logits, truths) == EMC().get_loss(logits, truths)


@pytest.mark.parametrize("effective_number", [1.0, -0.1])
def test_effective_number_out_of_range(effective_number):
    with pytest.raises(ValueError, match=f"of EMC must be .* below 1, but is {effective_number}"):
        EMC(effective_number=effective_number)
