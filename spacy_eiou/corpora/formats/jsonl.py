from pathlib import Path
from typing import Any, Iterator, List, Optional

from .._parse import decode, parse_json, read_items, read_json
from ..draft import Draft, parse_each
from ..record import UnreadableError
from ._items import find_items, is_item, parse_item
from .registry import Sample, register_format


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

    def parse(data: bytes, where: str) -> Draft:
        return parse_item(
            parse_json(decode(data, where), where),
            where,
            text_key=text_key,
            keep_tokens=keep_tokens,
            tag_names=tag_names,
        )

    yield from parse_each(read_items(path), parse)


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

    def parse(item: Any, where: str) -> Draft:
        return parse_item(
            item, where, text_key=text_key, keep_tokens=keep_tokens, tag_names=tag_names
        )

    value = read_json(path)
    if not isinstance(value, (list, dict)):
        raise UnreadableError(f"{path}: expected a list of records")
    items = enumerate(find_items(value), start=1)
    yield from parse_each(((f"{path}, record {number}", item) for number, item in items), parse)
