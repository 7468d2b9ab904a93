from threading import Event

import pytest

from spacy_eiou.annotation.prediction import PredictedText
from spacy_eiou.annotation.server import worker as module
from spacy_eiou.annotation.server.worker import QueueFullError, Worker

SECONDS = 20


class Predictor:
    """Notes the batches. The first one waits until it may go on."""

    def __init__(self):
        self.batches = []
        self.entered, self.open = Event(), Event()

    def __call__(self, texts, threshold):
        self.batches.append((list(texts), threshold))
        self.entered.set()
        assert self.open.wait(SECONDS)
        return [PredictedText(len(text), []) for text in texts]


@pytest.fixture
def predictor():
    return Predictor()


@pytest.fixture
def worker(predictor):
    """A worker that is busy."""
    worker = Worker(predictor, max_waiting=10)
    worker.submit(["first"], None)
    assert predictor.entered.wait(SECONDS)
    yield worker
    predictor.open.set()
    worker.close()


def get_lengths(jobs):
    return [found.n_words for job in jobs for found in job.future.result(SECONDS)]


def test_what_waits_is_predicted_together(predictor, worker):
    jobs = [worker.submit(texts, None) for texts in (["a", "bb"], [], ["ccc"])]
    predictor.open.set()
    assert [get_lengths(texts) for texts in jobs] == [[1, 2], [], [3]]
    assert predictor.batches == [(["first"], None), (["a", "bb", "ccc"], None)]
    assert worker.n_batches == 2


def test_batch_has_one_threshold(predictor, worker):
    jobs = [worker.submit([text], threshold) for text, threshold in zip("abcd", (None, 0.1) * 2)]
    predictor.open.set()
    assert [get_lengths(texts) for texts in jobs] == [[1]] * 4
    assert predictor.batches[1:] == [(["a", "c"], None), (["b", "d"], 0.1)]


def test_batch_has_so_many_characters(predictor, worker, monkeypatch):
    monkeypatch.setattr(module, "CHARS_PER_BATCH", 4)
    jobs = [worker.submit(["aa", "bbbbb", "c", "d"], None), worker.submit(["ee"], None)]
    predictor.open.set()
    assert [get_lengths(texts) for texts in jobs] == [[2, 5, 1, 1], [2]]
    assert [texts for texts, _ in predictor.batches[1:]] == [["aa"], ["bbbbb"], ["c", "d", "ee"]]


def test_queue_is_bounded(predictor, worker):
    worker.submit(["a"] * 9, None)
    with pytest.raises(QueueFullError, match="9 texts are waiting already"):
        worker.submit(["a"] * 2, None)
    (job,) = worker.submit(["a"], None)
    predictor.open.set()
    job.future.result(SECONDS)
    assert worker.n_waiting == 0


def test_who_waits_too_long_is_left_out(predictor, worker):
    (gone,), (stays,) = worker.submit(["a"], None), worker.submit(["b"], None)
    assert gone.future.cancel()
    predictor.open.set()
    stays.future.result(SECONDS)
    assert predictor.batches[1:] == [(["b"], None)]


def test_many_texts_wait_for_nobody(predictor, worker, monkeypatch):
    monkeypatch.setattr(module, "SECONDS_TO_GATHER", 2 * SECONDS)
    monkeypatch.setattr(module, "TEXTS_TO_START", 3)
    jobs = [worker.submit([text], None)[0] for text in "ab"]
    predictor.open.set()
    get_lengths(jobs)
    # After a batch of two jobs, the worker waits for two.
    (job,) = worker.submit(["c"] * 3, None)
    assert get_lengths([job]) == [1, 1, 1]


def test_closed_worker(predictor, worker):
    (job,) = worker.submit(["a"], None)
    predictor.open.set()
    worker.close()
    assert job.future.cancelled() or job.future.done()
    with pytest.raises(QueueFullError, match="The server is stopping"):
        worker.submit(["a"], None)


def test_problem_of_a_text_is_that_of_its_request():
    entered, go_on = Event(), Event()

    def predict(texts, threshold):
        entered.set()
        assert go_on.wait(SECONDS)
        if "bad" in texts:
            raise RuntimeError("bad text")
        return [PredictedText(len(text), []) for text in texts]

    worker = Worker(predict, max_waiting=10)
    worker.submit(["first"], None)
    assert entered.wait(SECONDS)
    jobs = [worker.submit([text], None)[0] for text in ("a", "bad", "b")]
    go_on.set()
    assert get_lengths([jobs[0], jobs[2]]) == [1, 1]
    with pytest.raises(RuntimeError, match="bad text"):
        jobs[1].future.result(SECONDS)
    worker.close()
