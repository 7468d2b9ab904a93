import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_eiou.evaluation.errors import ERROR_CLASSES, find_errors

SPANS = st.sets(
    st.tuples(st.integers(0, 8), st.integers(1, 5), st.sampled_from("AB")).map(
        lambda span: (span[0], span[0] + span[1], span[2])
    ),
    max_size=6,
)


@pytest.mark.parametrize(
    "gold,predicted,error_class",
    [
        ((4, 8, "A"), (4, 8, "B"), "wrong type"),
        ((4, 8, "A"), (3, 9, "A"), "too long"),
        ((4, 8, "A"), (4, 9, "A"), "too long"),
        ((4, 8, "A"), (5, 7, "A"), "too short"),
        ((4, 8, "A"), (5, 8, "A"), "too short"),
        ((4, 8, "A"), (3, 7, "A"), "shifted"),
        ((4, 8, "A"), (7, 12, "A"), "shifted"),
        ((4, 8, "A"), (3, 9, "B"), "boundary and type"),
    ],
)
def test_prediction_that_accounts_for_a_missed_span(gold, predicted, error_class):
    assert find_errors([gold], [predicted]) == [(error_class, gold, predicted)]


def test_spans_that_touch_do_not_overlap():
    gold, predicted = (0, 4, "A"), (4, 8, "A")
    assert find_errors([gold], [predicted]) == [
        ("missed flat", gold, None),
        ("spurious", None, predicted),
    ]


def test_correct_span_accounts_for_no_other_prediction():
    gold = (4, 8, "A")
    assert find_errors([gold], [gold, (4, 9, "A"), (4, 8, "B")]) == [
        ("spurious", None, (4, 8, "B")),
        ("spurious", None, (4, 9, "A")),
    ]


def test_position_of_missed_spans():
    gold = [(0, 9, "A"), (0, 6, "B"), (1, 3, "C"), (7, 12, "D"), (20, 22, "E")]
    assert [(error.span[2], error.error_class) for error in find_errors(gold, [])] == [
        ("B", "missed inner"),  # and around C
        ("A", "missed outer"),  # and across D
        ("C", "missed inner"),
        ("D", "missed flat"),
        ("E", "missed flat"),
    ]


def test_position_does_not_depend_on_what_is_found():
    gold = [(0, 9, "A"), (0, 6, "B")]
    assert find_errors(gold, gold[:1]) == [("missed inner", gold[1], None)]


def test_same_boundaries_come_before_the_same_label():
    gold = (4, 8, "A")
    assert find_errors([gold], [(4, 9, "A"), (4, 8, "B")]) == [
        ("wrong type", gold, (4, 8, "B")),
        ("spurious", None, (4, 9, "A")),
    ]


def test_same_label_comes_before_the_greater_overlap():
    gold = (4, 8, "A")
    assert find_errors([gold], [(4, 9, "B"), (7, 9, "A")]) == [
        ("shifted", gold, (7, 9, "A")),
        ("spurious", None, (4, 9, "B")),
    ]


def test_greater_overlap_comes_first():
    gold, predicted = [(0, 4, "A"), (0, 8, "A")], [(0, 3, "A"), (0, 7, "A")]
    # 7/8 and then 3/4, rather than 3/8 and 4/7
    assert find_errors(gold, predicted) == [
        ("too short", gold[0], predicted[0]),
        ("too short", gold[1], predicted[1]),
    ]


def test_what_is_matched_accounts_for_nothing_else():
    gold = (0, 8, "A")
    assert find_errors([gold], [(0, 6, "A"), (0, 7, "A")]) == [
        ("spurious", None, (0, 6, "A")),
        ("too short", gold, (0, 7, "A")),
    ]


@given(gold=SPANS, predicted=SPANS)
def test_each_error_is_in_exactly_one_class(gold, predicted):
    errors = find_errors(gold, predicted)
    missed = [error.gold for error in errors if error.gold is not None]
    wrong = [error.predicted for error in errors if error.predicted is not None]
    assert sorted(missed) == sorted(gold - predicted)
    assert sorted(wrong) == sorted(predicted - gold)
    assert {error.error_class for error in errors} <= set(ERROR_CLASSES)


@given(gold=SPANS, predicted=SPANS)
def test_nothing_that_overlaps_is_left_unmatched(gold, predicted):
    errors = find_errors(gold, predicted)
    missed = [error.gold for error in errors if error.predicted is None]
    spurious = [error.predicted for error in errors if error.gold is None]
    assert not any(
        start < other_end and other_start < end
        for start, end, _ in missed
        for other_start, other_end, _ in spurious
    )


@given(gold=SPANS, predicted=SPANS)
def test_order_of_the_spans_does_not_matter(gold, predicted):
    errors = find_errors(sorted(gold), sorted(predicted))
    assert errors == find_errors(sorted(gold, reverse=True), sorted(predicted, reverse=True))
