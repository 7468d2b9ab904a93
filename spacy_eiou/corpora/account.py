from collections import Counter
from typing import Any, Dict, Iterable, Tuple
from typing import Counter as CounterType

import numpy
from spacy.tokens import Doc, SpanGroup
from wasabi import Printer

from .record import Dropped


class Account:
    """What a conversion produced, dropped and skipped.

    documents (int): Number of docs.
    tokens (int): Number of tokens.
    entities (Counter[str]): Number of entities per label.
    nested (int): Number of entities that lie within a longer one.
    overlapping (int): Number of entities that share a token with another one.
    longest (int): Length of the longest entity, in tokens.
    skipped (Counter[str]): Number of skipped records per reason.
    dropped (Counter[str]): Number of dropped entities per reason.
    examples (Dict[str, Dropped]): The first dropped entity per reason.
    """

    def __init__(self) -> None:
        self.documents = 0
        self.tokens = 0
        self.entities: CounterType[str] = Counter()
        self.nested = 0
        self.overlapping = 0
        self.longest = 0
        self.skipped: CounterType[str] = Counter()
        self.dropped: CounterType[str] = Counter()
        self.examples: Dict[str, Dropped] = {}

    def add(self, doc: Doc, spans_key: str, dropped: Iterable[Dropped] = ()) -> None:
        """Add a doc.

        doc (Doc): The doc.
        spans_key (str): Key of its entities in `doc.spans`.
        dropped (Iterable[Dropped]): The entities that it could not hold.
        """
        spans = doc.spans[spans_key]
        nested, overlapping = count_nested(spans)
        self.documents += 1
        self.tokens += len(doc)
        self.entities.update(span.label_ for span in spans)
        self.nested += nested
        self.overlapping += overlapping
        self.longest = max([self.longest, *(len(span) for span in spans)])
        for item in dropped:
            self.dropped[item.reason] += 1
            self.examples.setdefault(item.reason, item)

    def skip(self, reason: str) -> None:
        """Add a record that is left out.

        reason (str): Why it is left out.
        """
        self.skipped[reason] += 1

    def is_lossless(self) -> bool:
        """Tell whether the docs hold all records and entities of the corpus.

        RETURNS (bool): Whether nothing was dropped or skipped.
        """
        return not self.dropped and not self.skipped

    def to_dict(self) -> Dict[str, Any]:
        """Export the account.

        RETURNS (Dict[str, Any]): The account, for JSON.
        """
        return {
            "documents": self.documents,
            "tokens": self.tokens,
            "entities": sum(self.entities.values()),
            "entities_per_label": dict(self.entities.most_common()),
            "nested": self.nested,
            "overlapping": self.overlapping,
            "longest_in_tokens": self.longest,
            "skipped_records": dict(self.skipped),
            "dropped_entities": {
                reason: {"count": count, "example": _example_to_dict(self.examples[reason])}
                for reason, count in self.dropped.most_common()
            },
        }

    def print(self, msg: Printer) -> None:
        """Print the account as tables.

        msg (Printer): The printer to use.
        """
        total = sum(self.entities.values())
        rows = [
            ("Documents", f"{self.documents:,}", ""),
            ("Tokens", f"{self.tokens:,}", ""),
            ("Entities", f"{total:,}", ""),
            ("  nested", f"{self.nested:,}", _share(self.nested, total)),
            ("  overlapping", f"{self.overlapping:,}", _share(self.overlapping, total)),
            ("  longest, in tokens", f"{self.longest:,}", ""),
        ]
        msg.table(rows, aligns=("l", "r", "r"))
        label_rows = [
            (label, f"{count:,}", _share(count, total))
            for label, count in self.entities.most_common()
        ]
        msg.table(
            label_rows,
            header=("Label", "Entities", "Share"),
            aligns=("l", "r", "r"),
            max_col=max(30, *map(len, self.entities), 0),
        )
        for reason, count in self.skipped.items():
            msg.warn(f"Skipped {count:,} records ({reason})")
        for reason, count in self.dropped.most_common():
            example = self.examples[reason]
            msg.warn(
                f"Dropped {count:,} entities ({reason})",
                f"The first: '{example.text}' ({example.entity.label}) in {example.record}, "
                f"characters {example.entity.start} to {example.entity.end}",
            )


def count_nested(spans: SpanGroup) -> Tuple[int, int]:
    """Count the nested and the overlapping spans of a doc.

    spans (SpanGroup): The spans, in any order.
    RETURNS (Tuple[int, int]): How many lie within a longer one, and how many share a token with
        another one.
    """
    if len(spans) == 0:
        return 0, 0
    extents = numpy.asarray([(span.start, -span.end) for span in spans])
    # Sorted by start, longest first: a span can only lie within an earlier one.
    unique, counts = numpy.unique(extents, axis=0, return_counts=True)
    starts, ends = unique[:, 0], -unique[:, 1]
    reach = numpy.maximum.accumulate(ends)
    nested = ends[1:] <= reach[:-1]
    overlapping = counts > 1
    overlapping[1:] |= starts[1:] < reach[:-1]
    overlapping[:-1] |= starts[1:] < ends[:-1]
    return int(counts[1:][nested].sum()), int(counts[overlapping].sum())


def _example_to_dict(dropped: Dropped) -> Dict[str, Any]:
    return {
        "record": dropped.record,
        "label": dropped.entity.label,
        "start": dropped.entity.start,
        "end": dropped.entity.end,
        "text": dropped.text,
    }


def _share(count: int, total: int) -> str:
    return f"{count / total:.1%}" if total else ""
