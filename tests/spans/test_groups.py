import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.vocab import Vocab

from spacy_eiou.spans.groups import (
    describe_spans_keys,
    get_score,
    get_scores,
    get_spans,
    scored,
    to_boundaries,
)

# What an earlier version saved for these spans
CHECKSUM = 1909248639


def make_doc():
    doc = Doc(Vocab(), words=["IL-2", "gene", "binds"])
    doc.spans["sc"] = [Span(doc, 0, 2, label="DNA"), Span(doc, 1, 2, label="protein")]
    return doc


def test_spans_in_characters():
    doc = make_doc()
    assert get_spans(doc, "sc") == [(0, 9, "DNA"), (5, 9, "protein")]
    assert get_spans(doc, "other") == []


@pytest.mark.parametrize("spans", [[], [(0, 9, "DNA"), (5, 9, "protein")]])
def test_boundaries(spans):
    boundaries = to_boundaries(spans)
    assert boundaries.shape == (len(spans), 2)
    assert boundaries.dtype == np.int64
    assert_array_equal(boundaries, [span[:2] for span in spans] or np.zeros((0, 2)))


@pytest.mark.parametrize("scores", [[0.5, 0.25], [[0.5], [0.25]]])
def test_scores_are_floats(scores):
    group = make_doc().spans["sc"]
    assert get_scores(group) is None
    group.attrs["scores"] = np.array(scores, dtype="f")
    assert get_scores(group) == [0.5, 0.25]
    assert {type(score) for score in get_scores(group)} == {float}


def test_scores_of_other_spans_are_left_out():
    group = make_doc().spans["sc"]
    group.attrs["scores"] = np.array([0.5])
    with pytest.warns(UserWarning) as caught:
        assert get_scores(group) is None
    assert str(caught[0].message) == (
        "Spans under the key 'sc' were added, removed or exchanged after they got scores. It is "
        "not known which score belongs to which span, so that they are left out."
    )


def set_item(doc):
    doc.spans["sc"][1] = Span(doc, 0, 1, label="protein")


def reverse(doc):
    attrs = doc.spans["sc"].attrs
    doc.spans["sc"] = SpanGroup(doc, name="sc", spans=list(doc.spans["sc"])[::-1], attrs=attrs)


def relabel(doc):
    doc.spans["sc"][0] = Span(doc, 0, 2, label="protein")


@pytest.mark.parametrize("exchange", [set_item, reverse, relabel])
def test_scores_of_as_many_other_spans_are_left_out(exchange):
    doc = make_doc()
    doc.spans["sc"].attrs.update(scored(doc.spans["sc"], np.array([0.5, 0.25])))
    assert get_scores(doc.spans["sc"]) == [0.5, 0.25]
    exchange(doc)
    with pytest.warns(UserWarning, match="added, removed or exchanged"):
        assert get_scores(doc.spans["sc"]) is None


def test_a_single_score_does_not_depend_on_other_spans():
    doc = make_doc()
    doc.spans["sc"].attrs.update(scored(doc.spans["sc"], np.array([0.5, 0.25])))
    outer, inner = doc.spans["sc"]
    relabel(doc)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert get_score(doc.spans["sc"], inner) == 0.25
        assert get_score(doc.spans["sc"], doc.spans["sc"][0]) is None
    with pytest.warns(UserWarning, match="added, removed or exchanged"):
        assert get_score(doc.spans["sc"], outer) is None


def test_a_single_score_is_left_out_where_spans_were_added():
    doc = make_doc()
    doc.spans["sc"].attrs.update(scored(doc.spans["sc"], np.array([0.5, 0.25])))
    doc.spans["sc"].append(doc[2:3])
    for span in doc.spans["sc"]:
        with pytest.warns(UserWarning, match="added, removed or exchanged"):
            assert get_score(doc.spans["sc"], span) is None


def test_scores_of_docs_that_an_earlier_version_saved():
    doc = make_doc()
    doc.spans["sc"].attrs.update({"scores": np.array([0.5, 0.25]), "scored": CHECKSUM})
    (loaded,) = DocBin().from_bytes(DocBin(docs=[doc]).to_bytes()).get_docs(Vocab())
    group = loaded.spans["sc"]
    assert get_scores(group) == [get_score(group, span) for span in group] == [0.5, 0.25]
    relabel(loaded)
    with pytest.warns(UserWarning, match="added, removed or exchanged"):
        assert get_scores(group) is None
    with pytest.warns(UserWarning, match="added, removed or exchanged"):
        assert get_score(group, group[1]) is None


def test_scores_stay_when_tokens_are_merged_and_docs_saved():
    doc = make_doc()
    doc.spans["sc"].attrs.update(scored(doc.spans["sc"], np.array([0.5, 0.25])))
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[2:3])
    (loaded,) = DocBin(docs=[doc]).get_docs(Vocab())
    for found in (doc, loaded, doc.copy()):
        group = found.spans["sc"]
        assert get_scores(group) == [get_score(group, span) for span in group] == [0.5, 0.25]


def test_keys_are_named_with_their_spans():
    doc, other = make_doc(), make_doc()
    other.spans["x"] = []
    assert describe_spans_keys([doc, other]) == (
        "Spans keys in the data: 'sc' (4 spans), 'x' (0 spans)."
    )
    assert describe_spans_keys([]) == "Spans keys in the data: none."


def test_entities_elsewhere_are_told():
    docs = [Doc(Vocab(), words=["IL-2", "gene"], ents=["B-A", "B-A"]) for _ in range(2)]
    assert describe_spans_keys(docs) == (
        "Spans keys in the data: none, the 4 entities are in doc.ents. Copy them: "
        "doc.spans['sc'] = list(doc.ents)."
    )
    docs[0].spans["sc"] = []
    assert describe_spans_keys(docs) == "Spans keys in the data: 'sc' (0 spans)."
