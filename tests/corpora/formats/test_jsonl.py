import json
import re
from pathlib import Path

import pytest
import srsly
from hypothesis import given
from hypothesis import strategies as st

from corpus_util import assert_malformed, read_drafts, read_problems, recognizes
from spacy_eiou.corpora import READERS, CorpusError, Entity, Record, read_jsonl

TEXT = "😀 IL-2 gene"
SPANS = [(2, 6, "protein"), (2, 11, "DNA")]
ENTITIES = tuple(Entity(*span) for span in SPANS)
OBJECTS = [{"start": start, "end": end, "label": label} for start, end, label in SPANS]


def read(path, *items, **options):
    path = path / "data.jsonl"
    lines = [item if isinstance(item, str) else json.dumps(item) for item in items]
    path.write_text("\n".join(lines), encoding="utf-8")
    return list(read_jsonl(path, **options))


@pytest.mark.parametrize("key", ["spans", "entities", "labels", "label"])
@pytest.mark.parametrize(
    "entities",
    [
        SPANS,
        OBJECTS,
        [{"id": 1, "start_offset": s, "end_offset": e, "label": label} for s, e, label in SPANS],
    ],
)
def test_shapes(tmp_path, key, entities):
    (record,) = read(tmp_path, {"text": TEXT, key: entities})
    assert (record.id, record.text, record.entities) == ("data-1", TEXT, ENTITIES)


@pytest.mark.parametrize("name, record_id", [(7, "7"), ("a", "a"), (0, "0")])
def test_id(tmp_path, name, record_id):
    (record,) = read(tmp_path, {"id": name, "text": TEXT, "spans": []})
    assert record.id == record_id


def test_blank_lines_and_line_ends(tmp_path):
    path = tmp_path / "data.jsonl"
    lines = (
        b'\xef\xbb\xbf{"text": "a\\r\\n\\u0000", "spans": []}\r\n\r\n{"text": "b", "spans": []}\r\n'
    )
    path.write_bytes(lines)
    assert list(read_jsonl(path)) == [Record("data-1", "a\r\n\x00", ()), Record("data-3", "b", ())]


def test_prodigy(tmp_path):
    prodigy = {"text": TEXT, "spans": OBJECTS, "label": "GENE", "tokens": [{"text": "a"}]}
    answers = ("accept", "reject", "ignore")
    records = read(tmp_path, *({**prodigy, "answer": answer} for answer in answers))
    assert [record.text for record in records] == [TEXT] * 3
    assert [record.entities for record in records] == [ENTITIES, (), ()]
    assert [record.skipped for record in records] == [None, "answer: reject", "answer: ignore"]
    assert read(tmp_path, {"text": TEXT, "answer": "accept"}) == [Record("data-1", TEXT, ())]


@pytest.mark.parametrize("name", ["jsonl", "json"])
def test_most_records_tell_whether_entities_count_characters(in_tmp_path, name):
    text = "Bob met Ann in the big old town of Rome"
    record = {"text": text, "tokens": text.split()}
    items = [
        {**record, "entities": [[35, 39, "LOC"]]},
        {**record, "entities": [[8, 11, "PER"]]},
        {**record, "entities": [[0, 3, "PER"]]},
        {**record, "entities": []},
    ]

    def read(items):
        if name == "jsonl":
            srsly.write_jsonl("a", items)
        else:
            srsly.write_json("a", items)
        records = READERS[name](Path("a"))
        return [r.text[e.start : e.end] for r in records for e in r.entities]

    assert read(items) == ["Rome", "Ann", "Bob"]
    # A list gives the last token
    in_tokens = [{**record, "entities": [entity]} for entity in ([0, 0, "PER"], [9, 9, "LOC"])]
    assert read([*in_tokens, *in_tokens, items[1]]) == ["Bob", "Rome", "Bob", "Rome", "Ann"]


@pytest.mark.parametrize(
    "item, message",
    [
        ("{", ": expected valid JSON"),
        ("[]", r": expected dict, not \[\]"),
        ({"text": 1, "spans": []}, ": expected an object with 'text'"),
        (
            {"text": TEXT},
            ": expected one list .* under one of spans, entities, labels, label, .*, not 0",
        ),
        ({"text": TEXT, "spans": {}}, ": expected one list of entities"),
        (
            {"text": TEXT, "spans": [[0, 1, "X"]], "label": [[0, 1, "X"]]},
            ": expected one list of entities .*, not 2",
        ),
        ({"text": TEXT, "spans": [], "answer": 1}, ", 'answer': expected str"),
        ({"text": TEXT, "spans": [[0, 1]]}, ": expected .start, end, label., not 2 values"),
        ({"text": TEXT, "spans": [["0", 1, "X"]]}, ": expected int, not '0'"),
        ({"text": TEXT, "spans": [[0, True, "X"]]}, ": expected int, not True"),
        ({"text": TEXT, "spans": [[0, 1, None]]}, ": expected str, not None"),
        ({"text": TEXT, "spans": [[0, 13, "X"]]}, ": expected offsets from 0 to 11"),
        ({"text": TEXT, "spans": [3]}, ": expected an object with 'start'"),
        ({"text": TEXT, "spans": [{"start": 0, "label": "X"}]}, ": expected an object with 'end'"),
        ({"text": TEXT, "spans": [{"start": 0, "end": 1}]}, ": expected a label for '😀' at 0"),
    ],
)
def test_malformed(tmp_path, item, message):
    assert_malformed(
        lambda: read(tmp_path, {"text": "", "spans": []}, item), rf"data\.jsonl, line 2{message}"
    )


LINE = '{"text": "a", "spans": []}\n'


@pytest.mark.parametrize(
    "content, is_lines, is_json",
    [
        (LINE, True, False),
        (f"{LINE}{LINE}", True, False),
        ('{"a": 1}\n', False, False),
        (f'{{"a": 1}}\n{LINE}', True, False),
        ('["a", {"entities": []}]\n', True, False),
        ([{"text": "a", "spans": []}], False, True),
        ([1, ["a", {"entities": []}]], False, True),
        ([[1], {"data": [{"text": "a", "spans": []}]}], False, True),
        ({"data": [{"text": "a", "spans": []}]}, False, True),
        ({"data": [{"text": "a"}]}, False, False),
        ([{"text": "a"}], False, False),
        ("text", False, False),
    ],
)
def test_recognized(in_tmp_path, content, is_lines, is_json):
    assert (recognizes("jsonl", content), recognizes("json", content)) == (is_lines, is_json)


def test_whole_messages(in_tmp_path):
    assert read_problems("jsonl", "1\n\n{") == [
        "a, line 1: expected dict, not 1",
        "a, line 3: expected valid JSON (Expecting property name enclosed in double quotes: line 1 "
        "column 2 (char 1))",
    ]
    assert read_problems("json", "[1]") == ["a, record 1: expected dict, not 1"]
    assert read_problems("json", "1") == ["a: expected a list of records"]
    (draft,) = read_drafts("json", [{"text": "a", "x": "b", "spans": []}], text_key="x")
    assert (draft.text, draft.where, draft.number) == ("b", "a, record 1", 1)


ENTITY = st.tuples(st.integers(0, 5), st.integers(0, 5), st.text(min_size=1, max_size=2))


@given(st.text(min_size=5), st.lists(ENTITY))
def test_round_trip(tmp_path_factory, text, entities):
    item = {"text": text, "spans": entities}
    (record,) = read(tmp_path_factory.getbasetemp(), item, offsets="characters")
    assert record.text == text
    kept = [
        (start, end, label)
        for start, end, label in entities
        if text[start:end].strip() and label.strip()
    ]
    assert [(text[e.start : e.end], e.label) for e in record.entities] == [
        (text[start:end].strip(), label) for start, end, label in kept
    ]
    assert len(record.dropped) == len(entities) - len(kept)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.sampled_from(["text", "start", "end", "label", "answer"]), children)
    ),
)


@given(VALUES, VALUES)
def test_garbage_raises_nothing_but_corpus_errors(tmp_path_factory, value, spans):
    try:
        records = read(tmp_path_factory.getbasetemp(), value, {"text": "ab", "spans": spans})
    except CorpusError as err:
        # Only of a file that does not tell which spans to read, no line is named.
        assert re.search("data.jsonl(, line|: expected spans under 'sc')", str(err))
    else:
        assert records[-1].bad or records[-1].text == "ab"
