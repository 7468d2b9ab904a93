import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_eiou.spans.scores import score_spans, select_scores

SPANS = st.sets(
    st.tuples(st.integers(0, 10), st.integers(1, 6), st.sampled_from("ABC")).map(
        lambda x: (x[0], x[0] + x[1], x[2])
    ),
    max_size=6,
)
DOCS = st.lists(st.tuples(SPANS, SPANS), max_size=4)
SUBSETS = ["nested", "inner", "outer", "crossing", "flat"]

# One wrong label, one wrong boundary, and a doc without predictions
GOLD = [{(0, 10, "A"), (0, 4, "B"), (5, 10, "B"), (20, 25, "C")}, {(0, 6, "A")}]
PREDICTED = [{(0, 10, "A"), (0, 4, "C"), (5, 8, "B"), (20, 25, "C")}, set()]


def prf(p, r, f, gold, predicted, correct):
    scores = {"p": p, "r": r, "f": f}
    counts = {"gold": gold, "predicted": predicted, "correct": correct}
    return {**{k: v if v is None else pytest.approx(v) for k, v in scores.items()}, **counts}


def select(scores, prefix):
    names = ("p", "r", "f", "gold", "predicted", "correct")
    return {name: scores[f"{prefix}{name}"] for name in names}


def test_micro_and_macro():
    scores = score_spans(GOLD, PREDICTED)
    assert select(scores, "") == prf(2 / 4, 2 / 5, 4 / 9, gold=5, predicted=4, correct=2)
    assert scores["per_type"] == {
        "A": prf(1, 1 / 2, 2 / 3, gold=2, predicted=1, correct=1),
        "B": prf(0, 0, 0, gold=2, predicted=1, correct=0),
        "C": prf(1 / 2, 1, 2 / 3, gold=1, predicted=2, correct=1),
    }
    assert scores["macro_f"] == pytest.approx((2 / 3 + 0 + 2 / 3) / 3)


def test_macro_f_leaves_out_types_that_are_not_gold():
    scores = score_spans([{(0, 1, "A")}], [{(0, 1, "A"), (2, 3, "B")}])
    assert scores["macro_f"] == 1.0
    assert scores["per_type"]["B"] == prf(0, 0, 0, gold=0, predicted=1, correct=0)


def test_boundaries_and_labels():
    scores = score_spans(GOLD, PREDICTED)
    assert select(scores, "boundary_") == prf(3 / 4, 3 / 5, 2 / 3, gold=5, predicted=4, correct=3)
    assert scores["label_acc"] == pytest.approx(2 / 3)
    # (5, 10) against (5, 8) shares 3 of 5 characters
    assert scores["mean_iou"] == pytest.approx((1 + 1 + 3 / 5 + 1 + 0) / 5)


@pytest.mark.parametrize(
    "subset,expected",
    [
        ("nested", prf(1 / 3, 1 / 3, 1 / 3, gold=3, predicted=3, correct=1)),
        ("inner", prf(0, 0, 0, gold=2, predicted=2, correct=0)),
        ("outer", prf(1, 1, 1, gold=1, predicted=1, correct=1)),
        ("crossing", prf(None, None, None, gold=0, predicted=0, correct=0)),
        ("flat", prf(1, 1 / 2, 2 / 3, gold=2, predicted=1, correct=1)),
    ],
)
def test_subsets(subset, expected):
    assert select(score_spans(GOLD, PREDICTED), f"{subset}_") == expected


def test_a_span_belongs_to_the_subset_of_its_own_side():
    scores = score_spans([{(0, 5, "A"), (3, 8, "A")}], [{(0, 5, "A")}])
    assert scores["crossing_pairs_gold"] == 1
    assert scores["crossing_pairs_predicted"] == 0
    # Found by a prediction that crosses nothing itself
    assert select(scores, "crossing_") == prf(0, 1 / 2, 0, gold=2, predicted=0, correct=0)
    assert select(scores, "flat_") == prf(1, 0, 0, gold=0, predicted=1, correct=1)


def test_two_labels_on_the_same_boundaries():
    scores = score_spans([{(0, 4, "A"), (0, 4, "B")}], [{(0, 4, "A")}])
    assert select(scores, "") == prf(1, 1 / 2, 2 / 3, gold=2, predicted=1, correct=1)
    assert select(scores, "boundary_") == prf(1, 1, 1, gold=1, predicted=1, correct=1)
    assert select(scores, "flat_") == prf(1, 1 / 2, 2 / 3, gold=2, predicted=1, correct=1)
    assert scores["label_acc"] == 0.0
    assert scores["mean_iou"] == 1.0


def test_docs_do_not_mix():
    scores = score_spans([{(0, 9, "A")}, {(2, 4, "A")}], [{(2, 4, "A")}, {(0, 9, "A")}])
    assert scores["f"] == 0.0
    assert scores["nested_gold"] == 0
    assert scores["mean_iou"] == pytest.approx(2 / 9)


@pytest.mark.parametrize("docs", [[], [set(), set()]])
def test_nothing_to_measure(docs):
    scores = score_spans(docs, docs)
    counts = {k: v for k, v in scores.items() if k.endswith(("gold", "predicted", "correct"))}
    assert set(counts.values()) == {0}
    assert all(v is None for k, v in scores.items() if k not in counts)


def test_no_predictions():
    scores = score_spans([{(0, 1, "A")}], [set()])
    assert select(scores, "") == prf(0, 0, 0, gold=1, predicted=0, correct=0)
    assert scores["label_acc"] is None
    assert scores["mean_iou"] == 0.0


def test_numbers_of_docs_differ():
    with pytest.raises(ValueError, match="got 1 and 2"):
        score_spans([set(), set()], [set()])


@given(DOCS)
def test_perfect_prediction(docs):
    gold = [spans for spans, _ in docs]
    scores = score_spans(gold, gold)
    per_type = scores.pop("per_type") or {}
    values = [v for k, v in scores.items() if k.endswith(("p", "r", "f", "_acc", "_iou"))]
    values += [row[name] for row in per_type.values() for name in ("p", "r", "f")]
    assert set(values) <= {None, 1.0}
    assert scores["gold"] == scores["predicted"] == scores["correct"] == sum(map(len, gold))


@given(DOCS)
def test_swapping_the_sides_swaps_precision_and_recall(docs):
    gold, predicted = [a for a, _ in docs], [b for _, b in docs]
    scores = score_spans(gold, predicted)
    swapped = score_spans(predicted, gold)
    for prefix in ["", "boundary_", *(f"{subset}_" for subset in SUBSETS)]:
        assert scores[f"{prefix}p"] == swapped[f"{prefix}r"]
        assert scores[f"{prefix}f"] == pytest.approx(swapped[f"{prefix}f"])
        assert scores[f"{prefix}gold"] == swapped[f"{prefix}predicted"]
    assert scores["label_acc"] == swapped["label_acc"]
    assert scores["crossing_pairs_gold"] == swapped["crossing_pairs_predicted"]


@given(DOCS)
def test_ranges_and_partitions(docs):
    scores = score_spans([a for a, _ in docs], [b for _, b in docs])
    per_type = scores.pop("per_type") or {}
    values = [v for k, v in scores.items() if k.endswith(("p", "r", "f", "_acc", "_iou"))]
    assert all(v is None or 0 <= v <= 1 + 1e-12 for v in values)
    for name in ("gold", "predicted", "correct"):
        assert scores[name] == sum(row[name] for row in per_type.values())
        assert scores[f"flat_{name}"] + scores[f"nested_{name}"] <= scores[name]
        assert (
            scores[f"flat_{name}"] + scores[f"nested_{name}"] + scores[f"crossing_{name}"]
            >= scores[name]
        )


def test_scores_of_a_key():
    scores = {"spans_sc_f": 1.0, "spans_sc_macro_f": 0.5, "spans_sc2_f": 0.0, "f": 0.0}
    assert select_scores(scores, "sc") == {"f": 1.0, "macro_f": 0.5}
