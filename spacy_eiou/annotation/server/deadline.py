"""How long a request may take."""

import asyncio
from contextlib import contextmanager
from typing import Any, Iterator


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Limit how long the task that runs may wait within the context, as `asyncio.timeout` does from
    Python 3.11 on. Unlike `asyncio.wait_for`, this makes no task of its own.

    seconds (float): The seconds.
    RAISES (asyncio.TimeoutError): When they are over.
    """
    # As any, since older versions lack `uncancel`.
    task: Any = asyncio.current_task()
    is_over = False

    def end() -> None:
        nonlocal is_over
        is_over = True
        task.cancel()

    handle = asyncio.get_running_loop().call_later(seconds, end)
    try:
        yield
    except asyncio.CancelledError:
        if not is_over:
            raise
        if hasattr(task, "uncancel"):
            task.uncancel()
        raise asyncio.TimeoutError from None
    finally:
        handle.cancel()
