import os
from pathlib import Path

import pytest

from spacy_eiou.annotation.resume import (
    bind_part,
    cut_to_batches,
    finish_parts,
    get_exports,
    get_work_files,
    locked,
    part_of,
    remove_part,
)
from spacy_eiou.corpora import CorpusError


def test_part_is_kept_as_long_as_its_source_is_the_same(tmp_path):
    source, output = tmp_path / "in.txt", tmp_path / "new" / "out.txt"
    source.write_text("a")
    assert not bind_part(output, [source], ["x", 1])
    part_of(output).write_text("done")
    assert not bind_part(output, [source], ["x", 1])
    assert part_of(output).read_text() == "done"


def change_size(path):
    stat = path.stat()
    path.write_text("aa")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def change_time(path):
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("change", [change_size, change_time])
def test_part_of_a_changed_source_is_removed(tmp_path, change):
    source, output = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text("a")
    bind_part(output, [source], [])
    part_of(output).write_text("done")
    change(source)
    assert bind_part(output, [source], [])
    assert not part_of(output).exists()
    assert not bind_part(output, [source], [])


@pytest.mark.parametrize("names,settings", [(["a"], [2]), (["a", "b"], [1]), (["b"], [1])])
def test_part_of_other_files_or_settings_is_removed(tmp_path, names, settings):
    for name in ("a", "b"):
        (tmp_path / name).touch()
    output = tmp_path / "out.txt"
    bind_part(output, [tmp_path / "a"], [1])
    part_of(output).write_text("done")
    assert bind_part(output, [tmp_path / name for name in names], settings)
    assert not part_of(output).exists()


def test_part_without_a_source_is_removed(tmp_path):
    output = tmp_path / "out.txt"
    part_of(output).write_text("done")
    assert bind_part(output, [], [])
    assert not part_of(output).exists()


@pytest.mark.parametrize(
    "data,batch_size,left",
    [
        (None, 2, b""),
        (b"", 2, b""),
        (b"1\n", 2, b""),
        (b"1\n2\n", 2, b"1\n2\n"),
        (b"1\n2\n3\n4", 2, b"1\n2\n"),
        (b"1\n2\n3\n4\n5\n6", 2, b"1\n2\n3\n4\n"),
        (b"1\n2\n3", 1, b"1\n2\n"),
    ],
)
def test_cut_to_batches(tmp_path, data, batch_size, left):
    output = tmp_path / "out.txt"
    if data is not None:
        part_of(output).write_bytes(data)
    assert cut_to_batches(output, batch_size) == left.count(b"\n")
    assert part_of(output).read_bytes() == left


def test_finish(tmp_path):
    output, export = tmp_path / "out.txt", tmp_path / "export.txt"
    for path in (output, export):
        path.write_text("old")
    bind_part(output, [], [])
    for path in (output, export):
        part_of(path).write_text("new")
    finish_parts(output, [export])
    assert {path: path.read_text() for path in tmp_path.iterdir()} == {output: "new", export: "new"}
    assert get_exports(output) == set()


def test_exports_are_known_if_the_output_is_not_in_its_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output, exports = Path("out.txt"), [Path("a"), Path("b")]
    bind_part(output, [], [])
    assert get_exports(output) == set()
    part_of(exports[0]).touch()
    with pytest.raises(FileNotFoundError):
        finish_parts(output, exports)
    assert exports[0].exists()
    assert get_exports(output) == {tmp_path / "a", tmp_path / "b"}
    assert not bind_part(output, [], [])


def test_directory(tmp_path):
    output, export = tmp_path / "out", tmp_path / "export"
    part_of(output).touch()
    for name in ("old", "new"):
        remove_part(export)
        part_of(export).mkdir()
        (part_of(export) / name).touch()
    finish_parts(output, [export])
    assert [path.name for path in export.iterdir()] == ["new"]


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b"\xff", b"1", b'{"sha256": null, "exports": 1}', b"[" * 10**5]
)
def test_damaged_source_is_none(tmp_path, data):
    output = tmp_path / "out.txt"
    (tmp_path / "out.txt.part.json").write_bytes(data)
    part_of(output).write_text("done")
    assert get_exports(output) == set()
    assert bind_part(output, [], [])
    assert not part_of(output).exists()
    part_of(output).touch()
    finish_parts(output)
    assert [*tmp_path.iterdir()] == [output]


def test_names_that_are_not_utf8(tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    output, export = folder / "out.txt", folder / "export.txt"
    assert not bind_part(output, [], [])
    part_of(export).touch()
    with pytest.raises(FileNotFoundError):
        finish_parts(output, [export])
    assert get_exports(output) == {export}


def test_lock(tmp_path):
    output = tmp_path / "new" / "out.txt"
    with locked(output):
        assert set(output.parent.iterdir()) <= set(get_work_files(output))
        with pytest.raises(CorpusError, match="another process is writing it"), locked(output):
            pass
    assert [*output.parent.iterdir()] == []
    with locked(output):
        pass
