from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Counter as CounterType
from typing import DefaultDict, Iterable, List, Optional, Set, Tuple

import numpy as np
from spacy.strings import get_string_id
from spacy.tokens import Span
from spacy.training import Example

from ..spans.groups import align_gold_spans, get_spans
from ..spans.widths import WidthChoice, choose_width, part_lengths
from .ceilings import Ceilings

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
    counted (Set[str]): The labels whose spans `initialize` has counted.
    hashes (Set[int]): Hashes of the examples, of their text and annotation.
    mentions (Set[int]): Hashes of the mentions of the initialization, of their text and labels.
    is_initial (bool): Whether the examples are those of the initialization. Later ones may be
        variants of them, which an augmenter makes: the widths and numbers of labels of known
        mentions don't count again.
    """

    labels: CounterType[str] = field(default_factory=Counter)
    widths: CounterType[int] = field(default_factory=Counter)
    lengths: CounterType[int] = field(default_factory=Counter)
    n_labels: CounterType[int] = field(default_factory=Counter)
    n_known: int = 0
    ceilings: Ceilings = field(default_factory=Ceilings)
    counted: Set[str] = field(default_factory=set)
    hashes: Set[int] = field(default_factory=set)
    mentions: Set[int] = field(default_factory=set)
    is_initial: bool = True

    def add(self, examples: Iterable[Example], spans_key: str) -> None:
        """Add the gold spans of examples.

        examples (Iterable[Example]): The examples.
        spans_key (str): Key of the spans.
        """
        for eg in examples:
            self.hashes.add(_hash_example(eg, spans_key))
            self.labels.update(span.label_ for span in eg.reference.spans.get(spans_key, []))
            self.lengths.update(part_lengths([eg.predicted]).tolist())
            on_boundaries: DefaultDict[Tuple[int, int], List[Span]] = defaultdict(list)
            for span in align_gold_spans(eg, spans_key):
                on_boundaries[span.start, span.end].append(span)
            for (start, end), spans in on_boundaries.items():
                labels = {span.label_ for span in spans}
                mention = _hash((spans[0].text.lower(), sorted(labels)))
                if self.is_initial:
                    self.mentions.add(mention)
                elif mention in self.mentions:
                    continue
                self.n_labels[len(labels)] += 1
                self.widths[end - start] += len(spans)

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

    def choose_width(self, *, earlier_width: Optional[int] = None) -> Optional[WidthChoice]:
        """Choose how wide candidates should be.

        earlier_width (Optional[int]): The width so far, see `choose_width` of the widths.
        RETURNS (Optional[WidthChoice]): The choice; None if no gold span begins and ends with a
            token.
        """
        if not self.widths:
            return None
        widths, lengths = (np.array(list(c.elements())) for c in (self.widths, self.lengths))
        return choose_width(widths, lengths, earlier_width=earlier_width)


def _hash_example(example: Example, spans_key: str) -> int:
    return _hash((example.reference.text, get_spans(example.reference, spans_key)))


def _hash(value: object) -> int:
    # Unlike Python's, spaCy's hash is the same in each process.
    return get_string_id(repr(value))
