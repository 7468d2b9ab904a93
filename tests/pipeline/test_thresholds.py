from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_eiou.pipeline.thresholds import (
    MIN_EXAMPLES,
    ScoredSpans,
    Thresholds,
    cross_validate,
    find_label_thresholds,
    find_threshold,
    find_thresholds,
    keep,
    score_kept,
)
from spacy_eiou.spans.scores import score_spans

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
    settings = {"shrinkage": 0, "min_examples": 2}
    thresholds = find_label_thresholds(scores, correct, labels, n_gold, **settings)
    assert thresholds == {"A": 0.625, "B": 0.25}
    settings = {"shrinkage": 0, "min_examples": 1, "floor": 0.25}
    thresholds = find_label_thresholds(scores, correct, labels, n_gold, **settings)
    assert thresholds == {"A": 0.625, "B": 0.375, "D": 0.5}


def test_label_thresholds_are_drawn_to_the_common_one():
    # A alone: F is 2/3 with one span, 2/4 with two. With B: 4/5 with all, 2/4 with one
    scores, correct = make_arrays([(0.75, True), (0.5, False), (0.5, True), (0.5, True)])
    labels = np.asarray(["A", "A", "B", "B"])
    n_gold = {"A": 2, "B": 2}

    def find(shrinkage):
        settings = {"shrinkage": shrinkage, "min_examples": 1}
        return find_label_thresholds(scores, correct, labels, n_gold, **settings)

    assert find_threshold(scores, correct, 4) == 0.25
    assert [find(shrinkage)["A"] for shrinkage in (0, 0.5, 5, 1000)] == [0.625, 0.625, 0.25, 0.25]
    assert find(5)["B"] == 0.25


def test_label_thresholds_need_examples():
    scores, correct = make_arrays([(0.5, True)])
    labels = np.asarray(["A"])
    for n_gold in (MIN_EXAMPLES - 1, MIN_EXAMPLES):
        thresholds = find_label_thresholds(scores, correct, labels, {"A": n_gold})
        assert thresholds == ({"A": 0.25} if n_gold == MIN_EXAMPLES else {})


@given(st.lists(st.tuples(st.sampled_from([0.2, 0.4, 0.8]), st.booleans(), st.sampled_from("AB"))))
def test_no_common_threshold_has_a_better_macro_f_score(predictions):
    scores, correct = make_arrays([prediction[:2] for prediction in predictions])
    labels = np.asarray([label for *_, label in predictions], dtype=str)
    n_gold = {label: max(1, correct[labels == label].sum()) for label in "AB"}
    found = find_label_thresholds(scores, correct, labels, n_gold, min_examples=1, shrinkage=0)

    def macro_f(thresholds):
        return sum(
            f_score(scores[labels == label], correct[labels == label], n_gold[label], threshold)
            for label, threshold in thresholds.items()
        )

    for common in (0.1, 0.3, 0.6):
        assert macro_f(found) >= macro_f(dict.fromkeys("AB", common))


# Of each doc the predicted spans: score, whether it is gold, label
DOCS = st.lists(
    st.lists(
        st.tuples(st.sampled_from([0.2, 0.4, 0.8]), st.booleans(), st.sampled_from("AB")),
        max_size=4,
    ),
    max_size=6,
)


def make_spans(docs):
    rows = [(doc, *span) for doc, spans in enumerate(docs) for span in spans]
    docs, scores, correct, labels = zip(*rows) if rows else ([], [], [], [])
    correct = np.asarray(correct, dtype=bool)
    labels, docs = np.asarray(labels, dtype=str), np.asarray(docs, dtype=np.int64)
    scores = np.asarray(scores, dtype="f")
    return ScoredSpans(scores, correct, labels, docs, labels[correct], docs[correct])


@given(DOCS, st.sampled_from([0.1, 0.3, 0.8, 0.9]))
def test_kept_spans_score_as_by_the_scorer(docs, threshold):
    spans = make_spans(docs)
    scores = score_kept(spans, keep(spans, Thresholds(threshold, {"A": 0.4})))
    gold = [{(i, i + 1, x[2]) for i, x in enumerate(doc) if x[1]} for doc in docs]
    least = {"A": 0.4, "B": threshold}
    predicted = [
        {(i, i + 1, x[2]) for i, x in enumerate(doc) if x[0] >= least[x[2]]} for doc in docs
    ]
    expected = score_spans(gold, predicted)
    assert scores == {name: pytest.approx(expected[name] or 0) for name in scores}


def test_cross_validation_leaves_each_doc_out():
    # Both docs are alike: what one chooses holds on the other
    doc = [(0.75, True, "A"), (0.5, False, "A")]
    spans = make_spans([doc, doc])
    default = Thresholds(0.9, {})
    assert cross_validate(spans, 2, default) == {"p": 1.0, "r": 1.0, "f": 1.0, "macro_f": 1.0}
    # The first one alone would keep 0.5, which is wrong in the second, and the other way round
    spans = make_spans([[(0.75, False, "A"), (0.5, True, "A")], doc])
    assert find_thresholds(spans) is not None
    assert cross_validate(spans, 2, default) == {
        "p": pytest.approx(1 / 3),
        "r": 0.5,
        "f": pytest.approx(0.4),
        "macro_f": pytest.approx(0.4),
    }
    # Nothing to choose from: the default holds
    assert cross_validate(make_spans([[], doc]), 2, Thresholds(0.6, {}))["f"] == 1.0
    assert cross_validate(make_spans([doc]), 1, default) is None


def test_thresholds_of_labels_gain_where_there_are_enough_spans():
    docs = [
        [(0.3, True, "A"), (0.2, False, "A"), (0.9, True, "B"), (0.8, False, "B")]
        for _ in range(60)
    ]
    spans = make_spans(docs)
    found = find_thresholds(spans, per_label=True)
    assert found.by_label == {"A": pytest.approx(0.25), "B": pytest.approx(0.85)}
    default = Thresholds(0.5, {})
    assert cross_validate(spans, 60, default)["macro_f"] < 0.9
    assert cross_validate(spans, 60, default, per_label=True)["macro_f"] == 1.0
