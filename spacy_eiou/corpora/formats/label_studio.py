import warnings
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

from .._parse import check_type, get_field, read_json_list
from ..record import CorpusError, Entity, Record, make_record
from .registry import register_format


class Region(NamedTuple):
    """A labelled stretch of text.

    start (int): Offset of the start, as the file counts.
    end (int): Offset of the end, as the file counts.
    labels (List[str]): The labels, each of which makes an entity.
    text (Optional[str]): The text there, if the file gives it.
    """

    start: int
    end: int
    labels: List[str]
    text: Optional[str]


@register_format("label-studio")
def read_label_studio(path: Path) -> Iterator[Record]:
    """Read Label Studio's export "JSON" of texts, whose tasks have the text in "data" under "text".
    Regions of the type "labels" are entities, and so are those of the type "hypertextlabels" that
    have "globalOffsets"; all other results are ignored. Offsets count characters or, in what older
    versions wrote, UTF-16 code units: the text of the regions tells which.

    A task that nobody annotated, or whose annotations are all cancelled, is skipped. Of several
    annotations the first one that is not cancelled is used, and a warning counts those tasks. The
    id of a record is that of the task, or else the name of the file and the number of the task.

    path (Path): The file.
    YIELDS (Record): The records, in the order of the file.
    RAISES (CorpusError): If the file is malformed, or a region's text is not at its offsets.
    """
    n_several = 0
    for number, task in read_json_list(path):
        where = f"{path}, task {number}"
        annotations = _get_annotations(task, where)
        text = get_field(task["data"], "text", str, f"{where}, 'data'")
        record_id = str(task.get("id", f"{path.stem}-{number}"))
        used = [item for item in annotations if not item.get("was_cancelled")]
        if used:
            n_several += len(used) > 1
            regions = _get_regions(used[0], where)
            yield make_record(record_id, text, _locate(regions, text, where), where)
        else:
            reason = "annotation cancelled" if annotations else "not annotated"
            yield Record(record_id, text, (), skipped=reason)
    if n_several:
        warnings.warn(
            f"{path}: {n_several} tasks have several annotations, of which the first is used",
            stacklevel=2,
        )


def _get_annotations(task: Any, where: str) -> List[Dict[str, Any]]:
    if not isinstance(task, dict) or "data" not in task or "annotations" not in task:
        raise CorpusError(
            f"{where}: expected a task with 'data' and 'annotations', as Label Studio exports it "
            "in the format JSON (in the format JSON-MIN it has neither)"
        )
    annotations = check_type(task["annotations"], list, f"{where}, 'annotations'")
    return [check_type(item, dict, f"{where}, 'annotations'") for item in annotations]


def _get_regions(annotation: Dict[str, Any], where: str) -> List[Region]:
    regions = []
    for result in get_field(annotation, "result", list, where):
        kind = check_type(result, dict, f"{where}, 'result'").get("type")
        if kind in ("labels", "hypertextlabels"):
            regions.append(_parse_region(get_field(result, "value", dict, where), kind, where))
    return regions


def _parse_region(value: Dict[str, Any], kind: str, where: str) -> Region:
    # The "start" and "end" of hypertext are places in its markup.
    is_markup = kind == "hypertextlabels"
    offsets = get_field(value, "globalOffsets", dict, where) if is_markup else value
    return Region(
        get_field(offsets, "start", int, where),
        get_field(offsets, "end", int, where),
        [check_type(label, str, where) for label in get_field(value, kind, list, where)],
        get_field(value, "text", str, where) if "text" in value else None,
    )


def _locate(regions: List[Region], text: str, where: str) -> List[Entity]:
    """Find out how the offsets of a task are counted.

    regions (List[Region]): The regions.
    text (str): The text of the task.
    where (str): File and task, for error messages.
    RETURNS (List[Entity]): The entities, with offsets in characters.
    RAISES (CorpusError): If the text of a region is not at its offsets, whichever way one counts.
    """
    code_units = text.encode("utf-16-le")
    converted = [
        region._replace(
            start=_to_characters(region.start, code_units),
            end=_to_characters(region.end, code_units),
        )
        for region in regions
    ]
    for located in (regions, converted):
        if all(_is_in_place(region, text) for region in located):
            return [
                Entity(region.start, region.end, label)
                for region in located
                for label in region.labels
            ]
    start, end, _, expected = next(item for item in regions if not _is_in_place(item, text))
    raise CorpusError(
        f"{where}: expected '{expected}' at {start} to {end}, "
        f"but the text has '{text[start:end]}' there"
    )


def _to_characters(offset: int, code_units: bytes) -> int:
    return len(code_units[: 2 * offset].decode("utf-16-le", errors="replace"))


def _is_in_place(region: Region, text: str) -> bool:
    if region.text is None:
        return True
    # What a browser shows, and Label Studio stores, may have less whitespace.
    found = text[region.start : region.end]
    return region.end <= len(text) and region.text.split() == found.split()
