import json
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus_util import assert_malformed, read_drafts, read_problems, recognizes
from spacy_eiou.corpora import CorpusError, Entity, Record, read_label_studio
from spacy_eiou.corpora.draft import Draft, Mention

TEXT = "😀 IL-2 gene"


def read(path, tasks):
    path = path / "data.json"
    path.write_text(json.dumps(tasks), encoding="utf8")
    return list(read_label_studio(path))


def make_region(start, end, labels=("DNA",), text=None, kind="labels"):
    value = {"start": start, "end": end, kind: list(labels)}
    return {"type": kind, "value": value if text is None else {**value, "text": text}}


def make_task(*regions, text=TEXT, **fields):
    annotations = [{"result": list(regions), "was_cancelled": False}]
    return {"data": {"text": text}, "annotations": annotations, **fields}


def test_regions_are_entities(tmp_path):
    task = make_task(
        make_region(2, 11, text="IL-2 gene"), make_region(2, 6, ["protein", "x"]), id=7
    )
    entities = (Entity(2, 11, "DNA"), Entity(2, 6, "protein"), Entity(2, 6, "x"))
    assert read(tmp_path, [task, make_task()]) == [
        Record("7", TEXT, entities),
        Record("data-2", TEXT, ()),
    ]


def test_offsets_in_utf16_code_units(tmp_path):
    task = make_task(make_region(3, 12, text="IL-2 gene"), make_region(0, 2, text="😀"))
    assert read(tmp_path, [task])[0].entities == (Entity(2, 11, "DNA"), Entity(0, 1, "DNA"))


def test_one_task_counts_in_one_way(tmp_path):
    # In characters, 6 to 8 would be a "ha" as well.
    regions = [
        make_region(6, 8, text="ha"),
        make_region(4, 6, text="ha"),
        make_region(0, 2, text="😀"),
    ]
    (record,) = read(tmp_path, [make_task(*regions, text="😀😀hahaha")])
    assert record.entities == (Entity(4, 6, "DNA"), Entity(2, 4, "DNA"), Entity(0, 1, "DNA"))


def test_text_of_a_region_may_lack_whitespace(tmp_path):
    (record,) = read(tmp_path, [make_task(make_region(0, 9, text="IL-2 gene"), text="IL-2\ngene")])
    assert record.entities == (Entity(0, 9, "DNA"),)


@pytest.mark.parametrize("text", ["IL-2\\ngene", "", None])
def test_text_of_a_region_may_be_escaped_or_empty(tmp_path, text):
    region = make_region(0, 9)
    region["value"]["text"] = text
    (record,) = read(tmp_path, [make_task(region, text="IL-2\ngene")])
    assert (record.entities, record.bad) == ((Entity(0, 9, "DNA"),), ())


def test_regions_of_another_text_are_left_out_and_counted(tmp_path):
    """A task with two texts."""
    regions = [
        {**make_region(0, 4, text="IL-2"), "to_name": "text"},
        {**make_region(0, 4), "to_name": "title"},
        {**make_region(0, "4"), "to_name": "title"},
    ]
    data = {"text": "IL-2 gene", "title": "Gene"}
    (record,) = read(tmp_path, [{**make_task(*regions), "data": data}])
    assert record.entities == (Entity(0, 4, "DNA"),)
    assert [item.reason for item in record.dropped] == ["malformed", "of another text"]
    (record,) = read(tmp_path, [{**make_task(regions[1]), "data": data}])
    assert record.entities == (Entity(0, 4, "DNA"),)


def test_names_of_texts_are_those_of_what_is_read(tmp_path):
    """A task whose predictions are of a text of another name."""
    region = {**make_region(0, 4), "to_name": "title"}
    task = {**make_task(region), "data": {"text": "IL-2 gene", "title": "Gene"}}
    task["predictions"] = [{"result": [{**region, "to_name": "text"}]}]
    (record,) = read(tmp_path, [task])
    assert (record.entities, record.dropped) == ((Entity(0, 4, "DNA"),), ())


def test_numeric_identifier(tmp_path):
    region = {**make_region(2, 6), "meta": {"kb_id": 7}}
    assert read(tmp_path, [make_task(region)])[0].entities == (Entity(2, 6, "DNA", "7"),)


def test_hypertext_has_global_offsets(tmp_path):
    region = make_region("/p[1]/text()[1]", "/p[1]/text()[1]", kind="hypertextlabels")
    region["value"]["globalOffsets"] = {"start": 2, "end": 6}
    assert read(tmp_path, [make_task(region)])[0].entities == (Entity(2, 6, "DNA"),)


def test_other_results_are_ignored(tmp_path):
    others = [{"type": "relation", "from_id": "a"}, {"type": "choices", "value": {"choices": []}}]
    assert read(tmp_path, [make_task(*others)])[0].entities == ()


def test_tasks_without_a_valid_annotation_are_skipped(tmp_path):
    cancelled = make_task(make_region(2, 6))
    cancelled["annotations"][0]["was_cancelled"] = True
    missing = {"data": {"text": TEXT}, "annotations": []}
    records = read(tmp_path, [cancelled, missing, make_task()])
    assert records == [
        Record("data-1", TEXT, (), skipped="annotation cancelled"),
        Record("data-2", TEXT, (), skipped="not annotated"),
        Record("data-3", TEXT, ()),
    ]


def test_each_valid_annotation_is_a_record(tmp_path):
    task = make_task()
    task["annotations"] = [
        {"result": [make_region(2, 11)], "was_cancelled": True},
        {"result": [make_region(2, 6)], "completed_by": 3, "ground_truth": True},
        {"result": [], "completed_by": {"id": 1, "email": "a@example.org"}},
    ]
    records = read(tmp_path, [task, make_task()])
    assert [record.entities for record in records] == [(Entity(2, 6, "DNA"),), (), ()]
    assert [record.annotator for record in records] == ["3", "a@example.org", None]
    assert [record.is_ground_truth for record in records] == [True, False, False]
    assert records[0].task == records[1].task != records[2].task


def test_id_in_the_data_is_that_of_the_user(tmp_path):
    tasks = [{**make_task(), "id": 1, "data": {"text": TEXT, "id": id}} for id in ("d1", 5, None)]
    assert [record.id for record in read(tmp_path, tasks)] == ["d1", "1", "1"]


@pytest.mark.parametrize(
    "task, message",
    [
        ({"text": TEXT, "label": []}, ": expected a task with 'data' and 'annotations'"),
        ([], ": expected a task with 'data' and 'annotations'"),
        ({"data": {"text": TEXT}}, r": .* exports it in the .* annotated by nobody\)$"),
        (
            {**make_task(), "data": {"document": "a", "title": "b"}},
            ": expected an object with 'text'",
        ),
        ({**make_task(), "annotations": {}}, ", 'annotations': expected list, not {}"),
        (
            {**make_task(), "data": {"a": "", "b": ""}},
            ": expected an object with 'text'.*--text-key",
        ),
        ({**make_task(), "annotations": [1]}, ", 'annotations': expected dict, not 1"),
        ({**make_task(), "annotations": [{}]}, ": expected an object with 'result'"),
        (make_task(1), ", 'result': expected dict, not 1"),
        (make_task({"type": "labels"}), ": expected an object with 'value'"),
        (make_task(make_region("0", 1)), ", 'start': expected int, not '0'"),
        (make_task(make_region(0, "1")), ", 'end': expected int, not '1'"),
        (make_task(make_region(0, 1, text=1)), ", 'text': expected str, not 1"),
        (make_task({"type": "labels", "value": {"start": 0, "end": 1}}), ": expected a label"),
        (make_task(make_region(0, 1, [1])), ", label: expected str, not 1"),
        (make_task(make_region(0, 13)), ": expected offsets from 0 to 11"),
        (make_task(make_region(-4, 11, text="gene")), ": expected offsets from 0 to 11"),
        (
            make_task(make_region(0, 1, kind="hypertextlabels")),
            ": expected an object with 'globalOffsets'",
        ),
        (
            make_task(make_region(2, 6, text="gene")),
            ": expected 'gene' at 2 to 6, but the text has 'IL-2' there",
        ),
    ],
)
def test_malformed(tmp_path, task, message):
    assert_malformed(lambda: read(tmp_path, [make_task(), task]), rf"data\.json, task 2{message}")


def test_drafts(in_tmp_path):
    regions = [
        make_region(2, 6, ["protein"], "IL-2"),
        make_region(2, 6, [], kind="hypertextlabels"),
    ]
    regions[1]["value"]["globalOffsets"] = {"start": 2, "end": 11}
    offsets = make_region(0, 0, ["DNA"])
    offsets["value"]["globalOffsets"] = {"start": 3, "end": 12}
    completions = [
        {"result": [*regions, {"type": "choices"}, {}, offsets], "completed_by": {"id": 1}},
        {"result": [], "completed_by": {"email": "", "id": 2}, "ground_truth": 1},
        {"result": [], "was_cancelled": True},
    ]
    where = "a, task 1"
    mentions = [
        Mention(2, 6, "protein", "IL-2", where=where),
        Mention(2, 11, "", where=where),
        Mention(3, 12, "DNA", where=where),
    ]
    assert read_drafts("label-studio", [{"data": {"x": TEXT}, "completions": completions}]) == [
        Draft(TEXT, where, 1, mentions=mentions, task=where, annotator="1"),
        Draft(TEXT, where, 1, task=where, annotator="2"),
    ]
    tasks = [{"id": 0, "data": {"text": "a"}, "annotations": [], "completions": [1]}]
    assert read_drafts("label-studio", tasks) == [
        Draft("a", where, 1, "0", skipped="not annotated", task=where)
    ]


NO_TASK = (
    "a, task 1: expected a task with 'data' and 'annotations', as Label Studio exports it in the "
    "format JSON (what it exports as JSON-MIN is in the format 'json', and a task to import is "
    "annotated by nobody)"
)


@pytest.mark.parametrize(
    "task, problem",
    [
        (1, NO_TASK),
        ({"data": {}}, NO_TASK),
        ({"annotations": []}, NO_TASK),
        ({"data": 1, "annotations": []}, "a, task 1, 'data': expected dict, not 1"),
        ({"data": {}, "annotations": 1}, "a, task 1, 'annotations': expected list, not 1"),
        ({"data": {}, "annotations": [1]}, "a, task 1, 'annotations': expected dict, not 1"),
        (
            {"data": {"text": "x"}, "annotations": [{}]},
            "a, task 1: expected an object with 'result', not {}",
        ),
        (make_task(1), "a, task 1, 'result': expected dict, not 1"),
        (
            make_task({"type": "labels"}),
            "a, task 1: expected an object with 'value', not {'type': 'labels'}",
        ),
        (make_task(make_region("0", 1)), "a, task 1, 'start': expected int, not '0'"),
        (make_task(make_region(0, 1, text=1)), "a, task 1, 'text': expected str, not 1"),
        (make_task(make_region(0, 1, [1])), "a, task 1, label: expected str, not 1"),
        (
            make_task(make_region(0, 1, [], kind="hypertextlabels")),
            "a, task 1: expected an object with 'globalOffsets', not "
            "{'start': 0, 'end': 1, 'hypertextlabels': []}",
        ),
    ],
)
def test_whole_messages(in_tmp_path, task, problem):
    assert read_problems("label-studio", [task]) == [problem]


@pytest.mark.parametrize(
    "items, expected",
    [
        ([{"data": {}, "annotations": []}], True),
        ([1, {"data": {}, "completions": []}], True),
        ([{"data": {}, "annotations": 1}], False),
        ([{"data": {}}], False),
        ([{"data": "x", "annotations": []}], False),
        ([{"annotations": []}], False),
        ([["data", "annotations"]], False),
    ],
)
def test_recognized(in_tmp_path, items, expected):
    assert recognizes("label-studio", items) is expected


SPAN = st.tuples(st.integers(0, 5), st.integers(1, 5))


@given(st.text("aé😀 ", min_size=10, max_size=10), st.lists(SPAN), st.booleans())
def test_both_ways_of_counting_give_the_same_texts(tmp_path_factory, text, spans, in_code_units):
    def count(n_characters):
        units = text[:n_characters].encode("utf-16-le")
        return len(units) // 2 if in_code_units else n_characters

    spans = [(start, start + width) for start, width in spans]
    regions = [make_region(count(s), count(e), text=text[s:e]) for s, e in spans]
    (record,) = read(tmp_path_factory.getbasetemp(), [make_task(*regions, text=text)])
    found = [text[entity.start : entity.end].split() for entity in record.entities]
    stated = [text[start:end].split() for start, end in spans]
    assert found == [words for words in stated if words]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(["start", "end", "labels", "text", "result", "value", "type"]), children
        )
    ),
)


@given(VALUES, VALUES, VALUES)
def test_garbage_raises_nothing_but_corpus_errors(tmp_path_factory, task, annotation, value):
    region = {"type": "labels", "value": value}
    tasks = [{**make_task(), "annotations": [annotation]}, make_task(region), task]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for item in tasks:
            try:
                (record,) = read(tmp_path_factory.getbasetemp(), [item])
            except CorpusError as err:
                assert "data.json, task 1" in str(err)
            else:
                assert record.bad or record.text == TEXT


def test_region_of_another_type_is_dropped_unless_it_has_labels(tmp_path):
    value = {"start": 0, "end": 4, "text": "pump"}
    results = [
        {"id": "a", "type": "labels", "value": {**value, "labels": ["EQ"]}},
        {"id": "a", "type": "choices", "value": {**value, "choices": ["old"]}},
        {"id": "b", "type": "taxonomy", "value": {**value, "taxonomy": [["A", "B"]]}},
    ]
    task = {"id": 1, "data": {"text": "pump"}, "annotations": [{"result": results}]}
    (record,) = read(tmp_path, [task])
    assert record.entities == (Entity(0, 4, "EQ"),)
    assert [dropped.reason for dropped in record.dropped] == ["no label"]
    assert record.bad == (
        f"{tmp_path}/data.json, task 1: expected a region with labels, not only of the type "
        "'taxonomy'",
    )
