from collections import Counter
from dataclasses import dataclass, field
from typing import Counter as CounterType
from typing import Iterable, List, Optional, Set

import numpy as np
from spacy.strings import get_string_id
from spacy.training import Example

from ..spans.groups import get_spans
from ..spans.widths import WidthChoice, choose_width, part_lengths
from .ceilings import Ceilings, align_gold_spans

# The share of the spans that have to bear several labels for `max_positive` to be more than 1: to
# score each label by itself costs rare ones more than fewer would gain
# (benchmarks/studies/single_labels).
MIN_SEVERAL = 0.01


@dataclass
class GoldSpans:
    """What the gold spans of examples are like.

    labels (Counter[str]): Number of spans by label.
    widths (Counter[int]): Number of spans by width, in tokens of the predicted docs.
    lengths (Counter[int]): Number of sentences, or docs without sentence boundaries, by length.
    n_labels (Counter[int]): Number of boundaries by how many labels are on them.
    n_known (int): Number of boundaries from before, which had one label each.
    ceilings (Ceilings): Those that can't be predicted, if that was looked at.
    left_out (Set[int]): The widths that were too costly to be covered, if that was looked at.
    counted (Set[str]): The labels whose spans `initialize` has counted.
    hashes (Set[int]): Hashes of the examples, of their text and annotation.
    """

    labels: CounterType[str] = field(default_factory=Counter)
    widths: CounterType[int] = field(default_factory=Counter)
    lengths: CounterType[int] = field(default_factory=Counter)
    n_labels: CounterType[int] = field(default_factory=Counter)
    n_known: int = 0
    ceilings: Ceilings = field(default_factory=Ceilings)
    left_out: Set[int] = field(default_factory=set)
    counted: Set[str] = field(default_factory=set)
    hashes: Set[int] = field(default_factory=set)

    def add(self, examples: Iterable[Example], spans_key: str) -> None:
        """Add the gold spans of examples.

        examples (Iterable[Example]): The examples.
        spans_key (str): Key of the spans.
        """
        for eg in examples:
            self.hashes.add(_hash_example(eg, spans_key))
            spans = align_gold_spans(eg, spans_key)
            labeled = {(span.start, span.end, span.label) for span in spans}
            self.n_labels.update(Counter((start, end) for start, end, _ in labeled).values())
            self.labels.update(span.label_ for span in eg.reference.spans.get(spans_key, []))
            self.widths.update(map(len, spans))
            self.lengths.update(part_lengths([eg.predicted]).tolist())

    def find_new(self, examples: Iterable[Example], spans_key: str) -> List[Example]:
        """Find the examples that were not added yet, such as in an earlier epoch.

        examples (Iterable[Example]): The examples.
        spans_key (str): Key of the spans.
        RETURNS (List[Example]): The new ones, each once.
        """
        by_hash = {_hash_example(eg, spans_key): eg for eg in examples}
        return [eg for hash_, eg in by_hash.items() if hash_ not in self.hashes]

    @property
    def max_positive(self) -> int:
        """The most labels on the same boundaries, or 1 if hardly any boundaries have several."""
        n_several = self.n_labels.total() - self.n_labels[1]
        is_rare = n_several < MIN_SEVERAL * (self.n_labels.total() + self.n_known)
        return 1 if is_rare else max(self.n_labels, default=1)

    def choose_width(self) -> Optional[WidthChoice]:
        """RETURNS (Optional[WidthChoice]): How wide candidates should be; None if no gold span
        begins and ends with a token."""
        if not self.widths:
            return None
        return choose_width(*(np.array(list(c.elements())) for c in (self.widths, self.lengths)))


def _hash_example(example: Example, spans_key: str) -> int:
    # Unlike Python's, spaCy's hash is the same in each process.
    return get_string_id(repr((example.reference.text, get_spans(example.reference, spans_key))))
