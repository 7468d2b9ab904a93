from pathlib import Path

import pytest

from spacy_eiou.annotation.checks import (
    check_apart,
    check_new,
    check_outside,
    check_part_folder,
    check_shards_folder,
)
from spacy_eiou.annotation.folders import LOCK
from spacy_eiou.annotation.resume import MANIFEST
from spacy_eiou.corpora import CorpusError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("in.jsonl", "old.jsonl"):
        (tmp_path / name).touch()
    for name in ("empty", "full", "sub"):
        (tmp_path / name).mkdir()
    (tmp_path / "full" / "a.txt").touch()
    (tmp_path / "link.jsonl").symlink_to("in.jsonl")
    (tmp_path / "up").symlink_to(".")
    return tmp_path


def paths(*names):
    return [Path(name) for name in names]


def test_outputs_of_their_own():
    check_apart(paths("out.jsonl", "sub/page.html", "empty", "new"), ["in.jsonl", "sub/a.txt"])


@pytest.mark.parametrize(
    "other",
    [
        "out.jsonl",
        "sub/../out.jsonl",
        "up/out.jsonl",
        "out.jsonl.part",
        "out.jsonl.part/_manifest.json",
        ".out.jsonl.lock",
        "out.jsonl/page.html",
    ],
)
def test_outputs_that_meet(folder, other):
    for first, second in [("out.jsonl", other), (other, folder / "out.jsonl")]:
        with pytest.raises(CorpusError, match="an output path of its own for each output"):
            check_apart(paths(first, second), [])


@pytest.mark.parametrize(
    "output,source",
    [
        ("in.jsonl", "in.jsonl"),
        ("in.jsonl", "link.jsonl"),
        ("link.jsonl", "in.jsonl"),
        ("up/in.jsonl", "in.jsonl"),
        ("out.jsonl", "out.jsonl.part"),
        ("out.jsonl", "out.jsonl.part.json"),
        ("full", "full/a.txt"),
    ],
)
def test_input_is_no_output(output, source):
    with pytest.raises(CorpusError, match="is read, and would be lost"):
        check_apart(paths("other.jsonl", output), ["other.txt", source])


@pytest.mark.parametrize(
    "path,folders,message",
    [
        ("old.jsonl", [], "To overwrite old.jsonl, set --force"),
        ("empty", [], "Expected an output file: empty is a directory"),
        ("full", ["full"], "Expected a new output directory: full is not empty"),
        ("old.jsonl", ["old.jsonl"], "Expected a new output directory: old.jsonl is a file"),
    ],
)
def test_what_is_there(folder, path, folders, message):
    with pytest.raises(CorpusError, match=message):
        check_new(paths(path), paths(*folders), own=(), force=False)
    check_new(paths(path), paths(*folders), own=[folder / path], force=False)


def test_what_may_be_there():
    check_new(paths("old.jsonl", "empty", "new"), paths("empty", "new"), own=(), force=True)


def test_folder_in_the_place_of_a_work_file():
    for name in ("part-00000.jsonl", ".shards.jsonl", "merged.jsonl"):
        Path("empty", name).touch()
    for name in ("empty", "new", "in.jsonl"):
        check_part_folder(Path(name))
    for _ in range(2):
        with pytest.raises(CorpusError, match=r"full/a\.txt is in the place of a work file"):
            check_part_folder(Path("full"))
        Path("full", MANIFEST).write_text('{"sha256": "1"}')


def test_folder_of_shards_holds_nothing_else():
    folder = Path("full")
    (folder / MANIFEST).write_text('{"sha256": "1"}')
    names = ["part-00000.jsonl", "_part-00000.rejected.jsonl", ".part-00001.jsonl.new.7"]
    for name in [*names, f".{MANIFEST}.new.7", ".shards.jsonl"]:
        (folder / name).touch()
    with pytest.raises(CorpusError, match=r"in an output directory: full/a\.txt would be lost"):
        check_shards_folder(folder, force=True)
    (folder / "a.txt").unlink()
    check_shards_folder(folder, force=False)
    for name in (
        "part-all.jsonl",
        "part-00000.txt",
        "merged.jsonl",
        f"{MANIFEST}.bak",
        ".gitignore",
    ):
        (folder / name).touch()
        with pytest.raises(CorpusError, match=f"full/{name} would be lost"):
            check_shards_folder(folder, force=False)
        (folder / name).unlink()


def test_folder_of_an_earlier_version():
    for name in ("manifest.json", "part-00000.jsonl"):
        Path("empty", name).touch()
    with pytest.raises(CorpusError, match="Expected a new output directory: empty is not empty"):
        check_shards_folder(Path("empty"), force=True)


def test_folder_with_a_lock_is_empty():
    Path("empty", LOCK).touch()
    check_shards_folder(Path("empty"), force=False)


def test_outside(folder):
    check_outside([Path("sub"), Path("fuller")], [Path("full")], "the model")
    with pytest.raises(CorpusError, match="outside of the model, not up/full/a"):
        check_outside([Path("up/full/a")], [folder / "full"], "the model")
