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

# The streams of this process, and their numbers.
_STREAMS = {Path("/dev/stdout"): 1, Path("/dev/stderr"): 2}

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


def real_path(path: Union[str, Path]) -> Path:
    """RETURNS (Path): The absolute path, where links are followed as far as they lead anywhere."""
    return Path(os.path.realpath(path))


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file or a directory aside, and put it in its place when that has ended without an
    error. If it is interrupted, even by a kill, the old one is still there. Of a directory, for an
    instant there is none: then both lie beside it, under names that begin with a dot. A link stays,
    and what it leads to is replaced.

    path (Path): The file or directory, which need not exist.
    YIELDS (Path): Where to write, in the same directory, which exists. Nothing is there yet.
    """
    path = real_path(path)
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
    path = real_path(output)
    is_json = path.suffix == ".json" and path.name != "meta.json"
    for read in inputs:
        place = real_path(read)
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
    """Write a file whole or not at all, and the directory that it is in. A device, such as
    /dev/null, stays what it is.

    path (Path): The file.
    data (bytes): Its content.
    RAISES (IsADirectoryError): If there is a directory in its place.
    """
    _check_no_directory(path)
    if is_device(path):
        _write_device(path, data)
        return
    with replacing(path) as new:
        new.write_bytes(data)


def is_device(path: Path) -> bool:
    """RETURNS (bool): Whether a path leads to something that can't be replaced, such as a stream of
    this process."""
    return path in _STREAMS or (path.exists() and not path.is_file())


def _write_device(path: Path, data: bytes) -> None:
    # If a shell has sent a stream to a file, opening its name would begin that file once more.
    with open(os.dup(_STREAMS[path]) if path in _STREAMS else path, "wb") as file:
        file.write(data)


@contextmanager
def replacing_all(paths: Iterable[Path]) -> Iterator[Dict[Path, Path]]:
    """Write files and directories that belong together aside, and put them in their places when
    that has ended without an error. If this is interrupted, even by a kill, they are all the old
    ones or all the new ones, or the first one is missing: it is never there beside others that do
    not belong to it. A link stays, and what it leads to is replaced.

    paths (Iterable[Path]): The files and directories. A directory that exists has to be empty.
    YIELDS (Dict[Path, Path]): Where to write each of them, in the same directory, which exists.
    """
    places = {path: real_path(path) for path in paths}
    new = {
        path: place.with_name(f".{place.name}.new.{os.getpid()}") for path, place in places.items()
    }
    order = [*new][1:] + [*new][:1]
    try:
        for path in new.values():
            path.parent.mkdir(parents=True, exist_ok=True)
        yield new
        if len(order) > 1:
            _make_room(places[order[-1]])
        for path in order:
            if places[path].is_dir():
                _make_room(places[path])
            new[path].replace(places[path])
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
    does. Devices are written last.

    contents (Dict[Path, bytes]): The content of each file.
    RAISES (IsADirectoryError): If there is a directory in the place of one.
    """
    for path in contents:
        _check_no_directory(path)
    devices = [*filter(is_device, contents)]
    with replacing_all(path for path in contents if path not in devices) as new:
        for path, temporary in new.items():
            temporary.write_bytes(contents[path])
    for path in devices:
        _write_device(path, contents[path])


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
