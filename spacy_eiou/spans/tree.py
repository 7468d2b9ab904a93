from dataclasses import dataclass
from typing import Iterable, List, Optional

import numpy as np
from spacy.tokens import Span

from .nesting import find_nesting


@dataclass(frozen=True)
class SpanNode:
    """A span and its place among the spans of its group.

    span (Span): The span.
    parent (Optional[int]): Index of the smallest span that strictly contains the span, or None.
    children (List[int]): Indices of the spans whose parent the span is, in order.
    depth (int): Number of spans on the way up: 1 for a span without a parent.
    """

    span: Span
    parent: Optional[int]
    children: List[int]
    depth: int


def span_tree(spans: Iterable[Span]) -> List[SpanNode]:
    """Find which span lies in which. The parent of a span is the smallest one that strictly
    contains it, and of equally small ones the first. Spans on the same boundaries have the same
    parent, and so the first of them has all the children. Spans that cross aren't parent and child.

    spans (Iterable[Span]): Spans of one doc in any order, such as a span group.
    RETURNS (List[SpanNode]): One node per span, in the order of the spans.
    """
    spans = list(spans)
    bounds = np.array([(span.start, span.end) for span in spans], dtype=np.int64).reshape(-1, 2)
    nesting = find_nesting(bounds)
    parents = [None if parent < 0 else parent for parent in nesting.parents.tolist()]
    children: List[List[int]] = [[] for _ in spans]
    for index, parent in enumerate(parents):
        if parent is not None:
            children[parent].append(index)
    return [SpanNode(*node) for node in zip(spans, parents, children, nesting.depth.tolist())]
