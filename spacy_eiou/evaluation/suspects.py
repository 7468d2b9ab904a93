"""Annotations that are probably wrong, given what models predict that were not trained on them."""

from bisect import bisect_left
from collections import Counter, defaultdict
from itertools import accumulate, zip_longest
from math import log
from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

import numpy as np

from ..spans.groups import LabeledSpan, to_boundaries
from ..spans.pairs import Ints
from .analysis import AnalyzedDoc, cut_spans, find_context
from .errors import find_errors

KINDS = {
    "missing": "models find a span where none is annotated",
    "spurious": "a span is annotated where models find none",
    "wrong boundary": "models find a longer, shorter or shifted span in its place",
    "wrong label": "models find another label on the same boundaries",
}
# No probability is closer to 0 or 1, since none is that certain.
EPSILON = 1e-5
# From this probability on, an annotated span is not ruled out by another one that lies inside or
# around it.
DOUBT = 0.1
# Of words that are not annotated elsewhere.
NOT_ANNOTATED = "not annotated"

# Of all spans on the same words.
Labels = FrozenSet[str]


class Suspect(NamedTuple):
    """An annotation that may be wrong.

    doc (int): The index of the doc.
    kind (str): One of `KINDS`.
    given (Optional[LabeledSpan]): The span that is annotated, None if one is missing.
    proposed (Optional[LabeledSpan]): The span that models find, None if there should be none.
    given_probability (float): The probability of the annotation: of the span, or that there is
        none.
    proposed_probability (float): The probability of the proposal.
    score (float): The log odds of the proposal minus those of the annotation.
    is_confident (bool): Whether models are as sure of the proposal as they are of annotations of
        its label, on average.
    elsewhere (Dict[str, int]): How often the same words are annotated with each label in other
        docs, or `NOT_ANNOTATED`.
    is_inner (bool): Whether the words lie inside of another span that is annotated. Those elsewhere
        do as well, or don't.
    """

    doc: int
    kind: str
    given: Optional[LabeledSpan]
    proposed: Optional[LabeledSpan]
    given_probability: float
    proposed_probability: float
    score: float
    is_confident: bool
    elsewhere: Dict[str, int]
    is_inner: bool


def rank_suspects(
    docs: Sequence[AnalyzedDoc], words: Optional["WordIndex"] = None
) -> List[Suspect]:
    """Find annotations that differ from what models predict, the most suspicious ones first.

    This is confident learning (Northcutt et al. 2021, arXiv 1911.00068), as this project reads it
    for spans, of which the paper does not speak:

    - An example is a candidate with a label, which is annotated or is not. An annotated span and
      the one that models find in its place are one suspect, see `find_errors`; but two where one
      lies inside of the other, and models do not rule out that which is annotated
    - The threshold of a label is the mean probability of the spans that are annotated with it, and
      that of no span is the mean of one minus the probability, over the likely candidates that are
      not annotated. A proposal that reaches its threshold is confident: an error of the paper

    The order is not that of the paper:

    - The score is a sum of log odds, in which 0.001 is far less than 0.01: of the probability that
      models give a span, and of the share of the same words in other docs that are annotated so.
      Models smooth over what is known for certain of frequent words
    - The four kinds take turns, each in the order of its score. Scores of one kind say nothing of
      another one, since models are surer that words are no span than that they are one

    docs (Sequence[AnalyzedDoc]): The docs, with the annotation as `gold`, and as `predicted` and
        `candidates` what models find that were not trained on them. A span that is no likely
        candidate has the probability 0. Those that are `unjudged` are suspects only where models
        find another span in their place.
    words (Optional[WordIndex]): Their words, if these are known already.
    RETURNS (List[Suspect]): The suspects.
    """
    words = words or WordIndex(docs)
    confidences = Confidences(docs)
    suspects = [
        _make_suspect(index, doc, given, proposed, words, confidences)
        for index, doc in enumerate(docs)
        for given, proposed in _compare(doc)
    ]
    return take_turns(suspects, lambda suspect: suspect.score)


def take_turns(suspects: Iterable[Suspect], get_score: Callable[[Suspect], float]) -> List[Suspect]:
    """RETURNS (List[Suspect]): The suspect of each kind with the highest score, then the second of
    each kind, and so on."""
    kinds: Dict[str, List[Suspect]] = defaultdict(list)
    for suspect in sorted(suspects, key=get_score, reverse=True):
        kinds[suspect.kind].append(suspect)
    turns = zip_longest(*kinds.values())
    return [suspect for turn in turns for suspect in turn if suspect is not None]


def _compare(doc: AnalyzedDoc) -> Iterator[Tuple[Optional[LabeledSpan], Optional[LabeledSpan]]]:
    """YIELDS (Tuple[Optional[LabeledSpan], Optional[LabeledSpan]]): A span that is annotated, and
    the one that models find in its place. Either of them may be missing."""
    for error in find_errors(doc.gold, doc.predicted):
        given, proposed = error.gold, error.predicted
        pairs = [(given, proposed)]
        if given and proposed and _may_be_both(doc, given, proposed):
            pairs = [(given, None), (None, proposed)]
        # Models do not find that spurious which they can't judge.
        yield from (pair for pair in pairs if pair[1] or given not in doc.unjudged)


def _may_be_both(doc: AnalyzedDoc, given: LabeledSpan, proposed: LabeledSpan) -> bool:
    """RETURNS (bool): Whether one of two spans lies inside of the other, and models do not rule out
    the one that is annotated."""
    if not (_lies_inside(given, proposed) or _lies_inside(proposed, given)):
        return False
    if given in doc.unjudged:
        # It is too wide, or models lack its label. Only parts of tokens are wrong in any case.
        return _is_on_tokens(doc, given)
    return doc.candidates.get(given, 0.0) >= DOUBT


def _lies_inside(span: LabeledSpan, other: LabeledSpan) -> bool:
    """RETURNS (bool): Whether a span lies inside of another one, which is longer."""
    return other[0] <= span[0] and span[1] <= other[1] and span[:2] != other[:2]


def _is_on_tokens(doc: AnalyzedDoc, span: LabeledSpan) -> bool:
    """RETURNS (bool): Whether a span begins and ends with a token."""
    ((first, last),) = doc.token_bounds([span])
    return "".join(doc.tokens[first:last]).rstrip() == doc.text[span[0] : span[1]]


def _make_suspect(
    index: int,
    doc: AnalyzedDoc,
    given: Optional[LabeledSpan],
    proposed: Optional[LabeledSpan],
    words: "WordIndex",
    confidences: "Confidences",
) -> Suspect:
    first, second = (
        span and _find_evidence(index, doc, span, given, words) for span in (given, proposed)
    )
    p_given, p_proposed = _complete(first and first.probability, second and second.probability)
    evidence = second or first
    assert evidence is not None
    return Suspect(
        doc=index,
        kind=name_kind(given, proposed),
        given=given,
        proposed=proposed,
        given_probability=p_given,
        proposed_probability=p_proposed,
        score=(second.log_odds if second else 0) - (first.log_odds if first else 0),
        is_confident=p_proposed >= confidences.get(proposed),
        elsewhere=count_labels(evidence.elsewhere),
        is_inner=evidence.is_inner,
    )


class Evidence(NamedTuple):
    """What speaks for a span: its `probability`, and the `share` of the same words `elsewhere` that
    have its label. There they lie inside of an annotated span if it does so itself (`is_inner`)."""

    probability: float
    share: float
    elsewhere: "Counter[Labels]"
    is_inner: bool

    @property
    def log_odds(self) -> float:
        """The sum of the log odds of both."""
        return log_odds(self.probability) + log_odds(self.share)


def log_odds(probability: float) -> float:
    """RETURNS (float): The log odds of a probability, which is finite."""
    probability = min(max(probability, EPSILON), 1 - EPSILON)
    return log(probability / (1 - probability))


def _find_evidence(
    index: int,
    doc: AnalyzedDoc,
    span: LabeledSpan,
    given: Optional[LabeledSpan],
    words: "WordIndex",
) -> Evidence:
    place = words.find_place(index, span, given)
    elsewhere = words.find_elsewhere(index, place)
    # As if they were annotated so in half of one more place.
    n_equal = sum(count for labels, count in elsewhere.items() if span[2] in labels)
    share = (n_equal + 0.5) / (elsewhere.total() + 1)
    return Evidence(doc.candidates.get(span, 0.0), share, elsewhere, place.is_inner)


def _complete(given: Optional[float], proposed: Optional[float]) -> Tuple[float, float]:
    """No span is as right as the other one is wrong."""
    if given is None:
        assert proposed is not None
        return 1 - proposed, proposed
    return given, 1 - given if proposed is None else proposed


def name_kind(given: Optional[LabeledSpan], proposed: Optional[LabeledSpan]) -> str:
    """RETURNS (str): One of `KINDS`, for a span that is annotated and one that is proposed."""
    if given is None:
        return "missing"
    if proposed is None:
        return "spurious"
    return "wrong label" if given[:2] == proposed[:2] else "wrong boundary"


class Confidences:
    """How sure models are of what is annotated, on average.

    docs (Sequence[AnalyzedDoc]): The docs, see `rank_suspects`.
    """

    def __init__(self, docs: Sequence[AnalyzedDoc]) -> None:
        annotated: Dict[str, List[float]] = defaultdict(list)
        others: List[float] = []
        for doc in docs:
            for span in doc.gold - doc.unjudged:
                annotated[span[2]].append(doc.candidates.get(span, 0.0))
            others += [1 - p for span, p in doc.candidates.items() if span not in doc.gold]
        self.labels = {label: sum(values) / len(values) for label, values in annotated.items()}
        self.none = sum(others) / len(others) if others else 1.0

    def get(self, proposed: Optional[LabeledSpan]) -> float:
        """RETURNS (float): The mean probability of the label of a proposed span, or of no span."""
        return self.none if proposed is None else self.labels.get(proposed[2], 1.0)


class Place(NamedTuple):
    """What places are alike: the words in lower case, and whether they lie inside of an annotated
    span. There, a span of their own is another matter."""

    words: str
    is_inner: bool


class Containers:
    """Tells which words lie inside of spans, without going over all of these.

    spans (Iterable[LabeledSpan]): The spans.
    """

    def __init__(self, spans: Iterable[LabeledSpan]) -> None:
        # The longest first, so that a span comes after all that it lies in.
        self.order = sorted((start, -end) for start, end, _ in spans)
        # The two furthest ends of those before each: another one may be left out of account.
        self.furthest = [
            *accumulate(
                (-end for _, end in self.order),
                lambda furthest, end: sorted([*furthest, end])[-2:],
                initial=list[int](),
            )
        ]

    def contain(self, span: LabeledSpan, but: Optional[LabeledSpan] = None) -> bool:
        """RETURNS (bool): Whether a span lies inside of one of them, but for a certain one."""
        start, end, _ = span
        furthest = self.furthest[bisect_left(self.order, (start, -end))]
        n_around = sum(other_end >= end for other_end in furthest)
        return n_around > (but is not None and _lies_inside(span, but))


class WordIndex:
    """How the same words are annotated throughout docs, in any case and with any white space.

    docs (Sequence[AnalyzedDoc]): The docs. Words occur where they begin and end with a token.
    """

    def __init__(self, docs: Sequence[AnalyzedDoc]) -> None:
        self.texts = [doc.text for doc in docs]
        self.containers = [Containers(doc.gold) for doc in docs]
        spans = [sorted(doc.gold | doc.predicted) for doc in docs]
        wanted = {
            self._get_words(index, start, end)
            for index, own in enumerate(spans)
            for start, end, _ in own
        }
        words = [_find_words(doc.tokens) for doc in docs]
        # Not all up to the widest, of which the work would depend on a single span.
        widths = {width for own in zip(words, spans) for width in _count_words(*own)}
        # How often there are spans of such labels, in all docs and in each.
        self.counts: Dict[Place, Counter[Labels]] = defaultdict(Counter)
        self.own_counts: Dict[Tuple[int, Place], Counter[Labels]] = defaultdict(Counter)
        for index, doc in enumerate(docs):
            labels: Dict[Tuple[int, int], Set[str]] = defaultdict(set)
            for start, end, label in doc.gold:
                labels[start, end].add(label)
            for start, end in _list_ngrams(words[index], widths):
                if self._get_words(index, start, end) in wanted:
                    place = self.find_place(index, (start, end, ""))
                    found = frozenset(labels.get((start, end), ()))
                    self.counts[place][found] += 1
                    self.own_counts[index, place][found] += 1

    def _get_words(self, doc: int, start: int, end: int) -> str:
        return " ".join(self.texts[doc][start:end].split()).casefold()

    def find_place(self, doc: int, span: LabeledSpan, given: Optional[LabeledSpan] = None) -> Place:
        """RETURNS (Place): Where a span lies, if the one that is given is not there."""
        is_inner = self.containers[doc].contain(span, given)
        return Place(self._get_words(doc, span[0], span[1]), is_inner)

    def find_elsewhere(self, doc: int, place: Place) -> "Counter[Labels]":
        """RETURNS (Counter[Labels]): How often the same words have such labels in other docs."""
        return self.counts[place] - self.own_counts[doc, place]

    def list_inconsistent(self) -> List[Dict[str, Any]]:
        """RETURNS (List[Dict[str, Any]]): The words of which the most places are not annotated as
        most of them are: the `text`, in lower case, whether it lies inside of a span (`is_inner`),
        and the `counts` of labels and of `NOT_ANNOTATED`."""
        found = []
        for place, places in self.counts.items():
            n_equal = max(places.values(), default=0)
            found.append((places.total() - n_equal, place, count_labels(places)))
        found.sort(key=lambda item: (-item[0], item[1]))
        return [
            {"text": place.words, "is_inner": place.is_inner, "counts": counts}
            for n_others, place, counts in found
            if n_others
        ]


def count_labels(places: Mapping[Labels, int]) -> Dict[str, int]:
    """RETURNS (Dict[str, int]): The number of places with each label, or `NOT_ANNOTATED`, the most
    frequent first."""
    counts: Counter[str] = Counter()
    for labels, count in places.items():
        counts.update(dict.fromkeys(labels or {NOT_ANNOTATED}, count))
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _find_words(tokens: Sequence[str]) -> Ints:
    """RETURNS (Ints): The characters `[start, end)` of the tokens that are more than white space,
    shape (n, 2)."""
    starts = accumulate(map(len, tokens), initial=0)
    words = [(start, token.rstrip()) for start, token in zip(starts, tokens)]
    bounds = [(start, start + len(word)) for start, word in words if word]
    return np.array(bounds, dtype=np.int64).reshape(-1, 2)


def _count_words(words: Ints, spans: Sequence[LabeledSpan]) -> List[int]:
    """RETURNS (List[int]): The number of words that each span touches, at least one."""
    starts, ends = to_boundaries(spans).T
    first = np.searchsorted(words[:, 0], starts, side="right") - 1
    counts: List[int] = np.maximum(np.searchsorted(words[:, 0], ends) - first, 1).tolist()
    return counts


def _list_ngrams(words: Ints, widths: Iterable[int]) -> Iterator[Tuple[int, int]]:
    """YIELDS (Tuple[int, int]): The characters of each run of so many words."""
    starts, ends = words.T.tolist()
    for width in widths:
        yield from zip(starts, ends[width - 1 :])


def explain(doc: AnalyzedDoc, suspect: Suspect) -> str:
    """RETURNS (str): Why an annotation is suspicious, in plain words."""
    given, proposed = (
        f"{span[2]} “{doc.text[span[0] : span[1]]}”" if span else ""
        for span in (suspect.given, suspect.proposed)
    )
    right, wrong = (
        f"{100 * doc.candidates.get(span, 0.0):.0f} %" if span else ""
        for span in (suspect.proposed, suspect.given)
    )
    reason = {
        "missing": f"Nothing is annotated, where {proposed} has a probability of {right}.",
        "spurious": f"{given} is annotated, whose probability is {wrong}.",
    }.get(
        suspect.kind,
        f"{given} is annotated, whose probability is {wrong}; that of {proposed} is {right}.",
    )
    if suspect.given in doc.unjudged:
        reason = (
            f"{given} is annotated, which models can't judge; the probability of {proposed} is "
            f"{right}."
        )
    if not suspect.elsewhere:
        return f"{reason} The same words occur nowhere else."
    where = "inside of another span" if suspect.is_inner else "not inside of another span"
    start, end, _ = suspect.proposed or suspect.given or (0, 0, "")
    counts = ", ".join(f"{count:,} × {label}" for label, count in suspect.elsewhere.items())
    return f"{reason} In other texts, “{doc.text[start:end]}”, {where}, is {counts}."


def describe_suspect(doc: AnalyzedDoc, suspect: Suspect) -> Dict[str, Any]:
    """Describe a suspect as JSON can hold it.

    doc (AnalyzedDoc): The doc.
    suspect (Suspect): The suspect.
    RETURNS (Dict[str, Any]): The `id` of the doc, the `kind`, `score`, `confident`, the `given` and
        the `proposed` span with `start` and `end` in characters, `label`, `text` and `probability`,
        either of them None if there is no span; `elsewhere` and the `reason`. The probability of
        what models can't judge is None.
    """
    sides = {
        name: span
        and {
            "start": span[0],
            "end": span[1],
            "label": span[2],
            "text": doc.text[span[0] : span[1]],
            "probability": None
            if span in doc.unjudged
            else round(doc.candidates.get(span, 0.0), 4),
        }
        for name, span in (("given", suspect.given), ("proposed", suspect.proposed))
    }
    return {
        "id": doc.record_id,
        "kind": suspect.kind,
        "score": round(suspect.score, 4),
        "confident": suspect.is_confident,
        **sides,
        "elsewhere": suspect.elsewhere,
        "reason": explain(doc, suspect),
    }


def show_suspect(doc: AnalyzedDoc, suspect: Suspect) -> Dict[str, Any]:
    """Describe a suspect with the text around it, for a page.

    doc (AnalyzedDoc): The doc.
    suspect (Suspect): The suspect.
    RETURNS (Dict[str, Any]): What `describe_suspect` returns, the `tokens` around it, whether the
        doc has more before (`cut_start`) and after (`cut_end`), and the annotated spans among them
        as `given_spans`, and as `proposed_spans` those with the proposal in its place.
    """
    given, proposed = ({span} if span else set() for span in (suspect.given, suspect.proposed))
    start, end = find_context(doc, [*given, *proposed])
    annotated = set(doc.placed_gold.find_near(start, end))
    corrected = (annotated - given) | proposed
    return {
        **describe_suspect(doc, suspect),
        "tokens": doc.tokens[start:end],
        "cut_start": start > 0,
        "cut_end": end < len(doc.tokens),
        "given_spans": cut_spans(doc, annotated, start, end, suspect.given),
        "proposed_spans": cut_spans(doc, corrected, start, end, suspect.proposed),
    }
