"""Where formats of corpora are registered, and how their files are found and recognized."""

import json
import warnings
import zlib
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property, wraps
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
    Optional,
    ParamSpec,
    Sequence,
    Set,
    Tuple,
    Union,
    get_type_hints,
)

from pydantic import TypeAdapter, ValidationError

from ...garbage import paused_collection
from .._files import CorpusFile, list_files, printable, unpacked
from .._parse import show, try_json
from ..draft import Draft
from ..offsets import COUNTINGS, resolve
from ..record import CorpusError, Record, UnreadableError

P = ParamSpec("P")
Reader = Callable[Concatenate[Path, P], Iterator[Union[Draft, Record]]]

# How much of a file is looked at to tell its format, in bytes and in items of a list.
SAMPLE_SIZE = 1 << 16
MAX_ITEMS = 20
# How many files of unknown format a message describes.
N_SHOWN = 3
# How many a warning names.
N_NAMED = 20


class Sample:
    """The start of a file, to tell its format from.

    path (Path): The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            # The last line is whole, however long it is.
            self.data = file.read(SAMPLE_SIZE) + file.readline()

    @cached_property
    def text(self) -> str:
        """The text at its start."""
        return self.data.decode("utf-8-sig", "replace")

    @cached_property
    def lines(self) -> List[str]:
        """Its first lines, all of which are whole. See `split_lines`."""
        end = "\n" if "\n" in self.text else "\r"
        return [line.removesuffix("\r") for line in self.text.split(end)]

    @cached_property
    def is_json_lines(self) -> bool:
        """Whether its first line is a JSON object, or a text with one as spaCy 2 had it."""
        first = try_json(next((line for line in self.lines if line.strip()), ""))
        return isinstance(first, dict) or (
            isinstance(first, list) and len(first) == 2 and isinstance(first[0], str)
        )

    @cached_property
    def items(self) -> List[Any]:
        """If it is JSON, its first items: of a list, of lines, or the only object that it is."""
        if self.is_json_lines:
            found = [try_json(line) for line in self.lines[:MAX_ITEMS] if line.strip()]
            return [item for item in found if item is not None]
        text = self.text.lstrip()
        if text.startswith("["):
            items = list(_decode_list(text))
            if items:
                return items
        if text.startswith(("[", "{")):
            value = try_json(self.path.read_bytes().decode("utf-8-sig", "replace"))
            return value[:MAX_ITEMS] if isinstance(value, list) else [value] if value else []
        return []

    @cached_property
    def inflated(self) -> bytes:
        """The start of what it holds, if it is compressed as .spacy files are."""
        try:
            return zlib.decompressobj().decompress(self.data, 100)
        except zlib.error:
            return b""

    def describe(self) -> str:
        """RETURNS (str): What is in the file, for somebody who has to tell its format."""
        if self.items:
            first = self.items[0]
            kind = (
                "JSON objects with " + ", ".join(map(repr, first))
                if isinstance(first, dict)
                else f"JSON items such as {show(first)}"
            )
            return kind
        if not self.data.strip():
            return "empty"
        if self.data.startswith((b"\xff\xfe", b"\xfe\xff")):
            return "text in UTF-16, which has to be saved as UTF-8"
        if b"\0" in self.data:
            return "binary data"
        return f"lines such as {show(next((line for line in self.lines if line.strip()), ''))}"


def _decode_list(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    position = 1
    for _ in range(MAX_ITEMS):
        position += len(text[position:]) - len(text[position:].lstrip(" \t\r\n,"))
        try:
            item, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            return
        yield item


@dataclass(frozen=True)
class Format:
    """A format of corpora.

    name (str): Its name.
    read_file (Callable[..., Iterator[Union[Draft, Record]]]): Reads one file, with options of its
        own.
    recognizes (Callable[[Sample], bool]): Tells whether a file is in the format.
    together (Tuple[str, ...]): The suffixes of the files that belong together, if a text has
        several. The reader is called with the first of them.
    beside (Tuple[str, ...]): The suffixes of files that the reader may look into.
    offsets (str): How its offsets count.
    is_general (bool): Whether files of other formats are in this one too.
    """

    name: str
    read_file: Callable[..., Iterator[Union[Draft, Record]]]
    recognizes: Callable[[Sample], bool] = lambda sample: False
    together: Tuple[str, ...] = ()
    beside: Tuple[str, ...] = ()
    offsets: str = "characters"
    is_general: bool = False

    def select(self, files: Iterable[CorpusFile]) -> List[CorpusFile]:
        """Select the files to call the reader with.

        files (Iterable[CorpusFile]): The files.
        RETURNS (List[CorpusFile]): The files.
        """
        if not self.together:
            files = list(files)
            return [file for file in files if file.path.suffix not in self.beside] or files
        first = self.together[0]
        members = [file for file in files if file.path.suffix in self.together]
        selected = {file.path.with_suffix(first): file.with_suffix(first) for file in members}
        return sorted(selected.values(), key=lambda file: (file.name, file.path))

    def goes_with(self, file: CorpusFile) -> bool:
        """RETURNS (bool): Whether a file may belong to those of the format by its suffix."""
        return file.path.suffix in (*self.together, *self.beside)

    def add_beside(self, files: Iterable[CorpusFile]) -> List[CorpusFile]:
        """Add the files that the reader will look into.

        files (Iterable[CorpusFile]): The files.
        RETURNS (List[CorpusFile]): The files, and those beside them, sorted by name.
        """
        found = {file.path: file for file in files}
        for file in list(found.values()):
            if file.path.suffix in self.together:
                for suffix in self.together:
                    other = file.with_suffix(suffix)
                    if other.path.exists():
                        found.setdefault(other.path, other)
            elif file.path.suffix not in self.beside:
                folder = file.path.parent
                for suffix in self.beside:
                    for path in [*folder.glob(f"*{suffix}"), *folder.glob(f"*/*{suffix}")]:
                        inner = path.relative_to(folder)
                        name = file.name.removesuffix(file.path.name) + inner.as_posix()
                        if not any(part.startswith(".") for part in inner.parts):
                            found.setdefault(path, CorpusFile(path, name))
        return sorted(found.values(), key=lambda file: (file.name, file.path))

    def read(
        self,
        paths: Iterable[Union[Path, CorpusFile]],
        *,
        offsets: Optional[str] = None,
        **options: Any,
    ) -> Iterator[Record]:
        """Read files.

        paths (Iterable[Union[Path, CorpusFile]]): Files, and folders of files.
        offsets (Optional[str]): How offsets count, one of `COUNTINGS`. If None, what the texts of
            entities tell, as far as a file states them.
        options (Any): Options of the reader.
        YIELDS (Record): The records, in the order of the names of the files.
        RAISES (CorpusError): If there is no file, or a file or an option is not as expected.
        """
        self.check_options({"offsets": offsets, **options})
        paths = list(paths)
        with unpacked(list_files(paths)) as files:
            selected = self.select(self._leave_out_unknown(files))
            if not selected:
                first = paths[0].path if isinstance(paths[0], CorpusFile) else paths[0]
                raise CorpusError(f"{first}: expected a file in the format '{self.name}'")
            for file, name in zip(selected, _make_names(selected)):
                yield from self._read(file, name, offsets, options, len(selected) == 1)

    def _leave_out_unknown(self, files: List[CorpusFile]) -> List[CorpusFile]:
        """Leave out files of archives that are in no known format and have another suffix than
        those that are, such as a readme, with a warning. RETURNS (List[CorpusFile]): The files to
        read."""
        members = [file for file in files if file.shown[1].endswith(".zip")]
        suffixes = {
            file.path.suffix
            for file in members
            if self.goes_with(file) or _recognize(file) is not None
        }
        others = [file for file in members if suffixes and file.path.suffix not in suffixes]
        warn_of_unknown(others)
        left_out = set(others)
        return [file for file in files if file not in left_out]

    def _read(
        self,
        file: CorpusFile,
        name: str,
        offsets: Optional[str],
        options: Mapping[str, Any],
        is_alone: bool,
    ) -> Iterator[Record]:
        try:
            with paused_collection():
                items = list(self.read_file(file.path, **options))
                drafts = [item for item in items if isinstance(item, Draft)]
                self._check_any_readable(file, items, is_alone)
                _name_documents(drafts, file.path, name)
                records = iter(resolve(drafts, name, str(file.path), offsets, self.offsets))
        except CorpusError as err:
            raise type(err)(file.explain(str(err))) from err
        for item in items:
            record = next(records) if isinstance(item, Draft) else item
            if record.bad:
                record = replace(
                    record,
                    id=file.explain(record.id),
                    bad=tuple(file.explain(problem) for problem in record.bad),
                )
            yield record

    def _check_any_readable(
        self, file: CorpusFile, items: List[Union[Draft, Record]], is_alone: bool
    ) -> None:
        """RAISES (UnreadableError): If all texts of a file are malformed, since it is in another
        format, or it is the only file, has several texts and is in no known format."""
        bad = [item for item in items if item.skipped == "malformed"]
        if self.together or not bad or len(bad) < len(items):
            return
        found = _recognize(file)
        # Beside other files, its texts are counted as malformed ones among theirs.
        if found != self.name and (found is not None or (is_alone and len(bad) > 1)):
            raise UnreadableError(
                f"{file.path}: expected a file in the format '{self.name}', but it holds "
                f"{Sample(file.path).describe()}, all of which are malformed. {bad[0].bad[0]}"
            )

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Check options of the reader.

        options (Mapping[str, Any]): The options.
        RAISES (CorpusError): If the reader does not have one, or its value is not as expected.
        """
        types = get_type_hints(self.read_file)
        for name, value in options.items():
            if name == "offsets":
                if value not in (None, *COUNTINGS):
                    raise CorpusError(f"Expected offsets from {', '.join(COUNTINGS)}, not {value}")
                continue
            if name not in types:
                raise CorpusError(f"Expected no {name}: the format '{self.name}' has none")
            try:
                TypeAdapter(types[name]).validate_python(value, strict=True)
            except ValidationError as err:
                problem = err.errors()[0]["msg"]
                raise CorpusError(f"Expected another {name} than {value!r}: {problem}") from err


def _make_names(files: Sequence[CorpusFile]) -> List[str]:
    """RETURNS (List[str]): A name for each file, from which ids are made: without its suffix,
    unless another one has the same, such as eng.train and eng.testa, and with as many of the
    folders that it lies in as tell it from others."""
    paths = [Path(file.explain(str(file.path))) for file in files]
    n_parts = max((len(path.parts) for path in paths), default=0)
    choices = [[(file.stem, printable(file.name)) for file in files]]
    # Each is the end of a path, so that those of different lengths are not the same.
    for length in range(2, n_parts + 1) if len(set(choices[0])) < len(files) else ():
        choices.append(
            [(_get_tail(path.with_suffix(""), length), _get_tail(path, length)) for path in paths]
        )
    counted = [(pairs, Counter(name for pair in pairs for name in {*pair})) for pairs in choices]
    return [
        next(
            (name for pairs, counts in counted for name in pairs[index] if counts[name] == 1),
            str(path),
        )
        for index, path in enumerate(paths)
    ]


def _get_tail(path: Path, length: int) -> str:
    """RETURNS (str): The last parts of a path, without the root."""
    return "/".join([part for part in path.parts if part != path.anchor][-length:])


def _name_documents(drafts: Sequence[Draft], path: Path, name: str) -> None:
    """Make ids of numbered documents. Those of another file, whatever its name, have others."""
    numbered = [draft for draft in drafts if draft.document is not None]
    if numbered:
        checksum = zlib.crc32(path.read_bytes())
        for draft in numbered:
            draft.group = f"{name}-{checksum:08x}-document-{draft.document}"


FORMATS: Dict[str, Format] = {}
# What reads a file or a folder of files, by the name of the format.
READERS: Dict[str, Callable[..., Iterator[Record]]] = {}


def register_format(
    name: str,
    *,
    recognizes: Callable[[Sample], bool] = lambda sample: False,
    together: Tuple[str, ...] = (),
    beside: Tuple[str, ...] = (),
    offsets: str = "characters",
    is_general: bool = False,
) -> Callable[[Reader[P]], Callable[Concatenate[Path, P], Iterator[Record]]]:
    """Register a function that reads one file as a format.

    name (str): The name of the format.
    recognizes (Callable[[Sample], bool]): Tells whether a file is in the format, and in no other.
    together (Tuple[str, ...]): The suffixes of the files that belong together, if a text has
        several. The function is called with the first of them.
    beside (Tuple[str, ...]): The suffixes of files that the function may look into.
    offsets (str): How offsets of the format count.
    is_general (bool): Whether files of other formats are in this one too.
    RETURNS (Callable[[Reader], Reader]): A decorator, which makes the function read a folder of
        files as well, and take the option `offsets`, see `Format.read`.
    """

    def register(read_file: Reader[P]) -> Callable[Concatenate[Path, P], Iterator[Record]]:
        corpus_format = Format(name, read_file, recognizes, together, beside, offsets, is_general)

        @wraps(read_file)
        def read(path: Path, *args: P.args, **options: P.kwargs) -> Iterator[Record]:
            counting: Any = options.pop("offsets", None)
            given = signature(read_file).bind(path, *args, **options).arguments
            return corpus_format.read([Path(given.pop("path"))], offsets=counting, **given)

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


def recognize(paths: Sequence[Path]) -> Tuple[Format, List[CorpusFile], List[CorpusFile]]:
    """Tell the format of files by their content.

    paths (Sequence[Path]): Files, and folders of files.
    RETURNS (Tuple[Format, List[CorpusFile], List[CorpusFile]]): The format, the files that are in
        it and those that belong to them, and the files that are in no known format.
    RAISES (CorpusError): If they are in none, or in several.
    """
    listed = list_files(paths)
    found: Dict[str, str] = {}
    known: Set[CorpusFile] = set()
    seen: List[str] = []
    for file in listed:
        with unpacked([file]) as members:
            for member in members:
                name = _recognize(member)
                shown = member.explain(str(member.path))
                if name is not None:
                    found.setdefault(name, shown)
                    known.add(file)
                elif len(seen) < N_SHOWN:
                    seen.append(f"{shown} ({Sample(member.path).describe()})")
        if len(found) > 1:
            break
    choice = f"Choose it with --format: {', '.join(FORMATS)}"
    if len(found) > 1:
        examples = " and ".join(f"'{name}' ({shown})" for name, shown in found.items())
        raise CorpusError(f"Expected files in one format, not in {examples}. {choice}")
    if not found:
        what = ", ".join(seen) or f"{printable(paths[0])}, where no file is"
        raise CorpusError(f"Can't tell the format of {what}. {choice}")
    corpus_format = FORMATS[next(iter(found))]
    known.update(filter(corpus_format.goes_with, listed))
    unknown = [file for file in listed if file not in known]
    return corpus_format, [file for file in listed if file in known], unknown


def warn_of_unknown(files: Sequence[CorpusFile]) -> None:
    """Warn of files that are in no known format and were left out.

    files (Sequence[CorpusFile]): The files.
    """
    if files:
        names = ", ".join(printable(file.name) for file in files[:N_NAMED])
        more = " ..." if len(files) > N_NAMED else ""
        warnings.warn(
            f"Left out {len(files)} files that are in no known format: {names}{more}", stacklevel=3
        )


def _recognize(file: CorpusFile) -> Optional[str]:
    """RETURNS (Optional[str]): The name of the format of a file, if it is in a known one."""
    for corpus_format in FORMATS.values():
        if file.path.suffix in corpus_format.together:
            # That of a text is told by what lies beside it.
            is_text = file.path.suffix == corpus_format.together[0]
            others = corpus_format.together[1:]
            if not is_text or any(file.path.with_suffix(suffix).exists() for suffix in others):
                return corpus_format.name
    sample = Sample(file.path)
    found = [item for item in FORMATS.values() if item.recognizes(sample)]
    return min(found, key=lambda item: item.is_general).name if found else None
