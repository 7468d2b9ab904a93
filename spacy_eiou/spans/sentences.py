import numpy as np
from spacy.tokens import Doc

from .pairs import Ints


def sentence_bounds(doc: Doc) -> Ints:
    """RETURNS (Ints): Where the sentences of a doc begin, and its end, in tokens, ascending. A doc
    without sentence boundaries is one sentence, and an empty one has none, shape (m + 1,)."""
    starts = np.flatnonzero(doc.to_array("SENT_START") == 1)
    return np.unique(np.append(starts, [0, len(doc)]))


def sentence_ends(doc: Doc) -> Ints:
    """RETURNS (Ints): For each token of a doc, the end of its sentence, shape (len(doc),)."""
    bounds = sentence_bounds(doc)
    return np.repeat(bounds[1:], np.diff(bounds))
