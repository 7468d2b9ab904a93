import os
from pathlib import Path

import pytest

from spacy_eiou.annotation import folders
from spacy_eiou.annotation.folders import LocalFolder
from spacy_eiou.annotation.paths import get_state
from spacy_eiou.annotation.resume import (
    MANIFEST,
    bind_folder,
    compute_digest,
    finish_file,
    finish_folder,
    get_exports,
    get_work_files,
    locked,
    log_done,
    part_of,
    read_done,
    read_manifest,
)
from spacy_eiou.annotation.shards import Counts
from spacy_eiou.corpora import CorpusError

FIRST = Counts(n_texts=2, n_spans={"X": 1}, seconds=0.5)
SECOND = Counts(n_rejected=1)


def digest(*paths, settings=()):
    return compute_digest(map(get_state, map(str, paths)), settings)


def change_size(path):
    stat = path.stat()
    path.write_text("aa")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def change_time(path):
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("change", [change_size, change_time])
def test_digest_tells_changed_files(tmp_path, change):
    path = tmp_path / "a"
    path.write_text("a")
    before = digest(path)
    assert digest(path) == before
    change(path)
    assert digest(path) != before


def test_digest_tells_other_files_and_settings(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).touch()
    names = [["a"], ["b"], ["a", "b"]]
    digests = {digest(*(tmp_path / name for name in some)) for some in names}
    assert len(digests | {digest(tmp_path / "a", settings=[1])}) == 4


def test_folder_is_kept_as_long_as_its_source_is_the_same(tmp_path):
    folder = tmp_path / "new" / "shards"
    assert not bind_folder(LocalFolder(folder), "1")
    for name in ("part-00000.jsonl", ".part-00001.jsonl.new.7"):
        (folder / name).touch()
    assert not bind_folder(LocalFolder(folder), "1")
    assert {path.name for path in folder.iterdir()} == {MANIFEST, "part-00000.jsonl"}
    assert bind_folder(LocalFolder(folder), "2")
    assert [path.name for path in folder.iterdir()] == [MANIFEST]


def test_folder_that_is_cleared_stays(tmp_path):
    """It may be a mount point, or the folder of a shell."""
    folder = tmp_path / "shards"
    (tmp_path / "link").symlink_to("shards")
    bind_folder(LocalFolder(folder), "1")
    before = folder.stat()
    for name in ("part-00000.jsonl", ".shards.jsonl"):
        (folder / name).touch()
    with locked(folder, is_folder=True):
        names = {path.name for path in folder.iterdir()}
        bind_folder(LocalFolder(tmp_path / "link"), "2")
        # Of what was there, the lock is left.
        assert {path.name for path in folder.iterdir()} == names - {
            *("part-00000.jsonl", ".shards.jsonl"),
        }
    assert os.path.samestat(before, folder.stat())
    assert (tmp_path / "link").is_symlink()


def test_folder_that_is_cleared_ends_with_its_manifest(tmp_path, monkeypatch):
    bind_folder(LocalFolder(tmp_path), "1")
    for name in ("part-00000.jsonl", ".shards.jsonl"):
        (tmp_path / name).touch()
    removed = []
    monkeypatch.setattr(folders, "remove", lambda path: removed.append(path.name))
    LocalFolder(tmp_path).clear(first=".shards.jsonl", last=MANIFEST)
    assert removed == [".shards.jsonl", "part-00000.jsonl", MANIFEST]


def test_finished_folder_that_is_being_cleared_is_not_finished(tmp_path, monkeypatch):
    folder = LocalFolder(tmp_path)
    bind_folder(folder, "1")
    finish_folder(folder, {"shards": []})

    def stop(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(folders, "remove", stop)
    with pytest.raises(KeyboardInterrupt):
        bind_folder(folder, "2")
    assert "shards" not in read_manifest(folder)


@pytest.mark.parametrize(
    "data", [None, b"", b"[]", b"{}", b"\xff", b"1", b'{"sha256": "1", "exports": 1}', b"[" * 10**5]
)
def test_damaged_manifest_is_none(tmp_path, data):
    folder = part_of(tmp_path / "out.txt")
    folder.mkdir()
    (folder / "part-00000.jsonl").touch()
    if data is not None:
        (folder / MANIFEST).write_bytes(data)
    assert get_exports(tmp_path / "out.txt") == set()
    assert bind_folder(LocalFolder(folder), "1")
    assert [path.name for path in folder.iterdir()] == [MANIFEST]


def test_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "shards").touch()
    assert bind_folder(LocalFolder(tmp_path / "shards"), "1")
    assert read_manifest(LocalFolder(tmp_path / "shards"))["sha256"] == "1"


def test_done(tmp_path):
    bind_folder(LocalFolder(tmp_path), "1")
    assert read_done(LocalFolder(tmp_path), ".jsonl") == {}
    for number, counts in [(3, FIRST), (0, SECOND), (1, FIRST)]:
        log_done(LocalFolder(tmp_path), number, counts)
    for number in (0, 2, 3):
        (tmp_path / f"part-{number:05}.jsonl").touch()
    # The file of what was rejected may be gone.
    assert read_done(LocalFolder(tmp_path), ".jsonl") == {3: FIRST}
    (tmp_path / "_part-00000.rejected.jsonl").touch()
    assert read_done(LocalFolder(tmp_path), ".jsonl") == {3: FIRST, 0: SECOND}
    assert read_done(LocalFolder(tmp_path), ".parquet") == {}


@pytest.mark.parametrize("n_bytes", [1, 20, 60])
def test_cut_log(tmp_path, n_bytes):
    log = tmp_path / ".shards.jsonl"
    for number in (0, 1, 2):
        (tmp_path / f"part-{number:05}.jsonl").touch()
        (tmp_path / f"_part-{number:05}.rejected.jsonl").touch()
    log_done(LocalFolder(tmp_path), 0, FIRST)
    size = log.stat().st_size
    log_done(LocalFolder(tmp_path), 1, FIRST)
    os.truncate(log, size + n_bytes)
    log_done(LocalFolder(tmp_path), 2, SECOND)
    assert read_done(LocalFolder(tmp_path), ".jsonl") == {0: FIRST, 2: SECOND}


def test_finished_folder(tmp_path):
    bind_folder(LocalFolder(tmp_path), "1")
    log_done(LocalFolder(tmp_path), 0, FIRST)
    finish_folder(LocalFolder(tmp_path), {"shards": []})
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST]
    assert read_manifest(LocalFolder(tmp_path)) == {"sha256": "1", "exports": [], "shards": []}


def make_parts(output, *exports):
    bind_folder(LocalFolder(part_of(output)), "1")
    merged = part_of(output) / "merged"
    merged.write_text("new")
    for export in exports:
        part_of(export).write_text("new")
    return merged


def test_finished_file(tmp_path):
    output, export = tmp_path / "out.txt", tmp_path / "export.txt"
    for path in (output, export):
        path.write_text("old")
    finish_file(output, make_parts(output, export), [export])
    assert {path: path.read_text() for path in tmp_path.iterdir()} == {output: "new", export: "new"}
    assert get_exports(output) == set()


@pytest.mark.parametrize("name", ["folder", os.fsdecode(b"\xff")])
def test_exports_are_known_if_the_output_is_not_in_its_place(tmp_path, monkeypatch, name):
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / name)
    output, exports = Path("out.txt"), [Path("a"), Path("b")]
    merged = make_parts(output, exports[0])
    assert get_exports(output) == set()
    with pytest.raises(FileNotFoundError):
        finish_file(output, merged, exports)
    assert exports[0].exists()
    assert get_exports(output) == {tmp_path / name / "a", tmp_path / name / "b"}
    assert not bind_folder(LocalFolder(part_of(output)), "1")


@pytest.mark.parametrize("is_new", [True, False])
def test_finished_export_that_is_a_folder(tmp_path, is_new):
    output, export = tmp_path / "out.txt", tmp_path / "export"
    merged = make_parts(output)
    part_of(export).mkdir()
    (part_of(export) / "new").touch()
    if not is_new:
        export.mkdir()
        before = export.stat()
        # Of a run that was killed here
        (export / "old").touch()
    finish_file(output, merged, [export])
    assert [path.name for path in export.iterdir()] == ["new"]
    assert {*tmp_path.iterdir()} == {output, export}
    assert is_new or os.path.samestat(before, export.stat())


def test_lock_of_a_folder_is_in_it(tmp_path):
    folder = tmp_path / "new" / "out"
    for _ in range(2):
        with locked(folder, is_folder=True):
            assert LocalFolder(folder).list() == set()
            with pytest.raises(CorpusError, match="is writing it"), locked(folder, is_folder=True):
                pass
        assert [*folder.parent.rglob("*")] == [folder]


def test_lock(tmp_path):
    output = tmp_path / "new" / "out.txt"
    with locked(output):
        assert set(output.parent.iterdir()) <= set(get_work_files(output))
        with pytest.raises(CorpusError, match="another process is writing it"), locked(output):
            pass
    assert [*output.parent.iterdir()] == []
    with locked(output):
        pass
