from dataclasses import replace
from pathlib import Path
from typing import Iterator

from ..draft import Draft
from ..record import Changed, Record
from ._columns import PHRASES, fit_columns, read_columns, recognizes_columns, write_columns
from .registry import register_format
from .writers import register_writer


@register_format(
    "conll",
    recognizes=lambda sample: sample.path.suffix != ".iob2" and recognizes_columns(sample),
)
def read_conll(path: Path) -> Iterator[Draft]:
    """Read tokens in columns: the token first, or after its number in the sentence, and then one or
    more columns of tags, as those of CoNLL 2003 and GermEval 2014. Each is a layer of entities, and
    a cell may hold several tags, separated by `|`, `;`, `,` or `+`; columns of other things are
    ignored. The tags are IOB2, IOBES, BMES, BILOU, or IOB1, in which an entity begins with I-
    unless it follows another one of its label. Blank lines separate records, and `-DOCSTART-` lines
    begin the documents that group them. The text is the tokens joined with single spaces.

    path (Path): The file.
    YIELDS (Draft): The records, in the order of the file.
    RAISES (UnreadableError): If no column holds tags, or the first one holds no words.
    """
    yield from read_columns(path, with_phrases=False)


def _fit(record: Record) -> Record:
    record = fit_columns(record)
    changed = tuple(
        Changed(
            "label of a phrase, which readers of conll may leave out: write iob2",
            record.id,
            entity,
            record.text[entity.start : entity.end],
        )
        for entity in record.entities
        if entity.label in PHRASES
    )
    return replace(record, changed=record.changed + changed)


register_writer(
    "conll",
    suffix=".conll",
    holds=("groups",),
    needs_words=True,
    fit=_fit,
    text_change="tokens are joined with single spaces",
)(write_columns)
