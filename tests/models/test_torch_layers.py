import numpy as np
import pytest
from numpy.testing import assert_allclose
from thinc.api import LayerNorm, Linear, Maxout, Model, chain
from thinc.types import Floats2d

from spacy_eiou.models.torch_layers import compute_with_torch

LAYERS = {
    "linear": lambda: chain(Linear(4, 5), Linear(2, 4)),
    "maxout": lambda: Maxout(3, 5, nP=2, normalize=True, dropout=0.0),
    "layernorm": lambda: chain(LayerNorm(5), LayerNorm(5)),
}


def make_pair(name: str) -> "tuple[Model[Floats2d, Floats2d], Model[Floats2d, Floats2d]]":
    """A model of Thinc's own, and one with the same parameters that PyTorch computes."""
    expected, model = LAYERS[name](), LAYERS[name]()
    compute_with_torch(model)
    random = np.random.default_rng(0)
    for layers in (expected, model):
        layers.initialize(X=np.zeros((1, 5), dtype="f"))
    for node in expected.walk():
        for parameter in node.param_names:
            value = random.normal(size=node.get_param(parameter).shape)
            node.set_param(parameter, value.astype("f"))
    return expected, model.from_bytes(expected.to_bytes())


def make_array(*shape: int) -> Floats2d:
    return np.random.default_rng(1).normal(size=shape).astype("f")


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("is_train", [True, False])
@pytest.mark.parametrize("n_rows", [7, 1, 0])
def test_results_are_those_of_thinc(name: str, is_train: bool, n_rows: int) -> None:
    expected, model = make_pair(name)
    X = make_array(n_rows, 5)
    assert_allclose(model(X, is_train)[0], expected(X, is_train)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_those_of_thinc(name: str) -> None:
    expected, model = make_pair(name)
    X = make_array(7, 5)
    gradients = []
    for layers in (expected, model):
        Y, backprop = layers.begin_update(X)
        inputs = backprop(make_array(*Y.shape))
        parameters = [
            node.get_grad(parameter) for node in layers.walk() for parameter in node.param_names
        ]
        gradients.append([inputs, *parameters])
    assert len(gradients[0]) > 2
    for of_thinc, of_torch in zip(*gradients):
        assert_allclose(of_torch, of_thinc, rtol=1e-4, atol=1e-5)


def test_thinc_can_load_what_torch_computed() -> None:
    expected, model = make_pair("maxout")
    X = make_array(7, 5)
    Y = model.predict(X)
    assert_allclose(expected.from_bytes(model.to_bytes()).predict(X), Y, rtol=1e-4, atol=1e-5)


def test_the_first_of_equal_pieces_gets_the_gradient() -> None:
    model = chain(Maxout(1, 1, nP=3), Linear(1, 1))
    compute_with_torch(model)
    model.initialize(X=np.zeros((1, 1), dtype="f"))
    maxout, linear = model.layers
    maxout.set_param("W", np.zeros((1, 3, 1), dtype="f"))
    linear.set_param("W", np.ones((1, 1), dtype="f"))
    _, backprop = model.begin_update(np.ones((2, 1), dtype="f"))
    backprop(np.asarray([[1.0], [2.0]], dtype="f"))
    assert maxout.get_grad("b").tolist() == [[3.0, 0.0, 0.0]]


def test_a_prediction_has_no_gradient() -> None:
    _, model = make_pair("maxout")
    _, backprop = model(make_array(7, 5), is_train=False)
    with pytest.raises(ValueError, match="is_train=True"):
        backprop(make_array(7, 3))
