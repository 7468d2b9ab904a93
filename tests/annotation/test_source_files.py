import bz2
import gzip
import lzma
import os
import sys
from glob import glob
from pathlib import Path

import pytest
from sources_util import read, write, write_docs

from spacy_eiou.annotation.source_files import (
    Shard,
    SourceFile,
    find_sources,
    get_size,
    get_suffix,
    guess_text_format,
    strip_suffixes,
    would_read,
)
from spacy_eiou.annotation.sources import SourceText, plan_shards
from spacy_eiou.corpora import CorpusError

LINE = gzip.compress(b'{"text": "z"}', mtime=0)


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


def test_format_may_differ_from_the_suffix(tmp_path):
    path = write(tmp_path / "in.ndjson", b'{"text": "a"}')
    assert read(path, "jsonl") == [SourceText("in-1", "a")]
    with pytest.raises(
        CorpusError, match=r"that ends in \.txt, .*formats txt, jsonl, csv, parquet"
    ):
        guess_text_format(path)


def test_nested_folder(tmp_path):
    for name in ("b/a.txt", "a.txt", "b/c/d.e.txt", ".hidden/x.txt", "b/.x.txt", "b/x.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / name, name.encode())
    expected = [SourceText(name.removesuffix(".txt"), name) for name in ["a.txt", "b/a.txt"]]
    assert read(tmp_path) == [*expected, SourceText("b/c/d.e", "b/c/d.e.txt")]
    assert read(tmp_path / "*" / "*.txt") == [SourceText("b/a", "b/a.txt")]
    assert read(f"{tmp_path}/**/a.txt") == expected


def test_link_to_a_folder_is_followed_once(tmp_path):
    (tmp_path / "in" / "a").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    write(tmp_path / "other" / "b.txt", b"c")
    (tmp_path / "in" / "a" / "link").symlink_to(tmp_path / "other")
    (tmp_path / "in" / "a" / "loop").symlink_to(tmp_path / "in")
    assert read(tmp_path / "in") == [SourceText("a/link/b", "c")]


def test_folder_of_lines(tmp_path):
    write(tmp_path / "b.jsonl", b'{"text": "x"}\n{}\n')
    write(tmp_path / "a.jsonl.gz", gzip.compress(b'\n{"text": "y"}\n', mtime=0))
    first, second, rejected = read(tmp_path)
    assert [first, second] == [SourceText("a-2", "y"), SourceText("b-1", "x")]
    assert rejected.number == 2
    write(tmp_path / "c.csv", b"text")
    with pytest.raises(CorpusError, match="files of one format, not csv, jsonl"):
        read(tmp_path)
    assert len(read(tmp_path, "jsonl")) == 3


@pytest.mark.parametrize("pattern", ["", "*"])
@pytest.mark.parametrize(
    "name, formats",
    [("b.jsonl", "jsonl, txt"), ("b.csv.gz", "csv, txt"), ("b.spacy", "docbin, txt")],
)
def test_no_file_is_left_out_because_of_others(tmp_path, pattern, name, formats):
    write(tmp_path / name, b"")
    write(tmp_path / "a.txt", b"x")
    path = tmp_path / pattern
    with pytest.raises(CorpusError) as caught:
        read(path)
    assert str(caught.value) == (
        f"{path}: expected files of one format, not {formats}. Choose one of them with --format, "
        "or move the others elsewhere"
    )
    assert read(path, "txt") == [SourceText("a", "x")]


def test_files_of_no_text_format_are_left_out(tmp_path):
    for name in ("a.ann", "a.txt", "annotation.conf", "a.json", "README"):
        write(tmp_path / name, b"x")
    assert read(tmp_path) == read(tmp_path / "*") == [SourceText("a", "x")]


def test_suffixes_in_any_case(tmp_path):
    write(tmp_path / "A.TXT", b"x")
    write(tmp_path / "b.txt", b"y")
    write(tmp_path / "C.Txt.GZ", gzip.compress(b"z"))
    assert read(tmp_path) == [SourceText("A", "x"), SourceText("C", "z"), SourceText("b", "y")]
    assert guess_text_format(write(tmp_path / "D.JSONL", b"")) == "jsonl"


@pytest.mark.parametrize(
    "source, output, expected",
    [
        ("texts", "texts/new/out.JSONL.gz", True),
        ("texts", "texts/summary.json", False),
        # The format could not be told.
        ("texts", "texts/log.txt", True),
        ("texts", "texts2/out.jsonl", False),
        ("texts/a.jsonl", "texts/out.jsonl", False),
        ("texts/*.jsonl", "texts/out.jsonl", True),
        ("texts/*.jsonl", "texts/new/out.jsonl", False),
        ("texts/*.jsonl", "texts/out.jsonl.gz", False),
        ("memory://in/", "memory://in/out.jsonl", True),
        ("memory://in/", "memory://out.jsonl", False),
        ("memory://in/*.jsonl", "memory://in/out.jsonl", True),
        ("memory://in/", "in/out.jsonl", False),
    ],
)
def test_what_would_be_read(in_tmp_path, source, output, expected):
    Path("texts").mkdir()
    write(Path("texts/a.jsonl"), b"")
    assert would_read(source, output) is expected


@pytest.mark.parametrize("folder", ["v", "v[1]", "*"])
@pytest.mark.parametrize(
    "pattern",
    [
        "in/**/*.jsonl",
        "**/.sub/*",
        "**",
        "*/**/b.jsonl",
        "in/*/*.jsonl",
        "*.jsonl",
        "./in/?.jsonl",
        "in/[bc]*",
    ],
)
@pytest.mark.parametrize(
    "output", ["b.jsonl", "in/b.jsonl", "in/sub/b.jsonl", "in/sub/sub/b.jsonl", "in/.sub/b.jsonl"]
)
def test_what_a_pattern_would_read(tmp_path, monkeypatch, folder, pattern, output):
    (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / folder)
    would = would_read(pattern, output)
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    write(Path(output), b"")
    assert would == (Path(output) in map(Path, glob(pattern, recursive=True)))


def test_no_source(tmp_path):
    for path in (tmp_path / "a.txt", f"{tmp_path}/*.txt"):
        with pytest.raises(CorpusError, match="expected a file"):
            read(path)


@pytest.mark.parametrize(
    "suffix,compress", [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_packed(tmp_path, suffix, compress):
    path = write(tmp_path / f"in.txt{suffix}", compress("\ufeffa\r\nb".encode()))
    assert read(path) == [SourceText("in-1", "a"), SourceText("in-2", "b")]
    docs = write_docs(tmp_path / "in.spacy", "a b", "c").read_bytes()
    path = write(tmp_path / f"docs.spacy{suffix}", compress(docs))
    assert read(path) == [SourceText("first", "a b"), SourceText("docs-2", "c")]


def test_zstandard(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    data = pyarrow.compress(b"a\nb", "zstd", asbytes=True)
    path = write(tmp_path / "in.txt.zst", data)
    assert [text.text for text in read(path)] == ["a", "b"]


@pytest.mark.parametrize(
    "name,data",
    [
        ("in.txt.gz", gzip.compress(b"a" * 1000, mtime=0)[:-9]),
        ("in.txt.gz", gzip.compress(b"a" * 1000, mtime=0)[:10] + b"b" * 1000),
        ("in.txt.bz2", bz2.compress(b"a" * 1000)[:-9]),
        ("in.txt.xz", lzma.compress(b"a" * 1000)[:-9]),
        ("in.txt.xz", b"a" * 1000),
    ],
)
def test_damaged_packed_file(tmp_path, name, data):
    path = write(tmp_path / name, data)
    with pytest.raises(CorpusError, match=f"{path}: expected a file that is packed and complete"):
        read(path)


@pytest.mark.parametrize("suffix", ["gz", "bz2", "zst"])
def test_file_that_is_not_packed(tmp_path, suffix):
    if suffix == "zst":
        pytest.importorskip("pyarrow")
    (tmp_path / "texts").mkdir()
    path = write(tmp_path / "texts" / f"a.txt.{suffix}", b"a" * 1000)
    write(tmp_path / "texts" / "b.txt", b"b")
    with pytest.raises(CorpusError, match=f"^{path}: expected a file that is packed and complete"):
        read(tmp_path / "texts")


@pytest.mark.parametrize(
    "name, suffix, stem",
    [
        ("a/b.txt", ".txt", "a/b"),
        ("b.jsonl.gz", ".jsonl", "b"),
        ("b.c.zst", ".c", "b"),
        ("b.tar.c", ".c", "b.tar"),
        ("b.gz", "", "b"),
        ("b", "", "b"),
        ("A/B.TXT", ".txt", "A/B"),
        ("B.Jsonl.GZ", ".jsonl", "B"),
    ],
)
def test_suffixes(name, suffix, stem):
    assert (get_suffix(name), strip_suffixes(name)) == (suffix, stem)


def test_files_of_a_source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("b.txt", "a.b.jsonl.gz", "c/d.jsonl"):
        Path(name).parent.mkdir(exist_ok=True)
        write(Path(name), b"")
    assert find_sources("b.txt") == [SourceFile("b.txt", "b")]
    assert find_sources("*.txt") == [SourceFile("b.txt", "b", is_text=True)]
    assert find_sources(".", "jsonl") == [
        SourceFile("./a.b.jsonl.gz", "a.b"),
        SourceFile("./c/d.jsonl", "c/d"),
    ]
    assert find_sources("c*/*") == [SourceFile("c/d.jsonl", "c/d")]


def test_pyarrow_that_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = write(tmp_path / "in.jsonl.zst", b"")
    with pytest.raises(CorpusError) as caught:
        read(path)
    assert str(caught.value) == (
        f"{path}: expected pyarrow to be installed. Try: pip install 'spacy-eiou[parquet]'"
    )


def test_size_of_an_address():
    fsspec = pytest.importorskip("fsspec")
    filesystem = fsspec.filesystem("memory")
    filesystem.pipe("/size/a.txt", b"abc")
    assert get_size("memory://size/a.txt") == 3
    filesystem.pipe({"/size/x/b.txt": b"b", "/size/y/b.txt": b"c"})
    assert find_sources("memory://size/*/b.txt", "txt") == [
        SourceFile(f"memory:///size/{name}/b.txt", f"{name}/b", is_text=True) for name in "xy"
    ]
    assert plan_shards([SourceFile("memory://size/a.txt", "a")], "txt", size=1) == [
        Shard([SourceFile("memory://size/a.txt", "a")], size=3)
    ]


def test_addresses():
    fsspec = pytest.importorskip("fsspec")
    filesystem = fsspec.filesystem("memory")
    filesystem.pipe({"/in/a.txt": b"x", "/in/b/c.txt": b"y", "/in.jsonl.gz": LINE})
    assert read("memory://in.jsonl.gz") == [SourceText("in-1", "z")]
    assert read("memory://in/") == [SourceText("a", "x"), SourceText("b/c", "y")]
    assert read("memory://in/*.txt") == [SourceText("a", "x")]
    filesystem.pipe({"/in/.git/a.txt": b"1", "/in/b/.d.txt": b"2", "/.in/e.txt": b"3"})
    assert read("memory://in/") == [SourceText("a", "x"), SourceText("b/c", "y")]
    assert read("memory://in/*/*.txt") == [SourceText("b/c", "y")]
    assert read("memory://.in/") == [SourceText("e", "3")]
    (shard,) = plan_shards(find_sources("memory://in.jsonl.gz"), "jsonl", size=1)
    assert shard.size == len(LINE)
    with pytest.raises(FileNotFoundError):
        read("memory://other.txt")
    with pytest.raises(OSError, match=r"Can't reach no-such-protocol://a\.txt"):
        read("no-such-protocol://a.txt")
