import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus_util import assert_malformed, read_drafts, recognizes
from spacy_eiou.corpora import CorpusError, Dropped, Entity, read_cmeee_json, read_cmeee_text
from spacy_eiou.corpora.draft import Mention

TEXT = "儿童😀肺部病变"


def write(path, data):
    path = path / "data"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def read_json(path, *records):
    return list(read_cmeee_json(write(path, json.dumps(records))))


def make_entity(start=3, end=4, label="bod", **kwargs):
    return {"start_idx": start, "end_idx": end, "type": label, **kwargs}


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_text(tmp_path, line_end, mark):
    lines = [f"{TEXT}|||3    4    bod|||3    6    sym|||", "\x00 a\u2028|||", "b"]
    records = list(read_cmeee_text(write(tmp_path, mark + line_end.join(lines))))
    assert [record.id for record in records] == ["data-1", "data-2", "data-3"]
    assert [record.text for record in records] == [TEXT, "\x00 a\u2028", "b"]
    assert records[0].entities == (Entity(3, 5, "bod"), Entity(3, 7, "sym"))
    assert records[0].text[3:5] == "肺部"
    assert records[1].entities == records[2].entities == ()


def test_reversed_entity_is_dropped(tmp_path):
    (record,) = read_cmeee_text(write(tmp_path, f"{TEXT}|||4    3    pro|||3    4    bod|||"))
    assert record.entities == (Entity(3, 5, "bod"),)
    assert record.dropped == (Dropped("empty or reversed", "data-1", Entity(4, 4, "pro"), ""),)


@pytest.mark.parametrize(
    "line, message",
    [
        ("ab|||0    1    bod", r"'\|\|\|' after the last entity"),
        ("ab|||0    1|||", "'start end type', not '0    1'"),
        ("ab|||0    x    bod|||", "an offset, not 'x'"),
        ("ab|||-1    1    bod|||", "an offset, not '-1'"),
        ("ab|||0    2    bod|||", "offsets from 0 to 2, .*'bod' has 0 to 3"),
    ],
)
def test_malformed_text(tmp_path, line, message):
    assert_malformed(
        lambda: list(read_cmeee_text(write(tmp_path, f"a\n{line}\n"))),
        f"data, line 2: expected {message}",
    )


def test_json(tmp_path):
    entities = [make_entity(entity="肺部"), make_entity(3, 6, "sym")]
    records = read_json(
        tmp_path, {"text": TEXT, "entities": entities}, {"text": "", "entities": []}
    )
    assert [record.id for record in records] == ["data-1", "data-2"]
    assert records[0].entities == (Entity(3, 5, "bod"), Entity(3, 7, "sym"))
    assert (records[1].text, records[1].entities) == ("", ())


@pytest.mark.parametrize(
    "record, message",
    [
        ({"entities": []}, "an object with 'text'"),
        ({"text": TEXT}, "an object with 'entities'"),
        ({"text": TEXT, "entities": [3]}, "an object with 'start_idx'"),
        ({"text": TEXT, "entities": [{"start_idx": 3}]}, "an object with 'end_idx'"),
        ({"text": TEXT, "entities": [{"start_idx": 3, "end_idx": 4}]}, "an object with 'type'"),
        ({"text": TEXT, "entities": [make_entity(end=9)]}, "offsets from 0 to 7"),
        ({"text": TEXT, "entities": [make_entity(start=-1)]}, "offsets from 0 to 7"),
        (
            {"text": TEXT, "entities": [make_entity(entity="肺")]},
            "'肺' at 3 to 5, but the text has '肺部' there",
        ),
    ],
)
def test_malformed_json(tmp_path, record, message):
    assert_malformed(
        lambda: read_json(tmp_path, {"text": "", "entities": []}, record),
        f"data, record 2: expected {message}",
    )


@pytest.mark.parametrize("value", [True, 1.0, "1", None])
def test_offset_that_is_no_integer(tmp_path, value):
    assert_malformed(
        lambda: read_json(tmp_path, {"text": TEXT, "entities": [make_entity(start=value)]}),
        "data, record 1, 'start_idx': expected int",
    )


@given(st.text(alphabet="ab|0123 -\n\r\x00😀"))
def test_garbage_raises_nothing_but_corpus_errors(tmp_path_factory, text):
    path = write(tmp_path_factory.getbasetemp(), text)
    try:
        records = list(read_cmeee_text(path))
    except CorpusError as err:
        assert str(path) in str(err)
    else:
        assert all(record.text in text for record in records)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(["text", "entities", "start_idx", "end_idx", "type", "entity"]),
            children,
        )
    ),
)


@given(JSON)
def test_any_json_raises_nothing_but_corpus_errors(tmp_path_factory, value):
    path = write(tmp_path_factory.getbasetemp(), json.dumps(value))
    try:
        records = list(read_cmeee_json(path))
    except CorpusError as err:
        assert str(path) in str(err)
    else:
        assert len(records) == len(value)


@pytest.mark.parametrize(
    "items, expected",
    [
        ([1, {"entities": [1, {"start_idx": 0}]}], True),
        ([{"entities": ["start_idx"]}], False),
        ([{"entities": [{"start": 0}]}], False),
        ([{"entities": {"start_idx": 0}}], False),
        ([{"x": 1}], False),
    ],
)
def test_recognized(in_tmp_path, items, expected):
    assert recognizes("cmeee-json", items) is expected


def test_drafts(in_tmp_path):
    (draft,) = read_drafts("cmeee", "IL-2|||0    3    bod|||x\n")
    assert draft.mentions == [Mention(0, 4, "bod", where="a, line 1")]
    assert draft.bad == ["a, line 1: expected '|||' after the last entity"]
    assert draft.dropped[0].text == repr(b"IL-2|||0    3    bod|||x\n")
    entity = {"start_idx": 0, "end_idx": 3, "type": "bod", "entity": "IL-2"}
    items = [{"text": "IL-2", "entities": [entity, {**entity, "entity": 1}]}]
    (draft,) = read_drafts("cmeee-json", items)
    assert draft.mentions == [Mention(0, 4, "bod", "IL-2", where="a, record 1")]
    assert draft.bad == ["a, record 1, 'entity': expected str, not 1"]
