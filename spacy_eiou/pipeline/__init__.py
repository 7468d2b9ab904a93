from .nested_spancat import NestedSpanCategorizer, make_nested_spancat
from .span_tree import SpanNode, span_tree

__all__ = ["NestedSpanCategorizer", "SpanNode", "make_nested_spancat", "span_tree"]
