"""The Thinc layer around the span vectors: parameters, pieces and the scorer."""

import os
from typing import Callable, Optional, Tuple

import torch
from thinc.api import Model, glorot_uniform_init, torch2xp
from thinc.types import Floats2d, Ragged

from .span_vectors import (
    SpanRows,
    SpanVectorParams,
    look_up,
    span_rows,
    span_tables,
    span_vectors,
)
from .torch_layers import as_tensor, compute_with_torch, no_backprop

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
    rows = _batch_rows(tokens, candidates)
    H = span_vectors(X, rows, params, model.attrs["dropout_rate"])
    scores, backprop_scorer = model.layers[0].begin_update(torch2xp(H))

    def backprop(d_scores: Floats2d) -> Tuple[Ragged, Ragged]:
        dH = as_tensor(backprop_scorer(d_scores))
        dX, *d_params = torch.autograd.grad(H, [X, *params], dH)
        for name, gradient in zip(params._fields, d_params):
            model.inc_grad(name, torch2xp(gradient))
        return Ragged(torch2xp(dX), tokens.lengths), candidates

    return scores, backprop


@torch.no_grad()
def _predict(
    model: Model[Tuple[Ragged, Ragged], Floats2d], tokens: Ragged, candidates: Ragged
) -> Floats2d:
    X = as_tensor(tokens.dataXd)
    params = _params(model)
    rows = _batch_rows(tokens, candidates)
    scores = model.ops.alloc2f(len(rows), model.get_dim("nO"), zeros=False)
    position = 0
    for chunk in torch.split(rows, CHUNK_SIZE) if len(rows) else ():
        start, end = int(chunk[:, 0].min()), int(chunk[:, 1].max())
        tables = span_tables(X[start:end], int((chunk[:, 1] - chunk[:, 0]).max()), params)
        lookups = span_rows(chunk - start, end - start)
        for piece in map(SpanRows, *(torch.split(field, PIECE_SIZE) for field in lookups)):
            H = look_up(tables, piece, params)
            scores[position : position + len(H)] = model.layers[0].predict(torch2xp(H))
            position += len(H)
    return scores


def _params(
    model: Model[Tuple[Ragged, Ragged], Floats2d], requires_grad: bool = False
) -> SpanVectorParams:
    return SpanVectorParams(
        *(as_tensor(model.get_param(name), requires_grad) for name in SpanVectorParams._fields)
    )


def _batch_rows(tokens: Ragged, candidates: Ragged) -> torch.Tensor:
    """The candidates in tokens of the batch, rather than of their docs."""
    doc_lengths = as_tensor(tokens.lengths)
    doc_starts = torch.cumsum(doc_lengths, dim=0, dtype=doc_lengths.dtype) - doc_lengths
    offsets = doc_starts.repeat_interleave(as_tensor(candidates.lengths))
    return as_tensor(candidates.dataXd) + offsets[:, None]
