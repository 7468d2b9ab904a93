"""Annotations that are probably wrong, given what models predict that were not trained on them."""

from collections import Counter, defaultdict
from itertools import accumulate
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from ..spans.groups import LabeledSpan
from .analysis import AnalyzedDoc, cut_spans, find_context
from .errors import SpanError, find_errors

KINDS = {
    "missing": "models find a span where none is annotated",
    "spurious": "a span is annotated where models find none",
    "wrong boundary": "models find a longer, shorter or shifted span in its place",
    "wrong label": "models find another label on the same boundaries",
}
# Of words that are not annotated elsewhere.
NOT_ANNOTATED = "not annotated"


class Suspect(NamedTuple):
    """An annotation that may be wrong.

    doc (int): The index of the doc.
    kind (str): One of `KINDS`.
    given (Optional[LabeledSpan]): The span that is annotated, None if one is missing.
    proposed (Optional[LabeledSpan]): The span that models find, None if there should be none.
    given_probability (float): The probability of the annotation: of the span, or that there is
        none.
    proposed_probability (float): The probability of the proposal.
    score (float): By how much the proposal is better, from -1 to 1.
    is_confident (bool): Whether models are as sure of the proposal as they are of annotations of
        its label, on average.
    elsewhere (Dict[str, int]): How often the same words are annotated with each label in other
        docs, or `NOT_ANNOTATED`.
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


def rank_suspects(docs: Sequence[AnalyzedDoc]) -> List[Suspect]:
    """Find annotations that differ from what models predict, the most suspicious ones first.

    This is confident learning (Northcutt et al. 2021, arXiv 1911.00068), as this project reads it
    for spans, of which the paper does not speak:

    - An example is a candidate with a label, which is annotated or is not. An annotated span and
      the one that models find in its place are one suspect, see `find_errors`
    - The threshold of a label is the mean probability of the spans that are annotated with it, and
      that of no span is the mean of one minus the probability, over the likely candidates that are
      not annotated. A proposal that reaches its threshold is confident: an error of the paper
    - Confident ones come first, and of these the ones with the greatest margin: the probability of
      the proposal minus that of the annotation

    What the paper does not have: a probability counts for one half, and for the other half the
    share of the same words in other docs that are annotated so. Models smooth over what is known
    for certain of frequent words.

    docs (Sequence[AnalyzedDoc]): The docs, with the annotation as `gold`, and as `predicted` and
        `candidates` what models find that were not trained on them. A span that is no likely
        candidate has the probability 0.
    RETURNS (List[Suspect]): The suspects.
    """
    words = WordIndex(docs)
    thresholds = Thresholds(docs)
    suspects = [
        _make_suspect(index, doc, error, words, thresholds)
        for index, doc in enumerate(docs)
        for error in find_errors(doc.gold, doc.predicted)
    ]
    return sorted(suspects, key=lambda suspect: (not suspect.is_confident, -suspect.score))


def _make_suspect(
    index: int, doc: AnalyzedDoc, error: SpanError, words: "WordIndex", thresholds: "Thresholds"
) -> Suspect:
    given, proposed = error.gold, error.predicted
    # Of each span that is given or proposed. No span is as right as the other one is wrong.
    probabilities = [doc.candidates.get(span, 0.0) if span else None for span in (given, proposed)]
    shares = [words.get_share(index, span) if span else None for span in (given, proposed)]
    (p_given, p_proposed), (share_given, share_proposed) = map(_complete, (probabilities, shares))
    return Suspect(
        doc=index,
        kind=name_kind(error),
        given=given,
        proposed=proposed,
        given_probability=p_given,
        proposed_probability=p_proposed,
        score=(p_proposed + share_proposed - p_given - share_given) / 2,
        is_confident=p_proposed >= thresholds.get(proposed),
        elsewhere=words.count_elsewhere(index, proposed or error.span),
    )


def _complete(values: List[Optional[float]]) -> Tuple[float, float]:
    first, second = values
    if first is None:
        assert second is not None
        return 1 - second, second
    return first, 1 - first if second is None else second


def name_kind(error: SpanError) -> str:
    """RETURNS (str): One of `KINDS`, for an error of models if the annotation is gold."""
    if error.gold is None:
        return "missing"
    if error.predicted is None:
        return "spurious"
    return "wrong label" if error.error_class == "wrong type" else "wrong boundary"


class Thresholds:
    """How sure models are of what is annotated, on average.

    docs (Sequence[AnalyzedDoc]): The docs, see `rank_suspects`.
    """

    def __init__(self, docs: Sequence[AnalyzedDoc]) -> None:
        annotated: Dict[str, List[float]] = defaultdict(list)
        others: List[float] = []
        for doc in docs:
            for span in doc.gold:
                annotated[span[2]].append(doc.candidates.get(span, 0.0))
            others += [1 - p for span, p in doc.candidates.items() if span not in doc.gold]
        self.labels = {label: sum(values) / len(values) for label, values in annotated.items()}
        self.none = sum(others) / len(others) if others else 1.0

    def get(self, proposed: Optional[LabeledSpan]) -> float:
        """RETURNS (float): The threshold of a proposed span, or of no span."""
        return self.none if proposed is None else self.labels.get(proposed[2], 1.0)


class WordIndex:
    """How the same words are annotated throughout docs, in any case and with any white space.

    docs (Sequence[AnalyzedDoc]): The docs. Words occur where they begin and end with a token.
    """

    def __init__(self, docs: Sequence[AnalyzedDoc]) -> None:
        self.texts = ["".join(doc.tokens) for doc in docs]
        spans = [sorted(doc.gold | doc.predicted) for doc in docs]
        wanted = {self.normalize(index, span) for index, own in enumerate(spans) for span in own}
        bounds = [doc.token_bounds(own) for doc, own in zip(docs, spans)]
        longest = max((int((own[:, 1] - own[:, 0]).max(initial=0)) for own in bounds), default=0)
        # The doc, and the labels of the spans there.
        self.occurrences: Dict[str, List[Tuple[int, Set[str]]]] = defaultdict(list)
        for index, doc in enumerate(docs):
            labels: Dict[Tuple[int, int], Set[str]] = defaultdict(set)
            for start, end, label in doc.gold:
                labels[start, end].add(label)
            for start, end in _list_ngrams(doc.tokens, longest):
                words = self.normalize(index, (start, end, ""))
                if words in wanted:
                    self.occurrences[words].append((index, labels.get((start, end), set())))

    def normalize(self, doc: int, span: LabeledSpan) -> str:
        """RETURNS (str): The words of a span, as they are compared."""
        return " ".join(self.texts[doc][span[0] : span[1]].split()).casefold()

    def find_elsewhere(self, doc: int, span: LabeledSpan) -> List[Set[str]]:
        """RETURNS (List[Set[str]]): The labels at each place of the same words in other docs."""
        places = self.occurrences[self.normalize(doc, span)]
        return [labels for index, labels in places if index != doc]

    def get_share(self, doc: int, span: LabeledSpan) -> float:
        """RETURNS (float): The share of the same words in other docs that are annotated with the
        label of a span, with one more that is and one more that is not."""
        places = self.find_elsewhere(doc, span)
        return (sum(span[2] in labels for labels in places) + 1) / (len(places) + 2)

    def count_elsewhere(self, doc: int, span: LabeledSpan) -> Dict[str, int]:
        """RETURNS (Dict[str, int]): How the same words are annotated in other docs, the most
        frequent first, see `Suspect`."""
        return _count_labels(self.find_elsewhere(doc, span))

    def list_inconsistent(self) -> List[Dict[str, Any]]:
        """RETURNS (List[Dict[str, Any]]): The words of which the most places are not annotated as
        most of them are: the `text`, in lower case, and the `counts` of labels and of
        `NOT_ANNOTATED`."""
        found = []
        for words, places in self.occurrences.items():
            counts = Counter(frozenset(labels) for _, labels in places)
            n_others = len(places) - max(counts.values(), default=0)
            if n_others:
                found.append((n_others, words, _count_labels([labels for _, labels in places])))
        found.sort(key=lambda item: (-item[0], item[1]))
        return [{"text": words, "counts": counts} for _, words, counts in found]


def _count_labels(places: Sequence[Set[str]]) -> Dict[str, int]:
    counts = Counter(label for labels in places for label in labels or {NOT_ANNOTATED})
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _list_ngrams(tokens: Sequence[str], longest: int) -> Iterator[Tuple[int, int]]:
    """YIELDS (Tuple[int, int]): The characters of each run of up to so many tokens."""
    ends = list(accumulate(map(len, tokens)))
    for first in range(len(tokens)):
        start = ends[first] - len(tokens[first])
        for last in range(first, min(first + longest, len(tokens))):
            yield start, ends[last] - len(tokens[last]) + len(tokens[last].rstrip())


def explain(doc: AnalyzedDoc, suspect: Suspect) -> str:
    """RETURNS (str): Why an annotation is suspicious, in plain words."""
    text = "".join(doc.tokens)
    given, proposed = (
        f"{span[2]} “{text[span[0] : span[1]]}”" if span else ""
        for span in (suspect.given, suspect.proposed)
    )
    right, wrong = (
        f"{100 * p:.0f} %" for p in (suspect.proposed_probability, suspect.given_probability)
    )
    reason = {
        "missing": f"Nothing is annotated, where models find {proposed} with {right}.",
        "spurious": f"{given} is annotated, to which models give {wrong}.",
    }.get(
        suspect.kind,
        f"{given} is annotated, to which models give {wrong}, and {right} to {proposed}.",
    )
    if not suspect.elsewhere:
        return f"{reason} The same words occur in no other text."
    counts = ", ".join(f"{count:,} {label}" for label, count in suspect.elsewhere.items())
    return f"{reason} In other texts, “{_get_words(text, suspect)}” is {counts}."


def _get_words(text: str, suspect: Suspect) -> str:
    span = suspect.proposed or suspect.given
    assert span is not None
    return text[span[0] : span[1]]


def describe_suspect(doc: AnalyzedDoc, suspect: Suspect) -> Dict[str, Any]:
    """Describe a suspect as JSON can hold it.

    doc (AnalyzedDoc): The doc.
    suspect (Suspect): The suspect.
    RETURNS (Dict[str, Any]): The `id` of the doc, the `kind`, `score`, `confident`, the `given` and
        the `proposed` span with `start` and `end` in characters, `label`, `text` and `probability`,
        either of them None if there is no span; `elsewhere` and the `reason`.
    """
    text = "".join(doc.tokens)
    sides = {
        name: span
        and {
            "start": span[0],
            "end": span[1],
            "label": span[2],
            "text": text[span[0] : span[1]],
            "probability": round(doc.candidates.get(span, 0.0), 4),
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
    corrected = (doc.gold - given) | proposed
    return {
        **describe_suspect(doc, suspect),
        "tokens": doc.tokens[start:end],
        "cut_start": start > 0,
        "cut_end": end < len(doc.tokens),
        "given_spans": cut_spans(doc, doc.gold, start, end, suspect.given),
        "proposed_spans": cut_spans(doc, corrected, start, end, suspect.proposed),
    }
