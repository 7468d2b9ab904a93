import re

import pytest

from spacy_eiou.evaluation.layers import find_layers, render_layers

COLORS = {"A": ("red", "pink"), "<B>": ("blue", "navy")}


def make_span(start, end, label="A", in_error=False):
    return {"start": start, "end": end, "label": label, "in_error": in_error}


@pytest.mark.parametrize(
    "bounds,layers",
    [
        ([], []),
        ([(0, 2), (2, 4)], [0, 0]),
        ([(0, 4), (1, 3), (1, 2)], [0, 1, 2]),
        # The third one crosses the first, and the second has ended
        ([(0, 4), (0, 2), (3, 6)], [0, 1, 1]),
        ([(0, 2), (0, 2)], [0, 1]),
        # The first line is free again, the second one not yet
        ([(0, 2), (1, 4), (2, 3), (3, 5)], [0, 1, 0, 0]),
    ],
)
def test_find_layers(bounds, layers):
    assert find_layers([make_span(*span) for span in bounds]) == layers


def test_words_are_cut_where_spans_begin_and_end():
    page = render_layers(["a", "-", "b ", "c"], [make_span(0, 1), make_span(0, 3, "<B>")], COLORS)
    first, second = re.findall('<span class="token".*?</span>', page)
    assert (">a<" in first, ">-b <" in second, page.endswith("c</div>")) == (True, True, True)
    assert (first.count("<i "), second.count("<i ")) == (2, 1)
    assert '<b style="background:pink;top:40px">A</b>' in first
    assert "<em>&lt;B&gt;</em>" in first


def test_work_grows_with_the_number_of_spans():
    calls = []

    class CountingSpan(dict):
        def __getitem__(self, name):
            calls.append(name)
            return super().__getitem__(name)

    def count(n_spans):
        spans = [CountingSpan(make_span(2 * i, 2 * i + 1)) for i in range(n_spans)]
        calls.clear()
        render_layers(["a "] * 2 * n_spans, spans, COLORS)
        return len(calls)

    assert count(200) == 10 * count(20)


def test_error_stands_out():
    page = render_layers(["x"], [make_span(0, 1, in_error=True)], COLORS, "rtl")
    assert '<b style="background:red;top:23px"><mark>A</mark></b>' in page
    assert 'style="direction: rtl"' in page


def test_whitespace_alone_has_no_line():
    assert "<i " not in render_layers(["\n"], [make_span(0, 1)], COLORS)
