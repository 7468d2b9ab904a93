import json
import os
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Sequence, Set

try:
    import fcntl
except ImportError:  # Windows has no such locks.
    fcntl = None  # type: ignore[assignment]

from ..corpora import CorpusError
from ..files import remove, write_file
from .paths import real_path, show_path


def part_of(path: Path) -> Path:
    """Name what is written in the place of an output until it is complete.

    path (Path): The output, a file or a directory.
    RETURNS (Path): The path, which ends in .part.
    """
    return path.with_name(f"{path.name}.part")


def get_work_files(path: Path) -> List[Path]:
    """Name all that lies beside an output while it is written.

    path (Path): The output, a file or a directory.
    RETURNS (List[Path]): The paths.
    """
    return [part_of(path), _source_of(path), _lock_of(path)]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep an output from being written by two processes at once, where the system has locks. The
    system releases the lock of a process that is killed.

    path (Path): The output, whose directory is made if there is none.
    RAISES (CorpusError): If another process has the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock_path = _lock_of(path)
    if fcntl is None:
        yield
        return
    with lock_path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The file that was opened may be the one that the other process has removed since.
            is_ours = os.path.samestat(os.fstat(file.fileno()), lock_path.stat())
        except (BlockingIOError, FileNotFoundError):
            is_ours = False
        if not is_ours:
            raise CorpusError(
                f"{show_path(path)}: another process is writing it. Wait until it has ended, or "
                "choose another output"
            )
        try:
            yield
        finally:
            lock_path.unlink()


def remove_part(path: Path) -> None:
    """Remove what there is of an incomplete output.

    path (Path): The output, a file or a directory.
    """
    remove(part_of(path))


def finish_parts(path: Path, exports: Sequence[Path] = ()) -> None:
    """Put complete outputs in their places. If this is interrupted, even by a kill, the main one is
    not there yet, and `get_exports` knows of the others.

    path (Path): The main output.
    exports (Sequence[Path]): The others, files or directories. A directory may only replace an
        empty one.
    """
    export_names = [str(real_path(export)) for export in exports]
    _write_source(path, {**_read_source(path), "exports": export_names})
    for output in (*exports, path):
        os.replace(part_of(output), output)
    _source_of(path).unlink()


def get_exports(path: Path) -> Set[Path]:
    """Get the outputs that may be in their places although the main one is not.

    path (Path): The main output.
    RETURNS (Set[Path]): The outputs, as absolute paths.
    """
    return {Path(str(name)) for name in _read_source(path).get("exports", [])}


def bind_part(path: Path, files: Iterable[Path], settings: Any) -> bool:
    """Keep an incomplete output if it was made from the same files and settings, else remove it.
    Next to it, .part.json says what it is made from.

    path (Path): The output.
    files (Iterable[Path]): What it is made from. Path, size and time of change stand for a file.
    settings (Any): How it is made, as JSON can hold it.
    RETURNS (bool): Whether an output that was made from something else had to be removed.
    """
    stats = [(str(real_path(file)), file.stat()) for file in files]
    states = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    digest = sha256(json.dumps([states, settings]).encode()).hexdigest()
    if _read_source(path).get("sha256") == digest:
        return False
    is_foreign = part_of(path).exists()
    # In this order, since a kill in between must leave no part with the wrong source.
    remove_part(path)
    _write_source(path, {"sha256": digest})
    return is_foreign


def cut_to_batches(path: Path, batch_size: int) -> int:
    """Cut an incomplete output to whole batches of lines, so that the batches that follow are made
    up as if there had been no stop: with others, scores may differ in the last digit.

    path (Path): The output, a file. Its part is made if there is none.
    batch_size (int): Number of lines of a batch.
    RETURNS (int): Number of lines that are left.
    """
    n_lines = size = position = 0
    with part_of(path).open("a+b") as file:
        file.seek(0)
        for number, line in enumerate(file, start=1):
            position += len(line)
            if number % batch_size == 0 and line.endswith(b"\n"):
                n_lines, size = number, position
        file.truncate(size)
    return n_lines


def _source_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.part.json")


def _lock_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


def _write_source(path: Path, source: Dict[str, Any]) -> None:
    write_file(_source_of(path), json.dumps(source).encode())


def _read_source(path: Path) -> Dict[str, Any]:
    try:
        source = json.loads(_source_of(path).read_bytes())
        return {"sha256": str(source["sha256"]), "exports": [*source.get("exports", [])]}
    # A damaged file is none: the output is made from the start.
    except (FileNotFoundError, ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return {}
