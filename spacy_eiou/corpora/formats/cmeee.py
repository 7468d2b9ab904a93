from pathlib import Path
from typing import Iterator

from .._parse import get_field, parse_offset, read_json_list, read_lines
from ..record import CorpusError, Entity, Record, make_record
from .registry import register_format


@register_format("cmeee")
def read_cmeee_text(path: Path) -> Iterator[Record]:
    """Read CMeEE in the text format of CHIP 2020: `text|||start    end    type|||...|||`, with
    inclusive ends, one record per line.

    path (Path): The file.
    YIELDS (Record): The records, in the order of the file.
    RAISES (CorpusError): If a line is malformed.
    """
    for number, line in read_lines(path):
        where = f"{path}, line {number}"
        text, *fields = line.split("|||")
        if fields and fields.pop():
            raise CorpusError(f"{where}: expected '|||' after the last entity")
        entities = [_parse_entity(field, where) for field in fields]
        yield make_record(f"{path.stem}-{number}", text, entities, where)


def _parse_entity(field: str, where: str) -> Entity:
    parts = field.split()
    if len(parts) != 3:
        raise CorpusError(f"{where}: expected 'start end type', not '{field}'")
    start, last, label = parts
    return Entity(parse_offset(start, where), parse_offset(last, where) + 1, label)


@register_format("cmeee-json")
def read_cmeee_json(path: Path) -> Iterator[Record]:
    """Read CMeEE or CMeEE-V2 in the JSON format of CBLUE: a list of objects with "text" and
    "entities", each of which has "start_idx", an inclusive "end_idx", "type" and, if the file
    gives it, the "entity" itself.

    path (Path): The file.
    YIELDS (Record): The records, in the order of the file.
    RAISES (CorpusError): If the file is malformed, or an "entity" is not the text at its offsets.
    """
    for number, item in read_json_list(path):
        where = f"{path}, record {number}"
        text = get_field(item, "text", str, where)
        entities = []
        for data in get_field(item, "entities", list, where):
            start = get_field(data, "start_idx", int, where)
            end = get_field(data, "end_idx", int, where) + 1
            entities.append(Entity(start, end, get_field(data, "type", str, where)))
            if "entity" in data and data["entity"] != text[start:end]:
                raise CorpusError(
                    f"{where}: expected '{data['entity']}' at {start} to {end}, "
                    f"but the text has '{text[start:end]}' there"
                )
        yield make_record(f"{path.stem}-{number}", text, entities, where)
