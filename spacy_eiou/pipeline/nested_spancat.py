import warnings
from collections import Counter
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Optional,
    Tuple,
    Union,
)

import numpy as np
import srsly
from spacy.language import Language
from spacy.pipeline.spancat import DEFAULT_SPANS_KEY, SpanCategorizer, Suggester
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example, validate_examples
from spacy.util import minibatch
from spacy.vocab import Vocab
from thinc.api import Config, Model, Optimizer
from thinc.backends import get_array_ops
from thinc.types import Floats1d, Floats2d, Ints1d, Ragged

from ..losses import SpanLoss, SpanTruths
from ..models import SpanSuggester
from ..models.growth import add_class, can_grow, widen
from ..models.suggesters import suggest
from ..spans.groups import align_gold_spans, scored
from ..spans.pairs import equal_pairs
from ..spans.table import span_score
from ..spans.tree import SpanNode, span_tree
from ..spans.widths import WidthChoice
from .ceilings import find_ceilings
from .checksums import CHECKSUMS_NAME, check_checksums, compute_checksums
from .decoding import resolve_overlap, select_labels
from .gold_spans import GoldSpans
from .origin import Origin, check_docs, check_saved, describe_tokenizer
from .scorer import nested_spans_score
from .validation import (
    check_ceilings,
    check_gold_spans,
    check_labels,
    check_labels_fit_model,
    check_probabilities,
    check_score_weights,
    check_scorer,
    check_settings,
    check_spans_keys,
    loading,
    report_width,
)

nested_spancat_default_config = """
[model]
@architectures = "spacy_eiou.NestedSpanCategorizer.v1"
hidden_size = 64
scorer = {"@layers": "Linear.v1"}

[model.tok2vec]
@architectures = "spacy_eiou.Tok2Vec.v1"

[model.tok2vec.embed]
@architectures = "spacy.MultiHashEmbed.v2"
width = 96
rows = [5000, 1000, 2500, 1000]
attrs = ["NORM", "PREFIX", "SUFFIX", "SHAPE"]
include_static_vectors = false

[model.tok2vec.encode]
@architectures = "spacy.MaxoutWindowEncoder.v2"
width = ${model.tok2vec.embed.width}
window_size = 1
maxout_pieces = 3
depth = 4

[loss]
@losses = "spacy_eiou.EIoU_EMC.v1"

[suggester]
@misc = "spacy_eiou.span_suggester.v1"
max_width = null
"""
# The setting `max_positive` that follows the training data.
AUTO = "auto"
# Training that is resumed warns of gold spans that can't be predicted each time that they are so
# many times as many.
WARNING_FACTOR = 10

DEFAULT_CONFIG = Config().from_str(nested_spancat_default_config)


@Language.factory(
    "nested_spancat",
    assigns=["doc.spans"],
    default_config={
        "spans_key": DEFAULT_SPANS_KEY,
        "threshold": 0.5,
        "max_positive": AUTO,
        "overlap": "any",
        "model": DEFAULT_CONFIG["model"],
        "suggester": DEFAULT_CONFIG["suggester"],
        "loss": DEFAULT_CONFIG["loss"],
        "scorer": {"@scorers": "spacy_eiou.nested_spans_scorer.v1"},
    },
    default_score_weights={"spans_sc_f": 1.0, "spans_sc_p": 0.0, "spans_sc_r": 0.0},
)
def make_nested_spancat(
    nlp: Language,
    name: str,
    model: Model[Tuple[List[Doc], Ragged], Floats2d],
    suggester: Suggester,
    loss: SpanLoss,
    spans_key: str,
    threshold: float,
    max_positive: Union[int, str, None],
    overlap: str,
    scorer: Optional[Callable[..., Dict[str, Any]]],
) -> "NestedSpanCategorizer":
    """Create a nested span categorizer.

    model (Model[Tuple[List[Doc], Ragged], Floats2d]): Gives each candidate a logit per label and,
        last, one for "no entity".
    suggester (Suggester): Suggests candidates, rows `[start, end)` in tokens.
    loss (SpanLoss): The loss to train with, which also turns logits into probabilities.
    spans_key (str): Key of `doc.spans` for predictions and, in training, for gold spans.
    threshold (float): The least probability of a span that is kept.
    max_positive (Union[int, str, None]): The most labels per span: `None` for no limit, "auto" for
        as many as a span of the training data bears, but 1 if less than 1 % of them bear several.
    overlap (str): What predicted spans may do: "any", "nested" (spans that cross are resolved by
        score) or "flat" (all overlaps are).
    scorer (Optional[Callable]): The scoring method.
    RETURNS (NestedSpanCategorizer): The component.
    """
    component = NestedSpanCategorizer(
        nlp.vocab,
        model,
        suggester,
        loss,
        name,
        spans_key=spans_key,
        threshold=threshold,
        max_positive=max_positive,
        overlap=overlap,
        scorer=scorer,
    )
    component.origin = Origin(nlp)
    return component


class NestedSpanCategorizer(SpanCategorizer):
    """Pipeline component to find labeled spans, nested ones among them."""

    def __init__(
        self,
        vocab: Vocab,
        model: Model[Tuple[List[Doc], Ragged], Floats2d],
        suggester: Suggester,
        loss: SpanLoss,
        name: str = "nested_spancat",
        *,
        spans_key: str = DEFAULT_SPANS_KEY,
        threshold: float = 0.5,
        max_positive: Union[int, str, None] = AUTO,
        overlap: str = "any",
        scorer: Optional[Callable[..., Dict[str, Any]]] = nested_spans_score,
    ) -> None:
        """Initialize the component. See `make_nested_spancat` for the arguments.

        RAISES (ValueError): If `overlap`, `max_positive` or `threshold` is out of range.
        """
        super().__init__(vocab, model, suggester, name, add_negative_label=True, scorer=scorer)
        self.loss = loss
        self.learns_max_positive = max_positive == AUTO
        self.is_loaded = False
        self.origin = Origin()
        self.has_checked_docs = False
        # What training has seen so far, since the component was initialized or loaded.
        self.seen: Optional[GoldSpans] = None
        self.n_warned = 0
        self.cfg = {
            "labels": [],
            "spans_key": spans_key,
            "threshold": threshold,
            "label_thresholds": {},
            "max_positive": 1 if max_positive == AUTO else max_positive,
            "overlap": overlap,
            "max_width": getattr(suggester, "max_width", None),
            "class_counts": None,
            "tokenizer": None,
        }
        check_settings(name, self.cfg)
        _set_extensions()

    @property
    def is_resizable(self) -> bool:
        """Whether labels can be added once the component is trained."""
        return can_grow(self.model)

    def add_label(self, label: str) -> int:
        """Add a label. A trained component keeps what it has learned: its output layer grows.

        label (str): The label.
        RETURNS (int): 0 if it has the label already, else 1.
        RAISES (ValueError): If the component is trained, and its scores don't come from a linear
            layer.
        """
        is_new = super().add_label(label)
        if is_new and self.model.has_dim("nO"):
            add_class(self.model)
            if self.cfg["class_counts"] is not None:
                self.cfg["class_counts"].insert(-1, 0)
        return is_new

    def predict(self, docs: Iterable[Doc]) -> Tuple[Ragged, Floats2d]:
        """Apply the model to a batch of docs, without modifying them.

        docs (Iterable[Doc]): The docs.
        RETURNS (Tuple[Ragged, Floats2d]): The candidates, rows `[start, end)` in tokens of shape
            (n, 2), and the probability of each label, shape (n, K).
        RAISES (ValueError): If a probability is not finite.
        """
        docs = list(docs)
        candidates = self.suggester(docs, ops=self.model.ops)
        if not candidates.lengths.sum():
            return candidates, self.model.ops.alloc2f(0, len(self.labels))
        if not self.has_checked_docs:
            self.has_checked_docs = True
            check_docs(self.name, self.model, self.origin, docs)
            # It would keep the whole pipeline in memory.
            self.origin = Origin()
        logits = self.model.predict((docs, candidates))
        probabilities = (
            self.loss.probabilities(logits)
            if self.cfg["max_positive"] == 1
            else self.loss.separate_probabilities(logits)
        )
        check_probabilities(self.name, probabilities)
        return candidates, probabilities

    def __call__(self, doc: Doc, *, threshold: Optional[float] = None) -> Doc:
        """Apply the component to a doc.

        doc (Doc): The doc.
        threshold (Optional[float]): The threshold of all labels for it, see `pipe`.
        RETURNS (Doc): The doc.
        """
        return next(self.pipe([doc], threshold=threshold), doc)

    def pipe(
        self, stream: Iterable[Doc], *, batch_size: int = 128, threshold: Optional[float] = None
    ) -> Iterator[Doc]:
        """Apply the component to a stream of docs. `nlp.pipe` hands on a threshold as
        `component_cfg={"nested_spancat": {"threshold": 0.3}}`.

        stream (Iterable[Doc]): The docs.
        batch_size (int): The number of docs to buffer.
        threshold (Optional[float]): The threshold of all labels for these docs. If None, those of
            the component.
        YIELDS (Doc): The docs, in order.
        """
        for docs in minibatch(stream, batch_size):  # type: ignore[no-untyped-call]
            try:
                self.set_annotations(docs, self.predict(docs), threshold=threshold)
                yield from docs
            except Exception as err:
                self.get_error_handler()(self.name, self, docs, err)

    def set_annotations(
        self,
        docs: Iterable[Doc],
        indices_scores: Tuple[Ragged, Floats2d],
        *,
        threshold: Optional[float] = None,
    ) -> None:
        """Write the spans whose score reaches the threshold, that of the label if it has one of its
        own, to `doc.spans`, sorted by start and end where the suggester sorts its candidates so.

        docs (Iterable[Doc]): The docs to modify.
        indices_scores (Tuple[Ragged, Floats2d]): Candidates and probabilities, as `predict` gives
            them.
        threshold (Optional[float]): The threshold of all labels. If None, those of the component.
        RAISES (ValueError): If a setting, or the threshold, is out of range.
        """
        cfg = self.cfg if threshold is None else {**self.cfg, "threshold": threshold}
        check_settings(self.name, cfg)
        docs = list(docs)
        candidates, scores = indices_scores
        spans = self.model.ops.to_numpy(candidates.dataXd).reshape((-1, 2))
        scores = self.model.ops.to_numpy(scores)
        bounds = np.cumsum(self.model.ops.to_numpy(candidates.lengths))
        thresholds = (
            self._thresholds()
            if threshold is None
            else np.full(len(self.labels), threshold, dtype="f")
        )
        rows, columns = select_labels(scores, thresholds, self.cfg["max_positive"])
        spans, scores = spans[rows], scores[rows, columns]
        # Of the docs laid end to end, so that spans of different docs never overlap
        offsets = np.cumsum([0] + [len(doc) for doc in docs])
        doc_rows = np.searchsorted(bounds, rows, side="right")
        kept = resolve_overlap(spans + offsets[doc_rows, None], scores, self.cfg["overlap"])
        # In double precision their elements are Python floats as well, which JSON can hold.
        spans, scores = spans[kept], scores[kept].astype("float64")
        # Not their hashes, which docs of another vocab don't know
        names = self.labels
        labels = [names[column] for column in columns[kept].tolist()]
        bounds = np.searchsorted(doc_rows[kept], np.arange(len(docs) + 1))
        for doc, start, end in zip(docs, bounds, bounds[1:]):
            found = [
                Span(doc, span_start, span_end, label=label)
                for (span_start, span_end), label in zip(
                    spans[start:end].tolist(), labels[start:end]
                )
            ]
            attrs = scored(found, scores[start:end])
            doc.spans[self.key] = SpanGroup(doc, name=self.key, attrs=attrs, spans=found)

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optional[Optimizer] = None,
        losses: Optional[Dict[str, float]] = None,
    ) -> Dict[str, float]:
        """Learn from a batch. If its gold spans have labels that the component doesn't have, are
        wider, or bear more labels, than it knows, it grows.

        examples (Iterable[Example]): The batch.
        drop (float): The dropout rate.
        sgd (Optional[Optimizer]): The optimizer.
        losses (Optional[Dict[str, float]]): The losses to add to, by name of the component.
        RETURNS (Dict[str, float]): The losses.
        RAISES (ValueError): If the loss is not finite, or the component can't grow.
        """
        examples = list(examples)
        validate_examples(examples, "NestedSpanCategorizer.update")
        if self.seen is not None:
            self._follow(self.seen, examples)
        # What it learns from now on is what the docs have.
        self.origin = Origin()
        return super().update(examples, drop=drop, sgd=sgd, losses=losses)

    def get_loss(
        self, examples: Iterable[Example], spans_scores: Tuple[Ragged, Floats2d]
    ) -> Tuple[float, Floats2d]:
        """Find the loss and its gradient for a batch.

        examples (Iterable[Example]): The batch.
        spans_scores (Tuple[Ragged, Floats2d]): The candidates and their logits, shape (n, K + 1).
        RETURNS (Tuple[float, Floats2d]): The loss, and its gradient with respect to the logits.
        RAISES (ValueError): If the loss is not finite.
        """
        candidates, logits = spans_scores
        d_logits, loss = self.loss(logits, self._truths(list(examples), candidates))
        if not np.isfinite(loss):
            raise ValueError(
                f"[{self.name}] The loss is {loss}: training has diverged. Lower the learning "
                "rate, or check the token vectors that the component gets."
            )
        return loss, d_logits

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Optional[List[str]] = None,
    ) -> None:
        """Initialize the component for training: collect labels, find how wide candidates have to
        be and how many labels a span may get, and count how often each class occurs among them.
        A component that was loaded keeps what it has learned, and grows.

        get_examples (Callable[[], Iterable[Example]]): Returns gold-standard examples.
        nlp (Optional[Language]): The pipeline that the component is part of.
        labels (Optional[List[str]]): The labels, as `spacy init labels` writes them. By default
            they are collected from the examples.
        RAISES (ValueError): If the examples have no gold spans, the labels given lack one of
            theirs, no gold span can be predicted, or the model gives probabilities.
        """
        check_scorer(self.name, self.model)
        n_known = self.seen.n_known if self.is_loaded and self.seen is not None else 0
        gold = GoldSpans(n_known=n_known)
        gold.add(get_examples(), self.key)
        # Without examples, spaCy initializes with a doc that has no annotation.
        references = [eg.reference for eg in get_examples()] if not gold.labels else []
        if gold.labels or labels is not None or any(doc.spans or doc.ents for doc in references):
            check_gold_spans(self.name, self.key, gold.labels, references)
        if labels is not None:
            check_labels(self.name, [*self.labels, *labels], gold.labels)
        if nlp is not None:
            check_score_weights(self.name, self.key, nlp.config)
            others = [getattr(pipe, "key", "") for _, pipe in nlp.pipeline if pipe is not self]
            check_spans_keys(self.name, self.key, others)
            self.cfg["tokenizer"] = describe_tokenizer(nlp.config)
        if self.is_loaded and self.model.has_dim("nO"):
            self._grow(gold, labels or [])
        else:
            self._set_sizes(gold.choose_width(), gold.max_positive)
            # Not those of another pass, in which a reader that samples may give other examples
            labels = list(gold.labels) if labels is None else labels
            super().initialize(get_examples, nlp=nlp, labels=labels)
            self.cfg["label_thresholds"] = {}
            self.cfg["class_counts"] = None
        self._count_classes(get_examples())
        # What the earlier components will set as sentence boundaries, they may not know yet.
        ceilings = find_ceilings(self, get_examples(), nlp=nlp, is_trained=False)
        check_ceilings(self.name, ceilings)
        gold.ceilings, self.n_warned = ceilings, ceilings.unreachable
        gold.counted = set(gold.labels)
        gold.is_initial = False
        self.seen = gold

    def from_bytes(
        self, bytes_data: bytes, *, exclude: Iterable[str] = ()
    ) -> "NestedSpanCategorizer":
        """Load the component from a bytestring.

        bytes_data (bytes): The bytestring.
        exclude (Iterable[str]): Names of serialization fields to leave out.
        RETURNS (NestedSpanCategorizer): Itself.
        RAISES (ValueError): If the bytes are damaged, or of another model or version.
        """
        with loading(self.name, "a bytestring"):
            super().from_bytes(bytes_data, exclude=exclude)
            self._check_loaded()
        return self

    def to_disk(self, path: Any, *, exclude: Iterable[str] = ()) -> None:
        """Save the component to disk, with the checksums of the weights that it needs.

        path (Any): Path to the directory, a string or a `Path`.
        exclude (Iterable[str]): Names of serialization fields to leave out.
        """
        super().to_disk(path, exclude=exclude)
        srsly.write_json(Path(path) / CHECKSUMS_NAME, compute_checksums(Path(path)))

    def from_disk(self, path: Any, *, exclude: Iterable[str] = ()) -> "NestedSpanCategorizer":
        """Load the component from disk.

        path (Any): Path to the directory, a string or a `Path`.
        exclude (Iterable[str]): Names of serialization fields to leave out.
        RETURNS (NestedSpanCategorizer): Itself.
        RAISES (ValueError): If a file is missing, damaged, or of another model or version.
        """
        with loading(self.name, f"'{path}'"):
            check_checksums(Path(path))
            super().from_disk(path, exclude=exclude)
            self._check_loaded()
            check_saved(self.name, self.model, self.cfg["tokenizer"], Path(path))
        return self

    def _check_loaded(self) -> None:
        check_settings(self.name, self.cfg)
        check_labels_fit_model(self.name, self.cfg["labels"], self.model)
        self._load_width(self.cfg["max_width"])
        self.is_loaded = True
        counts = dict(zip(self.labels, self.cfg["class_counts"] or []))
        counted = {label for label, count in counts.items() if count}
        self.seen = GoldSpans(n_known=sum(counts.values()), counted=counted, is_initial=False)
        self.n_warned = 0

    def _thresholds(self) -> Floats1d:
        label_thresholds = self.cfg["label_thresholds"]
        unknown = sorted(label_thresholds.keys() - set(self.labels))
        if unknown:
            warnings.warn(
                f"[{self.name}] There are thresholds of labels that the component does not have: "
                f"{', '.join(unknown)}.",
                stacklevel=4,
            )
        thresholds = [label_thresholds.get(label, self.cfg["threshold"]) for label in self.labels]
        return np.asarray(thresholds, dtype="f")

    @property
    def _learns_width(self) -> bool:
        return isinstance(self.suggester, SpanSuggester) and self.suggester.learns_width

    def _set_max_width(self, max_width: Optional[int]) -> None:
        self.cfg["max_width"] = max_width
        if isinstance(self.suggester, SpanSuggester):
            self.suggester.max_width = max_width

    def _load_width(self, max_width: Optional[int]) -> None:
        """Set the width that was learned, unless the config has another one by now."""
        if isinstance(self.suggester, SpanSuggester) and not self.suggester.learns_width:
            if max_width is not None and max_width < (self.suggester.max_width or 0):
                widen(self.model, max_width)
            max_width = self.suggester.max_width
        self._set_max_width(max_width)

    def _add_labels(self, labels: Iterable[str]) -> None:
        """Add labels that come after the initialization."""
        new = sorted(set(labels) - set(self.labels))
        for label in new:
            self.add_label(label)
        if new:
            warnings.warn(
                f"[{self.name}] The training data have labels that the component does not have "
                f"yet: {', '.join(new)}. It learns them from now on, beside the others.",
                stacklevel=4,
            )

    def _set_sizes(self, choice: Optional[WidthChoice], max_positive: int) -> None:
        """Set how wide candidates are, and how many labels a span may get, as far as the settings
        leave that to the training data."""
        if self._learns_width:
            self._set_max_width(choice.width if choice is not None else 1)
            if choice is not None:
                report_width(self.name, choice)
        if self.learns_max_positive:
            self.cfg["max_positive"] = max_positive

    def _grow(self, gold: GoldSpans, labels: Iterable[str]) -> None:
        """Keep what was learned, and grow as far as gold spans and labels given ask for."""
        warnings.warn(
            f"[{self.name}] The component was loaded, so that it keeps what it has learned. To "
            "train it from scratch, create it with nlp.add_pipe.",
            stacklevel=3,
        )
        self._add_labels([*labels, *gold.labels])
        self._extend(gold, gold.choose_width() if self._learns_width else None)

    def _follow(self, seen: GoldSpans, examples: List[Example]) -> None:
        """Grow as far as the gold spans ask for that training has seen, and warn of those that
        can't be predicted."""
        examples = seen.find_new(examples, self.key)
        if not examples:
            return
        max_width = self.cfg["max_width"]
        before = seen.widths.copy()
        seen.add(examples, self.key)
        self._add_labels(seen.labels)
        # To choose takes longer than to see that there is nothing to choose.
        is_wider = max(seen.widths - before, default=0) > (max_width or 0)
        grows = is_wider and self._learns_width
        self._extend(seen, seen.choose_width(earlier_width=max_width) if grows else None)
        if self.cfg["class_counts"] is not None:
            self._count_later(seen, examples)
        seen.ceilings.update(find_ceilings(self, examples))
        if seen.ceilings.unreachable >= max(WARNING_FACTOR * self.n_warned, 1):
            self.n_warned = seen.ceilings.unreachable
            warnings.warn(f"[{self.name}] So far {seen.ceilings.describe()}.", stacklevel=3)

    def _extend(self, gold: GoldSpans, choice: Optional[WidthChoice]) -> None:
        """Allow for wider candidates, where a width was chosen, and for more labels per span, if
        gold spans ask for them and the settings leave that to the training data."""
        max_width, max_positive = self.cfg["max_width"], self.cfg["max_positive"]
        if choice is not None and choice.width > (max_width or 0):
            if max_width is not None:
                widen(self.model, max_width)
            self._set_max_width(choice.width)
            warnings.warn(
                f"[{self.name}] Gold spans are wider than max_width = {max_width}, which now is "
                f"{choice.width}.",
                stacklevel=4,
            )
        if self.learns_max_positive and gold.max_positive > (max_positive or np.inf):
            self.cfg["max_positive"] = gold.max_positive
            warnings.warn(
                f"[{self.name}] Gold spans bear more labels than max_positive = {max_positive}, "
                f"which now is {gold.max_positive}.",
                stacklevel=4,
            )

    def _count_classes(self, examples: Iterable[Example]) -> None:
        counts = np.zeros(len(self.labels) + 1, dtype="int64")
        for batch in minibatch(examples, size=256):  # type: ignore[no-untyped-call]
            counts += self._count_batch(batch)
        # What was learned before the component was loaded still counts.
        known = self.cfg["class_counts"] or [0] * len(counts)
        self.cfg["class_counts"] = np.maximum(counts, known).tolist()

    def _count_later(self, seen: GoldSpans, examples: List[Example]) -> None:
        """Count the classes that the initialization has not counted. The others not again, as the
        variants of an augmenter are new texts in each epoch."""
        is_counted = [label in seen.counted for label in self.labels] + [bool(seen.counted)]
        if not all(is_counted):
            counts = np.where(is_counted, 0, self._count_batch(examples))
            self.cfg["class_counts"] = (counts + self.cfg["class_counts"]).tolist()

    def _count_batch(self, examples: List[Example]) -> Ints1d:
        """RETURNS (Ints1d): How many candidates are of each class."""
        candidates = suggest(self.suggester, [eg.predicted for eg in examples])
        if candidates is None:
            # Those of earlier components, which annotate no docs yet
            gold = (span for eg in examples for span in align_gold_spans(eg, self.key))
            n_spans = Counter(span.label_ for span in gold)
            return np.array([*(n_spans[label] for label in self.labels), 0])
        truths = self._truths(examples, candidates, only_known=True)
        rows, gold_rows = equal_pairs(truths.candidates, truths.gold)
        counts = np.bincount(truths.labels[gold_rows], minlength=len(self.labels) + 1)
        counts[-1] = len(truths.candidates) - len(np.unique(rows))
        return counts

    def _truths(
        self, examples: List[Example], candidates: Ragged, *, only_known: bool = False
    ) -> SpanTruths:
        """The gold spans, all or only those of known labels, and the candidates of a batch, in
        tokens of its docs laid end to end."""
        ops = get_array_ops(candidates.dataXd)
        doc_offsets = np.cumsum([0] + [len(eg.predicted) for eg in examples])
        columns = {label: column for column, label in enumerate(self.labels)}
        gold = [
            (span.start + offset, span.end + offset, self._get_column(columns, span.label_))
            for eg, offset in zip(examples, doc_offsets)
            for span in align_gold_spans(eg, self.key)
            if not only_known or span.label_ in columns
        ]
        gold_array = ops.asarray2i(gold or ops.alloc2i(0, 3))
        offsets = np.repeat(doc_offsets[:-1], ops.to_numpy(candidates.lengths))
        counts = self.cfg["class_counts"]
        return SpanTruths(
            candidates=candidates.dataXd.reshape((-1, 2)) + ops.asarray1i(offsets)[:, None],
            gold=gold_array[:, :2],
            labels=gold_array[:, 2],
            class_counts=None if counts is None else ops.asarray1f(counts),
            several_labels=self.cfg["max_positive"] != 1,
        )

    def _get_column(self, columns: Dict[str, int], label: str) -> int:
        if label not in columns:
            raise ValueError(
                f"[{self.name}] A gold span has the label {label!r}, which the component was not "
                f"initialized with: {', '.join(columns)}. Initialize it with all labels of the "
                "training data, or remove the span."
            )
        return columns[label]


def _set_extensions() -> None:
    """Register `doc._.span_tree` and `span._.score`. Not on import, as spaCy imports this module
    for pipelines without the component too."""
    # A user's own extensions of these names stay.
    if not Doc.has_extension("span_tree"):
        Doc.set_extension("span_tree", method=_doc_span_tree)
    if not Span.has_extension("score"):
        Span.set_extension("score", getter=span_score)


def _doc_span_tree(doc: Doc, spans_key: str = DEFAULT_SPANS_KEY) -> List[SpanNode]:
    return span_tree(doc.spans.get(spans_key, []))
