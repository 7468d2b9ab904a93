import gc
from contextlib import contextmanager
from typing import Iterator


@contextmanager
def paused_collection() -> Iterator[None]:
    """Put off the search for reference cycles, as srsly does to read MessagePack: where many small
    objects are made and none of them is garbage, to look through them over and over takes up to
    half of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
