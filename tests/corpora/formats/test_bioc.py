import json

import pytest

from corpus_util import read_drafts, read_problems, read_records, recognizes
from spacy_eiou.corpora.draft import Draft, Mention

pytestmark = pytest.mark.usefixtures("in_tmp_path")

WHERE = "a, document 1"


def make_annotation(*locations, text=None, **infons):
    places = [{"offset": offset, "length": length} for offset, length in locations]
    return {"infons": infons, "text": text, "locations": places}


def make_sentence(offset, text, *annotations):
    return {"offset": offset, "text": text, "annotations": list(annotations)}


def make_mention(start, end, label, text=None, kb_id="", base=0, fragments=None):
    return Mention(start, end, label, text, kb_id, WHERE, fragments or ((start, end),), base)


IL2 = make_annotation((10, 4), text="IL-2", type="gene", identifier="7")
GENE = make_annotation((15, 4), text=1, label="-")
CELL = make_annotation((22, 4), text="cell", type="", **{"class": "cell", "MESH": "D2"})
SPLIT = make_annotation((22, 1), (26, 1), type="x", identifier="-1", id="-", concept_id=5)
MENTIONS = [
    make_mention(0, 4, "gene", "IL-2", "7"),
    make_mention(5, 9, "-"),
    make_mention(12, 16, "cell", "cell", "D2"),
]


@pytest.mark.parametrize("wrap", [lambda document: {"documents": [document]}, lambda d: d])
@pytest.mark.parametrize("name, record_id", [(3, "3"), ("", None)])
def test_sentences_of_a_passage_with_a_text(wrap, name, record_id):
    sentences = [make_sentence(10, "", GENE), {"offset": 22, "annotations": [CELL]}, {}]
    passage = {"offset": 10, "text": "IL-2 gene, a cell", "sentences": sentences}
    passages = [{**passage, "annotations": [IL2]}]
    draft = Draft("IL-2 gene, a cell", WHERE, 1, record_id, mentions=MENTIONS)
    assert read_drafts("bioc", wrap({"id": name, "passages": passages})) == [draft]


def test_annotations_of_a_passage_belong_to_the_sentence_they_are_in():
    sentences = [make_sentence(10, "IL-2 gene"), make_sentence(20, "a cell", SPLIT)]
    passages = [
        {"sentences": sentences, "annotations": [IL2, CELL, GENE]},
        {"offset": 0, "text": "b", "annotations": None},
        {"offset": 6, "text": "It", "annotations": [make_annotation((6, 2))]},
    ]
    mentions = [
        *MENTIONS[:2],
        make_mention(2, 6, "cell", "cell", "D2", 10),
        make_mention(2, 7, "x", None, "5", 10, ((2, 3), (6, 7))),
        make_mention(0, 2, "", base=19),
    ]
    draft = Draft("IL-2 gene\na cell\nb\nIt", WHERE, 1, mentions=mentions)
    assert read_drafts("bioc", [{"documents": [{"passages": passages}]}]) == [draft]


@pytest.mark.parametrize("offset, is_inside", [(9, False), (10, True), (13, True), (14, False)])
def test_bounds_of_a_sentence(offset, is_inside):
    passage = {
        "sentences": [make_sentence(10, "IL-2")],
        "annotations": [make_annotation((offset, 1), type="x")],
    }
    (record,) = read_records("bioc", {"documents": [{"passages": [passage]}]})
    reasons = [] if is_inside else ["outside of the text"]
    assert [item.reason for item in record.dropped] == reasons


def test_annotation_at_the_first_character_of_a_sentence_that_touches_another():
    passage = {
        "sentences": [make_sentence(0, "患者发热。"), make_sentence(5, "咳嗽三天。")],
        "annotations": [make_annotation((5, 2), type="symptom"), make_annotation((2, 2), type="x")],
    }
    (record,) = read_records("bioc", {"documents": [{"passages": [passage]}]})
    assert [record.text[entity.start : entity.end] for entity in record.entities] == [
        "发热",
        "咳嗽",
    ]


def test_annotations_of_a_document_belong_to_the_passage_they_are_in():
    passages = [{"offset": 0, "text": "IL-2"}, {"offset": 10, "text": "IL-2 gene"}]
    document = {"passages": passages, "annotations": [IL2, make_annotation((0, 4), type="gene")]}
    (record,) = read_records("bioc", {"documents": [document]})
    assert [(entity.start, entity.end) for entity in record.entities] == [(0, 4), (5, 9)]
    assert read_problems("bioc", {"documents": [{"passages": [], "annotations": [IL2]}]}) == [
        f"{WHERE}: expected the text of the annotations"
    ]


def test_every_collection_of_a_file():
    a, b = ({"id": name, "passages": [{"offset": 0, "text": name}]} for name in "ab")
    collections = [{"documents": [a]}, {"PubTator3": [b]}]
    assert [draft.id for draft in read_drafts("bioc", collections)] == ["a", "b"]
    lines = "\n".join(map(json.dumps, collections))
    assert [draft.id for draft in read_drafts("bioc", lines)] == ["a", "b"]
    assert read_problems("bioc", [{"documents": [a]}, {}]) == [
        "a: expected an object with 'documents', not {}"
    ]


def test_malformed_document_is_left_out():
    problem = "a, document 2: expected an object with 'passages', not {}"
    assert read_drafts("bioc", {"documents": [{"passages": []}, {}]}) == [
        Draft("", WHERE, 1),
        Draft("", "a, document 2", id="a, document 2", skipped="malformed", bad=[problem]),
    ]


def make_passage(**fields):
    return {"offset": 0, "text": "IL-2", "annotations": [], **fields}


@pytest.mark.parametrize(
    "passage, problem",
    [
        (1, ": expected dict, not 1"),
        ({"offset": 0}, None),
        (make_passage(text=1), ", 'text': expected str, not 1"),
        (make_passage(offset="x"), ", 'offset': expected int, not 'x'"),
        (make_passage(annotations={"a": 1}), ": expected list, not {'a': 1}"),
        (make_passage(sentences={"a": 1}), ": expected list, not {'a': 1}"),
        (make_passage(sentences=[1]), ": expected dict, not 1"),
        ({"sentences": [{"offset": 0}]}, ": expected an object with 'text', not {'offset': 0}"),
        ({"sentences": [{"text": ""}]}, ": expected an object with 'offset', not {'text': ''}"),
        (make_passage(annotations=[1]), ": expected an object with 'locations', not 1"),
        (make_passage(annotations=[{"locations": 1}]), ", 'locations': expected list, not 1"),
        (
            make_passage(annotations=[make_annotation(("x", 1))]),
            ", 'offset': expected int, not 'x'",
        ),
        (
            make_passage(annotations=[make_annotation((0, "x"))]),
            ", 'length': expected int, not 'x'",
        ),
        (make_passage(annotations=[{**IL2, "infons": []}]), ", 'infons': expected dict, not []"),
    ],
)
def test_malformed(passage, problem):
    problems = read_problems("bioc", {"documents": [{"passages": [passage]}]})
    assert problems == ([] if problem is None else [f"{WHERE}{problem}"])


def test_annotation_without_a_location_is_no_mistake():
    """NLM-Chem."""
    passages = [
        make_passage(annotations=[make_annotation(type="MeSH_Index"), IL2]),
        {"sentences": [make_sentence(0, "a")], "annotations": [{"locations": []}]},
    ]
    (draft,) = read_drafts("bioc", {"documents": [{"passages": passages}]})
    assert (len(draft.mentions), draft.bad) == (1, [])
    found = [(item.reason, item.entity.label) for item in draft.dropped]
    assert found == [("no location", "MeSH_Index"), ("no location", "")]


@pytest.mark.parametrize(
    "content, problem",
    [
        ("{}", "a: expected an object with 'documents', not {}"),
        ("[]", "a: expected an object with 'documents', not []"),
        ('{"documents": 1}', "a, 'documents': expected list, not 1"),
        ("<a>", "a: expected well-formed XML (no element found: line 1, column 3)"),
        (
            "<?xml version='1.0' encoding='x'?><a/>",
            "a: expected well-formed XML (unknown encoding: x)",
        ),
        (
            "<!DOCTYPE a SYSTEM 'a.dtd'><a>&b;</a>",
            "a: did not expect the XML entity 'b'. Write out its replacement",
        ),
        ("<a/>", "a: expected an object with 'documents', not {}"),
        ("<collection><document><id>1</id></document></collection>", None),
        (
            "<collection><document><passage><offset>0</offset><text>a</text><annotation/></passage>"
            "</document></collection>",
            None,
        ),
        (
            "<collection><document><passage><offset>x</offset><text>a</text></passage></document>"
            "</collection>",
            "a, document 1, 'offset': expected int, not 'x'",
        ),
    ],
)
def test_malformed_file(content, problem):
    assert read_problems("bioc", content) == ([] if problem is None else [problem])


def test_xml_holds_what_json_does():
    xml = """<?xml version="1.0"?>
<collection><source>x</source><id>9</id><infon key="a">b</infon>
<document>
  <id>3</id>
  <infon>no key</infon>
  <passage>
    <infon key="type">title</infon>
    <offset>10</offset>
    <sentence>
      <offset> 10 </offset>
      <text>IL-2 <b>&lt;</b>gene&gt;</text>
      <annotation id="T1">
        <infon key="type">gene</infon>
        <infon key="identifier">7</infon>
        <location offset="10" length="4"/>
        <text>IL-2</text>
      </annotation>
    </sentence>
  </passage>
  <passage><offset>22</offset><text>cell</text></passage>
</document>
<document></document>
</collection>"""
    location = '<annotation><location offset="0" length="1"/></annotation>'
    passage = f"<passage><offset>0</offset><text>a</text>{location}</passage>"
    plain = f"<collection><document>{passage}</document></collection>"
    assert read_drafts("bioc", plain) == [Draft("a", WHERE, 1, mentions=[make_mention(0, 1, "")])]
    assert read_drafts("bioc", xml) == [
        Draft("IL-2 <gene>\ncell", WHERE, 1, "3", mentions=MENTIONS[:1]),
        Draft("", "a, document 2", 2),
    ]


@pytest.mark.parametrize(
    "content, expected",
    [
        (" <collection><document>", True),
        ("<collection>", False),
        ("<document>", False),
        ("a <collection><document>", False),
        ([{"documents": [{"passages": []}]}], True),
        ([1, {"passages": []}], True),
        ([{"documents": [1, {"passages": []}]}], True),
        ([{"documents": [{}]}], False),
        ([{"documents": ["passages"]}], False),
        ([{"documents": {"passages": {"passages": 1}}}], False),
        ([["passages"]], False),
        ([{"a": 1}], False),
    ],
)
def test_recognized(content, expected):
    assert recognizes("bioc", content) is expected
