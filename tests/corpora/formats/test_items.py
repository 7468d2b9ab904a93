import json
from pathlib import Path

import pytest

from corpus_util import read_drafts
from spacy_eiou.corpora import Changed, CorpusError, Dropped, Entity
from spacy_eiou.corpora.draft import Draft, Mention
from spacy_eiou.corpora.formats import FORMATS
from spacy_eiou.corpora.formats._items import (
    find_items,
    find_spans_key,
    is_item,
    parse_entity,
    parse_item,
    prefer_characters,
)
from spacy_eiou.corpora.record import UnreadableError

WHERE = "a, line 3"
ITEM = {"text": "x", "spans": []}
WORDS = ["IL-2", "gene", "binds"]
TEXT = "IL-2 gene binds"


def make_mention(start, end, label, text=None, kb_id="", fragments=()):
    return Mention(start, end, label, text, kb_id, WHERE, fragments)


def make_draft(text, *mentions, **fields):
    return Draft(text, WHERE, 3, mentions=list(mentions), **fields)


def make_token_draft(*mentions, **fields):
    return make_draft(TEXT, *mentions, words=WORDS, is_located=True, **fields)


@pytest.mark.parametrize(
    "value, items",
    [
        ([1, None], [1, None]),
        ({"annotations": [1, None], "data": [2]}, [1]),
        ({"examples": [1, None]}, [1]),
        ({"annotations": 1, "data": [2]}, [2]),
        # Rasa, which leaves out an empty list
        (
            {
                "rasa_nlu_data": {
                    "common_examples": [{"text": "x"}, {"text": "y", "entities": [1]}, 1]
                }
            },
            [{"entities": [], "text": "x"}, {"entities": [1], "text": "y"}, 1],
        ),
        ({"documents": []}, []),
        ({"a": [1]}, [{"a": [1]}]),
        ({"text": "x", "annotations": [1]}, [{"text": "x", "annotations": [1]}]),
        (1, [1]),
    ],
)
def test_items_of_a_file(value, items):
    assert find_items(value) == items


@pytest.mark.parametrize(
    "item, expected",
    [
        (["x", {}], True),
        (["x", {}, 1], False),
        ([1, {}], False),
        (["x", 1], False),
        ("text", False),
        (ITEM, True),
        ({"text": "x", "answer": "accept"}, True),
        ({"text": "x", "annotation_id": 1}, True),
        ({"text": "x", "mentions": []}, True),
        ({"text": "x"}, False),
        ({"text": 1, "spans": []}, False),
        ({"text": "x", "spans": {}}, False),
        ({"spans": []}, False),
        ({"answer": "accept"}, False),
        ({"tokens": [], "mentions": []}, True),
        ({"sentences": [], "ner": []}, True),
        ({"tokens": [], "tags": 1}, True),
        ({"tokens": []}, False),
        ({"tokens": "x", "ner": []}, False),
        ({"tags": []}, False),
    ],
)
def test_text_or_tokens_with_entities(item, expected):
    assert is_item(item) is expected


@pytest.mark.parametrize(
    "data, mentions",
    [
        ([0, 4, "X"], [make_mention(0, 4, "X")]),
        (
            {"start": 0, "end": 4, "label": "X", "text": 1, "value": "IL-2", "kb_id": "Q1"},
            [make_mention(0, 4, "X", "IL-2", "Q1")],
        ),
        (
            {"start_offset": 0, "end_offset": 4, "labels": ["X", "Y"], "text": "IL-2", "kb_id": 1},
            [make_mention(0, 4, "X", "IL-2", "1"), make_mention(0, 4, "Y", "IL-2", "1")],
        ),
        ({"start": 0, "end": 4, "label": "X", "kb_id": None}, [make_mention(0, 4, "X")]),
        ({"start": 0, "end": 4, "label": "X", "text": ""}, [make_mention(0, 4, "X")]),
        ({"start": 0, "end": 4, "label": "", "type": "Y"}, [make_mention(0, 4, "Y")]),
        ({"start": 0, "end": 4}, [make_mention(0, 4, "")]),
        # Rasa, where the value is a synonym
        (
            {"start": 7, "end": 10, "entity": "city", "value": "New York City"},
            [make_mention(7, 10, "city")],
        ),
        # PubAnnotation
        (
            {"span": [{"begin": 0, "end": 4}, {"begin": 6, "end": 9}], "obj": "X"},
            [make_mention(0, 9, "X", fragments=((0, 4), (6, 9)))],
        ),
    ],
)
def test_entity(data, mentions):
    assert list(parse_entity(data, WHERE)) == mentions


@pytest.mark.parametrize(
    "score, expected",
    [
        (0, 0.0),
        (0.5, 0.5),
        (1, 1.0),
        ("1", None),
        (True, None),
        (float("nan"), None),
        (10**400, None),
    ],
)
def test_score_of_an_entity(score, expected):
    (mention,) = parse_entity({"start": 0, "end": 4, "label": "X", "score": score}, WHERE)
    assert mention.score == expected


@pytest.mark.parametrize(
    "data, problem",
    [
        ([0, 4], ": expected [start, end, label], not 2 values"),
        (["0", 4, "X"], ": expected int, not '0'"),
        ([0, "4", "X"], ": expected int, not '4'"),
        ([0, 4, 1], ": expected str, not 1"),
        (1, ": expected an object with 'start', not 1"),
        ("start_offset", ": expected an object with 'start', not 'start_offset'"),
        ({"start": "0", "end": 4}, ", 'start': expected int, not '0'"),
        ({"start": 0}, ": expected an object with 'end', not {'start': 0}"),
        (
            {"start_offset": 0, "end": 4},
            ": expected an object with 'end_offset', not {'start_offset': 0, 'end': 4}",
        ),
        ({"start": 0, "end": 4, "label": 1}, ", label: expected str, not 1"),
    ],
)
def test_malformed_entity(data, problem):
    with pytest.raises(CorpusError) as caught:
        list(parse_entity(data, WHERE))
    assert str(caught.value) == f"{WHERE}{problem}"
    (dropped,) = parse_item({"text": TEXT, "spans": [data]}, WHERE).dropped
    assert dropped == Dropped("malformed", "", Entity(0, 0, ""), repr(data))


@pytest.mark.parametrize(
    "item, options, draft",
    [
        (
            ["x", {"entities": [[0, 1, "X"]], "n": "y"}],
            {},
            make_draft("x", make_mention(0, 1, "X")),
        ),
        ({**ITEM, "orig_id": 0, "id": None}, {}, make_draft("x", id="0")),
        ({"sentence": "a", "text": 1, "spans": []}, {}, make_draft("a")),
        ({"report": "a", "id": "b", "n": 1, "spans": []}, {}, make_draft("a", id="b")),
        ({**ITEM, "other": "a"}, {"text_key": "other"}, make_draft("a")),
        (
            {**ITEM, "_session_id": "s", "annotator": "a"},
            {},
            make_draft("x", annotator="s"),
        ),
        (
            {"text": "x", "answer": "accept", "_annotator_id": 0},
            {},
            make_draft("x", annotator="0"),
        ),
        ({**ITEM, "answer": "reject"}, {}, make_draft("x", skipped="answer: reject")),
        (
            {"text": "x", "label": [], "ner": [[0, 1, "X"]]},
            {},
            make_draft("x", make_mention(0, 1, "X")),
        ),
        ({"text": "x", "label": [], "ner": []}, {}, make_draft("x")),
        ({"text": "x", "annotation": None, "extras": None}, {}, make_draft("x")),
        ({"text": "x", "label": {}}, {}, make_draft("x")),
        ({"text": "x", "id": 3, "annotation_id": 7}, {}, make_draft("x", id="3")),
        # Label Studio's JSON-MIN, where the control tags have any names
        (
            {
                "text": "x",
                "annotation_id": 7,
                "label": "positive",
                "spots": [{"start": 0, "end": 1, "labels": ["X"]}],
                "others": [{"start": 0, "end": 1, "labels": ["Y"]}],
                "boxes": [{"x": 0}],
            },
            {},
            make_draft("x", make_mention(0, 1, "X"), make_mention(0, 1, "Y")),
        ),
        # Argilla 1
        (
            {"text": "x", "annotation": None, "status": "Default"},
            {},
            make_draft("x", skipped="status: Default"),
        ),
        (
            {"text": "x", "annotation": [["X", 0, 1]], "status": "Discarded"},
            {},
            make_draft("x", skipped="status: Discarded"),
        ),
        (
            {"text": "x", "annotation": [["X", 0, 1]], "status": "Validated"},
            {},
            make_draft("x", make_mention(0, 1, "X")),
        ),
        ({**ITEM, "status": "Default"}, {}, make_draft("x")),
        # PubAnnotation
        ({"text": "x", "sourcedb": "PubMed", "sourceid": "1"}, {}, make_draft("x")),
        ({**ITEM, "tokens": ["x"]}, {}, make_draft("x")),
        ({**ITEM, "tokens": ["x"]}, {"keep_tokens": True}, make_draft("x", words=["x"])),
        ({**ITEM, "tokens": [{"text": "x"}]}, {"keep_tokens": True}, make_draft("x", words=["x"])),
        ({**ITEM, "group": 7}, {}, make_draft("x", group="7")),
        (
            {**ITEM, "tokens": ["y"]},
            {"keep_tokens": True},
            make_draft("x", bad=[f"{WHERE}: expected tokens that make up the text, not ['y']"]),
        ),
        (
            {"text": "x  y", "spans": [], "tokens": ["x y"]},
            {"keep_tokens": True},
            make_draft(
                "x  y", bad=[f"{WHERE}: expected tokens that make up the text, not ['x y']"]
            ),
        ),
        ({**ITEM, "tokens": []}, {"keep_tokens": True}, make_draft("x")),
        ({**ITEM, "tokens": "x"}, {"keep_tokens": True}, make_draft("x")),
    ],
)
def test_text(item, options, draft):
    assert parse_item(item, WHERE, **options) == draft


def test_spans_of_other_keys_are_left_out_and_counted():
    """A doc as `Doc.to_json` writes it."""
    first, second, third = (
        {"start": start, "end": end, "label": label}
        for start, end, label in [(0, 4, "X"), (5, 9, "Y"), (10, 15, "Z")]
    )
    item = {
        "text": TEXT,
        "ents": [first, third],
        "spans": {"dis": [second, [0, 4]], "sc": [first]},
        "tokens": [{"id": 0, "start": 0, "end": 4}],
    }
    draft = parse_item(item, WHERE)
    assert (draft.mentions, draft.bad) == ([make_mention(0, 4, "X")], [])
    assert draft.dropped == [
        Dropped("malformed", "", Entity(0, 0, ""), "[0, 4]"),
        Dropped("under the key 'dis'", "", Entity(5, 9, "Y"), "gene"),
        Dropped("under the key 'ents'", "", Entity(10, 15, "Z"), "binds"),
    ]
    assert draft.dropped[1].where == WHERE
    assert parse_item({"text": TEXT, "spans": {"dis": [second]}}, WHERE).dropped == []


def test_other_lists_beside_spans_by_key_are_left_out_and_counted():
    item = {
        "text": TEXT,
        "spans": {"sc": [{"start": 0, "end": 4, "label": "X"}]},
        "entities": [[0, 4, "X"], [5, 9, "Y"]],
        "labels": ["positive"],
    }
    draft = parse_item(item, WHERE)
    assert draft.mentions == [make_mention(0, 4, "X")]
    assert draft.dropped == [Dropped("under the key 'entities'", "", Entity(5, 9, "Y"), "gene")]


def make_docs(*groups):
    """Make docs as `Doc.to_json` writes them."""
    return [
        {"text": TEXT, "ents": [], "spans": {key: [{"start": 0, "end": 4, "label": key}]}}
        for key in groups
    ]


@pytest.mark.parametrize(
    "items, expected",
    [
        (make_docs("ruler", "sc"), "sc"),
        (make_docs("ruler", "ruler"), "ruler"),
        ([{"spans": {"start": [0], "end": [1]}}, {"spans": [1]}, 1], None),
    ],
)
def test_key_of_the_spans_is_that_of_the_file(items, expected):
    assert find_spans_key(items, "a") == expected


def test_spans_of_which_it_can_not_be_told_which_to_read():
    with pytest.raises(UnreadableError) as caught:
        find_spans_key(make_docs("ruler", "genes"), "a")
    assert str(caught.value) == (
        "a: expected spans under 'sc' or under one other key, not under genes, ruler. Rename the "
        "one to read"
    )


@pytest.mark.parametrize("name", ["jsonl", "json", "parquet"])
def test_doc_without_spans_of_the_key_is_skipped(in_tmp_path, name):
    items = [*make_docs("sc", "ruler"), {"text": TEXT, "ents": [], "tokens": []}]
    if name == "parquet":
        table = pytest.importorskip("pyarrow").Table.from_pylist(items[:2])
        pytest.importorskip("pyarrow.parquet").write_table(table, "a")
        drafts = list(FORMATS[name].read_file(Path("a")))
    else:
        lines = "\n".join(map(json.dumps, items[:2]))
        drafts = read_drafts(name, lines if name == "jsonl" else items)
    assert [len(draft.mentions) for draft in drafts[:2]] == [1, 0]
    assert {draft.skipped for draft in drafts[1:]} == {"no spans under 'sc'"}


@pytest.mark.parametrize("fields", [{}, {"spans": {}}])
def test_doc_that_has_only_entities_is_read_beside_one_with_spans(in_tmp_path, fields):
    entities = [{"start": 5, "end": 9, "label": "X"}]
    items = [*make_docs("sc"), {"text": TEXT, "ents": entities, **fields}]
    first, second = read_drafts("json", items)
    assert (len(first.mentions), len(second.mentions), second.skipped) == (1, 1, None)


GENE = make_mention(0, 9, "gene")
BIO = ["B-gene", "I-gene", "O"]


@pytest.mark.parametrize(
    "item, options, draft",
    [
        ({"tokens": WORDS, "tags": BIO, "id": 1}, {}, make_token_draft(GENE, id="1")),
        ({"words": WORDS, "ner_tags": ["B-x"], "labels": BIO}, {}, make_token_draft(GENE)),
        ({"words": WORDS, "ner_tags": "BIO", "labels": BIO}, {}, make_token_draft(GENE)),
        ({"words": WORDS, "ner_tags": [1, 1.0, "O"], "labels": BIO}, {}, make_token_draft(GENE)),
        ({"words": WORDS, "ner_tags": ["gene", "O", "O"], "tags": BIO}, {}, make_token_draft(GENE)),
        (
            {"tokens": WORDS, "tags": [1, "I-gene", 0]},
            {"tag_names": ["O", "B-gene"]},
            make_token_draft(GENE),
        ),
        (
            {"tokens": WORDS, "tags": [0, 1, 0]},
            {"tag_names": ["O", "gene"]},
            make_token_draft(
                bad=[f"{WHERE}: expected O or a tag such as B-label or I-label, not 'gene'"],
                dropped=[Dropped("malformed", "", Entity(0, 0, ""), "'gene'")],
            ),
        ),
        (
            {"tokens": WORDS, "tags": ["B-x", "I-gene", "I-gene"]},
            {},
            make_token_draft(
                make_mention(0, 4, "x"),
                make_mention(5, 15, "gene"),
                changed=[
                    Changed(
                        "begins with I- rather than B-", "", Entity(5, 15, "gene"), "gene binds"
                    )
                ],
            ),
        ),
        (
            {"tokens": WORDS, "tags": ["O", "I-gene", "O"]},
            {},
            make_token_draft(make_mention(5, 9, "gene")),
        ),
        ({"tokenized_text": WORDS, "ner": [[0, 1, "gene"]]}, {}, make_token_draft(GENE)),
        ({"tokens": WORDS, "spans": [[0, 1, "gene"]]}, {}, make_token_draft(GENE)),
        ({"tokens": WORDS, "spans": [[0, 9, "gene"]], "text": TEXT}, {}, make_draft(TEXT, GENE)),
        (
            {"tokens": WORDS, "mentions": [{"start": 0, "end": 2, "type": "gene"}]},
            {},
            make_token_draft(GENE),
        ),
        (
            {"sentences": [WORDS[:2], WORDS[2:]], "ner": [[[0, 1, "gene"]], [[2, 2, "x"]]]},
            {},
            make_token_draft(GENE, make_mention(10, 15, "x")),
        ),
        ({"text": TEXT, "tokens": [1], "entities": [[0, 9, "gene"]]}, {}, make_draft(TEXT, GENE)),
        ({"text": TEXT, "tokens": [], "entities": [[0, 9, "gene"]]}, {}, make_draft(TEXT, GENE)),
        ({"text": TEXT, "tokens": WORDS, "label": [[0, 9, "gene"]]}, {}, make_draft(TEXT, GENE)),
        (
            {"text": TEXT, "sentences": WORDS, "entities": [[0, 9, "gene"]]},
            {},
            make_draft(TEXT, GENE),
        ),
    ],
)
def test_tokens(item, options, draft):
    assert parse_item(item, WHERE, **options) == draft


@pytest.mark.parametrize(
    "others, dropped",
    [
        ({"entities": [[0, 1, "gene"]]}, []),
        ({"entities": [[0, 1, "gene"], [2, 2, "x"]]}, [("entities", "binds")]),
        ({"spans": [[0, 1, "gene"], [0, 1, "gene"]]}, [("spans", "IL-2 gene")]),
        ({"text": TEXT, "label": [[0, 9, "gene"], [10, 15, "x"]]}, [("label", "binds")]),
        ({"label": ["positive"]}, []),
    ],
)
def test_entities_beside_tags_are_left_out_and_counted(others, dropped):
    draft = parse_item({"tokens": WORDS, "ner_tags": BIO, **others}, WHERE)
    assert draft.mentions == [GENE]
    assert [(item.reason, item.text) for item in draft.dropped] == [
        (f"under the key '{key}'", text) for key, text in dropped
    ]


def test_second_list_of_entities_of_tokens_is_counted():
    draft = parse_item({"tokens": WORDS, "entities": [], "mentions": [[0, 0, "x"], [0]]}, WHERE)
    assert [item.reason for item in draft.dropped] == ["under the key 'mentions'"]


@pytest.mark.parametrize(
    "others",
    [
        {"labels": [[0, 1], [1, 0]]},
        {"mentions": [{"id": 1, "tokens": [0]}]},
        {"entities": [["a", "X"]]},
        # Those that are read, in tokens and in characters of a text with other spaces
        {"text": "Anti-IL-2 x", "entities": [[0, 2, "X"]]},
        {"text": "Anti-IL-2 x", "label": [[0, 9, "X"]]},
        {"text": "Anti-IL-2 x", "label": [[0, 9, "X"], [0]]},
    ],
)
def test_what_is_no_entity_or_is_read_is_not_counted(others):
    item = {"tokens": ["Anti", "-", "IL-2", "x"], "ner_tags": ["B-X", "I-X", "I-X", "O"], **others}
    draft = parse_item(item, WHERE)
    assert (len(draft.mentions), draft.dropped, draft.bad) == (1, [], [])


def test_list_in_tokens_or_in_characters_is_as_the_one_that_is_read():
    item = {"text": "a b c", "tokens": list("abc"), "ner_tags": ["O", "B-X", "O"]}
    draft = parse_item({**item, "label": [{"start": 2, "end": 3, "label": "X"}]}, WHERE)
    assert draft.dropped == []


def test_regions_of_a_task_are_not_read_again():
    """JSON-MIN, which has the fields of the task beside the control tags."""
    first, second = ({"start": 0, "end": end, "labels": ["X"]} for end in (4, 9))
    for names, n_read, n_dropped in (
        (("label", "prelabels"), 1, 1),
        (("spots", "others"), 2, 0),
        (("label", "ner"), 2, 0),
    ):
        item = {"text": TEXT, "annotation_id": 7, names[0]: [first], names[1]: [first]}
        draft = parse_item(item, WHERE)
        assert (draft.mentions, draft.dropped) == ([make_mention(0, 4, "X")], [])
        draft = parse_item({**item, names[1]: [first, second]}, WHERE)
        assert len(draft.mentions) == n_read
        reasons = [entity.reason for entity in draft.dropped]
        assert reasons == [f"under the key '{names[1]}'"] * n_dropped


@pytest.mark.parametrize(
    "entity, is_in_tokens",
    [
        # "a" is both the first token and the first character
        ({"start": 0, "end": 1, "label": "X", "text": "a"}, True),
        ({"start": 4, "end": 5, "label": "X", "text": "c"}, False),
        ({"start": 2, "end": 3, "label": "X", "text": "b"}, False),
        ({"start": 2, "end": 3, "label": "X", "text": "c"}, True),
    ],
)
def test_item_is_in_tokens_if_its_entities_fit_them(entity, is_in_tokens):
    item = {"text": "a b c", "tokens": list("abc"), "entities": [entity]}
    assert parse_item(item, WHERE).is_located is is_in_tokens
    assert prefer_characters([item]) is not is_in_tokens


def test_malformed_entity_of_tokens():
    draft = parse_item({"tokens": WORDS, "ner": [[0, 1]]}, WHERE)
    assert draft.bad == [f"{WHERE}: expected [start, end, label], not 2 values"]


@pytest.mark.parametrize("span", [[-1, 0, "x"], [1, 0, "x"], [2, 3, "x"]])
def test_entity_outside_of_the_tokens(span):
    draft = parse_item({"tokens": WORDS, "ner": [span, [0, 1, "gene"]]}, WHERE)
    problem = f"{WHERE}: expected an entity within the 3 tokens, not {span[0]} to {span[1]}"
    assert (draft.mentions, draft.bad) == ([GENE], [problem])


NO_TEXT = (
    ": expected an object with 'text', not {}. The field of the text can be chosen with --text-key"
)
KEYS = "spans, entities, labels, label, annotations, annotation, ner, ents, denotations"
N_LISTS = (
    f": expected one list of entities under one of {KEYS}, not {{}} (a text without entities has "
    "an empty list)"
)
ADDRESS = (
    ": expected a text, not the address of one, 's3://a'. Import the tasks with the texts "
    "themselves, or put each text in place of its address"
)
TAG_NAMES = (
    ": expected names of the tags, which are numbers: choose them in their order, e.g. with "
    "--tag-names O,B-Part,I-Part"
)


@pytest.mark.parametrize(
    "item, options, problem",
    [
        (1, {}, ": expected dict, not 1"),
        ({"x": 1}, {}, NO_TEXT.format("{'x': 1}")),
        ({"x": "a", "y": "b"}, {}, NO_TEXT.format("{'x': 'a', 'y': 'b'}")),
        (ITEM, {"text_key": "x"}, ": expected an object with 'x', not {'text': 'x', 'spans': []}"),
        ({"x": 1}, {"text_key": "x"}, ", 'x': expected str, not 1"),
        ({"x": "s3://a"}, {"text_key": "x"}, ADDRESS),
        ({"text": "s3://a"}, {}, ADDRESS),
        ({"x": "s3://a"}, {}, ADDRESS),
        ({"text": "x"}, {}, N_LISTS.format(0)),
        ({"text": "x", "sourcedb": "a", "sourceid": "1", "tracks": []}, {}, N_LISTS.format(0)),
        (
            {"text": "x", "spans": {"a": [], "b": []}},
            {},
            ": expected spans under 'sc' or under one other key, not under a, b. Rename the one to "
            "read",
        ),
        ({"text": "x", "ner": [1], "label": [1]}, {}, N_LISTS.format(2)),
        ({**ITEM, "answer": 1}, {}, ", 'answer': expected str, not 1"),
        (
            {**ITEM, "tokens": [{}]},
            {"keep_tokens": True},
            ", 'tokens': expected an object with 'text', not {}",
        ),
        ({"tokens": ["x"], "tags": [0]}, {}, TAG_NAMES),
        ({"tokens": ["x"], "tags": [2]}, {"tag_names": "OB"}, ": expected tags from 0 to 1, not 2"),
        (
            {"tokens": ["x"], "tags": [-1]},
            {"tag_names": "OB"},
            ": expected tags from 0 to 1, not -1",
        ),
        ({"tokens": [""], "tags": ["O"]}, {}, ": expected tokens of at least one character"),
        ({"tokens": [""], "ner": []}, {}, ": expected tokens of at least one character"),
        ({"sentences": [1], "ner": []}, {}, ": expected list, not 1"),
        ({"sentences": [], "ner": [1]}, {}, ": expected list, not 1"),
        ({"sentences": [[1]], "ner": []}, {}, ": expected str, not 1"),
    ],
)
def test_malformed(item, options, problem):
    with pytest.raises(CorpusError) as caught:
        parse_item(item, WHERE, **options)
    assert str(caught.value) == f"{WHERE}{problem}"


def test_where_of_what_was_dropped_or_changed():
    (changed,) = parse_item({"tokens": ["a", "b"], "tags": ["B-x", "I-y"]}, WHERE).changed
    assert changed.where == WHERE
