import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_eiou.evaluation.analysis import CONTEXT, AnalyzedDoc, analyze_docs
from spacy_eiou.evaluation.errors import ERROR_CLASSES

# "the IL-2 gene binds the IL-2 receptor", split as biomedical text often is
TOKENS = ["the ", "IL", "-", "2 ", "gene ", "binds ", "the ", "IL", "-", "2 ", "receptor"]
GENE, INNER, RECEPTOR = (4, 13, "DNA"), (4, 8, "protein"), (24, 37, "protein")
BINDS = (14, 19, "protein")


def make_doc(gold=(), predicted=(), candidates=(), **kwargs):
    return AnalyzedDoc(TOKENS, set(gold), set(predicted), dict(candidates), **kwargs)


DOC = make_doc(
    gold=[GENE, INNER, RECEPTOR],
    predicted=[GENE, (4, 8, "DNA"), BINDS],
    candidates={
        GENE: 0.96,
        (4, 8, "DNA"): 0.74,
        INNER: 0.26,
        BINDS: 0.66,
        RECEPTOR: 0.16,
        (0, 3, "DNA"): 0.06,
    },
)


@given(st.data())
def test_token_bounds(data):
    tokens = data.draw(st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=8))
    start = data.draw(st.integers(0, len(tokens) - 1))
    end = data.draw(st.integers(start + 1, len(tokens)))
    span = (len("".join(tokens[:start])), len("".join(tokens[:end])), "A")
    assert AnalyzedDoc(tokens, set(), set(), {}).token_bounds([span]).tolist() == [[start, end]]


def test_token_bounds_of_what_begins_and_ends_inside_tokens():
    assert make_doc().token_bounds([(5, 11, "A"), GENE]).tolist() == [[1, 5], [1, 5]]


def test_errors():
    analysis = analyze_docs([DOC, make_doc(gold=[GENE, INNER], predicted=[GENE])])
    found = {name: count for name, count in analysis["errors"].items() if count}
    assert found == {"wrong type": 1, "spurious": 1, "missed inner": 1, "missed flat": 1}
    assert list(analysis["errors"]) == list(ERROR_CLASSES)
    # "DNA" is what the wrong type was predicted as, so that the error counts for "protein"
    assert list(analysis["errors_per_type"]) == ["protein"]
    assert analysis["errors_per_type"]["protein"] == analysis["errors"]
    assert analysis["scores"]["correct"] == 2
    assert analysis["docs"] == 2


def test_confusion():
    counts = {
        (entry["gold"], entry["predicted"]): entry["count"]
        for entry in analyze_docs([DOC, DOC])["confusion"]
    }
    assert counts == {
        ("DNA", "DNA"): 2,
        ("protein", "DNA"): 2,
        ("protein", None): 2,
        (None, "protein"): 2,
    }


def test_error_with_other_boundaries_is_no_confusion():
    doc = make_doc(gold=[(24, 37, "protein")], predicted=[(24, 28, "DNA")])
    assert analyze_docs([doc])["confusion"] == [
        {"gold": "protein", "predicted": None, "count": 1},
        {"gold": None, "predicted": "DNA", "count": 1},
    ]


def test_scores_by_width():
    assert analyze_docs([DOC])["by_width"] == [
        {"name": "1", "p": 0.0, "r": 0.0, "f": 0.0, "gold": 0, "predicted": 1, "correct": 0},
        {"name": "3", "p": 0.0, "r": 0.0, "f": 0.0, "gold": 1, "predicted": 1, "correct": 0},
        {"name": "4", "p": 1.0, "r": 0.5, "f": 2 / 3, "gold": 2, "predicted": 1, "correct": 1},
    ]


@pytest.mark.parametrize(
    "width,name", [(1, "1"), (4, "4"), (5, "5–6"), (6, "5–6"), (16, "13–16"), (17, "17+")]
)
def test_widths_are_grouped(width, name):
    doc = AnalyzedDoc(["a"] * 40, {(0, width, "A")}, set(), {})
    assert [group["name"] for group in analyze_docs([doc])["by_width"]] == [name]


def test_scores_by_depth_take_that_of_the_same_side():
    doc = make_doc(gold=[GENE, INNER], predicted=[INNER])
    # The inner span is found, as one that lies in no other
    assert analyze_docs([doc])["by_depth"] == [
        {"name": "1", "p": 1.0, "r": 0.0, "f": 0.0, "gold": 1, "predicted": 1, "correct": 1},
        {"name": "2", "p": 0.0, "r": 1.0, "f": 0.0, "gold": 1, "predicted": 0, "correct": 0},
    ]


@pytest.mark.parametrize(
    "training_counts,names",
    [
        (None, ["0–9"]),
        ({"DNA": 9, "protein": 10}, ["0–9", "10–49"]),
        ({"DNA": 5000}, ["0–9", "5,000+"]),
        ({"DNA": 999, "protein": 1000}, ["500–999", "1,000–4,999"]),
    ],
)
def test_scores_by_rarity(training_counts, names):
    analysis = analyze_docs([DOC], training_counts)
    assert [group["name"] for group in analysis["by_rarity"]] == names
    assert sum(group["gold"] for group in analysis["by_rarity"]) == 3
    assert analysis["training_counts"] == training_counts


def test_histogram():
    histogram = analyze_docs([DOC])["histogram"]
    assert histogram["edges"][:3] == pytest.approx([0, 0.05, 0.1])
    assert [index for index, count in enumerate(histogram["correct"]) if count] == [3, 5, 19]
    assert [index for index, count in enumerate(histogram["wrong"]) if count] == [1, 13, 14]


def test_precision_recall_curve():
    curve = {point["threshold"]: point for point in analyze_docs([DOC])["curve"]}
    # Reached by all six candidates, by four, one of them correct, and by one
    assert curve[0.01] == {"threshold": 0.01, "p": 3 / 6, "r": 1.0, "f": pytest.approx(2 / 3)}
    assert (curve[0.25]["p"], curve[0.25]["r"]) == (2 / 4, 2 / 3)
    assert (curve[0.95]["p"], curve[0.95]["r"]) == (1.0, 1 / 3)
    assert max(curve) == 0.96


def test_calibration():
    analysis = analyze_docs([DOC])
    points = [tuple(point.values()) for point in analysis["reliability"]]
    assert points == [
        (1, 0.06, 0.0),
        (1, 0.16, 1.0),
        (1, 0.26, 1.0),
        (1, 0.66, 0.0),
        (1, 0.74, 0.0),
        (1, 0.96, 1.0),
    ]
    distances = [0.06, 0.84, 0.74, 0.66, 0.74, 0.04]
    assert analysis["calibration_error"] == pytest.approx(np.mean(distances))


def test_certain_candidates_count():
    doc = make_doc(gold=[GENE], candidates={GENE: 1.0})
    analysis = analyze_docs([doc])
    assert analysis["reliability"] == [{"count": 1, "probability": 1.0, "correct": 1.0}]
    assert analysis["histogram"]["correct"][-1] == 1
    assert analysis["curve"][-1]["threshold"] == 0.99


def test_docs_without_spans():
    analysis = analyze_docs([make_doc()])
    assert sum(analysis["errors"].values()) == 0
    assert analysis["scores"]["f"] is None
    assert analysis["calibration_error"] is None
    for name in ("by_width", "by_depth", "by_rarity", "curve", "reliability", "examples"):
        assert analysis[name] == []


def test_example():
    analysis = analyze_docs([make_doc(gold=[GENE]), DOC])
    example = next(x for x in analysis["examples"] if x["error_class"] == "wrong type")
    assert example == {
        "error_class": "wrong type",
        "doc": 1,
        "record_id": None,
        "gold": {"label": "protein", "text": "IL-2", "probability": 0.26},
        "predicted": {"label": "DNA", "text": "IL-2", "probability": 0.74},
        "tokens": TOKENS,
        "cut_start": False,
        "cut_end": False,
        "gold_spans": [
            {"start": 1, "end": 4, "label": "protein", "in_error": True},
            {"start": 1, "end": 5, "label": "DNA", "in_error": False},
            {"start": 7, "end": 11, "label": "protein", "in_error": False},
        ],
        "predicted_spans": [
            {"start": 1, "end": 4, "label": "DNA", "in_error": True},
            {"start": 1, "end": 5, "label": "DNA", "in_error": False},
            {"start": 5, "end": 6, "label": "protein", "in_error": False},
        ],
    }


def test_example_shows_what_is_near():
    n_tokens = 3 * CONTEXT
    near, far, across = (CONTEXT + 1, CONTEXT + 2), (0, 1), (0, n_tokens)
    gold = {(*bounds, "A") for bounds in (near, far, across)}
    doc = AnalyzedDoc(["a"] * n_tokens, gold, gold - {(*near, "A")}, {}, record_id="r1")
    (example,) = analyze_docs([doc])["examples"]
    assert len(example["tokens"]) == 2 * CONTEXT + 1
    assert (example["cut_start"], example["cut_end"]) == (True, True)
    assert example["gold_spans"] == [
        {"start": 0, "end": 2 * CONTEXT + 1, "label": "A", "in_error": False},
        {"start": CONTEXT, "end": CONTEXT + 1, "label": "A", "in_error": True},
    ]
    assert example["record_id"] == "r1"


def test_tokens_are_gone_over_once_however_many_errors_there_are():
    class Tokens(list):
        n_rounds = 0

        def __iter__(self):
            self.n_rounds += 1
            return super().__iter__()

    def count_rounds(n_errors):
        tokens = Tokens(["a"] * 50)
        gold = {(start, start + 1, "A") for start in range(n_errors)}
        examples = analyze_docs([AnalyzedDoc(tokens, gold, set(), {})])["examples"]
        assert len(examples) == n_errors
        return tokens.n_rounds

    assert count_rounds(50) == count_rounds(1)


def test_examples_are_spread_over_classes_and_labels():
    docs = [make_doc(gold=[BINDS]), make_doc(gold=[BINDS]), make_doc(gold=[GENE]), DOC]
    examples = analyze_docs(docs, max_examples=4)["examples"]
    chosen = [(example["doc"], example["error_class"]) for example in examples]
    # The second missed "protein" comes after all that are the first of their kind
    assert chosen == [(0, "missed flat"), (2, "missed flat"), (3, "wrong type"), (3, "spurious")]


def test_json_round_trip():
    analysis = analyze_docs([DOC], {"DNA": 3})
    assert json.loads(json.dumps(analysis)) == analysis
