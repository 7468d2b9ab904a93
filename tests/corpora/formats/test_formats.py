import gzip
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Iterator

import pyarrow
import pytest
from spacy.tokens import DocBin

from spacy_eiou import corpora
from spacy_eiou.corpora import READERS, WRITERS, CorpusError, Entity, Record, list_files
from spacy_eiou.corpora.formats import FORMATS, Format, recognize, register_format

PAGE = Path(__file__).parents[3] / "docs" / "formats.md"


def read_lines(path: Path, *, label: str = "X") -> Iterator[Record]:
    for line in path.read_text("utf8").splitlines():
        yield Record(line, label, ())


def test_formats_are_found_by_themselves():
    names = {"brat", "cmeee", "cmeee-json", "conll", "docbin", "genia", "iob2", "jsonl"}
    names |= {"bioc", "json", "label-studio", "maintie", "parquet", "pubtator", "table", "uima-cas"}
    names |= {"webanno"}
    assert set(READERS) == set(FORMATS) == names
    assert set(corpora.__all__) >= {reader.__name__ for reader in READERS.values()}


def test_each_format_has_a_section_of_the_page():
    sections = re.findall("^## `(.+)`$", PAGE.read_text("utf8"), re.MULTILINE)
    assert sections == sorted(FORMATS)


def test_the_page_tells_what_each_writer_holds():
    table = re.findall(r"^\| `([\w-]+)` \|(.*)\|$", PAGE.read_text("utf8"), re.MULTILINE)
    cells = {name: [cell.strip() for cell in re.split(r"(?<!\\)\|", row)] for name, row in table}
    assert list(cells) == sorted(WRITERS)
    for name, (suffix, *holds, _) in cells.items():
        writer = WRITERS[name]
        assert suffix == (f"`{writer.suffix}`" if writer.suffix else "a folder")
        names = ("ids", "groups", "identifiers", "scores")
        assert [cell == "yes" for cell in holds] == [item in writer.holds for item in names]


def test_torch_is_not_needed():
    code = "import sys; sys.modules['torch'] = None; import spacy_eiou.corpora"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert result.returncode == 0, result.stderr


def list_names(paths):
    return [file.name for file in list_files(paths)]


def test_files_are_listed_with_those_of_folders_but_without_hidden_ones(tmp_path):
    (tmp_path / "folder" / ".hidden").mkdir(parents=True)
    for name in ("b.txt", "a.txt", ".c.txt", "folder/a.txt", "folder/.hidden/a.txt"):
        (tmp_path / name).touch()
    (tmp_path / "a.txt.account.json").touch()
    assert list_names([tmp_path]) == ["a.txt", "b.txt", "folder/a.txt"]
    assert list_names([tmp_path / ".c.txt", tmp_path / "a.txt"]) == [".c.txt", "a.txt"]


def test_links_that_lead_back_are_not_followed_twice(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").touch()
    (tmp_path / "folder" / "loop").symlink_to(tmp_path)
    assert list_names([tmp_path]) == ["folder/a.txt"]


def test_registered_reader_reads_files_and_folders_in_the_order_of_the_names(tmp_path, monkeypatch):
    for name in ("FORMATS", "READERS"):
        monkeypatch.setattr(f"spacy_eiou.corpora.formats.registry.{name}", {})
    (tmp_path / "b.txt").write_text("3\n", encoding="utf8")
    (tmp_path / "a.txt").write_text("1\n2\n", encoding="utf8")
    read = register_format("lines")(read_lines)
    assert list(read(tmp_path, label="Y")) == [Record(name, "Y", ()) for name in "123"]
    assert list(read(tmp_path / "b.txt")) == [Record("3", "X", ())]


@pytest.mark.parametrize("name", FORMATS)
def test_folder_without_a_file_of_the_format(tmp_path, name):
    with pytest.raises(CorpusError, match=f"expected a file in the format '{name}'"):
        list(READERS[name](tmp_path))


@pytest.mark.parametrize("given", [["a.ann"], ["a.txt"], ["a.txt", "a.ann"], ["a.a2"]])
def test_files_that_belong_together_are_read_together(tmp_path, given):
    for suffix in (".txt", ".ann", ".a2"):
        (tmp_path / f"a{suffix}").touch()
    listed = list_files(tmp_path / name for name in given)
    assert [file.name for file in FORMATS["brat"].select(listed)] == ["a.txt"]
    assert [file.name for file in FORMATS["brat"].add_beside(listed)] == ["a.a2", "a.ann", "a.txt"]


def test_options():
    maintie = FORMATS["maintie"]
    maintie.check_options({"level": 3})
    for value in (4, "1"):
        with pytest.raises(CorpusError, match=f"Expected another level than {value!r}"):
            maintie.check_options({"level": value})
    with pytest.raises(CorpusError, match="Expected no level: the format 'lines' has none"):
        Format("lines", read_lines).check_options({"level": 1})


PLAIN = {"a.md": "# Notes\n\nWhat this is.\n"}
ITEM = {"text": "IL-2 gene", "spans": [[0, 4, "protein"]]}
TAGGED = "IL-2 B-protein\ngene O\n"
CONTENTS = {
    "bioc": {"a.xml": "<collection><document></document></collection>"},
    "brat": {"a.txt": "x", "a.ann": ""},
    "cmeee": {"a.txt": "IL-2|||0    3    bod|||\n"},
    "cmeee-json": {"a": [{"text": "x", "entities": [{"start_idx": 0, "end_idx": 0, "type": "X"}]}]},
    "conll": {"a.txt": TAGGED},
    "iob2": {"a.iob2": TAGGED},
    "genia": {"a.xml": "<set><article><articleinfo><bibliomisc>1</bibliomisc></articleinfo>"},
    "json": {"a.txt": [ITEM]},
    "jsonl": {"a.json": ITEM},
    "label-studio": {"a.json": [{"data": {"text": "x"}, "annotations": []}]},
    "maintie": {"a.json": [{"text": "x", "tokens": ["x"], "entities": [{"type": "A/B"}]}]},
    "pubtator": {"a.txt": "1|t|IL-2 gene\n1|a|It binds.\n"},
    "table": {"a.csv": 'text,label\nIL-2,"[[0, 4, ""protein""]]"\n'},
    "uima-cas": {"a.json": {"%FEATURE_STRUCTURES": []}},
    "webanno": {"a.tsv": "#FORMAT=WebAnno TSV 3.3\n"},
}


def write_all(folder, files):
    for name, content in files.items():
        (folder / name).write_text(
            content if isinstance(content, str) else json.dumps(content), encoding="utf8"
        )
    return folder


@pytest.mark.parametrize("name", CONTENTS)
def test_format_is_told_by_the_content(tmp_path, name):
    corpus_format, files, unknown = recognize([write_all(tmp_path, {**PLAIN, **CONTENTS[name]})])
    assert corpus_format.name == name
    assert [file.name for file in files] == sorted(CONTENTS[name])
    assert [file.name for file in unknown] == ["a.md"]


def test_format_of_a_docbin_is_told_by_the_content(tmp_path):
    DocBin().to_disk(tmp_path / "a.bin")
    assert recognize([tmp_path])[0].name == "docbin"


@pytest.mark.parametrize(
    "files, message",
    [
        (PLAIN, r"Can't tell the format of .*a\.md \(lines such as '# Notes'\)\. Choose it"),
        ({"a.json": [{"x": 1, "y": 2}]}, r"a\.json \(JSON objects with 'x', 'y'\)"),
        ({"a.bin": "\0"}, r"a\.bin \(binary data\)"),
        ({}, "where no file is"),
        (
            {"a.jsonl": ITEM, "b.conll": TAGGED},
            r"in one format, not in 'jsonl' \(.*a\.jsonl\) and 'conll' \(.*b\.conll\)",
        ),
    ],
)
def test_format_that_the_content_does_not_tell(tmp_path, files, message):
    with pytest.raises(CorpusError, match=message):
        recognize([write_all(tmp_path, files)])


LINE = json.dumps(ITEM).encode()


def zip_files(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "name, data, ids",
    [
        ("a.jsonl.gz", gzip.compress(LINE, mtime=0), ["a-1"]),
        ("a.jsonl.zst", pyarrow.compress(LINE, codec="zstd", asbytes=True), ["a-1"]),
        ("a.zip", zip_files({"b.jsonl": LINE, "c/b.jsonl": LINE}), ["b-1", "c/b-1"]),
    ],
)
def test_compressed_files_are_read_and_recognized(tmp_path, name, data, ids):
    (tmp_path / name).write_bytes(data)
    assert recognize([tmp_path])[0].name == "jsonl"
    records = list(READERS["jsonl"](tmp_path))
    assert [record.id for record in records] == ids
    assert all(record.entities == (Entity(0, 4, "protein"),) for record in records)


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".zip"])
def test_damaged_compressed_file(tmp_path, suffix):
    (tmp_path / f"a.jsonl{suffix}").write_bytes(b"damaged")
    with pytest.raises(CorpusError, match=rf"a\.jsonl{suffix}: expected a complete {suffix} file"):
        list(READERS["jsonl"](tmp_path))


def test_messages_name_the_file_in_the_archive(tmp_path):
    (tmp_path / "a.zip").write_bytes(zip_files({"b.jsonl": b"{"}))
    (record,) = READERS["jsonl"](tmp_path / "a.zip")
    assert record.bad[0].startswith(f"{tmp_path}/a.zip/b.jsonl, line 1: expected valid JSON")


def test_names_that_are_not_utf8(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jsonl"))
    path.write_bytes(LINE + b"\n{")
    first, second = READERS["jsonl"](tmp_path)
    assert first.id == r"caf\udce9-1"
    assert r"caf\udce9.jsonl, line 2: expected valid JSON" in second.bad[0]
    assert recognize([tmp_path])[0].name == "jsonl"
