import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin

from spacy_eiou.corpora import (
    CorpusError,
    Dropped,
    Entity,
    Record,
    make_nlp,
    record_to_doc,
    records_to_docs,
)
from spacy_eiou.corpora.docs import find_inclusive_ends

NLP = spacy.blank("en")


def get_spans(doc, spans_key="sc"):
    return [(span.start, span.end, span.label_) for span in doc.spans[spans_key]]


def test_spans_are_sorted():
    entities = (Entity(4, 7, "A"), Entity(0, 3, "B"), Entity(0, 7, "B"), Entity(0, 3, "A"))
    doc, dropped = record_to_doc(NLP, Record("r1", "the IL2 binds", entities), "genes")
    assert get_spans(doc, "genes") == [(0, 2, "B"), (0, 1, "A"), (0, 1, "B"), (1, 2, "A")]
    assert dropped == []


def test_entities_that_a_doc_cannot_hold():
    entities = (
        Entity(0, 1, "A"),
        Entity(0, 1, "A"),
        Entity(0, 1, "B"),
        Entity(2, 4, "A"),
        Entity(1, 2, "A"),
    )
    doc, dropped = record_to_doc(NLP, Record("r1", "a bcd", entities))
    assert get_spans(doc) == [(0, 1, "A"), (0, 1, "B")]
    assert dropped == [
        Dropped("duplicate", "r1", Entity(0, 1, "A"), "a"),
        Dropped("misaligned", "r1", Entity(2, 4, "A"), "bc"),
        Dropped("whitespace", "r1", Entity(1, 2, "A"), " "),
    ]


def test_ids_and_empty_spans():
    doc, _ = record_to_doc(NLP, Record("r1", "a", (), group="g1"))
    assert doc.user_data == {"record_id": "r1", "group": "g1"}
    assert "sc" in doc.spans and len(doc.spans["sc"]) == 0
    doc, _ = record_to_doc(NLP, Record("r1", "", ()))
    assert doc.user_data == {"record_id": "r1"}
    assert "sc" in doc.spans and len(doc) == 0


@pytest.mark.parametrize(
    "words, text, tokens",
    [
        (("don't", "stop"), "don't stop", ["don't", "stop"]),
        (("a", "b"), " a  b\n", [" ", "a", " ", "b", "\n"]),
        (("ab", "c"), "abc", ["ab", "c"]),
        ((), "", []),
    ],
)
def test_words_of_the_record_are_the_tokens(words, text, tokens):
    doc, _ = record_to_doc(NLP, Record("r1", text, (), words=words))
    assert [token.text for token in doc] == tokens
    assert doc.text == text


def test_words_of_another_text():
    with pytest.raises(CorpusError, match="r1: expected tokens that make up the text"):
        record_to_doc(NLP, Record("r1", "a b", (), words=("a", "c")))


def test_tokenizer_that_changes_the_text():
    nlp = spacy.blank("en")
    nlp.tokenizer = lambda text: Doc(nlp.vocab, words=text.lower().split())
    with pytest.raises(CorpusError, match="r1: expected a tokenizer that keeps the text"):
        record_to_doc(nlp, Record("r1", "A b", ()))


ENTITY = st.builds(Entity, st.integers(0, 3), st.integers(4, 8), st.sampled_from(["A", "B"]))


@given(st.text(min_size=8), st.lists(ENTITY))
def test_every_entity_is_held_or_dropped(text, entities):
    doc, dropped = record_to_doc(NLP, Record("r1", text, tuple(entities)))
    assert doc.text == text
    spans = [Entity(span.start_char, span.end_char, span.label_) for span in doc.spans["sc"]]
    assert sorted([*spans, *(item.entity for item in dropped)], key=str) == sorted(
        entities, key=str
    )
    assert len(set(spans)) == len(spans)


def test_docbin_round_trip():
    records = [
        Record("r1", " IL2\x00 😀\r\n", (Entity(6, 7, "X"),), group="g1"),
        Record("r2", "skipped", (), skipped="answer: reject"),
        Record("r3", "", ()),
    ]
    docbin, account = records_to_docs(NLP, records, "genes")
    docs = list(DocBin().from_bytes(docbin.to_bytes()).get_docs(NLP.vocab))
    assert [doc.text for doc in docs] == [" IL2\x00 😀\r\n", ""]
    assert [span.text for span in docs[0].spans["genes"]] == ["😀"]
    assert docs[0].user_data == {"record_id": "r1", "group": "g1"}
    assert len(docs[1].spans["genes"]) == 0
    assert (account.documents, account.skipped) == (2, {"answer: reject": 1})


def test_account_holds_what_reader_and_doc_dropped():
    dropped = Dropped("discontinuous", "r1", Entity(0, 2, "X"), "ab")
    record = Record("r1", "ab c", (Entity(0, 1, "X"), Entity(0, 2, "Y")), dropped=(dropped,))
    _, account = records_to_docs(NLP, [record])
    assert account.dropped == {"discontinuous": 1, "misaligned": 1}
    assert account.entities == {"Y": 1}


TEXT = "The pump, the seal and the valve failed."
WORDS = [(4, 8), (14, 18), (27, 32)]


def find_ends(*bounds, nlp=NLP, **fields):
    """RETURNS (List[str]): What is said of the ends of entities of the text."""
    records = [Record("r1", TEXT, tuple(Entity(*pair, "X") for pair in bounds), **fields)]
    return find_inclusive_ends(nlp, records, [records_to_docs(nlp, records)[1]])


@pytest.mark.parametrize("n_right", [0, 1])
def test_most_ends_are_inclusive(n_right):
    bounds = [(start, end - 1) for start, end in WORDS[n_right:]]
    assert find_ends(*WORDS[:n_right], *bounds) == [
        f"{3 - n_right} of 3 entities end one character before the end of a token: the ends seem "
        "to be inclusive, but an end is expected to be the offset after the last character. Add 1 "
        "to each end"
    ]


@pytest.mark.parametrize(
    "bounds",
    [
        [],
        WORDS,
        # One word without its plural, say, among others.
        [*WORDS[:2], (27, 31)],
        [*WORDS[:1], (14, 17)],
        # Two characters too short, or within a word.
        [(start, end - 2) for start, end in WORDS],
        [(start + 1, end - 1) for start, end in WORDS],
    ],
)
def test_ends_that_are_not_inclusive(bounds):
    assert find_ends(*bounds) == []


def test_inclusive_ends_are_told_by_the_tokens_of_the_record():
    words = ("The pump", ",", "the", "seal", "and", "the", "valve", "failed", ".")
    assert len(find_ends((0, 7), words=words)) == 1


def test_full_stops_and_commas_at_words_are_no_inclusive_ends():
    nlp = make_nlp("en", "spacy_eiou.WhitespaceTokenizer.v1")
    assert find_ends((4, 8), (33, 39), nlp=nlp) == []
    assert len(find_ends((14, 17), (27, 31), nlp=nlp)) == 1
