import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Optional, Sequence, Union

import pytest

from spacy_eiou.corpora import convert, init_project, read_docbin
from spacy_eiou.files import (
    accepts_strings,
    check_not_read,
    encode_json_line,
    replacing,
    to_json_line,
    write_file,
    write_files,
)


def test_strings_in_the_place_of_paths():
    @accepts_strings
    def f(a: Path, b: Union[str, Path], *, c: Sequence[Path] = (), d: Optional[Path] = None):
        """Doc."""
        return a, b, c, d

    assert f("a", "b", c=["c", Path("d")], d="e") == (
        *(Path("a"), "b", [Path("c"), Path("d")], Path("e")),
    )
    assert f(Path("a"), b="b") == (Path("a"), "b", (), None)
    assert f.__doc__ == "Doc."
    with pytest.raises(TypeError, match="missing a required argument: 'b'"):
        f("a")


def test_one_path_in_the_place_of_several():
    @accepts_strings
    def f(
        a: Sequence[Path],
        b: Optional[Sequence[Path]] = None,
        c: Sequence[Union[str, Path]] = (),
        d: Sequence[str] = (),
        e: Union[str, Path] = "",
    ):
        return a, b, c, d, e

    assert f("a", Path("b"), "c", "d", "e") == ([Path("a")], [Path("b")], ["c"], "d", "e")
    assert f(["a"], None, [Path("c")], ["d"]) == ([Path("a")], None, [Path("c")], ["d"], "")


def test_project_of_one_path(in_tmp_path):
    lines = (f'{{"text": "IL-{number} gene", "spans": [[0, 4, "DNA"]]}}\n' for number in range(9))
    Path("notes.jsonl").write_text("".join(lines))
    assert init_project("project", "notes.jsonl", lang="en").n_files == 1


FUNCTIONS = [
    *("corpora.convert", "corpora.write_records", "corpora.prepare", "corpora.init_project"),
    *("evaluation.statistics", "evaluation.evaluate", "evaluation.analyze", "evaluation.agreement"),
    *("evaluation.write_card", "pipeline.calibrate", "pipeline.package", "studies.compare"),
    *("studies.curve", "studies.find_suspects", "training.self_train", "training.make_vectors"),
]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_the_library_take_strings(name):
    module, _, function = name.partition(".")
    decorated = getattr(import_module(f"spacy_eiou.{module}"), function)
    assert decorated.__wrapped__.__module__.startswith("spacy_eiou.")


def test_corpora_are_converted_by_strings(in_tmp_path):
    Path("notes.jsonl").write_text('{"text": "IL-2 gene", "spans": [[0, 4, "protein"]]}')
    (account,) = convert("notes.jsonl", "notes.spacy", lang="en").values()
    assert account.documents == 1
    (record,) = read_docbin("notes.spacy")
    assert [entity.label for entity in record.entities] == ["protein"]


def test_files_are_written_with_their_directories(tmp_path):
    contents = {tmp_path / "a" / "b": b"1", tmp_path / "c": b"2"}
    write_files(contents)
    assert {path: path.read_bytes() for path in contents} == contents
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "c"]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_file_is_replaced(tmp_path):
    path = tmp_path / "new" / "file"
    for data in (b"1", b"2"):
        write_file(path, data)
        assert path.read_bytes() == data
    assert names(path.parent) == ["file"]


def test_directory_is_replaced_with_all_that_was_in_it(tmp_path):
    path = tmp_path / "folder"
    for name in ("old", "new"):
        with replacing(path) as new:
            new.mkdir()
            (new / name).touch()
    assert names(path) == ["new"]
    assert names(tmp_path) == ["folder"]


def test_a_directory_is_never_replaced_by_a_file(tmp_path):
    write_file(tmp_path / "reports" / "a.json", b"1")
    message = f"Expected an output file: {tmp_path / 'reports'} is a directory"
    for write in (
        lambda path: write_file(path, b"2"),
        lambda path: write_files({tmp_path / "b.json": b"2", path: b"2"}),
        lambda path: check_not_read(path, []),
    ):
        with pytest.raises(IsADirectoryError, match=message):
            write(tmp_path / "reports")
    assert names(tmp_path / "reports") == ["a.json"]
    assert names(tmp_path) == ["reports"]


@pytest.mark.parametrize("make", ["touch", "mkdir"])
def test_what_fails_leaves_the_old_one(tmp_path, make):
    write_file(tmp_path / "file", b"old")
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "file") as new:
        getattr(new, make)()
        raise KeyboardInterrupt
    assert (tmp_path / "file").read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize(
    "output, is_lost",
    [
        ("dev.spacy", True),
        ("sub/../dev.spacy", True),
        ("link", True),
        ("model/config.cfg", True),
        ("model/meta.json", True),
        ("model/ner/cfg", True),
        ("model", True),
        # Beside the files that are read, as those of an earlier run
        ("model/scores.json", False),
        ("model/new.txt", False),
        ("dev.json", False),
    ],
)
def test_what_is_read_is_not_written(tmp_path, output, is_lost):
    for name in ("dev.spacy", "model/config.cfg", "model/meta.json", "model/ner/cfg"):
        write_file(tmp_path / name, b"1")
    write_file(tmp_path / "model" / "scores.json", b"1")
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to("dev.spacy")
    inputs = [tmp_path / "dev.spacy", str(tmp_path / "model"), "en_core_web_sm"]
    if is_lost:
        with pytest.raises(ValueError, match="is read, and would be lost"):
            check_not_read(tmp_path / output, inputs)
    else:
        check_not_read(tmp_path / output, inputs)


def test_lines_of_json():
    assert to_json_line({"a": "é\n", "b": float("nan")}) == '{"a": "é\\n", "b": NaN}\n'
    assert encode_json_line({"a": "é\n"}) == '{"a": "é\\n"}\n'.encode()
    with pytest.raises(ValueError):
        encode_json_line(float("nan"))


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path):
    (tmp_path / "disk" / "folder").mkdir(parents=True)
    for name in ("file", "folder", "new"):
        (tmp_path / name).symlink_to(Path("disk", name))
    write_file(tmp_path / "file", b"1")
    write_files({tmp_path / "file": b"2", tmp_path / "new": b"3"})
    with replacing(tmp_path / "folder") as new:
        new.mkdir()
        (new / "a").touch()
    assert all((tmp_path / name).is_symlink() for name in ("file", "folder", "new"))
    assert [(tmp_path / "disk" / name).read_bytes() for name in ("file", "new")] == [b"2", b"3"]
    assert names(tmp_path / "folder") == ["a"]
    assert names(tmp_path / "disk") == ["file", "folder", "new"]


@pytest.mark.skipif(not os.path.exists("/dev/stdout"), reason="needs /dev/stdout")
@pytest.mark.parametrize("stdout", ["file", "pipe"])
def test_the_standard_output_goes_on(tmp_path, stdout):
    code = (
        "from pathlib import Path; from spacy_eiou.files import write_file, write_files;"
        "print('before', flush=True); path = Path('/dev/stdout');"
        "write_file(path, b'1,'); write_files({path: b'2,', Path('a'): b''});"
        "write_files({path: b'3,'}); print('after')"
    )
    command, path = [sys.executable, "-c", code], tmp_path / "out"
    if stdout == "file":
        with path.open("wb") as file:
            subprocess.run(command, stdout=file, check=True, cwd=tmp_path)
    else:
        path.write_bytes(subprocess.check_output(command, cwd=tmp_path))
    assert path.read_text().split() == ["before", "1,2,3,after"]
    assert os.path.islink("/dev/stdout")
    assert names(tmp_path) == ["a", "out"]


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="needs /dev/null")
def test_a_device_stays_a_device():
    write_file(Path("/dev/null"), b"x")
    write_files({Path("/dev/null"): b"x"})
    assert not Path("/dev/null").is_file()
