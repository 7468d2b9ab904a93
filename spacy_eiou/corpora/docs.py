from bisect import bisect_left
from typing import Iterable, List, Set, Tuple

from spacy.lang.lex_attrs import is_punct
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.util import get_words_and_spaces

from .account import Account
from .docbin import FastDocBin
from .draft import INCLUSIVE_ENDS
from .record import CorpusError, Dropped, Record


def record_to_doc(
    nlp: Language, record: Record, spans_key: str = "sc"
) -> Tuple[Doc, List[Dropped]]:
    """Make a Doc of a record. Its tokens are those of the record, or else of the tokenizer. The
    group of spans is always set, sorted by start, longest first, and by label. The
    identifiers of entities are the `kb_id_` of the spans. The ids of the record and its group are
    in `doc.user_data["record_id"]` and `doc.user_data["group"]`.

    nlp (Language): The pipeline whose tokenizer to use.
    record (Record): The record.
    spans_key (str): Key of the entities in `doc.spans`.
    RETURNS (Tuple[Doc, List[Dropped]]): The doc, and the entities that it cannot hold: those that
        do not begin and end with a token, that consist of whitespace, or that repeat another.
    RAISES (CorpusError): If the tokens are not those of the text.
    """
    doc = _make_doc(nlp, record)
    doc.user_data["record_id"] = record.id
    if record.group is not None:
        doc.user_data["group"] = record.group
    # Not by token, of which Python objects would have to be made.
    bounds = doc.to_array(["IDX", "LENGTH"]).reshape(len(doc), 2)
    starts, ends = bounds[:, 0].tolist(), bounds.sum(axis=1).tolist()
    spans: List[Span] = []
    dropped: List[Dropped] = []
    seen: Set[Tuple[int, int, str]] = set()
    for entity in record.entities:
        text = record.text[entity.start : entity.end]
        start, end = bisect_left(starts, entity.start), bisect_left(ends, entity.end)
        key = (entity.start, entity.end, entity.label)
        if key in seen:
            dropped.append(Dropped("duplicate", record.id, entity, text))
        elif text.isspace():
            dropped.append(Dropped("whitespace", record.id, entity, text))
        elif [entity.start] != starts[start : start + 1] or [entity.end] != ends[end : end + 1]:
            dropped.append(Dropped("misaligned", record.id, entity, text))
        else:
            spans.append(Span(doc, start, end + 1, label=entity.label, kb_id=entity.kb_id))
        seen.add(key)
    doc.spans[spans_key] = sorted(spans, key=lambda span: (span.start, -span.end, span.label_))
    return doc, dropped


def records_to_docs(
    nlp: Language, records: Iterable[Record], spans_key: str = "sc"
) -> Tuple[DocBin, Account]:
    """Make a Doc of each record that is not skipped.

    nlp (Language): The pipeline whose tokenizer to use.
    records (Iterable[Record]): The records.
    spans_key (str): Key of the entities in `doc.spans`.
    RETURNS (Tuple[DocBin, Account]): The docs, and the account of what they hold and of what was
        dropped and skipped.
    RAISES (CorpusError): If the tokens of a record are not those of its text.
    """
    docs = FastDocBin(store_user_data=True)
    account = Account()
    for record in records:
        account.add_record(record)
        if record.skipped is None:
            doc, dropped = record_to_doc(nlp, record, spans_key)
            docs.add(doc)
            account.add(doc, spans_key, dropped)
    return docs, account


def find_inclusive_ends(
    nlp: Language, records: Iterable[Record], accounts: Iterable[Account]
) -> List[str]:
    """Find out whether the ends of the entities seem to be inclusive: if most are misaligned, begin
    with a token, and would end with one if their end were one character further.

    nlp (Language): The pipeline whose tokenizer to use.
    records (Iterable[Record]): The records.
    accounts (Iterable[Account]): What became of them.
    RETURNS (List[str]): A warning, if they do.
    """
    accounts = list(accounts)
    n_kept = sum(sum(account.entities.values()) for account in accounts)
    if sum(account.dropped["misaligned"] for account in accounts) <= n_kept:
        return []
    n_entities = n_short = 0
    for record in records:
        if record.skipped is None:
            n_entities += len(record.entities)
            n_short += _count_short(_make_doc(nlp, record), record)
    if 2 * n_short <= n_entities:
        return []
    return [
        f"{n_short:,} of {n_entities:,} entities end one character before the end of a token: "
        f"{INCLUSIVE_ENDS}"
    ]


def _count_short(doc: Doc, record: Record) -> int:
    starts = {token.idx for token in doc}
    ends = {token.idx + len(token) for token in doc}
    return sum(
        entity.start in starts
        and entity.end not in ends
        and entity.end + 1 in ends
        # A tokenizer may leave a full stop or a comma at its word.
        and not is_punct(record.text[entity.end])
        for entity in record.entities
    )


def _make_doc(nlp: Language, record: Record) -> Doc:
    if record.words is None:
        doc: Doc = nlp.tokenizer(record.text)
    else:
        try:
            words, spaces = get_words_and_spaces(record.words, record.text)
        except ValueError as err:
            raise CorpusError(f"{record.id}: expected tokens that make up the text") from err
        doc = Doc(nlp.vocab, words=words, spaces=spaces)
    if doc.text != record.text:
        raise CorpusError(
            f"{record.id}: expected a tokenizer that keeps the text, but it became '{doc.text}'"
        )
    return doc
