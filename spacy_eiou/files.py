"""Files and directories that are written whole or not at all."""

import os
import platform
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator

import srsly


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file or a directory aside, and put it in its place when that has ended without an
    error. If it is interrupted, even by a kill, the old one is still there. Of a directory, for an
    instant there is none: then both lie beside it, under names that begin with a dot.

    path (Path): The file or directory, which need not exist.
    YIELDS (Path): Where to write, in the same directory, which exists. Nothing is there yet.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Processes of two machines that share a folder may have the same number.
    process = f"{platform.node()}.{os.getpid()}"
    new, old = (path.with_name(f".{path.name}.{name}.{process}") for name in ("new", "old"))
    try:
        yield new
        if path.is_dir():
            path.replace(old)
        new.replace(path)
    finally:
        remove(new)
    remove(old)


def remove(path: Path) -> None:
    """Remove a file or a directory, if it is there.

    path (Path): The file or directory.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, and the directory that it is in.

    path (Path): The file.
    data (bytes): Its content.
    """
    with replacing(path) as new:
        new.write_bytes(data)


def write_files(contents: Dict[Path, bytes]) -> None:
    """Write files that belong together, and the directories that they are in. If this is
    interrupted, even by a kill, they are all the old ones or all the new ones, or the first one is
    missing: it is never there beside files that do not belong to it.

    contents (Dict[Path, bytes]): The content of each file.
    """
    temporaries = {path: path.with_name(f".{path.name}.new.{os.getpid()}") for path in contents}
    first, *others = contents
    try:
        for path, data in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            temporaries[path].write_bytes(data)
        if others:
            first.unlink(missing_ok=True)
        for path in (*others, first):
            temporaries[path].replace(path)
    finally:
        for temporary in temporaries.values():
            temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON, whole or not at all, and the directory that it is in.

    path (Path): The file.
    value (Any): What JSON can hold.
    """
    write_file(path, to_json(value))


def to_json(value: Any) -> bytes:
    """RETURNS (bytes): A value as indented JSON, in UTF-8."""
    data: str = srsly.json_dumps(value, indent=2)
    return data.encode("utf8")
