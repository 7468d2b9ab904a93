from pathlib import Path
from typing import Any, Dict, Iterator, List

from .._parse import check_type, get_field, parse_json, read_lines
from ..record import CorpusError, Entity, Record, make_record
from .registry import register_format

ENTITY_KEYS = ("spans", "entities", "labels", "label")


@register_format("jsonl", suffixes=(".jsonl",))
def read_jsonl(path: Path) -> Iterator[Record]:
    """Read JSON Lines with the "text" and the character offsets of its entities, as spaCy, Prodigy
    and doccano write them. The entities are a list under "spans", "entities", "labels" or "label",
    of `[start, end, label]` or of objects with "start" and "end" (or "start_offset" and
    "end_offset") and "label". A record that Prodigy's "answer" does not accept is skipped. The id
    of a record is its "id", or else the name of the file and the number of the line.

    path (Path): The file.
    YIELDS (Record): The records, in the order of the file.
    RAISES (CorpusError): If a line is malformed.
    """
    for number, line in read_lines(path):
        where = f"{path}, line {number}"
        if not line.strip():
            continue
        item = parse_json(line, where)
        text = get_field(item, "text", str, where)
        record_id = str(item["id"]) if "id" in item else f"{path.stem}-{number}"
        answer = get_field(item, "answer", str, where) if "answer" in item else "accept"
        if answer == "accept":
            entities = [_parse_entity(data, where) for data in _get_entities(item, where)]
            yield make_record(record_id, text, entities, where)
        else:
            yield Record(record_id, text, (), skipped=f"answer: {answer}")


def _get_entities(item: Dict[str, Any], where: str) -> List[Any]:
    lists = [item[key] for key in ENTITY_KEYS if isinstance(item.get(key), list)]
    if not lists and "answer" in item:
        # Prodigy leaves out the spans of a text that has none.
        return []
    if len(lists) != 1:
        raise CorpusError(
            f"{where}: expected one list of entities under one of {', '.join(ENTITY_KEYS)}, "
            f"not {len(lists)} (a text without entities has an empty list)"
        )
    return list(lists[0])


def _parse_entity(data: Any, where: str) -> Entity:
    if isinstance(data, list):
        if len(data) != 3:
            raise CorpusError(f"{where}: expected [start, end, label], not {len(data)} values")
        start, end, label = data
        return Entity(
            check_type(start, int, where),
            check_type(end, int, where),
            check_type(label, str, where),
        )
    suffix = "_offset" if isinstance(data, dict) and "start_offset" in data else ""
    return Entity(
        get_field(data, f"start{suffix}", int, where),
        get_field(data, f"end{suffix}", int, where),
        get_field(data, "label", str, where),
    )
