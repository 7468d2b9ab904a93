"""Who calls the function of a shard."""

import os
import signal
import threading
from contextlib import ExitStack
from multiprocessing import get_all_start_methods, get_context, parent_process
from multiprocessing.connection import Connection, wait
from typing import Any, Callable, Dict, Generator, List, Sequence, Tuple, cast

from .shards import Counts
from .sources import Shard

Task = Callable[[int, Shard], Counts]
Numbered = Tuple[int, Shard]


def run_local(
    task: Task, shards: Sequence[Numbered], *, n_process: int, use_gpu: int = -1
) -> Generator[Tuple[int, Counts], None, None]:
    """Call a function of shards in processes of this machine. Only the names of shards and counts
    go from one to the other. The processes end with this one, even if it is killed.

    task (Task): The function.
    shards (Sequence[Numbered]): The shards and their numbers.
    n_process (int): Most processes. If there is one, it is this one.
    use_gpu (int): GPU ID or -1 for CPU.
    YIELDS (Tuple[int, Counts]): The number of a shard that is done, and its counts.
    RAISES (ChildProcessError): If a process was killed.
    """
    n_process = min(n_process, len(shards))
    if n_process <= 1:
        for number, shard in shards:
            yield number, task(number, shard)
        return
    # A forked process has the pipeline and registered functions, but can't use the GPU.
    can_fork = "fork" in get_all_start_methods() and use_gpu < 0
    context: Any = get_context("fork" if can_fork else "spawn")
    left = iter(shards)
    with ExitStack() as stack:
        idle: List[Connection] = []
        for _ in range(n_process):
            connection, other = context.Pipe()
            process = context.Process(target=_work, args=(task, other), daemon=True)
            process.start()
            stack.callback(connection.close)
            stack.callback(process.join)
            stack.callback(process.kill)
            other.close()
            idle.append(connection)
        busy: Dict[Connection, int] = {}
        while True:
            try:
                for connection, (number, shard) in zip([*idle], left):
                    connection.send((number, shard))
                    busy[connection] = number
                    idle.remove(connection)
                if not busy:
                    return
                connection = cast(Connection, wait([*busy])[0])
                result = connection.recv()
            except (EOFError, ConnectionError) as err:
                raise ChildProcessError(
                    "a process has ended before its work was done. The system may have killed it, "
                    "since memory ran out: try a lower --n-process or --batch-size. What is done "
                    "is kept, and the same command continues from there"
                ) from err
            if isinstance(result, Exception):
                raise result
            idle.append(connection)
            yield busy.pop(connection), result


def _work(task: Task, connection: Connection) -> None:
    # The terminal sends it to all processes, and the main one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        number, shard = connection.recv()
        result: Any
        try:
            result = task(number, shard)
        except Exception as err:
            result = err
        connection.send(result)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
