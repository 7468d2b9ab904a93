"""Files of a corpus: in folders, compressed, and with any name."""

import gzip
import sys
import zipfile
from pathlib import Path

import pytest

from spacy_eiou.corpora import CorpusError
from spacy_eiou.corpora._files import CorpusFile, list_files, printable, unpacked

pytestmark = pytest.mark.usefixtures("in_tmp_path")


def write(name, data=b"x"):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(data)


def test_names():
    file = CorpusFile(Path("d/a.b.txt"), "c/a.b.txt")
    assert file.stem == "c/a.b"
    assert file.with_suffix(".ann") == CorpusFile(Path("d/a.b.ann"), "c/a.b.ann")
    assert file.explain("d/a: no \udce9") == r"d/a: no \udce9"
    assert file._replace(shown=("d", "x.zip")).explain("d/a: no \udce9") == r"x.zip/a: no \udce9"
    assert printable(Path("a\udce9é")) == r"a\udce9é"


def test_files_are_listed_once_and_by_name():
    for name in ("d/b", "d/a/c", "d/.a", "d/.e/a", "e/b", "f"):
        write(name)
    listed = list_files([Path("f"), Path("e"), Path("d"), Path("d/b"), Path("f"), Path("e/b")])
    assert listed == [
        CorpusFile(Path("d/a/c"), "a/c"),
        CorpusFile(Path("d/b"), "b"),
        CorpusFile(Path("e/b"), "b"),
        CorpusFile(Path("f"), "f"),
    ]
    (Path("d") / "broken").symlink_to("nowhere")
    (Path("d") / "a" / "loop").symlink_to(Path("d").resolve())
    (Path("d") / "z").symlink_to(Path("e").resolve())
    with pytest.warns(UserWarning, match="Left out d/broken: the link leads nowhere"):
        assert [file.name for file in list_files([Path("d")])] == ["a/c", "b", "z/b"]


def test_accounts_are_no_files_of_a_corpus():
    account = b'{"documents": 1, "tokens": 1, "entities": 1, "entities_per_label": {}}'
    files = {"a.spacy": b"", "a.json": account, "b.jsonl": b"", "b.jsonl.account.json": account}
    for name, data in {**files, "c.json": account, "d.spacy": b"", "d.json": b"[]"}.items():
        write(f"d/{name}", data)
    names = [file.name for file in list_files([Path("d")])]
    assert names == ["a.spacy", "b.jsonl", "c.json", "d.json", "d.spacy"]


def test_unpacked_files():
    write("d/a.txt.gz", gzip.compress(b"a"))
    write("a.tar.gz")
    write("b.txt")
    with zipfile.ZipFile("d/c.zip", "w") as archive:
        for name in ("x/y.txt", "z.txt", "__MACOSX/z.txt"):
            archive.writestr(name, name)
    files = list_files([Path("d"), Path("a.tar.gz"), Path("b.txt")])
    files.append(CorpusFile(Path("d/c.zip"), "d/c.zip"))
    with unpacked(files) as members:
        found = [
            (file.name, file.path.read_bytes(), file.explain(str(file.path))) for file in members
        ]
    assert found == [
        ("a.tar.gz", b"x", "a.tar.gz"),
        ("a.txt", b"a", "d/a.txt.gz/a.txt"),
        ("b.txt", b"x", "b.txt"),
        ("c/x/y.txt", b"x/y.txt", "d/c.zip/x/y.txt"),
        ("c/z.txt", b"z.txt", "d/c.zip/z.txt"),
        ("d/c/x/y.txt", b"x/y.txt", "d/c.zip/x/y.txt"),
        ("d/c/z.txt", b"z.txt", "d/c.zip/z.txt"),
    ]
    assert not any(member.path.exists() for member in members[3:])
    with unpacked(list_files([Path("d/c.zip")])) as members:
        assert [file.name for file in members] == ["x/y.txt", "z.txt"]


@pytest.mark.parametrize(
    "name, message",
    [
        ("a.zip", "a.zip: expected a complete .zip file (File is not a zip file)"),
        ("d/a.gz", "d/a.gz: expected a complete .gz file (Not a gzipped file (b'x'))"),
    ],
)
def test_damaged_files(name, message):
    write(name)
    with pytest.raises(CorpusError) as caught, unpacked(list_files([Path(name)])):
        pass
    assert str(caught.value) == message


def test_missing_package(monkeypatch):
    write("a.zst")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(CorpusError) as caught, unpacked(list_files([Path("a.zst")])):
        pass
    assert str(caught.value) == (
        "a.zst: to read .zst files, install the extra: pip install 'spacy-eiou[parquet]'"
    )
