import pytest
import spacy

from spacy_eiou.corpora import Entity, LabeledText, Record, find_warnings, record_to_doc
from spacy_eiou.corpora.checks import find_similar_labels


def make_examples(*texts, label="PART"):
    return [LabeledText(text, None, ((0, 1, label),)) for text in texts]


def test_nothing_to_warn_of():
    assert find_warnings({"train": make_examples("a", "b"), "dev": make_examples("c", "d")}) == []


def test_shared_texts_and_documents():
    parts = {"train": [LabeledText("a", "1", ()), LabeledText("b", "2", ())]}
    parts["dev"] = [LabeledText("a", "3", ()), LabeledText("c", "2", ()), LabeledText("d", "4", ())]
    parts["test"] = [LabeledText("d", None, ()), LabeledText("e", None, ())]
    expected = (
        "{} documents of {} have a text, or belong to a document, that an earlier part has too: "
        "scores on them are too high ('{}')"
    )
    assert find_warnings(parts) == [
        expected.format("2 of 3", "dev", "a"),
        expected.format("1 of 2", "test", "d"),
    ]


def test_repeated_and_contradicting_texts():
    repeated, contradicting = find_warnings(
        {"train": [*make_examples("a", "a", "a", "b"), LabeledText("a", None, ())]}
    )
    assert repeated == "3 documents have the text of another one ('a')"
    assert contradicting == "1 texts are annotated differently in two places ('a')"


def test_repeated_texts_of_several_parts():
    parts = {"train": make_examples("", "", "b"), "dev": make_examples("x", "x", "y", "y")}
    assert find_warnings(parts) == ["2 documents of dev have the text of another one ('x')"]


def test_part_without_entities():
    parts = {"train": make_examples("a", "b"), "dev": [LabeledText("c", None, ())], "test": []}
    warning = "No document of dev has an entity, unlike those of other parts"
    assert find_warnings(parts) == [warning]
    assert find_warnings({**parts, "train": [LabeledText("a", None, ())]}) == []


def test_order_of_entities_is_no_contradiction():
    examples = [LabeledText(text, None, ((0, 1, "P"), (0, 2, "P"))) for text in "ab"]
    examples += [LabeledText("a", None, ((0, 2, "P"), (0, 1, "P"), (0, 1, "P")))]
    assert find_warnings({"train": examples}) == ["1 documents have the text of another one ('a')"]


@pytest.mark.parametrize(
    "labels, shown",
    [
        (["x" * 60], f"'{'x' * 60}'"),
        (["x" * 61], f"'{'x' * 60}...'"),
        (list("dcbae"), "'a', 'b', 'c', 'd', 'e'"),
        (list("dcbaef"), "'a', 'b', 'c', 'd', 'e' ..."),
    ],
)
def test_labels_are_shown_short(labels, shown):
    examples = [LabeledText(text, None, ((0, 1, label),)) for text, label in enumerate(labels)]
    assert find_warnings({"train": examples}) == [f"{len(labels)} labels have one example: {shown}"]


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
        ("a b-c_d.e", "abcde", "by case or by punctuation"),
        ("Part", "Parts", "by a letter"),
        ("Part", "Partly", None),
        ("Par", "Part", None),
        ("Part", "Xart", "by a letter"),
        ("Part", "Pxrt", "by a letter"),
        ("Part", "Pxrx", None),
        ("Part", "xPart", "by a letter"),
        ("Part", "Part1", None),
        ("Part1", "Partx", None),
        ("Partx", "Part1", None),
        ("Parts", "aPart", None),
        ("Part", "Partial", None),
        ("Patrt", "Patt", "by a letter"),
        ("Parx1", "Pary1", "by a letter"),
    ],
)
def test_similar_labels(first, second, difference):
    warnings = find_similar_labels([first, second, second])
    counts = {first: 1, second: 2}
    names = " and ".join(f"'{name}' ({counts[name]})" for name in sorted(counts))
    assert all(warning.startswith(f"The labels {names} differ ") for warning in warnings)
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


def test_warnings_of_all_kinds():
    examples = [
        LabeledText(text, None, ((0, 1, label),)) for label in ("PART", "part") for text in "ab"
    ]
    assert find_warnings({"train": examples}) == [
        "2 documents have the text of another one ('a')",
        "2 texts are annotated differently in two places ('a')",
        "The labels 'PART' (2) and 'part' (2) differ by case or by punctuation",
    ]


def test_doc_without_spans():
    doc = spacy.blank("en")("a")
    assert LabeledText.from_doc(doc) == LabeledText("a", None, ())


def test_each_pair_of_labels_is_compared():
    warnings = find_similar_labels(["Other", "part", "PART", "Paint", "Point"])
    assert [warning.replace(" (1)", "") for warning in warnings] == [
        "The labels 'PART' and 'part' differ by case or by punctuation",
        "The labels 'Paint' and 'Point' differ by a letter",
    ]


def test_docs_and_records_are_the_same_examples():
    record = Record("a", "IL-2 gene", (Entity(0, 9, "DNA"),), group="1")
    doc, _ = record_to_doc(spacy.blank("en"), record)
    expected = LabeledText("IL-2 gene", "1", ((0, 9, "DNA"),))
    assert LabeledText.from_record(record) == LabeledText.from_doc(doc) == expected
