import json
import os
import signal
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import cli_util
import pytest
import spacy
import srsly
from fsspec import filesystem
from typer.testing import CliRunner

from spacy_eiou.annotation.resume import part_of
from spacy_eiou.cli import app

run = partial(cli_util.run, "annotate")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    nlp = spacy.blank("xx")
    nlp.add_pipe("span_ruler").add_patterns([{"label": "X", "pattern": "IL-2"}])
    path = tmp_path_factory.mktemp("model")
    nlp.to_disk(path)
    return path


def test_outputs(tmp_path, model):
    (tmp_path / "in.data").write_text('{"body": "IL-2 gene"}\n{"body": 1}\n')
    options = ["--format", "jsonl", "--text-key", "body", "--spans-key", "ruler", "--n-process", 2]
    for option, name in {"graph": "graph.graphml", "brat": "brat", "html": "page.html"}.items():
        options += [f"--{option}", tmp_path / name]
    exit_code, output = run(
        model, tmp_path / "in.data", tmp_path / "out.jsonl", *options, "--batch-size", 1
    )
    assert exit_code == 0, output
    for name in ("out.jsonl", "graph.graphml", "brat", "page.html"):
        assert f"Saved 1 annotated texts: {tmp_path / name}" in output
    assert f"Rejected 1 items that can't be annotated: {tmp_path / 'out.rejected.jsonl'}" in output
    assert [item["text"] for item in srsly.read_jsonl(tmp_path / "out.jsonl")] == ["IL-2 gene"]


def test_output_is_a_corpus(tmp_path, model):
    texts, output = tmp_path / "texts.txt", tmp_path / "out.jsonl"
    texts.write_text("IL-2 gene\n\n")
    assert run(model, texts, output)[0] == 0
    args = [output, tmp_path / "out.spacy", "--format", "jsonl", "--lang", "en", "--strict"]
    assert cli_util.run("convert", *args)[0] == 0


def test_address(tmp_path, model):
    memory = filesystem("memory")
    (tmp_path / "texts.txt").write_text("IL-2 gene")
    exit_code, output = run(model, tmp_path / "texts.txt", "memory://cli/out.jsonl")
    assert exit_code == 0
    assert "Saved 1 annotated texts: memory://cli/out.jsonl" in output
    assert json.loads(memory.cat_file("/cli/out.jsonl"))["text"] == "IL-2 gene"
    memory.rm("/cli", recursive=True)


@pytest.mark.parametrize("option", ["--summary", "--log-json"])
def test_folder_is_no_summary(tmp_path, model, option):
    (tmp_path / "texts.txt").write_text("a")
    args = (model, tmp_path / "texts.txt", tmp_path / "out.jsonl", option, tmp_path)
    exit_code, output = run(*args)
    assert (exit_code, "is a directory" in output) == (2, True)


def test_no_tasks_beside_the_standard_output(tmp_path, model):
    (tmp_path / "texts.txt").write_text("IL-2")
    exit_code, output = run(model, tmp_path / "texts.txt", "-", "--to", "doccano")
    assert exit_code == 1
    assert "Expected an output file with --to, not -: the tasks are beside it" in output


def test_code_is_for_this_machine_only(tmp_path, model):
    args = [model, "texts.txt", tmp_path / "out", "--engine", "ray", "--code", "code.py"]
    exit_code, output = run(*args)
    assert (exit_code, "Expected no --code with Ray or Spark" in output) == (1, True)


@pytest.mark.parametrize("content", ["", "\n", '{"body": 1}\n', "IL-2\n"])
def test_exit_code_tells_that_nothing_was_annotated(tmp_path, model, content):
    (tmp_path / "in.jsonl").write_text(content)
    exit_code, message = run(model, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert exit_code == 1
    assert "Annotated nothing" in message


def test_exit_code_tells_that_too_much_was_rejected(tmp_path, model):
    (tmp_path / "in.jsonl").write_text('{"text": "IL-2"}\nx\n')
    arguments = (model, tmp_path / "in.jsonl", tmp_path / "out.jsonl", "--force", "--max-rejected")
    assert run(*arguments, 1)[0] == 0
    exit_code, message = run(*arguments, 0)
    assert exit_code == 1
    assert "Rejected 1 items that can't be annotated, more than 0" in message


def test_warnings_are_messages(tmp_path, model):
    texts, output = tmp_path / "texts.txt", tmp_path / "out.jsonl"
    texts.write_text("IL-2 gene")
    part_of(output).touch()
    exit_code, message = run(model, texts, output, "--spans-key", "other")
    assert exit_code == 0
    assert "No component of the pipeline says that it writes the spans key 'other'" in message
    assert "the texts, the pipeline, its code or the options have changed" in message


@pytest.mark.parametrize(
    "args,message",
    [
        (["no_such_model", "texts.txt", "out.jsonl"], "Can't find model 'no_such_model'"),
        (["model", "texts.txt", "texts.jsonl"], "To overwrite texts.jsonl, set --force"),
        (["model", "texts.txt", "a", "--engine", "slurm"], "Expected an engine from local, ray"),
    ],
)
def test_an_error_is_one_message(tmp_path, model, monkeypatch, args, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").symlink_to(model)
    (tmp_path / "texts.txt").write_text("a")
    (tmp_path / "texts.jsonl").touch()
    exit_code, output = run(*args)
    assert exit_code == 1
    assert "Can't annotate 'texts.txt'" in output
    assert message in output
    assert (tmp_path / "texts.jsonl").read_text() == ""


@pytest.mark.slow
def test_names_that_are_not_utf8(tmp_path, model):
    texts = tmp_path / os.fsdecode(b"\xff.jsonl")
    texts.write_text('{"text": "IL-2"}\n{}\n')
    # The standard output of a subprocess is strict, unlike that of the runner.
    command = [sys.executable, "-m", "spacy_eiou", "annotate", model, texts]
    output = tmp_path / os.fsdecode(b"\xfe.jsonl")
    for message in (rb"\xfe.rejected.jsonl", rb"To overwrite", rb"To overwrite"):
        process = subprocess.run([*command, output], capture_output=True, check=False)
        assert b"Traceback" not in process.stderr
        assert message in process.stdout
    assert process.returncode == 1
    assert b"xff.jsonl'" in process.stdout


@pytest.mark.parametrize("output", ["out.jsonl", "out"])
def test_plain_text_of_the_standard_input(in_tmp_path, model, output):
    arguments = ["annotate", str(model), "-", output]
    result = CliRunner().invoke(app, arguments, input="IL-2\ngene\n")
    assert (result.exit_code, "Annotated nothing: no text in '-'" in result.output) == (1, True)
    assert "\nIt was read as JSON Lines. For lines of plain text: --format txt\n" in result.output
    (path,) = Path().rglob("*.rejected.jsonl")
    reasons = [item["reason"] for item in srsly.read_jsonl(path)]
    message = "the standard input, line {}: expected valid JSON (Expecting value: line 1 column 1 "
    assert reasons == [f"{message.format(number)}(char 0))" for number in (1, 2)]
    arguments += ["--format", "txt", "--force"]
    result = CliRunner().invoke(app, arguments, input="IL-2\ngene\n")
    assert (result.exit_code, "Saved 2 annotated texts" in result.output) == (0, True)


def test_format_is_no_way_out_where_there_is_no_other(tmp_path, model):
    arguments = ["annotate", str(model), "-", str(tmp_path / "out.jsonl")]
    for content, options in [("\n", []), ("{}", ["--format", "jsonl"])]:
        result = CliRunner().invoke(app, [*arguments, *options, "--force"], input=content)
        assert (result.exit_code, "Annotated nothing: no text in '-'" in result.output) == (1, True)
        assert "--format" not in result.output


STOPPER = """
import os, signal
from spacy.language import Language

@Language.component("eiou_stopper")
def stop(doc):
    os.kill(os.getpid(), signal.SIGTERM)
    return doc
"""


@pytest.fixture(scope="module")
def stopped_model(tmp_path_factory):
    """A folder with a pipeline whose process gets SIGTERM at the first text, and with its code."""
    exec(STOPPER, {})
    nlp = spacy.blank("xx")
    nlp.add_pipe("eiou_stopper")
    nlp.add_pipe("span_ruler")
    path = tmp_path_factory.mktemp("stopped")
    nlp.to_disk(path)
    (path / "stopper.py").write_text(STOPPER)
    return path


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder of temporary files."""
    path = tmp_path / "temporary"
    path.mkdir()
    monkeypatch.setenv("TMPDIR", str(path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return path


def test_sigterm_leaves_no_copy_of_the_standard_input(tmp_path, stopped_model, temporary):
    signals = []
    before = signal.signal(signal.SIGTERM, handler := lambda number, _: signals.append(number))
    arguments = ["annotate", str(stopped_model), "-", str(tmp_path / "out.jsonl")]
    result = CliRunner().invoke(app, arguments, input='{"text": "IL-2"}')
    assert signal.signal(signal.SIGTERM, before) is handler
    assert (result.exit_code, signals, [*temporary.iterdir()]) == (143, [], [])


@pytest.mark.slow
def test_sigterm_leaves_nothing_of_the_standard_streams(stopped_model, temporary):
    code = ("--code", stopped_model / "stopper.py")
    exit_code, output, _ = pipe(b'{"text": "IL-2"}\n', stopped_model, "-", "-", *code)
    assert (exit_code, output, [*temporary.iterdir()]) == (143, b"", [])


def pipe(data, *args, stdout=subprocess.PIPE):
    """RETURNS: The exit code of a command, its output, and its messages as one line."""
    command = [sys.executable, "-m", "spacy_eiou", "annotate", *args]
    process = subprocess.run(command, input=data, stdout=stdout, stderr=subprocess.PIPE)
    return process.returncode, process.stdout, " ".join(process.stderr.decode().split())


@pytest.mark.slow
def test_standard_streams(model):
    exit_code, output, messages = pipe(b'{"text": "IL-2"}\n{}\n', model, "-", "-")
    assert (exit_code, json.loads(output)["id"]) == (0, "stdin-1")
    assert "the standard input, line 2: expected an object with 'text'" in messages
    assert "Saved 1 annotated texts: the standard output" in messages
    assert "Rejected 1 items that can't be annotated: the standard error" in messages
    # A path of what is gone.
    assert "/stdout." not in messages
    exit_code, output, messages = pipe(b"", model, "-", "-", "--spans-key", "a")
    assert (exit_code, output, "no text in '-'" in messages) == (1, b"", True)
    exit_code, output, messages = pipe(b"", model, "-", "-", "--format", "x")
    assert (exit_code, output, "Expected a format" in messages) == (1, b"", True)


@pytest.mark.slow
def test_rejected_items_of_the_standard_input(model):
    options = ("--max-rejected", "0")
    exit_code, output, messages = pipe(b'{"text": "IL-2"}\n{}\n', model, "-", "-", *options)
    assert (exit_code, json.loads(output)["id"]) == (1, "stdin-1")
    assert "They are in the standard error, and the 1 texts that were annotated" in messages
    assert "/stdout." not in messages


@pytest.mark.slow
def test_standard_output_that_is_full(model):
    with open("/dev/full", "wb") as full:
        exit_code, _, messages = pipe(b'{"text": "IL-2"}', model, "-", "-", stdout=full)
    assert exit_code == 1
    assert "No space left on device" in messages
    assert "Traceback" not in messages
    assert "Exception ignored" not in messages
