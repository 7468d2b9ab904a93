import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from spacy_eiou.pipeline.decoding import CONFLICTS, resolve_overlap, select_labels

SPANS = st.tuples(st.integers(0, 10), st.integers(1, 6)).map(lambda x: (x[0], x[0] + x[1]))
SCORES = np.asarray([[0.2, 0.4, 0.3, 0.1], [0.1, 0.6, 0.2, 0.4], [0.8, 0.7, 0.3, 0.9]], dtype="f")


def make_spans(*spans):
    return np.asarray(spans, dtype="i").reshape((-1, 2))


@pytest.mark.parametrize(
    "threshold,max_positive,expected",
    [
        (0.5, None, [(1, 1), (2, 0), (2, 1), (2, 3)]),
        (0.5, 1, [(1, 1), (2, 3)]),
        (0.5, 2, [(1, 1), (2, 0), (2, 3)]),
        (0.35, 1, [(0, 1), (1, 1), (2, 3)]),
        (0.35, 2, [(0, 1), (1, 1), (1, 3), (2, 0), (2, 3)]),
        (0.95, None, []),
        (0.0, 4, [(row, column) for row in range(3) for column in range(4)]),
    ],
)
def test_select_labels_by_hand(threshold, max_positive, expected):
    rows, columns = select_labels(SCORES, np.full(4, threshold, dtype="f"), max_positive)
    assert list(zip(rows, columns)) == expected


@pytest.mark.parametrize(
    "thresholds,max_positive,expected",
    [
        ([0.2, 0.7, 0.3, 0.95], None, [(0, 0), (0, 2), (2, 0), (2, 1), (2, 2)]),
        # The likeliest label of each candidate is not the one that reaches its threshold
        ([0.2, 0.75, 0.3, 0.95], 1, []),
        ([0.2, 0.65, 0.3, 0.95], 2, [(0, 2), (2, 0)]),
        ([1.0, 0.4, 1.0, 0.4], 1, [(0, 1), (1, 1), (2, 3)]),
    ],
)
def test_a_threshold_per_label(thresholds, max_positive, expected):
    thresholds = np.asarray(thresholds, dtype="f")
    rows, columns = select_labels(SCORES, thresholds, max_positive)
    assert list(zip(rows, columns)) == expected


def test_the_threshold_itself_is_positive():
    scores = np.asarray([[0.5, 0.25], [0.25, 0.7]], dtype="f")
    rows, columns = select_labels(scores, np.asarray([0.5, 0.7], dtype="f"), 1)
    assert list(zip(rows, columns)) == [(0, 0), (1, 1)]


def test_the_first_label_wins_a_tie():
    scores = np.asarray([[0.2, 0.4, 0.4]], dtype="f")
    rows, columns = select_labels(scores, np.full(3, 0.1), 1)
    assert list(zip(rows, columns)) == [(0, 1)]


@pytest.mark.parametrize("n_labels", [0, 3])
@pytest.mark.parametrize("max_positive", [None, 1])
def test_select_labels_without_candidates(n_labels, max_positive):
    scores = np.zeros((0, n_labels), dtype="f")
    rows, columns = select_labels(scores, np.full(n_labels, 0.5), max_positive)
    assert len(rows) == len(columns) == 0


@given(
    scores=st.lists(st.lists(st.integers(0, 10), min_size=3, max_size=3), min_size=1, max_size=8),
    thresholds=st.lists(st.integers(0, 11), min_size=3, max_size=3),
    max_positive=st.none() | st.integers(1, 4),
)
def test_select_labels_matches_brute_force(scores, thresholds, max_positive):
    rows, columns = select_labels(np.asarray(scores), np.asarray(thresholds), max_positive)
    expected = []
    for row, label_scores in enumerate(scores):
        likeliest = sorted(range(3), key=lambda label: -label_scores[label])[:max_positive]
        kept = [label for label in sorted(likeliest) if label_scores[label] >= thresholds[label]]
        expected += [(row, label) for label in kept]
    assert list(zip(rows, columns)) == expected


@pytest.mark.parametrize(
    "overlap,expected",
    [
        ("any", [True, True, True, True, True]),
        # (2, 5) crosses the better (0, 3); (4, 8) crosses only (2, 5), which is gone
        ("nested", [True, True, False, True, True]),
        # (1, 2) lies in the better (0, 3), and (6, 7) in the better (4, 8)
        ("flat", [True, False, False, True, False]),
    ],
)
def test_resolve_overlap_by_hand(overlap, expected):
    spans = make_spans((0, 3), (1, 2), (2, 5), (4, 8), (6, 7))
    scores = np.asarray([0.9, 0.5, 0.8, 0.7, 0.6], dtype="f")
    assert_array_equal(resolve_overlap(spans, scores, overlap), expected)


@pytest.mark.parametrize(
    "overlap,expected", [("any", [1, 1]), ("nested", [1, 1]), ("flat", [0, 1])]
)
def test_two_labels_on_one_span_overlap_but_do_not_cross(overlap, expected):
    kept = resolve_overlap(make_spans((0, 2), (0, 2)), np.asarray([0.6, 0.7]), overlap)
    assert_array_equal(kept, expected)


@pytest.mark.parametrize("overlap", ["any", "nested", "flat"])
def test_resolve_overlap_without_spans(overlap):
    kept = resolve_overlap(make_spans(), np.zeros((0,), dtype="f"), overlap)
    assert kept.shape == (0,)


@pytest.mark.parametrize("overlap", ["nested", "flat"])
@given(scored=st.lists(st.tuples(SPANS, st.integers(0, 3)), max_size=12))
def test_resolve_overlap_matches_brute_force(overlap, scored):
    """Of equal scores, the first span wins."""
    spans = [make_spans(span) for span, _ in scored]
    kept = []
    for row in sorted(range(len(scored)), key=lambda row: -scored[row][1]):
        if not any(CONFLICTS[overlap](spans[row], spans[other]).all() for other in kept):
            kept.append(row)
    scores = np.asarray([score for _, score in scored], dtype="f")
    keep = resolve_overlap(make_spans(*(span for span, _ in scored)), scores, overlap)
    assert np.flatnonzero(keep).tolist() == sorted(kept)
