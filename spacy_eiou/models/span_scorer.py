"""The Thinc layer around the span vectors: parameters, pieces and the scorer."""

import os
from typing import Callable, Optional, Tuple

import torch
from thinc.api import Model, glorot_uniform_init
from thinc.types import Floats2d, Ragged
from thinc.util import get_array_module

from .span_vectors import (
    SpanRows,
    SpanVectorParams,
    look_up,
    span_rows,
    span_tables,
    span_vectors,
)
from .torch_layers import as_array, as_tensor, compute_with_torch, no_backprop

# Prediction bounds its memory: candidates share tables in chunks, and in pieces of a chunk that the
# processor's cache holds they get their vectors.
CHUNK_SIZE = 16384
PIECE_SIZE = 2048

# A forked process inherits the state of PyTorch's threads, but not the threads, and would wait for
# them forever: `nlp.pipe(n_process=2)` forks.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


def span_scorer(
    scorer: Model[Floats2d, Floats2d], hidden_size: int
) -> Model[Tuple[Ragged, Ragged], Floats2d]:
    """Score candidate spans from the vectors of their tokens.

    The parameters belong to Thinc, so that averaging, serialization and the optimizer treat them
    like those of any other layer; PyTorch computes on the same memory and derives the gradients.

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


def forward(
    model: Model[Tuple[Ragged, Ragged], Floats2d],
    tokens_candidates: Tuple[Ragged, Ragged],
    is_train: bool,
) -> Tuple[Floats2d, Callable[[Floats2d], Tuple[Ragged, Ragged]]]:
    tokens, candidates = tokens_candidates
    if is_train:
        return _begin_update(model, tokens, candidates)
    return _predict(model, tokens, candidates), no_backprop


def _begin_update(
    model: Model[Tuple[Ragged, Ragged], Floats2d], tokens: Ragged, candidates: Ragged
) -> Tuple[Floats2d, Callable[[Floats2d], Tuple[Ragged, Ragged]]]:
    X = as_tensor(tokens.dataXd, requires_grad=True)
    params = _params(model, requires_grad=True)
    spans = _batch_spans(tokens, candidates)
    H = span_vectors(X, spans.t(), params, model.attrs["dropout_rate"])
    scores, backprop_scorer = model.layers[0].begin_update(as_array(H.detach()))

    def backprop(d_scores: Floats2d) -> Tuple[Ragged, Ragged]:
        dH = as_tensor(backprop_scorer(d_scores))
        dX, *d_params = torch.autograd.grad(H, [X, *params], dH)
        for name, gradient in zip(params._fields, d_params):
            model.inc_grad(name, as_array(gradient))
        return Ragged(as_array(dX), tokens.lengths), candidates

    return scores, backprop


@torch.no_grad()
def _predict(
    model: Model[Tuple[Ragged, Ragged], Floats2d], tokens: Ragged, candidates: Ragged
) -> Floats2d:
    X = as_tensor(tokens.dataXd)
    params = _params(model)
    spans = _batch_spans(tokens, candidates)
    # Column by column, as the layers and the loss compute them
    scores = model.ops.alloc2f(model.get_dim("nO"), spans.shape[1], zeros=False).T
    position = 0
    for starts, ends in torch.split(spans, CHUNK_SIZE, dim=1) if len(scores) else ():
        first, last = int(starts.min()), int(ends.max())
        tables = span_tables(X[first:last], int((ends - starts).max()), params)
        rows = span_rows(starts - first, ends - first, last - first)
        for piece in map(SpanRows, *(torch.split(field, PIECE_SIZE) for field in rows)):
            end = position + len(piece.left)
            # Vectors without a name are gone before the next ones come: the cache holds one piece.
            scores[position:end] = model.layers[0].predict(as_array(look_up(tables, piece, params)))
            position = end
    return scores


def _params(
    model: Model[Tuple[Ragged, Ragged], Floats2d], requires_grad: bool = False
) -> SpanVectorParams:
    return SpanVectorParams(
        *(as_tensor(model.get_param(name), requires_grad) for name in SpanVectorParams._fields)
    )


def _batch_spans(tokens: Ragged, candidates: Ragged) -> torch.Tensor:
    """RETURNS (Tensor): Starts and ends of the n candidates in tokens of the batch, rather than of
    their docs, shape (2, n)."""
    xp = get_array_module(candidates.dataXd)
    doc_starts = xp.cumsum(tokens.lengths, dtype="i") - tokens.lengths
    offsets = xp.repeat(doc_starts, candidates.lengths.tolist())
    spans = xp.empty((2, len(offsets)), dtype="i")
    return as_tensor(xp.add(candidates.dataXd.reshape((-1, 2)).T, offsets, out=spans))
