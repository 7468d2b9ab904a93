"""Outputs at addresses."""

import importlib
import itertools

import pytest
from annotation_util import read_local, save_model, write_texts
from fsspec import filesystem

from spacy_eiou.annotation import annotate, folders
from spacy_eiou.annotation.folders import RemoteFolder
from spacy_eiou.corpora import CorpusError

MODULE = importlib.import_module("spacy_eiou.annotation.annotate")
MEMORY = filesystem("memory")
NAMES = ["out.jsonl", "out.jsonl.gz", "out.parquet", "out"]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(MODULE, "STEP_SIZE", 4096)
    monkeypatch.setattr(MODULE, "SHARD_SIZE", 4096)


@pytest.fixture(autouse=True)
def empty_memory():
    MEMORY.store.clear()
    yield
    MEMORY.store.clear()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    return write_texts(tmp_path_factory.mktemp("texts") / "texts.jsonl")


def read_memory():
    return {path.rpartition("/")[2]: MEMORY.cat_file(path) for path in MEMORY.find("")}


@pytest.fixture(params=NAMES)
def whole(request, model, texts, tmp_path):
    """The name of an output, and the files that it consists of."""
    output = tmp_path / request.param
    annotate(model, texts, output)
    return request.param, read_local(output if output.is_dir() else tmp_path)


def test_same_files_as_local(model, texts, whole):
    name, files = whole
    report = annotate(model, str(texts), f"memory://bucket/{name}")
    assert report.outputs == [f"memory://bucket/{name}"]
    assert (report.n_texts, report.n_rejected) == (250, 2)
    assert report.rejected_path in ("memory://bucket/out.rejected.jsonl", "memory://bucket/out")
    assert read_memory() == files
    assert report.to_dict()["outputs"] == report.outputs


@pytest.mark.slow
@pytest.mark.parametrize("whole", ["out.jsonl", "out"], indirect=True)
def test_stopped_at_each_step(model, texts, whole, monkeypatch):
    name, files = whole
    for n_put in itertools.count():
        puts = iter(range(n_put))

        def put(*arguments, puts=puts, put_file=folders.put_file):
            if next(puts, None) is None:
                raise KeyboardInterrupt
            put_file(*arguments)

        with monkeypatch.context() as context:
            context.setattr(folders, "put_file", put)
            context.setattr("spacy_eiou.annotation.resume.put_file", put)
            try:
                annotate(model, texts, f"memory://bucket/{name}")
                break
            except KeyboardInterrupt:
                pass
        report = annotate(model, texts, f"memory://bucket/{name}")
        assert report.n_before > 0 or n_put < 5
        assert read_memory() == files
        MEMORY.store.clear()
    assert n_put > 8


def test_finished_output_is_overwritten_only_by_force(model, texts, whole):
    name, files = whole
    annotate(model, texts, f"memory://bucket/{name}", batch_size=7)
    with pytest.raises(CorpusError, match=f"To overwrite memory://bucket/{name}, set --force"):
        annotate(model, texts, f"memory://bucket/{name}")
    annotate(model, texts, f"memory://bucket/{name}", force=True)
    assert read_memory().keys() == files.keys()


def test_other_options_start_from_the_first_text(model, texts, monkeypatch):
    def stop(self, name, line, append=RemoteFolder.append):
        append(self, name, line)
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(RemoteFolder, "append", stop)
        with pytest.raises(KeyboardInterrupt):
            annotate(model, texts, "memory://bucket/out.jsonl")
    assert "out.jsonl.part/part-00000.jsonl" in " ".join(MEMORY.find(""))
    with pytest.warns(UserWarning, match="Starting from the first text"):
        report = annotate(model, texts, "memory://bucket/out.jsonl", batch_size=7)
    assert report.n_before == 0


def test_remote_input_and_output(model, texts):
    MEMORY.pipe("/bucket/in/a.jsonl", texts.read_bytes())
    report = annotate(model, "memory://bucket/in/", "memory://bucket/out/")
    assert report.n_texts == 250
    with pytest.raises(CorpusError, match=r"bucket/in/a\.jsonl is read"):
        annotate(model, "memory://bucket/in/", "memory://bucket/in/a.jsonl", force=True)
    with pytest.raises(CorpusError, match=r"bucket/in/a\.jsonl is read"):
        annotate(model, "memory://bucket/in/", "memory://bucket/in", force=True)
    with pytest.raises(CorpusError, match=r"bucket is not empty, it has in"):
        annotate(model, texts, "memory://bucket", force=True)
    for name in ("new.jsonl", "new", "new/"):
        with pytest.raises(CorpusError, match="not memory://bucket/in/new"):
            annotate(model, "memory://bucket/in/", f"memory://bucket/in/{name}")
    MEMORY.pipe("/bucket/out/notes.md", b"a")
    with pytest.raises(CorpusError, match=r"bucket/out is not empty, it has notes\.md"):
        annotate(model, "memory://bucket/in/", "memory://bucket/out/", force=True)
    assert MEMORY.cat_file("/bucket/out/notes.md") == b"a"


def test_address_of_a_new_folder(model, texts, tmp_path):
    assert annotate(model, texts, f"file://{tmp_path}/new/out.jsonl").n_texts == 250
    assert len((tmp_path / "new" / "out.jsonl").read_text().splitlines()) == 250


def test_what_can_not_be_at_an_address(model, texts, tmp_path):
    with pytest.raises(CorpusError, match=r"Expected one local \.jsonl output"):
        annotate(model, texts, "memory://bucket/out.jsonl", html_path=tmp_path / "page.html")
    with pytest.raises(CorpusError, match="Expected an output file with the suffix"):
        annotate(model, texts, "memory://bucket/out.csv")
    with pytest.raises(CorpusError, match="Expected an address to be a string, not the path s3:/b"):
        annotate(model, texts, type(texts)("s3://b/out.jsonl"))
    with pytest.raises(OSError, match=r"Can't reach nothing://out\.jsonl"):
        annotate(model, texts, "nothing://out.jsonl")


def test_log_is_written_for_a_tenth_of_the_time(monkeypatch):
    times = iter([1, 2, 10, 12, 13])
    monkeypatch.setattr(folders.time, "monotonic", lambda: next(times))
    folder = RemoteFolder("memory://bucket/out")
    for line, expected in [(b"0\n", b"0\n"), (b"1\n", b"0\n"), (b"2\n", b"0\n1\n2\n")]:
        folder.append("log", line)
        assert folder.read("log") == expected
