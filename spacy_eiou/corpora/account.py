from collections import Counter
from typing import Any, Dict, Iterable, List, Optional, Tuple
from typing import Counter as CounterType

import numpy as np
from spacy.tokens import Doc

from ..spans.nesting import Nesting, find_nesting
from ..spans.pairs import lay_end_to_end
from ..spans.widths import WidthChoice, choose_width
from ._files import printable
from .record import Changed, Dropped, Record, Remark

# What is counted of how the entities lie to each other, see `spans.nesting`.
NESTING = ("nested", "inner", "outer", "crossing", "overlapping")


class Account:
    """What a conversion produced, dropped and skipped.

    documents (int): Number of docs.
    unit (str): What lengths count and nesting is told from: "tokens", or "characters" of a format
        that has no tokens.
    tokens (int): Number of tokens, if lengths count them.
    entities (Counter[str]): Number of entities per label.
    longest (int): Length of the longest entity.
    skipped (Counter[str]): Number of skipped records per reason.
    dropped (Counter[str]): Number of dropped entities per reason.
    examples (Dict[str, Dropped]): The first dropped entity per reason.
    changed (Counter[str]): Number of entities that are not as the file states them, per reason.
    changed_examples (Dict[str, Changed]): The first of them per reason.
    changed_texts (Counter[str]): Number of texts that the format can't hold as is, per reason.
    bad (List[str]): What is malformed: file, line or record, and what was expected there.
    n_items (int): Number of records and entities of the corpus, malformed ones too.
    n_by_several (int): Number of documents that several annotators annotated.
    warnings (List[str]): What may be wrong with the corpus, see `find_warnings`.
    """

    def __init__(self) -> None:
        self.documents = 0
        self.unit = "tokens"
        self.tokens = 0
        self.entities: CounterType[str] = Counter()
        self.longest = 0
        self.skipped: CounterType[str] = Counter()
        self.dropped: CounterType[str] = Counter()
        self.examples: Dict[str, Dropped] = {}
        self.changed: CounterType[str] = Counter()
        self.changed_examples: Dict[str, Changed] = {}
        self.changed_texts: CounterType[str] = Counter()
        self.bad: List[str] = []
        self.n_items = 0
        self.n_by_several = 0
        self.warnings: List[str] = []
        self._agreement = (0, 0)
        self._spans: List[Tuple[int, int, int]] = []
        self._lengths: List[int] = []

    def add(self, doc: Doc, spans_key: str, dropped: Iterable[Dropped] = ()) -> None:
        """Add a doc.

        doc (Doc): The doc.
        spans_key (str): Key of its entities in `doc.spans`.
        dropped (Iterable[Dropped]): The entities that it could not hold.
        """
        spans = list(doc.spans[spans_key])
        self._spans += [(self.documents, span.start, span.end) for span in spans]
        self.documents += 1
        self.tokens += len(doc)
        self._lengths.append(len(doc))
        self.entities.update(span.label_ for span in spans)
        self.longest = max([self.longest, *(len(span) for span in spans)])
        for item in dropped:
            self.dropped[item.reason] += 1
            self.examples.setdefault(item.reason, item)

    def add_text(self, record: Record) -> None:
        """Add a text that is stored without tokens.

        record (Record): The text and its entities.
        """
        self.unit = "characters"
        spans = [(entity.start, entity.end) for entity in record.entities]
        self._spans += [(self.documents, start, end) for start, end in spans]
        self.documents += 1
        self.entities.update(entity.label for entity in record.entities)
        self.longest = max([self.longest, *(end - start for start, end in spans)])

    def add_record(self, record: Record) -> None:
        """Add what happened to a record before it became a doc.

        record (Record): The record.
        """
        self.bad += record.bad
        self.n_items += 1 + len(record.entities) + len(record.dropped)
        if record.skipped is not None:
            self.skip(record.skipped)
            return
        for dropped in record.dropped:
            self.dropped[dropped.reason] += 1
            self.examples.setdefault(dropped.reason, dropped)
        for changed in record.changed:
            self.changed[changed.reason] += 1
            self.changed_examples.setdefault(changed.reason, changed)
        if record.agreement is not None:
            self.n_by_several += 1
            same, total = self._agreement
            self._agreement = (same + record.agreement[0], total + record.agreement[1])

    @property
    def agreement(self) -> Optional[float]:
        """F-score of the entities of each annotator with those of each other annotator, over the
        documents that several of them annotated; None if there is none, or no entity in them."""
        same, total = self._agreement
        return same / total if total else None

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

    @property
    def default_width(self) -> Optional[WidthChoice]:
        """How wide candidates are by default, and what the widest entities cost; None if there are
        no entities."""
        if not self._spans:
            return None
        spans = np.array(self._spans)
        return choose_width(spans[:, 2] - spans[:, 1], np.array(self._lengths))

    def is_lossless(self) -> bool:
        """Tell whether the docs hold all records and entities of the corpus.

        RETURNS (bool): Whether nothing was dropped, skipped, changed or malformed.
        """
        lost = (self.dropped, self.skipped, self.changed, self.changed_texts, self.bad)
        return not any(lost)

    def to_dict(self) -> Dict[str, Any]:
        """Export the account.

        RETURNS (Dict[str, Any]): The account, for JSON.
        """
        nesting = self.nesting
        return {
            "documents": self.documents,
            **({"tokens": self.tokens} if self.unit == "tokens" else {}),
            "entities": sum(self.entities.values()),
            "entities_per_label": dict(self.entities.most_common()),
            **{name: int(getattr(nesting, name).sum()) for name in NESTING},
            f"longest_in_{self.unit}": self.longest,
            "skipped_records": dict(self.skipped),
            "dropped_entities": {
                reason: {"count": count, "example": _example_to_dict(self.examples[reason])}
                for reason, count in self.dropped.most_common()
            },
            "changed_entities": {
                reason: {"count": count, "example": _example_to_dict(self.changed_examples[reason])}
                for reason, count in self.changed.most_common()
            },
            "changed_texts": dict(self.changed_texts),
            "malformed": self.bad,
            "documents_of_several_annotators": self.n_by_several,
            "agreement": self.agreement,
            "warnings": self.warnings,
        }


def _example_to_dict(remark: Remark) -> Dict[str, Any]:
    return {
        "record": remark.record,
        "where": printable(remark.where),
        "label": remark.entity.label,
        "start": remark.entity.start,
        "end": remark.entity.end,
        "text": remark.text,
    }
