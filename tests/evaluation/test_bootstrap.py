import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_eiou.evaluation.bootstrap import bootstrap_difference

# Gold, predicted and correct spans: F = 2 * correct / (gold + predicted).
COUNTS = st.tuples(st.integers(0, 9), st.integers(0, 9), st.floats(0, 1)).map(
    lambda item: (item[0], item[1], int(item[2] * min(item[:2])))
)


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
