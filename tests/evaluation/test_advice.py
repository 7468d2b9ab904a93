import pytest

from spacy_eiou.evaluation.advice import N_LABELS, advise, save_errors
from spacy_eiou.evaluation.analysis import AnalyzedDoc, analyze_docs


def make_docs(gold, predicted, n=1):
    docs = [AnalyzedDoc(["one ", "two ", "three"], set(gold), set(predicted), {}) for _ in range(n)]
    for doc in docs:
        doc.candidates = dict.fromkeys(predicted, 0.9)
    return docs


def get_advice(gold, predicted, counts=None, n=1):
    docs = make_docs(gold, predicted, n)
    return advise(analyze_docs(docs, counts), docs)


@pytest.mark.parametrize(
    "n_errors,n_examples,saved", [(10, 0, 10), (0, 5, 0), (9, 40, 3), (4, 150, 4 * (1 - 0.75**0.5))]
)
def test_errors_fall_with_the_square_root(n_errors, n_examples, saved):
    assert save_errors(n_errors, n_examples, n_more=50) == pytest.approx(saved)


@pytest.mark.parametrize(
    "gold,predicted,advice",
    [
        ([(0, 3, "A")], [], "annotate more of it"),
        ([(0, 3, "A")], [(0, 7, "A")], "say in the guidelines where it begins and ends"),
        ([(0, 3, "A")], [(0, 3, "B")], "say in the guidelines what tells it from B"),
        ([], [(0, 3, "A")], "see whether it is missing in the gold"),
    ],
)
def test_advice_follows_the_errors(gold, predicted, advice):
    row = get_advice(gold, predicted)["labels"][0]
    assert (row["label"], row["advice"], row["errors"]) == ("A", advice, 1)


def test_labels_that_save_the_most_come_first():
    gold = [(0, 3, "A"), (4, 7, "B"), (8, 13, "C")]
    advice = get_advice(gold, [(8, 13, "C")], {"A": 1000, "B": 0, "C": 5})
    rows = [(row["label"], row["trained_on"]) for row in advice["labels"]]
    assert rows == [("B", 0), ("A", 1000)]
    assert advice["labels"][0]["saved"] == 1
    many = get_advice([(0, 3, f"label {index}") for index in range(20)], [])
    assert len(many["labels"]) == N_LABELS


def test_scores_of_few_docs_are_unsure():
    docs = [*make_docs([(0, 3, "A")], [(0, 3, "A")], 2), *make_docs([(0, 3, "A")], [], 2)]
    (row,) = advise(analyze_docs(docs), docs)["labels"]
    assert row["is_unsure"]
    low, high = row["interval"]
    assert high - low > 0.2
    docs *= 200
    (row,) = advise(analyze_docs(docs), docs)["labels"]
    assert not row["is_unsure"]


def test_widths_with_the_most_errors():
    advice = get_advice([(0, 7, "A"), (0, 13, "A"), (0, 3, "A")], [(0, 13, "A"), (4, 7, "A")])
    assert advice["widths"] == [
        {"name": "1", "errors": 2, "gold": 1, "share": pytest.approx(2 / 3)},
        {"name": "2", "errors": 1, "gold": 1, "share": pytest.approx(1 / 3)},
    ]


def test_no_advice_without_errors():
    advice = get_advice([(0, 3, "A")], [(0, 3, "A")])
    assert (advice["labels"], advice["widths"], advice["suspects"]) == ([], [], [])


def test_suspects_are_shown():
    advice = get_advice([(0, 3, "A")], [(4, 7, "A")])
    assert advice["n_suspects"] == 2
    assert {suspect["kind"] for suspect in advice["suspects"]} == {"missing", "spurious"}
