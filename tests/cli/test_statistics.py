from functools import partial

import pytest
import spacy
import srsly
from cli_util import invoke
from spacy.tokens import DocBin, Span


def make_data(path, spans_key="sc", texts=("the IL-2 gene binds", "nothing")):
    nlp = spacy.blank("en")
    doc_bin = DocBin()
    for text in texts:
        doc = nlp(text)
        doc.spans[spans_key] = []
        if len(doc) == 4:
            doc.spans[spans_key] = [Span(doc, 1, 3, "DNA"), Span(doc, 1, 2, "protein")]
        doc_bin.add(doc)
    doc_bin.to_disk(path)
    return path


run = partial(invoke, "statistics")


def test_tables_and_json(tmp_path):
    data_path = make_data(tmp_path / "data.spacy")
    output = tmp_path / "statistics.json"
    result = run(data_path, "--output", output)
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["Tokens", "5"] in lines
    assert ["DNA", "2.00", "0.92", "0.92", "1"] in lines
    assert ["Wgt.", "Average", "1.50", "1.26", "0.92", "-"] in lines
    assert ["Nested", "100.00"] in lines
    assert ["2", "1.60", "100.00"] in lines
    assert "'DNA' (1), 'protein' (1)" in result.stdout
    saved = srsly.read_json(output)
    assert saved["default_width"]["width"] == 2
    assert saved["spans"] == 2
    assert saved["widths"][1] == {"width": 2, "candidates_per_token": 1.6, "coverage": 1.0}


def test_costly_outlier(tmp_path):
    doc = spacy.blank("en")("a " * 300)
    doc.spans["sc"] = [*(Span(doc, i, i + 3, "DNA") for i in range(49)), Span(doc, 0, 230, "DNA")]
    DocBin(docs=[doc]).to_disk(tmp_path / "data.spacy")
    stdout = " ".join(run(tmp_path / "data.spacy").stdout.split())
    assert "By default they are left out, with max_width = 3" in stdout
    assert "1 of 50 spans (2.00%) are wider than 3 tokens, up to 230" in stdout


def test_directory_and_spans_key(tmp_path):
    make_data(tmp_path / "a.spacy", "events")
    make_data(tmp_path / "b.spacy", "events")
    result = run(tmp_path, "--spans-key", "events", "--output", tmp_path / "statistics.json")
    assert result.exit_code == 0
    assert srsly.read_json(tmp_path / "statistics.json")["docs"] == 4


@pytest.mark.parametrize(
    "texts,expected",
    [
        (
            ["IL-2 gene IL-2 gene"] * 50,
            [
                "All labels have at least 50 spans",
                "No examples for texts WITHOUT these labels",
                "Spans may not be distinct",
                "Boundary tokens are not distinct",
            ],
        ),
        (
            ["the IL-2 gene binds", "a b c", "d e f g h"],
            ["2 labels with under 50 spans", "Spans are distinct", "Boundary tokens are distinct"],
        ),
    ],
)
def test_warnings(tmp_path, texts, expected):
    result = run(make_data(tmp_path / "data.spacy", texts=texts))
    # Long messages are wrapped
    stdout = " ".join(result.stdout.split())
    assert [message for message in expected if message not in stdout] == []


def test_directory_is_the_parts_of_a_corpus(tmp_path):
    make_data(tmp_path / "train.spacy")
    make_data(tmp_path / "dev.spacy", texts=("the IL-2 gene binds", "something"))
    output = tmp_path / "statistics.json"
    result = run(tmp_path, "--output", output)
    (warning,) = srsly.read_json(output)["warnings"]
    assert "1 of 2 documents of dev have a text" in warning
    assert warning in " ".join(result.stdout.split())


def test_misspelt_spans_key(tmp_path):
    data_path = make_data(tmp_path / "data.spacy")
    result = run(data_path, "--spans-key", "cs")
    assert result.exit_code == 1
    assert "no spans under the key 'cs'" in " ".join(result.stdout.split())
    assert "'sc' (2 spans)" in " ".join(result.stdout.split())
