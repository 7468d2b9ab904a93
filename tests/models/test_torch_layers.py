import os
import signal
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from thinc.api import LayerNorm, Linear, Maxout, Model, chain
from thinc.types import Floats2d

from spacy_eiou.models import torch_layers
from spacy_eiou.models.torch_layers import (
    compute_with_torch,
    multiply,
    one_thread,
    works_after_fork,
)

LAYERS = {
    "linear": lambda: chain(Linear(4, 5), Linear(2, 4)),
    "maxout": lambda: Maxout(3, 5, nP=2, normalize=True, dropout=0.0),
    "layernorm": lambda: chain(LayerNorm(5), LayerNorm(5)),
}


def make_pair(name):
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


def make_array(*shape):
    return np.random.default_rng(1).normal(size=shape).astype("f")


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("is_train", [True, False])
@pytest.mark.parametrize("n_rows", [7, 1, 0])
def test_results_are_those_of_thinc(name, is_train, n_rows):
    expected, model = make_pair(name)
    X = make_array(n_rows, 5)
    assert_allclose(model(X, is_train)[0], expected(X, is_train)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_those_of_thinc(name):
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


def test_thinc_can_load_what_torch_computed():
    expected, model = make_pair("maxout")
    X = make_array(7, 5)
    Y = model.predict(X)
    assert_allclose(expected.from_bytes(model.to_bytes()).predict(X), Y, rtol=1e-4, atol=1e-5)


def test_the_first_of_equal_pieces_gets_the_gradient():
    model = chain(Maxout(1, 1, nP=3), Linear(1, 1))
    compute_with_torch(model)
    model.initialize(X=np.zeros((1, 1), dtype="f"))
    maxout, linear = model.layers
    maxout.set_param("W", np.zeros((1, 3, 1), dtype="f"))
    linear.set_param("W", np.ones((1, 1), dtype="f"))
    _, backprop = model.begin_update(np.ones((2, 1), dtype="f"))
    backprop(np.asarray([[1.0], [2.0]], dtype="f"))
    assert maxout.get_grad("b").tolist() == [[3.0, 0.0, 0.0]]


def test_a_prediction_has_no_gradient():
    _, model = make_pair("maxout")
    _, backprop = model(make_array(7, 5), is_train=False)
    with pytest.raises(ValueError, match="is_train=True"):
        backprop(make_array(7, 3))


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_of_the_user_with_the_same_name_is_left_alone(name):
    def double(model, X, is_train):
        return 2 * X, lambda dY: 2 * dY

    layer: Model[Floats2d, Floats2d] = Model(name, double, params={"W": None, "G": None, "b": None})
    model = chain(layer, layer)
    compute_with_torch(model)
    assert model.layers == [layer, layer]
    X = make_array(7, 5)
    assert_array_equal(model.predict(X), 4 * X)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_of_thinc_with_another_name_is_computed_by_torch(name):
    expected, model = LAYERS[name](), LAYERS[name]()
    for node in model.walk():
        node.name = "of the user"
    compute_with_torch(model)
    replaced = [a._func != b._func for a, b in zip(expected.walk(), model.walk()) if a.param_names]
    assert replaced and all(replaced)


def test_layers_keep_their_parameters():
    model = chain(Linear(5, 5), Linear(3, 5)).initialize()
    X = make_array(7, 5)
    Y = model.predict(X)
    compute_with_torch(model)
    assert_allclose(model.predict(X), Y, rtol=1e-4, atol=1e-5)


@pytest.fixture
def two_threads():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(n_threads)


def count_threads(model, X, is_train):
    return torch.get_num_threads(), lambda dY: torch.get_num_threads()


@pytest.mark.parametrize("is_forked", [True, False])
def test_only_a_forked_process_computes_with_one_thread(two_threads, monkeypatch, is_forked):
    if is_forked:
        monkeypatch.setattr(torch_layers, "IMPORTING_PROCESS", os.getpid() + 1)
    model: Model[Any, Any] = Model("layer", works_after_fork(count_threads))
    n_threads, backprop = model.begin_update(None)
    assert (n_threads, torch.get_num_threads()) == (1 if is_forked else 2, 2)
    assert (backprop(None), torch.get_num_threads()) == (1 if is_forked else 2, 2)


@pytest.mark.parametrize("is_forked", [True, False])
def test_products_are_those_of_numpy(two_threads, monkeypatch, is_forked):
    if is_forked:
        monkeypatch.setattr(torch_layers, "IMPORTING_PROCESS", os.getpid() + 1)
    A, B = (np.arange(6, dtype="f").reshape(shape) for shape in [(3, 2), (3, 2)])
    product = multiply(A.T, B)
    assert product.tolist() == [[20, 26], [26, 35]]
    assert product.dtype == np.float32
    assert torch.get_num_threads() == 2


def test_the_number_of_threads_is_restored_after_an_error(two_threads):
    with pytest.raises(KeyError), one_thread():
        assert torch.get_num_threads() == 1
        raise KeyError
    assert torch.get_num_threads() == 2


# Without `works_after_fork`, it never ends.
FORKED = """
import multiprocessing, numpy, spacy, torch
from spacy.tokens import Span
from spacy.training import Example

nlp = spacy.blank("en")
nlp.add_pipe("nested_spancat", config={"threshold": 0.0})
examples = []
for text in ["The boiler feed pump leaked, and the boiler tripped. " * 20] * 3:
    reference = nlp.make_doc(text)
    reference.spans["sc"] = [Span(reference, 1, 4, "ITEM"), Span(reference, 1, 2, "ITEM")]
    examples.append(Example(nlp.make_doc(text), reference))
texts = [eg.text for eg in examples]

def predict(**options):
    docs = nlp.pipe(texts, batch_size=2, **options)
    return numpy.concatenate([doc.spans["sc"].attrs["scores"] for doc in docs])

def in_fork():
    assert torch.get_num_threads() == 2
    numpy.testing.assert_allclose(predict(), expected, atol=1e-5)
    assert torch.get_num_threads() == 2
    nlp.update(examples, sgd=optimizer)
    assert torch.get_num_threads() == 2

torch.set_num_threads(2)
optimizer = nlp.initialize(lambda: examples)
nlp.update(examples, sgd=optimizer)
expected = predict()
multiprocessing.set_start_method("fork")
numpy.testing.assert_allclose(predict(n_process=2), expected, atol=1e-5)
process = multiprocessing.Process(target=in_fork)
process.start()
process.join()
assert process.exitcode == 0
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="This system cannot fork processes.")
def test_forked_processes_predict_and_train():
    process = subprocess.Popen([sys.executable, "-c", FORKED], start_new_session=True)
    try:
        assert process.wait(timeout=120) == 0
    finally:
        # Whatever still waits
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
