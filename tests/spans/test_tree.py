import subprocess
import sys

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span

from spacy_eiou.spans import SpanNode, span_tree

WORDS = [str(i) for i in range(12)]
BOUNDARIES = st.lists(
    st.tuples(st.integers(0, 10), st.integers(1, 6)).map(lambda x: (x[0], min(12, x[0] + x[1]))),
    max_size=10,
)


def make_spans(boundaries):
    doc = Doc(spacy.blank("xx").vocab, words=WORDS)
    return [Span(doc, start, end, label="X") for start, end in boundaries]


def get_tree(boundaries):
    return [(node.parent, node.children, node.depth) for node in span_tree(make_spans(boundaries))]


@pytest.mark.parametrize(
    "boundaries,tree",
    [
        ([], []),
        ([(0, 2), (2, 4)], [(None, [], 1), (None, [], 1)]),
        # From the inside out, two children in one parent
        (
            [(1, 2), (0, 3), (0, 9), (4, 5)],
            [(1, [], 3), (2, [0], 2), (None, [1, 3], 1), (2, [], 2)],
        ),
        # Equal boundaries: the same parent, and the first one has the child
        (
            [(1, 4), (1, 4), (0, 5), (2, 3)],
            [(2, [3], 2), (2, [], 2), (None, [0, 1], 1), (0, [], 3)],
        ),
        # Two spans that cross: no parent and child, and the smaller one has the child of both
        ([(0, 5), (3, 7), (3, 5)], [(None, [], 1), (None, [2], 1), (1, [], 2)]),
        # Equally small ones: the first
        ([(0, 4), (2, 6), (2, 4)], [(None, [2], 1), (None, [], 1), (0, [], 2)]),
        ([(2, 6), (0, 4), (2, 4)], [(None, [2], 1), (None, [], 1), (0, [], 2)]),
    ],
)
def test_span_tree(boundaries, tree):
    assert get_tree(boundaries) == tree


@given(BOUNDARIES)
def test_tree_is_consistent(boundaries):
    spans = make_spans(boundaries)
    tree = span_tree(spans)
    assert [node.span for node in tree] == spans
    for index, node in enumerate(tree):
        assert all(tree[child].parent == index for child in node.children)
        if node.parent is None:
            assert node.depth == 1
        else:
            assert index in tree[node.parent].children
            assert node.depth == tree[node.parent].depth + 1


def test_deep_nesting():
    doc = Doc(spacy.blank("xx").vocab, words=["a"] * 1500)
    tree = span_tree([Span(doc, 0, end) for end in range(1, 1501)])
    assert [node.depth for node in tree] == list(range(1500, 0, -1))


@pytest.mark.slow
def test_extension_of_the_user_stays():
    code = """
import spacy
from spacy.tokens import Doc
nlp = spacy.blank("en")
Doc.set_extension("span_tree", default="mine")
nlp.add_pipe("nested_spancat")
assert nlp.make_doc("a")._.span_tree == "mine"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_doc_extension():
    nlp = spacy.blank("xx")
    nlp.add_pipe("nested_spancat")
    doc = nlp.make_doc("IL-2 gene")
    doc.spans["sc"] = [doc[0:2], doc[0:1]]
    doc.spans["other"] = [doc[1:2]]
    assert doc._.span_tree() == [SpanNode(doc[0:2], None, [1], 1), SpanNode(doc[0:1], 0, [], 2)]
    assert doc._.span_tree("other") == [SpanNode(doc[1:2], None, [], 1)]
    # As `span_table` and others
    assert doc._.span_tree("missing") == []
