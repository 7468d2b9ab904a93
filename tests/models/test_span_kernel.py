import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from span_vectors_util import HIDDEN, WIDTH, candidates_within, make_params, make_tokens, reference
from thinc.api import NumpyOps

from spacy_eiou.models.span_vectors import SpanVectorParams

pytest.importorskip("numba")
from spacy_eiou.models import span_kernel
from spacy_eiou.models.span_kernel import CompiledSpanVectors, compiled


def compile_vectors(tokens, params, candidates):
    """RETURNS: The layer, and its spans: starts and ends."""
    arrays = SpanVectorParams(*(param.detach().float().numpy() for param in params))
    spans = candidates.numpy().astype("i").T.copy()
    max_width = int((spans[1] - spans[0]).max())
    X = tokens.detach().float().numpy()
    return CompiledSpanVectors(NumpyOps(), X, arrays, max_width), spans


@pytest.fixture(params=["compiled", "source"])
def form(request, monkeypatch):
    """The compiled functions, and the Python that they are compiled from."""
    if request.param == "source":
        for name in ("fill_span_vectors", "add_gradients", "_add_up"):
            monkeypatch.setattr(span_kernel, name, getattr(span_kernel, name).py_func)


@given(candidates=candidates_within(20), seed=st.integers(0, 99))
def test_vectors_match_reference(candidates, seed):
    tokens, params = make_tokens(20, seed), make_params(seed)
    layer, spans = compile_vectors(tokens, params, candidates)
    expected = reference(tokens, candidates, params).detach().numpy()
    assert_allclose(layer.predict(spans), expected, atol=1e-5, rtol=1e-4)
    assert_array_equal(layer.begin_update(spans)[0], layer.predict(spans))


@given(candidates=candidates_within(9), seed=st.integers(0, 99))
def test_gradients_match_reference(candidates, seed):
    check_gradients(candidates, seed)


def test_source_matches_reference(form):
    candidates = torch.tensor([(0, 1), (0, 3), (0, 3), (0, 2), (4, 9), (3, 4), (1, 9)])
    tokens, params = make_tokens(9), make_params()
    layer, spans = compile_vectors(tokens, params, candidates)
    expected = reference(tokens, candidates, params).detach().numpy()
    assert_allclose(layer.predict(spans), expected, atol=1e-5, rtol=1e-4)
    check_gradients(candidates, seed=1)


def check_gradients(candidates, seed):
    tokens, params = make_tokens(9, seed), make_params(seed)
    exact_tokens = tokens.detach().double().requires_grad_()
    exact = SpanVectorParams(*(param.detach().double().requires_grad_() for param in params))
    vectors = reference(exact_tokens, candidates, exact)
    d_vectors = torch.randn(vectors.shape, generator=torch.Generator().manual_seed(seed)).double()
    expected = torch.autograd.grad(vectors, [exact_tokens, *exact], d_vectors)
    layer, spans = compile_vectors(tokens, params, candidates)
    dX, d_params = layer.begin_update(spans)[1](d_vectors.float().numpy())
    for name, gradient, target in zip(["X", *params._fields], [dX, *d_params], expected):
        scale = max(1, float(target.abs().max()))
        assert_allclose(gradient, target.numpy(), atol=2e-4 * scale, rtol=0, err_msg=name)


def test_wide_candidates_far_into_a_doc():
    tokens, params = make_tokens(3000), make_params()
    candidates = torch.tensor([(2000, 2000 + width) for width in (1, 2, 3, 64, 65, 500, 999)])
    layer, spans = compile_vectors(tokens, params, candidates)
    expected = reference(tokens, candidates, params).detach().numpy()
    assert_allclose(layer.predict(spans), expected, atol=1e-5, rtol=1e-4)


def test_what_is_no_number_is_seen():
    tokens, params = make_tokens(4).detach(), make_params()
    tokens[1, 0] = np.nan
    layer, spans = compile_vectors(tokens, params, torch.tensor([(0, 1), (1, 2), (2, 4)]))
    assert np.isnan(layer.predict(spans)).all(axis=1).tolist() == [False, True, False]


def test_no_candidates():
    layer, spans = compile_vectors(make_tokens(4), make_params(), torch.tensor([(0, 1)]))
    assert layer.predict(spans[:, :0]).shape == (0, HIDDEN)
    vectors, backprop = layer.begin_update(spans[:, :0])
    dX, d_params = backprop(vectors)
    assert dX.shape == (4, WIDTH)
    assert not dX.any()
    assert [d_param.any() for d_param in d_params] == [False] * 5


def test_functions_that_cannot_be_cached_are_compiled_as_well():
    scope = {}
    # Numba finds no file to keep the machine code beside.
    exec("def double(x): return 2 * x", scope)
    assert compiled(scope["double"])(21) == 42
