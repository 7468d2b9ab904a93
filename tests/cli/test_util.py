import shutil
from pathlib import Path

import pytest
import spacy
from cli_util import invoke, run
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import DocBin, Span
from spacy.vocab import Vocab
from typer.testing import CliRunner

from spacy_eiou.cli import app
from spacy_eiou.corpora.docbin import read_docs
from spacy_eiou.pipeline.prediction import read_examples
from util import TINY_MODEL


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with data and a pipeline."""
    folder = tmp_path_factory.mktemp("folder")
    nlp = spacy.blank("en")
    docs = [nlp("the IL-2 gene"), nlp(""), nlp("the IL-3 gene")]
    for doc in docs:
        doc.user_data["record_id"] = doc.text
        doc.spans["sc"] = [Span(doc, 1, 3, "DNA")] if len(doc) else []
    DocBin(docs=docs, store_user_data=True).to_disk(folder / "data.spacy")
    nlp.add_pipe("nested_spancat", config={"model": TINY_MODEL})
    nlp.initialize(lambda: read_examples(folder / "data.spacy", nlp))
    nlp.to_disk(folder / "model")
    return folder


def describe(docs):
    return [
        (doc.text, doc.user_data, [(span.text, span.label_) for span in doc.spans["sc"]])
        for doc in docs
    ]


# Docs


def test_docs_are_read_as_spacy_reads_them(folder, tmp_path):
    (tmp_path / "data").mkdir()
    for name in ("b.spacy", "a.spacy"):
        shutil.copy(folder / "data.spacy", tmp_path / "data" / name)
    docs = list(read_docs(tmp_path / "data", Vocab()))
    assert [doc.text for doc in docs] == ["the IL-2 gene", "the IL-3 gene"] * 2
    nlp = spacy.blank("en")
    examples = read_examples(folder / "data.spacy", nlp)
    expected = list(spacy.training.Corpus(folder / "data.spacy")(nlp))
    assert [eg.to_dict() for eg in examples] == [eg.to_dict() for eg in expected]


@given(st.data())
def test_truncated_docs_are_never_read(folder, data):
    content = (folder / "data.spacy").read_bytes()
    path = folder / "truncated.spacy"
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(ValueError, match=r"truncated\.spacy: expected a complete \.spacy file"):
        list(read_docs(path, Vocab()))


@given(st.data())
def test_flipped_bit_never_changes_a_doc(folder, data):
    content = bytearray((folder / "data.spacy").read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = folder / "flipped.spacy"
    path.write_bytes(content)
    try:
        docs = list(read_docs(path, Vocab()))
    except ValueError as err:
        assert "flipped.spacy: expected a complete .spacy file" in str(err)
    else:
        # A few bits make no difference
        assert describe(docs) == describe(read_docs(folder / "data.spacy", Vocab()))


def test_terminal_without_the_characters(tmp_path):
    (tmp_path / "\u2603.txt").touch()
    runner = CliRunner(charset="cp1252")
    result = runner.invoke(app, ["statistics", str(tmp_path / "\u2603.txt")])
    assert isinstance(result.exception, SystemExit)
    assert result.exit_code == 1
    assert r"\u2603.txt" in result.output


def test_each_line_of_an_error_is_a_line(in_tmp_path):
    Path("notes.jsonl").write_text('{"text": "the IL-2 gene", "spans": []}\nx\ny\n')
    result = invoke("convert", "notes.jsonl", "out.spacy", "--lang", "en")
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert "✘ Can't convert 'notes.jsonl'" in lines[1]
    assert lines[2:] == [
        "notes.jsonl: 2 of 3 items are malformed, more than a share of 0.01 (to let more",
        "pass: --max-bad)",
        "notes.jsonl, line 2: expected valid JSON (Expecting value: line 1 column 1 (char 0))",
        "notes.jsonl, line 3: expected valid JSON (Expecting value: line 1 column 1 (char 0))",
        "",
    ]


@pytest.mark.parametrize("command", ["evaluate", "calibrate", "statistics"])
def test_commands_name_the_damaged_file(folder, tmp_path, command):
    path = tmp_path / "cut.spacy"
    path.write_bytes((folder / "data.spacy").read_bytes()[:-9])
    model = [folder / "model"] if command != "statistics" else []
    exit_code, output = run(command, *model, path)
    assert exit_code == 1
    assert f"{path}: expected a complete .spacy file" in output.replace(" /", "/")


@pytest.mark.parametrize("command", ["evaluate", "calibrate"])
@pytest.mark.parametrize("name", ["nested_spancat/model", "nested_spancat/cfg", "config.cfg"])
def test_commands_name_the_damaged_model(folder, tmp_path, command, name):
    model = shutil.copytree(folder / "model", tmp_path / "model")
    content = (model / name).read_bytes()
    (model / name).write_bytes(content[: len(content) // 4])
    exit_code, output = run(command, model, folder / "data.spacy")
    assert exit_code == 1
    assert "Can't " + command in output
    assert str(model) in output
