import html
import json
import re
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Set

from ..corpora.formats._xml import NOT_IN_XML, escape_xml
from ..corpora.formats.brat import fit, write_document, write_labels
from ..files import open_text, to_json_line
from .prediction import Annotation
from .source_files import open_input
from .tasks import to_record

GRAPHML_TYPES = {
    "record": "string",
    "label": "string",
    "text": "string",
    "start": "int",
    "end": "int",
    "score": "double",
    "kb_id": "string",
}
# An outer entity has more room above and below, and so stays in sight around an inner one.
HTML_HEAD = """\
<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Annotated texts</title>
<style>
body { max-width: 50rem; margin: 0 auto; padding: .5rem; color: #222; background: #fff;
  font: 1rem/1.5 system-ui, sans-serif; }
article { padding: .5rem; border-bottom: 1px solid #ddd; content-visibility: auto;
  contain-intrinsic-size: auto 8rem; }
h2 { margin: 0; color: #767676; font-size: .75rem; font-weight: normal; overflow-wrap: anywhere; }
p { margin: .25rem 0; line-height: 2.25; white-space: pre-wrap; overflow-wrap: anywhere; }
mark { padding: .4em .2em; border-radius: .25em; color: inherit;
  background: hsl(var(--hue) 75% 88%); border: 1px solid hsl(var(--hue) 45% 65%);
  -webkit-box-decoration-break: clone; box-decoration-break: clone; }
mark mark { padding-block: .2em; }
mark mark mark { padding-block: 0; }
mark::after { content: attr(data-label); margin-inline-start: .35em; font-size: .65em;
  font-weight: bold; color: hsl(var(--hue) 70% 25%); }
.continued { border-style: dashed; }
.continued::after { content: none; }
</style>
</head>
<body>
"""


def read_annotations(path: Path) -> Iterator[Annotation]:
    """Read annotated texts, one after the other.

    path (Path): A file that `eiou annotate` wrote.
    YIELDS (Annotation): The texts and their spans, in the order of the file.
    """
    with open_input(str(path)) as file:
        yield from map(json.loads, file)


def write_brat(annotations: Iterable[Annotation], path: Path) -> None:
    """Write a folder for brat: a .txt and an .ann file for each text, and annotation.conf with the
    labels. They are named by the number of the text, from 1, and its id, where characters that may
    not suit a file name become "_".

    annotations (Iterable[Annotation]): The annotated texts.
    path (Path): The folder, which must not exist yet.
    """
    path.mkdir()
    labels: Set[str] = set()
    for number, annotation in enumerate(annotations, start=1):
        record = fit(to_record(annotation))
        name = re.sub(r"[^\w.-]", "_", record.id, flags=re.ASCII)[:100]
        write_document(record, path / f"{number:06}-{name}.txt")
        labels.update(entity.label for entity in record.entities)
    write_labels(sorted(labels), path)


def write_graph_jsonl(annotations: Iterable[Annotation], path: Path) -> None:
    """Write entities and their nesting as JSON Lines: one object of "type" "node" for each entity,
    and one of "type" "edge" for each that lies in another: "source" is the inner one, "target" the
    smallest one around it. The id of a node is the number of its text, from 1, and its index among
    the spans of the text, from 0.

    annotations (Iterable[Annotation]): The annotated texts.
    path (Path): The file.
    """
    with open_text(path) as file:
        for number, annotation in enumerate(annotations, start=1):
            for node in _get_nodes(annotation, number):
                file.write(to_json_line({"type": "node", **node}))
            for edge in _get_edges(annotation, number):
                file.write(to_json_line({"type": "edge", **edge}))


def write_graphml(annotations: Iterable[Annotation], path: Path) -> None:
    """Write entities and their nesting as GraphML, a directed graph with an edge from each entity
    that lies in another to the smallest one around it. A control character that XML can't hold
    becomes U+FFFD. The ids are those of `write_graph_jsonl`.

    annotations (Iterable[Annotation]): The annotated texts.
    path (Path): The file.
    """
    with open_text(path) as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        file.write('<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n')
        for name, kind in GRAPHML_TYPES.items():
            file.write(f'<key id="{name}" for="node" attr.name="{name}" attr.type="{kind}"/>\n')
        file.write('<graph edgedefault="directed">\n')
        for number, annotation in enumerate(annotations, start=1):
            for node in _get_nodes(annotation, number):
                data = "".join(
                    f'<data key="{name}">{_escape_xml(str(node[name]))}</data>'
                    for name in GRAPHML_TYPES
                    if name in node
                )
                file.write(f'<node id="{node["id"]}">{data}</node>\n')
            for edge in _get_edges(annotation, number):
                file.write(f'<edge source="{edge["source"]}" target="{edge["target"]}"/>\n')
        file.write("</graph>\n</graphml>\n")


def write_html(annotations: Iterable[Annotation], path: Path) -> None:
    """Write a page that shows the texts with their entities, and loads nothing. An entity is an
    element around its text, with the elements of the entities inside it. Of two that cross, the one
    that starts later is split where the other ends: the parts have the same data-id, an id of
    `write_graph_jsonl`. U+0000, which HTML can't hold, becomes U+FFFD.

    annotations (Iterable[Annotation]): The annotated texts.
    path (Path): The file.
    """
    hues: Dict[str, int] = {}
    with open_text(path) as file:
        file.write(HTML_HEAD)
        for number, annotation in enumerate(annotations, start=1):
            for span in annotation["spans"]:
                # Turned by the golden angle, no hue comes close to one of the last few.
                hues.setdefault(span["label"], round(len(hues) * 137.5) % 360)
            file.write(f'<article>\n<h2 dir="auto">{_escape_html(annotation["id"])}</h2>\n')
            file.write(f'<p dir="auto">{"".join(_mark_spans(annotation, number, hues))}</p>\n')
            file.write("</article>\n")
        file.write("</body>\n</html>\n")


GRAPH_WRITERS: Dict[str, Callable[[Iterable[Annotation], Path], None]] = {
    ".graphml": write_graphml,
    ".jsonl": write_graph_jsonl,
}


def _get_nodes(annotation: Annotation, number: int) -> List[Dict[str, Any]]:
    names = [name for name in GRAPHML_TYPES if name != "record"]
    return [
        {
            "id": _get_node_id(number, index),
            "record": annotation["id"],
            **{name: span[name] for name in names if name in span},
        }
        for index, span in enumerate(annotation["spans"])
    ]


def _get_edges(annotation: Annotation, number: int) -> List[Dict[str, str]]:
    return [
        {"source": _get_node_id(number, index), "target": _get_node_id(number, span["parent"])}
        for index, span in enumerate(annotation["spans"])
        if span["parent"] is not None
    ]


def _mark_spans(annotation: Annotation, number: int, hues: Dict[str, int]) -> Iterator[str]:
    text, spans = annotation["text"], annotation["spans"]
    starting: Dict[int, List[int]] = {}
    for index in sorted(range(len(spans)), key=lambda index: -spans[index]["end"]):
        starting.setdefault(spans[index]["start"], []).append(index)
    offsets = {offset for span in spans for offset in (span["start"], span["end"])}
    open_spans: List[int] = []
    for start, end in pairwise(sorted({0, len(text), *offsets})):
        going_on = [index for index in open_spans if spans[index]["end"] > start]
        # Inside of a span that ends here, those that go on are closed as well, and opened again.
        n_kept = _count_common(open_spans, going_on)
        yield "</mark>" * (len(open_spans) - n_kept)
        for index in going_on[n_kept:]:
            yield _open_mark(spans[index], _get_node_id(number, index), hues, continued=True)
        for index in starting.get(start, []):
            yield _open_mark(spans[index], _get_node_id(number, index), hues)
        yield _escape_html(text[start:end])
        open_spans = [*going_on, *starting.get(start, [])]
    yield "</mark>" * len(open_spans)


def _count_common(first: List[int], second: List[int]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second)))


def _open_mark(
    span: Dict[str, Any], span_id: str, hues: Dict[str, int], *, continued: bool = False
) -> str:
    label = _escape_html(span["label"])
    title = f"{label}, score {span['score']}" if "score" in span else label
    if "kb_id" in span:
        title += f", {_escape_html(span['kb_id'])}"
    return (
        f'<mark{" class=continued" if continued else ""} data-id="{span_id}" data-label="{label}" '
        f'title="{title}" style="--hue:{hues[span["label"]]}">'
    )


def _get_node_id(number: int, index: int) -> str:
    # The ids of the texts need not be distinct.
    return f"{number}.{index}"


def _escape_html(text: str) -> str:
    # A parser would turn a carriage return into a line feed.
    return html.escape(text.replace("\0", "\ufffd")).replace("\r", "&#13;")


def _escape_xml(text: str) -> str:
    return escape_xml(NOT_IN_XML.sub("\ufffd", text))
