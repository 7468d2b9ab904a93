import re
from pathlib import Path
from typing import Iterator, List

from .._parse import decode, get_field, get_number, parse_offset, read_items, read_json_list
from ..draft import Draft, Mention, parse_each
from ..record import CorpusError
from .registry import Sample, register_format

FIELD = re.compile(r"\|\|\|\d+\s+\d+\s+\S+\|\|\|")


@register_format(
    "cmeee",
    recognizes=lambda sample: not sample.items and any(FIELD.search(line) for line in sample.lines),
)
def read_cmeee_text(path: Path) -> Iterator[Draft]:
    """Read CMeEE in the text format of CHIP 2020: `text|||start    end    type|||...|||`, with
    inclusive ends, one record per line.

    path (Path): The file.
    YIELDS (Draft): The records, in the order of the file.
    """
    yield from parse_each(read_items(path), _parse_line)


def _parse_line(data: bytes, where: str) -> Draft:
    text, *fields = decode(data, where).split("|||")
    draft = Draft(text, where, get_number(where))
    if fields and fields.pop():
        draft.reject(f"{where}: expected '|||' after the last entity", data)
    draft.parse(_parse_entity, fields)
    return draft


def _parse_entity(field: str, where: str) -> List[Mention]:
    parts = field.split()
    if len(parts) != 3:
        raise CorpusError(f"{where}: expected 'start end type', not '{field}'")
    start, last, label = parts
    return [Mention(parse_offset(start, where), parse_offset(last, where) + 1, label, where=where)]


def _recognizes_json(sample: Sample) -> bool:
    return any(
        isinstance(item, dict)
        and isinstance(item.get("entities"), list)
        and any(isinstance(entity, dict) and "start_idx" in entity for entity in item["entities"])
        for item in sample.items
    )


@register_format("cmeee-json", recognizes=_recognizes_json)
def read_cmeee_json(path: Path) -> Iterator[Draft]:
    """Read CMeEE or CMeEE-V2 in the JSON format of CBLUE: a list of objects with "text" and
    "entities", each of which has "start_idx", an inclusive "end_idx", "type" and, if the file
    gives it, the "entity" itself.

    path (Path): The file.
    YIELDS (Draft): The records, in the order of the file.
    """
    yield from parse_each(read_json_list(path), _parse_record)


def _parse_record(item: object, where: str) -> Draft:
    draft = Draft(get_field(item, "text", str, where), where, get_number(where))
    draft.parse(_parse_json_entity, get_field(item, "entities", list, where))
    return draft


def _parse_json_entity(data: object, where: str) -> List[Mention]:
    start = get_field(data, "start_idx", int, where)
    end = get_field(data, "end_idx", int, where) + 1
    label = get_field(data, "type", str, where)
    is_stated = isinstance(data, dict) and "entity" in data
    text = get_field(data, "entity", str, where) if is_stated else None
    return [Mention(start, end, label, text, where=where)]
