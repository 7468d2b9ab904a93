"""What a pipeline finds in some texts, as plain data."""

import math
import warnings
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple
from weakref import WeakKeyDictionary

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc, Span

from ..corpora import CorpusError
from ..garbage import paused_collection
from ..pipeline.loading import load_finished_pipeline
from ..pipeline.prediction import get_spans_keys
from ..spans import get_scores
from ..spans.nesting import find_parents
from ..spans.pairs import lay_end_to_end
from .sources import SourceText

# An annotated text: "id", "text" and "spans", each of which has "start", "end", "label", "text",
# "parent" (the index of a span, or None) and maybe "score" and "kb_id".
Annotation = Dict[str, Any]

# Not a part of the first word, as which the tokenizer takes it.
BYTE_ORDER_MARK = "\ufeff"
# The memory that a batch takes grows with its words, not with its texts.
WORDS_PER_BATCH = 10_000
# So many texts and characters are in memory at once.
TEXTS_PER_WINDOW = 2_000
CHARS_PER_WINDOW = 1_000_000
# So many strings stay in the vocab, some 20 MB with what is known of them, from texts of so many
# characters: a single string may be long.
MAX_NEW_STRINGS = 50_000
MAX_FIRST_CHARS = 10_000_000


class PredictedText(NamedTuple):
    """What a pipeline finds in a text.

    n_words (int): The number of tokens.
    spans (List[Dict[str, Any]]): The spans, see `get_span_annotations`.
    """

    n_words: int
    spans: List[Dict[str, Any]]


@cache
def load_once(model: str, use_gpu: int) -> Language:
    """Load a pipeline, once for each process.

    model (str): Name or path of the pipeline.
    use_gpu (int): GPU ID or -1 for CPU.
    RETURNS (Language): The pipeline.
    """
    return load_finished_pipeline(model, use_gpu=use_gpu)


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


def annotate_texts(
    nlp: Language,
    texts: Iterable[SourceText],
    spans_key: str,
    *,
    batch_size: Optional[int] = None,
) -> Iterator[Annotation]:
    """Annotate texts one after the other, in memory that doesn't grow with their number.

    nlp (Language): The pipeline.
    texts (Iterable[SourceText]): The texts.
    spans_key (str): Key of `Doc.spans`.
    batch_size (Optional[int]): Most texts to annotate at once. If None, that of the pipeline.
    YIELDS (Annotation): The "id", "text" and "spans" of each text, see `get_span_annotations`, and
        as "meta" what else its source says of it, if anything.
    """
    for source, predicted in predict_sources(nlp, texts, spans_key, batch_size=batch_size):
        yield make_annotation(source, predicted)


def make_annotation(source: SourceText, predicted: PredictedText) -> Annotation:
    """RETURNS (Annotation): A text and what was predicted, see `annotate_texts`."""
    meta = {"meta": source.meta} if source.meta else {}
    return {"id": source.id, "text": source.text, "spans": predicted.spans, **meta}


def predict_sources(
    nlp: Language,
    texts: Iterable[SourceText],
    spans_key: str,
    *,
    batch_size: Optional[int] = None,
) -> Iterator[Tuple[SourceText, PredictedText]]:
    """Predict the spans of texts one after the other, in memory that doesn't grow with their
    number.

    nlp (Language): The pipeline.
    texts (Iterable[SourceText]): The texts.
    spans_key (str): Key of `Doc.spans`.
    batch_size (Optional[int]): Most texts to annotate at once. If None, that of the pipeline.
    YIELDS (Tuple[SourceText, PredictedText]): The texts and what was predicted, in order.
    """
    for window in make_windows(texts):
        predicted = predict_texts(
            nlp, [source.text for source in window], spans_key, batch_size=batch_size
        )
        yield from zip(window, predicted, strict=True)


def predict_texts(
    nlp: Language,
    texts: Sequence[str],
    spans_key: str,
    *,
    batch_size: Optional[int] = None,
    component_cfg: Optional[Dict[str, Dict[str, Any]]] = None,
) -> List[PredictedText]:
    """Predict the spans of some texts. Texts of about the same length are in a batch, so that
    little is padded, and a batch has at most 10,000 words, unless it is a single text. A byte order
    mark at the start of a text is left out, but offsets count it.

    nlp (Language): The pipeline.
    texts (Sequence[str]): The texts, which are all tokenized before the first is annotated.
    spans_key (str): Key of `Doc.spans`.
    batch_size (Optional[int]): Most texts of a batch. If None, that of the pipeline.
    component_cfg (Optional[Dict[str, Dict[str, Any]]]): Arguments of components, see `nlp.pipe`.
    RETURNS (List[PredictedText]): What was predicted for each text.
    """
    predicted: Dict[int, PredictedText] = {}
    with keeping_first_strings(nlp, sum(map(len, texts))):
        # Of many docs and spans, none is garbage before a batch is done.
        with paused_collection():
            docs = {
                index: nlp.make_doc(text.removeprefix(BYTE_ORDER_MARK))
                for index, text in enumerate(texts)
            }
        lengths = [len(doc) for doc in docs.values()]
        for indices in make_batches(lengths, batch_size or nlp.batch_size):
            with paused_collection():
                batch = nlp.pipe(
                    [docs.pop(index) for index in indices],
                    batch_size=len(indices),
                    component_cfg={name: {**cfg} for name, cfg in (component_cfg or {}).items()},
                )
                annotations = get_span_annotations([*batch], spans_key)
            for index, spans in zip(indices, annotations, strict=True):
                if texts[index].startswith(BYTE_ORDER_MARK):
                    for span in spans:
                        span.update(start=span["start"] + 1, end=span["end"] + 1)
                predicted[index] = PredictedText(lengths[index], spans)
            # Nothing of a doc may be left when its memory is freed.
            del batch
    return [predicted[index] for index in range(len(texts))]


# Of each pipeline, the strings that its vocab had, and the characters of texts since then.
_first_texts: "WeakKeyDictionary[Language, Tuple[int, int]]" = WeakKeyDictionary()


def keeping_first_strings(nlp: Language, n_chars: int) -> "AbstractContextManager[object]":
    """Let the vocab keep what it takes up from texts until that is much, and free it again from
    then on. spaCy's tokenizer remembers words only outside of a memory zone. With those of the
    first texts, which are most of all texts, a pipeline with a CNN takes a third less time.

    nlp (Language): The pipeline.
    n_chars (int): The number of characters of the texts.
    RETURNS (AbstractContextManager[object]): The context to predict some texts in.
    """
    n_strings = len(nlp.vocab.strings)
    n_before, n_first_chars = _first_texts.get(nlp, (n_strings, 0))
    n_first_chars += n_chars
    if n_strings - n_before >= MAX_NEW_STRINGS or n_first_chars > MAX_FIRST_CHARS:
        return nlp.memory_zone()
    _first_texts[nlp] = n_before, n_first_chars
    return nullcontext()


def get_span_annotations(docs: Sequence[Doc], spans_key: str) -> List[List[Dict[str, Any]]]:
    """Get the spans of docs as JSON can hold them.

    docs (Sequence[Doc]): The docs.
    spans_key (str): Key of `Doc.spans`, which a doc need not have.
    RETURNS (List[List[Dict[str, Any]]]): For each doc, the "start" and "end" of each span in
        characters, its "label" and "text", as "parent" the index of the smallest span around it, or
        None. If the component gives scores, there is a "score", rounded to four digits, and if the
        span is linked to an entry of a knowledge base, a "kb_id".
    """
    groups = [doc.spans.get(spans_key, []) for doc in docs]
    spans = [[*group] for group in groups]
    annotations = [
        [_describe(span, parent) for span, parent in zip(some, parents)]
        for some, parents in zip(spans, _find_parents(spans))
    ]
    for group, described in zip(groups, annotations):
        known = [(span["start"], span["end"], span["label"]) for span in described]
        scores = get_scores(group, known) if described else None
        for annotation, score in zip(described, scores or []):
            # JSON has no number for what a damaged model computes.
            if math.isfinite(score):
                annotation["score"] = round(score, 4)
    for some, described in zip(spans, annotations):
        for span, annotation in zip(some, described):
            if span.kb_id_:
                annotation["kb_id"] = span.kb_id_
    return annotations


def _describe(span: Span, parent: int) -> Dict[str, Any]:
    return {
        "start": span.start_char,
        "end": span.end_char,
        "label": span.label_,
        "text": span.text,
        "parent": None if parent < 0 else parent,
    }


def _find_parents(docs: List[List[Span]]) -> Iterator[List[int]]:
    """YIELDS (List[int]): The parents of the spans of each doc, negative where there is none."""
    lengths = [len(spans) for spans in docs]
    bounds = [(span.start, span.end) for spans in docs for span in spans]
    documents = np.repeat(np.arange(len(docs)), lengths)
    spans = np.array(bounds, dtype=np.int64).reshape(-1, 2)
    # One call for all docs takes a tenth of the time.
    parents = find_parents(lay_end_to_end(documents, spans))
    start = 0
    for length in lengths:
        yield (parents[start : start + length] - start).tolist()
        start += length


def make_windows(texts: Iterable[SourceText]) -> Iterator[List[SourceText]]:
    """Divide texts into windows, so that what is made of one fits into memory.

    texts (Iterable[SourceText]): The texts.
    YIELDS (List[SourceText]): At least one text, and as many as a window may have.
    """
    window: List[SourceText] = []
    n_chars = 0
    for text in texts:
        n_chars += len(text.text)
        if window and (len(window) == TEXTS_PER_WINDOW or n_chars > CHARS_PER_WINDOW):
            yield window
            window, n_chars = [], len(text.text)
        window.append(text)
    if window:
        yield window


def make_batches(lengths: Sequence[int], batch_size: int) -> Iterator[List[int]]:
    """Divide the texts of a window into batches of texts that are about as long.

    lengths (Sequence[int]): The number of words of each text.
    batch_size (int): The most texts of a batch, which has at most `WORDS_PER_BATCH` words unless it
        is a single text.
    YIELDS (List[int]): The indices of texts, the shortest ones first.
    """
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
