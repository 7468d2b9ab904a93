import os
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any, Iterator, List, Tuple, Union

from ..files import real_path

# What the name of a folder begins with that holds a copy of the standard input.
STDIN_PREFIX = "spacy-eiou-stdin-"


def is_remote(location: str) -> bool:
    """RETURNS (bool): Whether it is an address rather than a path."""
    return "://" in location


def without_scheme(location: Union[str, Path]) -> Union[str, Path]:
    """RETURNS (Union[str, Path]): The path, if this is the address of a file on this machine."""
    return location if isinstance(location, Path) else location.removeprefix("file://")


def follow_link(path: Path) -> Path:
    """RETURNS (Path): Where a link leads. What is none is as it was, absolute or not."""
    return real_path(path) if path.is_symlink() else path


@contextmanager
def reaching(location: str) -> Iterator[Tuple[Any, str]]:
    """Reach the file system of an address.

    location (str): The address.
    YIELDS (Tuple[fsspec.AbstractFileSystem, str]): The file system, and the path within it.
    RAISES (OSError): If it can't be reached.
    """
    from fsspec.core import url_to_fs

    try:
        yield url_to_fs(location)
    except OSError:
        raise
    # What a file system raises depends on its protocol.
    except Exception as err:
        raise OSError(f"Can't reach {location}: {err!r}") from err


def real_address(address: str) -> str:
    """RETURNS (str): The one way to write an address."""
    with reaching(address) as (filesystem, path):
        return str(filesystem.unstrip_protocol(path))


def exists(address: str) -> bool:
    """RETURNS (bool): Whether there is a file or a folder at an address."""
    with reaching(address) as (filesystem, path):
        filesystem.invalidate_cache()
        return bool(filesystem.exists(path))


def get_state(location: str) -> List[Any]:
    """RETURNS (List[Any]): What tells whether a file has changed: of a path, the absolute one, its
    size and the time of its last change."""
    if is_remote(location):
        with reaching(location) as (filesystem, path):
            return [location, filesystem.ukey(path)]
    stat = os.stat(location)
    return [os.path.realpath(location), stat.st_size, stat.st_mtime_ns]


def show_path(path: Union[str, Path]) -> str:
    """RETURNS (str): A path as any file or terminal can hold it. Bytes of its name that are not in
    UTF-8 are shown as in "\\xff", and a copy of the standard input as such."""
    shown = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "the standard input" if STDIN_PREFIX in shown else shown


def is_within(path: PurePath, other: PurePath) -> bool:
    """RETURNS (bool): Whether a path is the other one, or beneath it. Both are absolute."""
    return path == other or other in path.parents
