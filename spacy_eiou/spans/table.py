import warnings
from typing import Any, Dict, List, Optional

from spacy.tokens import Doc, Span

from .groups import get_score, get_scores
from .tree import span_tree


def span_table(doc: Doc, spans_key: str = "sc") -> Dict[str, List[Any]]:
    """Make a table of the spans of a doc, which `pandas.DataFrame` and others take as it is.

    doc (Doc): The doc.
    spans_key (str): Key of `Doc.spans`, which the doc need not have.
    RETURNS (Dict[str, List[Any]]): The columns, each with a value per span in their order: "text",
        "label", "start_char" and "end_char", "start" and "end" in tokens, "score" or None, "kb_id"
        or an empty string, "parent", the row of the smallest span around it or None, and "depth",
        1 for spans that lie in no other.
    """
    group = doc.spans.get(spans_key, [])
    nodes = span_tree(group)
    spans = [node.span for node in nodes]
    scores: List[Optional[float]] = [None] * len(spans)
    if spans:
        scores = list(get_scores(group) or scores)
    return {
        "text": [span.text for span in spans],
        "label": [span.label_ for span in spans],
        "start_char": [span.start_char for span in spans],
        "end_char": [span.end_char for span in spans],
        "start": [span.start for span in spans],
        "end": [span.end for span in spans],
        "score": scores,
        "kb_id": [span.kb_id_ for span in spans],
        "parent": [node.parent for node in nodes],
        "depth": [node.depth for node in nodes],
    }


def span_score(span: Span) -> Optional[float]:
    """Find the score of a span among the scored groups of its doc.

    span (Span): The span.
    RETURNS (Optional[float]): The score that they give to a span of the same boundaries and label.
        None if there is none, and with a warning, if they give several.
    """
    found = {get_score(group, span) for group in span.doc.spans.values()} - {None}
    if len(found) > 1:
        warnings.warn(
            "Several groups of `doc.spans` give a span a score, and a span doesn't know its group: "
            "use span_table(doc, spans_key)",
            stacklevel=2,
        )
    return found.pop() if len(found) == 1 else None
