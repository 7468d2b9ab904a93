from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_eiou.pipeline.thresholds import find_label_thresholds, find_threshold

# Few values, so that many scores are equal
PREDICTIONS = st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.4, 0.8]), st.booleans()), max_size=12)
FLOATS = st.lists(st.tuples(st.floats(0.125, 1, width=32), st.booleans()), max_size=12)


def make_arrays(predictions):
    scores = np.asarray([score for score, _ in predictions], dtype="f")
    return scores, np.asarray([correct for _, correct in predictions], dtype=bool)


def f_score(scores, correct, n_gold, threshold):
    positive = scores >= np.float32(threshold)
    return 2 * (positive & correct).sum() / (positive.sum() + n_gold)


@pytest.mark.parametrize(
    "predictions,n_gold,expected",
    [
        # F is 2/4 with the first, 4/5 with two, 4/6 with three
        ([(0.75, True), (0.5, True), (0.25, False)], 3, (0.5 + 0.25) / 2),
        # In any order
        ([(0.25, False), (0.75, True), (0.5, True)], 3, (0.5 + 0.25) / 2),
        # With all spans: the middle between the last one and the floor
        ([(0.75, True), (0.5, True)], 2, 0.25),
        # Equal scores stand or fall together: 2/3 without them, 4/7 with them, never 4/4
        ([(0.75, True), (0.5, True), (0.5, False), (0.5, False), (0.5, False)], 2, 0.625),
        ([(0.75, False), (0.5, True), (0.5, True), (0.5, False)], 2, 0.25),
        # F is 2/4 with one span and 4/8 with all five: the fewest spans
        ([(0.75, True), (0.5, False), (0.5, False), (0.5, False), (0.25, True)], 3, 0.625),
        # Nothing is correct, or nothing is predicted
        ([(0.75, False), (0.5, False)], 3, None),
        ([], 3, None),
        ([], 0, None),
    ],
)
def test_threshold_by_hand(predictions, n_gold, expected):
    assert find_threshold(*make_arrays(predictions), n_gold) == expected


@pytest.mark.parametrize("floor,expected", [(0.0, 0.25), (0.25, 0.375), (0.5, 0.5)])
def test_no_threshold_lies_below_the_floor(floor, expected):
    assert find_threshold(*make_arrays([(0.5, True)]), 1, floor=floor) == expected


def test_neighbouring_numbers_have_no_middle():
    higher = np.float32(0.5)
    for _ in range(2):  # of two neighbours, one is even and draws the rounding
        lower = np.nextafter(higher, np.float32(0))
        scores, correct = make_arrays([(higher, True), (lower, False)])
        assert find_threshold(scores, correct, 1) == higher
        higher = lower


@pytest.mark.parametrize("strategy", [PREDICTIONS, FLOATS], ids=["ties", "floats"])
@given(data=st.data(), n_missed=st.integers(0, 5))
def test_threshold_matches_brute_force(strategy, data, n_missed):
    scores, correct = make_arrays(data.draw(strategy))
    n_gold = correct.sum() + n_missed
    threshold = find_threshold(scores, correct, n_gold)
    best = max((f_score(scores, correct, n_gold, score) for score in scores), default=0)
    if threshold is None:
        assert best == 0
    else:
        assert f_score(scores, correct, n_gold, threshold) == best


@given(PREDICTIONS)
def test_threshold_lies_between_the_scores(predictions):
    scores, correct = make_arrays(predictions)
    threshold = find_threshold(scores, correct, len(scores))
    values = [0.0, *sorted(set(scores.tolist()))]
    middles = [(a + b) / 2 for a, b in pairwise(values)]
    assert threshold is None or min(abs(threshold - middle) for middle in middles) < 1e-7


def test_label_thresholds_by_hand():
    scores, correct = make_arrays(
        [(0.75, True), (0.5, False), (0.75, False), (0.5, True), (0.75, False), (0.75, True)]
    )
    labels = np.asarray(["A", "A", "B", "B", "C", "D"])
    n_gold = {"A": 2, "B": 2, "C": 2, "D": 1, "E": 2}
    # C has no correct prediction, D one example, E no prediction
    thresholds = find_label_thresholds(scores, correct, labels, n_gold, min_examples=2)
    assert thresholds == {"A": 0.625, "B": 0.25}
    thresholds = find_label_thresholds(scores, correct, labels, n_gold, floor=0.25, min_examples=1)
    assert thresholds == {"A": 0.625, "B": 0.375, "D": 0.5}


def test_label_thresholds_need_ten_examples():
    scores, correct = make_arrays([(0.5, True)])
    labels = np.asarray(["A"])
    assert find_label_thresholds(scores, correct, labels, {"A": 9}) == {}
    assert find_label_thresholds(scores, correct, labels, {"A": 10}) == {"A": 0.25}


@given(st.lists(st.tuples(st.sampled_from([0.2, 0.4, 0.8]), st.booleans(), st.sampled_from("AB"))))
def test_no_common_threshold_has_a_better_macro_f_score(predictions):
    scores, correct = make_arrays([prediction[:2] for prediction in predictions])
    labels = np.asarray([label for *_, label in predictions], dtype=str)
    n_gold = {label: max(1, correct[labels == label].sum()) for label in "AB"}
    found = find_label_thresholds(scores, correct, labels, n_gold, min_examples=1)

    def macro_f(thresholds):
        return sum(
            f_score(scores[labels == label], correct[labels == label], n_gold[label], threshold)
            for label, threshold in thresholds.items()
        )

    for common in (0.1, 0.3, 0.6):
        assert macro_f(found) >= macro_f(dict.fromkeys("AB", common))
