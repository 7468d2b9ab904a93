import asyncio

import pytest

from spacy_eiou.annotation.server.deadline import time_limit


def test_what_ends_in_time():
    async def run():
        with time_limit(60):
            await asyncio.sleep(0)
        # Nothing of the limit is left.
        with time_limit(0.01):
            pass
        await asyncio.sleep(0.02)
        return "done"

    assert asyncio.run(run()) == "done"


def test_what_takes_too_long():
    async def run():
        waiting = asyncio.get_running_loop().create_future()
        with pytest.raises(asyncio.TimeoutError), time_limit(0.01):
            await waiting
        assert waiting.cancelled()
        # The task goes on as before.
        await asyncio.wait_for(asyncio.sleep(0), 1)
        return "done"

    assert asyncio.run(run()) == "done"


def test_who_is_cancelled_by_others():
    async def wait():
        with time_limit(60):
            await asyncio.sleep(60)

    async def run():
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
