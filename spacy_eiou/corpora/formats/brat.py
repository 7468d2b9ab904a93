from pathlib import Path
from typing import Iterator

from .._parse import parse_offset, read_lines
from ..record import CorpusError, Dropped, Entity, Record, check_entity, make_record
from .registry import register_format

# Relations, events, attributes, modifications, normalisations, notes and equivalences.
OTHER_ANNOTATIONS = ("R", "E", "A", "M", "N", "#", "*")


@register_format("brat", suffixes=(".ann",), together=(".txt", ".ann"))
def read_brat(path: Path) -> Iterator[Record]:
    """Read brat standoff annotation: text in a .txt file, entities in the .ann file beside it. A
    discontinuous entity is dropped, and annotations other than entities are ignored. The id of a
    record is the name of its files without the suffix.

    path (Path): The .txt file.
    YIELDS (Record): The record.
    RAISES (CorpusError): If one of the files is missing or malformed, or an entity's text in the
        .ann file is not the text at its offsets.
    """
    annotations_path = path.with_suffix(".ann")
    for file in (path, annotations_path):
        if not file.exists():
            raise CorpusError(f"{file}: expected this file beside its .txt or .ann file")
    # Offsets count every character, so neither line ends nor a byte order mark may change.
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as err:
        raise CorpusError(f"{path}: expected UTF-8 ({err})") from err
    yield _read_annotations(annotations_path, text)


def _read_annotations(path: Path, text: str) -> Record:
    entities = []
    dropped = []
    for number, line in read_lines(path):
        where = f"{path}, line {number}"
        if not line or line.startswith(OTHER_ANNOTATIONS):
            continue
        fields = line.split("\t", 2)
        if not line.startswith("T") or len(fields) != 3:
            raise CorpusError(f"{where}: expected 'T1<tab>label start end<tab>text', not '{line}'")
        label, _, offsets = fields[1].partition(" ")
        fragments = [_parse_fragment(fragment, label, where) for fragment in offsets.split(";")]
        for fragment in fragments:
            check_entity(fragment, text, where)
        found = " ".join(text[fragment.start : fragment.end] for fragment in fragments)
        if _in_one_line(found) != _in_one_line(fields[2]):
            raise CorpusError(f"{where}: expected '{fields[2]}', but the text has '{found}' there")
        entity = Entity(fragments[0].start, fragments[-1].end, label)
        if len(fragments) == 1:
            entities.append(entity)
        else:
            dropped.append(Dropped("discontinuous", path.stem, entity, found))
    return make_record(path.stem, text, entities, str(path), dropped=dropped)


def _parse_fragment(fragment: str, label: str, where: str) -> Entity:
    start, _, end = fragment.partition(" ")
    return Entity(parse_offset(start, where), parse_offset(end, where), label)


def _in_one_line(text: str) -> str:
    # An .ann file shows the line breaks in an entity as spaces.
    return text.replace("\r", " ").replace("\n", " ")
