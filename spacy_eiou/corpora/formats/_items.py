"""Texts or tokens with entities as JSON, as tools of annotation and models write them."""

import re
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from .._parse import check_type, get_field, get_number, show
from ..draft import Draft, Mention
from ..record import Changed, CorpusError, Entity, UnreadableError, join_words
from ._columns import TAG, read_layer

TEXT_KEYS = ("text", "content", "document", "data", "sentence")
ENTITY_KEYS = ("spans", "entities", "labels", "label", "annotations", "annotation", "ner")
TOKEN_KEYS = ("tokens", "tokenized_text", "words")
TAG_KEYS = ("ner_tags", "tags", "labels")
TOKEN_ENTITY_KEYS = ("entities", "mentions", "ner", "spans")
LABEL_KEYS = ("label", "labels", "type", "tag", "entity_type", "entity_group")
ID_KEYS = ("id", "doc_key", "documentName", "orig_id")
ANNOTATOR_KEYS = ("_annotator_id", "_session_id", "annotator")
# Where tools store a text instead of the text itself.
ADDRESS = re.compile(r"(?:(?:https?|s3|gs|azure-blob|file)://|/data/(?:upload|local-files))\S*")


def find_items(value: Any) -> List[Any]:
    """Find the items of a JSON value, in whatever a tool has put them.

    value (Any): The value of a file, or of a line.
    RETURNS (List[Any]): Texts with entities.
    """
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and not is_item(value):
        for key in ("annotations", "examples", "data", "documents"):
            if isinstance(value.get(key), list):
                # NER Annotator writes null for a text that was not annotated.
                return [item for item in value[key] if item is not None]
    return [value]


def is_item(item: Any) -> bool:
    """RETURNS (bool): Whether a JSON value is a text with entities."""
    if isinstance(item, list):
        # [text, {"entities": [...]}], of spaCy 2 and of NER Annotator
        return len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], dict)
    if not isinstance(item, dict):
        return False
    has_text = any(isinstance(item.get(key), str) for key in TEXT_KEYS)
    has_entities = any(isinstance(item.get(key), list) for key in (*ENTITY_KEYS, "mentions"))
    has_tokens = any(isinstance(item.get(key), list) for key in (*TOKEN_KEYS, "sentences"))
    has_tags = any(key in item for key in TAG_KEYS)
    return (has_text and (has_entities or "answer" in item)) or (
        has_tokens and (has_entities or has_tags)
    )


def parse_item(
    item: Any,
    where: str,
    *,
    text_key: Optional[str] = None,
    keep_tokens: bool = False,
    tag_names: Optional[Sequence[str]] = None,
) -> Draft:
    """Parse a text, or tokens, with entities.

    item (Any): The JSON value.
    where (str): File, and line or record.
    text_key (Optional[str]): The field of the text. If None, the first of `TEXT_KEYS`.
    keep_tokens (bool): Whether to keep the tokens of a text that come with it.
    tag_names (Optional[Sequence[str]]): The names of tags that are numbers.
    RETURNS (Draft): The record.
    RAISES (CorpusError): If it is malformed.
    """
    if isinstance(item, list) and is_item(item):
        item = {"text": item[0], **item[1]}
    check_type(item, dict, where)
    draft = _parse_tokens(item, where, tag_names)
    if draft is None:
        draft = _parse_text(item, where, text_key, keep_tokens)
    draft.number = get_number(where)
    draft.id = find_id(item)
    draft.group = item["group"] if isinstance(item.get("group"), str) else None
    return draft


def find_id(item: Dict[str, Any]) -> Optional[str]:
    """RETURNS (Optional[str]): The id of an item, if it has one."""
    return next((str(item[key]) for key in ID_KEYS if item.get(key) is not None), None)


def find_text(item: Dict[str, Any], where: str, text_key: Optional[str]) -> str:
    """Find the text of an item.

    item (Dict[str, Any]): The item.
    where (str): File and record.
    text_key (Optional[str]): The field of the text. If None, the first of `TEXT_KEYS`, or else the
        only one that holds a string.
    RETURNS (str): The text.
    RAISES (CorpusError): If there is none, or it can't be told which it is.
    RAISES (UnreadableError): If it is the address of a text.
    """
    if text_key is not None:
        return check_address(get_field(item, text_key, str, where), where)
    for key in TEXT_KEYS:
        if isinstance(item.get(key), str):
            return check_address(item[key], where)
    names = [key for key, value in item.items() if isinstance(value, str) and key not in ID_KEYS]
    if len(names) != 1:
        raise CorpusError(
            f"{where}: expected an object with 'text', not {show(item)}. The field of the text "
            "can be chosen with --text-key"
        )
    return check_address(item[names[0]], where)


def check_address(text: str, where: str) -> str:
    """RETURNS (str): The text.
    RAISES (UnreadableError): If it is the address of a text."""
    if ADDRESS.fullmatch(text):
        raise UnreadableError(
            f"{where}: expected a text, not the address of one, {show(text)}. Import the tasks "
            "with the texts themselves, or put each text in place of its address"
        )
    return text


def find_annotator(item: Dict[str, Any]) -> Optional[str]:
    """RETURNS (Optional[str]): The name of the annotator of an item, if it has one."""
    return next((str(item[key]) for key in ANNOTATOR_KEYS if item.get(key) is not None), None)


def _parse_text(
    item: Dict[str, Any], where: str, text_key: Optional[str], keep_tokens: bool
) -> Draft:
    text = find_text(item, where, text_key)
    draft = Draft(text, where, annotator=find_annotator(item))
    if draft.annotator is not None:
        draft.task = f"text {text}"
    answer = get_field(item, "answer", str, where) if "answer" in item else "accept"
    if answer != "accept":
        draft.skipped = f"answer: {answer}"
        return draft
    draft.parse(parse_entity, _find_entities(item, where))
    if keep_tokens and isinstance(item.get("tokens"), list) and item["tokens"]:
        draft.words = [
            token if isinstance(token, str) else get_field(token, "text", str, f"{where}, 'tokens'")
            for token in item["tokens"]
        ]
    return draft


def _find_entities(item: Dict[str, Any], where: str) -> List[Any]:
    lists = [item[key] for key in ENTITY_KEYS if isinstance(item.get(key), list)]
    if not lists and "answer" in item:
        # Prodigy leaves out the spans of a text that has none.
        return []
    # doccano adds empty ones.
    lists = [found for found in lists if found] or lists[:1]
    if len(lists) != 1:
        raise CorpusError(
            f"{where}: expected one list of entities under one of {', '.join(ENTITY_KEYS)}, "
            f"not {len(lists)} (a text without entities has an empty list)"
        )
    return list(lists[0])


def parse_entity(data: Any, where: str) -> Iterator[Mention]:
    """Parse an entity with the character offsets of its text.

    data (Any): `[start, end, label]`, or an object.
    where (str): File, and line or record.
    YIELDS (Mention): One for each of its labels.
    RAISES (CorpusError): If it is malformed.
    """
    if isinstance(data, list):
        if len(data) != 3:
            raise CorpusError(f"{where}: expected [start, end, label], not {len(data)} values")
        start, end, label = data
        start, end = check_type(start, int, where), check_type(end, int, where)
        yield Mention(start, end, check_type(label, str, where), where=where)
        return
    names = ("start_offset", "end_offset") if _has(data, "start_offset") else ("start", "end")
    start, end = (get_field(data, name, int, where) for name in names)
    text = next((data[key] for key in ("text", "value") if isinstance(data.get(key), str)), None)
    kb_id = data["kb_id"] if isinstance(data.get("kb_id"), str) else ""
    score = data.get("score")
    is_score = type(score) in (int, float) and 0 <= score <= 1
    for label in find_labels(data, where):
        yield Mention(
            start, end, label, text, kb_id, where, score=float(score) if is_score else None
        )


def _has(data: Any, key: str) -> bool:
    return isinstance(data, dict) and key in data


def find_labels(data: Dict[str, Any], where: str) -> List[str]:
    """RETURNS (List[str]): The labels of an entity; an empty one if it has none.
    RAISES (CorpusError): If they are no strings."""
    found = next((data[key] for key in LABEL_KEYS if data.get(key)), "")
    labels = found if isinstance(found, list) else [found]
    return [check_type(label, str, f"{where}, label") for label in labels]


def _parse_tokens(
    item: Dict[str, Any], where: str, tag_names: Optional[Sequence[str]]
) -> Optional[Draft]:
    """RETURNS (Optional[Draft]): The record, if the entities of the item are given in tokens."""
    if isinstance(item.get("sentences"), list) and isinstance(item.get("ner"), list):
        # DyGIE++ counts tokens over all sentences of a document.
        words = [
            word for sentence in item["sentences"] for word in check_type(sentence, list, where)
        ]
        entities = [entity for found in item["ner"] for entity in check_type(found, list, where)]
        return _locate_tokens(words, entities, where)
    key = next((key for key in TOKEN_KEYS if isinstance(item.get(key), list)), None)
    if key is None or not item[key] or not all(isinstance(word, str) for word in item[key]):
        return None
    for tag_key in TAG_KEYS:
        tags = item.get(tag_key)
        if isinstance(tags, list) and len(tags) == len(item[key]) and _are_tags(tags):
            return _read_tags(item[key], tags, where, tag_names)
    for entity_key in TOKEN_ENTITY_KEYS:
        if isinstance(item.get(entity_key), list) and not (
            entity_key == "spans" and "text" in item
        ):
            return _locate_tokens(item[key], item[entity_key], where)
    return None


def _are_tags(tags: List[Any]) -> bool:
    return all(
        type(tag) is int or (isinstance(tag, str) and (tag == "O" or TAG.fullmatch(tag)))
        for tag in tags
    )


def _locate_tokens(words: List[Any], entities: List[Any], where: str) -> Draft:
    text, starts, ends = join_words([check_type(word, str, where) for word in words], where)
    draft = Draft(text, where, words=words, is_located=True)

    def parse(data: Any, where: str) -> Iterator[Mention]:
        # A list gives the last token, as GLiNER and DyGIE++ do; an object the one after it.
        mentions = list(parse_entity(data, where))
        for mention in mentions:
            end = mention.end + isinstance(data, list)
            if not 0 <= mention.start < end <= len(words):
                raise CorpusError(
                    f"{where}: expected an entity within the {len(words)} tokens, not "
                    f"{mention.start} to {mention.end}"
                )
            yield Mention(starts[mention.start], ends[end - 1], mention.label, where=where)

    draft.parse(parse, entities)
    return draft


def _read_tags(
    words: List[str], tags: List[Any], where: str, tag_names: Optional[Sequence[str]]
) -> Draft:
    text, starts, ends = join_words(words, where)
    draft = Draft(text, where, words=words, is_located=True)
    if any(type(tag) is int for tag in tags):
        if tag_names is None:
            raise UnreadableError(
                f"{where}: expected names of the tags, which are numbers: choose them in their "
                "order, e.g. with --tag-names O,B-Part,I-Part"
            )
        tags = [_get_name(tag, tag_names, where) for tag in tags]
    cells: List[List[Tuple[str, str]]] = []
    for tag in tags:
        match = TAG.fullmatch(tag)
        if not match and tag != "O":
            draft.reject(f"{where}: expected O or a tag such as B-label, not {show(tag)}", tag)
        cells.append([(match[1], match[2])] if match else [])
    for start, end, label, is_orphan in read_layer(cells):
        draft.mentions.append(Mention(starts[start], ends[end - 1], label, where=where))
        if is_orphan and any(cell and cell[0][0] == "B" for cell in cells):
            entity = Entity(starts[start], ends[end - 1], label)
            found = text[entity.start : entity.end]
            draft.changed.append(Changed("begins with I- rather than B-", "", entity, found, where))
    return draft


def _get_name(tag: Any, names: Sequence[str], where: str) -> str:
    if type(tag) is int and not 0 <= tag < len(names):
        raise CorpusError(f"{where}: expected tags from 0 to {len(names) - 1}, not {tag}")
    return names[tag] if type(tag) is int else str(tag)
