import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_eiou.corpora import CorpusError
from spacy_eiou.corpora._parse import (
    check_type,
    get_field,
    parse_json,
    parse_offset,
    read_json_list,
    read_lines,
)


def test_only_lf_and_crlf_end_a_line(tmp_path):
    path = tmp_path / "f.txt"
    path.write_bytes("\ufeffa\r\nb\rc\u2028d\x85\n\n\ufeffe\x00".encode())
    assert list(read_lines(path)) == [
        (1, "a"),
        (2, "b\rc\u2028d\x85"),
        (3, ""),
        (4, "\ufeffe\x00"),
    ]


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
