"""`span_vectors` for CPUs, compiled: one pass over the features of a candidate, where PyTorch would
read and write those of all candidates in each step."""

from typing import Any, Callable, Dict, Tuple, TypeVar, cast

import numpy as np
import torch
from numba import njit
from thinc.api import Ops
from thinc.types import Floats1d, Floats2d, Ints1d, Ints2d

from .span_vectors import Backprop, SpanVectorParams, width_buckets
from .torch_layers import multiply

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a function when it is first called, and keep the machine code for later processes.

    function (Function): The function.
    RETURNS (Function): The function that is compiled.
    """
    # Sums may be added in any order, as in a vector register; infinity and NaN keep their meaning.
    # A loop that adds up must not write to an array as well: LLVM would add in another order where
    # it can't rule out that two arrays overlap, so that sums would depend on where arrays lie.
    options: Dict[str, Any] = {"nogil": True, "fastmath": {"reassoc", "contract"}}
    try:
        return cast(Function, njit(function, cache=True, **options))
    except RuntimeError:
        # No directory can be written to, so each process compiles for itself.
        return cast(Function, njit(function, **options))


class CompiledSpanVectors:
    """The vectors of candidates over the same tokens, with the interface of a Thinc layer.

    ops (Ops): What allocates arrays.
    X (Floats2d): Token vectors, shape (N, nI).
    params (SpanVectorParams): The parameters, arrays.
    max_width (int): The widest candidate, in tokens.
    """

    def __init__(self, ops: Ops, X: Floats2d, params: SpanVectorParams, max_width: int) -> None:
        self.ops = ops
        self.X = X
        self.params = params
        self.projections = multiply(X, params.W.T)
        self.buckets = width_buckets(torch.arange(1, max_width + 1)).numpy()

    def predict(self, spans: Ints2d) -> Floats2d:
        """RETURNS (Floats2d): The vectors of the spans, given as starts and ends within the tokens,
        shape (2, n): shape (n, nH)."""
        vectors = self.ops.alloc2f(spans.shape[1], len(self.params.b), zeros=False)
        fill_span_vectors(*self._inputs(spans), vectors)
        return vectors

    def begin_update(self, spans: Ints2d) -> Tuple[Floats2d, Backprop]:
        """RETURNS (Tuple[Floats2d, Backprop]): The vectors, as `predict` gives them, and a callback
        that maps their gradient to those of the token vectors and the parameters."""

        def backprop(d_vectors: Floats2d) -> Tuple[Floats2d, SpanVectorParams]:
            d_projections = self.ops.alloc2f(*self.projections.shape)
            d_params = SpanVectorParams(*map(np.zeros_like, self.params))
            add_gradients(*self._inputs(spans), d_vectors, d_projections, d_params)
            dW = multiply(d_projections.T, self.X)
            d_params = d_params._replace(W=dW, b=d_params.widths.sum(axis=0))
            return multiply(d_projections, self.params.W), d_params

        return self.predict(spans), backprop

    def _inputs(self, spans: Ints2d) -> Tuple[Floats2d, SpanVectorParams, Ints1d, Ints1d, Ints1d]:
        return self.projections, self.params, self.buckets, spans[0], spans[1]


@compiled
def fill_span_vectors(
    projections: Floats2d,
    params: SpanVectorParams,
    buckets: Ints1d,
    starts: Ints1d,
    ends: Ints1d,
    vectors: Floats2d,
) -> None:
    """Compute the vectors of candidate spans. Where a candidate begins with the one before, and
    ends no earlier, its maximum goes on from there. Bounds are not checked.

    projections (Floats2d): Of each token, as first, last and inside: shape (N, 3 * nH).
    params (SpanVectorParams): The parameters.
    buckets (Ints1d): Rows of the width embeddings, for the widths 1, 2, ... up to the widest.
    starts (Ints1d): The first token of each candidate, shape (n,).
    ends (Ints1d): The token after the last one of each candidate, shape (n,).
    vectors (Floats2d): Where the vectors are written, shape (n, nH).
    """
    nH = len(params.G)
    maximum = np.empty(nH, dtype=np.float32)
    start = end = -1
    for candidate in range(len(starts)):
        if starts[candidate] != start or ends[candidate] < end:
            start, end = starts[candidate], starts[candidate] + 1
            maximum[:] = projections[start, 2 * nH :]
        for token in range(end, ends[candidate]):
            for i in range(nH):
                maximum[i] = max(maximum[i], projections[token, 2 * nH + i])
        end = ends[candidate]
        vector = vectors[candidate]
        mean, deviation = _add_up(projections, params, buckets, start, end, maximum, vector)
        for i in range(nH):
            vector[i] = (vector[i] - mean) / deviation * params.G[i] + params.bG[i]


@compiled
def add_gradients(
    projections: Floats2d,
    params: SpanVectorParams,
    buckets: Ints1d,
    starts: Ints1d,
    ends: Ints1d,
    d_vectors: Floats2d,
    d_projections: Floats2d,
    d_params: SpanVectorParams,
) -> None:
    """Add up the gradients of `fill_span_vectors`, which has the same arguments.

    d_vectors (Floats2d): The gradient with respect to the vectors, shape (n, nH).
    d_projections (Floats2d): What the gradient of the projections is added to, shape (N, 3 * nH).
    d_params (SpanVectorParams): What the gradients of the parameters but W and b, which follow from
        those of the projections and the widths, are added to.
    """
    nH = len(params.G)
    maximum = np.empty(nH, dtype=np.float32)
    tokens = np.empty(nH, dtype=np.int64)  # where the maxima are
    vector = np.empty(nH, dtype=np.float32)
    gradient = np.empty(nH, dtype=np.float32)
    start = end = -1
    for candidate in range(len(starts)):
        if starts[candidate] != start or ends[candidate] < end:
            start, end = starts[candidate], starts[candidate] + 1
            maximum[:] = projections[start, 2 * nH :]
            tokens[:] = start
        for token in range(end, ends[candidate]):
            for i in range(nH):
                if projections[token, 2 * nH + i] > maximum[i]:
                    maximum[i] = projections[token, 2 * nH + i]
                    tokens[i] = token
        end = ends[candidate]
        mean, deviation = _add_up(projections, params, buckets, start, end, maximum, vector)
        d_mean = d_deviation = np.float32(0)
        for i in range(nH):
            normal = (vector[i] - mean) / deviation
            d_params.G[i] += d_vectors[candidate, i] * normal
            d_params.bG[i] += d_vectors[candidate, i]
            gradient[i] = d_vectors[candidate, i] * params.G[i]
        for i in range(nH):
            d_mean += gradient[i]
            d_deviation += gradient[i] * ((vector[i] - mean) / deviation)
        d_mean /= np.float32(nH)
        d_deviation /= np.float32(nH)
        d_width = d_params.widths[buckets[end - start - 1]]
        for i in range(nH):
            normal = (vector[i] - mean) / deviation
            d_sum = (gradient[i] - d_mean - normal * d_deviation) / deviation
            # A branch would keep the compiler from using vector registers.
            gradient[i] = d_sum if vector[i] > 0 else np.float32(0)
            d_projections[start, i] += gradient[i]
            d_projections[end - 1, nH + i] += gradient[i]
            d_width[i] += gradient[i]
        for i in range(nH):
            d_projections[tokens[i], 2 * nH + i] += gradient[i]


@compiled
def _add_up(
    projections: Floats2d,
    params: SpanVectorParams,
    buckets: Ints1d,
    start: int,
    end: int,
    maximum: Floats1d,
    vector: Floats1d,
) -> Tuple[Any, Any]:
    """Fill a vector that is not normalized yet. RETURNS (Tuple[float, float]): The mean and the
    standard deviation of its features."""
    nH = len(vector)
    width = params.widths[buckets[end - start - 1]]
    total = np.float32(0)
    for i in range(nH):
        boundaries = projections[start, i] + projections[end - 1, nH + i]
        vector[i] = max(boundaries + maximum[i] + width[i] + params.b[i], np.float32(0))
    for i in range(nH):
        total += vector[i]
    mean = total / np.float32(nH)
    total = np.float32(0)
    for i in range(nH):
        total += (vector[i] - mean) ** 2
    return mean, np.sqrt(total / np.float32(nH) + np.float32(1e-5))
