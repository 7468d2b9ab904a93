import re
from dataclasses import replace
from pathlib import Path
from typing import Dict, Iterator, List, Sequence

from ...files import open_text
from .._parse import decode, parse_offset, read_items, show
from ..draft import Draft, Mention, parse_each
from ..record import CorpusError, Record
from .registry import register_format
from .writers import Target, make_unique, register_writer, replace_in_entities

TEXT = re.compile(r"([^|\t]+)\|([a-z])\|(.*)", re.DOTALL)
# What stands for no identifier.
ABSENT = ("-", "-1", "None")
NOVELTIES = ("Novel", "No")
NOT_IN_FIELD = r"[\t\r\n]"


@register_format(
    "pubtator",
    recognizes=lambda sample: (
        not sample.items and any(re.match(r"[^|\t]+\|t\|", line) for line in sample.lines[:20])
    ),
)
def read_pubtator(path: Path) -> Iterator[Draft]:
    """Read PubTator: lines `id|t|title` and `id|a|abstract`, which are the text, joined with a line
    break, and then a line `id<tab>start<tab>end<tab>text<tab>type<tab>identifier` for each entity.
    Relations are ignored. The id of a record is that of the article.

    path (Path): The file.
    YIELDS (Draft): The articles, in the order of the file.
    """
    articles: List[Draft] = []
    # The last one of each id.
    last: Dict[str, Draft] = {}

    def parse(data: bytes, where: str) -> List[Draft]:
        line = decode(data, where)
        match = TEXT.fullmatch(line)
        if match:
            article, kind, text = match.groups()
            if article in last and kind != "t":
                last[article].text += f"\n{text}"
            else:
                last[article] = Draft(text, where, id=article)
                articles.append(last[article])
        else:
            fields = line.split("\t")
            if fields[0] not in last:
                raise CorpusError(f"{where}: expected 'id|t|title' before {show(line)}")
            last[fields[0]].parse(_parse_entity, [fields], where)
        return []

    yield from parse_each(read_items(path), parse)
    yield from articles


def _parse_entity(fields: List[str], where: str) -> List[Mention]:
    # A relation: id, type, two identifiers and, in BioRED, whether it is new.
    if len(fields) == 4 + (fields[-1] in NOVELTIES) and not fields[1].isdecimal():
        return []
    if len(fields) < 5:
        raise CorpusError(f"{where}: expected an id, start, end, text and type, not {show(fields)}")
    start, end = (parse_offset(field, where) for field in fields[1:3])
    kb_id = fields[5] if len(fields) > 5 and fields[5] not in ABSENT else ""
    return [Mention(start, end, fields[4], fields[3], kb_id, where)]


def _fit(record: Record) -> Record:
    record = replace_in_entities(
        record,
        label=re.compile(NOT_IN_FIELD),
        identifier=re.compile(f"{NOT_IN_FIELD}|^(?:{'|'.join(ABSENT)})$"),
    )
    title, line_break, abstract = record.text.replace("\r", " ").partition("\n")
    return replace(record, text=title + line_break + abstract.replace("\n", " "))


@register_writer(
    "pubtator",
    suffix=".pubtator",
    holds=("ids", "identifiers"),
    fit=_fit,
    text_change="line breaks other than the first one become spaces",
)
def write_pubtator(records: Sequence[Record], target: Target) -> None:
    """Write PubTator. The first line of a text is the title and the rest the abstract, if there is
    one. Tabs and vertical bars in ids become "_".

    records (Sequence[Record]): The records.
    target (Target): Where to write.
    """
    ids = make_unique(re.sub(r"[|\t\r\n]", "_", record.id) or "_" for record in records)
    with open_text(target.path) as file:
        for article, record in zip(ids, records):
            for kind, line in zip("ta", record.text.split("\n")):
                file.write(f"{article}|{kind}|{line}\n")
            for entity in record.entities:
                stated = re.sub(NOT_IN_FIELD, " ", record.text[entity.start : entity.end])
                fields = (article, entity.start, entity.end, stated, entity.label)
                file.write("\t".join(map(str, (*fields, entity.kb_id or "-"))) + "\n")
            file.write("\n")
