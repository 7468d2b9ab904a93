import re
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest

from spacy_eiou import corpora
from spacy_eiou.corpora import READERS, CorpusError, Record, list_files
from spacy_eiou.corpora.formats import FORMATS, Format, guess_format, register_format

PAGE = Path(__file__).parents[3] / "docs" / "formats.md"


def read_lines(path: Path, *, label: str = "X") -> Iterator[Record]:
    for line in path.read_text("utf8").splitlines():
        yield Record(line, label, ())


def test_formats_are_found_by_themselves():
    names = {"brat", "cmeee", "cmeee-json", "conll", "docbin", "genia", "iob2", "jsonl"}
    assert set(READERS) == set(FORMATS) == names | {"label-studio", "maintie"}
    assert set(corpora.__all__) >= {reader.__name__ for reader in READERS.values()}


def test_each_format_has_a_section_of_the_page():
    sections = re.findall("^## `(.+)`$", PAGE.read_text("utf8"), re.MULTILINE)
    assert sections == sorted(FORMATS)


def test_torch_is_not_needed():
    code = "import sys; sys.modules['torch'] = None; import spacy_eiou.corpora"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert result.returncode == 0, result.stderr


def test_files_are_listed_without_hidden_ones_and_subfolders(tmp_path):
    for name in ("b.txt", "a.txt", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    assert list_files([tmp_path]) == {tmp_path / "a.txt", tmp_path / "b.txt"}
    assert list_files([tmp_path / ".hidden"]) == {tmp_path / ".hidden"}


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


@pytest.mark.parametrize("given", [["b/a.ann"], ["b/a.txt"], ["b/a.txt", "b/a.ann"]])
def test_files_that_belong_together_are_found_together(given):
    expected = [Path("b/a.ann"), Path("b/a.txt")]
    assert FORMATS["brat"].find_files(map(Path, given)) == expected


def test_options():
    maintie = FORMATS["maintie"]
    maintie.check_options({"level": 3})
    for value in (4, "1"):
        with pytest.raises(CorpusError, match=f"Expected another level than {value!r}"):
            maintie.check_options({"level": value})
    with pytest.raises(CorpusError, match="Expected no level: the format 'lines' has none"):
        Format("lines", read_lines).check_options({"level": 1})


@pytest.mark.parametrize(
    "names, found",
    [
        (["a.jsonl", "b.jsonl", "README.md"], "jsonl"),
        (["a.txt", "a.ann"], "brat"),
        (["a.spacy"], "docbin"),
        (["a.conll"], "conll"),
        (["a.iob2"], "iob2"),
    ],
)
def test_guess_format(names, found):
    assert guess_format(map(Path, names)).name == found


@pytest.mark.parametrize(
    "names, suffixes", [(["a.json"], "'.json'"), (["a.jsonl", "a.spacy"], "'.jsonl', '.spacy'")]
)
def test_guess_format_of_unclear_files(names, suffixes):
    expected = rf"the suffixes are {suffixes}\)\. Choose it with --format: brat, .*maintie"
    with pytest.raises(CorpusError, match=expected):
        guess_format(map(Path, names))
