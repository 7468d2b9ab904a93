"""How the formats of files are told, and what the files of a format are."""

import zipfile
from pathlib import Path

import pytest

from corpus_util import write
from spacy_eiou.corpora import CorpusError, Dropped, Entity, Record, list_files
from spacy_eiou.corpora._files import CorpusFile
from spacy_eiou.corpora.draft import Draft, Mention
from spacy_eiou.corpora.formats import (
    FORMATS,
    Format,
    Sample,
    get_format,
    recognize,
    registry,
)
from spacy_eiou.corpora.record import UnreadableError

pytestmark = pytest.mark.usefixtures("in_tmp_path")

CHOICE = f"Choose it with --format: {', '.join(FORMATS)}"
LINE = {"text": "IL-2", "spans": []}


def make_sample(content):
    write(content)
    return Sample(Path("a"))


def list_names(files):
    return [(str(file.path), file.name) for file in files]


def write_all(*names, content="x"):
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        write(content, name)


@pytest.mark.parametrize(
    "content, items",
    [
        ("[ \n1 ,\t2,\r\n3]", [1, 2, 3]),
        ("[1, [2], {", [1, [2]]),
        ("[nul", []),
        ([0] * 30, [0] * 20),
        ("\n[1]\n", [1]),
        ('{"a": 1}\n\n{"b": 2}\n{', [{"a": 1}, {"b": 2}]),
        ('{"a":\n1}', [{"a": 1}]),
        ('["x", 1]', [["x", 1]]),
        ("text", []),
        ("[" * 100_000, []),
    ],
)
def test_items_of_the_start(content, items):
    assert make_sample(content).items == items


def test_last_line_of_the_start_is_whole(monkeypatch):
    monkeypatch.setattr(registry, "SAMPLE_SIZE", 4)
    assert make_sample("abc\ndefg\nh\n").data == b"abc\ndefg\n"


@pytest.mark.parametrize(
    "content, description",
    [
        ([{"x": 1, "y": 2}, {"z": 3}], "JSON objects with 'x', 'y'"),
        ([[1], {"z": 3}], "JSON items such as [1]"),
        (" \n\t\n", "empty"),
        ("\u00a0\n", "lines such as ''"),
        ("\0", "binary data"),
        ("\n\n  a b\nc\n", "lines such as '  a b'"),
    ],
)
def test_what_is_in_a_file(content, description):
    assert make_sample(content).describe() == description


@pytest.mark.parametrize(
    "fields, given, selected",
    [
        ({}, ["b.y", "a.x"], ["a.x", "b.y"]),
        ({"beside": (".y",)}, ["b.y", "a.x"], ["a.x"]),
        ({"beside": (".y",)}, ["b.y"], ["b.y"]),
        ({"together": (".x", ".y")}, ["b.y", "a.x", "a.y", "c.z"], ["a.x", "b.x"]),
    ],
)
def test_files_that_a_reader_is_called_with(fields, given, selected):
    write_all(*given)
    files = Format("f", lambda path: iter(()), **fields).select(list_files(map(Path, given)))
    assert list_names(files) == [(name, name) for name in selected]


@pytest.mark.parametrize(
    "fields, given, added",
    [
        ({}, ["d/a.x"], []),
        ({"beside": (".y",)}, ["d/a.x"], ["d/a.y", "d/b.y", "d/e/c.y"]),
        ({"beside": (".y",)}, ["d/a.y"], []),
        ({"together": (".x", ".y", ".w")}, ["d/a.y"], ["d/a.x"]),
        ({"together": (".x", ".y")}, ["d/a.z"], []),
    ],
)
def test_files_that_lie_beside(fields, given, added):
    write_all("d/a.x", "d/a.y", "d/a.z", "d/b.y", "d/.c.y", "d/.e/c.y", "d/e/c.y", "d/e/e/c.y")
    files = Format("f", lambda path: iter(()), **fields).add_beside(list_files(map(Path, given)))
    found = sorted([*given, *added])
    assert list_names(files) == [(name, name.removeprefix("d/")) for name in found]


def test_names_of_files_beside_are_within_the_folder():
    write_all("d/e/a.x", "d/e/a.y")
    for field in ({"beside": (".y",)}, {"together": (".x", ".y")}):
        lines = Format("f", lambda path: iter(()), **field)
        files = lines.add_beside([CorpusFile(Path("d/e/a.x"), "e/a.x")])
        assert list_names(files) == [("d/e/a.x", "e/a.x"), ("d/e/a.y", "e/a.y")]


def test_files_are_sorted_by_name():
    files = [CorpusFile(Path("a/z.x"), "z.x"), CorpusFile(Path("b/c.x"), "c.x")]
    lines = Format("f", lambda path: iter(()), together=(".x",))
    assert lines.select(files) == lines.add_beside(files) == files[::-1]


def test_message_about_a_whole_file_names_it():
    spans = [{"start": i, "end": i + 1, "label": "X", "text": "a"} for i in (1, 2)]
    write({"text": "😀a", "spans": spans}, "a.jsonl")
    with pytest.raises(UnreadableError, match=r"^a\.jsonl: expected offsets that count in one way"):
        list(FORMATS["jsonl"].read([Path("a.jsonl")]))


def read_file(path, level: int = 1):
    """A reader of lines that are texts, or of which something is told."""
    for number, line in enumerate(path.read_text("utf8").splitlines(), start=1):
        if line == "unreadable":
            raise UnreadableError(f"{path}: no")
        if line == "bad":
            yield Draft("", f"{path}, line {number}", number, bad=[f"{path}, line {number}: no"])
        elif line == "record":
            yield Record("r", line, ())
        else:
            yield Draft(line, "", number, mentions=[Mention(3, 4, str(level))])


def test_records_of_files():
    write_all("d/b.x", "d/a.x", content="😀bc\nrecord\nbad\n")
    lines = Format("lines", read_file, offsets="utf-16")
    records = list(lines.read([Path("d")], level=2))
    assert records == [
        record
        for name in "ab"
        for record in (
            Record(f"{name}-1", "😀bc", (Entity(2, 3, "2"),)),
            Record("r", "record", ()),
            Record(f"{name}-3", "", (), bad=(f"d/{name}.x, line 3: no",)),
        )
    ]
    (first, *_) = lines.read([Path("d/a.x")], offsets="characters")
    assert first.entities == ()
    assert first.dropped[0] == Dropped("outside of the text", "a-1", Entity(3, 4, "1"), "")


def test_ids_of_files_that_differ_in_the_suffix():
    write_all("d/eng.train", "d/eng.testa", "d/tr/data.conll", "d/de/data.conll", content="a B-X\n")
    records = FORMATS["conll"].read([Path("d")])
    assert [record.id for record in records] == [
        *("de/data-1", "eng.testa-1", "eng.train-1", "tr/data-1")
    ]
    records = FORMATS["conll"].read([Path("d/tr/data.conll"), Path("d/de/data.conll")])
    assert [record.id for record in records] == ["de/data-1", "tr/data-1"]


def test_ids_hold_as_much_of_a_path_as_tells_it_from_others():
    names = ["p/a/n.x", "p/b/n.x", "q/b/n.x", "p/a/m.x", "p/c/n.x", "p/c/n.y", "n.y.z", "n.x"]
    paths = [Path(name).absolute() for name in names[:-1]] + [Path("n.x")]
    write_all(*names)
    lines = Format("lines", read_file)
    ids = {file.path: record.id for file, record in zip(list_files(paths), lines.read(paths))}
    expected = ["a/n", "p/b/n", "q/b/n", "m", "c/n.x", "c/n.y", "n.y.z", "n"]
    assert [ids[path] for path in paths] == [f"{name}-1" for name in expected]


def test_numbered_documents_of_two_files_are_not_the_same():
    for name, word in (("a/x", "a"), ("b/x", "b"), ("c/x", "a")):
        write_all(name, content=f"-DOCSTART- O\n\n{word} B-X\n")
    groups = [next(FORMATS["conll"].read([Path(name)])).group for name in ("a/x", "b/x", "c/x")]
    assert groups[0] == groups[2] != groups[1]


@pytest.mark.parametrize(
    "content",
    [
        "[1]\n[2]\n",
        # The only line is the whole of another format
        [{"data": {"text": "x"}, "annotations": []}],
    ],
)
def test_file_of_another_format_is_no_malformed_item(content):
    write(content, "a.json")
    with pytest.raises(UnreadableError) as caught:
        list(FORMATS["jsonl"].read([Path("a.json")]))
    message = str(caught.value)
    assert message.startswith("a.json: expected a file in the format 'jsonl', but it holds JSON ")
    assert ", all of which are malformed. a.json, line 1: expected dict, not [" in message


def test_malformed_file_beside_others_is_counted():
    write("[1]\n[2]\n", "a.jsonl")
    write(LINE, "b.jsonl")
    paths = [Path("a.jsonl"), Path("b.jsonl")]
    skipped = [record.skipped for record in FORMATS["jsonl"].read(paths)]
    assert skipped == ["malformed", "malformed", None]
    write([{"data": {"text": "x"}, "annotations": []}], "a.jsonl")
    with pytest.raises(UnreadableError, match=r"^a\.jsonl: expected a file in the format"):
        list(FORMATS["jsonl"].read(paths))


def test_file_in_its_format_is_not_of_another_one():
    # It can't be told which list to read.
    write('{"text": "x", "spans": [], "labels": [[0, 1, "X"]], "ents": [[0, 1, "X"]]}\n' * 2, "a")
    assert [record.skipped for record in FORMATS["jsonl"].read([Path("a")])] == ["malformed"] * 2


def test_only_item_of_a_file_may_be_malformed():
    write([1], "a.jsonl")
    (record,) = FORMATS["jsonl"].read([Path("a.jsonl")])
    assert record.skipped == "malformed"


def test_registered_format(monkeypatch):
    for name in ("FORMATS", "READERS"):
        monkeypatch.setattr(registry, name, {})

    def never(sample):
        return False

    given = (never, (".x",), (".y",), "utf-16", True)
    names = ("recognizes", "together", "beside", "offsets", "is_general")
    read = registry.register_format("all", **dict(zip(names, given)))(read_file)
    registry.register_format("none")(read_file)
    assert registry.FORMATS["all"] == Format("all", read_file, *given)
    default = registry.FORMATS["none"]
    assert not default.recognizes(None)
    assert default == Format("none", read_file, default.recognizes)
    assert list(registry.READERS) == ["all", "none"]
    assert registry.READERS["all"] is read
    write("😀bc", "a.x")
    found = [list(read(Path("a.x"), 2)), list(read(Path("a.x"), level=2, offsets="utf-16"))]
    assert found == [[Record("a-1", "😀bc", (Entity(2, 3, "2"),))]] * 2
    assert next(read(path=Path("a.x"), offsets="characters")).entities == ()


def test_messages_name_the_archive():
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.writestr("a.x", "bad")
        archive.writestr("b.x", "unreadable")
    records = Format("lines", read_file).read([Path("a.zip")])
    assert next(records).bad == ("a.zip/a.x, line 1: no",)
    with pytest.raises(UnreadableError) as caught:
        next(records)
    assert str(caught.value) == "a.zip/b.x: no"


@pytest.mark.parametrize(
    "options, message",
    [
        ({}, "d: expected a file in the format 'lines'"),
        (
            {"offsets": "bytes"},
            "Expected offsets from characters, utf-16, characters-crlf-as-one, "
            "utf-16-crlf-as-one, characters-lf-as-two, utf-16-lf-as-two, utf-8, not bytes",
        ),
        ({"width": 1}, "Expected no width: the format 'lines' has none"),
        (
            {"offsets": None, "level": "1"},
            "Expected another level than '1': Input should be a valid integer",
        ),
    ],
)
def test_what_is_not_as_expected(options, message):
    for name in "de":
        Path(name).mkdir()
    with pytest.raises(CorpusError) as caught:
        list(Format("lines", read_file).read([Path("d"), Path("e")], **options))
    assert str(caught.value) == message


def test_unknown_format():
    with pytest.raises(CorpusError) as caught:
        get_format("x")
    assert str(caught.value) == f"Expected a format from {', '.join(FORMATS)}, not 'x'"
    assert get_format("brat") is FORMATS["brat"]


@pytest.mark.parametrize(
    "files, message",
    [
        ({}, "Can't tell the format of d, where no file is"),
        (
            {"a": "x", "b": "", "c": "\0", "e": "y"},
            "Can't tell the format of d/a (lines such as 'x'), d/b (empty), d/c (binary data)",
        ),
        (
            {"a": LINE, "b": LINE, "c": "x B-x\n", "e": [LINE]},
            "Expected files in one format, not in 'jsonl' (d/a) and 'conll' (d/c)",
        ),
    ],
)
def test_format_that_files_do_not_tell(files, message):
    Path("d").mkdir()
    for name, content in files.items():
        write(content, f"d/{name}")
    with pytest.raises(CorpusError) as caught:
        recognize([Path("d")])
    assert str(caught.value) == f"{message}. {CHOICE}"


def test_files_of_the_format_and_others():
    write_all("d/a.jsonl", "d/b.jsonl", content=LINE)
    write_all("d/c.md", "d/d.txt")
    corpus_format, known, unknown = recognize([Path("d")])
    assert corpus_format is FORMATS["jsonl"]
    assert [file.name for file in known] == ["a.jsonl", "b.jsonl"]
    assert [file.name for file in unknown] == ["c.md", "d.txt"]


def test_texts_belong_to_what_lies_beside_them():
    write_all("d/a.txt", "d/a.ann", "d/b.txt", "d/c.md")
    write_all("e/a.csv", content="text,label\n")
    write_all("e/b.txt", "e/c.md")
    for folder, name, names in (
        ("d", "brat", ["a.ann", "a.txt", "b.txt"]),
        ("e", "table", ["a.csv", "b.txt"]),
    ):
        corpus_format, known, unknown = recognize([Path(folder)])
        assert corpus_format is FORMATS[name]
        assert [file.name for file in known] == names
        assert [file.name for file in unknown] == ["c.md"]
    assert recognize([Path("d/a.txt")])[0].name == "brat"
    with pytest.raises(CorpusError, match=r"format of d/b\.txt \(lines such as 'x'\)\. Choose"):
        recognize([Path("d/b.txt")])


def test_special_format_goes_before_a_general_one():
    write([{"text": "x", "tokens": ["x"], "entities": [{"type": "A/B"}]}], "a.json")
    assert recognize([Path("a.json")])[0].name == "maintie"
