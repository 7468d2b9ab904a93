"""Boundary-aware vectors of candidate spans, computed without copying the tokens of each."""

import math
from typing import NamedTuple, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

# Two buckets per doubling of the width: 1, 2, 3, 4-5, 6-7, 8-11, ... The last has no upper end.
WIDTH_BUCKETS = 32


class SpanVectorParams(NamedTuple):
    """The parameters of `span_vectors`, for token vectors of width nI and span vectors of width
    nH."""

    W: Tensor  # projections of first, last, mean and maximum: (4 * nH, nI)
    b: Tensor  # (nH,)
    widths: Tensor  # embeddings of the span's width: (WIDTH_BUCKETS, nH)
    G: Tensor  # gain of the layer normalization: (nH,)
    bG: Tensor  # bias of the layer normalization: (nH,)

    @staticmethod
    def shapes(nI: int, nH: int) -> "Tuple[Tuple[int, ...], ...]":
        return (4 * nH, nI), (nH,), (WIDTH_BUCKETS, nH), (nH,), (nH,)


class SpanTables(NamedTuple):
    """What the vectors of spans over N tokens are put together from."""

    sums: Tensor  # first tokens, last tokens, prefix sums, widths: (3N + 1 + WIDTH_BUCKETS, nH)
    maxima: Tensor  # over the 1, 2, 4, ... tokens from each token on: (levels * N, nH)


class SpanRows(NamedTuple):
    """Where in the tables the vectors of n spans are found."""

    sums: Tensor  # (n, 5)
    weights: Tensor  # of the rows in the sum: (n, 5)
    left: Tensor  # of the two ranges that cover the span: (n,)
    right: Tensor  # (n,)


def span_vectors(
    tokens: Tensor, candidates: Tensor, params: SpanVectorParams, dropout: float = 0.0
) -> Tensor:
    """Represent candidate spans by their boundaries, content and width.

    With F, L, A and M the projections of the token vectors x, and s and e the span's boundaries:

        h = norm(relu(F x[s] + L x[e-1] + mean A x[s:e] + max M x[s:e] + width(e - s) + b))

    This is this project's reading of the boundary-aware representation of the EIoU-EMC paper
    (arXiv 2504.14203). Tokens are projected once. Prefix sums give the means and a sparse table
    the maxima, so that time and memory grow with the number of candidates, not with their widths.

    tokens (Tensor): Token vectors of a batch, shape (N, nI).
    candidates (Tensor): Spans `[start, end)` in tokens of the batch, integers, shape (n, 2).
    params (SpanVectorParams): The parameters.
    dropout (float): Share of the features that are dropped.
    RETURNS (Tensor): Span vectors, shape (n, nH).
    """
    max_width = int((candidates[:, 1] - candidates[:, 0]).max())
    tables = span_tables(tokens, max_width, params)
    return look_up(tables, span_rows(candidates, len(tokens)), params, dropout)


def span_tables(tokens: Tensor, max_width: int, params: SpanVectorParams) -> SpanTables:
    """Project the tokens, and sum and maximize over them.

    tokens (Tensor): Token vectors, shape (N, nI).
    max_width (int): The widest candidate, in tokens.
    params (SpanVectorParams): The parameters.
    RETURNS (SpanTables): The tables. The maxima are a sparse table (Bender and Farach-Colton 2000).
    """
    first, last, mean, maximum = F.linear(tokens, params.W).chunk(4, dim=1)
    # Centred, prefix sums stay small, and so does their rounding error.
    centre = mean.mean(dim=0)
    prefix_sums = F.pad(torch.cumsum(mean - centre, dim=0), (0, 0, 1, 0))
    widths = params.widths + (params.b + centre)
    levels = [maximum]
    for exponent in range(int(math.log2(max_width))):
        narrower, step = levels[-1], 2**exponent
        wider = _maximum(narrower[:-step], narrower[step:])
        levels.append(torch.cat([wider, narrower[-step:]]))
    return SpanTables(torch.cat([first, last, prefix_sums, widths]), torch.cat(levels))


def span_rows(candidates: Tensor, n_tokens: int) -> SpanRows:
    """Find the rows of candidates in the tables of their tokens.

    candidates (Tensor): Spans `[start, end)`, integers, shape (n, 2).
    n_tokens (int): The number of tokens N.
    RETURNS (SpanRows): The rows.
    """
    starts, ends = candidates.unbind(1)
    log_widths = torch.log2((ends - starts).float())
    buckets = (2 * log_widths).int().clamp(max=WIDTH_BUCKETS - 1)
    last, prefix, width = n_tokens - 1, 2 * n_tokens, 3 * n_tokens + 1
    sums = [starts, ends + last, ends + prefix, starts + prefix, buckets + width]
    share = 1 / (ends - starts)
    whole = torch.ones_like(share)
    weights = [whole, whole, share, -share, whole]
    level = log_widths.int()
    left = level * n_tokens + starts
    right = level * n_tokens + ends - 2**level
    return SpanRows(torch.stack(sums, dim=1), torch.stack(weights, dim=1), left, right)


def look_up(
    tables: SpanTables, rows: SpanRows, params: SpanVectorParams, dropout: float = 0.0
) -> Tensor:
    """Put span vectors together from the tables.

    tables (SpanTables): The tables.
    rows (SpanRows): The rows of the n spans.
    params (SpanVectorParams): The parameters.
    dropout (float): Share of the features that are dropped.
    RETURNS (Tensor): Span vectors, shape (n, nH).
    """
    left = tables.maxima.index_select(0, rows.left)
    vectors = _maximum(left, tables.maxima.index_select(0, rows.right))
    weights = rows.weights.to(vectors.dtype)
    vectors += F.embedding_bag(rows.sums, tables.sums, per_sample_weights=weights, mode="sum")
    vectors = F.layer_norm(torch.relu_(vectors), vectors.shape[1:], params.G, params.bG)
    return F.dropout(vectors, dropout, training=dropout > 0)


def _maximum(a: Tensor, b: Tensor) -> Tensor:
    # The backward passes of torch.maximum and torch.where take far longer.
    return b + torch.relu(a - b) if torch.is_grad_enabled() else torch.maximum(a, b)
