"""Folders whose files are there as a whole or not at all: on this machine, or at an address."""

import os
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Collection, ContextManager, Dict, Iterator, Protocol, Set, Union

from ..files import is_device, remove, replacing, write_file
from .paths import is_remote, reaching

# What a process keeps open in a folder that it writes.
LOCK = ".eiou.lock"


class Folder(Protocol):
    """A folder of files. None of its methods needs the folder to exist."""

    def list(self) -> Set[str]:
        """RETURNS (Set[str]): The names of its files, without a lock."""

    def read(self, name: str) -> bytes:
        """RETURNS (bytes): The content of a file.
        RAISES (FileNotFoundError): If there is none."""

    def write(self, name: str, data: bytes) -> None:
        """Write a file."""

    def append(self, name: str, line: bytes) -> None:
        """Append a line to a file. If its last line is cut, the new one begins after it. If this
        process is killed, the last lines may not be there."""

    def replacing(self, name: str) -> ContextManager[Path]:
        """Write a file aside, and put it in its place when that has ended without an error.

        name (str): The file.
        YIELDS (Path): Where to write, on this machine. Nothing is there yet.
        """

    def remove(self, names: Collection[str]) -> None:
        """Remove files, if they are there."""

    def clear(self, first: str, last: str) -> None:
        """Remove everything but the folder and a lock, in an order that suits a kill.

        first (str): The file to remove before the others.
        last (str): The file that is there while there are others.
        """


class LocalFolder:
    """A folder on this machine, see `Folder`."""

    def __init__(self, path: Union[str, Path]) -> None:
        self.path = Path(path)

    def list(self) -> Set[str]:
        # There may be a file in its place.
        paths = self.path.iterdir() if self.path.is_dir() else [self.path]
        return {path.name for path in paths if path.exists()} - {LOCK}

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        write_file(self.path / name, data)

    def append(self, name: str, line: bytes) -> None:
        append_line(self.path / name, line)

    def replacing(self, name: str) -> ContextManager[Path]:
        return replacing(self.path / name)

    def remove(self, names: Collection[str]) -> None:
        for name in names:
            remove(self.path / name)

    def clear(self, first: str, last: str) -> None:
        if self.path.is_dir():
            # The folder stays, which may be a link or a mount point.
            self.remove([first, *(self.list() - {first, last}), last])
        else:
            remove(self.path)


class RemoteFolder:
    """A folder at an address that fsspec opens, see `Folder`. It is reached only when that is
    needed, since a connection is of one process."""

    def __init__(self, location: str) -> None:
        self.location = location
        self.appended: Dict[str, bytes] = {}
        self.busy_until = 0.0

    def list(self) -> Set[str]:
        with reaching(self.location) as (filesystem, path):
            filesystem.invalidate_cache()
            try:
                return {os.path.basename(name) for name in filesystem.ls(path, detail=False)}
            except FileNotFoundError:
                return set()

    def read(self, name: str) -> bytes:
        with reaching(self.location) as (filesystem, path):
            data: bytes = filesystem.cat_file(f"{path}/{name}")
            return data

    def write(self, name: str, data: bytes) -> None:
        with self.replacing(name) as new:
            new.write_bytes(data)

    def append(self, name: str, line: bytes) -> None:
        if name not in self.appended:
            self.appended[name] = self.read(name) if name in self.list() else b""
        self.appended[name] += line
        # All of it is written once more, so at most a tenth of the time is spent on that.
        start = time.monotonic()
        if start > self.busy_until:
            self.write(name, self.appended[name])
            self.busy_until = start + 10 * (time.monotonic() - start)

    @contextmanager
    def replacing(self, name: str) -> Iterator[Path]:
        with TemporaryDirectory() as folder:
            yield Path(folder, name)
            put_file(Path(folder, name), f"{self.location}/{name}")

    def remove(self, names: Collection[str]) -> None:
        if present := self.list() & {*names}:
            with reaching(self.location) as (filesystem, path):
                filesystem.rm([f"{path}/{name}" for name in sorted(present)])

    def clear(self, first: str, last: str) -> None:
        self.appended.clear()
        self.remove([first])
        self.remove(self.list() - {last})
        self.remove([last])

    def fetch(self, target: Path) -> None:
        """Copy all files to this machine.

        target (Path): A folder to make.
        """
        target.mkdir()
        names = sorted(self.list())
        with reaching(self.location) as (filesystem, path):
            filesystem.get(
                [f"{path}/{name}" for name in names], [str(target / name) for name in names]
            )


def open_folder(location: str) -> Folder:
    """RETURNS (Folder): The folder at a path or an address."""
    return RemoteFolder(location) if is_remote(location) else LocalFolder(location)


def put_file(path: Path, address: str) -> None:
    """Copy a file of this machine to an address.

    path (Path): The file.
    address (str): The address.
    RAISES (OSError): If it can't be reached.
    """
    with reaching(address) as (filesystem, remote_path):
        filesystem.makedirs(os.path.dirname(remote_path), exist_ok=True)
        filesystem.put_file(str(path), remote_path)


def append_line(path: Path, line: bytes) -> None:
    """Append a line to a file on this machine. If its last line is cut, the new one begins after
    it.

    path (Path): The file, which is made if there is none, and the folder that it is in.
    line (bytes): The line, which ends in a line feed.
    """
    if is_device(path):
        write_file(path, line)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(line)
