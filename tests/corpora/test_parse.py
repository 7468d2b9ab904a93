import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus_util import write
from spacy_eiou.corpora import CorpusError
from spacy_eiou.corpora._parse import (
    check_type,
    decode,
    get_field,
    get_number,
    parse_json,
    parse_offset,
    read_items,
    read_json,
    read_json_list,
    read_lines,
    read_text,
    show,
    try_json,
)
from spacy_eiou.corpora.record import UnreadableError


def test_only_lf_and_crlf_end_a_line(tmp_path):
    path = tmp_path / "f.txt"
    path.write_bytes("\ufeffa\r\nb\rc\u2028d\x85\n\n\ufeffe\x00".encode())
    assert list(read_lines(path)) == [(1, "a"), (2, "b\rc\u2028d\x85"), (3, ""), (4, "\ufeffe\x00")]


def test_bad_encoding_names_the_line(tmp_path):
    path = tmp_path / "f.txt"
    path.write_bytes(b"a\n\xff\n")
    with pytest.raises(CorpusError, match=r"f\.txt, line 2: expected UTF-8"):
        list(read_lines(path))


@given(st.text())
def test_json_strings_survive(text):
    assert parse_json(json.dumps(text), "f") == text


@pytest.mark.parametrize(
    "data", ["{", "", "[" * 100_000, '"\\ud800"', '{"\\udfff": 1}', "9" * 5000]
)
def test_bad_json(data):
    with pytest.raises(CorpusError, match="f, line 1: expected valid JSON"):
        parse_json(data, "f, line 1")


@pytest.mark.parametrize(
    "data, value", [('{"a": 1}', {"a": 1}), (b"[1]", [1]), ("{", None), (b"[" * 100_000, None)]
)
def test_json_that_may_be_malformed(data, value):
    assert try_json(data) == value


def call_from(depth, function, *args):
    """Call a function from within other calls."""
    return call_from(depth - 1, function, *args) if depth else function(*args)


@pytest.mark.parametrize("n_calls", [0, 300])
@pytest.mark.parametrize("text", ["", "[" * 600, "\\" + '"' + "[" * 600])
def test_nested_json(n_calls, text):
    start = json.dumps(text)
    value = call_from(n_calls, parse_json, f"[{start}, {'[' * 499}{']' * 499}, [1]]", "w")
    assert (value[0], value[2]) == (text, [1])
    message = "w: expected valid JSON that is nested at most 500 deep"
    for data in (f"[{start}, {'[' * 500}{']' * 500}, [1]]", "[{" * 251, '{"a":' * 501 + "}" * 501):
        with pytest.raises(CorpusError) as caught:
            call_from(n_calls, parse_json, data, "w")
        assert str(caught.value) == message


def test_json_list(tmp_path):
    path = tmp_path / "f.json"
    path.write_bytes('\ufeff["😀", 1]'.encode())
    assert list(read_json_list(path)) == [(f"{path}, record 1", "😀"), (f"{path}, record 2", 1)]


@pytest.mark.parametrize(
    "data, message",
    [(b"{}", "a list of records, not {}"), (b"[", "valid JSON"), (b'["\xff"]', "UTF-8")],
)
def test_not_a_json_list(tmp_path, data, message):
    path = tmp_path / "f.json"
    path.write_bytes(data)
    with pytest.raises(CorpusError, match=rf"f\.json: expected {message}"):
        list(read_json_list(path))


def test_types():
    assert check_type(3, int, "f") == 3
    assert get_field({"text": "a"}, "text", str, "f") == "a"
    with pytest.raises(CorpusError, match="f: expected int, not True"):
        check_type(True, int, "f")
    with pytest.raises(CorpusError, match=r"f, 'start': expected int, not 1\.0"):
        get_field({"start": 1.0}, "start", int, "f")
    with pytest.raises(CorpusError, match="f: expected an object with 'text', not "):
        get_field({"tokens": 1}, "text", str, "f")


@pytest.mark.parametrize("length, shown", [(78, "'a{78}'"), (79, "'a{76}..."), (1000, "'a{76}...")])
def test_long_values_are_shortened(length, shown):
    with pytest.raises(CorpusError, match=rf"f: expected int, not {shown}$"):
        check_type("a" * length, int, "f")


@given(st.integers(min_value=0, max_value=10**18 - 1))
def test_offset_round_trip(offset):
    assert parse_offset(str(offset), "f") == offset


@pytest.mark.parametrize("value", ["", "-1", "1.0", "１", "1_0", " 1", "9" * 5000])
def test_not_an_offset(value):
    with pytest.raises(CorpusError, match="f: expected an offset"):
        parse_offset(value, "f")


UTF8 = "expected UTF-8 ('utf-8' codec can't decode byte 0xff in position {}: invalid start byte)"
JSON = "expected valid JSON (Expecting value: line 1 column {} (char {}))"


@pytest.mark.parametrize(
    "read, data, message",
    [
        (read_lines, b"a\n\xff", f"a, line 2: {UTF8.format(0)}"),
        (read_json, b"[", f"a: {JSON.format(2, 1)}"),
        (read_json, b"a\xff", f"a: {UTF8.format(1)}"),
        (read_json_list, b"{}", "a: expected a list of records, not {}"),
        (lambda path: read_json_list(path, "task"), b"1", "a: expected a list of tasks, not 1"),
    ],
)
def test_whole_messages_of_files(in_tmp_path, read, data, message):
    write(data, "a")
    with pytest.raises(UnreadableError) as caught:
        list(read(Path("a")))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: decode(b"\xff", "a, line 2"), f"a, line 2: {UTF8.format(0)}"),
        (lambda: parse_json("", "w"), f"w: {JSON.format(1, 0)}"),
        (lambda: check_type(True, int, "w"), "w: expected int, not True"),
        (lambda: get_field([], "k", int, "w"), "w: expected an object with 'k', not []"),
        (lambda: get_field({}, "k", int, "w"), "w: expected an object with 'k', not {}"),
        (lambda: get_field({"k": "x"}, "k", int, "w"), "w, 'k': expected int, not 'x'"),
        (lambda: parse_offset("1" * 19, "w"), f"w: expected an offset, not '{'1' * 19}'"),
        (lambda: parse_offset("\u0661", "w"), "w: expected an offset, not '\u0661'"),
        (lambda: parse_offset("-1", "w"), "w: expected an offset, not '-1'"),
    ],
)
def test_whole_messages(call, message):
    with pytest.raises(CorpusError) as caught:
        call()
    assert (str(caught.value), type(caught.value)) == (message, CorpusError)


@pytest.mark.parametrize(
    "data, text", [("a\r\n", "a"), ("a\r", "a"), ("a\n\n", "a\n"), ("\ufeffa", "\ufeffa")]
)
def test_end_of_a_line_is_no_part_of_it(data, text):
    assert decode(data.encode(), "a") == text


@pytest.mark.parametrize(
    "read, content, found",
    [
        (read_text, "[]\n", "[]"),
        (read_json, "[]", []),
        (read_json, '{"a": 1}\n{"b": 2}', [{"a": 1}, {"b": 2}]),
        (read_lines, "a\n\ufeffb", [(1, "a"), (2, "\ufeffb")]),
        (read_lines, "a\rb", [(1, "a"), (2, "b")]),
        (read_lines, "", []),
        (read_items, "\na", [("a, line b/c, line 2", b"a")]),
    ],
)
def test_byte_order_mark_is_no_part_of_a_file(in_tmp_path, read, content, found):
    # Where it begins is not told by what it is called.
    path = Path("a, line b/c")
    path.parent.mkdir()
    write("\ufeff" + content, path)
    result = read(path)
    assert (list(result) if isinstance(result, Iterator) else result) == found


def test_items_are_the_lines_that_are_not_blank(in_tmp_path):
    write(b"a\n \r\n\nb\r\n", "a")
    assert list(read_items(Path("a"))) == [("a, line 1", b"a\n"), ("a, line 4", b"b\r\n")]
    write(b"[1, 2]", "a")
    assert list(read_json_list(Path("a"), "task")) == [("a, task 1", 1), ("a, task 2", 2)]
    assert (read_json(Path("a")), get_number("a b, line 12")) == ([1, 2], 12)


def test_values_are_shown_short():
    assert show("x" * 78) == f"'{'x' * 78}'"
    assert show("x" * 79) == f"'{'x' * 76}..."
    assert parse_offset("9" * 18, "w") == int("9" * 18)
