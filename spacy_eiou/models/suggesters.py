"""Which spans of a doc are candidates."""

from typing import Iterable, Optional

import numpy
from spacy.pipeline.spancat import Suggester
from spacy.tokens import Doc
from thinc.api import Ops, get_current_ops
from thinc.types import Ints1d, Ragged


class SpanSuggester:
    """Suggest all spans up to a width that do not cross a sentence boundary.

    Candidates are ordered by start, then end. In docs without sentence boundaries they are only
    bounded by the doc.

    max_width (Optional[int]): The widest candidate, in tokens. `None` leaves the choice to the
        component, which takes the longest gold span that it sees at initialization.
    """

    def __init__(self, max_width: Optional[int] = None) -> None:
        if max_width is not None and max_width < 1:
            raise ValueError(f"max_width must be at least 1 token, but is {max_width}.")
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
        doc_bounds = numpy.cumsum([0] + [len(doc) for doc in docs])
        starts = numpy.arange(doc_bounds[-1]) - numpy.repeat(
            doc_bounds[:-1], numpy.diff(doc_bounds)
        )
        ends = numpy.concatenate([numpy.zeros(0, dtype="i"), *map(segment_ends, docs)])
        counts = numpy.minimum(ends - starts, self.max_width)
        count_bounds = numpy.append(0, numpy.cumsum(counts))
        candidate_starts = numpy.repeat(starts, counts)
        widths = numpy.arange(1, count_bounds[-1] + 1) - numpy.repeat(count_bounds[:-1], counts)
        candidates = numpy.stack([candidate_starts, candidate_starts + widths], axis=1)
        lengths = numpy.diff(count_bounds[doc_bounds])
        return Ragged(ops.asarray2i(candidates), ops.asarray1i(lengths))


def segment_ends(doc: Doc) -> Ints1d:
    """RETURNS (Ints1d): For each token, the end of its sentence, or of the doc when it has no
    sentence boundaries."""
    if not doc.has_annotation("SENT_START"):
        return numpy.full(len(doc), len(doc), dtype="i")
    boundaries = numpy.flatnonzero(doc.to_array("SENT_START") == 1)
    boundaries = numpy.unique(numpy.append(boundaries, [0, len(doc)]))
    return numpy.repeat(boundaries[1:], numpy.diff(boundaries)).astype("i")


def build_span_suggester_v1(max_width: Optional[int] = None) -> Suggester:
    """Create a suggester of all spans within sentences.

    max_width (Optional[int]): The widest candidate, in tokens. By default, the longest gold span
        that the component sees at initialization.
    RETURNS (Suggester): The suggester.
    """
    return SpanSuggester(max_width)
