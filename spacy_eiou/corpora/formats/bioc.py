import re
from bisect import bisect_right
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from ...files import open_text
from .._parse import check_type, get_field, get_number, read_json, show
from ..draft import Draft, Mention, parse_each
from ..record import CorpusError, Dropped, Entity, Record, UnreadableError
from ._bigbio import is_bigbio
from ._xml import NOT_IN_XML, escape_xml, is_xml, parse_xml
from .registry import Sample, register_format
from .writers import Target, register_writer, replace_in_entities

# The fields of an annotation that hold its type, and those that hold its identifier.
TYPE_KEYS = ("type", "class", "label")
IDENTIFIER_KEYS = ("identifier", "Identifier", "MESH", "id", "concept_id")
LISTS = {
    "document": "documents",
    "passage": "passages",
    "sentence": "sentences",
    "annotation": "annotations",
    "location": "locations",
}
# PubTator 3 has a key of its own.
DOCUMENT_KEYS = ("documents", "PubTator3")
# The elements of text. What is inside them is part of it.
TEXTS = ("infon", "text", "id", "offset")


def _recognizes(sample: Sample) -> bool:
    if sample.text.lstrip().startswith("<"):
        return "<collection" in sample.text and "<document" in sample.text
    return any(
        isinstance(item, dict)
        and not is_bigbio(item)
        and (
            "passages" in item or any(_is_list(item.get(key), "passages") for key in DOCUMENT_KEYS)
        )
        for item in sample.items
    )


def _is_list(value: Any, key: str) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict) and key in item for item in value)


@register_format("bioc", recognizes=_recognizes)
def read_bioc(path: Path) -> Iterator[Draft]:
    """Read BioC, as XML or JSON. The text of a record is that of the passages of a document, joined
    with line breaks. Identifiers in the "infons" of an annotation are those of its entity.
    Relations are ignored. The id of a record is that of the document.

    path (Path): The file.
    YIELDS (Draft): The documents, in the order of the file.
    RAISES (UnreadableError): If it is neither well-formed XML nor valid JSON.
    """
    value = _read_xml(path) if is_xml(path) else read_json(path)
    try:
        # Several collections may be in a list, or in a line each.
        documents = [
            document
            for item in (value if value and isinstance(value, list) else [value])
            for document in _list_documents(item, str(path))
        ]
    except CorpusError as err:
        raise UnreadableError(str(err)) from err
    items = enumerate(documents, start=1)
    yield from parse_each(((f"{path}, document {number}", item) for number, item in items), _parse)


def _list_documents(value: Any, where: str) -> List[Any]:
    """RETURNS (List[Any]): The documents of a collection, or the only one that a value is."""
    if isinstance(value, dict) and "passages" in value:
        return [value]
    is_pubtator = isinstance(value, dict) and DOCUMENT_KEYS[1] in value
    documents: List[Any] = get_field(value, DOCUMENT_KEYS[is_pubtator], list, where)
    return documents


def _parse(document: Any, where: str) -> Draft:
    parts = [
        part
        for passage in get_field(document, "passages", list, where)
        for part in _find_parts(check_type(passage, dict, where), where)
    ]
    _distribute(document.get("annotations"), [part[1:] for part in parts], where)
    text = "\n".join(text for text, _, _ in parts)
    record_id = str(document["id"]) if document.get("id") else None
    draft = Draft(text, where, number=get_number(where), id=record_id)
    base = 0
    for text, offset, annotations in parts:
        located = []
        for item in annotations:
            # Such as what is said of a whole document, in NLM-Chem
            if isinstance(item, dict) and item.get("locations") == []:
                draft.dropped.append(Dropped("no location", "", _to_entity(item), show(item)))
            else:
                located.append(item)
        draft.parse(partial(_parse_annotation, offset=offset, base=base), located)
        base += len(text) + 1
    return draft


def _to_entity(annotation: Dict[str, Any]) -> Entity:
    """RETURNS (Entity): What an annotation without a location says."""
    infons = annotation.get("infons")
    return Entity(0, 0, _find(infons, TYPE_KEYS) if isinstance(infons, dict) else "")


def _find_parts(passage: Dict[str, Any], where: str) -> Iterator[Tuple[str, int, List[Any]]]:
    """YIELDS (Tuple[str, int, List[Any]]): The text of a passage, or of each of its sentences,
    where it begins, and the annotations in it."""
    sentences = check_type(passage.get("sentences") or [], list, where)
    annotations = [*check_type(passage.get("annotations") or [], list, where)]
    if passage.get("text") is not None:
        for sentence in sentences:
            annotations += check_type(sentence, dict, where).get("annotations") or []
        yield get_field(passage, "text", str, where), _get_offset(passage, where), annotations
        return
    parts: List[Tuple[int, List[Any]]] = [(_get_offset(item, where), []) for item in sentences]
    _distribute(annotations, parts, where)
    for sentence, (start, members) in zip(sentences, parts):
        members += sentence.get("annotations") or []
        yield get_field(sentence, "text", str, where), start, members


def _distribute(annotations: Any, parts: Sequence[Tuple[int, List[Any]]], where: str) -> None:
    """Add annotations of a whole to those of its part, of which the start is given, that each
    begins in."""
    annotations = check_type(annotations or [], list, where)
    if annotations and not parts:
        raise CorpusError(f"{where}: expected the text of the annotations")
    starts = [start for start, _ in parts]
    for annotation in annotations:
        # One that has no offset is malformed wherever it is.
        parts[max(0, bisect_right(starts, _get_start(annotation)) - 1)][1].append(annotation)


def _get_offset(part: Dict[str, Any], where: str) -> int:
    return get_field(part, "offset", int, where)


def _get_start(annotation: Any) -> int:
    try:
        return int(annotation["locations"][0]["offset"])
    except (KeyError, IndexError, TypeError, ValueError):
        return -1


def _parse_annotation(data: Any, where: str, offset: int, base: int) -> List[Mention]:
    fragments = []
    for location in get_field(data, "locations", list, where):
        start = get_field(location, "offset", int, where) - offset
        fragments.append((start, start + get_field(location, "length", int, where)))
    infons = get_field(data, "infons", dict, where)
    text = (data.get("text") or None) if isinstance(data.get("text"), str) else None
    mention = Mention(
        fragments[0][0],
        fragments[-1][1],
        _find(infons, TYPE_KEYS),
        text,
        _find(infons, IDENTIFIER_KEYS, ("-", "-1")),
        where,
        tuple(fragments),
        base,
    )
    return [mention]


def _find(infons: Dict[str, Any], keys: Sequence[str], absent: Sequence[str] = ()) -> str:
    found = (infons[key] for key in keys if infons.get(key) not in (None, "", *absent))
    return str(next(found, ""))


def _read_xml(path: Path) -> Any:
    """RETURNS (Any): What the XML holds, as the JSON of BioC has it."""
    builder = _Builder(path)
    parse_xml(builder, path)
    return builder.collection


class _Builder:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.collection: Dict[str, Any] = {}
        self.opened: List[Dict[str, Any]] = [self.collection]
        self.text: List[str] = []
        self.key: Optional[str]

    def start_element(self, tag: str, attributes: Dict[str, str]) -> None:
        if tag in TEXTS:
            self.text = []
        if tag in LISTS:
            item: Dict[str, Any] = {"infons": {}, **_to_json(attributes)}
            if tag == "document":
                item["passages"] = []
            if tag == "annotation":
                item["locations"] = []
            self.opened[-1].setdefault(LISTS[tag], []).append(item)
            self.opened.append(item)
        elif tag == "infon":
            self.key = attributes.get("key")

    def end_element(self, tag: str) -> None:
        text = "".join(self.text)
        if tag in LISTS:
            self.opened.pop()
        elif tag == "infon":
            self.opened[-1].setdefault("infons", {})[self.key] = text
        elif tag in TEXTS and len(self.opened) > 1:
            self.opened[-1].update(_to_json({tag: text}))

    def add_text(self, text: str) -> None:
        self.text.append(text)


def _to_json(fields: Dict[str, str]) -> Dict[str, Any]:
    numbers = ("offset", "length")
    return {
        key: int(value) if key in numbers and value.strip().isdecimal() else value
        for key, value in fields.items()
    }


def _fit(record: Record) -> Record:
    record = replace_in_entities(
        record, label=NOT_IN_XML, identifier=re.compile(f"{NOT_IN_XML.pattern}|^-1?$")
    )
    return replace(record, text=NOT_IN_XML.sub("\ufffd", record.text))


@register_writer(
    "bioc",
    suffix=".xml",
    holds=("ids", "identifiers", "scores"),
    fit=_fit,
    text_change="control characters, which XML can't hold, become U+FFFD",
)
def write_bioc(records: Sequence[Record], target: Target) -> None:
    """Write BioC as XML, with one passage for each text. Offsets count characters.

    records (Sequence[Record]): The records.
    target (Target): Where to write.
    """
    with open_text(target.path) as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        file.write("<collection><source>spacy-eiou</source><date></date><key></key>\n")
        for record in records:
            record_id = NOT_IN_XML.sub("\ufffd", record.id)
            file.write(f"<document><id>{escape_xml(record_id)}</id>\n")
            file.write(f"<passage><offset>0</offset><text>{escape_xml(record.text)}</text>\n")
            for number, entity in enumerate(record.entities, start=1):
                infons = {"type": entity.label}
                if entity.kb_id:
                    infons["identifier"] = entity.kb_id
                if entity.score is not None:
                    infons["score"] = str(entity.score)
                file.write(f'<annotation id="{number}">')
                for key, value in infons.items():
                    file.write(f'<infon key="{key}">{escape_xml(value)}</infon>')
                length = entity.end - entity.start
                stated = escape_xml(record.text[entity.start : entity.end])
                file.write(f'<location offset="{entity.start}" length="{length}"/>')
                file.write(f"<text>{stated}</text></annotation>\n")
            file.write("</passage></document>\n")
        file.write("</collection>\n")
