"""Who calls the function of a shard."""

import gc
import os
import pickle
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import ExitStack, suppress
from functools import cache
from itertools import islice
from multiprocessing import get_all_start_methods, get_context, parent_process
from multiprocessing.connection import Connection, wait
from typing import (
    Any,
    Callable,
    Dict,
    Generator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
    Union,
    cast,
)

from ..corpora import CorpusError
from ..extras import require_extra
from .shards import Counts
from .source_files import Shard

Item = TypeVar("Item")
Result = TypeVar("Result")
Task = Callable[[int, Shard], Counts]
Numbered = Tuple[int, Shard]
Results = Generator[Tuple[int, Counts], None, None]

KILLED = (
    "a process has ended before its work was done. The system may have killed it, since memory ran "
    "out: try a lower --n-process or --batch-size. What is done is kept, and the same command "
    "continues from there"
)
SPARK_JOB = "spacy-eiou annotate"
# So many tasks wait for Ray at once: enough for a cluster to grow.
MAX_WAITING = 1000


class EngineOptions(NamedTuple):
    """What an engine is told. None of them has a use for all, see `check_engine`.

    n_process (Optional[int]): Most processes, or tasks at once. If None, one, or with Ray and Spark
        as many as there is room for.
    use_gpu (int): GPU ID or -1 for CPU.
    address (Optional[str]): Address of the cluster of Ray, or master of Spark. If None, the default
        of the engine.
    gpus_per_worker (float): GPUs that a task of Ray needs, or the share of one.
    """

    n_process: Optional[int] = None
    use_gpu: int = -1
    address: Optional[str] = None
    gpus_per_worker: float = 0


def run_local(
    task: Callable[[int, Item], Result],
    shards: Sequence[Tuple[int, Item]],
    *,
    n_process: Optional[int] = None,
    use_gpu: int = -1,
) -> Generator[Tuple[int, Result], None, None]:
    """Call a function of shards, or of other items, in processes of this machine. Only the items
    and the results go from one to the other. The processes end with this one, even if it is killed.

    task (Callable[[int, Item], Result]): The function.
    shards (Sequence[Tuple[int, Item]]): The shards and their numbers.
    n_process (Optional[int]): Most processes. If there is one, or None, it is this one.
    use_gpu (int): GPU ID or -1 for CPU.
    YIELDS (Tuple[int, Result]): The number of a shard that is done, and its result.
    RAISES (ChildProcessError): If a process was killed.
    """
    n_process = min(n_process or 1, len(shards))
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
                raise ChildProcessError(KILLED) from err
            idle.append(connection)
            yield busy.pop(connection), _raise_error(result)


def run_ray(task: Task, shards: Sequence[Numbered], options: EngineOptions) -> Results:
    """Call a function of shards as tasks of Ray. What was lost with a process or a machine is done
    once more by another one.

    task (Task): The function.
    shards (Sequence[Numbered]): The shards and their numbers.
    options (EngineOptions): The options. If there is no address, the cluster is that of
        RAY_ADDRESS, or else one of this machine, which is started if there is none.
    YIELDS (Tuple[int, Counts]): The number of a shard that is done, and its counts.
    RAISES (ValueError): If Ray is not installed.
    RAISES (ChildProcessError): If the processes of a shard were killed again and again.
    """
    require_extra("ray", "ray")
    import ray

    with ExitStack() as stack:
        if not ray.is_initialized():
            ray.init(address=options.address, log_to_driver=False, include_dashboard=False)
            stack.callback(ray.shutdown)
        with_resources = ray.remote(num_cpus=1, num_gpus=options.gpus_per_worker, max_retries=5)
        call = with_resources(_call_there)
        shared, folder = ray.put(task), os.getcwd()
        waiting: Dict[Any, int] = {}
        stack.callback(lambda: [ray.cancel(result, force=True) for result in waiting])
        left = iter(shards)
        while True:
            room = (options.n_process or MAX_WAITING) - len(waiting)
            for number, shard in islice(left, room):
                waiting[call.remote(shared, number, shard, folder)] = number
            if not waiting:
                return
            for done in ray.wait([*waiting])[0]:
                number = waiting.pop(done)
                try:
                    result = ray.get(done)
                except ray.exceptions.RayError as err:
                    raise ChildProcessError(f"{KILLED}: {str(err)[:500]}") from err
                yield number, _raise_error(result)


def run_spark(task: Task, shards: Sequence[Numbered], options: EngineOptions) -> Results:
    """Call a function of shards as tasks of a job of Spark. What was lost with a process or a
    machine is done once more by another one.

    task (Task): The function.
    shards (Sequence[Numbered]): The shards and their numbers.
    options (EngineOptions): The options. If there is no address, the master is that of a session
        that is there or of the settings of Spark, or else this machine, with a task at once for
        each of its cores unless `n_process` is set. The settings of Spark tell the GPUs of a task.
    YIELDS (Tuple[int, Counts]): The number of a shard that is done, and its counts.
    RAISES (ValueError): If Spark is not installed.
    RAISES (ChildProcessError): If the processes of a shard were killed again and again.
    """
    require_extra("spark", "pyspark")
    from py4j.protocol import Py4JError
    from pyspark.accumulators import AccumulatorParam
    from pyspark.sql import SparkSession

    class Collected(AccumulatorParam[List[Any]]):  # type: ignore[misc]
        """Spark passes on what a task adds, once, as the task ends."""

        def zero(self, value: List[Any]) -> List[Any]:
            return []

        def addInPlace(self, value: List[Any], more: List[Any]) -> List[Any]:
            value.extend(more)
            return value

    master = options.address or (f"local[{options.n_process}, 4]" if options.n_process else "")
    builder = SparkSession.builder.config("spark.ui.showConsoleProgress", "false")
    if master:
        builder = builder.master(master)
    if master.startswith("local"):
        builder = builder.config("spark.driver.host", "127.0.0.1")
    with ExitStack() as stack:
        session = SparkSession.getActiveSession()
        if session is None:
            session = builder.getOrCreate()
            stack.callback(session.stop)
        context = session.sparkContext
        if str(context.master).startswith("local"):
            context.pythonExec = sys.executable
        results = context.accumulator([], Collected())
        folder = os.getcwd()
        rows = context.parallelize(shards, max(len(shards), 1))

        def run_job() -> None:
            context.setJobGroup(SPARK_JOB, SPARK_JOB)
            rows.foreach(
                lambda row: results.add([(row[0], _call_in_spark(task, row[0], row[1], folder))])
            )

        job = stack.enter_context(ThreadPoolExecutor(1)).submit(run_job)

        @stack.callback
        def cancel_job() -> None:
            if not job.done():
                context.cancelJobGroup(SPARK_JOB)

        n_seen = 0
        while True:
            is_done = bool(wait_for([job], timeout=0.2).done)
            for number, result in results.value[n_seen:]:
                n_seen += 1
                yield number, _raise_error(result)
            if is_done:
                break
        try:
            job.result()
        except Py4JError as err:
            raise ChildProcessError(f"{KILLED}: {str(err)[:500]}") from err


def _run_here(task: Task, shards: Sequence[Numbered], options: EngineOptions) -> Results:
    return run_local(task, shards, n_process=options.n_process, use_gpu=options.use_gpu)


Engine = Callable[[Task, Sequence[Numbered], EngineOptions], Results]
ENGINES: Dict[str, Engine] = {"local": _run_here, "ray": run_ray, "spark": run_spark}


def check_engine(engine: str, options: EngineOptions) -> None:
    """Check the options of an engine.

    engine (str): One of `ENGINES`.
    options (EngineOptions): The options.
    RAISES (CorpusError): If an option doesn't suit it.
    """
    if engine not in ENGINES:
        raise CorpusError(f"Expected an engine from {', '.join(ENGINES)}, not '{engine}'")
    if engine == "local" and options.address is not None:
        raise CorpusError("Expected no --address with --engine local")
    if engine != "ray" and options.gpus_per_worker:
        raise CorpusError(
            "Expected --engine ray with --gpus-per-worker. Elsewhere --gpu-id tells the GPU, with "
            "Spark that of each machine"
        )
    if engine == "ray" and options.use_gpu >= 0 and not options.gpus_per_worker:
        raise CorpusError(
            "Expected --gpus-per-worker, such as 1, with --engine ray and --gpu-id: Ray gives GPUs "
            "only to processes that ask for them"
        )
    if engine == "spark" and options.n_process is not None and options.address is not None:
        raise CorpusError(
            "Expected no --n-process with the --address of Spark: its settings tell it, such as "
            "spark.executor.instances"
        )


def _work(task: Callable[[int, Item], Result], connection: Connection) -> None:
    # The terminal sends it to all processes, and the main one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        number, shard = connection.recv()
        connection.send(_call(task, number, shard))


def _call(
    task: Callable[[int, Item], Result], number: int, shard: Item
) -> Union[Result, BaseException]:
    try:
        return task(number, shard)
    except BaseException as err:
        return _make_picklable(err)


def _make_picklable(error: BaseException) -> BaseException:
    try:
        # What has arguments of its own fails only here.
        pickle.loads(pickle.dumps(error))
        return error
    # What it raises depends on the error. Its class may be one that no other process can import.
    except Exception:
        for kind in (ValueError, OSError):
            if isinstance(error, kind):
                return kind(str(error))
        return RuntimeError(f"{type(error).__name__}: {error}")


def _call_there(task: Task, number: int, shard: Shard, folder: str) -> Union[Counts, BaseException]:
    """Call a function of a shard in a process of an engine."""
    # The folder that relative paths are of, unless this machine has no such folder.
    with suppress(OSError):
        os.chdir(folder)
    result = _call(task, number, shard)
    # So the engine ends a process. Its task runs once more elsewhere.
    if isinstance(result, (KeyboardInterrupt, SystemExit)):
        raise result
    return result


def _call_in_spark(
    task: Task, number: int, shard: Shard, folder: str
) -> Union[Counts, BaseException]:
    result = _call_there(task, number, shard, folder)
    _keep_what_is_loaded()
    return result


@cache
def _keep_what_is_loaded() -> None:
    """Let garbage collection pass over the pipeline and all modules. A process of Spark collects
    after each task, which otherwise takes a fifth of a second."""
    gc.collect()
    gc.freeze()


def _raise_error(result: Union[Result, BaseException]) -> Result:
    if isinstance(result, BaseException):
        raise result
    return result


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
