"""What a run that is stopped leaves behind, so that the next one continues from there."""

import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import asdict
from fnmatch import fnmatch
from hashlib import sha256
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Sequence, Set

try:
    import fcntl
except ImportError:  # Windows has no such locks.
    fcntl = None  # type: ignore[assignment]

from ..corpora import CorpusError
from ..files import encode_json_line, real_path, remove
from .folders import LOCK, Folder, LocalFolder, RemoteFolder, put_file
from .paths import show_path
from .shards import Counts, get_shard_names

# Readers of folders of Parquet leave out what begins so.
MANIFEST = "_manifest.json"
LOG = ".shards.jsonl"


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
    return [part_of(path), path.with_name(f"{path.name}.part.json"), _lock_of(path)]


@contextmanager
def locked(path: Path, *, is_folder: bool = False) -> Iterator[None]:
    """Keep an output from being written by two processes at once, where the system has locks. The
    system releases the lock of a process that is killed.

    path (Path): The output.
    is_folder (bool): Whether it is a folder, which holds the lock. That of a file is beside it. The
        directory of the lock is made if there is none.
    RAISES (CorpusError): If another process has the lock.
    """
    lock_path = path / LOCK if is_folder else _lock_of(path)
    lock_path.parent.mkdir(parents=True, exist_ok=True)
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


def compute_digest(files: Iterable[Any], settings: Any) -> str:
    """Compute what changes if the files or the settings do.

    files (Iterable[Any]): What stands for the state of each file, as JSON can hold it.
    settings (Any): The settings, as JSON can hold them.
    RETURNS (str): The digest.
    """
    return sha256(json.dumps([[*files], settings]).encode()).hexdigest()


def bind_folder(folder: Folder, digest: str) -> bool:
    """Keep the shards in a folder if they were made from the same, else remove them. A new folder
    gets a manifest, which says what its shards are made from.

    folder (Folder): The folder.
    digest (str): What stands for the files and settings that its shards are made from.
    RETURNS (bool): Whether shards that were made from something else had to be removed.
    """
    names = folder.list()
    if read_manifest(folder).get("sha256") == digest:
        folder.remove([name for name in names if fnmatch(name, ".*.new.*")])
        return False
    if MANIFEST in names:
        # If this is killed, what is left is no finished output.
        write_manifest(folder, {"sha256": ""})
    folder.clear(first=LOG, last=MANIFEST)
    write_manifest(folder, {"sha256": digest})
    # A run that was killed at its very start leaves nothing but a hidden file.
    return not all(name.startswith(".") for name in names)


def read_done(folder: Folder, suffix: str) -> Dict[int, Counts]:
    """Read which shards are done.

    folder (Folder): The folder.
    suffix (str): Suffix of the files.
    RETURNS (Dict[int, Counts]): The counts of the shards that are there, by their numbers.
    """
    done: Dict[int, Counts] = {}
    names = folder.list()
    for line in folder.read(LOG).splitlines() if LOG in names else ():
        try:
            item = json.loads(line)
            number = int(item.pop("shard"))
            done[number] = Counts(**item)
        # The last line of a run that was stopped may be cut. Its shard is done once more.
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
    return {
        number: counts
        for number, counts in done.items()
        # A run that is killed while it removes its shards leaves any of their files.
        if names.issuperset(get_shard_names(number, suffix)[: 2 if counts.n_rejected else 1])
    }


def log_done(folder: Folder, number: int, counts: Counts) -> None:
    """Remember that a shard is done.

    folder (Folder): The folder.
    number (int): Number of the shard.
    counts (Counts): Its counts.
    """
    folder.append(LOG, encode_json_line({"shard": number, **asdict(counts)}))


def finish_folder(folder: Folder, info: Dict[str, Any]) -> None:
    """Complete the manifest of a folder of shards, which makes the folder a finished output.

    folder (Folder): The folder.
    info (Dict[str, Any]): What to tell of the shards.
    """
    write_manifest(folder, {**read_manifest(folder), **info})
    folder.remove([LOG])


def finish_file(path: Path, merged: Path, exports: Sequence[Path]) -> None:
    """Put complete outputs in their places. If this is interrupted, even by a kill, the main one is
    not there yet, and `get_exports` knows of the others.

    path (Path): The main output, a file.
    merged (Path): What to put there.
    exports (Sequence[Path]): The others, files or directories, whose parts are there. A directory
        that is there is empty, or a run that was stopped here has put it there.
    """
    folder = LocalFolder(part_of(path))
    _write_exports(folder, [str(real_path(export)) for export in exports])
    for export in exports:
        _put_in_place(part_of(export), export)
    os.replace(merged, path)
    remove(part_of(path))


def _put_in_place(new: Path, path: Path) -> None:
    if not path.is_dir():
        os.replace(new, path)
        return
    # The directory stays, which may be a mount point.
    for old in path.iterdir():
        remove(old)
    for item in new.iterdir():
        shutil.move(item, path)
    remove(new)


def finish_remote(folder: RemoteFolder, files: Dict[str, Path]) -> None:
    """Put complete outputs at their addresses, and remove the folder of their shards. If this is
    interrupted, even by a kill, the manifest of the folder has the addresses.

    folder (RemoteFolder): The folder.
    files (Dict[str, Path]): The files of this machine to put at each address.
    """
    _write_exports(folder, [*files])
    for address, path in files.items():
        put_file(path, address)
    folder.clear(first=LOG, last=MANIFEST)


def _write_exports(folder: Folder, names: List[str]) -> None:
    write_manifest(folder, {**read_manifest(folder), "exports": names})


def get_exports(path: Path) -> Set[Path]:
    """Get the outputs that may be in their places although the main one is not.

    path (Path): The main output, a file.
    RETURNS (Set[Path]): The outputs, as absolute paths.
    """
    return {Path(name) for name in read_manifest(LocalFolder(part_of(path))).get("exports", [])}


def read_manifest(folder: Folder) -> Dict[str, Any]:
    """Read the manifest of a folder of shards.

    folder (Folder): The folder.
    RETURNS (Dict[str, Any]): The manifest, which is empty if there is none or it is damaged. It has
        "shards" if the folder is complete.
    """
    try:
        manifest = json.loads(folder.read(MANIFEST))
        exports = [str(name) for name in manifest.get("exports", [])]
        return {**manifest, "sha256": str(manifest["sha256"]), "exports": exports}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return {}


def write_manifest(folder: Folder, manifest: Dict[str, Any]) -> None:
    """Write the manifest of a folder of shards.

    folder (Folder): The folder, which is made if there is none.
    manifest (Dict[str, Any]): The manifest.
    """
    folder.write(MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())


def _lock_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")
