import importlib
import json
import multiprocessing
import os
import re
import shutil
import signal
import time
import tracemalloc
from itertools import count
from pathlib import Path
from random import Random

import pytest
import spacy
import srsly
import torch
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Span, SpanGroup
from spacy.util import minibatch
from test_kill import run_and_kill as kill_at_step

from spacy_eiou.annotation import AnnotationReport, SourceText, annotate, annotate_texts, prediction
from spacy_eiou.annotation.resume import locked, part_of
from spacy_eiou.annotation.shards import Counts
from spacy_eiou.annotation.sinks import read_annotations
from spacy_eiou.corpora import CorpusError, read_brat, read_jsonl

MODULE = importlib.import_module("spacy_eiou.annotation.annotate")
TEXTS = [f"word{number} of text {number}" for number in range(250)]


@Language.factory("eiou_batch_tagger")
class BatchTagger:
    """Mark the whole doc and its first token. The score is the place of the doc in its batch, and
    so tells how the batches were made up."""

    key = "sc"
    killed_by = None

    def __init__(self, nlp, name):
        pass

    def pipe(self, stream, batch_size):
        for batch in minibatch(stream, batch_size):
            for index, doc in enumerate(batch):
                if doc.text == self.killed_by:
                    kill()
                yield self.annotate(doc, index)

    def annotate(self, doc, index):
        spans = [Span(doc, 0, end, label=f"{end} WORDS") for end in {1, len(doc)} if len(doc)]
        scores = [index + 0.123456] * len(spans)
        doc.spans[self.key] = SpanGroup(doc, name="sc", spans=spans, attrs={"scores": scores})
        return doc


def kill(*args):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    """About 25 texts become a shard."""
    monkeypatch.setattr(MODULE, "STEP_SIZE", 512)
    monkeypatch.setattr(MODULE, "SHARD_SIZE", 1024)


@pytest.fixture(scope="module")
def nlp():
    nlp = spacy.blank("xx")
    nlp.add_pipe("eiou_batch_tagger")
    return nlp


@pytest.fixture(scope="module")
def model(nlp, tmp_path_factory):
    path = tmp_path_factory.mktemp("model")
    nlp.to_disk(path)
    return str(path)


@pytest.fixture
def texts(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(TEXTS), encoding="utf8")
    return path


def run_and_kill(**kwargs):
    """Run in a process of its own, as kill() ends it."""
    process = multiprocessing.get_context("fork").Process(target=annotate, kwargs=kwargs)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def test_output(tmp_path, model):
    items = [{"text": "IL-2 gene", "year": 1998}, {"id": 7, "text": ""}, {"text": "a"}]
    source, output = tmp_path / "in.jsonl", tmp_path / "new" / "out.jsonl"
    srsly.write_jsonl(source, items)
    rejected = output.with_suffix(".rejected.jsonl")
    report = annotate(model, source, output)
    counts = Counts(3, 3, 1, 0, {"1 WORDS": 2, "2 WORDS": 1}, report.counts.seconds)
    assert report == AnnotationReport(3, 0, 0, [output], rejected, counts, report.seconds)
    assert json.loads(json.dumps(report.to_dict()))["outputs"] == [str(output)]
    assert output.read_text() == (
        '{"id": "in-1", "text": "IL-2 gene", "spans": ['
        '{"start": 0, "end": 4, "label": "1 WORDS", "text": "IL-2", "parent": 1, "score": 2.1235}, '
        '{"start": 0, "end": 9, "label": "2 WORDS", "text": "IL-2 gene", "parent": null, '
        '"score": 2.1235}], "meta": {"year": 1998}}\n'
        '{"id": "7", "text": "", "spans": []}\n'
        '{"id": "in-3", "text": "a", "spans": [{"start": 0, "end": 1, "label": "1 WORDS", '
        '"text": "a", "parent": null, "score": 1.1235}]}\n'
    )
    assert sorted(path.name for path in output.parent.iterdir()) == [
        "out.jsonl",
        "out.rejected.jsonl",
    ]


def test_spans_without_scores(tmp_path, texts):
    nlp = spacy.blank("xx")
    ruler = nlp.add_pipe("span_ruler")
    ruler.add_patterns([{"label": "X", "pattern": "text"}])
    nlp.to_disk(tmp_path / "model")
    annotate(str(tmp_path / "model"), texts, tmp_path / "out.jsonl")
    span = {"start": 9, "end": 13, "label": "X", "text": "text", "parent": None}
    first = next(srsly.read_jsonl(tmp_path / "out.jsonl"))
    assert first == {"id": "texts-1", "text": TEXTS[0], "spans": [span]}


def test_output_is_read_as_a_corpus(tmp_path, model, texts):
    annotate(model, texts, tmp_path / "out.jsonl")
    assert [record.text for record in read_jsonl(tmp_path / "out.jsonl")] == TEXTS


def test_rejected(tmp_path, model):
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    too_long = json.dumps({"text": "a" * (10**6 + 1)})
    source.write_text("\n".join(['{"text": "a"}', "{}", too_long, '{"text": "b"}']))
    report = annotate(model, source, output)
    assert (report.n_texts, report.n_rejected) == (2, 2)
    assert report.rejected_path == tmp_path / "out.rejected.jsonl"
    assert [item["id"] for item in srsly.read_jsonl(output)] == ["in-1", "in-4"]
    first, second = srsly.read_jsonl(report.rejected_path)
    reason = f"{source}, line 2: expected an object with 'text', not {{}}"
    assert first == {"number": 2, "reason": reason, "raw": "{}"}
    assert second["number"] == 3
    assert "expected at most 1000000 characters" in second["reason"]
    assert second["raw"] == too_long


@pytest.mark.parametrize("value", ["null", "NaN", "1e999"])
def test_id_that_is_none(tmp_path, model, value):
    (tmp_path / "in.jsonl").write_text(f'{{"text": "a b", "id": {value}}}')
    annotate(model, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert next(srsly.read_jsonl(tmp_path / "out.jsonl"))["id"] == "in-1"


def test_more_rejected_than_allowed(tmp_path, model):
    (tmp_path / "in.jsonl").write_text('{"text": "a b"}\nx\n{"text": 1}\n')
    arguments = {"input_path": tmp_path / "in.jsonl", "output_path": tmp_path / "out.jsonl"}
    assert annotate(model, **arguments, max_rejected=2).n_rejected == 2
    summary = tmp_path / "summary.json"
    with pytest.raises(CorpusError, match="Rejected 2 items that can't be annotated, more than 1"):
        annotate(model, **arguments, max_rejected=1, summary_path=summary, force=True)
    # All is there nevertheless.
    assert [item["text"] for item in srsly.read_jsonl(arguments["output_path"])] == ["a b"]
    assert srsly.read_json(summary)["n_rejected"] == 2


@pytest.mark.parametrize("options", [{"n_process": 2}, {"silent": False}])
def test_options_that_change_no_byte(tmp_path, model, texts, options):
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    annotate(model, texts, first, batch_size=2)
    annotate(model, texts, second, batch_size=2, **options)
    assert first.read_bytes() == second.read_bytes()
    assert [item["text"] for item in read_annotations(first)] == TEXTS


@pytest.mark.parametrize("number", [0, 1, 90, 249])
def test_killed_run_continues(tmp_path, model, texts, monkeypatch, number):
    whole, output = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    rejected = b"\n\xff\n"
    texts.write_bytes(rejected + texts.read_bytes() + rejected)
    arguments = {"model": model, "input_path": texts, "batch_size": 8}
    annotate(**arguments, output_path=whole)
    monkeypatch.setattr(BatchTagger, "killed_by", TEXTS[number])
    for _ in range(2):
        run_and_kill(**arguments, output_path=output)
        assert not output.exists()
    monkeypatch.setattr(BatchTagger, "killed_by", None)
    report = annotate(**arguments, output_path=output)
    assert (report.n_texts, report.n_rejected) == (251, 2)
    assert output.read_bytes() == whole.read_bytes()
    assert (
        output.with_suffix(".rejected.jsonl").read_bytes()
        == whole.with_suffix(".rejected.jsonl").read_bytes()
    )


def test_each_process_has_one_thread(tmp_path, model, texts, monkeypatch):
    monkeypatch.setattr(BatchTagger, "annotate", count_threads)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    for number in (1, 2):
        output = tmp_path / f"{number}.jsonl"
        annotate(model, texts, output, n_process=number)
        assert {item["spans"][0]["label"] for item in read_annotations(output)} == {"1"}
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


def count_threads(self, doc, index):
    doc.spans[self.key] = [Span(doc, 0, 1, label=str(torch.get_num_threads()))]
    return doc


def test_killed_worker_is_an_error(tmp_path, model, texts, monkeypatch):
    monkeypatch.setattr(BatchTagger, "killed_by", TEXTS[100])
    arguments = {"model": model, "input_path": texts, "output_path": tmp_path / "out.jsonl"}
    with pytest.raises(OSError, match="a process has ended before its work was done"):
        annotate(**arguments, n_process=2)
    assert not multiprocessing.active_children()
    monkeypatch.setattr(BatchTagger, "killed_by", None)
    assert annotate(**arguments, n_process=2).n_before > 0
    assert [item["text"] for item in read_annotations(tmp_path / "out.jsonl")] == TEXTS


def test_error_of_a_worker(tmp_path, model, texts, monkeypatch):
    def fail(self, stream, batch_size):
        raise ValueError("no such word")

    monkeypatch.setattr(BatchTagger, "pipe", fail)
    with pytest.raises(ValueError, match="no such word"):
        annotate(model, texts, tmp_path / "out.jsonl", n_process=2)


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_is_left(tmp_path, model, texts, monkeypatch, signal_number):
    started = tmp_path / "started"

    def wait(self, stream, batch_size):
        with started.open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(60)

    monkeypatch.setattr(BatchTagger, "pipe", wait)
    arguments = {"model": model, "input_path": texts, "output_path": tmp_path / "out.jsonl"}
    context = multiprocessing.get_context("fork")
    process = context.Process(target=annotate, kwargs={**arguments, "n_process": 2})
    process.start()
    wait_until(lambda: started.exists() and len(started.read_text().split()) == 2)
    os.kill(process.pid, signal_number)
    process.join()
    workers = [Path("/proc", pid) for pid in started.read_text().split()]
    wait_until(lambda: not any(is_running(worker) for worker in workers))


def is_running(process):
    """A process that has ended may be listed, as long as nobody has asked how."""
    try:
        return ") Z " not in (process / "stat").read_text()
    except OSError:
        return False


def wait_until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_folder_of_shards(tmp_path, model, texts, monkeypatch):
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    report = annotate(model, texts, first)
    assert (report.n_texts, report.outputs, report.rejected_path) == (250, [first], first)
    names = [f"part-{number:05}.jsonl" for number in range(5)]
    assert sorted(path.name for path in first.iterdir()) == ["_manifest.json", *names]
    manifest = srsly.read_json(first / "_manifest.json")
    assert [shard["name"] for shard in manifest["shards"]] == names
    assert sum(shard["n_texts"] for shard in manifest["shards"]) == 250
    annotate(model, texts, second, n_process=2)
    monkeypatch.setattr(BatchTagger, "killed_by", TEXTS[100])
    run_and_kill(model=model, input_path=texts, output_path=third)
    monkeypatch.setattr(BatchTagger, "killed_by", None)
    assert annotate(model, texts, third).n_before > 0
    whole = read_folder(first)
    assert read_folder(second) == read_folder(third) == whole
    lines = b"".join(whole[Path(name)] for name in names).splitlines()
    assert [json.loads(line)["text"] for line in lines] == TEXTS
    with pytest.raises(CorpusError, match="set --force"):
        annotate(model, texts, first)
    texts.write_text("a\n\xff", encoding="latin-1")
    with pytest.warns(UserWarning, match="Starting from the first text"):
        report = annotate(model, texts, first, force=True, output_format="jsonl.gz")
    assert (report.n_texts, report.n_rejected) == (1, 1)
    assert sorted(path.name for path in first.iterdir()) == [
        "_manifest.json",
        "_part-00000.rejected.jsonl",
        "part-00000.jsonl.gz",
    ]


def test_summary_and_log(tmp_path, model, texts, monkeypatch):
    output, log, summary = (tmp_path / name for name in ("out.jsonl", "log.jsonl", "sum.json"))
    paths = {"output_path": output, "log_path": log, "summary_path": summary}
    monkeypatch.setattr(BatchTagger, "killed_by", TEXTS[100])
    run_and_kill(model=model, input_path=texts, **paths)
    log.write_bytes(log.read_bytes()[:-5])
    monkeypatch.setattr(BatchTagger, "killed_by", None)
    report = annotate(model, texts, **paths)
    # Old versions of srsly write the last digit of a float otherwise.
    expected = {**report.to_dict(), "seconds": pytest.approx(report.to_dict()["seconds"])}
    assert json.loads(summary.read_text()) == expected
    assert report.to_dict()["counts"]["n_spans"] == {"1 WORDS": 250, "4 WORDS": 250}
    lines = log.read_text().splitlines()
    assert len(lines) == 10
    assert json.loads(lines[-1])["shard"] == 9
    with pytest.raises(CorpusError, match="would be lost"):
        annotate(model, texts, tmp_path / "new.jsonl", summary_path=texts)


@pytest.mark.skipif(not os.path.exists("/dev/stderr"), reason="needs /dev/stderr")
def test_log_to_a_stream(tmp_path, model, texts, capfd):
    options = {"log_path": "/dev/stderr", "summary_path": "/dev/stdout"}
    annotate(model, texts, tmp_path / "out.jsonl", **options)
    stdout, stderr = capfd.readouterr()
    assert json.loads(stdout)["n_texts"] == 250
    assert [json.loads(line)["shard"] for line in stderr.splitlines()] == [*range(10)]


def test_summary_and_log_replace_nothing(tmp_path, model, texts):
    folder = shutil.copytree(model, tmp_path / "model")
    (tmp_path / "reports").mkdir()
    for name in ("summary_path", "log_path"):
        with pytest.raises(CorpusError, match="reports is a directory"):
            annotate(model, texts, tmp_path / "out.jsonl", **{name: tmp_path / "reports"})
        with pytest.raises(CorpusError, match="Expected an output outside of the files of the pi"):
            annotate(folder, texts, tmp_path / "out.jsonl", **{name: folder / "meta.json"})
    assert (tmp_path / "reports").is_dir()
    assert (folder / "meta.json").read_bytes() == Path(model, "meta.json").read_bytes()
    assert not (tmp_path / "out.jsonl").exists()


def test_arguments_may_be_strings_or_paths(tmp_path, model, texts):
    names = {"graph_path": "g.jsonl", "brat_path": "brat", "html_path": "h.html"}
    names |= {"summary_path": "s.json", "log_path": "l.jsonl"}
    paths = {option: f"{tmp_path}/{name}" for option, name in names.items()}
    annotate(Path(model), str(texts), f"{tmp_path}/out.jsonl", **paths)
    assert all(Path(path).exists() for path in paths.values())
    annotate(Path(model), texts, f"{tmp_path}/folder")
    assert srsly.read_json(tmp_path / "folder" / "_manifest.json")["model"] == model


def test_address_of_a_file_is_its_path(tmp_path, model):
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "a"}')
    for source, output in [(path, f"file://{path}"), (f"file://{path}", path)]:
        with pytest.raises(CorpusError, match="is read, and would be lost"):
            annotate(model, source, output, force=True)
    report = annotate(model, f"file://{path}", f"file://{tmp_path}/out.jsonl")
    assert report.outputs == [tmp_path / "out.jsonl"]


@pytest.mark.parametrize("suffix", ["jsonl", "txt"])
@pytest.mark.parametrize("name", ["out.jsonl", "page.txt", "summary.txt", "log.txt"])
def test_output_that_the_next_run_would_read(tmp_path, model, name, suffix):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / f"a.{suffix}").write_text('{"text": "a"}')
    options = {
        "page.txt": {"html_path": folder / name},
        "summary.txt": {"summary_path": folder / name},
        "log.txt": {"log_path": folder / name},
    }
    message = f"Expected an output outside of the input, not {folder / name}: the next run would r"
    with pytest.raises(CorpusError, match=message):
        output = folder if name == "out.jsonl" else tmp_path
        annotate(model, folder, output / "out.jsonl", **options.get(name, {}))
    assert len([*folder.iterdir()]) == 1


@pytest.mark.parametrize(
    "pattern, output, read",
    [
        ("in/**/*.jsonl", "in/out.jsonl", "in/out.jsonl"),
        # What a run that is killed leaves
        ("in/*/*.jsonl", "in/out.jsonl", "in/out.jsonl.part/part-00000.jsonl"),
        ("in/*/*.jsonl", "in/out", "in/out/part-00000.jsonl"),
    ],
)
def test_output_that_the_pattern_matches(tmp_path, model, monkeypatch, pattern, output, read):
    (tmp_path / "v[1]" / "in" / "sub").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "v[1]")
    Path("in/sub/a.jsonl").write_text('{"text": "a"}')
    with pytest.raises(CorpusError, match=f"Expected an output outside of the input, not {read}:"):
        annotate(model, pattern, output)


def test_brat_files_that_the_pattern_matches(tmp_path, model):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("a b")
    with pytest.raises(CorpusError, match=r"outside of the input, not .*brat/text\.txt"):
        annotate(model, f"{tmp_path}/*/*.txt", tmp_path / "out.jsonl", brat_path=tmp_path / "brat")


def test_output_beside_the_texts_of_a_folder(tmp_path, model):
    (tmp_path / "a.txt").write_text("a b")
    for _ in range(2):
        report = annotate(model, f"{tmp_path}/*.txt", tmp_path / "out.jsonl", force=True)
        assert (report.n_texts, report.n_rejected) == (1, 0)


def test_byte_order_mark_is_no_part_of_a_word(tmp_path, model):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_bytes("\ufeffIL-2 gene".encode())
    annotate(model, tmp_path / "in", tmp_path / "out.jsonl", brat_path=tmp_path / "brat")
    (item,) = read_annotations(tmp_path / "out.jsonl")
    assert item["text"] == "\ufeffIL-2 gene"
    found = [(span["start"], span["end"], span["text"]) for span in item["spans"]]
    assert found == [(1, 5, "IL-2"), (1, 10, "IL-2 gene")]
    (record,) = read_brat(tmp_path / "brat")
    words = [record.text[entity.start : entity.end] for entity in record.entities]
    assert words == ["IL-2", "IL-2 gene"]


def test_address(tmp_path, model):
    filesystem = pytest.importorskip("fsspec").filesystem("memory")
    filesystem.pipe("/in.txt", b"a b")
    report = annotate(model, "memory://in.txt", tmp_path / "out.jsonl", n_process=2)
    assert (report.n_texts, report.counts.n_words) == (1, 2)


def test_folder_with_other_files_is_no_output(tmp_path, model, texts):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("a")
    with pytest.raises(CorpusError, match="notes is not empty"):
        annotate(model, texts, tmp_path / "notes", force=True)
    with pytest.raises(CorpusError, match="Expected an output outside of the input"):
        annotate(model, tmp_path / "notes", tmp_path / "notes" / "out")
    # Neither a finished output nor one of a run that was stopped is wiped with them.
    annotate(model, texts, tmp_path / "out")
    (tmp_path / "out" / "notes.md").write_text("a")
    for batch_size in (None, 7):
        with pytest.raises(CorpusError, match=r"no other files .*out/notes\.md would be lost"):
            annotate(model, texts, tmp_path / "out", force=True, batch_size=batch_size)
    assert (tmp_path / "out" / "notes.md").read_text() == "a"
    with pytest.raises(CorpusError, match=r"Expected one local \.jsonl output, to write a graph"):
        annotate(model, texts, tmp_path / "out", html_path=tmp_path / "page.html")


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
def test_packed_output(tmp_path, model, texts, suffix):
    plain, packed = tmp_path / "plain.jsonl", tmp_path / f"packed{suffix}"
    annotate(model, texts, plain)
    report = annotate(model, texts, packed, html_path=tmp_path / "page.html")
    assert report.rejected_path == tmp_path / "packed.rejected.jsonl"
    assert [*read_annotations(packed)] == [*read_annotations(plain)]
    first = packed.read_bytes()
    annotate(model, texts, packed, force=True)
    assert packed.read_bytes() == first
    assert len(first) < plain.stat().st_size / 4


def test_rows(tmp_path, model):
    parquet = pytest.importorskip("pyarrow.parquet")
    source, output = tmp_path / "in.jsonl", tmp_path / "out.parquet"
    srsly.write_jsonl(source, [{"text": f"a {'b' * 300}", "x": 1}, {}, {"text": "a"}])
    report = annotate(model, source, output)
    assert (report.n_texts, report.n_rejected) == (2, 1)
    table = parquet.read_table(output)
    assert table.column_names == ["id", "text", "meta", "spans"]
    assert table.column("id").to_pylist() == ["in-1", "in-3"]
    assert table.column("meta").to_pylist() == ['{"x": 1}', None]
    assert [len(spans) for spans in table.column("spans").to_pylist()] == [2, 1]


def test_columns_of_parquet_are_kept(tmp_path, model):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pa.table({"text": [*TEXTS, None], "x": pa.array(range(251), pa.int16())})
    parquet.write_table(table, tmp_path / "in.parquet", row_group_size=60)
    output = tmp_path / "out.parquet"
    report = annotate(model, tmp_path / "in.parquet", output, n_process=2)
    assert (report.n_texts, report.n_rejected) == (250, 1)
    annotated = parquet.read_table(output)
    assert annotated.select(["text", "x"]) == table
    spans = annotated.column("spans").to_pylist()
    assert [row and row[0]["label"] for row in spans] == ["1 WORDS"] * 250 + [None]
    annotate(model, tmp_path / "in.parquet", tmp_path / "out", output_format="parquet")
    shards = [parquet.read_table(path) for path in sorted((tmp_path / "out").glob("*.parquet"))]
    assert pa.concat_tables(shards).select(["text", "x"]) == table
    assert {shard.schema for shard in shards} == {annotated.schema}
    assert len(shards) > 4
    # The manifest and what was rejected are left out.
    assert (tmp_path / "out" / "_part-00004.rejected.jsonl").exists()
    assert parquet.read_table(tmp_path / "out") == pa.concat_tables(shards)


def test_parquet_files_with_other_columns(tmp_path, model):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    (tmp_path / "in").mkdir()
    for name in ("x", "y"):
        parquet.write_table(pa.table({"text": ["a"], name: [1]}), tmp_path / f"in/{name}.parquet")
    message = f"in/y.parquet: expected the same columns as in {tmp_path}/in/x.parquet"
    with pytest.raises(CorpusError, match=message):
        annotate(model, tmp_path / "in", tmp_path / "out.parquet")
    # This is said before the first text is annotated.
    assert not part_of(tmp_path / "out.parquet").exists()
    assert annotate(model, tmp_path / "in", tmp_path / "out", output_format="parquet").n_texts == 2


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet"])
def test_no_texts(tmp_path, model, name):
    pytest.importorskip("pyarrow")
    (tmp_path / "in.txt").touch()
    assert annotate(model, tmp_path / "in.txt", tmp_path / name, n_process=2).n_texts == 0
    assert (tmp_path / name).exists()


def test_continued_run_leaves_out_what_is_done(tmp_path, model, texts, monkeypatch):
    output = tmp_path / "out.jsonl"
    monkeypatch.setattr(BatchTagger, "killed_by", TEXTS[200])
    run_and_kill(model=model, input_path=texts, output_path=output, batch_size=8)

    # Were the first text annotated once more, this would kill it.
    monkeypatch.setattr(BatchTagger, "killed_by", TEXTS[0])
    report = annotate(model, texts, output, batch_size=8)
    assert 170 < report.n_before <= 200
    assert report.n_texts == 250


def test_outputs_may_be_links(tmp_path, model, texts):
    names = ["out", "brat", "out.jsonl", "page.html", "out.rejected.jsonl", "out.tasks.jsonl"]
    (tmp_path / "disk").mkdir()
    for name in names:
        place = tmp_path / "disk" / f"real_{name}"
        place.touch() if place.suffix else place.mkdir()
        (tmp_path / name).symlink_to(place)
    for batch_size in (7, 8):
        options = {"brat_path": tmp_path / "brat", "html_path": tmp_path / "page.html"}
        options["to"] = "doccano"
        annotate(model, texts, tmp_path / "out", batch_size=batch_size, force=True)
        annotate(model, texts, tmp_path / "out.jsonl", batch_size=batch_size, force=True, **options)
        shutil.rmtree(tmp_path / "disk" / "real_brat")
        (tmp_path / "disk" / "real_brat").mkdir()
    assert {path.name for path in tmp_path.iterdir() if path.is_symlink()} == {*names}
    assert (tmp_path / "out" / "_manifest.json").exists()
    assert b"<mark" in (tmp_path / "page.html").read_bytes()
    assert [item["text"] for item in read_annotations(tmp_path / "out.jsonl")] == TEXTS
    assert {path.name for path in (tmp_path / "disk").iterdir()} == {f"real_{n}" for n in names}


def test_format_of_a_graph_is_that_of_its_link(tmp_path, model, texts):
    (tmp_path / "graph.graphml").symlink_to(tmp_path / "store")
    annotate(model, texts, tmp_path / "out.jsonl", graph_path=tmp_path / "graph.graphml")
    assert b"<graphml" in (tmp_path / "store").read_bytes()


def test_current_folder_is_the_output(tmp_path, model, texts, monkeypatch):
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    for batch_size in (7, 8):
        annotate(model, texts, ".", batch_size=batch_size, force=True)
        assert Path("_manifest.json").exists()


def read_folder(folder):
    """RETURNS: The content of each file, without a hidden one that a killed process left."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


FORMATS = ["out.jsonl", "out.jsonl.gz", "out.jsonl.zst", "out.parquet", "out"]


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_killed_at_each_step(tmp_path, model, texts, monkeypatch, name):
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(MODULE, "STEP_SIZE", 64)
    monkeypatch.setattr(MODULE, "SHARD_SIZE", 64)
    texts.write_bytes(b"\n".join([*map(str.encode, TEXTS[:8]), b"\xff"]))
    annotate(model, texts, tmp_path / "whole" / name)
    whole = read_folder(tmp_path / "whole")
    for step in count(1):
        output = tmp_path / str(step) / name
        was_killed = kill_at_step(step, lambda: annotate(model, texts, output))  # noqa: B023
        if not was_killed:
            break
        annotate(model, texts, output, force=True)
        assert read_folder(output.parent) == whole
    assert step > 20


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_killed_at_random_instants(tmp_path, model, texts, name):
    pytest.importorskip("pyarrow")
    texts.write_text("\n".join(TEXTS * 4), encoding="utf8")
    arguments = {"model": model, "input_path": texts, "n_process": 2}
    start = time.monotonic()
    annotate(**arguments, output_path=tmp_path / "whole" / name)
    seconds = time.monotonic() - start
    output, random = tmp_path / "stopped" / name, Random(name)
    for _ in range(20):
        process = multiprocessing.get_context("fork").Process(
            target=annotate, kwargs={**arguments, "output_path": output, "force": True}
        )
        process.start()
        process.join(random.uniform(0, seconds))
        process.kill()
        process.join()
        # Its processes end with it, and the lock is theirs as well.
        time.sleep(0.2)
    annotate(**arguments, output_path=output, force=True)
    assert read_folder(tmp_path / "stopped") == read_folder(tmp_path / "whole")


def get_arguments(model, texts, folder):
    """The arguments to write all outputs to a folder."""
    return {
        "model": model,
        "input_path": texts,
        "output_path": folder / "out.jsonl",
        "graph_path": folder / "graph.graphml",
        "brat_path": folder / "brat",
        "html_path": folder / "page.html",
    }


def test_killed_while_it_removes_its_shards(tmp_path, model, texts, monkeypatch):
    texts.write_bytes(b"a\n\xff\n")
    output = tmp_path / "out.jsonl"

    def remove_some(folder):
        (folder / "_part-00000.rejected.jsonl").unlink()
        kill()

    with monkeypatch.context() as context:
        context.setattr(shutil, "rmtree", remove_some)
        run_and_kill(model=model, input_path=texts, output_path=output)
    before = read_folder(tmp_path)
    assert annotate(model, texts, output, force=True).n_rejected == 1
    paths = [texts, output, output.with_suffix(".rejected.jsonl")]
    after = {path.relative_to(tmp_path): path.read_bytes() for path in paths}
    assert read_folder(tmp_path) == after
    assert after.items() < before.items()


@pytest.mark.parametrize("n_replaced", range(8))
def test_killed_while_it_finishes(tmp_path, model, texts, monkeypatch, n_replaced):
    texts.write_text("IL-2 gene\na\n")
    annotate(**get_arguments(model, texts, tmp_path / "whole"))
    arguments = get_arguments(model, texts, tmp_path / "stopped")
    replacements = iter([os.replace] * n_replaced + [kill])
    with monkeypatch.context() as context:
        context.setattr(os, "replace", lambda *args: next(replacements)(*args))
        # Python 3.10 has a reference of its own there.
        context.setattr(Path, "replace", lambda *args: os.replace(*args))
        run_and_kill(**arguments)
    assert not arguments["output_path"].exists()
    annotate(**arguments)
    assert read_folder(tmp_path / "stopped") == read_folder(tmp_path / "whole")


def test_stopped_run_overwrites_only_what_it_wrote(tmp_path, model, texts, monkeypatch):
    monkeypatch.setattr(BatchTagger, "killed_by", TEXTS[0])
    run_and_kill(model=model, input_path=texts, output_path=tmp_path / "out.jsonl")
    monkeypatch.setattr(BatchTagger, "killed_by", None)
    arguments = get_arguments(model, texts, tmp_path)
    arguments["graph_path"].write_text("old")
    with pytest.raises(CorpusError, match="set --force"):
        annotate(**arguments)
    assert arguments["graph_path"].read_text() == "old"


def test_changed_input_starts_from_the_first_text(tmp_path, model, texts, monkeypatch):
    output = tmp_path / "out.jsonl"
    monkeypatch.setattr(BatchTagger, "killed_by", TEXTS[200])
    run_and_kill(model=model, input_path=texts, output_path=output, batch_size=8)
    monkeypatch.setattr(BatchTagger, "killed_by", None)
    texts.write_text("other")
    with pytest.warns(
        UserWarning, match="the texts, the pipeline, its code or the options have changed"
    ):
        assert annotate(model, texts, output, batch_size=8).n_before == 0
    assert [record.text for record in read_jsonl(output)] == ["other"]


@pytest.mark.parametrize("change", ["code", "version", "names"])
def test_what_was_made_in_two_ways_is_not_mixed(tmp_path, model, monkeypatch, change):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    srsly.write_jsonl(tmp_path / "in" / "sub" / "a.jsonl", [{"text": text} for text in TEXTS])
    code = tmp_path / "code.py"
    code.write_text("# version 1")
    options = {"input_path": tmp_path / "in", "code_path": code, "model": model, "batch_size": 8}
    options["output_path"] = tmp_path / "out.jsonl"
    monkeypatch.setattr(BatchTagger, "killed_by", TEXTS[200])
    run_and_kill(**options)
    if change == "code":
        code.write_text("# version 2.0")
    elif change == "version":
        monkeypatch.setattr(MODULE, "__version__", "0")
    else:
        # The ids of the same file begin with another name.
        options["input_path"] = f"{tmp_path}/in/sub/*.jsonl"
    monkeypatch.setattr(BatchTagger, "killed_by", None)
    with pytest.warns(UserWarning, match="Starting from the first text"):
        assert annotate(**options).n_before == 0
    first = next(read_annotations(options["output_path"]))
    assert first["id"] == ("a-1" if change == "names" else "sub/a-1")


def test_exports(tmp_path, model):
    source = tmp_path / "texts"
    source.mkdir()
    (source / "a.txt").write_bytes("\ufeff😀\r\nb".encode())
    graph, brat, page = tmp_path / "graph.jsonl", tmp_path / "new" / "brat", tmp_path / "page.html"
    output = tmp_path / "out.jsonl"
    report = annotate(model, source, output, graph_path=graph, brat_path=brat, html_path=page)
    assert report.outputs == [output, graph, brat, page]
    (record,) = read_brat(brat)
    assert record.text == "\ufeff😀\r\nb"
    (expected,) = read_jsonl(output)
    assert {(e.start, e.end) for e in record.entities} == {
        (e.start, e.end) for e in expected.entities
    }
    assert [item["type"] for item in srsly.read_jsonl(graph)] == ["node", "node", "edge"]
    assert page.read_bytes().count(b"<mark ") == 2


@pytest.mark.parametrize(
    "options,message",
    [
        ({"text_format": "xml"}, "Expected a format from txt, jsonl, csv, parquet, docbin"),
        (
            {"output_path": Path("out.spacy")},
            "the suffix .jsonl, .jsonl.gz, .jsonl.zst, .parquet, or a folder",
        ),
        ({"graph_path": Path("a.xml")}, "Expected a graph file that ends in .graphml or .jsonl"),
        ({"graph_path": Path("out.jsonl")}, "Expected an output path of its own for each output"),
        (
            {"graph_path": Path("a.jsonl"), "html_path": Path("a.jsonl")},
            "Expected an output path of its own for each output, not a.jsonl, a.jsonl",
        ),
        ({"brat_path": Path("full")}, "Expected a new output directory: full is not empty"),
        ({"force": True, "html_path": Path("in.jsonl")}, "in.jsonl is read, and would be lost"),
        ({"graph_path": Path("old.jsonl")}, "To overwrite old.jsonl, set --force"),
    ],
)
def test_wrong_arguments(tmp_path, model, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.jsonl").write_text('{"text": "a"}')
    (tmp_path / "old.jsonl").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").touch()
    arguments = {"input_path": Path("in.jsonl"), "output_path": Path("out.jsonl"), **options}
    with pytest.raises(CorpusError, match=re.escape(message)):
        annotate(model, **arguments)
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    "source,options",
    [
        ("out.jsonl.part", {}),
        ("out.rejected.jsonl.part", {}),
        ("x.html.part", {"html_path": Path("x.html")}),
        ("out.jsonl.part.json", {}),
    ],
)
def test_work_file_is_no_input(tmp_path, model, monkeypatch, source, options):
    monkeypatch.chdir(tmp_path)
    Path(source).write_text('{"text": "IL-2"}')
    with pytest.raises(CorpusError, match="is read, and would be lost"):
        annotate(model, Path(source), Path("out.jsonl"), text_format="jsonl", **options)
    assert [path.name for path in tmp_path.iterdir()] == [source]


def test_file_of_the_input_folder_is_no_output(tmp_path, model):
    source, output = tmp_path / "texts", tmp_path / "out.jsonl"
    source.mkdir()
    (source / "0.txt").write_text("IL-2")
    with pytest.raises(CorpusError, match=r"0\.txt is read, and would be lost"):
        annotate(model, source, output, html_path=source / "0.txt", force=True)
    assert (source / "0.txt").read_text() == "IL-2"


def test_output_in_the_folder_of_the_model(tmp_path, nlp, texts, monkeypatch):
    folder = tmp_path / "model"
    nlp.to_disk(folder)
    arguments = {"model": str(folder), "input_path": texts, "batch_size": 8}
    with pytest.raises(CorpusError, match="Expected an output outside of the files of the pipe"):
        annotate(**arguments, output_path=folder / "vocab" / "out.jsonl")
    monkeypatch.setattr(BatchTagger, "killed_by", TEXTS[200])
    run_and_kill(**arguments, output_path=folder / "out.jsonl")
    monkeypatch.setattr(BatchTagger, "killed_by", None)
    assert annotate(**arguments, output_path=folder / "out.jsonl").n_before > 170


def test_only_one_run_at_once(tmp_path, model, texts):
    output = tmp_path / "out.jsonl"
    with locked(output):
        with pytest.raises(CorpusError, match="another process is writing it"):
            annotate(model, texts, output)
        with pytest.raises(CorpusError, match="another process is writing it"):
            annotate(model, texts, tmp_path / "other.jsonl", html_path=output)
    assert not part_of(output).exists()
    assert annotate(model, texts, output).n_texts == 250


def test_output_is_overwritten_only_by_force(tmp_path, model, texts):
    output = tmp_path / "out.jsonl"
    annotate(model, texts, output)
    with pytest.raises(CorpusError, match="set --force"):
        annotate(model, texts, output)
    texts.write_text("a")
    assert annotate(model, texts, output, force=True).n_texts == 1
    assert len(output.read_bytes().splitlines()) == 1


@pytest.mark.parametrize("name", ["config.cfg", "vocab/strings.json"])
def test_damaged_model(tmp_path, model, texts, name):
    damaged = shutil.copytree(model, tmp_path / "damaged")
    content = (damaged / name).read_bytes()
    (damaged / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError):
        annotate(str(damaged), texts, tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl.part").exists()


def test_missing_model(tmp_path, texts):
    with pytest.raises(OSError, match="no_such_model"):
        annotate("no_such_model", texts, tmp_path / "out.jsonl")


@pytest.mark.parametrize("components,message", [([], "none"), (["a", "b"], "a, b")])
def test_ambiguous_spans_key(tmp_path, texts, components, message):
    nlp = spacy.blank("xx")
    for key in components:
        nlp.add_pipe("span_ruler", name=key, config={"spans_key": key})
    nlp.to_disk(tmp_path / "model")
    with pytest.raises(
        CorpusError, match=f"with --spans-key.* that the pipeline writes: {message}"
    ):
        annotate(str(tmp_path / "model"), texts, tmp_path / "out.jsonl")


def test_spans_key_that_no_component_names(tmp_path, model, texts):
    with pytest.warns(UserWarning, match="says that it writes the spans key 'other'"):
        annotate(model, texts, tmp_path / "out.jsonl", spans_key="other")


@given(st.lists(st.text(), max_size=4))
def test_offsets_of_any_text(tmp_path_factory, nlp, texts):
    sources = [SourceText(str(number), text, {}) for number, text in enumerate(texts)]
    annotations = list(annotate_texts(nlp, sources, "sc", batch_size=2))
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    srsly.write_jsonl(path, annotations)
    records = list(read_jsonl(path))
    assert [record.text for record in records] == texts
    for record, annotation, text in zip(records, annotations, texts):
        # A reader trims white space at the edges, and there is nothing in an entity without a word
        found = [(text[entity.start : entity.end], entity.label) for entity in record.entities]
        spans = [(span["text"].strip(), span["label"]) for span in annotation["spans"]]
        assert found == [(word, label) for word, label in spans if word]
        for span in annotation["spans"]:
            assert record.text[span["start"] : span["end"]] == span["text"] != ""


def test_memory_does_not_grow_with_the_number_of_texts(nlp, monkeypatch):
    monkeypatch.setattr(prediction, "TEXTS_PER_WINDOW", 100)
    monkeypatch.setattr(prediction, "MAX_NEW_STRINGS", 0)

    def annotate_and_measure(n_texts):
        texts = (SourceText("a", f"{n_texts}x{number}") for number in range(n_texts))
        tracemalloc.start()
        n_annotated = sum(1 for _ in annotate_texts(nlp, texts, "sc", batch_size=2))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert n_annotated == n_texts
        return peak

    annotate_and_measure(200)
    n_strings = len(nlp.vocab.strings)
    assert annotate_and_measure(2000) < 1.5 * annotate_and_measure(400)
    assert len(nlp.vocab.strings) == n_strings
