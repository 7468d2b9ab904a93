"""The texts of a source: how each format is read, parsed and divided."""

import codecs
import csv
import io
import json
import math
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Union
from uuid import uuid4

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..corpora._files import printable
from ..corpora._parse import check_type, get_field, parse_json, to_id
from ..corpora.docbin import FastDocBin
from ..corpora.record import CorpusError
from ..files import to_json_line
from .parquet import check_columns, get_rows, iter_record_batches, open_parquet
from .paths import get_state, is_remote, show_path
from .source_files import (
    Shard,
    SourceFile,
    find_sources,
    get_compression,
    get_size,
    open_input,
    unpacking,
)

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
        if split is None or is_remote(file.location) or get_compression(file.location):
            shards.append(Shard([file], size=get_size(file.location)))
        else:
            shards.extend(split(file, size))
    return shards


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
    with unpacking(file.location) as lines:
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
        with unpacking(file.location) as text:
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
    with unpacking(file.location) as data:
        # Rows that are not in UTF-8 are rejected, and the others read.
        lines = io.TextIOWrapper(data, "utf-8-sig", "surrogateescape", newline="")
        first = lines.readline()
        _check_encoding(first.encode("utf8", "surrogateescape"), file.location)
        rows = csv.reader(chain([first], lines, [END]))
        names = _read_row(rows, file) or []
        check_columns(names, fields.text, file.location)
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


def _read_parquet(shard: Shard, fields: Fields) -> Iterator[RawText]:
    (file,) = shard.files
    number = shard.n_before
    for batch in iter_record_batches(shard, fields.text, [*fields]):
        for data in get_rows(batch):
            number += 1
            yield _make_raw(file, number, "row", data)


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
    docs = _get_docbin(file.location).get_docs(Vocab(), shard.start, shard.stop)
    for number, doc in enumerate(docs, start=shard.n_before + 1):
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
