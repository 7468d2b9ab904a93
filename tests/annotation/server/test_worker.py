import asyncio
from concurrent.futures import CancelledError
from threading import Event, Thread

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


class Asker:
    """Asks a worker from the event loop of another thread."""

    def __init__(self, predict):
        self.worker = Worker(predict, max_waiting=10)
        self.loop = asyncio.new_event_loop()
        self.thread = Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def call(self, function, *args):
        async def call():
            return function(*args)

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(SECONDS)

    def submit(self, texts, threshold):
        return self.call(self.worker.submit, texts, threshold)

    def get_outcome(self, job):
        async def get():
            return await job.future

        return asyncio.run_coroutine_threadsafe(get(), self.loop).result(SECONDS)

    def get_lengths(self, jobs):
        return [found.n_words for job in jobs for found in self.get_outcome(job)]

    def close(self):
        self.worker.close()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(SECONDS)
        self.loop.close()


@pytest.fixture
def worker(predictor):
    """A worker that is busy."""
    asker = Asker(predictor)
    asker.submit(["first"], None)
    assert predictor.entered.wait(SECONDS)
    yield asker
    predictor.open.set()
    asker.close()


def test_what_waits_is_predicted_together(predictor, worker):
    jobs = [worker.submit(texts, None) for texts in (["a", "bb"], [], ["ccc"])]
    predictor.open.set()
    assert [worker.get_lengths(texts) for texts in jobs] == [[1, 2], [], [3]]
    assert predictor.batches == [(["first"], None), (["a", "bb", "ccc"], None)]
    assert worker.worker.n_batches == 2


def test_batch_has_one_threshold(predictor, worker):
    jobs = [worker.submit([text], threshold) for text, threshold in zip("abcd", (None, 0.1) * 2)]
    predictor.open.set()
    assert [worker.get_lengths(texts) for texts in jobs] == [[1]] * 4
    assert predictor.batches[1:] == [(["a", "c"], None), (["b", "d"], 0.1)]


def test_batch_has_so_many_characters(predictor, worker, monkeypatch):
    monkeypatch.setattr(module, "CHARS_PER_BATCH", 4)
    jobs = [worker.submit(["aa", "bbbbb", "c", "d"], None), worker.submit(["ee"], None)]
    predictor.open.set()
    assert [worker.get_lengths(texts) for texts in jobs] == [[2, 5, 1, 1], [2]]
    assert [texts for texts, _ in predictor.batches[1:]] == [["aa"], ["bbbbb"], ["c", "d", "ee"]]


def test_queue_is_bounded(predictor, worker):
    worker.submit(["a"] * 9, None)
    with pytest.raises(QueueFullError, match="9 texts are waiting already"):
        worker.submit(["a"] * 2, None)
    (job,) = worker.submit(["a"], None)
    predictor.open.set()
    worker.get_outcome(job)
    assert worker.worker.n_waiting == 0


def test_who_waits_too_long_is_left_out(predictor, worker):
    (gone,), (stays,) = worker.submit(["a"], None), worker.submit(["b"], None)
    assert worker.call(gone.future.cancel)
    predictor.open.set()
    worker.get_outcome(stays)
    assert predictor.batches[1:] == [(["b"], None)]


def test_many_texts_wait_for_nobody(predictor, worker, monkeypatch):
    monkeypatch.setattr(module, "SECONDS_TO_GATHER", 2 * SECONDS)
    monkeypatch.setattr(module, "TEXTS_TO_START", 3)
    jobs = [worker.submit([text], None)[0] for text in "ab"]
    predictor.open.set()
    worker.get_lengths(jobs)
    # After a batch of two jobs, the worker waits for two.
    (job,) = worker.submit(["c"] * 3, None)
    assert worker.get_lengths([job]) == [1, 1, 1]


class Panic(BaseException):
    """As code in Rust raises it."""


def test_no_error_ends_the_thread(predictor, worker):
    def predict(texts, threshold):
        if "panic" in texts:
            raise Panic
        return predictor(texts, threshold)

    worker.worker._predict = predict
    (fails,), (stays,) = worker.submit(["panic"], None), worker.submit(["a"], None)
    predictor.open.set()
    assert isinstance(worker.get_outcome(fails), Panic)
    assert worker.get_lengths([stays]) == [1]
    assert not worker.worker.has_died


def test_closed_worker(predictor, worker):
    (waits,) = worker.submit(["a"], None)
    closer = Thread(target=worker.worker.close)
    closer.start()
    # What waits is cancelled before what is being predicted ends.
    with pytest.raises(CancelledError):
        worker.get_outcome(waits)
    predictor.open.set()
    closer.join(SECONDS)
    with pytest.raises(QueueFullError, match="The server is stopping"):
        worker.submit(["a"], None)


def test_worker_survives_a_loop_that_has_ended(predictor, worker):
    async def ask():
        worker.worker.submit(["gone"], None)

    asyncio.run(ask())
    (job,) = worker.submit(["a"], None)
    predictor.open.set()
    assert worker.get_lengths([job]) == [1]


def test_problem_of_a_text_is_that_of_its_request(predictor, worker):
    def predict(texts, threshold):
        if "bad" in texts:
            raise RuntimeError("bad text")
        return predictor(texts, threshold)

    worker.worker._predict = predict
    jobs = [worker.submit([text], None)[0] for text in ("a", "bad", "b")]
    predictor.open.set()
    assert worker.get_lengths([jobs[0], jobs[2]]) == [1, 1]
    assert repr(worker.get_outcome(jobs[1])) == "RuntimeError('bad text')"
