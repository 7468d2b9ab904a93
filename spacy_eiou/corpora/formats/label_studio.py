import json
from pathlib import Path
from statistics import fmean
from typing import Any, Collection, Dict, Iterable, Iterator, List, Optional, Sequence, Set
from xml.sax.saxutils import quoteattr

from ...files import open_text
from .._parse import check_type, get_field, get_number, read_json_list, show, to_id
from ..draft import Draft, Mention, parse_each
from ..record import CorpusError, Dropped, Entity, Record
from ._items import check_address, find_labels, find_text_key
from ._xml import NOT_IN_XML
from .registry import Sample, register_format
from .writers import Target, register_writer

# The names of the labels and of the text in the labelling config.
FROM_NAME, TO_NAME = "label", "text"
# The types of results that label a region.
LABEL_TYPES = ("labels", "hypertextlabels")


def _recognizes(sample: Sample) -> bool:
    return any(
        isinstance(item, dict)
        and isinstance(item.get("data"), dict)
        and isinstance(item.get("annotations", item.get("completions")), list)
        for item in sample.items
    )


@register_format("label-studio", recognizes=_recognizes)
def read_label_studio(
    path: Path, text_key: Optional[str] = None, predictions: bool = False
) -> Iterator[Draft]:
    """Read Label Studio's export "JSON" of texts. Regions of the type "labels" are entities, and so
    are those of the type "hypertextlabels" that have "globalOffsets"; a region that has results of
    other types only, as of a taxonomy, is dropped, and all other results are ignored.

    A task that nobody annotated, or whose annotations are all cancelled, is skipped. Of several
    annotations, each makes a record, see `merge_annotators`. The id of a record is the string "id"
    in "data", which `write_label_studio` writes, or else that of the task, which Label Studio
    numbers, or else the name of the file and the number of the task.

    path (Path): The file.
    text_key (Optional[str]): The field of the text in "data". If None, "text", or else the only one
        that holds a string.
    predictions (bool): Whether to read the "predictions" of models in the place of annotations.
    YIELDS (Draft): The records, in the order of the file.
    """

    tasks = list(read_json_list(path, "task"))
    names = ("predictions",) if predictions else ("annotations", "completions")
    to_names = _find_to_names((task for _, task in tasks), names)

    def parse(task: Any, where: str) -> List[Draft]:
        annotations = _get_annotations(task, where, "predictions" if predictions else "annotations")
        data = check_type(task["data"], dict, f"{where}, 'data'")
        key = find_text_key(data, where, text_key, usual=(TO_NAME,))
        text = check_address(get_field(data, key, str, where), where)
        # If all regions are of one text, its name need not be that of the field.
        others = [
            name
            for name, value in data.items()
            if len(to_names) > 1 and name != key and isinstance(value, str)
        ]
        used = [item for item in annotations if not item.get("was_cancelled")]
        drafts = [_make_draft(text, item, where, others) for item in used]
        if not used:
            reason = "annotation cancelled" if annotations else "not annotated"
            drafts = [Draft(text, where, skipped=reason)]
        for draft in drafts:
            draft.number = get_number(where)
            draft.id = _get_id(task)
            draft.task = where
        return drafts

    yield from parse_each(tasks, parse)


def _find_to_names(tasks: Iterable[Any], names: Collection[str]) -> Set[str]:
    """RETURNS (Set[str]): The names of the texts that regions with labels are of, in the fields
    that are read."""
    annotations = [
        annotation
        for task in tasks
        if isinstance(task, dict)
        for key in names
        for annotation in (task[key] if isinstance(task.get(key), list) else [])
        if isinstance(annotation, dict) and isinstance(annotation.get("result"), list)
    ]
    return {
        str(result.get("to_name"))
        for annotation in annotations
        for result in annotation["result"]
        if isinstance(result, dict) and result.get("type") in LABEL_TYPES
    }


def _get_id(task: Dict[str, Any]) -> Optional[str]:
    # Label Studio numbers what it imports.
    given = task["data"].get("id")
    found = given if isinstance(given, str) else task.get("id")
    return None if found is None else str(found)


def _get_annotations(task: Any, where: str, name: str) -> List[Dict[str, Any]]:
    # Early versions call annotations completions.
    if isinstance(task, dict) and "completions" in task:
        task = {"annotations": task["completions"], **task}
    if not isinstance(task, dict) or "data" not in task or name not in task:
        raise CorpusError(
            f"{where}: expected a task with 'data' and '{name}', as Label Studio exports it "
            "in the format JSON (what it exports as JSON-MIN is in the format 'json', and a task "
            "to import is annotated by nobody)"
        )
    annotations = check_type(task[name], list, f"{where}, '{name}'")
    return [check_type(item, dict, f"{where}, '{name}'") for item in annotations]


def _make_draft(
    text: str, annotation: Dict[str, Any], where: str, others: Collection[str]
) -> Draft:
    """RETURNS (Draft): The record of an annotation. Regions of other texts of the task, whose names
    are given, are left out and counted."""
    draft = Draft(text, where, is_ground_truth=annotation.get("ground_truth") is True)
    annotator = annotation.get("completed_by")
    if isinstance(annotator, dict):
        annotator = annotator.get("email") or annotator.get("id")
    draft.annotator = None if annotator is None else str(annotator)
    results = get_field(annotation, "result", list, where)
    draft.parse(_parse_result, [item for item in results if not _is_of(item, others)])
    other = Draft("", where)
    other.parse(_parse_result, [item for item in results if _is_of(item, others)])
    draft.dropped += other.dropped
    draft.dropped += [
        Dropped("of another text", "", item.to_entity(item.start, item.end), item.text or "", where)
        for item in other.mentions
    ]
    regions = [item for item in results if isinstance(item, dict)]
    labelled = {str(item.get("id")) for item in regions if item.get("type") in LABEL_TYPES}
    for item in regions:
        value = item.get("value")
        is_span = isinstance(value, dict) and {"start", "end"} <= value.keys()
        if is_span and item.get("type") not in LABEL_TYPES and str(item.get("id")) not in labelled:
            kind = show(item.get("type"))
            message = f"{where}: expected a region with labels, not only of the type {kind}"
            draft.reject(message, value, "no label")
    return draft


def _is_of(result: Any, names: Collection[str]) -> bool:
    return isinstance(result, dict) and result.get("to_name") in names


def _parse_result(result: Any, where: str) -> Iterator[Mention]:
    kind = check_type(result, dict, f"{where}, 'result'").get("type")
    if kind not in LABEL_TYPES:
        return
    value = get_field(result, "value", dict, where)
    # The "start" and "end" of hypertext are places in its markup.
    is_markup = kind == "hypertextlabels" or "globalOffsets" in value
    offsets = get_field(value, "globalOffsets", dict, where) if is_markup else value
    start, end = (get_field(offsets, name, int, where) for name in ("start", "end"))
    text = value.get("text")
    if text is not None:
        check_type(text, str, f"{where}, 'text'")
    labels = find_labels({"labels": value.get(kind)}, where)
    meta = result.get("meta")
    kb_id = meta.get("kb_id") if isinstance(meta, dict) else None
    kb_id = to_id(kb_id) if type(kb_id) in (str, int) else ""
    for label in labels:
        yield Mention(start, end, label, text or None, kb_id, where=where)


def make_label_config(labels: Sequence[str]) -> bytes:
    """RETURNS (bytes): A labelling config for a project of Label Studio."""
    lines = [
        "<View>",
        f'  <Labels name="{FROM_NAME}" toName="{TO_NAME}">',
        *(f"    <Label value={quoteattr(NOT_IN_XML.sub('_', label))}/>" for label in labels),
        "  </Labels>",
        f'  <Text name="{TO_NAME}" value="$text"/>',
        "</View>",
    ]
    return "\n".join([*lines, ""]).encode()


@register_writer(
    "label-studio",
    suffix=".json",
    holds=("ids", "identifiers", "scores"),
    beside=((".xml", make_label_config),),
)
def write_label_studio(records: Sequence[Record], target: Target) -> None:
    """Write tasks that Label Studio imports, with an annotation each, or with a prediction if a
    model has predicted the entities. The labelling config for them lies beside. An identifier is in
    the "meta" of its region. The score of a prediction is the mean of those of its entities.

    records (Sequence[Record]): The records.
    target (Target): Where to write.
    """

    def make_task(record: Record) -> Dict[str, Any]:
        result = [
            _make_region(number, entity, record.text)
            for number, entity in enumerate(record.entities, start=1)
        ]
        task = {"id": record.id, "data": {"text": record.text, "id": record.id}}
        if target.model is None:
            return {**task, "annotations": [{"result": result}]}
        scores = [entity.score for entity in record.entities if entity.score is not None]
        prediction = {"model_version": target.model, "result": result}
        return {
            **task,
            "predictions": [
                {**prediction, **({"score": round(fmean(scores), 4)} if scores else {})}
            ],
        }

    with open_text(target.path) as file:
        for number, record in enumerate(records):
            file.write(",\n" if number else "[\n")
            file.write(json.dumps(make_task(record), ensure_ascii=False))
        file.write("\n]\n" if records else "[]\n")


def _make_region(number: int, entity: Entity, text: str) -> Dict[str, Any]:
    return {
        "id": f"T{number}",
        "from_name": FROM_NAME,
        "to_name": TO_NAME,
        "type": "labels",
        "value": {
            "start": entity.start,
            "end": entity.end,
            "text": text[entity.start : entity.end],
            "labels": [entity.label],
        },
        **({"meta": {"kb_id": entity.kb_id}} if entity.kb_id else {}),
        **({} if entity.score is None else {"score": entity.score}),
    }
