import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_eiou.spans.nesting import best_iou, find_nesting, find_parents

BOUNDARIES = st.lists(
    st.tuples(st.integers(0, 12), st.integers(1, 8)).map(lambda x: (x[0], x[0] + x[1])), max_size=12
)


def to_array(boundaries):
    return np.array(boundaries, dtype=np.int64).reshape(-1, 2)


def overlap(a, b):
    return max(a[0], b[0]) < min(a[1], b[1])


def contain(a, b):
    return a != b and a[0] <= b[0] and b[1] <= a[1]


def get_depth(span, spans):
    outer = [other for other in spans if contain(other, span)]
    return 1 + get_depth(min(outer, key=lambda other: other[1] - other[0]), spans) if outer else 1


def test_find_nesting():
    # 0 contains 1 contains 2; 3 crosses 0 and contains 4; 5 and 6 are equal; 7 is alone
    boundaries = [(0, 10), (1, 6), (2, 4), (8, 14), (11, 12), (20, 22), (20, 22), (22, 25)]
    nesting = find_nesting(to_array(boundaries))
    assert np.flatnonzero(nesting.inner).tolist() == [1, 2, 4]
    assert np.flatnonzero(nesting.outer).tolist() == [0, 1, 3]
    assert np.flatnonzero(nesting.nested).tolist() == [0, 1, 2, 3, 4]
    assert np.flatnonzero(nesting.crossing).tolist() == [0, 3]
    assert np.flatnonzero(nesting.flat).tolist() == [5, 6, 7]
    assert np.flatnonzero(nesting.overlapping).tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert nesting.depth.tolist() == [1, 2, 3, 1, 2, 1, 1, 1]
    assert nesting.crossing_pairs == 1


def test_empty_spans_overlap_nothing():
    nesting = find_nesting(to_array([(3, 3), (0, 3), (3, 3), (3, 5)]))
    assert not nesting.overlapping.any()


@given(BOUNDARIES)
def test_find_nesting_matches_comparing_all(spans):
    nesting = find_nesting(to_array(spans))
    crosses = [
        [overlap(a, b) and a != b and not contain(a, b) and not contain(b, a) for b in spans]
        for a in spans
    ]
    assert nesting.inner.tolist() == [any(contain(b, a) for b in spans) for a in spans]
    assert nesting.outer.tolist() == [any(contain(a, b) for b in spans) for a in spans]
    assert nesting.crossing.tolist() == [any(row) for row in crosses]
    assert nesting.crossing_pairs * 2 == sum(map(sum, crosses))
    assert nesting.depth.tolist() == [get_depth(span, spans) for span in spans]


def test_find_parents():
    # 0 contains 1 contains 2; 3 crosses 0 and contains 4; 5 and 6 are equal and contain 7
    boundaries = [(0, 10), (1, 6), (2, 4), (8, 14), (11, 12), (20, 23), (20, 23), (21, 22)]
    assert find_parents(to_array(boundaries)).tolist() == [-1, 0, 1, -1, 3, -1, -1, 5]


@given(BOUNDARIES)
def test_find_parents_matches_comparing_all(spans):
    expected = []
    for span in spans:
        outer = [index for index, other in enumerate(spans) if contain(other, span)]
        widths = {index: spans[index][1] - spans[index][0] for index in outer}
        expected.append(min(outer, key=lambda index: (widths[index], index), default=-1))
    assert find_parents(to_array(spans)).tolist() == expected


@pytest.mark.parametrize(
    "others,expected",
    [
        ([(2, 6)], 1.0),
        ([(2, 4), (5, 20)], 0.5),
        ([(0, 8)], 0.5),
        ([(4, 8)], 2 / 6),
        ([(0, 2), (6, 9)], 0.0),
        ([], 0.0),
    ],
)
def test_best_iou(others, expected):
    best = best_iou(to_array([(2, 6)]), to_array(others))
    assert best.tolist() == [pytest.approx(expected)]


def test_best_iou_ignores_spans_of_the_same_side():
    assert best_iou(to_array([(0, 4), (1, 4)]), to_array([(0, 2)])).tolist() == [0.5, 0.25]
