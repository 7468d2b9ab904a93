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
    candidates (Tensor): Spans `[start, end)` in tokens of the batch, int64, shape (n, 2).
    params (SpanVectorParams): The parameters.
    dropout (float): Share of the features that are dropped.
    RETURNS (Tensor): Span vectors, shape (n, nH).
    """
    offset = int(candidates[:, 0].min())
    tokens = tokens[offset : int(candidates[:, 1].max())]
    starts, ends = (candidates - offset).unbind(1)
    first, last, mean, maximum = F.linear(tokens, params.W).chunk(4, dim=1)
    vectors = _range_max(maximum, starts, ends)
    vectors += _boundaries_mean_width(first, last, mean, starts, ends, params)
    vectors = F.layer_norm(torch.relu_(vectors), vectors.shape[1:], params.G, params.bG)
    return F.dropout(vectors, dropout, training=dropout > 0)


def _boundaries_mean_width(
    first: Tensor,
    last: Tensor,
    mean: Tensor,
    starts: Tensor,
    ends: Tensor,
    params: SpanVectorParams,
) -> Tensor:
    """All that is linear in rows of a table, gathered and summed in one pass."""
    n_tokens = len(first)
    # Centred, prefix sums stay small, and so does their rounding error.
    centre = mean.mean(dim=0)
    prefix_sums = F.pad(torch.cumsum(mean - centre, dim=0), (0, 0, 1, 0))
    table = torch.cat([first, last, prefix_sums, params.widths + (params.b + centre)])
    widths = ends - starts
    buckets = (2 * torch.log2(widths.float())).long().clamp(max=WIDTH_BUCKETS - 1)
    rows = [starts, ends - 1 + n_tokens, ends + 2 * n_tokens, starts + 2 * n_tokens]
    rows.append(buckets + 3 * n_tokens + 1)
    share = 1 / widths.to(table.dtype)
    whole = torch.ones_like(share)
    weights = torch.stack([whole, whole, share, -share, whole], dim=1)
    return F.embedding_bag(torch.stack(rows, dim=1), table, per_sample_weights=weights, mode="sum")


def _range_max(values: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
    """The maximum of the rows `[start, end)`, from a sparse table (Bender and Farach-Colton 2000):
    two ranges of a power of two cover each range."""
    widths = ends - starts
    levels = [values]
    for exponent in range(int(math.log2(int(widths.max())))):
        narrower, step = levels[-1], 2**exponent
        wider = torch.maximum(narrower[:-step], narrower[step:])
        levels.append(torch.cat([wider, narrower[-step:]]))
    table = torch.cat(levels)
    level = torch.log2(widths.float()).long()
    rows = level * len(values)
    return torch.maximum(
        table.index_select(0, rows + starts), table.index_select(0, rows + ends - 2**level)
    )
