import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.vocab import Vocab

from spacy_eiou.spans import get_scores, span_score, span_table


def make_doc(scores=None):
    doc = Doc(Vocab(), words=["IL-2", "gene", "binds"])
    spans = [Span(doc, 0, 2, label="DNA"), Span(doc, 0, 1, label="protein", kb_id="Q1")]
    attrs = {} if scores is None else {"scores": np.array(scores)}
    doc.spans["sc"] = SpanGroup(doc, name="sc", spans=spans, attrs=attrs)
    return doc


def test_table():
    table = span_table(make_doc([0.5, 0.25]))
    assert table == {
        "text": ["IL-2 gene", "IL-2"],
        "label": ["DNA", "protein"],
        "start_char": [0, 0],
        "end_char": [9, 4],
        "start": [0, 0],
        "end": [2, 1],
        "score": [0.5, 0.25],
        "kb_id": ["", "Q1"],
        "parent": [None, 0],
        "depth": [1, 2],
    }
    frame = pd.DataFrame(table)
    assert frame.shape == (2, 10)
    assert frame.query("label == 'protein'")["score"].item() == 0.25
    assert json.loads(json.dumps(table)) == table


def test_table_without_scores_and_without_spans():
    assert span_table(make_doc())["score"] == [None, None]
    empty = span_table(make_doc(), "missing")
    assert set(map(tuple, empty.values())) == {()}


def test_scores_out_of_step_are_left_out():
    doc = make_doc([0.5, 0.25])
    doc.spans["sc"].append(doc[2:3])
    with pytest.warns(UserWarning, match="under the key 'sc' were added, removed or exchanged"):
        assert get_scores(doc.spans["sc"]) is None
    with pytest.warns(UserWarning, match="'sc'"):
        assert span_table(doc)["score"] == [None, None, None]
    with pytest.warns(UserWarning, match="'sc'"):
        assert span_score(doc.spans["sc"][0]) is None


def test_score_of_a_span():
    doc = make_doc([0.5, 0.25])
    doc.spans["other"] = [doc[2:3]]
    assert [span_score(span) for span in doc.spans["sc"]] == [0.5, 0.25]
    assert span_score(Span(doc, 0, 2, label="DNA")) == 0.5
    assert span_score(Span(doc, 0, 2, label="RNA")) is None
    assert span_score(doc[2:3]) is None


def test_groups_that_give_a_span_several_scores():
    doc = make_doc([0.5, 0.25])
    doc.spans["other"] = doc.spans["sc"].copy()
    assert span_score(doc.spans["sc"][0]) == 0.5
    doc.spans["other"].attrs["scores"] = [0.1, 0.25]
    assert span_score(doc.spans["sc"][1]) == 0.25
    with pytest.warns(UserWarning, match="a span doesn't know its group: use span_table"):
        assert span_score(doc.spans["sc"][0]) is None


def test_extension():
    nlp = spacy.blank("en")
    component = nlp.add_pipe("nested_spancat", config={"threshold": 0.0})
    component.add_label("DNA")
    component.suggester.max_width = 1
    doc = nlp.make_doc("a b")
    scores = np.array([[0.75], [0.1]], dtype="f")
    component.set_annotations([doc], (component.suggester([doc]), scores))
    (loaded,) = DocBin().from_bytes(DocBin(docs=[doc]).to_bytes()).get_docs(nlp.vocab)
    for each in (doc, loaded):
        assert [span._.score for span in each.spans["sc"]] == pytest.approx([0.75, 0.1])
        assert type(each.spans["sc"][0]._.score) is float
        # Numbers that JSON can hold
        assert json.dumps(list(each.spans["sc"].attrs["scores"]))


@pytest.mark.slow
def test_extension_of_the_user_stays():
    code = """
import spacy
from spacy.tokens import Span
nlp = spacy.blank("en")
Span.set_extension("score", default="mine")
nlp.add_pipe("nested_spancat")
assert nlp.make_doc("a")[0:1]._.score == "mine"
"""
    subprocess.run([sys.executable, "-c", code], check=True)
