"""Where the texts come from: files and their formats."""

import bz2
import codecs
import csv
import glob
import gzip
import io
import json
import lzma
import math
import os
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
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
from uuid import uuid4

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..corpora._files import printable
from ..corpora._parse import check_type, get_field, parse_json, to_id
from ..corpora.docbin import FastDocBin
from ..corpora.record import CorpusError
from ..files import to_json_line
from .paths import (
    get_state,
    is_remote,
    is_within,
    reaching,
    real_address,
    real_path,
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
# The longest cell that Python can be told to read on each system.
CSV_LIMIT = 2**31 - 1
# Read after the last line of a file, to see whether a quote is still open there.
END = uuid4().hex
# To read a piece of a row group of Parquet, what is before it in the group is read as well.
MAX_PIECES = 50


@dataclass(frozen=True)
class SourceText:
    """A text to annotate.

    id (str): Name of the text within its source.
    text (str): The text, exactly as in the source.
    meta (Dict[str, Any]): What else the source says of the text.
    """

    id: str
    text: str
    meta: Dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RejectedText:
    """What a source has in the place of a text.

    number (int): Number of the line, row, doc or file in the source, from 1.
    reason (str): What was expected there.
    raw (str): What is there. Bytes that are not in UTF-8 are shown as in "\\xff".
    """

    number: int
    reason: str
    raw: str


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


class Fields(NamedTuple):
    """How the fields or columns are called that are read."""

    text: str = "text"
    id: str = "id"


class RawText(NamedTuple):
    """An item of a source before its check: its number from 1, the place for error messages, the id
    unless it has one of its own, and the data."""

    number: int
    where: str
    id: str
    data: Any


def read_texts(
    path: Union[str, Path],
    text_format: str,
    *,
    text_key: str = "text",
    id_key: str = "id",
    max_length: int,
) -> Iterator[Union[SourceText, RejectedText]]:
    """Read texts one after the other, in memory that doesn't grow with their number. Only a DocBin
    is loaded whole. An item that is no text is rejected, and the next one read.

    "txt" is a file with one text per line, a blank line among them, or a folder whose .txt files
    hold one text each. "jsonl" is JSON Lines, whose blank lines are no texts. "csv" has a header.
    "parquet" has a column of texts and maybe a column of ids; other columns aren't read. "docbin"
    is a .spacy file, of whose docs only the text is used. The id of a text is the "id" of its
    object or row, the "record_id" of its doc, the name of its file without the suffix, or else the
    name of the file and the number of the text in it.

    path (Union[str, Path]): The source, see `find_sources`.
    text_format (str): A format in the values of `TEXT_FORMATS`.
    text_key (str): Field or column of the text, for "jsonl", "csv" and "parquet".
    id_key (str): Field or column of the id.
    max_length (int): The most characters of a text that isn't rejected.
    YIELDS (Union[SourceText, RejectedText]): The texts and what was rejected, in order.
    RAISES (CorpusError): If the source as a whole is not as expected.
    """
    files = find_sources(path, text_format)
    fields = Fields(text_key, id_key)
    groups = [files] if files[0].is_text else [[file] for file in files]
    for group in groups:
        yield from read_shard(Shard(group), text_format, fields, max_length=max_length)


def read_shard(
    shard: Shard, text_format: str, fields: Fields, *, max_length: int
) -> Iterator[Union[SourceText, RejectedText]]:
    """Read the texts of a shard, see `read_texts`.

    shard (Shard): The shard.
    text_format (str): A format in the values of `TEXT_FORMATS`.
    fields (Fields): The fields or columns of the text and of the id.
    max_length (int): The most characters of a text that isn't rejected.
    YIELDS (Union[SourceText, RejectedText]): The texts and what was rejected, in order.
    RAISES (CorpusError): If a file as a whole is not as expected.
    """
    reader = READERS[text_format]
    for raw in reader.read(shard, fields):
        try:
            source = reader.parse(raw, fields)
            if len(source.text) > max_length:
                raise CorpusError(
                    f"{raw.where}: expected at most {max_length} characters, not "
                    f"{len(source.text)} (raise `max_length` of the pipeline, or split the text)"
                )
            yield source
        except CorpusError as err:
            yield RejectedText(raw.number, str(err), _show(raw.data))


def plan_shards(files: Sequence[SourceFile], text_format: str, *, size: int) -> List[Shard]:
    """Divide a source into shards, which depend on the files alone. A file of lines, a Parquet file
    and a DocBin are divided unless they are compressed or remote.

    files (Sequence[SourceFile]): The files, see `find_sources`.
    text_format (str): Their format.
    size (int): Number of bytes of a shard, about.
    RETURNS (List[Shard]): The shards, in order.
    RAISES (CorpusError): If a file as a whole is not as expected.
    """
    if files[0].is_text:
        return list(_group_files(files, size))
    split = READERS[text_format].split
    shards: List[Shard] = []
    for file in files:
        if split is None or is_remote(file.location) or _get_compression(file.location):
            shards.append(Shard([file], size=get_size(file.location)))
        else:
            shards.extend(split(file, size))
    return shards


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
    """Tell the format of a source from the suffix of its files. A folder that has .txt files is
    "txt", whatever else is in it.

    path (Union[str, Path]): A file, a folder, a pattern or an address.
    RETURNS (str): A format in the values of `TEXT_FORMATS`.
    RAISES (CorpusError): If the suffixes stand for none, or for several.
    """
    location = os.fspath(without_scheme(path))
    locations = [location] if _is_file(location) else _list_files(location)[1]
    found = set(map(get_suffix, locations))
    formats = {TEXT_FORMATS[suffix] for suffix in found if suffix in TEXT_FORMATS}
    if "txt" in formats:
        return "txt"
    if len(formats) > 1:
        raise CorpusError(
            f"{show_path(location)}: expected files of one format, not {', '.join(sorted(formats))}"
            ". Choose one of them with --format"
        )
    if not formats:
        raise CorpusError(
            f"{show_path(location)}: expected a file that ends in {', '.join(TEXT_FORMATS)}, one "
            f"of the formats {', '.join(TEXT_FORMATS.values())}, or a folder of such files"
        )
    return formats.pop()


def would_read(path: Union[str, Path], output: Union[str, Path], text_format: str) -> bool:
    """Tell whether a file would be one of those of a source, or make its format doubtful. Of
    patterns with "**" this tells nothing.

    path (Union[str, Path]): The source, see `find_sources`.
    output (Union[str, Path]): The file, which need not be there.
    text_format (str): The format of the source.
    RETURNS (bool): Whether it would.
    """
    location = os.fspath(without_scheme(path))
    # Where there are .txt files, all others are left out.
    suffixes = {".txt"} if text_format == "txt" else {*TEXT_FORMATS}
    if _is_file(location) or get_suffix(os.fspath(output)) not in suffixes:
        return False
    source, file = (
        PurePath(real_address(place) if is_remote(place) else real_path(place))
        for place in (location, os.fspath(output))
    )
    if not (location.endswith("/") or os.path.isdir(location)):
        return file.match(str(source))
    # Hidden files and folders are left out.
    return is_within(file, source) and not any(
        part.startswith(".") for part in file.relative_to(source).parts
    )


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
    compression = _get_compression(location)
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
def _unpacking(location: str) -> Iterator[BinaryIO]:
    """Open a file, see `open_input`, and tell which one is damaged."""
    with open_input(location) as file:
        try:
            yield file
        except (OSError, EOFError, lzma.LZMAError, zlib.error) as err:
            if not _get_compression(location):
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


def _get_compression(location: str) -> str:
    suffix = os.path.splitext(location)[1].lower()
    return suffix if suffix in COMPRESSIONS else ""


def _is_file(location: str) -> bool:
    if is_remote(location):
        return not (location.endswith("/") or "*" in location)
    return os.path.isfile(location)


def _list_files(location: str) -> Tuple[str, List[str]]:
    """RETURNS (Tuple[str, List[str]]): The folder that holds all of them, and the files."""
    if is_remote(location):
        root = location.partition("*")[0].rpartition("/")[0]
        with reaching(location) as (filesystem, path):
            paths = filesystem.glob(path) if "*" in path else filesystem.find(path)
            start = path.partition("*")[0].rpartition("/")[0] if "*" in path else path.rstrip("/")
            seen = [found for found in paths if "/." not in found[len(start) :]]
            return root, sorted(map(filesystem.unstrip_protocol, seen))
    if os.path.isdir(location):
        return location, sorted(_walk(location, set()))
    if not glob.has_magic(location):
        raise CorpusError(f"{show_path(location)}: expected a file, a folder or a pattern")
    root = location
    while glob.has_magic(root):
        root = os.path.dirname(root)
    return root or ".", sorted(glob.glob(location, recursive=True))


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


def _group_files(files: Sequence[SourceFile], size: int) -> Iterator[Shard]:
    start = total = 0
    for number, file in enumerate(files):
        n_bytes = get_size(file.location)
        if total and total + n_bytes > size:
            yield Shard([*files[start:number]], start, size=total)
            start, total = number, 0
        total += n_bytes
    yield Shard([*files[start:]], start, size=total)


def _make_raw(file: SourceFile, number: int, unit: str, data: Any) -> RawText:
    where = f"{show_path(file.location)}, {unit} {number}"
    return RawText(number, where, f"{file.name}-{number}", data)


def _split_lines(file: SourceFile, size: int) -> Iterator[Shard]:
    with open(file.location, "rb") as lines:
        n_before = start = 0
        while data := lines.read(size):
            data += lines.readline()
            yield Shard([file], n_before, start, start + len(data), len(data))
            n_before += data.count(b"\n")
            start += len(data)


def _read_lines(shard: Shard, fields: Fields) -> Iterator[RawText]:
    (file,) = shard.files
    with _unpacking(file.location) as lines:
        if shard.start:
            lines.seek(shard.start)
        position = shard.start
        for number, line in enumerate(lines, start=shard.n_before + 1):
            if number == 1:
                _check_encoding(line, file.location)
            data = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            yield _make_raw(file, number, "line", data.removesuffix(b"\n").removesuffix(b"\r"))
            position += len(line)
            if position == shard.stop:
                return


def _check_encoding(data: bytes, where: str) -> None:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise CorpusError(f"{show_path(where)}: expected UTF-8, not UTF-16. Save it as UTF-8")


def _read_plain_text(shard: Shard, fields: Fields) -> Iterator[RawText]:
    if not shard.files[0].is_text:
        yield from _read_lines(shard, fields)
        return
    for number, file in enumerate(shard.files, start=shard.n_before + 1):
        with _unpacking(file.location) as text:
            yield RawText(number, show_path(file.location), file.name, text.read())


def _parse_plain_text(raw: RawText, fields: Fields) -> SourceText:
    return SourceText(raw.id, _decode(raw))


def _read_jsonl(shard: Shard, fields: Fields) -> Iterator[RawText]:
    return (raw for raw in _read_lines(shard, fields) if raw.data.strip())


def _parse_jsonl(raw: RawText, fields: Fields) -> SourceText:
    item = parse_json(_decode(raw), raw.where)
    text = get_field(item, fields.text, str, raw.where)
    meta = {key: value for key, value in item.items() if key not in fields}
    try:
        # Most texts have none, and then this takes longer than it is worth.
        if meta:
            json.dumps(meta, allow_nan=False)
    except ValueError as err:
        raise CorpusError(f"{raw.where}: expected valid JSON, whose numbers are finite") from err
    return SourceText(_get_id(item, raw, fields), text, meta)


def _read_csv(shard: Shard, fields: Fields) -> Iterator[RawText]:
    (file,) = shard.files
    with _unpacking(file.location) as data:
        # Rows that are not in UTF-8 are rejected, and the others read.
        lines = io.TextIOWrapper(data, "utf-8-sig", "surrogateescape", newline="")
        first = lines.readline()
        _check_encoding(first.encode("utf8", "surrogateescape"), file.location)
        rows = csv.reader(chain([first], lines, [END]))
        names = _read_row(rows, file) or []
        if fields.text not in names:
            raise CorpusError(
                f"{show_path(file.location)}: expected a column '{fields.text}', not only {names}"
            )
        number = 0
        while (row := _read_row(rows, file)) is not None:
            number += 1
            if row:
                item = row if any(row[len(names) :]) else dict(zip(names, row))
                yield _make_raw(file, number, "row", item)


def _read_row(rows: Any, file: SourceFile) -> Optional[List[str]]:
    number = rows.line_num + 1
    # The limit is one of the whole process, and lower than the longest text.
    limit = csv.field_size_limit(CSV_LIMIT)
    where = f"{show_path(file.location)}, line {number}"
    try:
        row: List[str] = next(rows)
    except csv.Error as err:
        raise CorpusError(f"{where}: expected CSV ({err})") from err
    finally:
        csv.field_size_limit(limit)
    if row == [END]:
        return None
    if row and row[-1].endswith(END):
        raise CorpusError(f"{where}: expected CSV, where quotes are closed, and doubled in a cell")
    return row


def _parse_csv(raw: RawText, fields: Fields) -> SourceText:
    if isinstance(raw.data, list):
        raise CorpusError(
            f"{raw.where}: expected no more cells than the header has, not {len(raw.data)}. A cell "
            "with a comma needs quotes"
        )
    text = get_field(raw.data, fields.text, str, raw.where)
    try:
        to_json_line(raw.data).encode()
    except UnicodeEncodeError as err:
        raise CorpusError(f"{raw.where}: expected UTF-8 ({err})") from err
    meta = {key: value for key, value in raw.data.items() if key not in fields}
    return SourceText(raw.data.get(fields.id) or raw.id, text, meta)


def _split_parquet(file: SourceFile, size: int) -> Iterator[Shard]:
    with open_parquet(file.location) as parquet:
        groups = [parquet.metadata.row_group(n) for n in range(parquet.num_row_groups)]
    if not groups:
        yield Shard([file])
    first = 0
    for group in groups:
        n_pieces = min(max(group.total_byte_size // size, 1), MAX_PIECES)
        for piece in range(n_pieces):
            start, stop = (first + group.num_rows * edge // n_pieces for edge in (piece, piece + 1))
            yield Shard([file], start, start, stop, group.total_byte_size // n_pieces)
        first += group.num_rows


def open_parquet(location: str) -> Any:
    """Open a Parquet file.

    location (str): Path or address.
    RETURNS (pyarrow.parquet.ParquetFile): The file.
    RAISES (CorpusError): If it is damaged, or pyarrow is missing.
    """
    pyarrow = import_pyarrow(location)
    from pyarrow.parquet import ParquetFile

    try:
        if not _get_compression(location):
            return ParquetFile(open_input(location) if is_remote(location) else location)
        # Its end is read first, so all of it is unpacked.
        with _unpacking(location) as file:
            return ParquetFile(io.BytesIO(file.read()))
    except pyarrow.ArrowInvalid as err:
        raise CorpusError(f"{show_path(location)}: expected a Parquet file ({err})") from err


def iter_record_batches(shard: Shard, text_key: str, columns: Optional[List[str]] = None) -> Any:
    """Read the rows of a shard of a Parquet file.

    shard (Shard): The shard.
    text_key (str): A column that has to be there.
    columns (Optional[List[str]]): The columns to read, those of them that there are. If None, all.
    YIELDS (pyarrow.RecordBatch): The rows, at most 1,000 at once.
    RAISES (CorpusError): If the file is damaged or has no such column, or pyarrow is missing.
    """
    (file,) = shard.files
    with open_parquet(file.location) as parquet:
        names = parquet.schema_arrow.names
        if text_key not in names:
            raise CorpusError(
                f"{show_path(file.location)}: expected a column '{text_key}', not only {names}"
            )
        if columns is not None:
            columns = [name for name in columns if name in names]
        end = parquet.metadata.num_rows if shard.stop is None else shard.stop
        first = 0
        for group in range(parquet.num_row_groups):
            last = first + parquet.metadata.row_group(group).num_rows
            if first < end and last > shard.start:
                batches = parquet.iter_batches(batch_size=1000, row_groups=[group], columns=columns)
                yield from _cut_batches(batches, shard.start - first, end - first)
            first = last


def _cut_batches(batches: Iterable[Any], start: int, stop: int) -> Iterator[Any]:
    first = 0
    for batch in batches:
        kept = batch[max(start - first, 0) : max(stop - first, 0)]
        if len(kept):
            yield kept
        first += len(batch)


def _read_parquet(shard: Shard, fields: Fields) -> Iterator[RawText]:
    (file,) = shard.files
    number = shard.n_before
    for batch in iter_record_batches(shard, fields.text, [*fields]):
        for data in get_rows(batch):
            number += 1
            yield _make_raw(file, number, "row", data)


def get_rows(batch: Any) -> Iterator[Dict[str, Any]]:
    """Get the rows of a batch as Python objects. Bytes in a column of strings stay bytes.

    batch (pyarrow.RecordBatch): The batch.
    YIELDS (Dict[str, Any]): The rows.
    """
    names = batch.schema.names
    for row in zip(*(get_values(column) for column in batch.columns)):
        yield dict(zip(names, row))


def get_values(column: Any) -> List[Any]:
    """RETURNS (List[Any]): The values of an Arrow column. What should be a string and is not in
    UTF-8 is bytes."""
    try:
        values: List[Any] = column.to_pylist()
    except UnicodeDecodeError:
        return [_get_value(scalar) for scalar in column]
    return values


def _get_value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        return scalar.as_buffer().to_pybytes()


def _parse_parquet(raw: RawText, fields: Fields) -> SourceText:
    text = check_type(raw.data[fields.text], str, f"{raw.where}, '{fields.text}'")
    return SourceText(_get_id(raw.data, raw, fields), text)


def _get_docbin(location: str) -> FastDocBin:
    return _load_docbin(location, *get_state(location))


@lru_cache(maxsize=1)
def _load_docbin(location: str, *state: Any) -> FastDocBin:
    try:
        with open_input(location) as file:
            docs = FastDocBin()
            docs.from_bytes(file.read())
            return docs
    # What damaged bytes raise depends on where they are damaged.
    except Exception as err:
        raise CorpusError(
            f"{show_path(location)}: expected a complete .spacy file ({err!r})"
        ) from err


def _split_docbin(file: SourceFile, size: int) -> Iterator[Shard]:
    n_docs = len(_get_docbin(file.location))
    n_bytes = get_size(file.location)
    step = max(size * n_docs // n_bytes, 1)
    for start in range(0, n_docs, step):
        stop = min(start + step, n_docs)
        yield Shard([file], start, start, stop, n_bytes * (stop - start) // n_docs)


def _read_docbin(shard: Shard, fields: Fields) -> Iterator[RawText]:
    (file,) = shard.files
    docs = _get_docbin(file.location)
    part = FastDocBin(store_user_data=docs.store_user_data)
    part.__dict__.update(vars(docs))
    for name in ("tokens", "spaces", "cats", "span_groups", "flags", "user_data"):
        setattr(part, name, getattr(docs, name)[shard.start : shard.stop])
    for number, doc in enumerate(part.get_docs(Vocab()), start=shard.n_before + 1):
        yield _make_raw(file, number, "doc", doc)


def _parse_docbin(raw: RawText, fields: Fields) -> SourceText:
    doc: Doc = raw.data
    return SourceText(str(doc.user_data.get("record_id", raw.id)), doc.text)


def _get_id(item: Dict[str, Any], raw: RawText, fields: Fields) -> str:
    text_id = item.get(fields.id)
    is_missing = text_id is None or (isinstance(text_id, float) and not math.isfinite(text_id))
    return raw.id if is_missing else to_id(text_id)


def _decode(raw: RawText) -> str:
    _check_encoding(raw.data, raw.where)
    try:
        return str(raw.data.decode())
    except UnicodeDecodeError as err:
        raise CorpusError(f"{raw.where}: expected UTF-8 ({err})") from err


def _show(data: Any) -> str:
    if isinstance(data, bytes):
        return data.decode(errors="backslashreplace")
    return printable(data)


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


class Reader(NamedTuple):
    """How a format is read: the items of a shard, the text of an item, and where a file can be
    divided."""

    read: Callable[[Shard, Fields], Iterator[RawText]]
    parse: Callable[[RawText, Fields], SourceText]
    split: Optional[Callable[[SourceFile, int], Iterator[Shard]]] = None


READERS = {
    "txt": Reader(_read_plain_text, _parse_plain_text, _split_lines),
    "jsonl": Reader(_read_jsonl, _parse_jsonl, _split_lines),
    "csv": Reader(_read_csv, _parse_csv),
    "parquet": Reader(_read_parquet, _parse_parquet, _split_parquet),
    "docbin": Reader(_read_docbin, _parse_docbin, _split_docbin),
}
