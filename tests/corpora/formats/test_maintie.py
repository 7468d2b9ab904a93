import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus_util import assert_malformed, recognizes
from spacy_eiou.corpora import CorpusError, Entity, read_maintie

TOKENS = ["<id>", "air", "conditioner", "thermostat", "not", "working"]
ENTITIES = [
    {"start": 1, "end": 3, "type": "PhysicalObject/EmittingObject/ElectricCoolingObject"},
    {"start": 4, "end": 6, "type": "State/UndesirableState"},
]


def write(path, value):
    path = path / "gold.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def make_item(**kwargs):
    return {"text": " ".join(TOKENS), "tokens": TOKENS, "entities": ENTITIES, **kwargs}


@pytest.mark.parametrize(
    "level, labels",
    [
        (0, ["Entity", "Entity"]),
        (1, ["PhysicalObject", "State"]),
        (2, ["PhysicalObject/EmittingObject", "State/UndesirableState"]),
        (3, ["PhysicalObject/EmittingObject/ElectricCoolingObject", "State/UndesirableState"]),
    ],
)
def test_levels(tmp_path, level, labels):
    (record,) = read_maintie(write(tmp_path, [make_item()]), level=level)
    assert record.id == "gold-1"
    assert record.words == tuple(TOKENS)
    assert record.text == "<id> air conditioner thermostat not working"
    assert record.entities == (Entity(5, 20, labels[0]), Entity(32, 43, labels[1]))


def test_first_level_is_the_default(tmp_path):
    (record,) = read_maintie(write(tmp_path, [make_item()]))
    assert [entity.label for entity in record.entities] == ["PhysicalObject", "State"]


def test_last_level_is_the_whole_type(tmp_path):
    entities = [{"start": 0, "end": 1, "type": "A/B/C/D"}]
    (record,) = read_maintie(write(tmp_path, [make_item(entities=entities)]), level=3)
    assert record.entities[0].label == "A/B/C/D"


def test_corrected_tokens_are_used_and_counted(tmp_path):
    path = write(tmp_path, [make_item(), make_item(text="<id> air con"), make_item(), make_item()])
    with pytest.warns(UserWarning, match=r"gold\.json: the text of 1 records differs from their"):
        records = list(read_maintie(path))
    assert records[0].text == records[1].text
    assert records[0].entities == records[1].entities


@pytest.mark.parametrize("level", [-1, 4])
def test_unknown_level(tmp_path, level):
    assert_malformed(
        lambda: next(read_maintie(write(tmp_path, [make_item()]), level=level)),
        f"Expected another level than {level}",
    )


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"tokens": ["a", 1]}, ", 'tokens': expected str"),
        ({"tokens": ["a", ""]}, ": expected tokens of at least one character"),
        ({"text": None}, ", 'text': expected str"),
        ({"entities": {}}, ", 'entities': expected list"),
        ({"entities": [{"start": 1, "end": 3}]}, ": expected an object with 'type'"),
        ({"entities": [{"start": 2, "end": 2, "type": "A"}]}, ": expected an entity within the 6"),
        ({"entities": [{"start": -1, "end": 2, "type": "A"}]}, ": expected an entity within the 6"),
        ({"entities": [{"start": 0, "end": 7, "type": "A"}]}, ": expected an entity within the 6"),
        ({"entities": [{"start": 0, "end": 1, "type": ""}]}, ": expected a label"),
    ],
)
def test_malformed(tmp_path, changes, message):
    assert_malformed(
        lambda: list(read_maintie(write(tmp_path, [make_item(**changes)]))),
        rf"gold\.json, record 1{message}",
    )


VALUES = st.none() | st.booleans() | st.integers(-1, 7) | st.text(max_size=2) | st.lists(st.text())


@given(st.dictionaries(st.sampled_from(["start", "end", "type"]), VALUES), VALUES, VALUES)
def test_garbage_raises_nothing_but_corpus_errors(tmp_path_factory, entity, tokens, text):
    item = make_item(
        text=" ".join(TOKENS), entities=[entity], **({"tokens": tokens} if text else {})
    )
    path = write(tmp_path_factory.getbasetemp(), [item])
    try:
        (record,) = read_maintie(path)
    except CorpusError as err:
        assert str(path) in str(err)
    else:
        assert record.bad or len(record.entities) == 1


ITEM = {"text": "x", "tokens": ["x"], "entities": [1, {"type": "A/B"}]}


@pytest.mark.parametrize(
    "items, expected",
    [
        ([ITEM], True),
        ([1, {**ITEM, "id": 1}], True),
        ([{**ITEM, "entities": [{"type": "A"}]}], False),
        ([{**ITEM, "entities": [{"kind": "A/B"}]}], False),
        ([{**ITEM, "entities": {"type": "A/B"}}], False),
        *(([{key: ITEM[key] for key in ITEM if key != name}], False) for name in ITEM),
    ],
)
def test_recognized(in_tmp_path, items, expected):
    assert recognizes("maintie", items) is expected
