import re
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence

from ...files import open_text, to_json_line
from .._parse import decode, parse_json, read_items, read_json, try_json
from ..draft import Draft, parse_each
from ..record import Entity, Record, UnreadableError
from ._items import (
    TOKEN_KEYS,
    find_items,
    find_spans_key,
    is_item,
    parse_item,
    prefer_characters,
)
from .registry import Sample, register_format
from .writers import Target, locate_words, register_writer

WITH_GROUPS = re.compile(rb'"spans"\s*:\s*\{')
WITH_TOKENS = re.compile(rb'"(?:%s)"' % "|".join(TOKEN_KEYS).encode())


def _is_json_lines(sample: Sample) -> bool:
    return sample.is_json_lines and any(map(is_item, sample.items))


def _is_json(sample: Sample) -> bool:
    found = [
        item for value in sample.items if isinstance(value, dict) for item in find_items(value)
    ]
    return not _is_json_lines(sample) and any(map(is_item, (*sample.items, *found)))


@register_format("jsonl", recognizes=_is_json_lines, is_general=True)
def read_jsonl(
    path: Path,
    text_key: Optional[str] = None,
    keep_tokens: bool = False,
    tag_names: Optional[List[str]] = None,
) -> Iterator[Draft]:
    """Read JSON Lines of texts with the character offsets of their entities, as spaCy, Prodigy and
    doccano write them, or of tokens with entities or tags, as DyGIE++ and Hugging Face have them.
    The entities are a list under "spans", "entities", "labels" or "label", of `[start, end, label]`
    or of objects with "start" and "end" (or "start_offset" and "end_offset") and "label", "labels"
    or "type". A record that Prodigy's "answer" does not accept is skipped. The id of a record is
    its "id", or else the name of the file and the number of the line.

    path (Path): The file.
    text_key (Optional[str]): The field of the text. If None, the one that is usual.
    keep_tokens (bool): Whether to keep the tokens of a text that come with it, as in Prodigy's
        exports, rather than to use a tokenizer.
    tag_names (Optional[List[str]]): The names of tags that are numbers, in their order.
    YIELDS (Draft): The records, in the order of the file.
    """

    lines = list(read_items(path))
    with_tokens = (data for _, data in lines if b'"text"' in data and WITH_TOKENS.search(data))
    in_characters = prefer_characters(map(try_json, with_tokens))
    with_groups = (data for _, data in lines if WITH_GROUPS.search(data))
    spans_key = find_spans_key(map(try_json, with_groups), str(path))

    def parse(data: bytes, where: str) -> Draft:
        return parse_item(
            parse_json(decode(data, where), where),
            where,
            text_key=text_key,
            keep_tokens=keep_tokens,
            tag_names=tag_names,
            in_characters=in_characters,
            spans_key=spans_key,
        )

    yield from parse_each(lines, parse)


@register_format("json", recognizes=_is_json, is_general=True)
def read_json_items(
    path: Path,
    text_key: Optional[str] = None,
    keep_tokens: bool = False,
    tag_names: Optional[List[str]] = None,
) -> Iterator[Draft]:
    """Read JSON of texts or tokens with entities, as `read_jsonl` does: a list, or an object that
    holds one. GLiNER, SpERT, NER Annotator, UBIAI and LightTag write such files, spaCy 2 was
    trained from them, and JSON-MIN of Label Studio is one.

    path (Path): The file.
    text_key, keep_tokens, tag_names: See `read_jsonl`.
    YIELDS (Draft): The records, in the order of the file.
    RAISES (UnreadableError): If the file is not in UTF-8 or not valid JSON.
    """

    value = read_json(path)
    if not isinstance(value, (list, dict)):
        raise UnreadableError(f"{path}: expected a list of records")
    items = find_items(value)
    in_characters = prefer_characters(items)
    spans_key = find_spans_key(items, str(path))

    def parse(item: Any, where: str) -> Draft:
        return parse_item(
            item,
            where,
            text_key=text_key,
            keep_tokens=keep_tokens,
            tag_names=tag_names,
            in_characters=in_characters,
            spans_key=spans_key,
        )

    records = ((f"{path}, record {number}", item) for number, item in enumerate(items, start=1))
    yield from parse_each(records, parse)


def _write_lines(path: Path, items: Iterable[Dict[str, Any]]) -> None:
    with open_text(path) as file:
        file.writelines(map(to_json_line, items))


def _describe(record: Record) -> Dict[str, Any]:
    group = {} if record.group is None else {"group": record.group}
    return {"id": record.id, **group, "text": record.text}


def entity_to_dict(entity: Entity, text: str) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): An entity of a text, with what it has of an identifier and a
    score."""
    return {
        "start": entity.start,
        "end": entity.end,
        "label": entity.label,
        "text": text[entity.start : entity.end],
        **({"kb_id": entity.kb_id} if entity.kb_id else {}),
        **({} if entity.score is None else {"score": entity.score}),
    }


@register_writer("jsonl", suffix=".jsonl", holds=("ids", "groups", "identifiers", "scores"))
def write_jsonl(records: Sequence[Record], target: Target) -> None:
    """Write JSON Lines of texts with entities, and with tokens if the records have them.

    records (Sequence[Record]): The records.
    target (Target): Where to write.
    """
    _write_lines(target.path, map(_to_json, records))


def _to_json(record: Record) -> Dict[str, Any]:
    return {
        **_describe(record),
        **({"tokens": list(record.words)} if record.words else {}),
        "spans": [entity_to_dict(entity, record.text) for entity in record.entities],
    }


@register_writer(
    "prodigy",
    suffix=".jsonl",
    holds=("ids", "groups", "identifiers", "scores"),
    needs_words=True,
)
def write_prodigy(records: Sequence[Record], target: Target) -> None:
    """Write tasks of Prodigy: JSON Lines with the tokens of each text and, of its entities, the
    first and the last one. Those of people have the "answer" accept. The predictions of a model
    have none, as tasks for `spans.manual`.

    records (Sequence[Record]): The records.
    target (Target): Where to write.
    """
    extras = {"answer": "accept"} if target.model is None else {}
    meta = {} if target.model is None else {"model": target.model}

    def make_task(record: Record) -> Dict[str, Any]:
        words = locate_words(record)
        starts = {word.start: number for number, word in enumerate(words)}
        ends = {word.end: number for number, word in enumerate(words)}
        return {
            **_describe(record),
            "tokens": [
                {
                    "text": word.text,
                    "start": word.start,
                    "end": word.end,
                    "id": i,
                    "ws": word.has_space,
                }
                for i, word in enumerate(words)
            ],
            "spans": [
                {
                    **entity_to_dict(entity, record.text),
                    "token_start": starts[entity.start],
                    "token_end": ends[entity.end],
                }
                for entity in record.entities
            ],
            "meta": {"id": record.id, **meta},
            **extras,
        }

    _write_lines(target.path, map(make_task, records))


@register_writer("doccano", suffix=".jsonl", holds=("ids", "groups", "scores"))
def write_doccano(records: Sequence[Record], target: Target) -> None:
    """Write JSON Lines that doccano imports as sequence labeling: `"label": [[start, end, label]]`.
    Offsets count characters, as those of doccano do since version 1.8. What else is in a line
    becomes the metadata of the text, as "scores" do, one for each label.

    records (Sequence[Record]): The records.
    target (Target): Where to write.
    """

    def make_item(record: Record) -> Dict[str, Any]:
        scores = [entity.score for entity in record.entities]
        has_scores = any(score is not None for score in scores)
        return {
            **_describe(record),
            "label": [[entity.start, entity.end, entity.label] for entity in record.entities],
            **({"scores": scores} if has_scores else {}),
        }

    _write_lines(target.path, map(make_item, records))
