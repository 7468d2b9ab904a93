import os
from pathlib import Path


def real_path(path: Path) -> Path:
    """RETURNS (Path): The absolute path, where links are followed as far as they lead anywhere."""
    return Path(os.path.realpath(path))


def show_path(path: Path) -> str:
    """RETURNS (str): A path as any file or terminal can hold it. Bytes of its name that are not in
    UTF-8 are shown as in "\\xff"."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def is_within(path: Path, other: Path) -> bool:
    """RETURNS (bool): Whether a path is the other one, or beneath it. Both are absolute."""
    return path == other or other in path.parents
