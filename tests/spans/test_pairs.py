import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from spacy_eiou.spans import (
    contains,
    crosses,
    equal_pairs,
    overlapping_pairs,
    overlapping_pairs_within,
    overlaps,
)
from spacy_eiou.spans.pairs import lay_end_to_end

SPAN = st.tuples(st.integers(0, 12), st.integers(1, 6)).map(lambda x: (x[0], x[0] + x[1]))
SPANS = st.lists(SPAN, max_size=15)
# Some of them are empty.
ANY_SPAN = st.tuples(st.integers(0, 12), st.integers(0, 6)).map(lambda x: (x[0], x[0] + x[1]))
ANY_SPANS = st.lists(ANY_SPAN, max_size=15)


def make_spans(*spans):
    return np.asarray(spans, dtype="i").reshape((-1, 2))


@pytest.mark.parametrize(
    "a,b,is_crossing,is_overlapping",
    [
        ((0, 3), (2, 5), True, True),
        ((0, 3), (3, 5), False, False),
        ((0, 3), (4, 5), False, False),
        ((0, 5), (2, 3), False, True),
        ((0, 5), (0, 3), False, True),
        ((0, 5), (3, 5), False, True),
        ((0, 5), (0, 5), False, True),
    ],
)
def test_crosses_and_overlaps(a, b, is_crossing, is_overlapping):
    a, b = make_spans(a), make_spans(b)
    assert crosses(a, b) == crosses(b, a) == [is_crossing]
    assert overlaps(a, b) == overlaps(b, a) == [is_overlapping]


@given(SPAN, SPAN)
def test_predicates_match_sets(a, b):
    tokens_a, tokens_b = set(range(*a)), set(range(*b))
    a, b = make_spans(a), make_spans(b)
    assert overlaps(a, b) == [bool(tokens_a & tokens_b)]
    assert contains(a, b) == [tokens_a > tokens_b]
    expected = bool(tokens_a & tokens_b and tokens_a - tokens_b and tokens_b - tokens_a)
    assert crosses(a, b) == [expected]


@given(SPANS, SPANS)
def test_equal_pairs_match_brute_force(a, b):
    rows_a, rows_b = equal_pairs(make_spans(*a), make_spans(*b))
    expected = [(i, j) for j in range(len(b)) for i in range(len(a)) if a[i] == b[j]]
    assert sorted(zip(rows_a, rows_b)) == sorted(expected)
    assert_array_equal(rows_b, sorted(rows_b))


def test_empty_span_equals_only_itself():
    a, b = make_spans((0, 5), (1, 1)), make_spans((1, 1))
    assert [rows.tolist() for rows in equal_pairs(a, b)] == [[1], [0]]


@given(ANY_SPANS, ANY_SPANS)
def test_overlapping_pairs_match_brute_force(a, b):
    rows_a, rows_b = overlapping_pairs(make_spans(*a), make_spans(*b))
    expected = [
        (i, j)
        for j in range(len(b))
        for i in range(len(a))
        if set(range(*a[i])) & set(range(*b[j]))
    ]
    assert sorted(zip(rows_a, rows_b)) == sorted(expected)
    assert_array_equal(rows_b, sorted(rows_b))


def test_one_wide_span_costs_no_more_than_its_overlaps():
    """To compare each with each would take 80 GB."""
    starts = np.arange(100_000, dtype="i")
    a = np.stack([starts, starts + 1], axis=1)
    wide = np.concatenate([a, make_spans((0, len(a)))])
    rows_a, rows_b = overlapping_pairs(wide, a)
    assert_array_equal(rows_a[:4], [0, len(a), len(a), 1])
    assert_array_equal(rows_b, np.repeat(starts, 2))


@given(SPANS)
def test_overlapping_pairs_within_match_brute_force(spans):
    first, second = overlapping_pairs_within(make_spans(*spans))
    indices = range(len(spans))
    expected = [
        {i, j} for j in indices for i in range(j) if set(range(*spans[i])) & set(range(*spans[j]))
    ]
    pairs = [{i, j} for i, j in zip(first.tolist(), second.tolist())]
    assert sorted(map(sorted, pairs)) == sorted(map(sorted, expected))
    for i, j in zip(first, second):
        (start_i, end_i), (start_j, end_j) = spans[i], spans[j]
        assert (start_i, -end_i) <= (start_j, -end_j)


def test_spans_of_documents_laid_end_to_end_do_not_overlap():
    spans = make_spans((0, 4), (2, 4), (0, 1), (3, 4))
    moved = lay_end_to_end(np.asarray([0, 0, 1, 2]), spans)
    assert_array_equal(moved, [(0, 4), (2, 4), (5, 6), (13, 14)])
