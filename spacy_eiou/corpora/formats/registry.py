"""Where formats of corpora are registered, and how their files are found."""

from dataclasses import dataclass
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import (
    Any,
    Callable,
    Concatenate,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    ParamSpec,
    Set,
    Tuple,
    get_type_hints,
)

from pydantic import TypeAdapter, ValidationError

from ..record import CorpusError, Record

P = ParamSpec("P")
Reader = Callable[Concatenate[Path, P], Iterator[Record]]


@dataclass(frozen=True)
class Format:
    """A format of corpora.

    name (str): Its name.
    read_file (Callable[..., Iterator[Record]]): Reads one file, with options of its own.
    suffixes (Tuple[str, ...]): The suffixes that only files of this format have.
    together (Tuple[str, ...]): The suffixes of the files that belong together, if a text has
        several. The reader is called with the first of them.
    """

    name: str
    read_file: Callable[..., Iterator[Record]]
    suffixes: Tuple[str, ...] = ()
    together: Tuple[str, ...] = ()

    def find_files(self, paths: Iterable[Path]) -> List[Path]:
        """Find files, and those that belong to them.

        paths (Iterable[Path]): Files, and folders of files, see `list_files`.
        RETURNS (List[Path]): The files, sorted by name. What belongs to a given file need not
            exist.
        RAISES (CorpusError): If there is no file.
        """
        paths = list(paths)
        files = list_files(paths)
        if self.together:
            members = [file for file in files if file.suffix in self.together]
            files = {file.with_suffix(suffix) for file in members for suffix in self.together}
        if not files:
            raise CorpusError(f"{paths[0]}: expected a file in the format '{self.name}'")
        return sorted(files, key=lambda file: (file.name, file))

    def read(self, paths: Iterable[Path], **options: Any) -> Iterator[Record]:
        """Read files.

        paths (Iterable[Path]): Files, and folders of files.
        options (Any): Options of the reader.
        YIELDS (Record): The records, in the order of the names of the files.
        RAISES (CorpusError): If there is no file, or a file or an option is not as expected.
        """
        self.check_options(options)
        for file in self.find_files(paths):
            if not self.together or file.suffix == self.together[0]:
                yield from self.read_file(file, **options)

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Check options of the reader.

        options (Mapping[str, Any]): The options.
        RAISES (CorpusError): If the reader does not have one, or its value is not as expected.
        """
        types = get_type_hints(self.read_file)
        for name, value in options.items():
            if name not in types:
                raise CorpusError(f"Expected no {name}: the format '{self.name}' has none")
            try:
                TypeAdapter(types[name]).validate_python(value, strict=True)
            except ValidationError as err:
                problem = err.errors()[0]["msg"]
                raise CorpusError(f"Expected another {name} than {value!r}: {problem}") from err


FORMATS: Dict[str, Format] = {}
# What reads a file or a folder of files, by the name of the format.
READERS: Dict[str, Callable[..., Iterator[Record]]] = {}


def register_format(
    name: str, *, suffixes: Tuple[str, ...] = (), together: Tuple[str, ...] = ()
) -> Callable[[Reader[P]], Reader[P]]:
    """Register a function that reads one file as a format.

    name (str): The name of the format.
    suffixes (Tuple[str, ...]): The suffixes that only files of this format have.
    together (Tuple[str, ...]): The suffixes of the files that belong together, if a text has
        several. The function is called with the first of them.
    RETURNS (Callable[[Reader], Reader]): A decorator, which makes the function read a folder of
        files as well.
    """

    def register(read_file: Reader[P]) -> Reader[P]:
        corpus_format = Format(name, read_file, suffixes, together)

        @wraps(read_file)
        def read(path: Path, *args: P.args, **options: P.kwargs) -> Iterator[Record]:
            given = signature(read_file).bind(path, *args, **options).arguments
            return corpus_format.read([given.pop("path")], **given)

        FORMATS[name] = corpus_format
        READERS[name] = read
        return read  # type: ignore[return-value]

    return register


def get_format(name: str) -> Format:
    """Get a format by its name.

    name (str): The name.
    RETURNS (Format): The format.
    RAISES (CorpusError): If there is none of this name.
    """
    if name not in FORMATS:
        raise CorpusError(f"Expected a format from {', '.join(FORMATS)}, not '{name}'")
    return FORMATS[name]


def guess_format(paths: Iterable[Path]) -> Format:
    """Tell the format of files.

    paths (Iterable[Path]): Files, and folders of files.
    RETURNS (Format): The format.
    RAISES (CorpusError): If the files tell none, or several.
    """
    suffixes = {file.suffix for file in list_files(paths)}
    found = [item for item in FORMATS.values() if not suffixes.isdisjoint(item.suffixes)]
    if len(found) != 1:
        raise CorpusError(
            f"Expected files whose suffix tells one format, not {len(found)} (the suffixes are "
            f"{', '.join(map(repr, sorted(suffixes)))}). "
            f"Choose it with --format: {', '.join(FORMATS)}"
        )
    return found[0]


def list_files(paths: Iterable[Path]) -> Set[Path]:
    """List files, and those in folders, without hidden ones and without those in subfolders.

    paths (Iterable[Path]): Files and folders.
    RETURNS (Set[Path]): The files.
    """
    files: Set[Path] = set()
    for path in paths:
        members = path.iterdir() if path.is_dir() else []
        files.update(file for file in members if file.is_file() and not file.name.startswith("."))
        files.update([] if path.is_dir() else [path])
    return files
