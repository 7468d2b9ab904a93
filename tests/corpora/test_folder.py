from spacy_eiou.corpora import READERS, Record, list_files, over_folder


def read_lines_as_records(path, label="X"):
    for line in path.read_text("utf8").splitlines():
        yield Record(line, label, ())


def test_files_are_listed_by_name_without_hidden_ones_and_subfolders(tmp_path):
    for name in ("b.txt", "a.txt", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    assert list_files(tmp_path) == [tmp_path / "a.txt", tmp_path / "b.txt"]


def test_reader_of_files_reads_a_folder_in_the_order_of_the_names(tmp_path):
    (tmp_path / "b.txt").write_text("3\n", encoding="utf8")
    (tmp_path / "a.txt").write_text("1\n2\n", encoding="utf8")
    read = over_folder(read_lines_as_records)
    assert list(read(tmp_path, label="Y")) == [Record(name, "Y", ()) for name in "123"]
    assert list(read(tmp_path / "b.txt")) == [Record("3", "X", ())]


def test_all_formats_can_be_in_a_folder(tmp_path):
    (tmp_path / "a.txt").write_text("IL-2", encoding="utf8")
    (tmp_path / "a.ann").touch()
    assert [record.text for record in READERS["brat"](tmp_path)] == ["IL-2"]
    folder = tmp_path / "empty"
    folder.mkdir()
    for name, reader in READERS.items():
        if name != "brat":
            assert list(reader(folder)) == []
