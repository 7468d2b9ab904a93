import csv
import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sources_util import TEXT, read, write, write_docs, write_parquet

from spacy_eiou.annotation import sources
from spacy_eiou.annotation.source_files import find_sources, guess_text_format
from spacy_eiou.annotation.sources import (
    Fields,
    RejectedText,
    SourceText,
    plan_shards,
    read_shard,
    read_texts,
)
from spacy_eiou.corpora import CorpusError


def test_lines(tmp_path):
    data = "\ufeffa\r\n\n😀 b\rc\u2028d\n\ufeff e ".encode()
    assert read(write(tmp_path / "notes.txt", data)) == [
        SourceText("notes-1", "a"),
        SourceText("notes-2", ""),
        SourceText("notes-3", "😀 b\rc\u2028d"),
        SourceText("notes-4", "\ufeff e "),
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


def test_id_that_is_no_string(tmp_path):
    path = write(tmp_path / "in.jsonl", b'{"id": null, "text": "a"}')
    assert read(path) == [SourceText("in-1", "a")]
    path = write(tmp_path / "in.jsonl", b'{"id": true, "text": "a"}\n{"id": ["x", 1], "text": "b"}')
    assert read(path) == [SourceText("true", "a"), SourceText('["x", 1]', "b")]
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


def test_docbin(tmp_path):
    path = write_docs(tmp_path / "in.spacy", TEXT, "")
    assert read(path) == [SourceText("first", TEXT), SourceText("in-2", "")]


def test_docbin_with_a_text_that_is_too_long(tmp_path):
    path = write_docs(tmp_path / "in.spacy", "a", "a b")
    text, rejected = read(path, max_length=2)
    assert text == SourceText("first", "a")
    assert (rejected.number, rejected.raw) == (2, "a b")
    assert rejected.reason.startswith(f"{path}, doc 2: expected at most 2 characters, not 3")


def test_changed_docbin(tmp_path):
    assert read(write_docs(tmp_path / "in.spacy", "a")) == [SourceText("first", "a")]
    assert read(write_docs(tmp_path / "in.spacy", "b c")) == [SourceText("first", "b c")]


def test_damaged_docbin(tmp_path):
    path = write_docs(tmp_path / "in.spacy", "a b c")
    write(path, path.read_bytes()[:-3])
    with pytest.raises(CorpusError, match=r"expected a complete \.spacy file"):
        read(path)


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
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            continue
        for item in read(path):
            assert isinstance(item, (SourceText, RejectedText))


def test_csv(tmp_path):
    data = "\ufeffid,text,year\n".encode() + b'7,"a, ""b""\nc",1998\n8\n,d,\n\n9,\xff,1\n'
    first, short, no_id, no_text = read(write(tmp_path / "in.csv", data))
    assert first == SourceText("7", 'a, "b"\nc', {"year": "1998"})
    assert no_id == SourceText("in-3", "d", {"year": ""})
    assert short.reason.startswith(f"{tmp_path / 'in.csv'}, row 2: expected an object with 'text'")
    # A blank line is no row, as in JSON Lines, but counts.
    assert (short.number, no_text.number) == (2, 5)
    assert "row 5: expected UTF-8" in no_text.reason


@pytest.mark.parametrize("header, doubled", [("text,id,text", ["text"]), ("text,a,a", ["a"])])
def test_csv_with_two_columns_of_one_name(tmp_path, header, doubled):
    path = write(tmp_path / "in.csv", f"{header}\n1,2,3\n".encode())
    with pytest.raises(CorpusError) as caught:
        read(path)
    message = f"{path}: expected one column of each name, not several of {doubled}"
    assert str(caught.value) == message


def test_csv_with_columns_without_a_name(tmp_path):
    assert read(write(tmp_path / "in.csv", b"text,,\na,,\n")) == [SourceText("in-1", "a", {"": ""})]


def test_csv_with_more_cells_than_the_header(tmp_path):
    path = write(tmp_path / "in.csv", b"id,text\n1,replace pump, leaking badly\n2,no leak,,\n")
    rejected, text = read(path)
    assert rejected == RejectedText(
        1,
        f"{path}, row 1: expected no more cells than the header has, not 3. A cell with a comma "
        "needs quotes",
        "['1', 'replace pump', ' leaking badly']",
    )
    # Nothing is lost with a cell that is empty.
    assert text == SourceText("2", "no leak")


@pytest.mark.parametrize(
    "data, message",
    [
        (
            b'text\na\n"b\nc\nd\n',
            "line 3: expected CSV, where quotes are closed, and doubled in a ",
        ),
        (b'text\na\n"b', "line 3: expected CSV, where quotes are closed"),
        (b'"text\na\n', "line 1: expected CSV, where quotes are closed"),
    ],
)
def test_csv_with_quotes_that_are_not_closed(tmp_path, data, message):
    path = write(tmp_path / "in.csv", data)
    with pytest.raises(CorpusError, match=f"{path}, {message}"):
        read(path)


def test_csv_with_text_after_a_quote(tmp_path):
    path = write(tmp_path / "in.csv", b'text\n"5"" hose" leaks\n"a" \n')
    assert [text.text for text in read(path)] == ['5" hose leaks', "a "]


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["in.txt", "in.csv", "in.jsonl", "in.csv.gz"])
def test_utf_16(tmp_path, name, codec):
    data = '\ufefftext\n{"text": "IL-2"}\n'.encode(codec)
    data = gzip.compress(data) if name.endswith(".gz") else data
    path = write(tmp_path / name, data)
    with pytest.raises(CorpusError) as caught:
        read(path)
    assert str(caught.value) == f"{path}: expected UTF-8, not UTF-16. Save it as UTF-8"


def test_utf_16_in_a_folder(tmp_path):
    write(tmp_path / "a.txt", "IL-2".encode("utf-16"))
    write(tmp_path / "b.txt", b"IL-2")
    rejected, text = read(tmp_path)
    assert rejected.reason == f"{tmp_path}/a.txt: expected UTF-8, not UTF-16. Save it as UTF-8"
    assert text == SourceText("b", "IL-2")


def test_csv_with_long_texts(tmp_path):
    path = write(tmp_path / "in.csv", b"text\n" + b"a" * 200_000)
    assert len(read(path, max_length=10**6)[0].text) == 200_000


def test_malformed_csv(tmp_path):
    with pytest.raises(CorpusError, match=r"expected a column 'text', not only \['a', 'b'\]"):
        read(write(tmp_path / "in.csv", b"a,b\n1,2"))


def test_id_key(tmp_path):
    path = write(tmp_path / "in.jsonl", b'{"pmid": 5, "id": 6, "text": "a"}')
    texts = read_texts(path, "jsonl", id_key="pmid", max_length=10)
    assert [*texts] == [SourceText("5", "a", {"id": 6})]


def write_source(folder, name):
    """Write a source of 40 texts, of which one or two are rejected."""
    texts = [f"text {number} {'x' * (number % 7)}" for number in range(40)]
    path = folder / name
    if name == "in":
        path.mkdir()
        for number, text in enumerate(texts):
            write(path / f"{number:02}.txt", text.encode())
        write(path / "07.txt", b"\xff")
    elif name == "in.txt":
        write(path, "\n".join(texts).encode().replace(b"text 5", b"\xff"))
    elif name == "in.jsonl":
        write(path, b"\xef\xbb\xbf" + b"\n\n".join(json.dumps({"text": t}).encode() for t in texts))
    elif name == "in.parquet":
        pyarrow, parquet = map(pytest.importorskip, ["pyarrow", "pyarrow.parquet"])
        table = pyarrow.table({"text": [*texts[:-1], None]})
        parquet.write_table(table, path, row_group_size=15)
    else:
        write_docs(path, *texts)
    return path


@pytest.mark.parametrize("size", [1, 64, 150, 10**6])
@pytest.mark.parametrize("name", ["in", "in.txt", "in.jsonl", "in.parquet", "in.spacy"])
def test_shards_are_the_whole(tmp_path, name, size):
    path = write_source(tmp_path, name)
    text_format = guess_text_format(path)
    shards = plan_shards(find_sources(path), text_format, size=size)
    assert sum(shard.size for shard in shards) > 0
    items = [
        item
        for shard in shards
        for item in read_shard(shard, text_format, Fields(), max_length=100)
    ]
    assert items == read(path)
    assert len(items) == 40
    if size in (64, 150):
        assert len(shards) >= 3


def plan(path, size):
    """RETURNS (List[Tuple]): What a shard has beside its files, and their names, of each shard."""
    shards = plan_shards(find_sources(path), guess_text_format(path), size=size)
    return [("".join(file.name for file in shard.files), *shard[1:]) for shard in shards]


def test_packed_file_is_one_shard(tmp_path):
    path = write(tmp_path / "in.txt.gz", gzip.compress(b"a\n" * 1000, mtime=0))
    assert plan(path, 10) == [("in", 0, 0, None, path.stat().st_size)]


def test_shards_of_files(tmp_path):
    for name, n_bytes in {"a": 3, "b": 2, "c": 1, "d": 9, "e": 0}.items():
        write(tmp_path / f"{name}.txt", b"x" * n_bytes)
    assert plan(tmp_path, 5) == [
        ("ab", 0, 0, None, 5),
        ("c", 2, 0, None, 1),
        ("d", 3, 0, None, 9),
        ("e", 4, 0, None, 0),
    ]
    assert plan(tmp_path, 100) == [("abcde", 0, 0, None, 15)]


def test_shards_of_lines(tmp_path):
    path = write(tmp_path / "in.txt", b"ab\ncd\n\nefg\nh")
    assert plan(path, 4) == [("in", 0, 0, 6, 6), ("in", 2, 6, 11, 5), ("in", 4, 11, 12, 1)]


def test_shards_of_rows(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    path = write_parquet(tmp_path / "in.parquet", text=[f"{n}" for n in range(2500)], x=[0] * 2500)
    n_bytes = parquet.ParquetFile(path).metadata.row_group(0).total_byte_size
    halves = [("in", 0, 0, 1250, n_bytes // 2), ("in", 1250, 1250, 2500, n_bytes // 2)]
    assert plan(path, n_bytes // 2) == halves
    assert plan(path, n_bytes + 1) == [("in", 0, 0, 2500, n_bytes)]
    assert len(plan(path, 1)) == 50
    files = find_sources(path)
    for shard in plan_shards(files, "parquet", size=n_bytes // 2):
        rows = list(read_shard(shard, "parquet", Fields(), max_length=9))
        assert [row.text for row in rows] == [f"{n}" for n in range(shard.start, shard.stop)]
    parquet.ParquetWriter(path, parquet.read_schema(path)).close()
    assert plan(path, 1) == [("in", 0, 0, None, 0)]
    assert read(path) == []


def test_shards_of_docs(tmp_path):
    path = write_docs(tmp_path / "in.spacy", *"abcde")
    size = path.stat().st_size
    assert plan(path, size // 2) == [
        ("in", 0, 0, 2, size * 2 // 5),
        ("in", 2, 2, 4, size * 2 // 5),
        ("in", 4, 4, 5, size // 5),
    ]
    assert plan(path, size) == [("in", 0, 0, 5, size)]


FORMATS = ".txt, .jsonl, .csv, .parquet, .spacy, one of the formats txt, jsonl, csv, parquet"


@pytest.mark.parametrize(
    "path, text_format, message",
    [
        ("none", None, "none: expected a file, a folder or a pattern"),
        (
            "a.md",
            None,
            f"a.md: expected a file that ends in {FORMATS}, docbin, or a folder of such files",
        ),
        ("in", "docbin", "in: expected a file, or a folder of .spacy files"),
        (
            "in",
            None,
            "in: expected files of one format, not csv, jsonl. Choose one of them with --format, "
            "or move the others elsewhere",
        ),
        ("in/*", "jsonl", "in/b.jsonl: expected a file, not a folder or a broken link"),
        ("in/a.csv", "csv", "in/a.csv: expected a column 'text', not only []"),
        ("x.csv", "csv", "x.csv: expected a column 'text', not only ['a']"),
        (
            "long.csv",
            "csv",
            "long.csv, line 2: expected CSV (field larger than field limit (9))",
        ),
        (
            "packed",
            "txt",
            "packed/b.txt.gz: expected a file that is packed and complete "
            "(Compressed file ended before the end-of-stream marker was reached)",
        ),
    ],
)
def test_whole_messages(tmp_path, monkeypatch, path, text_format, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sources, "CSV_LIMIT", 9)
    for folder in ("in", "packed"):
        Path(folder).mkdir()
    contents = {
        **{"a.md": b"", "in/a.csv": b"", "x.csv": b"a\n", "long.csv": b"text\n" + b"x" * 10},
        **{"packed/a.txt.gz": gzip.compress(b"x"), "packed/b.txt.gz": gzip.compress(b"x")[:-1]},
    }
    for name, data in contents.items():
        write(Path(name), data)
    Path("in/b.jsonl").symlink_to("nowhere")
    with pytest.raises(CorpusError) as caught:
        read(path, text_format)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "line, reason",
    [
        (
            b"aaaaaa",
            "expected at most 5 characters, not 6 (raise `max_length` of the pipeline, or split "
            "the text)",
        ),
        (
            b"\xff",
            "expected UTF-8 ('utf-8' codec can't decode byte 0xff in position 0: invalid start "
            "byte)",
        ),
    ],
)
def test_whole_reasons(tmp_path, line, reason):
    path = write(tmp_path / "in.txt", line)
    (rejected,) = read(path, max_length=5)
    assert rejected == RejectedText(
        1, f"{path}, line 1: {reason}", line.decode(errors="backslashreplace")
    )


def test_cells_of_csv_keep_their_line_ends(tmp_path):
    limit = csv.field_size_limit()
    data = b'text,id\r\n"a\r\nb\rc",\r\n"d",7\r\n'
    assert read(write(tmp_path / "in.csv", data)) == [
        SourceText("in-1", "a\r\nb\rc"),
        SourceText("7", "d"),
    ]
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize("header, row", [(b"text,x", b"a,\xff"), (b"text,\xff", b"a,b")])
def test_bytes_of_csv_that_are_no_text(tmp_path, header, row):
    (rejected,) = read(write(tmp_path / "in.csv", header + b"\n" + row))
    assert rejected.reason.startswith(f"{tmp_path / 'in.csv'}, row 1: expected UTF-8 (")
    assert r"\udcff" in rejected.raw


def test_ids_that_are_numbers(tmp_path):
    path = write_parquet(tmp_path / "in.parquet", text=["a", "b"], id=[float("nan"), 1.5])
    assert read(path) == [SourceText("in-1", "a"), SourceText("1.5", "b")]
