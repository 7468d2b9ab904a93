"""Boundary regression, a rival of the boundary half, for `pretraining.py --code`.

Each candidate is classified, and says as well how far its boundaries are from those of the entity
that it is near, in multiples of its width. At prediction, spans are moved by what they say, and of
those that are then alike, the best one is kept (Chen et al. 2022, Cognitive Computation, arXiv
2011.14330). How detectors in images are followed here, and the numbers, are this project's reading.
"""

from dataclasses import replace
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple, Union

import numpy as np
import torch
import torch.nn.functional as F
from spacy.language import Language
from spacy.pipeline.spancat import Suggester
from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Linear, Model
from thinc.types import Floats1d, Floats2d, Ints1d, Ints2d, Ragged

from spacy_eiou.losses import SpanLoss, SpanTruths, build_emc_v1
from spacy_eiou.losses.span_loss import softmax
from spacy_eiou.models.nested_span_categorizer import build_nested_span_categorizer_v1
from spacy_eiou.pipeline import NestedSpanCategorizer
from spacy_eiou.spans import intersection_over_union, overlapping_pairs
from spacy_eiou.spans.pairs import Bools, lay_end_to_end

# Candidates that learn how far to move: those with such an intersection over union.
MOVED_IOU = 0.5
# The errors, in widths, from which on the loss is linear.
LINEAR_FROM = 0.1


class BoundaryRegression(SpanLoss):
    """The class half, in which a candidate near a gold span counts as one of its label, and the
    smooth L1 distance of its boundaries to those of the gold span.

    Guesses have two columns more, for how far to move the start and the end.
    """

    def __init__(self, least_iou: float, weight: float = 1.0) -> None:
        self.least_iou = least_iou
        self.weight = weight
        self.emc = build_emc_v1()

    def __call__(self, guesses: Floats2d, truths: SpanTruths) -> Tuple[Floats2d, float]:
        rows, gold_rows = nearest_gold(truths, self.least_iou)
        near = replace(truths, gold=truths.candidates[rows], labels=truths.labels[gold_rows])
        d_classes, loss = self.emc(guesses[:, :-2], near)
        d_moves, distance = self._distance(guesses[:, -2:], truths)
        gradient = np.hstack([d_classes, self.weight * d_moves])
        return gradient.astype("f"), loss + self.weight * distance

    def probabilities(self, logits: Floats2d) -> Floats2d:
        return softmax(logits[:, :-2])[:, :-1]

    def _distance(self, moves: Floats2d, truths: SpanTruths) -> Tuple[Floats2d, float]:
        rows, gold_rows = nearest_gold(truths, MOVED_IOU)
        spans = truths.candidates[rows]
        targets = (truths.gold[gold_rows] - spans) / _widths(spans)
        guesses = torch.from_numpy(moves).double().requires_grad_()
        errors = F.smooth_l1_loss(
            guesses[torch.from_numpy(rows)],
            torch.from_numpy(targets),
            reduction="sum",
            beta=LINEAR_FROM,
        )
        distance = errors / max(len(rows), 1)
        (gradient,) = torch.autograd.grad(distance, guesses)
        return gradient.numpy(), distance.item()


def nearest_gold(truths: SpanTruths, least_iou: float) -> Tuple[Ints1d, Ints1d]:
    """RETURNS (Tuple[Ints1d, Ints1d]): The candidates that are near a gold span, and the gold span
    with which each has the largest intersection over union."""
    rows, gold_rows = overlapping_pairs(truths.candidates, truths.gold)
    ious = intersection_over_union(truths.candidates[rows], truths.gold[gold_rows])
    near = ious >= least_iou
    rows, gold_rows, ious = rows[near], gold_rows[near], ious[near]
    order = np.lexsort((-ious, rows))
    candidates, first = np.unique(rows[order], return_index=True)
    return candidates, gold_rows[order][first]


def _widths(spans: Ints2d) -> Ints2d:
    return spans[:, 1:] - spans[:, :1]


def move(spans: Ints2d, moves: Floats2d, n_tokens: Ints1d) -> Ints2d:
    """RETURNS (Ints2d): The spans with their boundaries moved, which stay within their docs."""
    starts, ends = np.rint(spans + moves * _widths(spans)).astype("i").T
    starts = np.clip(starts, 0, n_tokens - 1)
    return np.stack([starts, np.clip(ends, starts + 1, n_tokens)], axis=1)


def keep_best(spans: Ints2d, scores: Floats1d, least_iou: float) -> Bools:
    """RETURNS (Bools): Which spans to keep: of those that are alike, the best one."""
    rows, others = overlapping_pairs(spans, spans)
    alike = intersection_over_union(spans[rows], spans[others]) >= least_iou
    rows, others = rows[alike & (rows != others)], others[alike & (rows != others)]
    keep = np.ones(len(spans), dtype=bool)
    for best in np.argsort(-scores, kind="stable"):
        if keep[best]:
            keep[others[rows == best]] = False
    return keep


class BoundaryRegressor(NestedSpanCategorizer):
    """`nested_spancat` whose spans are moved."""

    def predict(self, docs: Iterable[Doc]) -> Tuple[Ragged, Floats2d]:
        docs = list(docs)
        candidates = self.suggester(docs, ops=self.model.ops)
        scores = self.model.predict((docs, candidates))
        probabilities = self.loss.probabilities(scores)
        doc_rows = np.repeat(np.arange(len(docs)), candidates.lengths)
        n_tokens = np.asarray([len(doc) for doc in docs], dtype="i")[doc_rows]
        spans = move(candidates.dataXd, scores[:, -2:], n_tokens)
        best, labels = probabilities.max(axis=1), probabilities.argmax(axis=1)
        found = np.flatnonzero(best >= self.cfg["threshold"])
        apart = lay_end_to_end(doc_rows * len(self.labels) + labels, spans)[found]
        kept = found[keep_best(apart, best[found], self.loss.least_iou)]
        lengths = np.bincount(doc_rows[kept], minlength=len(docs)).astype("i")
        return Ragged(spans[kept], lengths), probabilities[kept]


@Language.factory(
    "boundary_regression",
    assigns=["doc.spans"],
    default_config=Language.get_factory_meta("nested_spancat").default_config,
    default_score_weights={"spans_sc_f": 1.0, "spans_sc_p": 0.0, "spans_sc_r": 0.0},
)
def make_boundary_regression(
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
) -> BoundaryRegressor:
    """Create the component. See `nested_spancat` for the arguments."""
    return BoundaryRegressor(
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


@registry.losses("benchmarks.BoundaryRegression.v1")
def build_boundary_regression_loss_v1(least_iou: float) -> BoundaryRegression:
    """Create the loss.

    least_iou (float): The least intersection over union with a gold span of candidates that count
        as one of its label. With 1, the regression is a second task of the same encoder alone.
    RETURNS (BoundaryRegression): The loss.
    """
    return BoundaryRegression(least_iou)


@registry.architectures("benchmarks.BoundaryRegression.v1")
def build_boundary_regression_v1(
    tok2vec: Model[List[Doc], List[Floats2d]], hidden_size: int = 64
) -> Model[Tuple[List[Doc], Ragged], Floats2d]:
    """Build the model of `nested_spancat`, with two columns more: how far to move a span.

    tok2vec (Model[List[Doc], List[Floats2d]]): The token-to-vector model.
    hidden_size (int): Width of the span vectors.
    RETURNS (Model[Tuple[List[Doc], Ragged], Floats2d]): The model.
    """
    regressor: Model[Floats2d, Floats2d] = Model(
        "regressor", forward, init=init, layers=[Linear(), Linear(nO=2)], dims={"nO": None}
    )
    model = build_nested_span_categorizer_v1(tok2vec, regressor, hidden_size)
    # The component compares the number of classes with that of its labels.
    classes: Model[Tuple[List[Doc], Ragged], Floats2d] = Model(
        "boundary_regression",
        lambda model, X, is_train: model.layers[0](X, is_train),
        init=init_classes,
        layers=[model],
        dims={"nO": None},
        refs={"tok2vec": tok2vec, "scorer": regressor},
    )
    return classes


def init_classes(
    model: Model[Tuple[List[Doc], Ragged], Floats2d],
    X: Optional[Tuple[List[Doc], Ragged]] = None,
    Y: Optional[Floats2d] = None,
) -> None:
    model.layers[0].initialize(X=X, Y=Y)
    model.set_dim("nO", model.layers[0].get_dim("nO") - 2)


def init(
    model: Model[Floats2d, Floats2d], X: Optional[Floats2d] = None, Y: Optional[Floats2d] = None
) -> None:
    classes, moves = model.layers
    classes.initialize(X=X, Y=Y)
    moves.initialize(X=X)
    model.set_dim("nO", classes.get_dim("nO") + 2)


def forward(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> Tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    (scores, backprop_scores), (moves, backprop_moves) = (
        layer(X, is_train) for layer in model.layers
    )

    def backprop(dY: Floats2d) -> Floats2d:
        return backprop_scores(dY[:, :-2]) + backprop_moves(dY[:, -2:])

    return model.ops.xp.hstack([scores, moves]), backprop
