"""Which spans of a doc are candidates."""

from typing import Iterable, List, Optional

import numpy as np
from spacy.attrs import IS_SPACE
from spacy.pipeline.spancat import Suggester
from spacy.tokens import Doc
from thinc.api import NumpyOps, Ops, get_current_ops
from thinc.types import Ints1d, Ragged

from ..spans.sentences import sentence_ends


class SpanSuggester:
    """Suggest all spans up to a width that do not cross a sentence boundary, and neither begin nor
    end with a white-space token.

    Candidates are ordered by start, then end. In docs without sentence boundaries they are only
    bounded by the doc.

    max_width (Optional[int]): The widest candidate, in tokens. `None` leaves the choice to the
        component, which takes the longest gold span that it sees at initialization.
    """

    def __init__(self, max_width: Optional[int] = None) -> None:
        if max_width is not None and not (isinstance(max_width, int) and max_width >= 1):
            raise ValueError(f"max_width must be at least 1 token, but is {max_width!r}.")
        self.max_width = max_width
        self.learns_width = max_width is None

    def __call__(self, docs: Iterable[Doc], *, ops: Optional[Ops] = None) -> Ragged:
        """Suggest candidates.

        docs (Iterable[Doc]): The docs.
        ops (Optional[Ops]): Where to allocate the result: by default, the current ops.
        RETURNS (Ragged): Rows `[start, end)` in tokens of the doc, shape (n, 2), with the number
            of rows per doc.
        RAISES (ValueError): If neither the settings nor an initialization gave a maximum width.
        """
        if self.max_width is None:
            raise ValueError(
                "The span suggester does not know how wide candidates get. Initialize the "
                "pipeline with training examples, or set `max_width` in the block `suggester`."
            )
        ops = ops or get_current_ops()
        docs = list(docs)
        doc_lengths = np.asarray([len(doc) for doc in docs], dtype="i")
        doc_bounds = _bounds(doc_lengths)
        starts = np.arange(doc_bounds[-1], dtype="i") - doc_bounds[:-1].repeat(doc_lengths)
        ends = doc_lengths.repeat(doc_lengths)
        is_space = np.zeros(doc_bounds[-1], dtype=bool)
        for doc, start, end in zip(docs, doc_bounds, doc_bounds[1:]):
            is_space[start:end] = doc.to_array(IS_SPACE)
            if doc.has_annotation("SENT_START"):
                ends[start:end] = sentence_ends(doc)
        counts = np.minimum(ends - starts, self.max_width)
        count_bounds = _bounds(counts)
        candidates = np.empty((count_bounds[-1], 2), dtype="i")
        candidates[:, 0] = starts.repeat(counts)
        # The first candidate of each token ends one token further.
        candidates[:, 1] = np.arange(1, len(candidates) + 1)
        candidates[:, 1] += (starts - count_bounds[:-1]).repeat(counts)
        lengths = np.diff(count_bounds[doc_bounds])
        if is_space.any():
            owners = np.arange(len(docs)).repeat(lengths)
            places = candidates + doc_bounds[owners, None]
            kept = ~(is_space[places[:, 0]] | is_space[places[:, 1] - 1])
            candidates = candidates[kept]
            lengths = np.bincount(owners[kept], minlength=len(docs))
        return Ragged(ops.asarray2i(candidates), ops.asarray1i(lengths))


def _bounds(lengths: Ints1d) -> Ints1d:
    """RETURNS (Ints1d): Where parts of these lengths begin, laid end to end, and the end."""
    bounds = np.zeros(len(lengths) + 1, dtype="i")
    np.cumsum(lengths, out=bounds[1:])
    return bounds


def build_span_suggester_v1(max_width: Optional[int] = None) -> Suggester:
    """Create a suggester of all spans within sentences.

    max_width (Optional[int]): The widest candidate, in tokens. By default, the longest gold span
        that the component sees at initialization.
    RETURNS (Suggester): The suggester.
    """
    return SpanSuggester(max_width)


def suggest(suggester: Suggester, docs: List[Doc]) -> Optional[Ragged]:
    """Suggest candidates for docs that earlier components may not have annotated.

    suggester (Suggester): The suggester.
    docs (List[Doc]): The docs.
    RETURNS (Optional[Ragged]): The candidates; None if they are spans that a component will set.
    """
    try:
        return suggester(docs, ops=NumpyOps())
    except KeyError:
        return None
