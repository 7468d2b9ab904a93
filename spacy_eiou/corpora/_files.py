"""Files of a corpus: in folders within folders, compressed, and with any name."""

import gzip
import os
import shutil
import warnings
import zipfile
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Dict, Iterable, Iterator, List, NamedTuple, Tuple, Union

from .record import CorpusError

COMPRESSED = (".gz", ".zst", ".zip")
# How the names of accounts end that lie beside files which `convert` writes. Those of .spacy files
# end in .json, and hold a field of this name in their first bytes.
ACCOUNT_SUFFIX = ".account.json"
ACCOUNT_FIELD = b'"entities_per_label"'
N_FIRST_BYTES = 200


class CorpusFile(NamedTuple):
    """A file to read.

    path (Path): Where it lies.
    name (str): Its path in the folder or archive that was given, with slashes.
    shown (Tuple[str, str]): The start of its path, if that is a temporary one, and what to show
        instead.
    """

    path: Path
    name: str
    shown: Tuple[str, str] = ("", "")

    @property
    def stem(self) -> str:
        """The name without its suffix, from which ids are made."""
        return printable(self.name.removesuffix(self.path.suffix))

    def explain(self, message: str) -> str:
        """RETURNS (str): A message of a reader, with the path that the user knows."""
        return printable(message.replace(*self.shown))

    def with_suffix(self, suffix: str) -> "CorpusFile":
        """RETURNS (CorpusFile): The file beside it that has the same name and another suffix."""
        name = self.name.removesuffix(self.path.suffix) + suffix
        return self._replace(path=self.path.with_suffix(suffix), name=name)


def printable(value: Any) -> str:
    """Show a path or a message, even if it holds a file name that is not UTF-8.

    value (Any): The path or message.
    RETURNS (str): The text, with such bytes as escapes.
    """
    return str(value).encode(errors="backslashreplace").decode()


def list_files(paths: Iterable[Union[Path, CorpusFile]]) -> List[CorpusFile]:
    """List files, and those in folders and in the folders within them, without hidden ones and
    accounts.

    paths (Iterable[Union[Path, CorpusFile]]): Files and folders. What was listed before keeps its
        name.
    RETURNS (List[CorpusFile]): The files, each of them once, sorted by name.
    """
    files: Dict[Path, str] = {}
    for path in paths:
        if isinstance(path, CorpusFile):
            files.setdefault(path.path, path.name)
        elif path.is_dir():
            for file in _walk(path):
                files.setdefault(file, file.relative_to(path).as_posix())
        else:
            files.setdefault(path, path.name)
    listed = [CorpusFile(path, name) for path, name in files.items()]
    return sorted(listed, key=lambda file: (file.name, file.path))


def _walk(folder: Path) -> Iterator[Path]:
    visited = set()
    for name, folders, files in os.walk(folder, followlinks=True):
        # A link may lead back to where it is.
        status = os.stat(name)
        if (status.st_dev, status.st_ino) in visited:
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        folders[:] = sorted(item for item in folders if not item.startswith("."))
        for file in files:
            path = Path(name) / file
            is_other = file.startswith(".") or _is_account(path)
            if not is_other and path.is_file():
                yield path
            elif not is_other and path.is_symlink():
                warnings.warn(f"Left out {printable(path)}: the link leads nowhere", stacklevel=4)


def _is_account(path: Path) -> bool:
    if path.name.endswith(ACCOUNT_SUFFIX):
        return True
    if path.suffix != ".json" or not path.with_suffix(".spacy").exists() or not path.is_file():
        return False
    with path.open("rb") as file:
        return ACCOUNT_FIELD in file.read(N_FIRST_BYTES)


@contextmanager
def unpacked(files: Iterable[CorpusFile]) -> Iterator[List[CorpusFile]]:
    """Unpack compressed files and archives into temporary folders.

    files (Iterable[CorpusFile]): The files.
    YIELDS (List[CorpusFile]): The files, with what was unpacked in place of what it was in.
    RAISES (CorpusError): If a compressed file is damaged.
    """
    with ExitStack() as stack:
        result: List[CorpusFile] = []
        packed = list(files)[::-1]
        is_alone = len(packed) == 1
        while packed:
            file = packed.pop()
            if file.path.suffix not in COMPRESSED or file.path.name.endswith(".tar.gz"):
                result.append(file)
                continue
            folder = Path(stack.enter_context(TemporaryDirectory()))
            try:
                # What is in an archive may be compressed as well.
                packed += _unpack(file, folder, is_alone)[::-1]
            except CorpusError:
                raise
            # What damaged bytes raise depends on how they were compressed.
            except Exception as err:
                message = f"{file.path}: expected a complete {file.path.suffix} file ({err})"
                raise CorpusError(file.explain(message)) from err
        yield result


def _unpack(file: CorpusFile, folder: Path, is_alone: bool) -> List[CorpusFile]:
    shown = (str(folder), file.explain(str(file.path)))
    name = file.name.removesuffix(file.path.suffix)
    if file.path.suffix == ".zip":
        with zipfile.ZipFile(file.path) as archive:
            archive.extractall(folder)
        # Of an archive that is all there is, the name says nothing.
        prefix = "" if is_alone and "/" not in name and not file.shown[0] else f"{name}/"
        return [
            member._replace(name=prefix + member.name, shown=shown)
            for member in list_files([folder])
            if "__MACOSX" not in member.path.parts
        ]
    path = folder / Path(name).name
    with _open_compressed(file.path) as source, path.open("wb") as target:
        shutil.copyfileobj(source, target)
    return [CorpusFile(path, name, shown)]


def _open_compressed(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return gzip.open(path)  # type: ignore[return-value]
    try:
        pyarrow = import_module("pyarrow")
    except ImportError as err:
        raise CorpusError(
            f"{path}: to read .zst files, install the extra: pip install 'spacy-eiou[parquet]'"
        ) from err
    return pyarrow.CompressedInputStream(path.open("rb"), "zstd")  # type: ignore[no-any-return]
