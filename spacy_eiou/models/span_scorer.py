"""The Thinc layer around the span vectors: parameters, pieces and the scorer."""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Callable, Optional, Tuple, Union

import numpy as np
import torch
import torch.nn.functional as F
from thinc.api import Model, glorot_uniform_init
from thinc.types import Floats2d, Ints2d, Ragged
from thinc.util import get_array_module

from .span_vectors import SpanVectorParams, TorchSpanVectors
from .torch_layers import as_array, as_tensor, compute_with_torch, no_backprop, works_after_fork

if TYPE_CHECKING:
    from .span_kernel import CompiledSpanVectors

HAS_NUMBA = find_spec("numba") is not None

# Prediction bounds its memory: candidates get their vectors in pieces that the cache holds.
PIECE_SIZE = 4096


def span_scorer(
    scorer: Model[Floats2d, Floats2d], hidden_size: int
) -> Model[Tuple[Ragged, Ragged], Floats2d]:
    """Score candidate spans from the vectors of their tokens.

    The parameters belong to Thinc, so that averaging, serialization and the optimizer treat them
    like those of any other layer. On their memory, code that Numba compiles computes on a CPU where
    Numba is installed, and PyTorch elsewhere.

    scorer (Model[Floats2d, Floats2d]): Maps span vectors of shape (n, hidden_size) to scores.
    hidden_size (int): Width of the span vectors.
    RETURNS (Model[Tuple[Ragged, Ragged], Floats2d]): A layer that takes token vectors and
        candidates, rows `[start, end)` in tokens of their doc, and gives scores of shape (n, nO).
    """
    model: Model[Tuple[Ragged, Ragged], Floats2d] = Model(
        "span_scorer",
        forward,
        init=init,
        layers=[scorer],
        dims={"nI": None, "nH": hidden_size, "nO": None},
        params=dict.fromkeys(SpanVectorParams._fields),
        attrs={"dropout_rate": 0.0},
    )
    compute_with_torch(model)
    return model


def init(
    model: Model[Tuple[Ragged, Ragged], Floats2d],
    X: Optional[Tuple[Ragged, Ragged]] = None,
    Y: Optional[Floats2d] = None,
) -> None:
    ops, nH = model.ops, model.get_dim("nH")
    if X is not None:
        model.set_dim("nI", X[0].dataXd.shape[1])
    shapes = SpanVectorParams.shapes(model.get_dim("nI"), nH)
    for name, shape in zip(SpanVectorParams._fields, shapes):
        model.set_param(name, ops.alloc(shape))
    for projection in ops.xp.split(model.get_param("W"), 3):
        projection[:] = glorot_uniform_init(ops, projection.shape)
    model.get_param("G")[:] = 1
    scorer = model.layers[0]
    scorer.initialize(X=ops.alloc2f(1, nH), Y=None if Y is None else Y[:1])
    model.set_dim("nO", scorer.get_dim("nO"))


@works_after_fork
def forward(
    model: Model[Tuple[Ragged, Ragged], Floats2d],
    tokens_candidates: Tuple[Ragged, Ragged],
    is_train: bool,
) -> Tuple[Floats2d, Callable[[Floats2d], Tuple[Ragged, Ragged]]]:
    tokens, candidates = tokens_candidates
    spans = batch_spans(tokens, candidates)
    if not is_train:
        return _predict(model, tokens, spans), no_backprop
    vectors, backprop_vectors = _span_vectors(model, tokens, spans).begin_update(spans)
    H, backprop_dropout = _dropout(vectors, model.attrs["dropout_rate"])
    scores, backprop_scorer = model.layers[0].begin_update(H)

    def backprop(d_scores: Floats2d) -> Tuple[Ragged, Ragged]:
        dX, d_params = backprop_vectors(backprop_dropout(backprop_scorer(d_scores)))
        for name, gradient in zip(SpanVectorParams._fields, d_params):
            model.inc_grad(name, gradient)
        return Ragged(dX, tokens.lengths), candidates

    return scores, backprop


def _predict(
    model: Model[Tuple[Ragged, Ragged], Floats2d], tokens: Ragged, spans: Ints2d
) -> Floats2d:
    n_spans = spans.shape[1]
    # Column by column, as the layers and the loss compute them
    scores = model.ops.alloc2f(model.get_dim("nO"), n_spans, zeros=False).T
    span_vectors = _span_vectors(model, tokens, spans)
    for start in range(0, n_spans, PIECE_SIZE):
        piece = slice(start, start + PIECE_SIZE)
        scores[piece] = model.layers[0].predict(span_vectors.predict(spans[:, piece]))
    return scores


def _span_vectors(
    model: Model[Tuple[Ragged, Ragged], Floats2d], tokens: Ragged, spans: Ints2d
) -> "Union[CompiledSpanVectors, TorchSpanVectors]":
    X = tokens.dataXd
    params = SpanVectorParams(*map(model.get_param, SpanVectorParams._fields))
    if HAS_NUMBA and isinstance(X, np.ndarray):
        # Not before it is needed: a process that predicts nothing need not import Numba.
        from .span_kernel import CompiledSpanVectors

        max_width = int((spans[1] - spans[0]).max(initial=1))
        return CompiledSpanVectors(model.ops, X, params, max_width)
    return TorchSpanVectors(X, params)


def _dropout(X: Floats2d, rate: float) -> Tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    """Thinc's own `Dropout` draws its numbers far slower."""
    inputs = as_tensor(X, requires_grad=True)
    outputs = F.dropout(inputs, rate, training=rate > 0)

    def backprop(dY: Floats2d) -> Floats2d:
        (dX,) = torch.autograd.grad(outputs, inputs, as_tensor(dY))
        return as_array(dX)

    return as_array(outputs.detach()), backprop


def batch_spans(tokens: Ragged, candidates: Ragged) -> Ints2d:
    """Count the tokens of candidates over a batch, rather than over their docs.

    tokens (Ragged): The vectors of the tokens of each doc.
    candidates (Ragged): The n candidates of each doc, rows `[start, end)` in tokens of it.
    RETURNS (Ints2d): Starts and ends in tokens of the batch, shape (2, n).
    RAISES (ValueError): If a candidate is empty, or not within its doc.
    """
    xp = get_array_module(candidates.dataXd)
    counts = candidates.lengths.tolist()
    doc_starts = xp.cumsum(tokens.lengths, dtype="i") - tokens.lengths
    spans = xp.empty((2, sum(counts)), dtype="i")
    starts, ends = candidates.dataXd.reshape((-1, 2)).T
    # The compiled code does not check bounds.
    inside = (starts >= 0) & (starts < ends) & (ends <= xp.repeat(tokens.lengths, counts))
    if not inside.all():
        outside = int(inside.argmin())
        raise ValueError(
            f"The suggester gave the candidate [{starts[outside]}, {ends[outside]}), which is "
            "empty or not within its doc: candidates are rows [start, end) in tokens of their doc."
        )
    offsets = xp.repeat(doc_starts, counts)
    xp.add(starts, offsets, out=spans[0])
    xp.add(ends, offsets, out=spans[1])
    return spans
