from functools import wraps
from pathlib import Path
from typing import Any, Callable, Iterator, List

from .record import Record


def list_files(folder: Path) -> List[Path]:
    """List the files in a folder, without hidden ones and without those in its subfolders.

    folder (Path): The folder.
    RETURNS (List[Path]): The files, sorted by name.
    """
    return sorted(
        file for file in folder.iterdir() if file.is_file() and not file.name.startswith(".")
    )


def over_folder(reader: Callable[..., Iterator[Record]]) -> Callable[..., Iterator[Record]]:
    """Let a reader of files read folders as well.

    reader (Callable[..., Iterator[Record]]): A function that reads one file.
    RETURNS (Callable[..., Iterator[Record]]): A function that reads one file, or all files of a
        folder in the order of their names, see `list_files`.
    """

    @wraps(reader)
    def read(path: Path, **options: Any) -> Iterator[Record]:
        for file in list_files(path) if path.is_dir() else [path]:
            yield from reader(file, **options)

    return read
