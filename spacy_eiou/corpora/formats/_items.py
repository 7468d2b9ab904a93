"""Texts or tokens with entities as JSON, as tools of annotation and models write them."""

import re
from collections import Counter
from itertools import chain
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

from spacy.pipeline.spancat import DEFAULT_SPANS_KEY
from spacy.util import get_words_and_spaces

from .._parse import check_pair, check_type, get_field, get_number, show, to_id
from ..draft import Draft, Mention
from ..record import CorpusError, Dropped, Entity, UnreadableError, join_words
from ._bigbio import is_bigbio, join_identifiers, to_item
from ._columns import TAG, add_layer, parse_tags

TEXT_KEYS = ("text", "content", "document", "data", "sentence")
ENTITY_KEYS = (
    *("spans", "entities", "labels", "label", "annotations", "annotation", "ner"),
    *("ents", "denotations"),
)
TOKEN_KEYS = ("tokens", "tokenized_text", "words", "sentence")
TAG_KEYS = ("ner_tags", "tags", "labels", "ner")
# The inner entities of GermEval 2014, as Hugging Face has them.
NESTED_TAG_KEY = "ner_nested_tags"
TOKEN_ENTITY_KEYS = ("entities", "mentions", "entity_mentions", "ner", "spans")
START_END_KEYS = (
    *(("start", "end"), ("start_offset", "end_offset"), ("begin", "end")),
    ("start_char", "end_char"),
)
LABEL_KEYS = ("label", "labels", "type", "tag", "entity_type", "entity_group", "category", "obj")
ID_KEYS = ("id", "doc_key", "documentName", "orig_id")
ANNOTATOR_KEYS = ("_annotator_id", "_session_id", "annotator")
# The annotation of a text in Label Studio's exports JSON-MIN and CSV, whose regions are under the
# names of the control tags.
ANNOTATION_ID = "annotation_id"
# What Prodigy and Label Studio say of a text that has been annotated. If it has no entities, they
# leave out where they would be.
ANNOTATED_KEYS = ("answer", ANNOTATION_ID)
# What Argilla 1 says of a text that nobody has annotated, or that is not to be used.
UNUSED_STATUSES = ("Default", "Discarded")
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
        for key in ("annotations", "examples", "data", "documents", "common_examples"):
            if isinstance(value.get(key), list):
                # NER Annotator writes null for a text that was not annotated.
                return [item for item in value[key] if item is not None]
        if isinstance(value.get("rasa_nlu_data"), dict):
            # Rasa leaves out an empty list.
            items = find_items(value["rasa_nlu_data"])
            return [{"entities": [], **item} if isinstance(item, dict) else item for item in items]
    return [value]


def is_item(item: Any) -> bool:
    """RETURNS (bool): Whether a JSON value is a text with entities."""
    if isinstance(item, list):
        # [text, {"entities": [...]}], of spaCy 2 and of NER Annotator
        return len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], dict)
    if is_bigbio(item):
        return True
    if not isinstance(item, dict):
        return False
    has_text = any(isinstance(item.get(key), str) for key in TEXT_KEYS)
    has_entities = any(
        isinstance(item.get(key), list) for key in (*ENTITY_KEYS, *TOKEN_ENTITY_KEYS)
    ) or any(_is_by_label(item.get(key)) or _is_by_group(item.get(key)) for key in ENTITY_KEYS)
    has_tokens = any(isinstance(item.get(key), list) for key in (*TOKEN_KEYS, "sentences"))
    has_tags = any(key in item for key in TAG_KEYS)
    is_annotated = any(key in item for key in ANNOTATED_KEYS)
    return (has_text and (has_entities or is_annotated)) or (
        has_tokens and (has_entities or has_tags)
    )


def parse_item(
    item: Any,
    where: str,
    *,
    text_key: Optional[str] = None,
    keep_tokens: bool = False,
    tag_names: Optional[Sequence[str]] = None,
    in_characters: bool = False,
    spans_key: Optional[str] = None,
) -> Draft:
    """Parse a text, or tokens, with entities.

    item (Any): The JSON value.
    where (str): File, and line or record.
    text_key (Optional[str]): The field of the text. If None, the first of `TEXT_KEYS`.
    keep_tokens (bool): Whether to keep the tokens of a text that come with it.
    tag_names (Optional[Sequence[str]]): The names of tags that are numbers.
    in_characters (bool): Whether the entities of an item that has a text and tokens are given in
        characters, even if they could be in tokens, see `prefer_characters`.
    spans_key (Optional[str]): The key of the spans to read, see `find_spans_key`.
    RETURNS (Draft): The record.
    RAISES (CorpusError): If it is malformed.
    """
    if isinstance(item, list) and is_item(item):
        item = {"text": item[0], **item[1]}
    parse = parse_entity
    if is_bigbio(item):
        item, parse = to_item(item, where), _parse_bigbio_entity
    check_type(item, dict, where)
    draft = _parse_tokens(item, where, tag_names, in_characters)
    if draft is None:
        draft = _parse_text(item, where, text_key, keep_tokens, parse, spans_key)
    draft.number = get_number(where)
    draft.id = find_id(item)
    draft.group = None if item.get("group") is None else to_id(item["group"])
    return draft


def prefer_characters(items: Iterable[Any]) -> bool:
    """Tell how the entities of items count that have a text and tokens: those of an item alone may
    fit both.

    items (Iterable[Any]): The JSON values.
    RETURNS (bool): Whether those of most items can't be in tokens.
    """
    found = [
        _are_in_characters(item[key], item["text"], words)
        for item in items
        if isinstance(item, dict) and isinstance(item.get("text"), str)
        for words in [_find_words(item)]
        for key in TOKEN_ENTITY_KEYS
        if words is not None and key != "spans" and isinstance(item.get(key), list) and item[key]
    ]
    return 2 * sum(found) > len(found)


def find_spans_key(items: Iterable[Any], where: str) -> Optional[str]:
    """Tell which spans of docs as `Doc.to_json` writes them are the entities: those of a doc alone
    may be others.

    items (Iterable[Any]): The JSON values.
    where (str): The file, for error messages.
    RETURNS (Optional[str]): The key "sc", or else the only one there is. None if there is none.
    RAISES (UnreadableError): If there are several others.
    """
    keys = {
        key
        for item in items
        if isinstance(item, dict) and _is_by_key(item.get("spans"))
        for key in item["spans"]
    }
    if DEFAULT_SPANS_KEY in keys:
        return DEFAULT_SPANS_KEY
    if len(keys) > 1:
        raise UnreadableError(
            f"{where}: expected spans under '{DEFAULT_SPANS_KEY}' or under one other key, not "
            f"under {', '.join(sorted(keys))}. Rename the one to read"
        )
    return next(iter(keys), None)


def find_regions(item: Dict[str, Any]) -> Tuple[List[Any], List[Tuple[str, List[Any]]]]:
    """Find the regions of a text in Label Studio's exports JSON-MIN and CSV.

    item (Dict[str, Any]): The fields of the text.
    RETURNS (Tuple[List[Any], List[Tuple[str, List[Any]]]]): The regions under usual names, or else
        those of all control tags; and the key and the regions of each list that is not read, which
        may be a field of the task.
    """
    names = {"start", "end", "labels"}
    lists = {
        key: value
        for key, value in item.items()
        if isinstance(value, list)
        and any(isinstance(region, dict) and names <= region.keys() for region in value)
    }
    keys = [key for key in lists if key in ENTITY_KEYS] or list(lists)
    found: List[Any] = []
    for key in keys:
        # A task may hold the regions again, as those of a model that the annotator began with.
        found += [region for region in lists[key] if region not in found]
    return found, [(key, regions) for key, regions in lists.items() if key not in keys]


def find_id(item: Dict[str, Any]) -> Optional[str]:
    """RETURNS (Optional[str]): The id of an item, if it has one."""
    return next((to_id(item[key]) for key in ID_KEYS if item.get(key) is not None), None)


def find_text(item: Dict[str, Any], where: str, text_key: Optional[str]) -> str:
    """RETURNS (str): The text of an item, see `find_text_key`.
    RAISES (CorpusError): If there is none, or it can't be told which it is.
    RAISES (UnreadableError): If it is the address of a text."""
    key = find_text_key(item, where, text_key)
    return check_address(get_field(item, key, str, where), where)


def find_text_key(
    item: Dict[str, Any],
    where: str,
    text_key: Optional[str],
    usual: Sequence[str] = TEXT_KEYS,
) -> str:
    """Find the field of the text of an item.

    item (Dict[str, Any]): The item.
    where (str): File and record.
    text_key (Optional[str]): The field, if it is known.
    usual (Sequence[str]): Its usual names: of those that hold a string, the first is taken, or else
        the only other field that does.
    RETURNS (str): The field.
    RAISES (CorpusError): If there is none, or it can't be told which it is.
    """
    if text_key is not None:
        return text_key
    for key in usual:
        if isinstance(item.get(key), str):
            return key
    names = [key for key, value in item.items() if isinstance(value, str) and key not in ID_KEYS]
    if len(names) != 1:
        raise CorpusError(
            f"{where}: expected an object with 'text', not {show(item)}. The field of the text "
            "can be chosen with --text-key"
        )
    return names[0]


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


def _without_space(text: str) -> str:
    return "".join(text.split())


def _parse_text(
    item: Dict[str, Any],
    where: str,
    text_key: Optional[str],
    keep_tokens: bool,
    parse: Callable[[Any, str], Iterator[Mention]],
    spans_key: Optional[str],
) -> Draft:
    text = find_text(item, where, text_key)
    draft = Draft(text, where, annotator=find_annotator(item))
    spans_key = spans_key or find_spans_key([item], where)
    draft.skipped = _find_reason_to_skip(item, where, spans_key)
    if draft.skipped is not None:
        return draft
    draft.parse(parse, _find_entities(item, where, spans_key))
    for key, entities in _list_others(item, spans_key):
        draft.leave_out(f"under the key '{key}'", parse, entities)
    if keep_tokens and isinstance(item.get("tokens"), list) and item["tokens"]:
        words = [
            token if isinstance(token, str) else get_field(token, "text", str, f"{where}, 'tokens'")
            for token in item["tokens"]
        ]
        try:
            get_words_and_spaces(words, text)
            draft.words = words
        except ValueError:
            draft.bad.append(f"{where}: expected tokens that make up the text, not {show(words)}")
    return draft


def _find_reason_to_skip(
    item: Dict[str, Any], where: str, spans_key: Optional[str]
) -> Optional[str]:
    answer = get_field(item, "answer", str, where) if "answer" in item else "accept"
    if answer != "accept":
        return f"answer: {answer}"
    if "annotation" in item and item.get("status") in UNUSED_STATUSES:
        return f"status: {item['status']}"
    # A doc has them only if it was annotated. Another one may have entities alone.
    groups = item.get("spans", {} if "ents" in item else None)
    if spans_key is None or not isinstance(groups, dict) or (not groups and item.get("ents")):
        return None
    return None if spans_key in groups else f"no spans under '{spans_key}'"


def _find_entities(item: Dict[str, Any], where: str, spans_key: Optional[str]) -> List[Any]:
    regions = find_regions(item)[0] if ANNOTATION_ID in item else []
    if regions:
        return regions
    for key in ENTITY_KEYS:
        if _is_by_group(item.get(key)) and {"start", "end"} <= item[key].keys():
            # `datasets` writes the entities of a text field by field.
            if len({len(values) for values in item[key].values()}) > 1:
                raise CorpusError(f"{where}, '{key}': expected as many values in each field")
            return [dict(zip(item[key], values)) for values in zip(*item[key].values())]
    if _is_by_key(item.get("spans")):
        return list(item["spans"][spans_key])
    lists = [item[key] for key in ENTITY_KEYS if isinstance(item.get(key), list)]
    lists += [list(_list_by_label(item[key])) for key in ENTITY_KEYS if _is_by_label(item.get(key))]
    # Dataturks and CLUENER
    lists += [[] for key in ENTITY_KEYS if key in item and item[key] is None]
    lists += [[]] if item.get("label") == {} else []
    if not lists and (any(key in item for key in ANNOTATED_KEYS) or _is_pubannotation(item)):
        return []
    # doccano adds empty ones.
    lists = [found for found in lists if found] or lists[:1]
    if len(lists) != 1:
        raise CorpusError(
            f"{where}: expected one list of entities under one of {', '.join(ENTITY_KEYS)}, "
            f"not {len(lists)} (a text without entities has an empty list)"
        )
    return list(lists[0])


def _is_pubannotation(item: Dict[str, Any]) -> bool:
    """RETURNS (bool): Whether an item is a document of PubAnnotation, without those of which each
    project has a track of its own. It has no denotations if there are none."""
    return {"sourcedb", "sourceid"} <= item.keys() and "tracks" not in item


def _list_others(item: Dict[str, Any], spans_key: Optional[str]) -> Iterator[Tuple[str, List[Any]]]:
    """YIELDS (Tuple[str, List[Any]]): The key and the entities of each list that is not read, of a
    doc as `Doc.to_json` writes it, or of a text as Label Studio does."""
    if ANNOTATION_ID in item:
        yield from find_regions(item)[1]
    groups: Any = item.get("spans")
    if _is_by_key(groups):
        yield from ((key, groups[key]) for key in groups if key != spans_key)
        yield from _list_entities(item, ENTITY_KEYS)


def _list_entities(item: Dict[str, Any], keys: Iterable[str]) -> Iterator[Tuple[str, List[Any]]]:
    """YIELDS (Tuple[str, List[Any]]): The key and the list of each field that may hold entities."""
    for key in dict.fromkeys(keys):
        found = item.get(key)
        if isinstance(found, list) and found and isinstance(found[0], (list, dict)):
            yield key, found


def _is_by_group(value: Any) -> bool:
    """RETURNS (bool): Whether a value holds lists of spans by their key, as spaCy writes them."""
    return (
        isinstance(value, dict) and bool(value) and all(isinstance(v, list) for v in value.values())
    )


def _is_by_key(value: Any) -> bool:
    """RETURNS (bool): Whether a value is the spans of a doc, and no entities field by field."""
    return _is_by_group(value) and not {"start", "end"} <= value.keys()


def _is_by_label(value: Any) -> bool:
    """RETURNS (bool): Whether a value holds the places of each text of each label, as CLUENER."""
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(places, dict) and _is_by_group(places) for places in value.values())
    )


def _list_by_label(value: Dict[str, Dict[str, List[Any]]]) -> Iterator[Dict[str, Any]]:
    for label, places in value.items():
        for text, found in places.items():
            for place in found:
                yield {"label": label, "points": [place], "text": text}


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
        # Argilla begins with the label.
        is_first = isinstance(data[0], str) and type(data[2]) is int
        label, start, end = data if is_first else (data[2], *data[:2])
        start, end = check_type(start, int, where), check_type(end, int, where)
        yield Mention(start, end, check_type(label, str, where), where=where)
        return
    bounds = _find_bounds(data, where)
    text = next((data[key] for key in _get_text_keys(data) if isinstance(data.get(key), str)), None)
    kb_id = to_id(data["kb_id"]) if type(data.get("kb_id")) in (str, int) else ""
    score = data.get("score")
    is_score = type(score) in (int, float) and 0 <= score <= 1
    for label in find_labels(data, where):
        yield Mention(
            bounds[0][0],
            bounds[-1][1],
            label,
            text or None,
            kb_id,
            where,
            tuple(bounds) if len(bounds) > 1 else (),
            score=float(score) if is_score else None,
        )


def _get_text_keys(data: Any) -> Tuple[str, ...]:
    # Rasa has the label under "entity", and a synonym of the text under "value".
    is_rasa = "value" in data and not any(data.get(key) for key in LABEL_KEYS)
    return ("text",) if is_rasa else ("text", "value")


def _parse_bigbio_entity(data: Any, where: str) -> Iterator[Mention]:
    """Parse an entity of BigBio, which has a text for each fragment, and a list of identifiers."""
    if isinstance(data, dict):
        identifiers = join_identifiers(data.get("normalized") or [], where)
        texts = data.get("text")
        text = " ".join(map(str, texts)) or None if isinstance(texts, list) else texts
        data = {**data, "text": text, "kb_id": identifiers}
    yield from parse_entity(data, where)


def _find_bounds(data: Any, where: str) -> List[Tuple[int, int]]:
    """RETURNS (List[Tuple[int, int]]): Start and end of each fragment of an entity.
    RAISES (CorpusError): If there are none."""
    if isinstance(data, dict) and "start" not in data:
        place = data.get("span", data.get("offsets"))
        if isinstance(place, dict):
            return _find_bounds(place, where)
        if isinstance(place, list):
            pairs = place if place and isinstance(place[0], (list, dict)) else [place]
            return [_find_bounds_of_part(pair, where) for pair in pairs]
        if isinstance(data.get("points"), list) and data["points"]:
            # Dataturks and CLUENER give the last character.
            points = [_find_bounds_of_part(point, where) for point in data["points"]]
            return [(start, end + 1) for start, end in points]
        if "offset" in data and "length" in data:
            start, length = (get_field(data, name, int, where) for name in ("offset", "length"))
            return [(start, start + length)]
    names = next(
        (names for names in START_END_KEYS if isinstance(data, dict) and names[0] in data),
        START_END_KEYS[0],
    )
    start, end = (get_field(data, name, int, where) for name in names)
    return [(start, end)]


def _find_bounds_of_part(part: Any, where: str) -> Tuple[int, int]:
    return _find_bounds(part, where)[0] if isinstance(part, dict) else check_pair(part, where)


def find_labels(data: Dict[str, Any], where: str) -> List[str]:
    """RETURNS (List[str]): The labels of an entity; an empty one if it has none.
    RAISES (CorpusError): If they are no strings."""
    # Rasa has the label under "entity", others the text.
    keys = (*LABEL_KEYS, "entity") if "value" in data else LABEL_KEYS
    found = next((data[key] for key in keys if data.get(key)), "")
    labels = found if isinstance(found, list) else [found]
    return [check_type(label, str, f"{where}, label") for label in labels]


def _find_words(item: Dict[str, Any]) -> Optional[List[str]]:
    """RETURNS (Optional[List[str]]): The tokens of an item, if they are strings or become such."""
    words = next((item[key] for key in TOKEN_KEYS if isinstance(item.get(key), list)), None)
    if not words:
        return None
    if "text" not in item and all(isinstance(word, dict) and "text" in word for word in words):
        words = [word["text"] for word in words]
    return words if all(isinstance(word, str) for word in words) else None


def _parse_tokens(
    item: Dict[str, Any], where: str, tag_names: Optional[Sequence[str]], in_characters: bool
) -> Optional[Draft]:
    """RETURNS (Optional[Draft]): The record, if the entities of the item are given in tokens."""
    if isinstance(item.get("sentences"), list) and isinstance(item.get("ner"), list):
        # DyGIE++ counts tokens over all sentences of a document.
        sentences = [check_type(sentence, list, where) for sentence in item["sentences"]]
        entities = [entity for found in item["ner"] for entity in check_type(found, list, where)]
        return _locate_tokens([*chain(*sentences)], entities, where)
    words = _find_words(item)
    if words is None:
        return None
    for tag_key in TAG_KEYS:
        if _are_tags(item.get(tag_key), len(words)):
            layers = [item[tag_key]]
            if _are_tags(item.get(NESTED_TAG_KEY), len(words)):
                layers.append(item[NESTED_TAG_KEY])
            draft = _read_tags(words, layers, where, tag_names)
            _leave_out_others(draft, item, {tag_key, NESTED_TAG_KEY}, words, in_characters)
            return draft
    for entity_key in TOKEN_ENTITY_KEYS:
        given = item.get(entity_key)
        if isinstance(given, list) and not (entity_key == "spans" and "text" in item):
            if _is_of_text(item, given, words, in_characters):
                return None
            draft = _locate_tokens(words, given, where)
            _leave_out_others(draft, item, {entity_key}, words, in_characters)
            return draft
    return None


def _leave_out_others(
    draft: Draft, item: Dict[str, Any], keys: Set[str], words: List[str], in_characters: bool
) -> None:
    """Count the entities under other keys than those that are read, unless they are there too. What
    is malformed there need not be an entity at all."""
    for key, given in _list_entities(item, (*TOKEN_ENTITY_KEYS, *ENTITY_KEYS)):
        if key in keys:
            continue
        readings = [_locate_tokens(words, given, draft.where)]
        if isinstance(item.get("text"), str):
            of_text = Draft(item["text"], draft.where)
            of_text.parse(parse_entity, given)
            is_first = _is_of_text(item, given, words, in_characters)
            readings.insert(0 if is_first else 1, of_text)
        unread = [_list_unread(draft, reading) for reading in readings]
        # If they could be in tokens or in characters, they are as those that are read.
        n_read = [len(reading.mentions) - len(left) for reading, left in zip(readings, unread)]
        for entity, found in unread[n_read.index(max(n_read))]:
            draft.dropped.append(Dropped(f"under the key '{key}'", "", entity, found, draft.where))


def _list_unread(draft: Draft, other: Draft) -> List[Tuple[Entity, str]]:
    """RETURNS (List[Tuple[Entity, str]]): The entities of a draft that another one has not, and
    their texts."""
    # The texts are compared, since one may be in tokens and the other in characters.
    read = Counter((_get_text(draft, mention), mention.label) for mention in draft.mentions)
    unread = []
    for mention in other.mentions:
        key = (_get_text(other, mention), mention.label)
        if read[key]:
            read[key] -= 1
        else:
            found = other.text[mention.start : mention.end]
            unread.append((mention.to_entity(mention.start, mention.end), found))
    return unread


def _get_text(draft: Draft, mention: Mention) -> str:
    return _without_space(draft.text[mention.start : mention.end])


def _is_of_text(
    item: Dict[str, Any], entities: List[Any], words: List[str], in_characters: bool
) -> bool:
    """RETURNS (bool): Whether entities are given in characters of the text, not in tokens."""
    has_text = isinstance(item.get("text"), str)
    return has_text and (in_characters or _are_in_characters(entities, item["text"], words))


def _are_in_characters(entities: List[Any], text: str, words: List[str]) -> bool:
    """RETURNS (bool): Whether the entities of an item that has a text and tokens are given in
    characters of the text: one is beyond the tokens, or its text is there rather than in them."""
    for entity in entities:
        try:
            mentions = list(parse_entity(entity, ""))
        except CorpusError:
            continue
        for item in mentions:
            if item.end > len(words):
                return True
            if item.text and text[item.start : item.end] == item.text:
                found = "".join(words[item.start : item.end])
                if _without_space(found) != _without_space(item.text):
                    return True
    return False


def _are_tags(tags: Any, n_words: int) -> bool:
    return (
        isinstance(tags, list)
        and len(tags) == n_words
        and all(
            type(tag) is int or (isinstance(tag, str) and (tag == "O" or TAG.fullmatch(tag)))
            for tag in tags
        )
    )


def _locate_tokens(words: List[Any], entities: List[Any], where: str) -> Draft:
    text, starts, ends = join_words([check_type(word, str, where) for word in words], where)
    draft = Draft(text, where, words=words, is_located=True)

    def parse(data: Any, where: str) -> Iterator[Mention]:
        if isinstance(data, dict) and isinstance(data.get("index"), list):
            yield from parse_index(data, where)
            return
        # A list gives the last token, as GLiNER and DyGIE++ do; an object the one after it.
        mentions = list(parse_entity(data, where))
        for mention in mentions:
            end = mention.end + isinstance(data, list)
            if not 0 <= mention.start < end <= len(words):
                raise CorpusError(
                    f"{where}: expected an entity within the {len(words)} tokens, not "
                    f"{mention.start} to {mention.end}"
                )
            found = words[mention.start : end]
            if mention.text and _without_space(mention.text) != _without_space("".join(found)):
                raise CorpusError(
                    f"{where}: expected '{mention.text}' at tokens {mention.start} to "
                    f"{mention.end}, but '{' '.join(found)}' is there"
                )
            yield Mention(starts[mention.start], ends[end - 1], mention.label, where=where)

    def parse_index(data: Dict[str, Any], where: str) -> Iterator[Mention]:
        """W2NER lists each token of an entity."""
        index = [check_type(number, int, where) for number in data["index"]]
        if not index or not 0 <= min(index) <= max(index) < len(words):
            raise CorpusError(
                f"{where}: expected an entity within the {len(words)} tokens, not {show(index)}"
            )
        fragments = tuple((starts[number], ends[number]) for number in index)
        for label in find_labels(data, where):
            yield Mention(
                fragments[0][0],
                fragments[-1][1],
                label,
                where=where,
                fragments=() if index == [*range(index[0], index[-1] + 1)] else fragments,
            )

    draft.parse(parse, entities)
    return draft


def _read_tags(
    words: List[str], layers: List[List[Any]], where: str, tag_names: Optional[Sequence[str]]
) -> Draft:
    text, starts, ends = join_words(words, where)
    draft = Draft(text, where, words=words, is_located=True)
    for tags in layers:
        cells = [parse_tags([_get_name(tag, tag_names, where)], where, draft) for tag in tags]
        has_begins = any(prefix == "B" for cell in cells for prefix, _ in cell)
        add_layer(draft, cells, starts, ends, [where] * len(words), has_begins=has_begins)
    return draft


def _get_name(tag: Any, names: Optional[Sequence[str]], where: str) -> str:
    if type(tag) is not int:
        return str(tag)
    if names is None:
        raise UnreadableError(
            f"{where}: expected names of the tags, which are numbers: choose them in their order, "
            "e.g. with --tag-names O,B-Part,I-Part"
        )
    if not 0 <= tag < len(names):
        raise CorpusError(f"{where}: expected tags from 0 to {len(names) - 1}, not {tag}")
    return names[tag]
