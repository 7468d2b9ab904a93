import json
import re
from pathlib import Path
from typing import Any, Iterator, Tuple, Type, TypeVar

from .record import CorpusError

T = TypeVar("T")


def read_lines(path: Path) -> Iterator[Tuple[int, str]]:
    """Read the lines of a UTF-8 file. Only LF and CRLF end a line, since a text may hold any other
    line separator. A byte order mark is no part of the first line.

    path (Path): The file.
    YIELDS (Tuple[int, str]): The line number, from 1, and the line without its end.
    RAISES (CorpusError): If a line is not in UTF-8.
    """
    with path.open("rb") as file:
        for number, data in enumerate(file, start=1):
            try:
                line = data.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as err:
                raise CorpusError(f"{path}, line {number}: expected UTF-8 ({err})") from err
            yield number, line.removesuffix("\n").removesuffix("\r")


def parse_json(data: str, where: str) -> Any:
    """Parse JSON whose strings can all be stored as UTF-8.

    data (str): The JSON.
    where (str): File and line, for error messages.
    RETURNS (Any): The value.
    RAISES (CorpusError): If it is not valid JSON, or an escape stands for half a character.
    """
    try:
        value = json.loads(data)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as err:
        raise CorpusError(f"{where}: expected valid JSON ({err})") from err
    return value


def read_json_list(path: Path) -> Iterator[Tuple[int, Any]]:
    """Read a JSON file that holds one list.

    path (Path): The file.
    YIELDS (Tuple[int, Any]): The number of the item, from 1, and the item.
    RAISES (CorpusError): If the file is not in UTF-8, not valid JSON or not a list.
    """
    try:
        data = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise CorpusError(f"{path}: expected UTF-8 ({err})") from err
    items = parse_json(data, str(path))
    if not isinstance(items, list):
        raise CorpusError(f"{path}: expected a list of records, not {_show(items)}")
    yield from enumerate(items, start=1)


def check_type(value: Any, kind: Type[T], where: str) -> T:
    """Check the type of a JSON value. A boolean is no integer.

    value (Any): The value.
    kind (Type[T]): The expected type.
    where (str): File, record and field, for error messages.
    RETURNS (T): The value.
    RAISES (CorpusError): If it has another type.
    """
    if type(value) is not kind:
        raise CorpusError(f"{where}: expected {kind.__name__}, not {_show(value)}")
    return value


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
        raise CorpusError(f"{where}: expected an object with '{key}', not {_show(item)}")
    return check_type(item[key], kind, f"{where}, '{key}'")


def parse_offset(value: str, where: str) -> int:
    """Parse an offset written in decimal digits.

    value (str): The digits.
    where (str): File and line, for error messages.
    RETURNS (int): The offset.
    RAISES (CorpusError): If it is anything else.
    """
    if not re.fullmatch("[0-9]{1,18}", value):
        raise CorpusError(f"{where}: expected an offset, not {_show(value)}")
    return int(value)


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
