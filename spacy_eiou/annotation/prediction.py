"""What a pipeline finds in some texts, as plain data."""

import math
import warnings
from typing import Any, Dict, Iterator, List, Optional, Sequence

from spacy.language import Language
from spacy.tokens import Doc

from ..corpora import CorpusError
from ..pipeline.prediction import get_spans_keys
from ..spans import span_tree

# The memory that a batch takes grows with its words, not with its texts.
WORDS_PER_BATCH = 10_000


def find_spans_key(nlp: Language, spans_key: Optional[str] = None) -> str:
    """Find the spans key to annotate.

    nlp (Language): The pipeline.
    spans_key (Optional[str]): The key that the user asks for.
    RETURNS (str): The key asked for, or else the only one that a component writes.
    RAISES (CorpusError): If none or several are written.
    """
    keys = get_spans_keys(nlp)
    if spans_key is not None:
        if spans_key not in keys:
            warnings.warn(
                f"No component of the pipeline says that it writes the spans key '{spans_key}'",
                stacklevel=3,
            )
        return spans_key
    if len(keys) != 1:
        raise CorpusError(
            "Can't tell which spans key to annotate, choose one with --spans-key. Spans keys that "
            f"the pipeline writes: {', '.join(sorted(keys)) or 'none'}"
        )
    return keys.pop()


def predict_spans(
    nlp: Language, texts: Sequence[str], spans_key: str, *, batch_size: Optional[int] = None
) -> List[List[Dict[str, Any]]]:
    """Predict the spans of some texts. Texts of about the same length are in a batch, so that
    little is padded, and a batch has at most 10,000 words, unless it is a single text.

    nlp (Language): The pipeline.
    texts (Sequence[str]): The texts, which are all tokenized before the first is annotated.
    spans_key (str): Key of `Doc.spans`.
    batch_size (Optional[int]): Most texts of a batch. If None, that of the pipeline.
    RETURNS (List[List[Dict[str, Any]]]): The spans of each text, see `get_span_annotations`.
    """
    spans: List[List[Dict[str, Any]]] = [[] for _ in texts]
    # What the vocab takes up from the texts is freed again.
    with nlp.memory_zone():
        docs = [nlp.make_doc(text) for text in texts]
        for indices in _make_batches([len(doc) for doc in docs], batch_size or nlp.batch_size):
            batch = nlp.pipe([docs[index] for index in indices], batch_size=len(indices))
            for index, doc in zip(indices, batch, strict=True):
                spans[index] = get_span_annotations(doc, spans_key)
                docs[index] = None  # type: ignore[call-overload]
        del docs
    return spans


def get_span_annotations(doc: Doc, spans_key: str) -> List[Dict[str, Any]]:
    """Get the spans of a doc as JSON can hold them.

    doc (Doc): The doc.
    spans_key (str): Key of `Doc.spans`, which the doc need not have.
    RETURNS (List[Dict[str, Any]]): The "start" and "end" of each span in characters, its "label"
        and "text", as "parent" the index of the smallest span around it, or None. If the component
        gives scores, there is a "score", rounded to four digits, and if the span is linked to an
        entry of a knowledge base, a "kb_id".
    """
    if spans_key not in doc.spans:
        return []
    nodes = span_tree(doc.spans[spans_key])
    annotations: List[Dict[str, Any]] = [
        {
            "start": node.span.start_char,
            "end": node.span.end_char,
            "label": node.span.label_,
            "text": node.span.text,
            "parent": node.parent,
        }
        for node in nodes
    ]
    for annotation, score in zip(annotations, doc.spans[spans_key].attrs.get("scores", [])):
        # JSON has no number for what a damaged model computes.
        if math.isfinite(score):
            annotation["score"] = round(float(score), 4)
    for annotation, node in zip(annotations, nodes):
        if node.span.kb_id_:
            annotation["kb_id"] = node.span.kb_id_
    return annotations


def _make_batches(lengths: Sequence[int], batch_size: int) -> Iterator[List[int]]:
    batch: List[int] = []
    n_words = 0
    for index in sorted(range(len(lengths)), key=lambda index: lengths[index]):
        n_words += lengths[index]
        if batch and (len(batch) == batch_size or n_words > WORDS_PER_BATCH):
            yield batch
            batch, n_words = [], lengths[index]
        batch.append(index)
    if batch:
        yield batch
