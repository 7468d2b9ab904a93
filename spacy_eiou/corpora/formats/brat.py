import re
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Sequence

from .._parse import parse_offset, read_lines, show
from ..draft import Draft, Mention, is_stated
from ..record import Changed, CorpusError, Dropped, Entity, Record, UnreadableError
from .registry import register_format
from .writers import Target, make_file_names, register_writer, replace_in_entities

# Relations, events, attributes, modifications, notes and equivalences.
OTHER_ANNOTATIONS = ("R", "E", "A", "M", "#", "*")
ANNOTATION_SUFFIXES = (".ann", ".a1", ".a2")
# Several identifiers of an entity are separated by "|", and each has to be one.
NOT_IN_IDENTIFIER = re.compile(r"\s|^\||\|$|(?<=\|)\|")


@register_format("brat", together=(".txt", *ANNOTATION_SUFFIXES), beside=(".conf",))
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
        draft = Draft(path.read_bytes().decode(), str(path))
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
        found = identifiers.get(key.rpartition(" ")[2])
        draft.mentions.append(replace(mention, kb_id="|".join(found)) if found else mention)
    if draft.text.startswith("\ufeff"):
        _leave_out_mark(draft)
    return draft


def _leave_out_mark(draft: Draft) -> None:
    """Count from behind the byte order mark, if the offsets do: programs that drop it don't count
    it."""

    def fits(mention: Mention) -> bool:
        spans = [(mention.base + start, mention.base + end) for start, end in mention.bounds]
        text = " ".join(draft.text[start:end] for start, end in spans)
        # One without extent fits anywhere.
        return bool(text) and is_stated(text, mention)

    behind = [replace(mention, base=1) for mention in draft.mentions]
    if sum(map(fits, behind)) > sum(map(fits, draft.mentions)):
        draft.mentions = behind
        draft.changed += [
            Changed(
                "offsets do not count the byte order mark",
                "",
                mention.to_entity(mention.start + 1, mention.end + 1),
                mention.text or "",
                mention.where,
            )
            for mention in behind
        ]


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


def fit(record: Record) -> Record:
    """Make a record as brat holds it: white space in labels and identifiers becomes "_", and an
    entity of nothing but white space is dropped, since there is no fragment of it.

    record (Record): The record.
    RETURNS (Record): The record, with an account of what was changed and dropped.
    """
    record = replace_in_entities(record, label=re.compile(r"\s"), identifier=NOT_IN_IDENTIFIER)
    kept: List[Entity] = []
    dropped = [*record.dropped]
    for entity in record.entities:
        text = record.text[entity.start : entity.end]
        if text.strip():
            kept.append(entity)
        else:
            dropped.append(Dropped("whitespace", record.id, entity, text))
    return replace(record, entities=tuple(kept), dropped=tuple(dropped))


@register_writer("brat", suffix="", holds=("ids", "identifiers", "scores"), fit=fit)
def write_brat(records: Sequence[Record], target: Target) -> None:
    """Write a folder for brat: a .txt and an .ann file for each text, and annotation.conf with the
    labels. They are named by the ids, whose odd characters become %20 and the like.

    records (Sequence[Record]): The records.
    target (Target): Where to write.
    """
    target.path.mkdir()
    for name, record in zip(make_file_names(records), records):
        path = target.path / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_document(record, path)
    write_labels(target.labels, target.path)


def write_document(record: Record, path: Path) -> None:
    """Write a text, and its entities in the .ann file beside it. An entity over a line break is
    written in fragments, as brat does. Identifiers are normalizations, and scores are notes.

    record (Record): The record, as `fit` returns it.
    path (Path): The .txt file.
    """
    path.write_bytes(record.text.encode())
    path.with_suffix(".ann").write_bytes("".join(_make_lines(record)).encode())


def write_labels(labels: Iterable[str], folder: Path) -> None:
    """Write annotation.conf, which tells brat the labels of the documents in a folder.

    labels (Iterable[str]): The labels, in the order in which annotators see them.
    folder (Path): The folder.
    """
    sections = ["[entities]", *labels, "[relations]", "[events]", "[attributes]", ""]
    (folder / "annotation.conf").write_bytes("\n".join(sections).encode())


def _make_lines(record: Record) -> Iterator[str]:
    # An entity may have several normalizations, and brat opens no file that uses a name twice.
    references = count(1)
    for number, entity in enumerate(record.entities, start=1):
        fragments = [
            (entity.start + match.start(), entity.start + match.end())
            for match in re.finditer(r"[^\r\n]+", record.text[entity.start : entity.end])
            if not match[0].isspace()
        ]
        offsets = ";".join(f"{start} {end}" for start, end in fragments)
        stated = " ".join(record.text[start:end] for start, end in fragments)
        yield f"T{number}\t{entity.label} {offsets}\t{stated}\n"
        for identifier in entity.kb_id.split("|") if entity.kb_id else []:
            yield f"N{next(references)}\tReference T{number} {identifier}\t{stated}\n"
        if entity.score is not None:
            yield f"#{number}\tAnnotatorNotes T{number}\tscore {entity.score}\n"
