from .nested_spancat import NestedSpanCategorizer, make_nested_spancat

__all__ = ["NestedSpanCategorizer", "make_nested_spancat"]
