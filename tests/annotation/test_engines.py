import gc
from dataclasses import dataclass

import pytest

from spacy_eiou import extras
from spacy_eiou.annotation import annotate, engines
from spacy_eiou.annotation.engines import ENGINES, EngineOptions, run_local
from spacy_eiou.annotation.shards import Counts
from spacy_eiou.annotation.source_files import Shard
from spacy_eiou.corpora import CorpusError

SHARDS = [(number, Shard([], size=number)) for number in range(20)]


@dataclass
class Task:
    """Counts as many texts as the size of the shard."""

    fails_at: int = -1

    def __call__(self, number, shard):
        if number == self.fails_at:
            raise ValueError(f"shard {number}")
        return Counts(n_texts=shard.size)


@pytest.mark.parametrize("n_process", [1, 2, 30])
def test_each_shard_is_done_once(n_process):
    results = [*run_local(Task(), SHARDS, n_process=n_process)]
    assert sorted(number for number, _ in results) == [*range(20)]
    assert all(counts == Counts(n_texts=number) for number, counts in results)


@pytest.mark.parametrize("n_process", [1, 2])
def test_error(n_process):
    with pytest.raises(ValueError, match="shard 13"):
        list(run_local(Task(fails_at=13), SHARDS, n_process=n_process))


class ErrorOfTwo(ValueError):
    """Pickle calls it with its message alone."""

    def __init__(self, word, number):
        super().__init__(f"{word} {number}")


class Panic(BaseException):
    """As code in Rust raises it, in a module that can't be imported."""


Panic.__module__ = "no_such_module"


@pytest.mark.parametrize("n_process", [1, 2])
@pytest.mark.parametrize(
    "error, kind",
    [
        (ErrorOfTwo("shard", 13), ValueError),
        (type("Own", (OSError,), {"__module__": "python_code"})("shard 13"), OSError),
        (Panic("shard 13"), (Panic, RuntimeError)),
        (SystemExit("shard 13"), SystemExit),
    ],
)
def test_error_that_only_its_process_knows(n_process, error, kind):
    def task(number, shard):
        if number == 13:
            raise error

    with pytest.raises(kind, match="shard 13"):
        list(run_local(task, SHARDS, n_process=n_process))


def test_engine_that_ends_a_process():
    def task(number, shard):
        raise SystemExit

    with pytest.raises(SystemExit):
        engines._call_there(task, 0, Shard([]), ".")


def test_no_shards():
    assert [*run_local(Task(), [], n_process=2)] == []


@pytest.mark.slow
def test_processes_that_are_not_forked(monkeypatch):
    monkeypatch.setattr(engines, "get_all_start_methods", lambda: ["spawn"])
    results = [*run_local(Task(), SHARDS, n_process=2)]
    assert sorted(number for number, _ in results) == [*range(20)]


@pytest.mark.parametrize("engine", ["ray", "spark"])
def test_missing_engine_is_an_extra(monkeypatch, engine):
    monkeypatch.setattr(extras, "find_spec", lambda module: None)
    with pytest.raises(ValueError, match=rf"pip install 'spacy-eiou\[{engine}\]'"):
        next(ENGINES[engine](Task(), SHARDS, EngineOptions()))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"engine": "slurm"}, "Expected an engine from local, ray, spark, not 'slurm'"),
        ({"address": "auto"}, "Expected no --address with --engine local"),
        ({"gpus_per_worker": 1}, "Expected --engine ray with --gpus-per-worker"),
        ({"engine": "ray", "use_gpu": 0}, "Expected --gpus-per-worker, such as 1, with --engine"),
        ({"engine": "spark", "gpus_per_worker": 1}, "Expected --engine ray with --gpus-per-worker"),
        (
            {"engine": "spark", "address": "spark://a", "n_process": 2},
            "Expected no --n-process with the --address of Spark",
        ),
    ],
)
def test_options_that_do_not_suit_an_engine(tmp_path, options, message):
    with pytest.raises(CorpusError, match=message):
        annotate("model", "in.jsonl", tmp_path / "out.jsonl", **options)


def test_process_of_spark_collects_no_garbage_of_what_is_loaded(monkeypatch):
    frozen = []
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(1))
    engines._keep_what_is_loaded.cache_clear()
    for number, shard in SHARDS[:3]:
        assert engines._call_in_spark(Task(), number, shard, ".") == Counts(n_texts=number)
    assert frozen == [1]
    engines._keep_what_is_loaded.cache_clear()
