"""The files of a source: which they are, and how they are opened."""

import bz2
import glob
import gzip
import io
import lzma
import os
import zlib
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path, PurePath
from typing import (
    Any,
    BinaryIO,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
    cast,
)

from ..corpora.record import CorpusError
from ..files import real_path
from .paths import (
    is_remote,
    is_within,
    reaching,
    real_address,
    show_path,
    without_scheme,
)

TEXT_FORMATS = {
    ".txt": "txt",
    ".jsonl": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".spacy": "docbin",
}
COMPRESSIONS = (".gz", ".zst", ".bz2", ".xz")


class SourceFile(NamedTuple):
    """A file of texts.

    location (str): Path or address.
    name (str): What the ids of its texts begin with.
    is_text (bool): Whether the whole file is one text.
    """

    location: str
    name: str
    is_text: bool = False


class Shard(NamedTuple):
    """A run of the items of a source, the unit of work: some files, or a part of one.

    files (List[SourceFile]): The files.
    n_before (int): Number of items of the source before it, or of the file if it is part of one.
    start (int): Its first item, or in a file of lines its first byte.
    stop (Optional[int]): The item or byte after its last one. If None, there is no end.
    size (int): Its share of the work, in bytes.
    """

    files: List[SourceFile]
    n_before: int = 0
    start: int = 0
    stop: Optional[int] = None
    size: int = 0


def find_sources(path: Union[str, Path], text_format: Optional[str] = None) -> List[SourceFile]:
    """Find the files of a source: a file, those in a folder and its subfolders, or those that match
    a pattern such as "texts/*.jsonl". Hidden files and folders are left out. The .txt files of a
    folder or a pattern hold one text each. All of them may be an address that fsspec opens, where a
    folder ends in "/" and a pattern has a "*".

    path (Union[str, Path]): A file, a folder, a pattern or an address.
    text_format (Optional[str]): Their format. If None, that of the suffixes.
    RETURNS (List[SourceFile]): The files, sorted by name.
    RAISES (CorpusError): If there are none, or if they have several formats.
    """
    location = os.fspath(without_scheme(path))
    text_format = text_format or guess_text_format(path)
    if _is_file(location):
        return [SourceFile(location, strip_suffixes(show_path(os.path.basename(location))))]
    root, paths = _list_files(location)
    suffixes = [suffix for suffix, name in TEXT_FORMATS.items() if name == text_format]
    files = [
        SourceFile(
            path,
            strip_suffixes(show_path(os.path.relpath(path, root))),
            is_text=text_format == "txt",
        )
        for path in paths
        if get_suffix(path) in suffixes
    ]
    if not files:
        raise CorpusError(
            f"{show_path(location)}: expected a file, or a folder of {' or '.join(suffixes)} files"
        )
    for file in files:
        if not is_remote(file.location) and not os.path.isfile(file.location):
            raise CorpusError(
                f"{show_path(file.location)}: expected a file, not a folder or a broken link"
            )
    return files


def guess_text_format(path: Union[str, Path]) -> str:
    """Tell the format of a source from the suffix of its files. Those that stand for none, such as
    brat's .ann beside .txt, are left out.

    path (Union[str, Path]): A file, a folder, a pattern or an address.
    RETURNS (str): A format in the values of `TEXT_FORMATS`.
    RAISES (CorpusError): If the suffixes stand for none, or for several.
    """
    location = os.fspath(without_scheme(path))
    locations = [location] if _is_file(location) else _list_files(location)[1]
    found = set(map(get_suffix, locations))
    formats = {TEXT_FORMATS[suffix] for suffix in found if suffix in TEXT_FORMATS}
    if len(formats) > 1:
        raise CorpusError(
            f"{show_path(location)}: expected files of one format, not {', '.join(sorted(formats))}"
            ". Choose one of them with --format, or move the others elsewhere"
        )
    if not formats:
        raise CorpusError(
            f"{show_path(location)}: expected a file that ends in {', '.join(TEXT_FORMATS)}, one "
            f"of the formats {', '.join(TEXT_FORMATS.values())}, or a folder of such files"
        )
    return formats.pop()


def would_read(path: Union[str, Path], output: Union[str, Path]) -> bool:
    """Tell whether a file would be one of those of a source, or make its format doubtful.

    path (Union[str, Path]): The source, see `find_sources`.
    output (Union[str, Path]): The file, which need not be there.
    RETURNS (bool): Whether it would.
    """
    location = os.fspath(without_scheme(path))
    if _is_file(location) or get_suffix(os.fspath(output)) not in TEXT_FORMATS:
        return False
    is_folder = location.endswith("/") or os.path.isdir(location)
    root = location if is_folder else _get_root(location)
    source, file = (
        PurePath(real_address(place) if is_remote(place) else real_path(place))
        for place in (root, os.fspath(output))
    )
    pattern = ["**"] if is_folder else location[len(root) :].strip("/").split("/")
    return is_within(file, source) and _matches(file.relative_to(source).parts, pattern)


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """RETURNS (bool): Whether the names of a path match those of a pattern, as `glob` tells it."""
    if not parts or not pattern:
        return not parts and {*pattern} <= {"**"}
    first, *others = pattern
    if first == "**" and _matches(parts, others):
        return True
    # Hidden files and folders are left out.
    if parts[0].startswith(".") and not first.startswith("."):
        return False
    return fnmatch(parts[0], first) and _matches(parts[1:], pattern if first == "**" else others)


def open_input(location: str) -> BinaryIO:
    """Open a file or an address to read it. What is compressed is unpacked, as its suffix says.

    location (str): Path or address.
    RETURNS (BinaryIO): The file.
    RAISES (CorpusError): If a package is missing that is needed for that.
    """
    if is_remote(location):
        with reaching(location) as (filesystem, path):
            file = cast(BinaryIO, filesystem.open(path, "rb"))
    else:
        file = open(location, "rb")  # noqa: SIM115
    compression = get_compression(location)
    if compression == ".zst":
        stream = import_pyarrow(location).CompressedInputStream(file, "zstd")
        return cast(BinaryIO, io.BufferedReader(stream))
    unpack: Dict[str, Callable[[BinaryIO], Any]] = {
        ".gz": gzip.open,
        ".bz2": bz2.open,
        ".xz": lzma.open,
    }
    return cast(BinaryIO, unpack[compression](file)) if compression else file


@contextmanager
def unpacking(location: str) -> Iterator[BinaryIO]:
    """Open a file, see `open_input`, and tell which one is damaged.

    location (str): Path or address.
    YIELDS (BinaryIO): The file.
    RAISES (CorpusError): If it is packed and damaged, or a package is missing to unpack it.
    """
    with open_input(location) as file:
        try:
            yield file
        except (OSError, EOFError, lzma.LZMAError, zlib.error) as err:
            if not get_compression(location):
                raise
            raise CorpusError(
                f"{show_path(location)}: expected a file that is packed and complete ({err})"
            ) from err


def get_size(location: str) -> int:
    """RETURNS (int): Number of bytes of a file or an address, or 0 if it is not known."""
    if is_remote(location):
        with reaching(location) as (filesystem, path):
            return int(filesystem.size(path) or 0)
    return os.path.getsize(location)


def get_suffix(location: str) -> str:
    """RETURNS (str): The suffix of a path or an address in lower case, without one that tells a
    compression."""
    stem, suffix = os.path.splitext(location.lower())
    return os.path.splitext(stem)[1] if suffix in COMPRESSIONS else suffix


def strip_suffixes(name: str) -> str:
    """RETURNS (str): A name without its suffix, and without one that tells a compression."""
    stem, suffix = os.path.splitext(name)
    return os.path.splitext(stem)[0] if suffix.lower() in COMPRESSIONS else stem


def get_compression(location: str) -> str:
    """RETURNS (str): The suffix of a path or an address that tells its compression, one of
    `COMPRESSIONS`, or "" if it has none."""
    suffix = os.path.splitext(location)[1].lower()
    return suffix if suffix in COMPRESSIONS else ""


def _is_file(location: str) -> bool:
    if is_remote(location):
        return not (location.endswith("/") or "*" in location)
    return os.path.isfile(location)


def _list_files(location: str) -> Tuple[str, List[str]]:
    """RETURNS (Tuple[str, List[str]]): The folder that holds all of them, and the files."""
    if is_remote(location):
        root = _get_root(location)
        with reaching(location) as (filesystem, path):
            paths = filesystem.glob(path) if "*" in path else filesystem.find(path)
            start = path.partition("*")[0].rpartition("/")[0] if "*" in path else path.rstrip("/")
            seen = [found for found in paths if "/." not in found[len(start) :]]
            return root, sorted(map(filesystem.unstrip_protocol, seen))
    if os.path.isdir(location):
        return location, sorted(_walk(location, set()))
    if not glob.has_magic(location):
        raise CorpusError(f"{show_path(location)}: expected a file, a folder or a pattern")
    root = _get_root(location)
    return root or ".", sorted(glob.glob(location, recursive=True))


def _get_root(pattern: str) -> str:
    """RETURNS (str): The folder that holds all that matches a pattern, or "" if it is this one."""
    if is_remote(pattern):
        return pattern.partition("*")[0].rpartition("/")[0]
    while glob.has_magic(pattern):
        pattern = os.path.dirname(pattern)
    return pattern


def _walk(folder: str, visited: Iterable[Path]) -> Iterator[str]:
    # A link may lead back to a folder that this one is in.
    visited = {*visited, real_path(folder)}
    for entry in os.scandir(folder):
        if entry.name.startswith("."):
            continue
        if not os.path.isdir(entry.path):
            yield entry.path
        elif real_path(entry.path) not in visited:
            yield from _walk(entry.path, visited)


def import_pyarrow(location: str) -> Any:
    """RETURNS (module): Arrow, which is needed for the file at a location.
    RAISES (CorpusError): If it is not installed."""
    try:
        import pyarrow
    except ImportError as err:
        raise CorpusError(
            f"{show_path(location)}: expected pyarrow to be installed. Try: pip install "
            "'spacy-eiou[parquet]'"
        ) from err
    return pyarrow
