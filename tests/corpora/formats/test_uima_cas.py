import pytest

from corpus_util import read_drafts, read_problems, read_records, recognizes
from spacy_eiou.corpora import Dropped, Entity
from spacy_eiou.corpora.draft import Draft, Mention

pytestmark = pytest.mark.usefixtures("in_tmp_path")


GENE = {"label": "gene"}
PLACE = "a, annotation 7 of custom.Span"


def make_file(*annotations, texts=("IL-2 gene",)):
    texts = [{"%ID": i, "%TYPE": "uima.cas.Sofa", "sofaString": t} for i, t in enumerate(texts)]
    members = [
        {"%ID": 7, "%TYPE": "custom.Span", "@sofa": 0, "begin": 0, "end": 4, **annotation}
        for annotation in annotations
    ]
    return {"%FEATURE_STRUCTURES": [*texts, *members]}


@pytest.mark.parametrize(
    "fields, label, kb_id",
    [
        ({"label": "gene", "value": "x"}, "gene", ""),
        # The first feature with a value, as in WebAnno TSV
        ({"Kind": "gene", "Certainty": "high"}, "gene", ""),
        (
            {"%FLAGS": "x", "@Kind": "x", "identifier": "Q1", "Certainty": None, "Kind": "gene"},
            "gene",
            "Q1",
        ),
        ({"Negated": True, "Number": 1, "Note": "", "Kind": "gene"}, "gene", ""),
        ({"Kind": "x", "value": "gene"}, "gene", ""),
        ({"label": None, "value": "x", "identifier": "Q1", "kb_id": "Q2"}, "x", "Q1"),
        ({"tag": "y", "kb_id": "Q2"}, "y", "Q2"),
        ({"tag": "y", "kb_id": 2}, "y", "2"),
        # In XMI all features are strings
        ({"Negated": "false", "Number": "-1.5", "Kind": "gene"}, "gene", ""),
        ({"Grade": "2", "Negated": "true"}, "2", ""),
        ({"%TYPE": None, "class": "y"}, "y", ""),
        ({"%TYPE": "webanno.custom.LegalSentence", "label": "x"}, "x", ""),
        ({"%TYPE": "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity"}, "", ""),
        ({"%TYPE": "de.tudarmstadt.ukp.inception.Finding", "label": "x"}, "x", ""),
    ],
)
def test_label_and_identifier(fields, label, kb_id):
    where = f"a, annotation 7 of {fields.get('%TYPE', 'custom.Span')}"
    mention = Mention(0, 4, label, kb_id=kb_id, where=where)
    expected = [Draft("IL-2 gene", "a", mentions=[mention])]
    assert read_drafts("uima-cas", make_file(fields)) == expected


@pytest.mark.parametrize(
    "fields",
    [
        {"%TYPE": "uima.tcas.DocumentAnnotation"},
        {"%TYPE": "uima.x"},
        {"%TYPE": "x.Token"},
        {"%TYPE": "webanno.custom.R", "label": "x", "@Governor": 1, "@Dependent": 2},
        {"label": "x", "Governor": "1", "Dependent": "2"},
        {"%TYPE": "de.tudarmstadt.ukp.dkpro.core.api.coref.type.CoreferenceLink"},
        {"%TYPE": "webanno.custom.Link", "referenceType": "x", "@next": 8},
        {"%TYPE": "de.tudarmstadt.ukp.dkpro.core.api.syntax.type.chunk.Chunk", "chunkValue": "NP"},
        {"@sofa": 5},
        {"@sofa": None},
    ],
)
def test_other_structures_are_no_entities(fields):
    assert read_drafts("uima-cas", make_file(fields)) == [Draft("IL-2 gene", "a")]


def test_each_text_is_a_record():
    mention = Mention(0, 1, "x", where="a, annotation 7 of custom.Span")
    content = make_file({"@sofa": 1, "end": 1, "label": "x"}, texts=["a", "b"])
    assert read_drafts("uima-cas", content) == [
        Draft("a", "a", 1),
        Draft("b", "a", 2, mentions=[mention]),
    ]


def test_layer_without_labels_is_left_out_and_counted():
    section = {"%TYPE": "webanno.custom.Section", "end": 9}
    (draft,) = read_drafts("uima-cas", make_file(GENE, section, section, {"%TYPE": "x.Chunk"}))
    assert (draft.mentions, draft.bad) == ([Mention(0, 4, "gene", where=PLACE)], [])
    reason = "layer 'webanno.custom.Section' without labels"
    assert draft.dropped == [
        Dropped(reason, "", Entity(0, 9, ""), "IL-2 gene"),
        Dropped(reason, "", Entity(0, 9, ""), "IL-2 gene"),
        Dropped("layer 'x.Chunk' without labels", "", Entity(0, 4, ""), "IL-2"),
    ]


def test_annotation_without_a_label_in_a_layer_with_labels_is_malformed():
    (record,) = read_records("uima-cas", make_file(GENE, {}))
    assert record.bad == (f"{PLACE}: expected a label for 'IL-2' at 0",)


@pytest.mark.parametrize(
    "features, labels",
    [
        # A note that few have, and a box that all have
        ([{"Grade": "1", "Note": "maybe"}, {"Grade": "2"}], ["1", "2"]),
        ([{"Negated": "true", "Kind": "x"}, {"Negated": "false", "Kind": "2"}], ["x", "2"]),
        ([{"Kind": "1", "Note": "no"}, {"Kind": "x", "Note": "no"}], ["1", "x"]),
        ([{"Kind": "x"}, {"Certainty": "high"}, {"Kind": "y"}], ["x", "high", "y"]),
    ],
)
def test_labels_of_a_layer_are_of_one_feature(features, labels):
    (draft,) = read_drafts("uima-cas", make_file(*features))
    assert [mention.label for mention in draft.mentions] == labels
    names = list(dict.fromkeys(name for item in features for name in item))
    tsv = f"#FORMAT=WebAnno TSV 3.3\n#T_SP=custom.Span|{'|'.join(names)}\n\n#Text=a b c\n"
    for index, item in enumerate(features):
        cells = [item.get(name, "*") for name in names]
        tsv += "\t".join([f"1-{index + 1}", f"{2 * index}-{2 * index + 1}", "abc"[index], *cells])
        tsv += "\n"
    (draft,) = read_drafts("webanno", tsv)
    assert [mention.label for mention in draft.mentions] == labels


def test_custom_layer_is_read_as_in_webanno_tsv():
    tsv = "#FORMAT=WebAnno TSV 3.3\n#T_SP=custom.Span|identifier|Kind|Certainty\n\n"
    tsv += "#Text=IL-2 gene\n1-1\t0-4\tIL-2\tQ1\tgene\thigh\n1-2\t5-9\tgene\t_\t_\t_\n"
    feature = {"identifier": "Q1", "Kind": "gene", "Certainty": "high"}
    for name, content in (("webanno", tsv), ("uima-cas", make_file(feature))):
        (record,) = read_records(name, content)
        assert record.entities == (Entity(0, 4, "gene", "Q1"),)


@pytest.mark.parametrize(
    "content, problem",
    [
        ([], "a: expected an object with '%FEATURE_STRUCTURES', not []"),
        ({"%FEATURE_STRUCTURES": [1]}, "a: expected dict, not 1"),
        ({"%FEATURE_STRUCTURES": [{}]}, "a: expected a text ('sofaString')"),
        (make_file({**GENE, "begin": "0"}), f"{PLACE}, 'begin': expected int, not '0'"),
        (make_file({**GENE, "end": "4"}), f"{PLACE}, 'end': expected int, not '4'"),
        (make_file({"label": 1}), f"{PLACE}, label: expected str, not 1"),
    ],
)
def test_malformed(content, problem):
    assert read_problems("uima-cas", content) == [problem]


@pytest.mark.parametrize(
    "content, expected",
    [(make_file(), True), ([["%FEATURE_STRUCTURES"]], False), ([{"a": 1}], False)],
)
def test_recognized(content, expected):
    assert recognizes("uima-cas", content) is expected


XMI = """<?xml version="1.0" encoding="UTF-8"?>
<xmi:XMI xmlns:cas="http:///uima/cas.ecore" xmlns:tcas="http:///uima/tcas.ecore"
    xmlns:xmi="http://www.omg.org/XMI" xmlns:type="http:///x/type.ecore" xmi:version="2.0"
    xmlns:type2="http:///de/tudarmstadt/ukp/dkpro/core/api/coref/type.ecore"
    xmlns:custom="http:///webanno/custom.ecore">
    <cas:NULL xmi:id="0"/>
    <tcas:DocumentAnnotation xmi:id="2" sofa="1" begin="0" end="14" language="en"/>
    <type:Token xmi:id="3" sofa="1" begin="0" end="4" value="t"/>
    <type2:CoreferenceLink xmi:id="4" sofa="1" begin="0" end="4"/>
    <custom:Relation xmi:id="5" sofa="1" begin="0" end="4" label="x" Governor="7" Dependent="8"/>
    {}
    <cas:Sofa xmi:id="1" sofaNum="1" sofaID="_InitialView" sofaString="IL-2&#10;&lt;gene&gt; 😀 a"/>
    <cas:View sofa="1" members="2 3 7"/>
</xmi:XMI>
"""


def test_custom_layers_of_xmi():
    layers = (
        '<custom:Span xmi:id="7" sofa="1" begin="0" end="4" identifier="Q1" Kind="gene"/>'
        '<custom:Section xmi:id="8" sofa="1" begin="0" end="14"/>'
    )
    (draft,) = read_drafts("uima-cas", XMI.format(layers))
    where = "a, annotation 7 of webanno.custom.Span"
    assert draft.mentions == [Mention(0, 4, "gene", kb_id="Q1", where=where)]
    assert [item.reason for item in draft.dropped] == [
        "layer 'webanno.custom.Section' without labels"
    ]


def test_xmi():
    entity = (
        '<type:NamedEntity xmi:id="7" sofa="1" begin="0" end="4" value="gene" identifier="Q1"/>'
    )
    custom = '<custom:KeyToken xmi:id="8" sofa="1" begin="0" end="2" value="x"/>'
    content = XMI.format(entity + custom)
    mentions = [
        Mention(0, 4, "gene", kb_id="Q1", where="a, annotation 7 of x.type.NamedEntity"),
        Mention(0, 2, "x", where="a, annotation 8 of webanno.custom.KeyToken"),
    ]
    expected = [Draft("IL-2\n<gene> 😀 a", "a", mentions=mentions)]
    assert read_drafts("uima-cas", content) == expected
    assert recognizes("uima-cas", content)
    assert not recognizes("bioc", content)


@pytest.mark.parametrize(
    "content, problem",
    [
        (
            XMI.format('<type:NamedEntity xmi:id="7" sofa="1" begin="x" end="4" value="gene"/>'),
            "a, annotation 7 of x.type.NamedEntity, 'begin': expected int, not 'x'",
        ),
        ("<xmi:XMI/>", "a: expected a text ('sofaString')"),
        (
            "<xmi:XMI>",
            "a: expected well-formed XML (no element found: line 1, column 9)",
        ),
        (
            '<!DOCTYPE x [<!ENTITY y "z">]><x>&y;</x>',
            "a: did not expect the XML entity 'y'. Write out its replacement",
        ),
    ],
)
def test_malformed_xmi(content, problem):
    assert read_problems("uima-cas", content) == [problem]
