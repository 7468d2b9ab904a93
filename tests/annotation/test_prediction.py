import gc

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Span, SpanGroup
from spacy.util import raise_error

from spacy_eiou.annotation import prediction
from spacy_eiou.annotation.prediction import get_span_annotations, predict_texts


@Language.factory("eiou_batch_recorder")
class BatchRecorder:
    """Mark each doc, and remember how many words the docs of each batch have."""

    def __init__(self, nlp, name):
        self.batches = []

    def pipe(self, stream, batch_size):
        docs = list(stream)
        self.batches.append([len(doc) for doc in docs])
        for doc in docs:
            spans = [Span(doc, 0, len(doc), label="X")] if len(doc) else []
            doc.spans["sc"] = SpanGroup(doc, name="sc", spans=spans)
        return iter(docs)


@pytest.fixture
def nlp():
    nlp = spacy.blank("xx")
    nlp.add_pipe("eiou_batch_recorder", name="recorder")
    return nlp


def get_batches(nlp, texts, **options):
    predicted = predict_texts(nlp, texts, "sc", **options)
    assert [(n_words, [span["text"] for span in spans]) for n_words, spans in predicted] == [
        (len(text.split()), [text] if text else []) for text in texts
    ]
    return nlp.get_pipe("recorder").batches


def test_texts_of_the_same_length_are_in_a_batch(nlp):
    texts = ["a b c", "", "a", "b c d e", "b c"]
    assert get_batches(nlp, texts, batch_size=2) == [[0, 1], [2, 3], [4]]


def test_no_texts(nlp):
    assert get_batches(nlp, []) == []


def test_words_of_a_batch_are_bounded(nlp, monkeypatch):
    monkeypatch.setattr(prediction, "WORDS_PER_BATCH", 5)
    texts = ["a " * 9 + "a", "a b c", "a b", "a", "a b c d e"]
    assert get_batches(nlp, texts) == [[1, 2], [3], [5], [10]]


@pytest.mark.parametrize("name,limit", [("MAX_NEW_STRINGS", 20), ("MAX_FIRST_CHARS", 120)])
def test_strings_do_not_pile_up(nlp, monkeypatch, name, limit):
    monkeypatch.setattr(prediction, name, limit)
    n_strings = [len(nlp.vocab.strings)]
    for number in range(5):
        predict_texts(nlp, [f"some words that nobody{number} has seen{number}"], "sc")
        n_strings.append(len(nlp.vocab.strings))
    assert n_strings[0] < n_strings[1] < n_strings[3] == n_strings[5]
    assert 20 <= n_strings[5] - n_strings[0] < 30


def make_doc(nlp, **attrs):
    doc = nlp.make_doc("IL-2 gene")
    spans = [Span(doc, 0, 2, label="DNA"), Span(doc, 0, 1, label="protein", kb_id="Q1")]
    doc.spans["sc"] = SpanGroup(doc, name="sc", spans=spans, attrs=attrs)
    return doc


OUTER = {"start": 0, "end": 9, "label": "DNA", "text": "IL-2 gene", "parent": None}
INNER = {"start": 0, "end": 4, "label": "protein", "text": "IL-2", "parent": 0, "kb_id": "Q1"}


def test_span_annotations(nlp):
    doc = make_doc(nlp)
    assert get_span_annotations([doc], "sc") == [[OUTER, INNER]]
    assert get_span_annotations([doc], "other") == [[]]


def test_scores(nlp):
    doc = make_doc(nlp, scores=[0.123456, float("nan")])
    assert get_span_annotations([doc], "sc") == [[{**OUTER, "score": 0.1235}, INNER]]


@pytest.mark.parametrize("was_enabled", [True, False])
def test_garbage_collection_is_put_off(was_enabled):
    nlp = spacy.blank("en")
    states = []

    @Language.component(f"eiou_note_collection_{was_enabled}")
    def note_collection(doc):
        states.append(gc.isenabled())
        if doc.text == "fail":
            raise RuntimeError("fail")
        return doc

    nlp.add_pipe(f"eiou_note_collection_{was_enabled}")
    nlp.set_error_handler(raise_error)
    if not was_enabled:
        gc.disable()
    try:
        predict_texts(nlp, ["a"], "sc")
        assert gc.isenabled() == was_enabled
        with pytest.raises(RuntimeError):
            predict_texts(nlp, ["fail"], "sc")
        assert gc.isenabled() == was_enabled
    finally:
        gc.enable()
    assert states == [False, False]
