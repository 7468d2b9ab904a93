"""Requests of the same instant are predicted together, by one thread."""

import asyncio
from collections import deque
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from threading import Condition, Thread
from typing import Callable, Deque, Dict, List, Optional, Sequence, Tuple, Union

from ..prediction import PredictedText

# So many characters are predicted at once, so that no request waits long for another.
CHARS_PER_BATCH = 100_000
# Clients that were answered together ask again at about the same time, and are waited for so long.
SECONDS_TO_GATHER = 0.01
# So many texts wait for nobody: they take hardly longer each than more of them do, and meanwhile
# other requests are read and answered.
TEXTS_TO_START = 64

Predict = Callable[[Sequence[str], Optional[float]], List[PredictedText]]
Outcome = Union[List[PredictedText], BaseException]


class QueueFullError(Exception):
    """More texts would wait than may."""


@dataclass
class Job:
    """Texts of one request, and what will be predicted for them.

    texts (Sequence[str]): The texts.
    threshold (Optional[float]): The threshold of their spans. If None, that of the pipeline.
    future (asyncio.Future[Outcome]): What was predicted, or what the pipeline has raised. If it is
        cancelled before, nothing is predicted.
    """

    texts: Sequence[str]
    threshold: Optional[float]
    future: "asyncio.Future[Outcome]"

    @property
    def n_chars(self) -> int:
        return sum(map(len, self.texts))


class Worker:
    """A thread that predicts what waits, as much as fits a batch at once. It starts with the first
    job."""

    def __init__(self, predict: Predict, *, max_waiting: int) -> None:
        """Create a worker.

        predict (Predict): Predicts texts with a threshold. Only the thread calls it.
        max_waiting (int): The most texts that wait.
        """
        self.n_batches = 0
        self.n_waiting = 0
        self._predict = predict
        self._max_waiting = max_waiting
        self._jobs: Deque[Job] = deque()
        self._changed = Condition()
        self._closed = False
        self._n_wanted = 1
        self._thread: Optional[Thread] = None

    @property
    def has_died(self) -> bool:
        """RETURNS (bool): Whether the thread has started and ended, so that nothing is predicted
        any more."""
        return self._thread is not None and not self._thread.is_alive()

    def submit(self, texts: Sequence[str], threshold: Optional[float]) -> List[Job]:
        """Let texts wait for their turn. Only an event loop calls it.

        texts (Sequence[str]): The texts.
        threshold (Optional[float]): The threshold of their spans. If None, that of the pipeline.
        RETURNS (List[Job]): Jobs with all the texts, in order.
        RAISES (QueueFullError): If too many texts wait, or the worker is closed.
        """
        make_future = asyncio.get_running_loop().create_future
        jobs = [Job(part, threshold, make_future()) for part in _divide(texts)]
        with self._changed:
            if self._closed:
                raise QueueFullError("The server is stopping")
            if self.n_waiting + len(texts) > self._max_waiting:
                raise QueueFullError(f"{self.n_waiting} texts are waiting already. Try again later")
            self._jobs.extend(jobs)
            self.n_waiting += len(texts)
            if self._thread is None:
                # In a new context, arrays would be those of the CPU.
                target = copy_context().run
                self._thread = Thread(target=target, args=(self._work,), daemon=True)
                self._thread.start()
            if self._are_there(self._n_wanted):
                self._changed.notify()
        return jobs

    def close(self) -> None:
        """Cancel what waits, and wait for what is being predicted."""
        with self._changed:
            self._closed = True
            for job in self._jobs:
                _call(job.future.get_loop(), job.future.cancel)
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._wait_for(self._n_wanted, SECONDS_TO_GATHER)
                self._wait_for(1, None)
                if not self._jobs:
                    return
                jobs = self._take_batch()
                self._n_wanted = len(jobs)
            # Who waited too long has gone.
            jobs = [job for job in jobs if not job.future.cancelled()]
            if jobs:
                self._run(jobs)

    def _wait_for(self, n_jobs: int, seconds: Optional[float]) -> None:
        self._n_wanted = n_jobs
        self._changed.wait_for(lambda: self._are_there(n_jobs) or self._closed, seconds)

    def _are_there(self, n_jobs: int) -> bool:
        return len(self._jobs) >= n_jobs or self.n_waiting >= TEXTS_TO_START

    def _take_batch(self) -> List[Job]:
        """The first job, and those that fit into a batch with it."""
        first = self._jobs[0]
        batch: List[Job] = []
        n_chars = 0
        for job in self._jobs:
            n_chars += job.n_chars
            if batch and n_chars > CHARS_PER_BATCH:
                break
            if job.threshold == first.threshold:
                batch.append(job)
        taken = {id(job) for job in batch}
        self._jobs = deque(job for job in self._jobs if id(job) not in taken)
        self.n_waiting -= sum(len(job.texts) for job in batch)
        return batch

    def _run(self, jobs: List[Job]) -> None:
        self.n_batches += 1
        try:
            texts = [text for job in jobs for text in job.texts]
            predicted = iter(self._predict(texts, jobs[0].threshold))
        # Also a panic of Rust, which must not end the thread.
        except BaseException as err:
            if len(jobs) == 1:
                _settle([(jobs[0], err)])
                return
            # A text that the pipeline fails at is the problem of its request alone.
            for job in jobs:
                self._run([job])
            return
        _settle([(job, [next(predicted) for _ in job.texts]) for job in jobs])


def _settle(outcomes: Sequence[Tuple[Job, Outcome]]) -> None:
    """Tell what came of jobs. To call a loop wakes its thread, which then wants Python's lock: one
    call tells it of all of them."""
    by_loop: Dict[asyncio.AbstractEventLoop, List[Tuple[Job, Outcome]]] = {}
    for job, outcome in outcomes:
        by_loop.setdefault(job.future.get_loop(), []).append((job, outcome))
    for loop, found in by_loop.items():
        _call(loop, partial(_set_results, found))


def _set_results(outcomes: Sequence[Tuple[Job, Outcome]]) -> None:
    for job, outcome in outcomes:
        if not job.future.done():
            job.future.set_result(outcome)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[[], object]) -> None:
    # The loop of who asked may have come to its end.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(function)


def _divide(texts: Sequence[str]) -> List[List[str]]:
    parts: List[List[str]] = [[]]
    n_chars = 0
    for text in texts:
        n_chars += len(text)
        if parts[-1] and n_chars > CHARS_PER_BATCH:
            parts.append([])
            n_chars = len(text)
        parts[-1].append(text)
    return parts
