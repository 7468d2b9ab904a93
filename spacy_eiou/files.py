"""Paths that functions take, and files and directories that are written whole or not at all."""

import json
import os
import platform
import shutil
from collections.abc import Sequence
from contextlib import contextmanager
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    ParamSpec,
    TextIO,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

import srsly

P = ParamSpec("P")
T = TypeVar("T")


def accepts_strings(function: Callable[P, T]) -> Callable[P, T]:
    """Let a function take strings in the place of paths, as those of spaCy do, and one in the place
    of several. Its warnings are one frame further from who called it.

    function (Callable): A function, some of whose arguments are annotated as paths.
    RETURNS (Callable): The function, which gets paths whatever it is called with.
    """
    parameters = signature(function).parameters
    names = [name for name in parameters if _holds_paths(parameters[name].annotation)]
    lists = [name for name in parameters if _lists_paths(parameters[name].annotation)]

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        given = signature(function).bind(*args, **kwargs)
        for name in given.arguments.keys() & lists:
            if isinstance(given.arguments[name], (str, Path)):
                given.arguments[name] = [given.arguments[name]]
        for name in given.arguments.keys() & names:
            given.arguments[name] = _to_paths(given.arguments[name])
        return function(*given.args, **given.kwargs)

    return call


def _holds_paths(annotation: Any) -> bool:
    # Of what may be a name as well as a path, nothing is known.
    inner = get_args(annotation)
    return annotation is Path or (str not in inner and any(map(_holds_paths, inner)))


def _lists_paths(annotation: Any) -> bool:
    # Those that may be names are no less a list.
    inner = get_args(annotation)
    if get_origin(annotation) is Sequence:
        return Path in (*inner, *get_args(inner[0]))
    return any(map(_lists_paths, inner))


def _to_paths(value: Any) -> Any:
    if isinstance(value, (list, tuple, set)):
        return [_to_paths(item) for item in value]
    return Path(value) if isinstance(value, str) else value


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


def check_not_read(output: Path, inputs: Iterable[Union[str, Path]]) -> None:
    """Check that a file to write is none of those that are read. A directory that is read may get
    another JSON file beside its files.

    output (Path): The file to write.
    inputs (Iterable[Union[str, Path]]): Files and directories that are read, such as pipelines.
    RAISES (ValueError): If what is read would be lost.
    RAISES (IsADirectoryError): If there is a directory in its place.
    """
    path = Path(os.path.realpath(output))
    is_json = path.suffix == ".json" and path.name != "meta.json"
    for read in inputs:
        place = Path(os.path.realpath(read))
        is_part = place in path.parents and path.exists() and not (path.parent == place and is_json)
        if path == place or is_part:
            raise ValueError(
                f"Expected another output path: {_show(output)} is read, and would be lost"
            )
    _check_no_directory(output)


def _check_no_directory(path: Path) -> None:
    if path.is_dir():
        raise IsADirectoryError(f"Expected an output file: {_show(path)} is a directory")


def _show(path: Path) -> str:
    return os.fsencode(path).decode("utf8", "backslashreplace")


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, and the directory that it is in.

    path (Path): The file.
    data (bytes): Its content.
    RAISES (IsADirectoryError): If there is a directory in its place.
    """
    _check_no_directory(path)
    if path.exists() and not path.is_file():
        # A device, such as /dev/null, stays what it is.
        path.write_bytes(data)
        return
    with replacing(path) as new:
        new.write_bytes(data)


@contextmanager
def replacing_all(paths: Iterable[Path]) -> Iterator[Dict[Path, Path]]:
    """Write files and directories that belong together aside, and put them in their places when
    that has ended without an error. If this is interrupted, even by a kill, they are all the old
    ones or all the new ones, or the first one is missing: it is never there beside others that do
    not belong to it.

    paths (Iterable[Path]): The files and directories. A directory that exists has to be empty.
    YIELDS (Dict[Path, Path]): Where to write each of them, in the same directory, which exists.
    """
    new = {path: path.with_name(f".{path.name}.new.{os.getpid()}") for path in paths}
    first, *others = new
    try:
        for path in new:
            path.parent.mkdir(parents=True, exist_ok=True)
        yield new
        if others:
            _make_room(first)
        for path in (*others, first):
            if path.is_dir():
                _make_room(path)
            new[path].replace(path)
    finally:
        for temporary in new.values():
            remove(temporary)


def _make_room(path: Path) -> None:
    if path.is_dir():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


def write_files(contents: Dict[Path, bytes]) -> None:
    """Write files that belong together, and the directories that they are in, as `replacing_all`
    does.

    contents (Dict[Path, bytes]): The content of each file.
    RAISES (IsADirectoryError): If there is a directory in the place of one.
    """
    for path in contents:
        _check_no_directory(path)
    with replacing_all(contents) as new:
        for path, data in contents.items():
            new[path].write_bytes(data)


def open_text(path: Path) -> TextIO:
    """RETURNS (TextIO): A new text file, in UTF-8 and with the same line ends on each system."""
    return path.open("w", encoding="utf8", newline="\n")


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


def to_json_line(value: Any, *, allow_nan: bool = True) -> str:
    """RETURNS (str): A value as JSON on a line of its own, with all characters as they are."""
    return json.dumps(value, ensure_ascii=False, allow_nan=allow_nan) + "\n"


def encode_json_line(value: Any) -> bytes:
    """RETURNS (bytes): A value as a line of JSON, in UTF-8.
    RAISES (ValueError): If a number in it is not finite."""
    return to_json_line(value, allow_nan=False).encode("utf8")
