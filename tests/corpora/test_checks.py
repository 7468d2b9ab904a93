import pytest
import spacy

from spacy_eiou.corpora import Entity, Example, Record, find_warnings, record_to_doc
from spacy_eiou.corpora.checks import find_similar_labels


def make_examples(*texts, label="PART"):
    return [Example(text, None, ((0, 1, label),)) for text in texts]


def test_nothing_to_warn_of():
    assert find_warnings({"train": make_examples("a", "b"), "dev": make_examples("c", "d")}) == []


def test_shared_texts_and_documents():
    parts = {"train": [Example("a", "1", ()), Example("b", "2", ())]}
    parts["dev"] = [Example("a", "3", ()), Example("c", "2", ()), Example("d", "4", ())]
    (warning,) = find_warnings(parts)
    assert warning.startswith("2 of 3 documents of dev have a text, or belong to a document")


def test_repeated_and_contradicting_texts():
    repeated, contradicting = find_warnings(
        {"train": [*make_examples("a", "a", "a", "b"), Example("a", None, ())]}
    )
    assert repeated == "3 documents have the text of another one ('a')"
    assert contradicting == "1 texts are annotated differently in two places ('a')"


def test_labels_with_one_example():
    examples = [*make_examples("a", "b"), *make_examples("c", label="ITEM")]
    assert find_warnings({"train": examples}) == ["1 labels have one example: 'ITEM'"]


@pytest.mark.parametrize(
    "first, second, difference",
    [
        ("Part", "PART", "by case or by punctuation"),
        ("cell_type", "cell-type", "by case or by punctuation"),
        ("Product", "Prodcut", None),
        ("Product", "Products", "by a letter"),
        ("Product", "Produkt", "by a letter"),
        ("Level1", "Level2", None),
        ("DNA", "RNA", None),
        ("Storage", "Incident", None),
    ],
)
def test_similar_labels(first, second, difference):
    warnings = find_similar_labels([first, second, second])
    assert [warning.partition("differ ")[2] for warning in warnings] == [difference] * bool(
        difference
    )


def test_thousands_of_labels_are_compared_in_no_time():
    labels = [
        f"{number:04}".translate(str.maketrans("0123456789", "aeghkmrtuz")) * 3
        for number in range(5000)
    ]
    warnings = find_similar_labels([*labels, "Pump", "Pumps"])
    assert warnings == ["The labels 'Pump' (1) and 'Pumps' (1) differ by a letter"]


def test_labels_are_shown_on_one_line():
    (warning,) = find_similar_labels(["a\nb", "A\nB"])
    assert warning == r"The labels 'A\nB' (1) and 'a\nb' (1) differ by case or by punctuation"


def test_docs_and_records_are_the_same_examples():
    record = Record("a", "IL-2 gene", (Entity(0, 9, "DNA"),), group="1")
    doc, _ = record_to_doc(spacy.blank("en"), record)
    expected = Example("IL-2 gene", "1", ((0, 9, "DNA"),))
    assert Example.from_record(record) == Example.from_doc(doc) == expected
