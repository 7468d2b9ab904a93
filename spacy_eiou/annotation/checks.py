"""What has to hold of the paths of a run before anything is opened."""

import re
from pathlib import Path
from typing import Collection, Iterable, List, Sequence, Union

from ..corpora import CorpusError
from ..files import real_path
from .folders import LOCK, LocalFolder, RemoteFolder
from .paths import exists, is_remote, is_within, real_address, show_path
from .resume import LOG, MANIFEST, get_work_files, read_manifest
from .shards import OUTPUT_FORMATS, REJECTED_SUFFIX
from .source_files import would_read

# What a run writes to a folder of shards. While it is written, a file is hidden.
_SUFFIX = "|".join(map(re.escape, OUTPUT_FORMATS))
_REJECTED = rf"_part-\d+{re.escape(REJECTED_SUFFIX)}"
_FILE = rf"(part-\d+({_SUFFIX})|{_REJECTED}|{re.escape(MANIFEST)})"
SHARD_FILE = re.compile(rf"{_FILE}|{re.escape(LOG)}|{re.escape(LOCK)}|\.{_FILE}\.new\..+")


def check_apart(outputs: Sequence[Path], inputs: Iterable[Union[str, Path]]) -> None:
    """Check that no output meets another one, or anything that is read, or their work files. Paths
    are compared after links have been followed.

    outputs (Sequence[Path]): The outputs, files and folders.
    inputs (Iterable[Union[str, Path]]): The files that are read.
    RAISES (CorpusError): If a path is not as expected.
    """
    written = [real_path(path) for output in outputs for path in (output, *get_work_files(output))]
    for index, path in enumerate(written):
        if any(is_within(path, other) for other in written[:index] + written[index + 1 :]):
            raise CorpusError(
                "Expected an output path of its own for each output, and none in the place of a "
                f"work file or in another output: {show_path(path)}"
            )
    places = {*written}
    for read in inputs:
        path = real_path(read)
        if not places.isdisjoint([path, *path.parents]):
            raise CorpusError(
                f"Expected another output path: {show_path(read)} is read, and would be lost"
            )


def check_new(
    outputs: Iterable[Path], folders: Collection[Path], *, own: Collection[Path], force: bool
) -> None:
    """Check that outputs are not there yet, or may be overwritten.

    outputs (Iterable[Path]): The outputs, files and folders.
    folders (Collection[Path]): Those of them that are folders.
    own (Collection[Path]): Absolute paths of those that a run has written which was stopped.
    force (bool): Whether output files may be overwritten.
    RAISES (CorpusError): If an output is there.
    """
    for path in outputs:
        shown = show_path(path)
        if not path.exists() or real_path(path) in own:
            continue
        if path in folders:
            if not path.is_dir():
                raise CorpusError(f"Expected a new output directory: {shown} is a file")
            if any(path.iterdir()):
                raise CorpusError(f"Expected a new output directory: {shown} is not empty")
        elif path.is_dir():
            raise CorpusError(f"Expected an output file: {shown} is a directory")
        elif not force:
            raise CorpusError(f"Expected a new output file. To overwrite {shown}, set --force")


def check_part_folder(folder: Path) -> None:
    """Check that the folder in which a file is made has no files but those that a run writes.

    folder (Path): The folder, which ends in .part.
    RAISES (CorpusError): If there are other files.
    """
    others = [name for name in _find_others(folder) if not name.startswith("merged.")]
    if others:
        raise CorpusError(
            f"Expected another output path: {show_path(folder / min(others))} is in the place "
            "of a work file, and would be lost"
        )


def check_shards_folder(folder: Path, *, force: bool) -> None:
    """Check that a folder has no files but those of a run that was stopped, or of a finished one
    that may be overwritten.

    folder (Path): The folder.
    force (bool): Whether finished shards may be overwritten.
    RAISES (CorpusError): If there are other files.
    """
    manifest = read_manifest(LocalFolder(folder))
    if manifest and (others := _find_others(folder)):
        raise CorpusError(
            f"Expected no other files in an output directory: {show_path(folder / min(others))} "
            "would be lost. Move it, or choose another directory"
        )
    if not manifest:
        # A run that was killed at its very start leaves nothing but hidden files.
        if not folder.is_dir() or not all(
            path.name.startswith((LOCK, f".{MANIFEST}.new.")) for path in folder.iterdir()
        ):
            check_new([folder], [folder], own=(), force=force)
    elif "shards" in manifest and not force:
        raise CorpusError(
            f"Expected a new output directory. To overwrite {show_path(folder)}, set --force"
        )


def _find_others(folder: Path) -> List[str]:
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return _leave_out_shards(names)


def _leave_out_shards(names: Iterable[str]) -> List[str]:
    return [name for name in names if not SHARD_FILE.fullmatch(name)]


def check_addresses(
    outputs: Sequence[str], inputs: Iterable[str], shards: str, *, force: bool
) -> None:
    """Check that outputs at addresses don't meet what is read, and that they are not there yet, or
    may be overwritten.

    outputs (Sequence[str]): The outputs: a folder of shards, or files.
    inputs (Iterable[str]): The files that are read.
    shards (str): The folder of the shards.
    force (bool): Whether finished outputs may be overwritten.
    RAISES (CorpusError): If an address is not as expected.
    """
    places = [real_address(place) for place in (*outputs, shards)]
    for location in filter(is_remote, inputs):
        read = real_address(location)
        if any(read == place or read.startswith(f"{place}/") for place in places):
            raise CorpusError(f"Expected another output address: {location} is read")
    folder = RemoteFolder(shards)
    manifest = read_manifest(folder)
    names = folder.list()
    if others := _leave_out_shards(names) if manifest else names:
        raise CorpusError(
            f"Expected a new output directory: {shards} is not empty, it has {min(others)}"
        )
    if shards in outputs:
        found = outputs if "shards" in manifest else []
    else:
        found = [
            path for path in outputs if path not in manifest.get("exports", []) and exists(path)
        ]
    if found and not force:
        raise CorpusError(f"Expected a new output. To overwrite {found[0]}, set --force")


def check_outside(outputs: Iterable[Path], places: Collection[Union[str, Path]], what: str) -> None:
    """Check that no output is in one of some files and folders.

    outputs (Iterable[Path]): The outputs.
    places (Collection[Union[str, Path]]): The files and folders.
    what (str): What these are.
    RAISES (CorpusError): If an output is in one.
    """
    real_places = [real_path(place) for place in places]
    for path in outputs:
        if any(is_within(real_path(path), place) for place in real_places):
            raise CorpusError(f"Expected an output outside of {what}, not {show_path(path)}")


def check_not_among(outputs: Iterable[Path], inputs: Collection[Union[str, Path]]) -> None:
    """Check that no file to write is one that is read, or lies in a folder that is read: it would
    be lost, or be read the next time.

    outputs (Iterable[Path]): The files to write.
    inputs (Collection[Union[str, Path]]): The files and folders that are read.
    RAISES (CorpusError): If an output is or lies there.
    """
    for output in outputs:
        for place in map(real_path, inputs):
            if is_within(real_path(output), place):
                raise CorpusError(
                    f"Expected another output path: {show_path(output)} is or lies in "
                    f"{show_path(place)}, which is read"
                )


def check_unread(outputs: Iterable[Union[str, Path]], input_path: Union[str, Path]) -> None:
    """Check that the next run would not read an output as one of its texts.

    outputs (Iterable[Union[str, Path]]): The outputs, files that need not be there.
    input_path (Union[str, Path]): The texts, see `find_sources`.
    RAISES (CorpusError): If it would.
    """
    for path in outputs:
        if would_read(input_path, path):
            raise CorpusError(
                f"Expected an output outside of the input, not {show_path(path)}: the next run "
                "would read it"
            )
