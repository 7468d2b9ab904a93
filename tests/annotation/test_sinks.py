import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_eiou.annotation.sinks import (
    NOT_IN_XML,
    read_annotations,
    write_brat,
    write_graph_jsonl,
    write_graphml,
    write_html,
)
from spacy_eiou.corpora import Entity, convert, read_brat, read_jsonl

NAMESPACE = "{http://graphml.graphdrawing.org/xmlns}"


def make_span(text, start, end, label="X", parent=None, **score):
    span = {"start": start, "end": end, "label": label, "text": text[start:end], "parent": parent}
    return {**span, **score}


def annotate(text, *spans, id="a"):
    return {"id": id, "text": text, "spans": [make_span(text, *span) for span in spans]}


NESTED = {
    "id": "a/1",
    "text": "IL-2 gene",
    "spans": [
        make_span("IL-2 gene", 0, 9, "DNA", None, score=0.75),
        make_span("IL-2 gene", 0, 4, "protein", 0, score=0.5),
    ],
}
WITHOUT_SCORES = annotate("a <b>\r\n&c", (2, 9, "a b"), id="<1>")

TEXTS_AND_SPANS = st.text(min_size=1).flatmap(
    lambda text: st.tuples(
        st.just(text),
        st.lists(
            st.integers(0, len(text) - 1).flatmap(
                lambda start: st.tuples(st.just(start), st.integers(start + 1, len(text)))
            ),
            max_size=3,
        ),
    )
)


def test_read_annotations(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_text(f"{json.dumps(NESTED)}\n{json.dumps(WITHOUT_SCORES)}\n", encoding="utf8")
    assert list(read_annotations(path)) == [NESTED, WITHOUT_SCORES]


def test_brat(tmp_path):
    path = tmp_path / "brat"
    write_brat([NESTED, WITHOUT_SCORES, annotate("", id="日" * 300)], path)
    names = ["000001-a_1", "000002-_1_", f"000003-{'_' * 100}"]
    files = [f"{name}.{suffix}" for name in names for suffix in ("ann", "txt")]
    assert sorted(file.name for file in path.iterdir()) == [*files, "annotation.conf"]
    assert (path / "000001-a_1.txt").read_bytes() == b"IL-2 gene"
    assert (path / "000001-a_1.ann").read_text() == (
        "T1\tDNA 0 9\tIL-2 gene\n#1\tAnnotatorNotes T1\tscore 0.75\n"
        "T2\tprotein 0 4\tIL-2\n#2\tAnnotatorNotes T2\tscore 0.5\n"
    )
    assert (path / "000002-_1_.txt").read_bytes() == b"a <b>\r\n&c"
    assert (path / "000002-_1_.ann").read_text() == "T1\ta_b 2 5;7 9\t<b> &c\n"
    assert (path / "annotation.conf").read_text() == (
        "[entities]\nDNA\na_b\nprotein\n[relations]\n[events]\n[attributes]\n"
    )


def test_brat_of_line_breaks_is_what_convert_reads(tmp_path):
    text = "IL-2\r\n\n gene\n"
    write_brat([annotate(text, (0, 12), (4, 8), (7, 13))], tmp_path / "brat")
    (path,) = (tmp_path / "brat").glob("*.ann")
    assert path.read_bytes().decode() == "T1\tX 0 4;7 12\tIL-2  gene\nT2\tX 7 12\t gene\n"
    (account,) = convert(tmp_path / "brat", tmp_path / "out.jsonl", to="jsonl").values()
    assert not account.dropped and not account.bad
    (record,) = read_jsonl(tmp_path / "out.jsonl")
    assert record.entities == (Entity(0, 12, "X"), Entity(8, 12, "X"))


def test_brat_has_no_span_of_white_space(tmp_path):
    write_brat([annotate("a\n b", (1, 3), (3, 4))], tmp_path / "brat")
    (path,) = (tmp_path / "brat").glob("*.ann")
    assert path.read_text() == "T1\tX 3 4\tb\n"


def test_brat_needs_a_new_folder(tmp_path):
    with pytest.raises(FileExistsError):
        write_brat([], tmp_path)


@given(TEXTS_AND_SPANS)
def test_brat_round_trip(tmp_path_factory, text_and_spans):
    text, spans = text_and_spans
    path = tmp_path_factory.mktemp("brat") / "out"
    write_brat([annotate(text, *spans)], path)
    (record,) = read_brat(path)
    assert record.text == text
    # A reader trims white space at the edges, and there is nothing in an entity without a word
    found = [(text[entity.start : entity.end], entity.label) for entity in record.entities]
    words = [text[start:end].strip() for start, end in spans]
    assert found == [(word, "X") for word in words if word]


def test_graph_of_any_script_is_written_as_it_is(tmp_path):
    annotation = annotate("患者", (0, 2, "疾病"))
    write_graph_jsonl([annotation], tmp_path / "graph.jsonl")
    write_graphml([annotation], tmp_path / "graph.graphml")
    assert '"text": "患者"'.encode() in (tmp_path / "graph.jsonl").read_bytes()
    assert (tmp_path / "graph.graphml").read_text("utf8").splitlines()[-4:] == [
        '<graph edgedefault="directed">',
        '<node id="1.0"><data key="record">a</data><data key="label">疾病</data>'
        '<data key="text">患者</data><data key="start">0</data><data key="end">2</data></node>',
        "</graph>",
        "</graphml>",
    ]


def test_graph_jsonl(tmp_path):
    path = tmp_path / "graph.jsonl"
    write_graph_jsonl([NESTED, WITHOUT_SCORES], path)
    common = {"type": "node", "record": "a/1"}
    assert [json.loads(line) for line in path.read_bytes().splitlines()] == [
        {**common, "id": "1.0", "label": "DNA", "text": "IL-2 gene", "start": 0, "end": 9}
        | {"score": 0.75},
        {**common, "id": "1.1", "label": "protein", "text": "IL-2", "start": 0, "end": 4}
        | {"score": 0.5},
        {"type": "edge", "source": "1.1", "target": "1.0"},
        {"type": "node", "record": "<1>", "id": "2.0", "label": "a b", "text": "<b>\r\n&c"}
        | {"start": 2, "end": 9},
    ]


def read_graphml(path):
    (graph,) = ElementTree.parse(path).getroot().findall(f"{NAMESPACE}graph")
    nodes = {
        node.get("id"): {data.get("key"): data.text for data in node}
        for node in graph.findall(f"{NAMESPACE}node")
    }
    edges = [(edge.get("source"), edge.get("target")) for edge in graph.findall(f"{NAMESPACE}edge")]
    return nodes, edges


def test_graphml(tmp_path):
    path = tmp_path / "graph.graphml"
    write_graphml([NESTED, WITHOUT_SCORES], path)
    dna = {"label": "DNA", "text": "IL-2 gene", "start": "0", "end": "9", "score": "0.75"}
    protein = {"label": "protein", "text": "IL-2", "start": "0", "end": "4", "score": "0.5"}
    other = {"label": "a b", "text": "<b>\r\n&c", "start": "2", "end": "9"}
    nodes, edges = read_graphml(path)
    assert nodes == {
        "1.0": {"record": "a/1", **dna},
        "1.1": {"record": "a/1", **protein},
        "2.0": {"record": "<1>", **other},
    }
    assert edges == [("1.1", "1.0")]


def test_graphml_is_read_by_networkx(tmp_path):
    networkx = pytest.importorskip("networkx")
    path = tmp_path / "graph.graphml"
    write_graphml([NESTED], path)
    graph = networkx.read_graphml(path)
    assert list(graph.edges) == [("1.1", "1.0")]
    assert graph.nodes["1.1"]["start"] == 0
    assert graph.nodes["1.1"]["score"] == 0.5


@given(TEXTS_AND_SPANS, st.text())
def test_graphml_of_any_text(tmp_path_factory, text_and_spans, record_id):
    text, spans = text_and_spans
    path = tmp_path_factory.getbasetemp() / "any.graphml"
    write_graphml([annotate(text, *spans, id=record_id)], path)
    nodes, edges = read_graphml(path)
    expected = [NOT_IN_XML.sub("\ufffd", text[start:end]) for start, end in spans]
    assert [node["text"] for node in nodes.values()] == expected
    assert all(
        (node["record"] or "") == NOT_IN_XML.sub("\ufffd", record_id) for node in nodes.values()
    )
    assert edges == []


class PageReader(HTMLParser):
    """Reads the texts of a page, and the ids of the elements around each character of them."""

    def __init__(self):
        super().__init__()
        self.texts, self.ids, self.open_ids, self.in_text = [], [], [], False

    def handle_starttag(self, tag, attrs):
        if tag == "p":
            self.in_text = True
            self.texts.append("")
        elif tag == "mark":
            self.open_ids.append(dict(attrs)["data-id"])

    def handle_endtag(self, tag):
        if tag == "p":
            assert not self.open_ids
            self.in_text = False
        elif tag == "mark":
            self.open_ids.pop()

    def handle_data(self, data):
        if self.in_text:
            self.texts[-1] += data
            self.ids.extend([*self.open_ids] for _ in data)


def read_html(path):
    reader = PageReader()
    reader.feed(path.read_bytes().decode("utf8"))
    reader.close()
    return reader.texts, reader.ids


def get_marked(path):
    """RETURNS: Each text as it is in the page, without what all its elements share."""
    texts = re.findall('<p dir="auto">(.*?)</p>', path.read_text(encoding="utf8"), re.DOTALL)
    return [re.sub(' data-label="[^"]*"| title="[^"]*"| style="[^"]*"', "", text) for text in texts]


def test_html(tmp_path):
    path = tmp_path / "page.html"
    write_html([NESTED, WITHOUT_SCORES], path)
    page = path.read_text()
    assert page.startswith("<!DOCTYPE html>\n")
    assert page.endswith(
        "<body>\n"
        '<article>\n<h2 dir="auto">a/1</h2>\n'
        '<p dir="auto"><mark data-id="1.0" data-label="DNA" title="DNA, score 0.75" '
        'style="--hue:0"><mark data-id="1.1" data-label="protein" title="protein, score 0.5" '
        'style="--hue:138">IL-2</mark> gene</mark></p>\n</article>\n'
        '<article>\n<h2 dir="auto">&lt;1&gt;</h2>\n'
        '<p dir="auto">a <mark data-id="2.0" data-label="a b" title="a b" '
        'style="--hue:275">&lt;b&gt;&#13;\n&amp;c</mark></p>\n</article>\n'
        "</body>\n</html>\n"
    )


@pytest.mark.parametrize(
    "spans,marked",
    [
        ([], "abcdef"),
        ([(0, 6)], "<0>abcdef</>"),
        ([(1, 2), (2, 4)], "a<0>b</><1>cd</>ef"),
        ([(2, 4), (1, 5)], "a<1>b<0>cd</>e</>f"),
        ([(1, 3), (1, 3)], "a<0><1>bc</></>def"),
        ([(3, 6), (0, 6), (0, 3)], "<1><2>abc</><0>def</></>"),
        ([(0, 4), (2, 6)], "<0>ab<1>cd</></><1 continued>ef</>"),
        ([(0, 4), (2, 6), (3, 5)], "<0>ab<1>c<2>d</></></><1 continued><2 continued>e</>f</>"),
        ([(0, 4), (2, 6), (4, 5)], "<0>ab<1>cd</></><1 continued><2>e</>f</>"),
    ],
)
def test_html_of_nested_and_crossing_spans(tmp_path, spans, marked):
    path = tmp_path / "page.html"
    write_html([annotate("abcdef", *spans)], path)
    expected = re.sub(r"<(\d)>", r'<mark data-id="1.\1">', marked)
    expected = re.sub(r"<(\d) continued>", r'<mark class=continued data-id="1.\1">', expected)
    assert get_marked(path) == [expected.replace("</>", "</mark>")]


def test_html_loads_and_runs_nothing(tmp_path):
    script = "\"'><script src=a>throw 1</script>"
    path = tmp_path / "page.html"
    write_html([annotate(script, (0, 9, script), id=script)], path)
    page = path.read_text()
    assert "<script" not in page
    assert "://" not in page
    assert re.findall('(?:src|href)="(.*?)"', page) == ["data:,"]
    assert read_html(path)[0] == [script]


def test_html_of_a_null_character(tmp_path):
    write_html([annotate("a\0b")], tmp_path / "page.html")
    assert get_marked(tmp_path / "page.html") == ["a\ufffdb"]


@given(TEXTS_AND_SPANS, st.text())
def test_html_of_any_text(tmp_path_factory, text_and_spans, record_id):
    text, spans = text_and_spans
    path = tmp_path_factory.getbasetemp() / "any.html"
    write_html([annotate(text, *spans, id=record_id)], path)
    texts, ids = read_html(path)
    assert texts == [text.replace("\0", "\ufffd")]
    # The widest one is around the others, so far as none crosses another
    order = sorted(range(len(spans)), key=lambda index: (spans[index][0], -spans[index][1]))
    assert ids == [
        [f"1.{index}" for index in order if spans[index][0] <= position < spans[index][1]]
        for position in range(len(text))
    ]


def test_entries_of_a_knowledge_base(tmp_path):
    text = "IL-2 gene"
    linked = make_span(text, 0, 4, "protein", kb_id="UMLS:C 1|MESH:D1")
    annotation = {"id": "a", "text": text, "spans": [linked, make_span(text, 5, 9)]}
    write_brat([annotation], tmp_path / "brat")
    (record,) = read_brat(tmp_path / "brat")
    assert [entity.kb_id for entity in record.entities] == ["UMLS:C_1|MESH:D1", ""]
    (path,) = (tmp_path / "brat").glob("*.ann")
    assert path.read_text().splitlines()[1:3] == [
        "N1\tReference T1 UMLS:C_1\tIL-2",
        "N2\tReference T1 MESH:D1\tIL-2",
    ]
    write_graph_jsonl([annotation], tmp_path / "graph.jsonl")
    nodes = [json.loads(line) for line in (tmp_path / "graph.jsonl").open(encoding="utf8")]
    assert [node.get("kb_id") for node in nodes] == ["UMLS:C 1|MESH:D1", None]
    write_graphml([annotation], tmp_path / "graph.graphml")
    assert '<data key="kb_id">UMLS:C 1|MESH:D1</data>' in (tmp_path / "graph.graphml").read_text()
    write_html([annotation], tmp_path / "page.html")
    assert 'title="protein, UMLS:C 1|MESH:D1"' in (tmp_path / "page.html").read_text()
