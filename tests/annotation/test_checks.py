from pathlib import Path

import pytest

from spacy_eiou.annotation.checks import check_outputs, check_outside
from spacy_eiou.corpora import CorpusError


def check(output, exports=(), *, folders=(), inputs=("in.jsonl",), force=False):
    arguments = [[Path(path) for path in paths] for paths in (exports, folders, inputs)]
    check_outputs(Path(output), *arguments, force=force)


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


def test_outputs_of_their_own():
    check("out.jsonl", ["sub/page.html", "empty", "new"], folders=["empty", "new"])
    check("old.jsonl", force=True)


@pytest.mark.parametrize(
    "exports",
    [
        ["out.jsonl"],
        ["sub/../out.jsonl"],
        ["up/out.jsonl"],
        ["out.jsonl.part"],
        ["out.jsonl.part.json"],
        [".out.jsonl.lock"],
        ["new", "new/page.html"],
    ],
)
def test_outputs_that_meet(folder, exports):
    with pytest.raises(CorpusError, match="an output path of its own for each output"):
        check("out.jsonl", exports, folders=["new"])
    with pytest.raises(CorpusError, match="an output path of its own for each output"):
        check("out.jsonl", [folder / path for path in exports], folders=[folder / "new"])


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
        check(output, inputs=[source], force=True)
    with pytest.raises(CorpusError, match="is read, and would be lost"):
        check("other.jsonl", [output], inputs=[source], force=True)


@pytest.mark.parametrize(
    "exports,folders,message",
    [
        (["old.jsonl"], [], "To overwrite old.jsonl, set --force"),
        (["empty"], [], "Expected an output file: empty is a directory"),
        (["full"], ["full"], "Expected a new output directory: full is not empty"),
        (["old.jsonl"], ["old.jsonl"], "Expected a new output directory: old.jsonl is a file"),
    ],
)
def test_what_is_there(exports, folders, message):
    with pytest.raises(CorpusError, match=message):
        check("out.jsonl", exports, folders=folders)


def test_outside(folder):
    check_outside([Path("sub"), Path("fuller")], [Path("full")], "the model")
    with pytest.raises(CorpusError, match="outside of the model, not up/full/a"):
        check_outside([Path("up/full/a")], [folder / "full"], "the model")
