import pytest

from spacy_eiou.tables import format_interval, format_mean, markdown_code, markdown_text, one_line


@pytest.mark.parametrize(
    "text, expected",
    [
        ("cell_line", "`cell_line`"),
        ("<b>", "`<b>`"),
        ("a|b", "<code>a&#124;b</code>"),
        ("`", "<code>&#96;</code>"),
        ("a\n| b `<i>`", "<code>a&#92;n&#124; b &#96;&lt;i&gt;&#96;</code>"),
        ("a\\", "<code>a&#92;</code>"),
        (" a", "<code> a</code>"),
        ("", "<code></code>"),
    ],
)
def test_code(text, expected):
    assert markdown_code(text) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("cell_line, 2 x", "cell_line, 2 x"),
        ("_a_ *b* [c](d)", "&#95;a&#95; &#42;b&#42; &#91;c&#93;(d)"),
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
        ("a|b\n", "a&#124;b&#92;n"),
        ("https://example.org/a_b", "https://example.org/a_b"),
    ],
)
def test_text(text, expected):
    assert markdown_text(text) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("肺 é", "肺 é"),
        ("a\r\n\tb", r"a\r\n\tb"),
        ("\x1b[1m\u2028\u202e", r"\x1b[1m\u2028\u202e"),
        ("\udcff", r"\udcff"),
    ],
)
def test_one_line(text, expected):
    assert one_line(text) == expected


def test_mean():
    assert format_mean(value for value in (1, 2, 3)) == "2.0 ± 1.0"
    assert format_mean([1.25], digits=2) == "1.25"
    assert format_mean([]) == "-"


def test_interval():
    assert format_interval([0.5, 0.876]) == "50.0–87.6"
    assert format_interval(None) == "-"
