"""Boundary-aware vectors of candidate spans, computed without copying the tokens of each."""

import math
from itertools import pairwise
from typing import NamedTuple, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

# Two buckets per doubling of the width: 1, 2, 3, 4-5, 6-7, 8-11, ... The last has no upper end.
WIDTH_BUCKETS = 32


class SpanVectorParams(NamedTuple):
    """The parameters of `span_vectors`, for token vectors of width nI and span vectors of width
    nH."""

    W: Tensor  # projections of first, last and maximum: (3 * nH, nI)
    b: Tensor  # (nH,)
    widths: Tensor  # embeddings of the span's width: (WIDTH_BUCKETS, nH)
    G: Tensor  # gain of the layer normalization: (nH,)
    bG: Tensor  # bias of the layer normalization: (nH,)

    @staticmethod
    def shapes(nI: int, nH: int) -> "Tuple[Tuple[int, ...], ...]":
        return (3 * nH, nI), (nH,), (WIDTH_BUCKETS, nH), (nH,), (nH,)


class SpanTables(NamedTuple):
    """What the vectors of spans over N tokens are put together from."""

    sums: Tensor  # first tokens, last tokens, widths: (2N + WIDTH_BUCKETS, nH)
    maxima: Tensor  # over the 1, 2, 4, ... tokens from each token on, see `span_rows`: (-, nH)


class SpanRows(NamedTuple):
    """Where in the tables the vectors of n spans are found."""

    sums: Tensor  # first token, last token, width: (n, 3)
    left: Tensor  # of the two ranges that cover the span: (n,)
    right: Tensor  # (n,)


def span_vectors(
    tokens: Tensor, candidates: Tensor, params: SpanVectorParams, dropout: float = 0.0
) -> Tensor:
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
    dropout (float): Share of the features that are dropped.
    RETURNS (Tensor): Span vectors, shape (n, nH).
    """
    starts, ends = candidates.unbind(1)
    tables = span_tables(tokens, int((ends - starts).max()), params)
    return look_up(tables, span_rows(starts, ends, len(tokens)), params, dropout)


def span_tables(tokens: Tensor, max_width: int, params: SpanVectorParams) -> SpanTables:
    """Project the tokens, and find the maxima over ranges of them.

    tokens (Tensor): Token vectors, shape (N, nI).
    max_width (int): The widest candidate, in tokens.
    params (SpanVectorParams): The parameters.
    RETURNS (SpanTables): The tables.
    """
    if not torch.is_grad_enabled():
        return _fill_tables(tokens, max_width, params)
    first, last, maximum = F.linear(tokens, params.W).chunk(3, dim=1)
    levels = [maximum]
    for exponent in range(int(math.log2(max_width))):
        narrower, step = levels[-1], 2**exponent
        levels.append(_maximum(narrower[:-step], narrower[step:]))
    return SpanTables(torch.cat([first, last, params.widths + params.b]), torch.cat(levels))


def _fill_tables(tokens: Tensor, max_width: int, params: SpanVectorParams) -> SpanTables:
    """The tables, computed in their place, which is faster but has no gradient."""
    n_tokens, n_features = len(tokens), len(params.b)
    first, last, maximum = (projection.t() for projection in params.W.chunk(3))
    sums = tokens.new_empty(2 * n_tokens + WIDTH_BUCKETS, n_features)
    torch.mm(tokens, first, out=sums[:n_tokens])
    torch.mm(tokens, last, out=sums[n_tokens : 2 * n_tokens])
    torch.add(params.widths, params.b, out=sums[2 * n_tokens :])
    sizes = [n_tokens + 1 - 2**exponent for exponent in range(int(math.log2(max_width)) + 1)]
    maxima = tokens.new_empty(sum(sizes), n_features)
    levels = torch.split(maxima, sizes)
    torch.mm(tokens, maximum, out=levels[0])
    for exponent, (narrower, level) in enumerate(pairwise(levels)):
        step = 2**exponent
        torch.maximum(narrower[:-step], narrower[step:], out=level)
    return SpanTables(sums, maxima)


def span_rows(starts: Tensor, ends: Tensor, n_tokens: int) -> SpanRows:
    """Find the rows of candidates in the tables of their tokens.

    starts (Tensor): The first token of each candidate, integers, shape (n,).
    ends (Tensor): The token after the last one of each, shape (n,).
    n_tokens (int): The number of tokens N.
    RETURNS (SpanRows): The rows.
    """
    log_widths = torch.log2((ends - starts).float())
    buckets = (2 * log_widths).int().clamp_(max=WIDTH_BUCKETS - 1)
    sums = torch.stack([starts, ends + (n_tokens - 1), buckets + 2 * n_tokens], dim=1)
    level = log_widths.int()
    range_width = 1 << level
    # Ranges of 2^k tokens begin at the first N + 1 - 2^k tokens only.
    level_start = level * (n_tokens + 1) - (range_width - 1)
    return SpanRows(sums, level_start + starts, level_start + ends - range_width)


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
    vectors = _maximum(left, tables.maxima.index_select(0, rows.right), out=left)
    vectors += F.embedding_bag(rows.sums, tables.sums, mode="sum")
    vectors = F.layer_norm(torch.relu_(vectors), vectors.shape[1:], params.G, params.bG)
    return F.dropout(vectors, dropout, training=dropout > 0)


def _maximum(a: Tensor, b: Tensor, out: Optional[Tensor] = None) -> Tensor:
    if torch.is_grad_enabled():
        # The backward passes of torch.maximum and torch.where take far longer.
        return b + torch.relu(a - b)
    # Memory that is at hand is faster than new memory.
    return torch.maximum(a, b, out=out)
