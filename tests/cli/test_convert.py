import json
import os
from functools import partial

import cli_util
import pytest
import spacy
import srsly
from spacy.tokens import DocBin, Span

ITEMS = [
    {"text": "the IL-2 gene", "spans": [[4, 13, "DNA"], [4, 8, "protein"]]},
    {"text": "IL-2", "spans": [[0, 4, "protein"], [0, 2, "protein"]]},
    {"text": "binds", "spans": [], "answer": "reject"},
]


@pytest.fixture
def source(tmp_path):
    srsly.write_jsonl(tmp_path / "data.jsonl", ITEMS)
    return tmp_path / "data.jsonl"


run = partial(cli_util.run, "convert")


def test_file_and_account(source, tmp_path):
    code, output = run(source, tmp_path / "data.spacy", "--format", "jsonl", "--lang", "en")
    assert code == 0, output
    assert "Generated output file (2 documents)" in output
    assert "Dropped 1 entities (misaligned)" in output
    assert "Skipped 1 records (answer: reject)" in output
    account = json.loads((tmp_path / "data.json").read_text("utf8"))
    assert account["entities_per_label"] == {"protein": 2, "DNA": 1}


def test_other_formats(source, tmp_path):
    code, output = run(source, tmp_path / "data.conll", "--to", "conll")
    assert code == 1 and "Expected a language (--lang): the format 'conll' has tokens" in output
    code, output = run(source, tmp_path / "brat", "--to", "brat", "--split-sizes", "1,1")
    assert code == 0, output
    assert "Generated output file (1 documents)" in output
    assert "longest, in characters" in output and "Tokens" not in output
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")}
    assert names >= {
        *("brat/train/data-1.ann", "brat/dev/data-2.txt", "brat/train/annotation.conf"),
        *("brat/train.account.json", "brat/dev/annotation.conf", "brat/dev.account.json"),
    }
    code, output = run(tmp_path / "brat" / "train", tmp_path / "data.jsonl", "--to", "jsonl")
    assert code == 1 and "Expected another output path" not in output
    assert "data.jsonl: expected the name of a new file" in output
    code, output = run(
        tmp_path / "brat" / "dev", tmp_path / "new.conll", "--to", "conll", "-l", "en"
    )
    assert code == 0, output
    assert "Dropped 1 entities (misaligned)" in output


@pytest.mark.parametrize(
    "option, value", [("--split-sizes", "1,1"), ("--split-fractions", "0.5,0.5")]
)
def test_parts(source, tmp_path, option, value):
    code, output = run(source, tmp_path / "parts", "-f", "jsonl", "-l", "en", option, value)
    assert code == 0, output
    names = {"train.spacy", "train.json", "dev.spacy", "dev.json"}
    assert {path.name for path in (tmp_path / "parts").iterdir()} == names


def test_options_reach_the_function(source, tmp_path):
    options = ["-f", "jsonl", "-l", "en", "-t", "spacy_eiou.CharacterTokenizer.v1", "-sk", "genes"]
    lists = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for path, name in zip(lists, ("data-1", "data-2"), strict=True):
        path.write_text(name)
    ids = ",".join(map(str, lists))
    code, output = run(source, tmp_path / "out", *options, "--split-ids", ids, "--seed", "1")
    assert code == 0, output
    assert "1 records are unlisted: data-3" in output
    assert json.loads((tmp_path / "out" / "train.json").read_text("utf8"))["tokens"] == 13


def test_predictions_become_suggestions_with_their_scores(tmp_path):
    source, output = tmp_path / "in.jsonl", tmp_path / "out.json"
    spans = [{"start": 0, "end": 5, "label": "protein", "score": 0.25}]
    source.write_text(json.dumps({"text": "IL-2 gene", "spans": spans}))
    code, message = run(source, output, "--to", "label-studio", "--model", "round_1")
    assert code == 0, message
    (task,) = json.loads(output.read_text("utf8"))
    (prediction,) = task["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("round_1", 0.25)
    assert prediction["result"][0]["value"]["text"] == "IL-2"
    assert "annotations" not in task


@pytest.mark.parametrize(
    "options, message",
    [
        (["-f", "xml"], "Expected a format from bioc, brat"),
        (["--to", "xml"], "Expected a format to write from docbin, bioc, brat"),
        (["-f", "jsonl", "--level", "1"], "Expected no level"),
        (["-f", "jsonl", "--strict"], "--strict is set"),
    ],
)
def test_errors_are_messages(source, tmp_path, options, message):
    code, output = run(source, tmp_path / "out.spacy", "-l", "en", *options)
    assert code == 1
    assert f"Can't convert '{source}'" in output
    assert message in output
    assert [path.name for path in tmp_path.iterdir()] == ["data.jsonl"]


def test_options_of_readers_reach_them(tmp_path):
    items = [
        {"body": "😀 IL-2", "spans": [[3, 7, "protein"]], "annotator": name} for name in ("a", "b")
    ]
    srsly.write_jsonl(tmp_path / "data.jsonl", [*items, {"tokens": ["a"], "ner_tags": [0]}])
    options = ["--text-key", "body", "--offsets", "utf-16", "--tag-names", "O,B-X", "--keep-tokens"]
    options += ["--max-bad", "0.5", "-f", "jsonl", "-l", "en"]
    code, output = run(tmp_path / "data.jsonl", tmp_path / "a.spacy", *options, "--annotator", "b")
    assert code == 0, output
    assert "1 documents have several annotators, who agree by 100.0% (F-score)" in output
    code, output = run(tmp_path / "data.jsonl", tmp_path / "a.spacy", *options, "--merge", "union")
    assert code == 0, output
    assert "Generated output file (2 documents)" in output


def test_help_says_what_a_majority_of_two_is():
    _, output = run("--help")
    assert "Of two annotators, a majority is both." in output


def test_whole_documents(tmp_path):
    srsly.write_jsonl(tmp_path / "data.jsonl", [{**ITEMS[0], "group": "1"}] * 2)
    options = ["-l", "en", "--whole-documents"]
    code, output = run(tmp_path / "data.jsonl", tmp_path / "a.spacy", *options)
    assert code == 0, output
    assert "Generated output file (1 documents)" in output


def test_what_is_malformed_and_may_be_wrong_is_printed(tmp_path):
    lines = ['{"text": "IL-2", "spans": [[0, 4, "protein"]]}'] * 2
    lines += ['{"text": "IL-3 ", "spans": [[0, 5, "Protein"]]}', "{"]
    (tmp_path / "data.jsonl").write_text("\n".join(lines))
    code, output = run(tmp_path / "data.jsonl", tmp_path / "a.spacy", "-l", "en")
    assert code == 0, output
    assert "1 items are malformed" in output and "line 4: expected valid JSON" in output
    assert "Changed 1 entities (white space trimmed)" in output
    assert "The labels 'Protein' (1) and 'protein' (2) differ by case" in output
    assert "1 documents have the text of another one ('IL-2')" in output


@pytest.mark.parametrize("suffix", ["spacy", "jsonl"])
def test_spans_under_other_keys_are_counted(tmp_path, suffix):
    doc = spacy.blank("en")("IL-2 gene")
    doc.spans["sc"] = [Span(doc, 0, 1, label="protein")]
    doc.spans["dis"] = [Span(doc, 1, 2, label="DNA")]
    doc.ents = doc.spans["sc"]
    DocBin(docs=[doc]).to_disk(tmp_path / "data.spacy")
    srsly.write_jsonl(tmp_path / "data.jsonl", [doc.to_json()])
    command = [tmp_path / f"data.{suffix}", tmp_path / "a.spacy", "-l", "en"]
    code, output = run(*command)
    assert code == 0, output
    assert "Dropped 1 entities (under the key 'dis')" in output
    assert "The first: 'gene' (DNA) in data-1, characters 5 to 9" in output
    assert "doc.ents" not in output and "'ents'" not in output
    code, output = run(*command, "--strict")
    assert code == 1 and "1 entities dropped (under the key 'dis')" in output


def test_name_that_is_not_utf8(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jsonl")
    srsly.write_jsonl(tmp_path / "data.jsonl", ITEMS)
    os.rename(tmp_path / "data.jsonl", path)
    code, output = run(path, tmp_path / "a.spacy", "-l", "en")
    assert code == 0, output
    code, output = run(path, tmp_path / "a.spacy", "-l", "en", "--strict")
    assert code == 1 and "caf" in output


@pytest.mark.parametrize("option", ["--split-sizes", "--split-fractions"])
def test_list_that_holds_no_numbers(source, tmp_path, option):
    code, output = run(source, tmp_path / "out", "-f", "jsonl", "-l", "en", option, "a,b")
    assert code == 2
    assert "numbers separated by commas, not" in output
