import json
import os
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any, Dict, Iterable, Sequence, Set

import srsly

from ..files import write_json


def part_of(path: Path) -> Path:
    """Name what is written in the place of an output until it is complete.

    path (Path): The output, a file or a directory.
    RETURNS (Path): The path, which ends in .part.
    """
    return path.with_name(f"{path.name}.part")


def remove_part(path: Path) -> None:
    """Remove what there is of an incomplete output.

    path (Path): The output, a file or a directory.
    """
    part = part_of(path)
    if part.is_dir():
        shutil.rmtree(part)
    else:
        part.unlink(missing_ok=True)


def finish_parts(path: Path, exports: Sequence[Path] = ()) -> None:
    """Put complete outputs in their places. If this is interrupted, even by a kill, the main one is
    not there yet, and `get_exports` knows of the others.

    path (Path): The main output.
    exports (Sequence[Path]): The others, files or directories. A directory may only replace an
        empty one.
    """
    export_names = [str(export.resolve()) for export in exports]
    write_json(_source_of(path), {**_read_source(path), "exports": export_names})
    for output in (*exports, path):
        os.replace(part_of(output), output)
    _source_of(path).unlink()


def get_exports(path: Path) -> Set[Path]:
    """Get the outputs that may be in their places although the main one is not.

    path (Path): The main output.
    RETURNS (Set[Path]): The outputs, as absolute paths.
    """
    return {Path(name) for name in _read_source(path).get("exports", [])}


def bind_part(path: Path, files: Iterable[Path], settings: Any) -> bool:
    """Keep an incomplete output if it was made from the same files and settings, else remove it.
    Next to it, .part.json says what it is made from.

    path (Path): The output.
    files (Iterable[Path]): What it is made from. Path, size and time of change stand for a file.
    settings (Any): How it is made, as JSON can hold it.
    RETURNS (bool): Whether an output that was made from something else had to be removed.
    """
    stats = [(str(file.resolve()), file.stat()) for file in files]
    states = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    digest = sha256(json.dumps([states, settings]).encode()).hexdigest()
    if _read_source(path).get("sha256") == digest:
        return False
    is_foreign = part_of(path).exists()
    # In this order, since a kill in between must leave no part with the wrong source.
    remove_part(path)
    write_json(_source_of(path), {"sha256": digest})
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


def _read_source(path: Path) -> Dict[str, Any]:
    source_path = _source_of(path)
    return srsly.read_json(source_path) if source_path.exists() else {}
