import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_eiou.evaluation.bootstrap import bootstrap_difference, bootstrap_intervals
from spacy_eiou.spans.scores import score_spans

# Gold, predicted and correct spans: F = 2 * correct / (gold + predicted).
COUNTS = st.tuples(st.integers(0, 9), st.integers(0, 9), st.floats(0, 1)).map(
    lambda item: (item[0], item[1], int(item[2] * min(item[:2])))
)


SPANS = st.sets(st.tuples(st.integers(0, 4), st.integers(5, 8), st.sampled_from("AB")), max_size=4)


def compare(counts, baseline, **settings):
    return bootstrap_difference([(counts, baseline)], **settings)


def test_difference_of_all_documents():
    # F = 2 * 3 / (4 + 4) against 2 * 2 / (4 + 6)
    difference, _, _ = compare([(3, 3, 2), (1, 1, 1)], [(3, 2, 1), (1, 4, 1)])
    assert difference == pytest.approx(6 / 8 - 4 / 10)


def test_interval_by_hand():
    # Of two documents, a draw is twice the first (F 1 against 0) with probability 1/4, one of each
    # (1 against 1/2) with 1/2, and twice the second (1 against 1) with 1/4.
    better, baseline = [(1, 1, 1), (1, 1, 1)], [(1, 1, 0), (1, 1, 1)]
    assert compare(better, baseline) == (0.5, 0.0, 1.0)
    # An interval that leaves out more than a quarter on each side holds the middle value alone.
    assert compare(better, baseline, confidence=0.4) == (0.5, 0.5, 0.5)


def test_documents_are_drawn_in_pairs():
    # Documents differ a lot, but the systems differ by the same in each.
    better = [(10, 10, correct) for correct in range(1, 11)]
    baseline = [(10, 10, correct - 1) for correct in range(1, 11)]
    assert compare(better, baseline) == pytest.approx((0.1, 0.1, 0.1))


def test_number_of_resamples_need_not_fill_batches():
    counts = [(2, 2, 1), (2, 2, 2)]
    assert compare(counts, [(2, 2, 1), (2, 2, 1)], n_resamples=1)[0] == 0.25
    assert compare(counts, counts, n_resamples=101) == (0, 0, 0)


def test_corpora_count_alike():
    # F 1 against 0 on one document, 1 against 1 on two: the mean of 1 and 0
    corpora = [([(1, 1, 1)], [(1, 1, 0)]), ([(1, 1, 1)] * 2, [(1, 1, 1)] * 2)]
    assert bootstrap_difference(corpora) == (0.5, 0.5, 0.5)


def test_corpora_are_drawn_from_apart():
    # Each corpus differs by 0, 1/2 or 1, as in `test_interval_by_hand`: the mean is 0 or 1 in one
    # draw of 16 only
    corpus = [(1, 1, 1), (1, 1, 1)], [(1, 1, 0), (1, 1, 1)]
    assert bootstrap_difference([corpus] * 2, confidence=0.8) == (0.5, 0.25, 0.75)


def test_documents_without_spans_score_zero():
    assert compare([(0, 0, 0)], [(0, 0, 0)]) == (0, 0, 0)


def test_intervals_by_hand():
    # Two documents, all right and all wrong: F is 0 or 1 with probability 1/4 each, else 1/2
    gold, predicted = [{(0, 4, "A")}, {(0, 4, "A")}], [{(0, 4, "A")}, {(5, 9, "A")}]
    intervals = bootstrap_intervals(gold, predicted)
    assert intervals["f"] == intervals["macro_f"] == intervals["per_type"]["A"]["r"] == [0.0, 1.0]
    assert (intervals["docs"], intervals["confidence"], intervals["resamples"]) == (2, 0.95, 1000)
    assert bootstrap_intervals(gold, predicted, confidence=0.4)["f"] == [0.5, 0.5]


def test_types_that_are_not_drawn_stay_in_the_mean():
    # A is always right and B never, also where only one of them is drawn.
    gold = [{(0, 4, "A")}, {(0, 4, "B")}]
    assert bootstrap_intervals(gold, [gold[0], set()])["macro_f"] == [0.5, 0.5]


def compute_macro_f(drawn, whole):
    """The mean over the types of all documents: F in those that were drawn, else in all."""
    rows = [(label, row) for label, row in whole["per_type"].items() if row["gold"]]
    drawn_rows = drawn["per_type"] or {}
    values = [
        drawn_rows[label]["f"] if drawn_rows.get(label, {}).get("gold") else row["f"]
        for label, row in rows
    ]
    return np.mean(values)


@given(st.lists(st.tuples(SPANS, SPANS), min_size=1, max_size=5), st.integers(0, 3))
def test_intervals_are_those_of_the_scores_of_drawn_documents(docs, seed):
    gold, predicted = zip(*docs)
    intervals = bootstrap_intervals(gold, predicted, n_resamples=20, confidence=0.5, seed=seed)
    assert intervals == bootstrap_intervals(
        gold, predicted, n_resamples=20, confidence=0.5, seed=seed
    )
    drawn = np.random.default_rng(seed).integers(len(docs), size=(20, len(docs)))
    scores = [score_spans([gold[i] for i in row], [predicted[i] for i in row]) for row in drawn]
    for name, interval in intervals.items():
        if isinstance(interval, list):
            values = [score[name] for score in scores if score[name] is not None]
            if name == "macro_f":
                values = [compute_macro_f(score, score_spans(gold, predicted)) for score in scores]
            assert interval == pytest.approx(np.quantile(values, [0.25, 0.75]).tolist())
    for label, row in intervals["per_type"].items():
        values = [(score["per_type"] or {}).get(label, {}).get("f") for score in scores]
        values = [value for value in values if value is not None]
        n_docs = sum(any(span[2] == label for span in (*a, *b)) for a, b in docs)
        assert row["docs"] == n_docs
        assert (row["f"] is None) == (n_docs < 2)
        if row["f"]:
            assert row["f"] == pytest.approx(np.quantile(values, [0.25, 0.75]).tolist())


def test_documents_behind_each_score():
    outer, inner = (0, 9, "A"), (0, 4, "B")
    gold = [{outer, inner}, {outer}, set(), set()]
    predicted = [{outer}, {outer, inner}, {inner}, set()]
    intervals = bootstrap_intervals(gold, predicted)
    assert [intervals[f"{name}docs"] for name in ("", "boundary_", "inner_", "flat_")] == [
        4,
        3,
        2,
        3,
    ]
    assert {label: row["docs"] for label, row in intervals["per_type"].items()} == {"A": 2, "B": 3}


def test_no_interval_from_a_single_document():
    gold = [{(0, 4, "A")}, {(0, 4, "B")}, {(0, 4, "B")}]
    per_type = bootstrap_intervals(gold, gold)["per_type"]
    assert per_type == {
        "A": {"p": None, "r": None, "f": None, "docs": 1},
        "B": {"p": [1, 1], "r": [1, 1], "f": [1, 1], "docs": 2},
    }
    with pytest.raises(ValueError, match="no documents to draw from"):
        bootstrap_intervals([], [])


@given(st.lists(COUNTS, min_size=1, max_size=8))
def test_the_other_way_round_is_the_negative(counts):
    first = np.array(counts)
    second = first * [1, 1, 0]
    difference, lower, upper = compare(first, second, n_resamples=150)
    swapped = compare(second, first, n_resamples=150)
    assert swapped == pytest.approx((-difference, -upper, -lower))
    assert -1 <= lower <= upper <= 1


@pytest.mark.parametrize(
    "counts, baseline", [([], []), ([(1, 1, 1)], [(2, 1, 1)]), ([(1, 1, 1)], [(1, 1, 1)] * 2)]
)
def test_other_documents_are_an_error(counts, baseline):
    with pytest.raises(ValueError, match="same documents"):
        compare(np.array(counts).reshape(-1, 3), np.array(baseline).reshape(-1, 3))
