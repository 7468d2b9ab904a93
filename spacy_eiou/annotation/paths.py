import os
from pathlib import Path
from typing import Tuple, Union


def is_remote(location: str) -> bool:
    """RETURNS (bool): Whether it is an address rather than a path."""
    return "://" in location


def real_path(path: Union[str, Path]) -> Path:
    """RETURNS (Path): The absolute path, where links are followed as far as they lead anywhere."""
    return Path(os.path.realpath(path))


def get_state(location: str) -> Tuple[str, int, int]:
    """RETURNS (Tuple[str, int, int]): What tells whether a file has changed: its absolute path, its
    size and the time of its last change."""
    stat = os.stat(location)
    return os.path.realpath(location), stat.st_size, stat.st_mtime_ns


def show_path(path: Union[str, Path]) -> str:
    """RETURNS (str): A path as any file or terminal can hold it. Bytes of its name that are not in
    UTF-8 are shown as in "\\xff"."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def is_within(path: Path, other: Path) -> bool:
    """RETURNS (bool): Whether a path is the other one, or beneath it. Both are absolute."""
    return path == other or other in path.parents
