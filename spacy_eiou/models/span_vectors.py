"""Boundary-aware vectors of candidate spans, computed without copying the tokens of each."""

import math
from typing import Any, Callable, NamedTuple, Tuple

import torch
import torch.nn.functional as F
from thinc.types import Floats2d, Ints2d
from torch import Tensor

from .torch_layers import as_array, as_tensor

# Two buckets per doubling of the width: 1, 2, 3, 4-5, 6-7, 8-11, ... The last has no upper end.
WIDTH_BUCKETS = 32


class SpanVectorParams(NamedTuple):
    """The parameters of `span_vectors`, for token vectors of width nI and span vectors of width
    nH: arrays or tensors."""

    W: Any  # projections of first, last and maximum: (3 * nH, nI)
    b: Any  # (nH,)
    widths: Any  # embeddings of the span's width: (WIDTH_BUCKETS, nH)
    G: Any  # gain of the layer normalization: (nH,)
    bG: Any  # bias of the layer normalization: (nH,)

    @staticmethod
    def shapes(nI: int, nH: int) -> "Tuple[Tuple[int, ...], ...]":
        return (3 * nH, nI), (nH,), (WIDTH_BUCKETS, nH), (nH,), (nH,)


# Maps the gradient of span vectors to those of the token vectors and the parameters.
Backprop = Callable[[Floats2d], Tuple[Floats2d, SpanVectorParams]]


class TorchSpanVectors:
    """The vectors of candidates over the same tokens, computed by PyTorch.

    X (Floats2d): Token vectors, shape (N, nI).
    params (SpanVectorParams): The parameters, arrays.
    """

    def __init__(self, X: Floats2d, params: SpanVectorParams) -> None:
        self.X = X
        self.params = params

    @torch.no_grad()
    def predict(self, spans: Ints2d) -> Floats2d:
        """RETURNS (Floats2d): The vectors of spans, given as starts and ends within the tokens,
        shape (2, n): shape (n, nH)."""
        first, last = int(spans[0].min()), int(spans[1].max())
        params = SpanVectorParams(*map(as_tensor, self.params))
        return as_array(
            span_vectors(as_tensor(self.X[first:last]), as_tensor((spans - first).T), params)
        )

    def begin_update(self, spans: Ints2d) -> Tuple[Floats2d, Backprop]:
        """RETURNS (Tuple[Floats2d, Backprop]): The vectors, and the callback for their gradient."""
        X, *params = [as_tensor(array, requires_grad=True) for array in (self.X, *self.params)]
        vectors = span_vectors(X, as_tensor(spans.T), SpanVectorParams(*params))

        def backprop(d_vectors: Floats2d) -> Tuple[Floats2d, SpanVectorParams]:
            dX, *d_params = torch.autograd.grad(vectors, [X, *params], as_tensor(d_vectors))
            return as_array(dX), SpanVectorParams(*map(as_array, d_params))

        return as_array(vectors.detach()), backprop


def span_vectors(tokens: Tensor, candidates: Tensor, params: SpanVectorParams) -> Tensor:
    """Represent candidate spans by their boundaries, content and width.

    With F, L and M the projections of the token vectors x, and s and e the span's boundaries:

        h = norm(relu(F x[s] + L x[e-1] + max M x[s:e] + width(e - s) + b))

    This is this project's reading of the boundary-aware representation of the EIoU-EMC paper
    (arXiv 2504.14203). Tokens are projected once, and a sparse table gives the maxima (Bender and
    Farach-Colton 2000), so that time and memory grow with the number of candidates, not with their
    widths.

    tokens (Tensor): Token vectors of a batch, shape (N, nI).
    candidates (Tensor): Spans `[start, end)` in tokens of the batch, integers, shape (n, 2).
    params (SpanVectorParams): The parameters.
    RETURNS (Tensor): Span vectors, shape (n, nH).
    """
    starts, ends = candidates.unbind(1)
    widths = ends - starts
    first, last, inside = F.linear(tokens, params.W).chunk(3, dim=1)
    sums = torch.cat([first, last, params.widths + params.b])
    buckets = width_buckets(widths)
    sum_rows = torch.stack([starts, ends + (len(tokens) - 1), buckets + 2 * len(tokens)], dim=1)
    vectors = F.embedding_bag(sum_rows, sums, mode="sum") + _maxima(inside, starts, widths)
    return F.layer_norm(torch.relu(vectors), vectors.shape[1:], params.G, params.bG)


def width_buckets(widths: Tensor) -> Tensor:
    """Find the rows of the embeddings of widths.

    widths (Tensor): Widths of spans, in tokens, integers, shape (n,).
    RETURNS (Tensor): The rows, shape (n,).
    """
    return (2 * torch.log2(widths.float())).int().clamp_(max=WIDTH_BUCKETS - 1)


def _maxima(tokens: Tensor, starts: Tensor, widths: Tensor) -> Tensor:
    """RETURNS (Tensor): The maxima over the tokens of each span, shape (n, nH)."""
    levels = [tokens]
    for exponent in range(int(math.log2(int(widths.max())))):
        narrower, step = levels[-1], 2**exponent
        levels.append(_maximum(narrower[:-step], narrower[step:]))
    level = torch.log2(widths.float()).int()
    range_width = 1 << level
    # Ranges of 2^k tokens begin at the first N + 1 - 2^k tokens only.
    left = level * (len(tokens) + 1) - (range_width - 1) + starts
    table = torch.cat(levels)
    return _maximum(table.index_select(0, left), table.index_select(0, left + widths - range_width))


def _maximum(a: Tensor, b: Tensor) -> Tensor:
    # The backward passes of torch.maximum and torch.where take far longer.
    return b + torch.relu(a - b) if torch.is_grad_enabled() else torch.maximum(a, b)
