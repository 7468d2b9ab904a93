import pytest

from spacy_eiou.files import replacing, write_file, write_files


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


@pytest.mark.parametrize("make", ["touch", "mkdir"])
def test_what_fails_leaves_the_old_one(tmp_path, make):
    write_file(tmp_path / "file", b"old")
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "file") as new:
        getattr(new, make)()
        raise KeyboardInterrupt
    assert (tmp_path / "file").read_bytes() == b"old"
    assert names(tmp_path) == ["file"]
