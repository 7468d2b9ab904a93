import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from spacy_eiou.spans import DISTANCES, intersection_over_union

SPANS = st.lists(
    st.tuples(st.integers(0, 12), st.integers(1, 6)).map(lambda x: (x[0], x[0] + x[1])), max_size=15
)
UPPER_BOUNDS = {"iou": 1, "giou": 2, "diou": 2, "eiou": 3}


def make_spans(*spans):
    return np.asarray(spans, dtype="i").reshape((-1, 2))


def distance_of(name, a, b):
    return float(DISTANCES[name](make_spans(a), make_spans(b))[0])


@pytest.mark.parametrize(
    "a,b,expected",
    [
        ((0, 2), (0, 2), 1),
        ((0, 2), (1, 4), 1 / 4),
        ((2, 3), (0, 4), 1 / 4),
        ((0, 2), (2, 4), 0),
        ((0, 1), (3, 5), 0),
    ],
)
def test_intersection_over_union(a, b, expected):
    assert intersection_over_union(make_spans(a), make_spans(b)) == [expected]


@pytest.mark.parametrize(
    "a,b,iou,giou,diou,eiou",
    [
        # They cross: IoU 1/4, hull 4, centres 1 and 2.5, widths 2 and 3
        ((0, 2), (1, 4), 0.75, 0.75, 0.75 + 1.5**2 / 4**2, 0.75 + 1.5**2 / 4**2 + 1 / 4**2),
        # One inside the other: IoU 1/4, hull 4, centres 2.5 and 2, widths 1 and 4
        ((2, 3), (0, 4), 0.75, 0.75, 0.75 + 0.5**2 / 4**2, 0.75 + 0.5**2 / 4**2 + 3**2 / 4**2),
        # They touch: IoU 0, hull 4, centres 1 and 3, the same width
        ((0, 2), (2, 4), 1, 1, 1 + 2**2 / 4**2, 1 + 2**2 / 4**2),
        # A gap of 2 between them: IoU 0, hull 5, centres 0.5 and 4, widths 1 and 2
        ((0, 1), (3, 5), 1, 1 + 2 / 5, 1 + 3.5**2 / 5**2, 1 + 3.5**2 / 5**2 + 1 / 5**2),
    ],
)
def test_distances_by_hand(a, b, iou, giou, diou, eiou):
    for name, expected in {"iou": iou, "giou": giou, "diou": diou, "eiou": eiou}.items():
        assert distance_of(name, a, b) == pytest.approx(expected, abs=1e-6), name


@pytest.mark.parametrize("name", DISTANCES)
@given(a=SPANS.filter(len), b=SPANS.filter(len))
def test_distances_are_symmetric_and_bounded(name, a, b):
    n = min(len(a), len(b))
    a, b = make_spans(*a[:n]), make_spans(*b[:n])
    distances = DISTANCES[name](a, b)
    assert distances.dtype == "float32"
    assert_array_equal(distances, DISTANCES[name](b, a))
    assert_array_equal(distances == 0, (a == b).all(axis=1))
    assert (distances >= 0).all()
    assert (distances <= UPPER_BOUNDS[name]).all()


@pytest.mark.parametrize("name", DISTANCES)
@given(start=st.integers(0, 10**6), width=st.integers(1, 10**4))
def test_distance_of_equal_spans_is_exactly_zero(name, start, width):
    span = (start, start + width)
    assert distance_of(name, span, span) == 0


@pytest.mark.parametrize("name", DISTANCES)
@given(a=SPANS.filter(len), shift=st.integers(0, 10**6))
def test_distances_do_not_depend_on_the_position(name, a, shift):
    a = make_spans(*a)
    b = a[::-1]
    assert_array_equal(DISTANCES[name](a + shift, b + shift), DISTANCES[name](a, b))


def test_distances_without_spans():
    for distance in DISTANCES.values():
        assert_allclose(distance(make_spans(), make_spans()), [])
