from pathlib import Path
from typing import Any, Dict, Iterator, List

from .._parse import check_type, get_field, read_json
from ..draft import Draft, Mention
from ..record import CorpusError, UnreadableError
from .registry import Sample, register_format

STRUCTURES = "%FEATURE_STRUCTURES"
# Features of an annotation that hold its label, and those that hold its identifier.
LABEL_FEATURES = ("label", "value", "entityType", "entity", "category", "class", "tag")
IDENTIFIER_FEATURES = ("identifier", "kb_id")
# Annotations of what a text consists of, by the end of the name of their type.
NO_ENTITIES = (
    *("Token", "Sentence", "Paragraph", "Lemma", "Stem", "POS", "MorphologicalFeatures"),
    *("DocumentAnnotation", "DocumentMetaData", "TagsetDescription", "Dependency"),
)


def _recognizes(sample: Sample) -> bool:
    return any(isinstance(item, dict) and STRUCTURES in item for item in sample.items)


@register_format("uima-cas", recognizes=_recognizes, offsets="utf-16")
def read_uima_cas(path: Path) -> Iterator[Draft]:
    """Read UIMA CAS JSON, as INCEpTION exports it. Annotations with a label are entities, except
    those of tokens, sentences and the like. The text of a file is a record; offsets count UTF-16
    code units, as UIMA defines them.

    path (Path): The file.
    YIELDS (Draft): The record, or a record for each text of the file.
    RAISES (UnreadableError): If the file is not valid JSON or holds no text.
    """
    try:
        structures = get_field(read_json(path), STRUCTURES, list, str(path))
        structures = [check_type(item, dict, str(path)) for item in structures]
    except CorpusError as err:
        raise UnreadableError(str(err)) from err
    texts = [item for item in structures if isinstance(item.get("sofaString"), str)]
    if not texts:
        raise UnreadableError(f"{path}: expected a text ('sofaString')")
    for number, sofa in enumerate(texts, start=1):
        draft = Draft(sofa["sofaString"], str(path), number if len(texts) > 1 else None)
        members = [
            item
            for item in structures
            if item.get("@sofa") == sofa.get("%ID") and "begin" in item and _has_label(item)
        ]
        draft.parse(_parse_annotation, members)
        yield draft


def _has_label(item: Dict[str, Any]) -> bool:
    kind = str(item.get("%TYPE"))
    return not kind.startswith("uima.") and not kind.endswith(NO_ENTITIES)


def _parse_annotation(item: Dict[str, Any], where: str) -> List[Mention]:
    where = f"{where}, annotation {item.get('%ID')}"
    start, end = (get_field(item, name, int, where) for name in ("begin", "end"))
    label = next((item[key] for key in LABEL_FEATURES if item.get(key)), "")
    kb_id = next((item[key] for key in IDENTIFIER_FEATURES if item.get(key)), "")
    label = check_type(label, str, f"{where}, label")
    return [Mention(start, end, label, kb_id=check_type(kb_id, str, where), where=where)]
