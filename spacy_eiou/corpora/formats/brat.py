from dataclasses import replace
from pathlib import Path
from typing import Dict, Iterator, List

from .._parse import parse_offset, read_lines, show
from ..draft import Draft, Mention
from ..record import CorpusError, UnreadableError
from .registry import register_format

# Relations, events, attributes, modifications, notes and equivalences.
OTHER_ANNOTATIONS = ("R", "E", "A", "M", "#", "*")
ANNOTATION_SUFFIXES = (".ann", ".a1", ".a2")


@register_format("brat", together=(".txt", *ANNOTATION_SUFFIXES))
def read_brat(path: Path) -> Iterator[Draft]:
    """Read brat standoff annotation: text in a .txt file, entities in the .ann file beside it, or
    in the .a1 and .a2 files of the BioNLP shared tasks. Fragments of an entity are joined if
    nothing but white space lies between them. Another discontinuous entity is dropped.
    Normalizations become the identifiers of entities, and other annotations are ignored. The id of
    a record is the name of its files without the suffix, with those of the folders above them.

    path (Path): The .txt file.
    YIELDS (Draft): The record.
    """
    try:
        yield _read_files(path)
    except CorpusError as err:
        yield Draft("", str(path), skipped="malformed", bad=[str(err)])


def _read_files(path: Path) -> Draft:
    paths = [path.with_suffix(suffix) for suffix in ANNOTATION_SUFFIXES]
    paths = [file for file in paths if file.exists()]
    for file in (path, paths[0] if paths else path.with_suffix(".ann")):
        if not file.exists():
            raise CorpusError(f"{file}: expected this file beside its .txt or .ann file")
    # Offsets count every character, so neither line ends nor a byte order mark may change.
    try:
        draft = Draft(path.read_bytes().decode("utf-8"), str(path))
    except UnicodeDecodeError as err:
        raise UnreadableError(f"{path}: expected UTF-8 ({err})") from err
    mentions: Dict[str, Mention] = {}
    identifiers: Dict[str, List[str]] = {}
    for file in paths:
        for number, line in read_lines(file):
            where = f"{file}, line {number}"
            try:
                _read_line(line, where, mentions, identifiers)
            except CorpusError as err:
                draft.reject(str(err), line)
    for key, mention in mentions.items():
        kb_id = "|".join(identifiers.get(key.rpartition(" ")[2], []))
        draft.mentions.append(replace(mention, kb_id=kb_id))
    return draft


def _read_line(
    line: str, where: str, mentions: Dict[str, Mention], identifiers: Dict[str, List[str]]
) -> None:
    if not line.strip() or line.startswith(OTHER_ANNOTATIONS):
        return
    fields = line.split("\t", 2)
    if line.startswith("N"):
        # N1<tab>Reference T1 MESH:D001241<tab>Aspirin
        _, target, identifier = (
            (*fields[1].split(" "), "", "")[:3] if len(fields) > 1 else ("",) * 3
        )
        if not target or not identifier:
            raise CorpusError(f"{where}: expected 'N1<tab>Reference T1 id', not {show(line)}")
        identifiers.setdefault(target, []).append(identifier)
        return
    if not line.startswith("T") or len(fields) != 3:
        raise CorpusError(f"{where}: expected 'T1<tab>label start end<tab>text', not {show(line)}")
    label, _, offsets = fields[1].partition(" ")
    fragments = []
    for fragment in offsets.split(";"):
        start, _, end = fragment.partition(" ")
        fragments.append((parse_offset(start, where), parse_offset(end, where)))
    # A file may use a name twice by mistake.
    mentions[f"{where} {fields[0]}"] = Mention(
        fragments[0][0], fragments[-1][1], label, fields[2], where=where, fragments=tuple(fragments)
    )
