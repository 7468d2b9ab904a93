import multiprocessing
import os
import signal

import pytest
from tqdm import tqdm

from spacy_eiou.progress import ProgressBar


def be_killed(kind):
    """End while a lock is held, as a process does that is killed at the wrong instant."""
    kind.get_lock().acquire()
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_killed_process_blocks_no_bar():
    context = multiprocessing.get_context("fork")
    with ProgressBar(range(2), disable=True) as bar:
        process = context.Process(target=be_killed, args=(ProgressBar,))
        process.start()
        process.join()
        assert list(bar) == [0, 1]
    assert ProgressBar.get_lock().acquire(timeout=5)
    ProgressBar.get_lock().release()


def test_other_bars_have_the_lock_of_tqdm():
    assert ProgressBar.get_lock() is not tqdm.get_lock()
    assert ProgressBar(disable=True) not in tqdm._instances
