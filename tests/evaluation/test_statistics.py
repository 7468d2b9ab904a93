from math import log

import pytest
import spacy
import srsly
from spacy.cli.debug_data import _compile_gold, _get_span_characteristics
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from spacy_eiou.evaluation.statistics import (
    LabelStatistics,
    WidthStatistics,
    compute_statistics,
    statistics,
)

NLP = spacy.blank("en")


def make_doc(words, spans=None):
    doc = Doc(NLP.vocab, words=words.split())
    if spans is not None:
        doc.spans["sc"] = [Span(doc, *span) for span in spans]
    return doc


def make_docs():
    return [
        make_doc("the IL-2 gene binds", [(1, 3, "DNA"), (1, 2, "protein")]),
        make_doc("The cell", []),
        make_doc("x"),
    ]


def test_counts():
    statistics = compute_statistics(make_docs())
    assert statistics.docs == 3
    assert statistics.annotated_docs == 2
    assert statistics.tokens == 7
    assert statistics.spans == 2
    assert statistics.lengths == {1: 1, 2: 1}
    assert statistics.rare_labels == ["DNA", "protein"]


def test_labels():
    # 2 of the 7 tokens are "the", the other words occur once
    statistics = compute_statistics(make_docs())
    boundaries = (log(1 / 2 * 7 / 2) + log(1 / 2 * 7)) / 2
    assert statistics.labels == {
        "DNA": LabelStatistics(
            spans=1,
            docs_without=2,
            length=pytest.approx(2),
            span_distinctiveness=pytest.approx(log(1 / 2 * 7)),
            boundary_distinctiveness=pytest.approx(boundaries),
        ),
        "protein": LabelStatistics(
            spans=1,
            docs_without=2,
            length=pytest.approx(1),
            span_distinctiveness=pytest.approx(log(7)),
            boundary_distinctiveness=pytest.approx(boundaries),
        ),
    }
    assert statistics.length == pytest.approx(1.5)
    assert statistics.span_distinctiveness == pytest.approx((log(7 / 2) + log(7)) / 2)
    assert statistics.boundary_distinctiveness == pytest.approx(boundaries)


def test_nesting():
    # A contains B contains C; two labels on D and E; F crosses A; G in a doc of its own
    spans = [(0, 5, "A"), (0, 3, "B"), (1, 2, "C"), (7, 9, "D"), (7, 9, "E"), (4, 6, "F")]
    docs = [make_doc("a b c d e f g h i", spans), make_doc("a b", [(0, 2, "G")])]
    statistics = compute_statistics(docs)
    assert statistics.inner == pytest.approx(2 / 7)
    assert statistics.outer == pytest.approx(2 / 7)
    assert statistics.nested == pytest.approx(3 / 7)
    assert statistics.crossing == pytest.approx(2 / 7)
    assert statistics.overlapping == pytest.approx(6 / 7)
    assert statistics.crossing_pairs == 1
    assert statistics.depths == {1: 5, 2: 1, 3: 1}


def test_widths():
    statistics = compute_statistics(make_docs())
    assert statistics.widths == [
        WidthStatistics(width=1, candidates_per_token=pytest.approx(1.0), coverage=0.5),
        WidthStatistics(width=2, candidates_per_token=pytest.approx((7 + 4) / 7), coverage=1.0),
    ]


def test_widths_end_with_the_longest_span():
    docs = [make_doc("a b c d e f g h i j", [(0, 9, "A"), (0, 4, "A"), (2, 3, "A")])]
    widths = compute_statistics(docs).widths
    assert [row.width for row in widths] == [1, 2, 4, 8, 9]
    assert [row.coverage for row in widths] == pytest.approx([1 / 3, 1 / 3, 2 / 3, 2 / 3, 1])
    # 10 + 9 + ... + 2 candidates of 10 tokens
    assert widths[-1].candidates_per_token == pytest.approx(5.4)


def test_frequent_labels_come_first_and_are_not_rare():
    doc = make_doc("word " * 60, [(i, i + 1, "B") for i in range(50)] + [(0, 2, "A")] * 49)
    statistics = compute_statistics([doc])
    assert list(statistics.labels) == ["B", "A"]
    assert statistics.rare_labels == ["A"]


def test_same_as_spacy_debug_data():
    docs = [
        make_doc("The `` T cell '' of the AIDS", [(2, 4, "cell"), (2, 3, "shape"), (7, 8, "dis")]),
        make_doc("A T cell line", [(0, 4, "cell"), (1, 3, "cell")]),
    ]
    examples = [Example(doc, doc) for doc in docs]
    gold = _compile_gold(examples, ["spancat"], NLP, make_proj=False)
    expected = _get_span_characteristics(examples, gold, "sc")
    statistics = compute_statistics(docs)
    labels = statistics.labels
    assert {k: v.spans for k, v in labels.items()} == expected["spans_per_type"]
    assert {k: v.length for k, v in labels.items()} == pytest.approx(expected["lengths"])
    assert {k: v.span_distinctiveness for k, v in labels.items()} == pytest.approx(expected["sd"])
    assert {k: v.boundary_distinctiveness for k, v in labels.items()} == pytest.approx(
        expected["bd"]
    )
    assert statistics.length == pytest.approx(expected["avg_length"])
    assert statistics.span_distinctiveness == pytest.approx(expected["avg_sd"])
    assert statistics.boundary_distinctiveness == pytest.approx(expected["avg_bd"])


def test_to_dict_is_serializable():
    values = compute_statistics(iter(make_docs())).to_dict()
    assert values["labels"]["DNA"]["spans"] == 1
    assert values["widths"][0]["width"] == 1
    assert values["rare_labels"] == ["DNA", "protein"]
    assert srsly.json_loads(srsly.json_dumps(values))["depths"] == {"1": 1, "2": 1}


@pytest.mark.parametrize(
    "docs,message",
    [
        (make_docs(), r"under the key 'cs'\. Spans keys in the data: 'sc' \(2 spans\)\."),
        ([make_doc("x")], r"Spans keys in the data: none\."),
        ([], r"Spans keys in the data: none\."),
    ],
)
def test_missing_spans_key(docs, message):
    with pytest.raises(ValueError, match=message):
        compute_statistics(docs, "cs")


def test_key_without_spans():
    with pytest.raises(ValueError, match=r"'sc' \(0 spans\)"):
        compute_statistics([make_doc("x", [])])


def test_empty_span_is_named():
    docs = [make_doc("a b", [(0, 1, "X")]), make_doc("IL-2 gene", [(0, 2, "DNA"), (1, 1, "DNA")])]
    with pytest.raises(ValueError, match="span 'DNA' at token 1 of 'IL-2 gene ' is empty"):
        compute_statistics(docs)


def test_all_files_of_a_directory_count(tmp_path):
    for name, n_docs in (("a", 3), ("b", 5)):
        (tmp_path / name).mkdir()
        docs = [make_doc(f"IL-2 {name} {number}", [(0, 1, "X")]) for number in range(n_docs)]
        DocBin(docs=docs).to_disk(tmp_path / name / "train.spacy")
    assert statistics(tmp_path).docs == 8
