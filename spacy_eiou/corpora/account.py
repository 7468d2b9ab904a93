from collections import Counter
from typing import Any, Dict, Iterable, List, Tuple
from typing import Counter as CounterType

import numpy as np
from spacy.tokens import Doc

from ..spans.nesting import Nesting, find_nesting
from ..spans.pairs import lay_end_to_end
from .record import Dropped

# What is counted of how the entities lie to each other, see `spans.nesting`.
NESTING = ("nested", "inner", "outer", "crossing", "overlapping")


class Account:
    """What a conversion produced, dropped and skipped.

    documents (int): Number of docs.
    tokens (int): Number of tokens.
    entities (Counter[str]): Number of entities per label.
    longest (int): Length of the longest entity, in tokens.
    skipped (Counter[str]): Number of skipped records per reason.
    dropped (Counter[str]): Number of dropped entities per reason.
    examples (Dict[str, Dropped]): The first dropped entity per reason.
    """

    def __init__(self) -> None:
        self.documents = 0
        self.tokens = 0
        self.entities: CounterType[str] = Counter()
        self.longest = 0
        self.skipped: CounterType[str] = Counter()
        self.dropped: CounterType[str] = Counter()
        self.examples: Dict[str, Dropped] = {}
        self._spans: List[Tuple[int, int, int]] = []

    def add(self, doc: Doc, spans_key: str, dropped: Iterable[Dropped] = ()) -> None:
        """Add a doc.

        doc (Doc): The doc.
        spans_key (str): Key of its entities in `doc.spans`.
        dropped (Iterable[Dropped]): The entities that it could not hold.
        """
        spans = doc.spans[spans_key]
        self._spans += [(self.documents, span.start, span.end) for span in spans]
        self.documents += 1
        self.tokens += len(doc)
        self.entities.update(span.label_ for span in spans)
        self.longest = max([self.longest, *(len(span) for span in spans)])
        for item in dropped:
            self.dropped[item.reason] += 1
            self.examples.setdefault(item.reason, item)

    def skip(self, reason: str) -> None:
        """Add a record that is left out.

        reason (str): Why it is left out.
        """
        self.skipped[reason] += 1

    @property
    def nesting(self) -> Nesting:
        """How the entities lie to each other."""
        spans = np.array(self._spans, dtype=np.int64).reshape(-1, 3)
        return find_nesting(lay_end_to_end(spans[:, 0], spans[:, 1:]))

    def is_lossless(self) -> bool:
        """Tell whether the docs hold all records and entities of the corpus.

        RETURNS (bool): Whether nothing was dropped or skipped.
        """
        return not self.dropped and not self.skipped

    def to_dict(self) -> Dict[str, Any]:
        """Export the account.

        RETURNS (Dict[str, Any]): The account, for JSON.
        """
        nesting = self.nesting
        return {
            "documents": self.documents,
            "tokens": self.tokens,
            "entities": sum(self.entities.values()),
            "entities_per_label": dict(self.entities.most_common()),
            **{name: int(getattr(nesting, name).sum()) for name in NESTING},
            "longest_in_tokens": self.longest,
            "skipped_records": dict(self.skipped),
            "dropped_entities": {
                reason: {"count": count, "example": _example_to_dict(self.examples[reason])}
                for reason, count in self.dropped.most_common()
            },
        }


def _example_to_dict(dropped: Dropped) -> Dict[str, Any]:
    return {
        "record": dropped.record,
        "label": dropped.entity.label,
        "start": dropped.entity.start,
        "end": dropped.entity.end,
        "text": dropped.text,
    }
