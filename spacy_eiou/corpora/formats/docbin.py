from itertools import repeat
from pathlib import Path
from typing import Iterable, Iterator, List, Optional

from spacy.pipeline.spancat import DEFAULT_SPANS_KEY
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from ...spans.groups import describe_spans_keys, get_scores
from .._parse import to_id
from ..docbin import load_docs
from ..draft import Draft, Mention
from ..record import UnreadableError
from .registry import register_format


@register_format("docbin", recognizes=lambda sample: b"version" in sample.inflated)
def read_docbin(path: Path) -> Iterator[Draft]:
    """Read spaCy's binary format: the text, the tokens and one group of spans of each doc. A run of
    whitespace between tokens becomes one token. The group is the one under "sc", or else the only
    one there is; entities that are only under other keys or in `doc.ents` are left out and counted.
    A doc without the group is skipped, since nobody has annotated it. The ids of records and groups
    are those that `record_to_doc` stores, or else the name of the file and the number of the doc.

    path (Path): The .spacy file.
    YIELDS (Draft): The records, in the order of the file.
    RAISES (CorpusError): If the file is damaged, or does not tell which spans are the entities.
    """
    docs = load_docs(path, Vocab())
    spans_key = _find_spans_key(docs, path)
    for number, doc in enumerate(docs, start=1):
        draft = Draft(doc.text, f"{path}, doc {number}", number, is_located=True)
        if "record_id" in doc.user_data:
            draft.id = str(doc.user_data["record_id"])
        if spans_key not in doc.spans:
            draft.skipped = f"no spans under '{spans_key}'"
        else:
            draft.words = [token.text for token in doc]
            group_id = doc.user_data.get("group")
            draft.group = None if group_id is None else to_id(group_id)
            group = doc.spans[spans_key]
            scores: Iterable[Optional[float]] = get_scores(group) or repeat(None)
            for span, score in zip(group, scores):
                draft.mentions += _parse_span(span, draft.where, score)
            for key, others in doc.spans.items():
                if key != spans_key:
                    draft.leave_out(f"under the key '{key}'", _parse_span, others)
            # Most docs have none, and this takes as long as the rest.
            if doc.ents:
                draft.leave_out("in doc.ents", _parse_span, doc.ents)
        yield draft


def _parse_span(span: Span, where: str, score: Optional[float] = None) -> List[Mention]:
    bounds = span.start_char, span.end_char
    return [Mention(*bounds, span.label_, span.text, span.kb_id_, where, score=score)]


def _find_spans_key(docs: List[Doc], path: Path) -> str:
    spans_keys: List[str] = sorted({key for doc in docs for key in doc.spans})
    if DEFAULT_SPANS_KEY in spans_keys:
        return DEFAULT_SPANS_KEY
    if len(spans_keys) != 1:
        message = (
            f"{path}: expected entities under doc.spans['{DEFAULT_SPANS_KEY}'] or under one other "
            f"key. {describe_spans_keys(docs)}"
        )
        if spans_keys:
            place = f"doc.spans['{DEFAULT_SPANS_KEY}']"
            message += f" Rename the one to read: {place} = doc.spans.pop({spans_keys[0]!r})."
        raise UnreadableError(message)
    return spans_keys[0]
