"""The groups of spans in a doc."""

import warnings
import zlib
from collections import Counter
from typing import Any, Dict, Iterable, List, Optional, Tuple

import numpy as np
from spacy.strings import get_string_id
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example

from .pairs import Ints

# Start and end character, end exclusive, and label.
LabeledSpan = Tuple[int, int, str]


def get_spans(doc: Doc, spans_key: str) -> List[LabeledSpan]:
    """Get the boundaries, in characters, and the labels of the spans under a key.

    doc (Doc): The doc.
    spans_key (str): Key of `Doc.spans`, which the doc need not have.
    RETURNS (List[LabeledSpan]): `(start_char, end_char, label)` of each span, in their order.
    """
    return _describe(doc.spans.get(spans_key, []))


def align_gold_spans(example: Example, spans_key: str) -> List[Span]:
    """RETURNS (List[Span]): The gold spans on the tokens of the predicted doc, as far as they begin
    and end with one."""
    gold = list(example.reference.spans.get(spans_key, []))
    words = example.predicted.to_array("ORTH")
    # Aligning takes longer than comparing, and mostly there is nothing to align.
    if np.array_equal(words, example.reference.to_array("ORTH")):
        return gold
    return example.get_aligned_spans_y2x(gold, allow_overlap=True)


def _describe(spans: Iterable[Span]) -> List[LabeledSpan]:
    return [(span.start_char, span.end_char, span.label_) for span in spans]


def scored(spans: Iterable[Span], scores: Any) -> Dict[str, Any]:
    """Make the attributes of a group whose spans have scores.

    spans (Iterable[Span]): The spans.
    scores (Floats1d): A score per span.
    RETURNS (Dict[str, Any]): The scores as "scores", and as "scored" a checksum of each span, by
        which `get_scores` sees that they are still the same.
    """
    return {"scores": scores, "scored": _checksums(_describe(spans))}


def _checksums(spans: List[LabeledSpan]) -> List[int]:
    return [get_string_id(repr(span)) for span in spans]


def _are_scored(known: Any, spans: List[LabeledSpan]) -> bool:
    # Earlier versions saved a single checksum.
    if isinstance(known, int):
        return known == zlib.crc32(repr(spans).encode("utf8"))
    return bool(known == _checksums(spans))


def get_scores(
    group: SpanGroup, spans: Optional[List[LabeledSpan]] = None
) -> Optional[List[float]]:
    """Get the scores of the spans of a group.

    group (SpanGroup): The group.
    spans (Optional[List[LabeledSpan]]): What `get_spans` gives for it, if that is known already.
    RETURNS (Optional[List[float]]): A score per span; None if they have none, or if spans were
        added, removed or exchanged since, of which a warning tells.
    """
    scores = group.attrs.get("scores")
    if scores is None:
        return None
    # Groups of spaCy's own components have no checksums.
    known = group.attrs.get("scored")
    if len(scores) != len(group) or (
        known is not None and not _are_scored(known, _describe(group) if spans is None else spans)
    ):
        warnings.warn(
            f"Spans under the key '{group.name}' were added, removed or exchanged after they got "
            "scores. It is not known which score belongs to which span, so that they are left out.",
            stacklevel=3,
        )
        return None
    # Those of spaCy's spancat_singlelabel are a column.
    return [float(score) for score in np.ravel(scores)]


def get_score(group: SpanGroup, span: Span) -> Optional[float]:
    """Get the score of one span of a group.

    group (SpanGroup): The group.
    span (Span): The span, or another one of its doc with the same boundaries and label.
    RETURNS (Optional[float]): Its score; None if it has none, or if it is not known which score
        belongs to which span.
    """
    place = span.start, span.end, span.label
    scores, known = group.attrs.get("scores", ()), group.attrs.get("scored")
    if isinstance(known, list) and len(known) == len(group) == len(scores):
        # To check the whole group for each of its spans would take quadratic time.
        (checksum,) = _checksums(_describe([span]))
        if checksum not in known:
            return None
        row = known.index(checksum)
        if (group[row].start, group[row].end, group[row].label) == place:
            return float(np.ravel(scores)[row])
    for other, score in zip(group, get_scores(group) or []):
        if (other.start, other.end, other.label) == place:
            return score
    return None


def to_boundaries(spans: Iterable[LabeledSpan]) -> Ints:
    """RETURNS (Ints): The boundaries of spans as rows `[start, end)`, shape (n, 2)."""
    return np.array([span[:2] for span in spans], dtype=np.int64).reshape(-1, 2)


def describe_spans_keys(docs: Iterable[Doc]) -> str:
    """Name the keys of `Doc.spans` that occur in docs, for error messages.

    docs (Iterable[Doc]): The docs.
    RETURNS (str): A sentence with the keys and their number of spans, which tells of entities in
        `Doc.ents` if there are no spans at all.
    """
    counts: Counter[str] = Counter()
    n_ents = 0
    for doc in docs:
        counts.update({key: len(group) for key, group in doc.spans.items()})
        n_ents += len(doc.ents)
    keys = ", ".join(f"'{key}' ({count} spans)" for key, count in counts.items())
    if n_ents and not keys:
        return (
            f"Spans keys in the data: none, the {n_ents} entities are in doc.ents. Copy them: "
            "doc.spans['sc'] = list(doc.ents)."
        )
    return f"Spans keys in the data: {keys or 'none'}."
