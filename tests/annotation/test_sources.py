import json
import os
import sys
from pathlib import Path

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import DocBin

from spacy_eiou.annotation.sources import (
    RejectedText,
    SourceText,
    find_sources,
    guess_text_format,
    read_texts,
)
from spacy_eiou.corpora import CorpusError

TEXT = "\ufeff😀 e\u0301\r\n\tשלום\u2028\x00"


def read(path, text_format=None, text_key="text", max_length=100):
    text_format = text_format or guess_text_format(path)
    return list(read_texts(path, text_format, text_key=text_key, max_length=max_length))


def write(path, data):
    path.write_bytes(data)
    return path


def write_parquet(path, **columns):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table(columns), path)
    return path


def write_docs(path, *texts):
    nlp = spacy.blank("xx")
    docs = [nlp.make_doc(text) for text in texts]
    docs[0].user_data["record_id"] = "first"
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


def test_lines(tmp_path):
    data = "\ufeffa\r\n\n😀 b\rc\u2028d\n e ".encode()
    assert read(write(tmp_path / "notes.txt", data)) == [
        SourceText("notes-1", "a"),
        SourceText("notes-2", ""),
        SourceText("notes-3", "😀 b\rc\u2028d"),
        SourceText("notes-4", " e "),
    ]


def test_folder(tmp_path):
    write(tmp_path / "b.txt", TEXT.encode())
    write(tmp_path / "a.txt", b"")
    write(tmp_path / "c.txt", b"\xff\n")
    write(tmp_path / "a.ann", b"T1")
    first, second, rejected = read(tmp_path)
    assert [first, second] == [SourceText("a", ""), SourceText("b", TEXT)]
    assert (rejected.number, rejected.raw) == (3, "\\xff\n")
    assert rejected.reason.startswith(f"{tmp_path / 'c.txt'}: expected UTF-8")


def test_folder_without_texts(tmp_path):
    with pytest.raises(CorpusError, match=r"or a folder of such files"):
        find_sources(tmp_path)
    with pytest.raises(CorpusError, match=r"expected a file, or a folder of \.txt files"):
        find_sources(tmp_path, "txt")


def test_names_that_are_not_utf8(tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    folder.mkdir()
    path = write(folder / os.fsdecode(b"a\xfe.txt"), b"b\n\xff")
    text, rejected = read(path)
    assert text == SourceText("a\\xfe-1", "b")
    assert rejected.reason.startswith(rf"{tmp_path}/\xff/a\xfe.txt, line 2: expected UTF-8")
    write(path, b"b")
    assert read(folder) == [SourceText("a\\xfe", "b")]


def test_folder_with_links(tmp_path):
    write(tmp_path / "a.txt", b"b")
    (tmp_path / "folder").symlink_to(tmp_path)
    assert read(tmp_path) == [SourceText("a", "b")]
    (tmp_path / "loop.txt").symlink_to(tmp_path / "loop.txt")
    with pytest.raises(CorpusError, match=r"loop\.txt: expected a file, not a folder or a broken"):
        read(tmp_path)


def test_jsonl(tmp_path):
    items = [{"text": TEXT, "year": 1998, "spans": []}, {"id": 7, "text": "", "meta": {"a": None}}]
    data = "\ufeff" + "\r\n\r\n".join(map(json.dumps, items))
    assert read(write(tmp_path / "in.jsonl", data.encode())) == [
        SourceText("in-1", TEXT, {"year": 1998, "spans": []}),
        SourceText("7", "", {"meta": {"a": None}}),
    ]


def test_jsonl_text_key(tmp_path):
    path = write(tmp_path / "in.jsonl", b'{"id": "x", "body": "a", "text": "b"}')
    assert list(read_texts(path, "jsonl", max_length=1)) == [SourceText("x", "b", {"body": "a"})]
    assert read(path, text_key="body") == [SourceText("x", "a", {"text": "b"})]


def test_id_that_is_null(tmp_path):
    path = write(tmp_path / "in.jsonl", b'{"id": null, "text": "a"}')
    assert read(path) == [SourceText("in-1", "a")]
    path = write_parquet(tmp_path / "in.parquet", text=["a", "b"], id=[None, "x"])
    assert read(path) == [SourceText("in-1", "a"), SourceText("x", "b")]


@pytest.mark.parametrize(
    "line,reason",
    [
        (b"{", "expected valid JSON"),
        (b"[]", "expected an object with 'text', not []"),
        (b'{"id": 1}', "expected an object with 'text'"),
        (b'{"text": null}', "'text': expected str, not None"),
        (b'{"text": "\xff"}', "expected UTF-8"),
        (rb'{"text": "\ud800"}', "expected valid JSON"),
        (b'{"text": "a", "v": NaN}', "expected valid JSON, whose numbers are finite"),
        (b'{"text": "a", "v": [1e999]}', "expected valid JSON, whose numbers are finite"),
        (b'{"text": "aaaaaa"}', "expected at most 5 characters, not 6"),
    ],
)
def test_rejected_lines_do_not_stop_the_rest(tmp_path, line, reason):
    path = write(tmp_path / "in.jsonl", b"\n".join([b'{"text": "a"}', line, b'{"text": "aaaaa"}']))
    first, rejected, last = read(path, max_length=5)
    assert [first, last] == [SourceText("in-1", "a"), SourceText("in-3", "aaaaa")]
    assert isinstance(rejected, RejectedText)
    assert rejected.number == 2
    assert rejected.reason.startswith(f"{path}, line 2")
    assert reason in rejected.reason
    assert rejected.raw == line.decode("utf8", "backslashreplace")


def test_parquet(tmp_path):
    path = write_parquet(tmp_path / "in.parquet", text=["a", None, TEXT], id=[5, 6, 7], x=[1, 2, 3])
    first, rejected, last = read(path)
    assert [first, last] == [SourceText("5", "a"), SourceText("7", TEXT)]
    assert rejected.number == 2
    assert rejected.reason == f"{path}, row 2, 'text': expected str, not None"
    assert rejected.raw == "{'text': None, 'id': 6}"


def test_parquet_without_ids(tmp_path):
    path = write_parquet(tmp_path / "in.parquet", body=["a"] * 1500)
    texts = read(path, text_key="body")
    assert [text.id for text in texts] == [f"in-{number}" for number in range(1, 1501)]


def test_parquet_bytes_that_are_no_text(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    column = pyarrow.array([b"\xff", b"a"]).view(pyarrow.string())
    rejected, text = read(write_parquet(tmp_path / "in.parquet", text=column))
    assert rejected.reason.endswith(r"row 1, 'text': expected str, not b'\xff'")
    assert text == SourceText("in-2", "a")


def test_malformed_parquet(tmp_path):
    path = write_parquet(tmp_path / "in.parquet", body=["a"])
    with pytest.raises(CorpusError, match=r"expected a column 'text', not only \['body'\]"):
        read(path)
    with pytest.raises(CorpusError, match="expected a Parquet file"):
        read(write(path, b"PAR1"))


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(CorpusError, match=r"pip install 'spacy-eiou\[parquet\]'"):
        read(write(tmp_path / "in.parquet", b""))


def test_docbin(tmp_path):
    path = write_docs(tmp_path / "in.spacy", TEXT, "")
    assert read(path) == [SourceText("first", TEXT), SourceText("in-2", "")]


def test_docbin_with_a_text_that_is_too_long(tmp_path):
    path = write_docs(tmp_path / "in.spacy", "a", "a b")
    text, rejected = read(path, max_length=2)
    assert text == SourceText("first", "a")
    assert (rejected.number, rejected.raw) == (2, "a b")
    assert rejected.reason.startswith(f"{path}, doc 2: expected at most 2 characters, not 3")


def test_damaged_docbin(tmp_path):
    path = write_docs(tmp_path / "in.spacy", "a b c")
    write(path, path.read_bytes()[:-3])
    with pytest.raises(CorpusError, match=r"expected a complete \.spacy file"):
        read(path)


def test_format_may_differ_from_the_suffix(tmp_path):
    path = write(tmp_path / "in.ndjson", b'{"text": "a"}')
    assert read(path, "jsonl") == [SourceText("in-1", "a")]
    with pytest.raises(
        CorpusError, match=r"that ends in \.txt, .*formats txt, jsonl, csv, parquet"
    ):
        guess_text_format(path)


def test_nothing_is_read_ahead(tmp_path):
    path = tmp_path / "in.txt"
    with path.open("wb") as file:
        file.write(b"a\n" * 100_000)
    texts = read_texts(path, "txt", max_length=10)
    assert next(texts) == SourceText("in-1", "a")
    path.write_bytes(b"")
    # What is left is the buffer of the file
    assert sum(1 for _ in texts) < 100_000


@given(st.lists(st.text().filter(lambda text: "\n" not in text and not text.endswith("\r"))))
def test_lines_round_trip(tmp_path_factory, lines):
    path = write(tmp_path_factory.getbasetemp() / "lines.txt", b"")
    path.write_bytes(b"\xef\xbb\xbf" + "".join(f"{line}\n" for line in lines).encode())
    assert [text.text for text in read(path, max_length=10**6)] == (lines or [""])


@given(st.binary())
def test_any_bytes_are_texts_or_rejected(tmp_path_factory, data):
    for name in ("garbage.txt", "garbage.jsonl"):
        path = write(tmp_path_factory.getbasetemp() / name, data)
        for item in read(path):
            assert isinstance(item, (SourceText, RejectedText))
