"""Offsets stay right whatever a text holds, through each reader that can represent it, and on into
a .spacy file and out of it."""

import json
import re
from xml.sax.saxutils import escape

import pytest
import spacy
from hypothesis import assume, given
from hypothesis import strategies as st
from spacy.tokens import DocBin
from spacy.vocab import Vocab

from spacy_eiou.annotation.sinks import write_brat
from spacy_eiou.corpora import READERS, records_to_docs

NLP = spacy.blank("en")
LABEL = "X"
PIECES = [
    *(
        "a",
        "IL-2",
        " ",
        "\t",
        "\n",
        "\r\n",
        "\r",
        "\ufeff",
        "\x00",
        "\x85",
        "\u2028",
        "\xa0",
        "\u200b",
    ),
    # Combining characters, emoji of several code points, right to left, outside of the BMP
    *(
        "\xe9",
        "e\u0301",
        "😀",
        "👩\u200d👩\u200d👧",
        "🇯🇵",
        "שלום",
        "\u202eabc",
        "مرحبا",
        "𝒳",
        "患者",
    ),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=10).map("".join) | st.text(max_size=10)
WORDS = st.lists(TEXTS.filter(bool), min_size=1, max_size=5)


@st.composite
def texts_with_spans(draw, texts):
    """RETURNS: A text, and the start and the end of each of its entities."""
    text = draw(texts)
    bounds = st.lists(st.integers(0, len(text)), min_size=2, max_size=2, unique=True).map(sorted)
    spans = draw(st.lists(bounds.map(tuple), max_size=4)) if text else []
    return text, spans


@st.composite
def words_with_spans(draw, words):
    """RETURNS: Words, and the first and the last word of each entity."""
    words = draw(words)
    bounds = st.lists(st.integers(0, len(words) - 1), min_size=2, max_size=2).map(sorted)
    return words, draw(st.lists(bounds.map(tuple), max_size=4))


def read(tmp_path_factory, corpus_format, name, content):
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(content.encode("utf8"))
    (record,) = READERS[corpus_format](path, offsets="characters")
    return record


def trim(text, span):
    """RETURNS: A span without white space at its edges, or None if it is nothing else."""
    found = text[slice(*span)]
    start = span[0] + len(found) - len(found.lstrip())
    return (start, start + len(found.strip())) if found.strip() else None


def assert_entities(record, text, spans):
    assert record.text == text
    trimmed = [trim(text, span) for span in spans]
    kept = sorted(span for span in trimmed if span is not None)
    assert sorted((entity.start, entity.end) for entity in record.entities) == kept
    assert [dropped.reason for dropped in record.dropped] == ["whitespace"] * trimmed.count(None)
    assert not record.bad


def write_jsonl(text, spans):
    return json.dumps({"text": text, "spans": [(*span, LABEL) for span in spans]})


def write_cmeee_json(text, spans):
    entities = [
        {"start_idx": start, "end_idx": end - 1, "type": LABEL, "entity": text[start:end]}
        for start, end in spans
    ]
    return json.dumps([{"text": text, "entities": entities}], ensure_ascii=False)


def write_label_studio(text, spans):
    result = [
        {
            "type": "labels",
            "value": {"start": start, "end": end, "labels": [LABEL], "text": text[start:end]},
        }
        for start, end in spans
    ]
    return json.dumps([{"data": {"text": text}, "annotations": [{"result": result}]}])


JSON_FORMATS = {
    "jsonl": write_jsonl,
    "cmeee-json": write_cmeee_json,
    "label-studio": write_label_studio,
}


@pytest.mark.parametrize("corpus_format", JSON_FORMATS)
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["no mark", "byte order mark"])
@given(annotated=texts_with_spans(TEXTS))
def test_json(tmp_path_factory, corpus_format, mark, annotated):
    # Addresses of texts are refused.
    assume(corpus_format != "label-studio" or "://" not in annotated[0])
    content = mark + JSON_FORMATS[corpus_format](*annotated)
    assert_entities(read(tmp_path_factory, corpus_format, "data.json", content), *annotated)


@given(texts_with_spans(TEXTS))
def test_cmeee_text(tmp_path_factory, annotated):
    text, spans = annotated
    # What ends a line or a field, or the file begins with, can't be written in this format
    assume(not re.search(r"\n|\||^\ufeff", text))
    content = "|||".join([text, *(f"{start} {end - 1} {LABEL}" for start, end in spans), "\n"])
    # With a line that LF ends, CR ends none.
    assert_entities(read(tmp_path_factory, "cmeee", "data.txt", content), text, spans)


@given(texts_with_spans(TEXTS))
def test_brat(tmp_path_factory, annotated):
    text, spans = annotated
    path = tmp_path_factory.mktemp("brat") / "data"
    entities = [
        {"start": start, "end": end, "label": LABEL, "text": text[start:end]}
        for start, end in spans
    ]
    write_brat([{"id": "1", "text": text, "spans": entities}], path)
    (record,) = READERS["brat"](path)
    # No fragment is left of an entity of white space
    assert_entities(record, text, [span for span in spans if trim(text, span)])


NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


@given(texts_with_spans(TEXTS))
def test_genia(tmp_path_factory, annotated):
    text, spans = annotated
    assume(not NOT_IN_XML.search(text))
    # Elements can't cross: one entity is enough
    spans = spans[:1]
    pieces = [text]
    for start, end in spans:
        pieces = [text[:start], '<cons sem="G#DNA_X">', text[start:end], "</cons>", text[end:]]
    content = "".join(
        piece if index % 2 else escape(piece, {"\r": "&#13;"}) for index, piece in enumerate(pieces)
    )
    content = (
        "<set><article><articleinfo><bibliomisc>1</bibliomisc></articleinfo><abstract>"
        f"<sentence>{content}</sentence></abstract></article></set>"
    )
    assert_entities(read(tmp_path_factory, "genia", "data.xml", content), text, spans)


def locate(words, spans):
    """RETURNS: The text of words, and entities in characters rather than words."""
    ends = [len(" ".join(words[: index + 1])) for index in range(len(words))]
    return " ".join(words), [(ends[first] - len(words[first]), ends[last]) for first, last in spans]


@given(words_with_spans(WORDS))
def test_maintie(tmp_path_factory, annotated):
    words, spans = annotated
    text, located = locate(words, spans)
    entities = [{"start": first, "end": last + 1, "type": LABEL} for first, last in spans]
    content = json.dumps([{"text": text, "tokens": words, "entities": entities}])
    record = read(tmp_path_factory, "maintie", "data.json", content)
    assert record.words == tuple(words)
    assert_entities(record, text, located)


@pytest.mark.parametrize("corpus_format", ["iob2", "conll"])
@given(annotated=words_with_spans(WORDS))
def test_columns(tmp_path_factory, corpus_format, annotated):
    words, spans = annotated
    # The last column is the only one that "conll" reads
    spans = spans[:1]
    # What separates columns and lines, or the file begins with, can't be written in this format
    assume(not any(re.search(r"[\t\n]|^\s+$|^\ufeff|^-DOCSTART-", word) for word in words))
    tags = ["O"] * len(words)
    for first, last in spans:
        tags[first : last + 1] = [f"B-{LABEL}"] + [f"I-{LABEL}"] * (last - first)
    content = "".join(f"{word}\t{tag}\n" for word, tag in zip(words, tags, strict=True))
    record = read(tmp_path_factory, corpus_format, "data.tsv", content)
    assert record.words == tuple(words)
    assert_entities(record, *locate(words, spans))


@given(texts_with_spans(TEXTS))
def test_docs_and_their_file(tmp_path_factory, annotated):
    text, spans = annotated
    record = read(tmp_path_factory, "jsonl", "data.jsonl", write_jsonl(text, spans))
    doc_bin, account = records_to_docs(NLP, [record])
    path = tmp_path_factory.getbasetemp() / "data.spacy"
    path.write_bytes(doc_bin.to_bytes())
    (doc,) = DocBin().from_disk(path).get_docs(Vocab())
    found = [(span.start_char, span.end_char) for span in doc.spans["sc"]]
    assert doc.text == text
    assert [span.text for span in doc.spans["sc"]] == [text[start:end] for start, end in found]
    assert set(found) <= {trim(text, span) for span in spans}
    assert len(found) + sum(account.dropped.values()) == len(spans)
    assert account.dropped.keys() <= {"misaligned", "duplicate", "whitespace"}
    (copy,) = READERS["docbin"](path)
    assert_entities(copy, text, found)
