import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from span_vectors_util import (
    HIDDEN,
    candidates_within,
    make_params,
    make_tokens,
    reference,
    width_bucket,
)
from torch.testing import assert_close

from spacy_eiou.models.span_vectors import WIDTH_BUCKETS, SpanVectorParams, span_vectors


@given(candidates=candidates_within(20), seed=st.integers(0, 99))
def test_vectors_match_reference(candidates, seed):
    tokens, params = make_tokens(20, seed), make_params(seed)
    vectors = span_vectors(tokens, candidates, params)
    assert_close(vectors, reference(tokens, candidates, params), atol=1e-5, rtol=1e-4)


@given(candidates=candidates_within(9), seed=st.integers(0, 99))
def test_gradients_match_reference(candidates, seed):
    # In double precision: where little is left to normalize, rounding errors grow
    tokens = make_tokens(9, seed).detach().double().requires_grad_()
    params = SpanVectorParams(
        *(param.detach().double().requires_grad_() for param in make_params(seed))
    )
    d_vectors = torch.randn(len(candidates), HIDDEN, generator=torch.Generator().manual_seed(seed))
    d_vectors = d_vectors.double()
    inputs = [tokens, *params]
    gradients = torch.autograd.grad(span_vectors(tokens, candidates, params), inputs, d_vectors)
    expected = torch.autograd.grad(reference(tokens, candidates, params), inputs, d_vectors)
    for name, gradient, target in zip(["tokens", *params._fields], gradients, expected):
        assert_close(gradient, target, atol=1e-9, rtol=1e-6, msg=name)


def test_all_widths_up_to_1000():
    tokens, params = make_tokens(1000), make_params()
    candidates = torch.tensor([(0, width) for width in range(1, 1001)])
    with torch.no_grad():
        vectors = span_vectors(tokens, candidates, params)
        sample = [*range(70), 126, 127, 128, 254, 255, 256, 510, 511, 512, 998, 999]
        expected = reference(tokens, candidates[sample], params)
    assert_close(vectors[sample], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "width", [1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 15, 16, 1000, 2**15, 2**16 - 1, 2**17]
)
def test_width_buckets(width):
    """With all else zero, only the embedding of the width is left."""
    params = SpanVectorParams(*(torch.zeros(shape) for shape in SpanVectorParams.shapes(1, 2)))
    # The larger the bucket, the larger the first feature relative to the second
    params.widths[:, 0] = torch.arange(WIDTH_BUCKETS) * 1e-3
    params.G[:] = 1
    tokens, candidates = torch.zeros((width, 1)), torch.tensor([(0, width)])
    difference = width_bucket(width) * 1e-3
    expected = difference / 2 / (difference**2 / 4 + 1e-5) ** 0.5
    vectors = span_vectors(tokens, candidates, params)
    assert_close(vectors, torch.tensor([[expected, -expected]]), atol=1e-6, rtol=1e-4)


def test_order_and_duplicates_of_candidates_are_free():
    tokens, params = make_tokens(8), make_params()
    candidates = torch.tensor([(2, 5), (0, 8), (2, 5), (7, 8)])
    vectors = span_vectors(tokens, candidates, params)
    assert_close(vectors[0], vectors[2], atol=0, rtol=0)
    assert_close(span_vectors(tokens, candidates.flip(0), params), vectors.flip(0))


def test_long_docs_keep_their_precision():
    tokens, params = make_tokens(20000), make_params()
    starts = torch.arange(0, 19900, 199)
    candidates = torch.stack([starts, starts + 1 + starts % 100], dim=1)
    with torch.no_grad():
        vectors = span_vectors(tokens, candidates, params)
        exact_params = SpanVectorParams(*(param.double() for param in params))
        expected = reference(tokens.double(), candidates, exact_params)
    assert_close(vectors.double(), expected, atol=1e-5, rtol=0)


def test_tokens_outside_do_not_matter():
    params = make_params()
    alone, others = make_tokens(10, seed=1), make_tokens(50, seed=2) * 5 + 3
    candidates = torch.tensor([(0, 1), (2, 9), (0, 10), (9, 10)])
    expected = span_vectors(alone, candidates, params)
    batch, far = torch.cat([others, alone, others]), torch.tensor([(0, 3), (105, 110)])
    vectors = span_vectors(batch, torch.cat([candidates + 50, far]), params)[:4]
    assert_close(vectors, expected, atol=1e-5, rtol=1e-4)
