import codecs
import json
import re
from itertools import accumulate
from pathlib import Path
from typing import IO, Any, Iterator, Tuple, Type, TypeVar, Union

from ..files import to_json_line
from .record import CorpusError, UnreadableError

T = TypeVar("T")

# Longer numbers are no offsets.
MAX_DIGITS = 18
# Python parses about twice as many levels, fewer the more functions are being called.
MAX_DEPTH = 500
STRINGS_AND_REST = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[^]["{}]+', re.DOTALL)


def read_lines(path: Path) -> Iterator[Tuple[int, str]]:
    """Read the lines of a UTF-8 file, see `split_lines`.

    path (Path): The file.
    YIELDS (Tuple[int, str]): The line number, from 1, and the line without its end.
    RAISES (UnreadableError): If a line is not in UTF-8.
    """
    with path.open("rb") as file:
        for number, data in enumerate(split_lines(file), start=1):
            yield number, decode(data, f"{path}, line {number}", UnreadableError)


def split_lines(file: IO[bytes]) -> Iterator[bytes]:
    """Split a file into lines. LF and CRLF end a line, since a text may hold any other line
    separator; in a file that has no LF, so does CR, as in files of old Macs. A byte order mark is
    no part of the first line.

    file (IO[bytes]): The file.
    YIELDS (bytes): The lines, with the end that they have.
    """
    first = file.readline().removeprefix(codecs.BOM_UTF8)
    if first.endswith(b"\n"):
        yield first
        yield from file
    else:
        yield from first.splitlines(keepends=True) if b"\r" in first else filter(None, [first])


def read_items(path: Path) -> Iterator[Tuple[str, bytes]]:
    """Read the lines of a file of which each is an item of its own, without those that are blank.

    path (Path): The file.
    YIELDS (Tuple[str, bytes]): File and line, and the line, see `decode`.
    """
    with path.open("rb") as file:
        for number, data in enumerate(split_lines(file), start=1):
            if data.strip():
                yield f"{path}, line {number}", data


def read_text(path: Path) -> str:
    """Read a UTF-8 file, of whose text a byte order mark is no part.

    path (Path): The file.
    RETURNS (str): The text, without the end of the last line.
    RAISES (UnreadableError): If the file is not in UTF-8.
    """
    return decode(path.read_bytes().removeprefix(codecs.BOM_UTF8), str(path), UnreadableError)


def decode(data: bytes, where: str, error: Type[CorpusError] = CorpusError) -> str:
    """Decode UTF-8.

    data (bytes): A line or a file.
    where (str): File, and line if there is one, for error messages.
    error (Type[CorpusError]): What to raise if it is not UTF-8.
    RETURNS (str): The text, without the end of a line.
    RAISES (CorpusError): If it is not UTF-8.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as err:
        raise error(f"{where}: expected UTF-8 ({err})") from err
    return text.removesuffix("\n").removesuffix("\r")


def parse_json(data: str, where: str) -> Any:
    """Parse JSON whose strings can all be stored as UTF-8.

    data (str): The JSON.
    where (str): File and line, for error messages.
    RETURNS (Any): The value.
    RAISES (CorpusError): If it is not valid JSON, or an escape stands for half a character, or it
        is nested more than `MAX_DEPTH` deep.
    """
    # A text with fewer brackets need not be looked through.
    if data.count("[") + data.count("{") > MAX_DEPTH and _get_depth(data) > MAX_DEPTH:
        raise CorpusError(f"{where}: expected valid JSON that is nested at most {MAX_DEPTH} deep")
    try:
        value = json.loads(data)
        if "\\u" in data:
            to_json_line(value).encode()
    except (ValueError, RecursionError) as err:
        raise CorpusError(f"{where}: expected valid JSON ({err})") from err
    return value


def try_json(data: Union[str, bytes]) -> Any:
    """RETURNS (Any): The value of JSON, or None if it is malformed: whoever parses it next says
    what is wrong."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _get_depth(data: str) -> int:
    brackets = STRINGS_AND_REST.sub("", data)
    return max(accumulate(1 if bracket in "[{" else -1 for bracket in brackets), default=0)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    path (Path): The file.
    RETURNS (Any): What it holds. Of JSON Lines, a list of what they hold; a malformed one is a
        string.
    RAISES (UnreadableError): If the file is not in UTF-8 or not valid JSON.
    """
    data = read_text(path)
    try:
        return parse_json(data, str(path))
    except CorpusError as err:
        lines = [line for line in data.split("\n") if line.strip()]
        if len(lines) < 2 or not isinstance(_parse_line(lines[0]), dict):
            raise UnreadableError(str(err)) from err
        return [_parse_line(line) for line in lines]


def _parse_line(line: str) -> Any:
    try:
        return parse_json(line, "")
    except CorpusError:
        return line


def read_json_list(path: Path, kind: str = "record") -> Iterator[Tuple[str, Any]]:
    """Read a JSON file that holds one list.

    path (Path): The file.
    kind (str): What its items are called.
    YIELDS (Tuple[str, Any]): File and number of the item, from 1, and the item.
    RAISES (UnreadableError): If the file is not in UTF-8, not valid JSON or not a list.
    """
    items = read_json(path)
    if not isinstance(items, list):
        raise UnreadableError(f"{path}: expected a list of {kind}s, not {show(items)}")
    for number, item in enumerate(items, start=1):
        yield f"{path}, {kind} {number}", item


def get_number(where: str) -> int:
    """RETURNS (int): The number of a line or record, at the end of where it is."""
    return int(where.rpartition(" ")[2])


def check_type(value: Any, kind: Type[T], where: str) -> T:
    """Check the type of a JSON value. A boolean is no integer.

    value (Any): The value.
    kind (Type[T]): The expected type.
    where (str): File, record and field, for error messages.
    RETURNS (T): The value.
    RAISES (CorpusError): If it has another type.
    """
    if type(value) is not kind:
        raise CorpusError(f"{where}: expected {kind.__name__}, not {show(value)}")
    return value


def check_pair(value: Any, where: str) -> Tuple[int, int]:
    """Check the type of a start and an end in a list.

    value (Any): The value.
    where (str): File, and line or record.
    RETURNS (Tuple[int, int]): The start and the end.
    RAISES (CorpusError): If it is something else.
    """
    if len(check_type(value, list, where)) != 2:
        raise CorpusError(f"{where}: expected [start, end], not {show(value)}")
    return check_type(value[0], int, where), check_type(value[1], int, where)


def get_field(item: Any, key: str, kind: Type[T], where: str) -> T:
    """Get a field of a JSON object and check its type.

    item (Any): The object.
    key (str): The field.
    kind (Type[T]): The type that the field must have.
    where (str): File and record, for error messages.
    RETURNS (T): The value of the field.
    RAISES (CorpusError): If there is no such field, or it has another type.
    """
    if not isinstance(item, dict) or key not in item:
        raise CorpusError(f"{where}: expected an object with '{key}', not {show(item)}")
    return check_type(item[key], kind, f"{where}, '{key}'")


def parse_offset(value: str, where: str) -> int:
    """Parse an offset written in decimal digits.

    value (str): The digits.
    where (str): File and line, for error messages.
    RETURNS (int): The offset.
    RAISES (CorpusError): If it is anything else.
    """
    if not (value.isascii() and value.isdecimal() and len(value) <= MAX_DIGITS):
        raise CorpusError(f"{where}: expected an offset, not {show(value)}")
    return int(value)


def to_id(value: Any) -> str:
    """RETURNS (str): An id as a string: what is no string or number, as JSON."""
    if isinstance(value, (bool, list, dict)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def show(value: Any) -> str:
    """RETURNS (str): A value as Python writes it, shortened if it is long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
