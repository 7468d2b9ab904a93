from threading import RLock
from typing import Any, ClassVar
from weakref import WeakSet

from tqdm import tqdm


class ProgressBar(tqdm):  # type: ignore[misc]
    """A progress bar that no other process can block. Forked processes share the lock of tqdm, and
    one that is killed at the wrong instant never gives it back."""

    _lock = RLock()
    _instances: ClassVar["WeakSet[Any]"] = WeakSet()
    # A thread that holds the lock while the process is forked would block the new one.
    monitor_interval = 0
