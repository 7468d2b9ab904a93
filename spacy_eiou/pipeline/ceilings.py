"""Gold spans that a component can never predict, whatever it learns, and the settings that mend
it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple
from typing import Counter as CounterType

import numpy as np
from spacy.language import Language
from spacy.pipeline.spancat import SpanCategorizer
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import minibatch
from thinc.types import Ragged

from ..models import SpanSuggester
from ..models.suggesters import suggest
from ..spans.groups import align_gold_spans
from ..spans.pairs import Bools, Ints, equal_pairs
from ..spans.sentences import sentence_ends

BATCH_SIZE = 256
# Before the training, trained components of the pipeline annotate no more docs than a batch has.
MAX_ANNOTATED = BATCH_SIZE
SHOWN_LENGTH = 60

# Why some spans can't be predicted, what to change, and whether each one is among them, shape (n,).
Rule = Tuple[str, str, Bools]


@dataclass
class Ceilings:
    """Gold spans that can never be predicted. Each one counts once, for the first reason.

    gold (int): Number of gold spans.
    counts (Counter[str]): Number of those that can't be predicted, by reason.
    examples (Dict[str, str]): The text of the first one, by reason.
    remedies (Dict[str, str]): What to change, by reason.
    """

    gold: int = 0
    counts: CounterType[str] = field(default_factory=Counter)
    examples: Dict[str, str] = field(default_factory=dict)
    remedies: Dict[str, str] = field(default_factory=dict)

    @property
    def unreachable(self) -> int:
        """Number of gold spans that can't be predicted."""
        return sum(self.counts.values())

    def add(self, reason: str, remedy: str, spans: List[Span]) -> None:
        """Add spans that can't be predicted.

        reason (str): Why.
        remedy (str): What to change.
        spans (List[Span]): The spans.
        """
        if spans:
            self.counts[reason] += len(spans)
            self.examples.setdefault(reason, _shorten(spans[0].text))
            self.remedies[reason] = remedy

    def update(self, other: "Ceilings") -> None:
        """Add what was found in other examples.

        other (Ceilings): What was found.
        """
        self.gold += other.gold
        self.counts.update(other.counts)
        self.examples = {**other.examples, **self.examples}
        self.remedies.update(other.remedies)

    def describe(self) -> str:
        """RETURNS (str): How many can't be predicted, of each reason with its remedy."""
        reasons = "; ".join(
            f"{count:,} {reason}, such as '{self.examples[reason]}' ({self.remedies[reason]})"
            for reason, count in self.counts.most_common()
        )
        share = f" ({self.unreachable / self.gold:.1%})" if self.gold else ""
        message = f"{self.unreachable:,} of {self.gold:,} gold spans{share} can never be predicted"
        return f"{message}: {reasons}" if reasons else message

    def to_dict(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): JSON-serializable values: the numbers `gold` and `unreachable`,
        and for each of the `reasons` the `reason`, `count`, `example` and `remedy`."""
        return {
            "gold": self.gold,
            "unreachable": self.unreachable,
            "reasons": [
                {
                    "reason": reason,
                    "count": count,
                    "example": self.examples[reason],
                    "remedy": self.remedies[reason],
                }
                for reason, count in self.counts.most_common()
            ],
        }


class GoldBatch(NamedTuple):
    """The gold spans of a batch, on tokens.

    docs (List[Doc]): The docs, as the component gets them.
    spans (List[Span]): The spans.
    owners (Ints): The index of the doc of each span, shape (n,).
    bounds (Ints): Their boundaries, rows `[start, end)` in tokens of their docs, shape (n, 2).
    """

    docs: List[Doc]
    spans: List[Span]
    owners: Ints
    bounds: Ints


def find_ceilings(
    component: SpanCategorizer,
    examples: Iterable[Example],
    *,
    nlp: Optional[Language] = None,
    is_trained: bool = True,
) -> Ceilings:
    """Find the gold spans that a component can never predict.

    component (SpanCategorizer): The component.
    examples (Iterable[Example]): The annotated examples, with predicted docs of the tokens, and
        with the sentence boundaries if the pipeline isn't given, that the component gets.
    nlp (Optional[Language]): The pipeline, whose earlier components then set sentence boundaries in
        copies of the docs.
    is_trained (bool): Whether the earlier components are trained. If not, those that need no
        training and, for some docs, those that are frozen annotate.
    RETURNS (Ceilings): The numbers, by reason.
    """
    names = [] if nlp is None else _list_annotating(nlp, component, is_trained)
    ceilings = Ceilings()
    n_annotated = 0
    for batch in minibatch(examples, size=BATCH_SIZE):  # type: ignore[no-untyped-call]
        if nlp is not None and names and (is_trained or n_annotated < MAX_ANNOTATED):
            batch = _annotate(nlp, names, batch)
            n_annotated += len(batch) if any(_has_model(nlp, name) for name in names) else 0
        ceilings.update(_find_in_batch(component, batch, names, is_trained))
    return ceilings


def _find_in_batch(
    component: SpanCategorizer, examples: List[Example], names: List[str], is_trained: bool
) -> Ceilings:
    ceilings, gold = _align(examples, component.key)
    if not gold.spans:
        return ceilings
    left = np.ones(len(gold.spans), dtype=bool)
    for reason, remedy, unreachable in _list_rules(component, gold, left, names, is_trained):
        rows = np.flatnonzero(left & unreachable)
        ceilings.add(reason, remedy, [gold.spans[row] for row in rows])
        left[rows] = False
    return ceilings


def _align(examples: List[Example], spans_key: str) -> Tuple[Ceilings, GoldBatch]:
    """RETURNS (Tuple[Ceilings, GoldBatch]): The number of gold spans with those that are not on
    tokens, and the other ones."""
    ceilings = Ceilings()
    spans: List[Span] = []
    owners: List[int] = []
    for index, example in enumerate(examples):
        gold = _distinct(example.reference.spans.get(spans_key, []))
        aligned = _distinct(align_gold_spans(example, spans_key))
        ceilings.gold += len(gold)
        if len(aligned) < len(gold):
            found = {(span.start_char, span.end_char, span.label) for span in aligned}
            ceilings.add(
                "not on tokens",
                "another tokenizer in the block [nlp.tokenizer]",
                [s for s in gold if (s.start_char, s.end_char, s.label) not in found],
            )
        spans += aligned
        owners += [index] * len(aligned)
    bounds = np.array([(span.start, span.end) for span in spans], dtype="int64").reshape(-1, 2)
    docs = [example.predicted for example in examples]
    return ceilings, GoldBatch(docs, spans, np.array(owners), bounds)


def _list_rules(
    component: SpanCategorizer, gold: GoldBatch, left: Bools, names: List[str], is_trained: bool
) -> Iterator[Rule]:
    """YIELDS (Rule): The rules in their order. Each is made when it is its turn: then `left` are
    the spans that no earlier one has found."""
    starts, ends = gold.bounds.T
    yield "empty", "remove them, as they have no token", starts >= ends
    known = set(component.labels)
    yield (
        "of a label that the model does not have",
        "add_label, or train it again with all labels",
        np.array([span.label_ not in known for span in gold.spans]),
    )
    block = f"[components.{component.name}]"
    suggester_block = f"[components.{component.name}.suggester]"
    if isinstance(component.suggester, SpanSuggester):
        max_width = component.suggester.max_width
        yield (
            f"wider than max_width = {max_width}",
            f"max_width in the block {suggester_block}",
            ends - starts > (max_width or np.inf),
        )
        yield (
            "beginning or ending with white space",
            "move their boundaries to words",
            np.array([len(s) > 0 and (s[0].is_space or s[-1].is_space) for s in gold.spans]),
        )
        who = f"'{names[-1]}'" if names else "what sets the sentence boundaries"
        yield (
            "across a sentence boundary",
            f"{who} after '{component.name}' in the pipeline",
            _cross_sentences(gold),
        )
    else:
        candidates = suggest(component.suggester, gold.docs)
        if candidates is not None or is_trained:
            yield (
                "no candidate of the suggester",
                f"the settings in the block {suggester_block}",
                ~_are_candidates(candidates, gold),
            )
    max_positive = component.cfg["max_positive"]
    if max_positive is not None:
        yield (
            f"beside more labels on the same span than max_positive = {max_positive}",
            f"max_positive in the block {block}",
            _ranks(gold, left) >= max_positive,
        )


def _distinct(spans: Iterable[Span]) -> List[Span]:
    """RETURNS (List[Span]): Each span once, as scores count them."""
    return list({(span.start, span.end, span.label): span for span in spans}.values())


def _cross_sentences(gold: GoldBatch) -> Bools:
    # An empty span may stand at the very end.
    limits = [np.append(sentence_ends(doc), len(doc)) for doc in gold.docs]
    offsets = np.cumsum([0, *map(len, limits)])
    starts, ends = gold.bounds.T
    crossing: Bools = ends > np.concatenate(limits)[starts + offsets[gold.owners]]
    return crossing


def _are_candidates(candidates: Optional[Ragged], gold: GoldBatch) -> Bools:
    found = np.zeros(len(gold.spans), dtype=bool)
    if candidates is not None:
        offsets = np.cumsum([0] + [len(doc) for doc in gold.docs])
        shifts = np.repeat(offsets[:-1], candidates.lengths)
        moved = candidates.dataXd.reshape((-1, 2)) + shifts[:, None]
        _, rows = equal_pairs(moved, gold.bounds + offsets[gold.owners, None])
        found[rows] = True
    return found


def _ranks(gold: GoldBatch, left: Bools) -> Ints:
    """RETURNS (Ints): How many earlier spans that are left have the boundaries of each span."""
    places = np.column_stack([gold.owners, gold.bounds])
    groups = np.unique(places, axis=0, return_inverse=True)[1].reshape(-1)
    order = np.lexsort((~left, groups))
    firsts = np.searchsorted(groups[order], groups[order])
    ranks = np.empty(len(groups), dtype="int64")
    ranks[order] = np.arange(len(groups)) - firsts
    return ranks


def _list_annotating(nlp: Language, component: SpanCategorizer, is_trained: bool) -> List[str]:
    """RETURNS (List[str]): The components before a component that have to annotate docs, so that
    these have the sentence boundaries that it gets; none if none sets them. The last one does."""
    # The pipeline may know it by another name, and the component may be in another pipeline.
    pipes = [pipe for _, pipe in nlp.components]
    names = nlp.component_names[: pipes.index(component)] if component in pipes else []
    if is_trained:
        able = set(nlp.pipe_names)
    else:
        frozen = set(nlp.config["training"]["frozen_components"])
        able = {n for n in names if n in frozen and _find_encoders(nlp, n) <= frozen}
        able.update(n for n in names if not _has_model(nlp, n) and _declares_sentences(nlp, n))
    names = [earlier for earlier in names if earlier in able]
    setters = [earlier for earlier in names if _sets_sentences(nlp, earlier)]
    return names[: names.index(setters[-1]) + 1] if setters else []


def _find_encoders(nlp: Language, name: str) -> Set[str]:
    """RETURNS (Set[str]): The components whose encoder a component listens to."""
    model = getattr(nlp.get_pipe(name), "model", None)
    nodes = () if model is None else model.walk()
    found = {node.upstream_name for node in nodes if hasattr(node, "upstream_name")}
    if "*" in found:
        found = {n for n, pipe in nlp.components if hasattr(pipe, "listener_map")}
    return found


def _declares_sentences(nlp: Language, name: str) -> bool:
    assigns: Set[str] = set(nlp.get_pipe_meta(name).assigns)
    return not assigns.isdisjoint({"token.is_sent_start", "doc.sents"})


def _sets_sentences(nlp: Language, name: str) -> bool:
    # A function of the user, which declares nothing, may set them.
    is_function = not nlp.get_pipe_meta(name).assigns and not _has_model(nlp, name)
    return is_function or _declares_sentences(nlp, name)


def _has_model(nlp: Language, name: str) -> bool:
    return hasattr(nlp.get_pipe(name), "model")


def _annotate(nlp: Language, names: List[str], examples: List[Example]) -> List[Example]:
    docs = [example.predicted.copy() for example in examples]
    for name in names:
        pipe = nlp.get_pipe(name)
        docs = list(pipe.pipe(docs)) if hasattr(pipe, "pipe") else list(map(pipe, docs))
    return [Example(doc, example.reference) for doc, example in zip(docs, examples)]


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= SHOWN_LENGTH else f"{text[:SHOWN_LENGTH]}..."
