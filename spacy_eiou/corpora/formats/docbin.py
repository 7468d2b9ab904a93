from pathlib import Path
from typing import Iterator, List

from spacy.pipeline.spancat import DEFAULT_SPANS_KEY
from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..docbin import load_docs
from ..record import CorpusError, Entity, Record, make_record
from .registry import register_format


@register_format("docbin", suffixes=(".spacy",))
def read_docbin(path: Path) -> Iterator[Record]:
    """Read spaCy's binary format: the text, the tokens and one group of spans of each doc. A run of
    whitespace between tokens becomes one token. The group is the one under "sc", or else the only
    one there is. A doc without it is skipped, since nobody has annotated it. The ids of records and
    groups are those that `record_to_doc` stores, or else the name of the file and the number of the
    doc.

    path (Path): The .spacy file.
    YIELDS (Record): The records, in the order of the file.
    RAISES (CorpusError): If the file is damaged, or does not tell which spans are the entities.
    """
    docs = load_docs(path, Vocab())
    spans_key = _find_spans_key(docs, path)
    for number, doc in enumerate(docs, start=1):
        record_id = str(doc.user_data.get("record_id", f"{path.stem}-{number}"))
        if spans_key not in doc.spans:
            yield Record(record_id, doc.text, (), skipped=f"no spans under '{spans_key}'")
            continue
        yield make_record(
            record_id,
            doc.text,
            [Entity(s.start_char, s.end_char, s.label_) for s in doc.spans[spans_key]],
            f"{path}, doc {number}",
            words=[token.text for token in doc],
            group=doc.user_data.get("group"),
        )


def _find_spans_key(docs: List[Doc], path: Path) -> str:
    spans_keys: List[str] = sorted({key for doc in docs for key in doc.spans})
    if DEFAULT_SPANS_KEY in spans_keys:
        return DEFAULT_SPANS_KEY
    if len(spans_keys) != 1:
        raise CorpusError(
            f"{path}: expected entities under doc.spans['{DEFAULT_SPANS_KEY}'] or under one other "
            f"key, but the keys of the docs are: {', '.join(spans_keys) or 'none'}"
        )
    return spans_keys[0]
