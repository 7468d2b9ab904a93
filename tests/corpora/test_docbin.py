from pathlib import Path

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span
from spacy.training.corpus import create_docbin_reader
from spacy.vocab import Vocab

from spacy_eiou.corpora import (
    CorpusError,
    Dropped,
    Entity,
    Record,
    create_corpus,
    read_docbin,
    record_to_doc,
    records_to_docs,
)
from spacy_eiou.corpora.docbin import FastDocBin, load_docs, read_docs

NLP = spacy.blank("en")
ENTITIES = (Entity(0, 10, "DNA", "MESH:D1"), Entity(0, 4, "protein"))
RECORD = Record("a", "IL-2  gene.", ENTITIES, group="g")


def make_doc(*spans, key="sc"):
    doc = Doc(NLP.vocab, words=["IL-2", "gene", "."], spaces=[True, False, False])
    if key is not None:
        doc.spans[key] = [Span(doc, start, end, label) for start, end, label in spans]
    return doc


def write(path, *docs):
    path = path / "data.spacy"
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


def test_tokens_and_spans(tmp_path):
    path = write(tmp_path, make_doc((0, 2, "DNA"), (0, 1, "protein")), make_doc())
    words = ("IL-2", "gene", ".")
    entities = (Entity(0, 9, "DNA"), Entity(0, 4, "protein"))
    assert list(read_docbin(path)) == [
        Record("data-1", "IL-2 gene.", entities, words=words),
        Record("data-2", "IL-2 gene.", (), words=words),
    ]


def test_doc_without_the_spans_is_skipped(tmp_path):
    path = write(tmp_path, make_doc(), make_doc(key=None), make_doc(key="other"))
    assert list(read_docbin(path))[1:] == [
        Record(f"data-{number}", "IL-2 gene.", (), skipped="no spans under 'sc'")
        for number in (2, 3)
    ]


def test_a_group_may_be_a_number(tmp_path):
    doc = make_doc()
    doc.user_data["group"] = 7
    (record,) = read_docbin(write(tmp_path, doc))
    assert record.group == "7"


def test_span_without_a_label(tmp_path):
    _, record = read_docbin(write(tmp_path, make_doc(), make_doc((0, 1, ""))))
    assert "data.spacy, doc 2: expected a label for 'IL-2' at 0" in record.bad[0]
    assert [dropped.reason for dropped in record.dropped] == ["no label"]


def test_only_spans_key_is_used(tmp_path):
    (record,) = read_docbin(write(tmp_path, make_doc((1, 2, "DNA"), key="genes")))
    assert record.entities == (Entity(5, 9, "DNA"),)


def test_scores(tmp_path):
    doc = make_doc((0, 2, "DNA"), (0, 1, "protein"))
    doc.spans["sc"].attrs["scores"] = np.asarray([0.75, 0.5], dtype="float32")
    (record,) = read_docbin(write(tmp_path, doc))
    assert [entity.score for entity in record.entities] == [0.75, 0.5]


@pytest.mark.parametrize(
    "keys, message",
    [
        ([None], "none."),
        (
            ["a", "b"],
            "'a' (1 spans), 'b' (1 spans). Rename the one to read: doc.spans['sc'] = "
            "doc.spans.pop('a').",
        ),
    ],
)
def test_unclear_spans_key(tmp_path, keys, message):
    docs = [make_doc((0, 1, "protein"), key=key) for key in keys]
    path = write(tmp_path, *docs)
    with pytest.raises(CorpusError) as caught:
        list(read_docbin(path))
    assert str(caught.value) == (
        f"{path}: expected entities under doc.spans['sc'] or under one other key. Spans keys in "
        f"the data: {message}"
    )


def test_a_renamed_spans_key_is_read(tmp_path):
    doc = make_doc((0, 1, "protein"), key="a")
    doc.spans["b"] = [Span(doc, 0, 2, label="DNA")]
    doc.spans["sc"] = doc.spans.pop("a")
    (record,) = read_docbin(write(tmp_path, doc))
    assert record.entities == (Entity(0, 4, "protein"),)


def test_data_with_doc_ents_only(tmp_path):
    doc = make_doc(key=None)
    doc.ents = [Span(doc, 0, 1, label="protein")]
    path = write(tmp_path, doc, doc)
    with pytest.raises(CorpusError) as caught:
        list(read_docbin(path))
    assert str(caught.value) == (
        f"{path}: expected entities under doc.spans['sc'] or under one other key. Spans keys in "
        "the data: none, the 2 entities are in doc.ents. Copy them: doc.spans['sc'] = "
        "list(doc.ents)."
    )


def test_other_spans_are_left_out_and_counted(tmp_path):
    doc = make_doc((0, 2, "DNA"), (0, 1, "protein"))
    doc.spans["dis"] = [Span(doc, 0, 2, label="DNA"), Span(doc, 1, 2, label="disease")]
    doc.ents = [Span(doc, 0, 1, label="gene")]
    (record,) = read_docbin(write(tmp_path, doc))
    assert record.entities == (Entity(0, 9, "DNA"), Entity(0, 4, "protein"))
    assert record.dropped == (
        Dropped("under the key 'dis'", "data-1", Entity(5, 9, "disease"), "gene"),
        Dropped("in doc.ents", "data-1", Entity(0, 4, "gene"), "IL-2"),
    )
    assert record.dropped[0].where.endswith("data.spacy, doc 1")


def test_doc_ents_that_are_under_the_key_too_are_not_lost(tmp_path):
    doc = make_doc((0, 2, "DNA"), (0, 1, "protein"))
    doc.ents = [Span(doc, 0, 2, label="DNA")]
    (record,) = read_docbin(write(tmp_path, doc))
    assert record.dropped == ()


@pytest.mark.parametrize("name", ["none.spacy", "empty", "data.txt"])
def test_no_docs(in_tmp_path, name):
    Path("empty").mkdir()
    Path("data.txt").touch()
    with pytest.raises(CorpusError) as caught:
        list(read_docs(Path(name), Vocab()))
    assert str(caught.value) == (
        f"{name}: expected a .spacy file or a directory of them. To make one: "
        "python -m spacy eiou convert"
    )


def test_docs_without_user_data(tmp_path):
    DocBin(docs=[make_doc((0, 1, "protein"))] * 2).to_disk(tmp_path / "data.spacy")
    docs = load_docs(tmp_path / "data.spacy", Vocab())
    assert [(doc.text, doc.user_data) for doc in docs] == [("IL-2 gene.", {})] * 2


def test_what_was_converted_can_be_read(tmp_path):
    docs, _ = records_to_docs(NLP, [RECORD])
    docs.to_disk(tmp_path / "data.spacy")
    (record,) = read_docbin(tmp_path / "data.spacy")
    assert (record.id, record.text, record.entities) == (RECORD.id, RECORD.text, RECORD.entities)
    assert record.group == "g"
    doc, dropped = record_to_doc(NLP, record)
    expected, _ = record_to_doc(NLP, RECORD)
    assert not dropped
    assert [token.text_with_ws for token in doc] == [token.text_with_ws for token in expected]


def test_text_without_tokens(tmp_path):
    empty = Doc(NLP.vocab)
    empty.spans["sc"] = []
    assert list(read_docbin(write(tmp_path, empty))) == [Record("data-1", "", (), words=())]


def test_load_docs_uses_the_vocab(tmp_path):
    vocab = Vocab()
    (doc,) = load_docs(write(tmp_path, make_doc((0, 1, "protein"))), vocab)
    assert doc.vocab is vocab
    assert [(span.text, span.label_) for span in doc.spans["sc"]] == [("IL-2", "protein")]


@given(st.data())
def test_damaged_file_raises_corpus_error(tmp_path_factory, data):
    path = write(tmp_path_factory.getbasetemp(), make_doc((0, 1, "protein")))
    content = bytearray(path.read_bytes())
    cut = data.draw(st.integers(0, len(content) - 1))
    replaced = data.draw(st.binary(min_size=1, max_size=3))
    path.write_bytes(content[:cut] + replaced * data.draw(st.booleans()))
    with pytest.raises(CorpusError, match=r"data\.spacy: expected a complete \.spacy file"):
        list(read_docbin(path))


def test_bytes_are_those_of_spacy():
    nlp = NLP
    doc = make_doc((0, 2, "DNA"), (0, 1, "protein"))
    doc.spans["sc"].attrs["scores"] = np.array([0.5, 1.0])
    doc.spans["same"] = doc.spans["sc"]
    doc.user_data.update({"record_id": "a", ("._.", "x", 1, 2): [1]})
    doc[0].tag_, doc[1].ent_type_, doc.cats = "NN", "X", {"a": 1.0}
    docs = [doc, Doc(nlp.vocab), Doc(nlp.vocab, words=["a"]), make_doc(key=None), nlp("IL-2 binds")]
    docs[-1].spans["sc"] = [Span(docs[-1], 0, 1, "DNA", kb_id="MESH:D1", span_id="7")]
    fast, plain = (make(docs=docs, store_user_data=True) for make in (FastDocBin, DocBin))
    assert fast.to_bytes() == plain.to_bytes()
    for copy, expected in zip(
        FastDocBin().from_bytes(plain.to_bytes()).get_docs(Vocab()),
        DocBin().from_bytes(plain.to_bytes()).get_docs(Vocab()),
        strict=True,
    ):
        assert copy.to_bytes(exclude=["user_data"]) == expected.to_bytes(exclude=["user_data"])
        assert copy.user_data == expected.user_data


@pytest.mark.parametrize("start,stop", [(0, None), (1, None), (1, 2), (0, 2), (2, 9), (3, None)])
def test_some_docs(start, stop):
    docs = [make_doc((0, end, "DNA")) for end in (1, 2, 3)]
    for number, doc in enumerate(docs):
        doc.user_data["record_id"] = number
    docbin = FastDocBin(docs=docs, store_user_data=True)
    found = [
        (doc.user_data["record_id"], doc.spans["sc"][0].end)
        for doc in docbin.get_docs(Vocab(), start, stop)
    ]
    assert found == [(0, 1), (1, 2), (2, 3)][start:stop]


@pytest.mark.parametrize("options", [{}, {"limit": 1}, {"max_length": 2}, {"gold_preproc": True}])
def test_reader_of_training_data_is_that_of_spacy(tmp_path, options):
    docs = [make_doc((0, 2, "DNA")), Doc(NLP.vocab), make_doc((0, 1, "protein"))]
    for doc in docs:
        doc.set_ents([])
        if len(doc):
            doc[0].is_sent_start = doc[2].is_sent_start = True
            doc[1].is_sent_start = False
    path = write(tmp_path, *docs)
    examples, expected = (
        [
            (list(map(str, example.predicted)), example.reference.to_json(), example.to_dict())
            for example in make(path, **{"gold_preproc": False, **options})(spacy.blank("en"))
        ]
        for make in (create_corpus, create_docbin_reader)
    )
    if not {"max_length", "gold_preproc"}.isdisjoint(options):
        # spaCy loses the spans of sentences.
        for _, reference, example in [*examples, *expected]:
            reference.pop("spans", None)
            example["doc_annotation"].pop("spans", None)
    assert examples == expected != []


def make_divided_doc():
    doc = Doc(NLP.vocab, words=["IL-2", "binds", ".", "It", "is", "a", "gene", "in", "cells", "."])
    for token in doc:
        token.is_sent_start = token.i in (0, 3)
    spans = [(0, 1, "protein"), (2, 4, "across"), (6, 7, "DNA"), (8, 9, "cell")]
    doc.spans["sc"] = [Span(doc, start, end, label) for start, end, label in spans]
    doc.spans["empty"] = []
    return doc


@pytest.mark.parametrize("options", [{"max_length": 8}, {"gold_preproc": True}])
def test_sentences_keep_their_spans(tmp_path, options):
    corpus = create_corpus(write(tmp_path, make_divided_doc()), **options)
    with pytest.warns(UserWarning, match="no example has.*: 1 across the end of a sentence. W"):
        examples = list(corpus(NLP))
    found = [[(s.text, s.label_) for s in eg.reference.spans["sc"]] for eg in examples]
    assert found == [[("IL-2", "protein")], [("gene", "DNA"), ("cells", "cell")]]
    assert all(list(eg.reference.spans["empty"]) == [] for eg in examples)


def test_spans_of_texts_that_are_too_long_are_counted(tmp_path):
    docs = [make_divided_doc(), make_doc((0, 1, "protein"))]
    corpus = create_corpus(write(tmp_path, *docs), max_length=3)
    reason = "4 in a sentence of max_length = 3 tokens or more"
    with pytest.warns(UserWarning, match=f"1 across the end of a sentence; {reason}"):
        assert list(corpus(NLP)) == []


def test_reader_of_training_data_needs_a_path():
    with pytest.raises(ValueError, match=r"path of a \.spacy file"):
        create_corpus(None)


def test_label_without_its_string_raises_corpus_error(tmp_path):
    docs = DocBin(docs=[make_doc((0, 1, "protein"))])
    docs.strings.remove("protein")
    docs.to_disk(tmp_path / "data.spacy")
    with pytest.raises(CorpusError, match=r"data\.spacy: expected a complete \.spacy file"):
        load_docs(tmp_path / "data.spacy", Vocab())
