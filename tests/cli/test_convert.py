import json
from pathlib import Path

import pytest
import spacy
from spacy.cli._util import app
from spacy.tokens import DocBin
from typer.testing import CliRunner

import spacy_eiou.tokenizers  # noqa: F401
from spacy_eiou.corpora import convert

ITEMS = [
    {"text": "the IL-2 gene", "spans": [[4, 13, "DNA"], [4, 8, "protein"]]},
    {"text": "binds", "spans": []},
    {"text": "IL-2", "spans": [[0, 4, "protein"], [0, 2, "protein"]]},
]


def run(*args):
    return CliRunner().invoke(app, ["eiou", "convert", *map(str, args)])


def convert_jsonl(source, output, *args):
    return run(source, output, "--format", "jsonl", "--lang", "en", *args)


def get_output(result):
    """Get the printed text without its line breaks, which depend on the width of the terminal."""
    return " ".join(result.output.split())


def read_docs(path):
    return list(DocBin().from_disk(path).get_docs(spacy.blank("en").vocab))


def write_jsonl(path, items):
    path.write_text("\n".join(map(json.dumps, items)), encoding="utf-8")
    return path


@pytest.fixture
def source(tmp_path):
    return write_jsonl(tmp_path / "data.jsonl", ITEMS)


@pytest.fixture
def numbered(tmp_path):
    items = [{"id": f"r{i}", "text": f"text {i}", "spans": []} for i in range(10)]
    return write_jsonl(tmp_path / "numbered.jsonl", items)


def test_one_file(source, tmp_path):
    output = tmp_path / "new" / "data.spacy"
    result = convert_jsonl(source, output)
    assert result.exit_code == 0
    assert "Generated output file (3 documents)" in get_output(result)
    assert "Dropped 1 entities (misaligned)" in get_output(result)
    docs = read_docs(output)
    assert [doc.text for doc in docs] == [item["text"] for item in ITEMS]
    assert [doc.user_data["record_id"] for doc in docs] == ["data-1", "data-2", "data-3"]
    assert [[(span.text, span.label_) for span in doc.spans["sc"]] for doc in docs] == [
        [("IL-2 gene", "DNA"), ("IL-2", "protein")],
        [],
        [("IL-2", "protein")],
    ]
    account = json.loads(output.with_suffix(".json").read_text(encoding="utf-8"))
    assert account["entities_per_label"] == {"protein": 2, "DNA": 1}
    assert account["dropped_entities"]["misaligned"]["count"] == 1
    assert sorted(path.name for path in output.parent.iterdir()) == ["data.json", "data.spacy"]


def test_tokenizer_and_spans_key(source, tmp_path):
    output = tmp_path / "data.spacy"
    name = "spacy_eiou.CharacterTokenizer.v1"
    result = convert_jsonl(source, output, "-t", name, "-sk", "genes", "--strict")
    assert result.exit_code == 0
    docs = read_docs(output)
    assert [len(doc) for doc in docs] == [13, 5, 4]
    assert [len(doc.spans["genes"]) for doc in docs] == [2, 0, 2]


def test_strict_writes_nothing(source, tmp_path):
    result = convert_jsonl(source, tmp_path / "data.spacy", "--strict")
    assert result.exit_code == 1
    assert "--strict is set" in get_output(result)
    assert [path.name for path in tmp_path.iterdir()] == ["data.jsonl"]


def test_skipped_records_are_counted(tmp_path):
    items = [{**ITEMS[0], "answer": answer} for answer in ("accept", "reject")]
    source = write_jsonl(tmp_path / "data.jsonl", items)
    result = convert_jsonl(source, tmp_path / "data.spacy")
    assert "Skipped 1 records (answer: reject)" in get_output(result)
    assert len(read_docs(tmp_path / "data.spacy")) == 1
    assert convert_jsonl(source, tmp_path / "strict.spacy", "--strict").exit_code == 1


@pytest.mark.parametrize(
    "option, value, sizes",
    [
        ("--split-sizes", "7,2,1", [7, 2, 1]),
        ("--split-sizes", "6,4", [6, 4]),
        ("--split-fractions", "0.6,0.2,0.2", [6, 2, 2]),
    ],
)
def test_splits(numbered, tmp_path, option, value, sizes):
    output = tmp_path / "corpus"
    assert convert_jsonl(numbered, output, option, value).exit_code == 0
    names = ["train", "dev", "test"][: len(sizes)]
    parts = [read_docs(output / f"{name}.spacy") for name in names]
    assert [len(part) for part in parts] == sizes
    assert len({doc.user_data["record_id"] for part in parts for doc in part}) == 10
    assert {path.name for path in output.iterdir()} == {
        f"{name}.{suffix}" for name in names for suffix in ("spacy", "json")
    }


def test_seed(numbered, tmp_path):
    for seed in (0, 0, 1):
        convert_jsonl(
            numbered, tmp_path / f"s{seed}", "--split-fractions", "0.5,0.5", "--seed", seed
        )
    first, other = (
        [doc.text for doc in read_docs(tmp_path / f"s{seed}" / "dev.spacy")] for seed in (0, 1)
    )
    assert first != other


def test_id_lists(numbered, tmp_path):
    train, dev = tmp_path / "a.txt", tmp_path / "b.txt"
    train.write_text("r3\nr1\nmissing\n")
    dev.write_text("r2\n")
    args = ("--split-ids", f"{train},{dev}")
    result = convert_jsonl(numbered, tmp_path / "corpus", *args)
    assert result.exit_code == 0
    assert "1 ids match no record: missing" in get_output(result)
    assert "7 records are unlisted: r0" in get_output(result)
    docs = read_docs(tmp_path / "corpus" / "train.spacy")
    assert [doc.user_data["record_id"] for doc in docs] == ["r1", "r3"]
    result = convert_jsonl(numbered, tmp_path / "strict", *args, "--strict")
    assert result.exit_code == 1
    assert not (tmp_path / "strict").exists()


def test_complete_id_lists_are_strict(numbered, tmp_path):
    lists = [tmp_path / name for name in ("a.txt", "b.txt")]
    for path, ids in zip(lists, (range(5), range(5, 10)), strict=True):
        path.write_text("\n".join(f"r{i}" for i in ids))
    args = ("--split-ids", ",".join(map(str, lists)), "--strict")
    assert convert_jsonl(numbered, tmp_path / "corpus", *args).exit_code == 0


def test_level(tmp_path):
    item = {"text": "a", "tokens": ["a"], "entities": [{"start": 0, "end": 1, "type": "A/B/C"}]}
    source = tmp_path / "gold.json"
    source.write_text(json.dumps([item]))
    for args, label in (((), "A"), (("--level", "0"), "Entity"), (("--level", "2"), "A/B")):
        output = tmp_path / "out.spacy"
        assert run(source, output, "-f", "maintie", "-l", "en", *args).exit_code == 0
        (doc,) = read_docs(output)
        assert [span.label_ for span in doc.spans["sc"]] == [label]


@pytest.mark.parametrize(
    "args, message",
    [
        (["-f", "xml", "-l", "en"], "Expected a format from genia, cmeee, cmeee-json, maintie"),
        (["-f", "iob2", "-l", "en"], "data.jsonl, line 2: expected a token and its tags"),
        (["-f", "jsonl", "-l", "qq"], "Can't create the tokenizer"),
        (["-f", "jsonl", "-l", "en", "-t", "none"], "Can't create the tokenizer"),
        (["-f", "jsonl", "-l", "en", "--level", "1"], "the labels of 'jsonl' have none"),
        (["-f", "jsonl", "-l", "en", "--split-sizes", "2,2"], "sum to 3"),
        (["-f", "jsonl", "-l", "en", "--split-sizes", "3"], "Expected two or three parts"),
        (
            ["-f", "jsonl", "-l", "en", "--split-sizes", "2,1", "--split-fractions", "0.5,0.5"],
            "Expected one way to split",
        ),
        (["-f", "jsonl", "-l", "en", "--split-ids", "nowhere.txt,b.txt"], "nowhere.txt"),
    ],
)
def test_errors(source, tmp_path, args, message):
    result = run(source, tmp_path / "out.spacy", *args)
    assert result.exit_code == 1
    assert message in get_output(result)
    assert [path.name for path in tmp_path.iterdir()] == ["data.jsonl"]


@pytest.mark.parametrize("option", ["--split-sizes", "--split-fractions"])
def test_list_that_holds_no_numbers(source, tmp_path, option):
    result = convert_jsonl(source, tmp_path / "out", option, "a,b")
    assert result.exit_code == 2
    assert "expected values separated by commas" in get_output(result)


def test_empty_corpus(tmp_path):
    source = write_jsonl(tmp_path / "data.jsonl", [])
    result = convert_jsonl(source, tmp_path / "out.spacy")
    assert result.exit_code == 1
    assert "expected at least one record" in get_output(result)


def test_output_needs_the_suffix(source, tmp_path):
    result = convert_jsonl(source, tmp_path / "out")
    assert result.exit_code == 1
    assert "suffix .spacy" in get_output(result)


def test_input_is_never_overwritten(source, tmp_path):
    source = source.rename(tmp_path / "data.json")
    result = convert_jsonl(source, tmp_path / "data.spacy")
    assert result.exit_code == 1
    assert "Expected another output path" in get_output(result)
    assert json.loads(source.read_text().splitlines()[0]) == ITEMS[0]


def test_failed_write_leaves_the_old_file(source, tmp_path, monkeypatch):
    output = tmp_path / "data.spacy"
    output.write_bytes(b"old")
    write_bytes = Path.write_bytes

    def fill_disk(path, data):
        write_bytes(path, data[:10])
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", fill_disk)
    result = convert_jsonl(source, output)
    assert result.exit_code == 1
    assert "disk full" in get_output(result)
    assert output.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.jsonl", "data.spacy"]


def test_python_function_is_silent_and_returns_accounts(source, tmp_path, capsys):
    path = tmp_path / "data.spacy"
    accounts = convert(source, path, corpus_format="jsonl", lang="en")
    assert list(accounts) == [path]
    assert accounts[path].documents == 3
    assert capsys.readouterr() == ("", "")
