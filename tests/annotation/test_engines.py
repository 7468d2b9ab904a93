from dataclasses import dataclass

import pytest

from spacy_eiou.annotation import engines
from spacy_eiou.annotation.engines import run_local
from spacy_eiou.annotation.shards import Counts
from spacy_eiou.annotation.sources import Shard

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


def test_no_shards():
    assert [*run_local(Task(), [], n_process=2)] == []


@pytest.mark.slow
def test_processes_that_are_not_forked(monkeypatch):
    monkeypatch.setattr(engines, "get_all_start_methods", lambda: ["spawn"])
    results = [*run_local(Task(), SHARDS, n_process=2)]
    assert sorted(number for number, _ in results) == [*range(20)]
