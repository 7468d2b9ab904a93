from pathlib import Path
from typing import Iterator, List

from spacy.pipeline.spancat import DEFAULT_SPANS_KEY
from spacy.tokens import Doc, DocBin
from spacy.training.corpus import FILE_TYPE, walk_corpus
from spacy.vocab import Vocab

from .record import CorpusError, Entity, Record, make_record


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


def read_docs(path: Path, vocab: Vocab) -> Iterator[Doc]:
    """Read annotated docs.

    path (Path): A .spacy file or a directory of them.
    vocab (Vocab): The vocabulary of the docs.
    YIELDS (Doc): The docs that have tokens.
    RAISES (CorpusError): If there is no .spacy file, or one is damaged.
    """
    locations = walk_corpus(path, FILE_TYPE)
    if not locations or not (path.is_dir() or path.suffix == FILE_TYPE):
        raise CorpusError(
            f"{path}: expected a .spacy file or a directory of them. To make one: "
            "python -m spacy eiou convert"
        )
    for location in locations:
        yield from (doc for doc in load_docs(location, vocab) if len(doc))


def load_docs(path: Path, vocab: Vocab) -> List[Doc]:
    """Load all docs of a file in spaCy's binary format.

    path (Path): The .spacy file.
    vocab (Vocab): The vocabulary of the docs.
    RETURNS (List[Doc]): The docs.
    RAISES (CorpusError): If the file is damaged.
    """
    try:
        docs = list(DocBin().from_disk(path).get_docs(vocab))
        for doc in docs:
            for spans in doc.spans.values():
                # Spans are built, and their labels looked up, no sooner than this.
                {span.label_ for span in spans}
        return docs
    # What damaged bytes raise depends on where they are damaged.
    except Exception as err:
        raise CorpusError(f"{path}: expected a complete .spacy file ({err!r})") from err


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
