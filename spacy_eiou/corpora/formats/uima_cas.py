import json
import re
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, TypeVar

from ...files import open_text
from .._parse import check_type, get_field, read_json, to_id
from ..draft import Draft, Mention
from ..offsets import find_positions
from ..record import CorpusError, Record, UnreadableError
from ._xml import is_xml, parse_xml
from .registry import Sample, register_format
from .writers import Target, make_file_names, register_writer

T = TypeVar("T")

STRUCTURES = "%FEATURE_STRUCTURES"
ROOT = "xmi:XMI"
# Features of an annotation that hold its label, and those that hold its identifier.
LABEL_FEATURES = ("label", "value", "entityType", "entity", "category", "class", "tag")
IDENTIFIER_FEATURES = ("identifier", "kb_id")
# What relations and chains have, and entities have not.
LINKS = (
    *("Governor", "Dependent", "@Governor", "@Dependent"),
    *("referenceType", "referenceRelation", "next", "@next"),
)
# What is rather another feature than the label.
NO_LABEL = re.compile(r"true|false|-?\d+(\.\d+)?")
# Where the label of an annotation is put once it is found.
LABEL = "%LABEL"
# What else an annotation has than its features.
NO_FEATURES = ("begin", "end", "sofa", "xmi:id")
# The layers of users have such names, and those that INCEpTION has by itself begin otherwise.
CUSTOM = ("custom.", "webanno.custom.")
BUILT_IN = "de.tudarmstadt.ukp."
# Annotations of what a text consists of, by the end of the name of their type.
NO_ENTITIES = (
    *("Token", "Sentence", "Paragraph", "Lemma", "Stem", "POS", "MorphologicalFeatures"),
    *("DocumentAnnotation", "DocumentMetaData", "TagsetDescription", "Dependency"),
)

# The layer of named entities that INCEpTION has by itself.
TYPE = "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity"
FEATURES = ("value", "identifier")
VIEW = "_InitialView"


def _recognizes(sample: Sample) -> bool:
    return f"<{ROOT}" in sample.text or any(
        isinstance(item, dict) and STRUCTURES in item for item in sample.items
    )


@register_format("uima-cas", recognizes=_recognizes, offsets="utf-16")
def read_uima_cas(path: Path) -> Iterator[Draft]:
    """Read UIMA CAS as JSON or XMI, as INCEpTION exports them. Annotations with a label are
    entities, except those of tokens, sentences and the like. The label is one of `LABEL_FEATURES`
    or, in a layer of users, else its first feature that is no box to tick and no number, unless few
    annotations have it, or else the first one that has a value. A layer whose annotations all lack
    a label is left out and counted. The text of a file is a record; offsets count UTF-16 code
    units, as UIMA defines them.

    path (Path): The file.
    YIELDS (Draft): The record, or a record for each text of the file.
    RAISES (UnreadableError): If the file is neither valid JSON nor well-formed XML, or has no text.
    """
    structures = _read_xmi(path) if is_xml(path) else _read_json(path)
    texts = [item for item in structures if isinstance(item.get("sofaString"), str)]
    if not texts:
        raise UnreadableError(f"{path}: expected a text ('sofaString')")
    for number, sofa in enumerate(texts, start=1):
        draft = Draft(sofa["sofaString"], str(path), number if len(texts) > 1 else None)
        members = [
            item
            for item in structures
            if item.get("@sofa") == sofa.get("%ID") and "begin" in item and _is_entity(item)
        ]
        _set_labels(members)
        layers = {TYPE, *(_get_type(item) for item in members if item[LABEL])}
        draft.parse(_parse_annotation, [item for item in members if _get_type(item) in layers])
        for kind in sorted({_get_type(item) for item in members} - layers):
            left_out = [item for item in members if _get_type(item) == kind]
            draft.leave_out(f"layer '{kind}' without labels", _parse_annotation, left_out)
        yield draft


def _read_json(path: Path) -> List[Dict[str, Any]]:
    try:
        structures = get_field(read_json(path), STRUCTURES, list, str(path))
        return [check_type(item, dict, str(path)) for item in structures]
    except CorpusError as err:
        raise UnreadableError(str(err)) from err


def _read_xmi(path: Path) -> List[Dict[str, Any]]:
    """RETURNS (List[Dict[str, Any]]): What the XMI holds, as the JSON has it."""
    builder = _Builder()
    parse_xml(builder, path)
    return builder.structures


class _Builder:
    def __init__(self) -> None:
        self.structures: List[Dict[str, Any]] = []
        self.packages: Dict[str, str] = {}

    def start_element(self, tag: str, attributes: Dict[str, str]) -> None:
        if tag == ROOT:
            # xmlns:tcas="http:///uima/tcas.ecore"
            self.packages = {
                key.removeprefix("xmlns:"): uri.partition("///")[2].removesuffix(".ecore")
                for key, uri in attributes.items()
                if key.startswith("xmlns:")
            }
        prefix, _, name = tag.rpartition(":")
        kind = f"{self.packages.get(prefix, prefix).replace('/', '.')}.{name}"
        structure: Dict[str, Any] = {**attributes, "%TYPE": kind, "%ID": attributes.get("xmi:id")}
        structure["@sofa"] = attributes.get("sofa")
        for key in ("begin", "end"):
            if attributes.get(key, "").isdecimal():
                structure[key] = int(attributes[key])
        self.structures.append(structure)

    def end_element(self, tag: str) -> None:
        pass

    def add_text(self, text: str) -> None:
        pass


def _get_type(item: Dict[str, Any]) -> str:
    return str(item.get("%TYPE"))


def _set_labels(items: Sequence[Dict[str, Any]]) -> None:
    """Set the label of each annotation. In a layer of users it may be any feature."""
    layers: Dict[str, List[Dict[str, str]]] = {}
    for item in items:
        item[LABEL] = next((item[key] for key in LABEL_FEATURES if item.get(key)), "")
        if not item[LABEL] and _get_type(item).startswith(CUSTOM):
            layers.setdefault(_get_type(item), []).append(_get_features(item))
    chosen = {
        kind: choose_feature(pair for features in layer for pair in features.items())
        for kind, layer in layers.items()
    }
    for item in items:
        kind = _get_type(item)
        if not item[LABEL] and kind in chosen:
            features = _get_features(item)
            item[LABEL] = features.get(chosen[kind] or "") or next(iter(features.values()), "")


def _get_features(item: Dict[str, Any]) -> Dict[str, str]:
    """RETURNS (Dict[str, str]): The features of an annotation that may be its label."""
    return {
        key: value
        for key, value in item.items()
        if key not in (*NO_FEATURES, *IDENTIFIER_FEATURES)
        and not key.startswith(("%", "@", "^"))
        and value
        and isinstance(value, str)
    }


def choose_feature(values: Iterable[Tuple[T, str]]) -> Optional[T]:
    """Choose the feature of a layer that is the label.

    values (Iterable[Tuple[T, str]]): The features, and a value of each annotation that has one.
    RETURNS (Optional[T]): The first one that is no box to tick and no number, unless few
        annotations have it, or else the first one; None if there is none.
    """
    found: Dict[T, List[str]] = {}
    for feature, value in values:
        found.setdefault(feature, []).append(value)
    # A note that few have is no label, even if the label is a number.
    n_needed = len(next(iter(found.values()), [])) // 2 + 1
    words = [
        feature
        for feature, given in found.items()
        if len(given) >= n_needed and not all(map(NO_LABEL.fullmatch, given))
    ]
    return next(iter(words or found), None)


def _is_entity(item: Dict[str, Any]) -> bool:
    kind = _get_type(item)
    if not holds_entities(kind) or any(link in item for link in LINKS):
        return False
    # Other layers, such as that of coreference, need not have labels.
    is_other = kind.startswith(BUILT_IN) and kind != TYPE
    return not is_other or any(item.get(key) for key in LABEL_FEATURES)


def holds_entities(kind: str) -> bool:
    """RETURNS (bool): Whether the annotations of a type are no tokens, sentences and the like."""
    is_structure = kind.startswith("uima.") or kind.endswith(NO_ENTITIES)
    return kind.startswith(CUSTOM) or not is_structure


def _parse_annotation(item: Dict[str, Any], where: str) -> List[Mention]:
    where = f"{where}, annotation {item.get('%ID')} of {_get_type(item)}"
    start, end = (get_field(item, name, int, where) for name in ("begin", "end"))
    kb_id = to_id(next((item[key] for key in IDENTIFIER_FEATURES if item.get(key)), ""))
    label = check_type(item[LABEL], str, f"{where}, label")
    return [Mention(start, end, label, kb_id=kb_id, where=where)]


@register_writer("uima-cas", suffix="", holds=("ids", "identifiers"))
def write_uima_cas(records: Sequence[Record], target: Target) -> None:
    """Write a folder of UIMA CAS JSON, a file for each text, for INCEpTION: entities are
    annotations of its layer of named entities. The files are named by the ids, as those of brat.

    records (Sequence[Record]): The records.
    target (Target): Where to write.
    """
    target.path.mkdir()
    for name, record in zip(make_file_names(records), records):
        path = target.path / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        with open_text(path) as file:
            file.write(json.dumps(_make_cas(record), ensure_ascii=False, indent=1))


def _make_cas(record: Record) -> Dict[str, Any]:
    positions = find_positions(record.text, "utf-16").tolist()
    features = {name: {"%NAME": name, "%RANGE": "uima.cas.String"} for name in FEATURES}
    sofa = {
        "%ID": 1,
        "%TYPE": "uima.cas.Sofa",
        "sofaNum": 1,
        "sofaID": VIEW,
        "mimeType": "text/plain",
        "sofaString": record.text,
    }
    members = [
        {
            "%ID": number,
            "%TYPE": TYPE,
            "@sofa": 1,
            "begin": positions[entity.start],
            "end": positions[entity.end],
            "value": entity.label,
            **({"identifier": entity.kb_id} if entity.kb_id else {}),
        }
        for number, entity in enumerate(record.entities, start=2)
    ]
    return {
        "%TYPES": {TYPE: {"%NAME": TYPE, "%SUPER_TYPE": "uima.tcas.Annotation", **features}},
        STRUCTURES: [sofa, *members],
        "%VIEWS": {VIEW: {"%SOFA": 1, "%MEMBERS": [member["%ID"] for member in members]}},
    }
