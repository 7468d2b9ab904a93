"""`spacy_eiou.AdamW.v1` beside `torch.optim.AdamW`."""

import gc
import pickle
import warnings
from types import SimpleNamespace
from typing import Any, Dict, List

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from thinc.api import Adam, Model, PyTorchWrapper, fix_random_seed, registry, warmup_linear
from torch import nn

from spacy_eiou.training import build_adamw_v1

SHAPES = {
    (1, "embeddings.weight"): (7, 4),
    (1, "encoder.layer.0.dense.weight"): (4, 4),
    (1, "encoder.layer.0.dense.bias"): (4,),
    (1, "encoder.layer.1.dense.weight"): (4, 4),
    (1, "encoder.layer.1.LayerNorm.weight"): (4,),
    (2, "W"): (3, 4),
    (2, "b"): (3, 2),
    (3, "G"): (4,),
}
DECAYING = ("embeddings.weight", "dense.weight", "W")
N_STEPS = 4


def draw(seed: int) -> Dict[Any, Any]:
    random = np.random.default_rng(seed)
    return {key: random.normal(size=shape).astype("f") for key, shape in SHAPES.items()}


def update(optimizer: Any, weights: Dict[Any, Any], step: int, scale: float = 1.0) -> None:
    for key, gradient in draw(100 + step).items():
        gradient *= scale
        returned, _ = optimizer(key, weights[key], gradient)
        assert np.shares_memory(returned, weights[key])
        assert not gradient.any()


def train(n_steps: int = N_STEPS, scale: float = 1.0, **settings: Any) -> Dict[Any, Any]:
    """RETURNS (Dict): The weights after some steps, by this optimizer."""
    weights = draw(0)
    optimizer = build_adamw_v1(**settings)
    for step in range(n_steps):
        update(optimizer, weights, step, scale)
        optimizer.step_schedules()
    return weights


def train_torch(
    rates: List[float], factors: Dict[str, float], weight_decay: float, grad_clip: float = 0.0
) -> Dict[Any, Any]:
    """RETURNS (Dict): The weights after a step with each rate, by that of PyTorch."""
    parameters = {key: nn.Parameter(torch.from_numpy(array)) for key, array in draw(0).items()}
    groups = [
        {
            "params": [parameter],
            "weight_decay": weight_decay if key[1].endswith(DECAYING) else 0.0,
            "factor": next((f for name, f in factors.items() if name in key[1]), 1.0),
        }
        for key, parameter in parameters.items()
    ]
    optimizer = torch.optim.AdamW(groups)
    for step, rate in enumerate(rates):
        for key, gradient in draw(100 + step).items():
            parameters[key].grad = torch.from_numpy(gradient)
        if grad_clip:
            nn.utils.clip_grad_norm_(parameters.values(), grad_clip)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        optimizer.step()
    return {key: parameter.detach().numpy() for key, parameter in parameters.items()}


def assert_same(weights: Dict[Any, Any], expected: Dict[Any, Any]) -> None:
    for key in SHAPES:
        assert_allclose(weights[key], expected[key], rtol=1e-5, atol=1e-7, err_msg=str(key))


def test_updates_are_those_of_pytorch() -> None:
    """With two rates, and without the decay of biases and norms."""
    settings = {"learn_rate": 0.01, "encoder_factor": 0.2, "L2": 0.3, "grad_clip": 0.0}
    assert_same(train(**settings), train_torch([0.01] * N_STEPS, {".": 0.2}, 0.3))


def test_the_norm_of_all_gradients_is_clipped() -> None:
    expected = train_torch([0.01] * N_STEPS, {}, 0.0, grad_clip=2.0)
    assert_same(train(learn_rate=0.01, L2=0.0, grad_clip=2.0), expected)
    # Only if it is larger.
    assert_same(train(learn_rate=0.01, L2=0.0, grad_clip=1e3), train_torch([0.01] * 4, {}, 0.0))


def test_lower_layers_learn_more_slowly() -> None:
    factors = {"embeddings": 0.25 * 0.1, "layer.0": 0.5 * 0.1, "layer.1": 0.1}
    settings = {"encoder_factor": 0.1, "layer_decay": 0.5, "L2": 0.3, "grad_clip": 0.0}
    expected = train_torch([0.01] * N_STEPS, factors, 0.3)
    assert_same(train(learn_rate=0.01, **settings), expected)


def test_the_learning_rate_follows_a_schedule() -> None:
    schedule = registry.schedules.get("warmup_linear.v1")(0.01, 2, 4)
    expected = train_torch([0.0, 0.005, 0.01, 0.005], {}, 0.3)
    assert_same(train(learn_rate=schedule, L2=0.3, grad_clip=0.0), expected)


def test_a_step_without_gradients_changes_nothing() -> None:
    optimizer = build_adamw_v1()
    optimizer.step_schedules()
    empty = np.zeros((0, 3), dtype="f")
    optimizer((1, "W"), empty, empty)
    optimizer.step_schedules()
    assert not optimizer.mom1


def test_without_step_schedules_only_the_first_update_comes_late() -> None:
    """As with `nlp.update(examples, sgd=optimizer)`: later gradients are those of the weights."""
    weights, optimizer = draw(0), build_adamw_v1(0.01)
    update(optimizer, weights, 0)
    assert_same(weights, draw(0))
    for step in range(1, N_STEPS):
        update(optimizer, weights, step)
        assert_same(weights, train(step + 1, learn_rate=0.01))


def test_batches_without_some_weights_lose_no_gradient() -> None:
    weights, optimizer = draw(0), build_adamw_v1(0.01)
    for step in range(2):
        update(optimizer, weights, step)
    for step in range(2, 4):
        optimizer((2, "W"), weights[2, "W"], draw(100 + step)[2, "W"])
    update(optimizer, weights, 4)
    optimizer.step_schedules()
    assert {key: int(step) for key, step in optimizer.steps.items()} == {
        key: 5 if key == (2, "W") else 3 for key in SHAPES
    }


def test_batches_with_more_weights_than_the_first_are_one_update() -> None:
    """A component may find nothing to learn in the first batch."""
    weights, optimizer = draw(0), build_adamw_v1(0.01)
    last = (3, "G")
    for key, gradient in draw(100).items():
        if key != last:
            optimizer(key, weights[key], gradient)
    for step in range(1, 5):
        update(optimizer, weights, step)
        # The second batch has more, as the third one shows.
        assert bool(optimizer.pending) == (step == 1)
    assert {key: int(step) for key, step in optimizer.steps.items()} == {
        key: 4 if key == last else 5 for key in SHAPES
    }


def test_the_learning_rate_moves_on_by_itself_if_asked() -> None:
    """As `spacy pretrain` needs it, which never calls `step_schedules`."""
    settings = {"L2": 0.3, "grad_clip": 0.0}
    for step_with_updates, expected in (
        (True, train_torch([0.01, 0.03, 0.02], {}, 0.3)),
        (False, train_torch([0.01, 0.01, 0.01], {}, 0.3)),
    ):
        optimizer = build_adamw_v1(
            iter([0.01, 0.03, 0.02, 0.5]), step_with_updates=step_with_updates, **settings
        )
        weights = draw(0)
        for step in range(3):
            update(optimizer, weights, step)
        assert_same(weights, expected)


def test_a_copy_goes_on_as_the_original() -> None:
    weights, optimizer = draw(0), build_adamw_v1(0.01)
    for step in range(N_STEPS):
        update(optimizer, weights, step)
        optimizer.step_schedules()
        optimizer = pickle.loads(pickle.dumps(optimizer))
    assert_same(weights, train(learn_rate=0.01))


def test_averages_are_those_of_thinc() -> None:
    """Of the weights of Thinc's layers, which are all that it finds."""
    settings = {"learn_rate": 0.01, "L2": 0.0, "grad_clip": 0.0, "use_averages": True}
    optimizers = [build_adamw_v1(**settings), Adam(**settings)]
    for optimizer in optimizers:
        weights = draw(0)
        for step in range(N_STEPS):
            update(optimizer, weights, step)
            optimizer.step_schedules()
    ours, theirs = (optimizer.averages for optimizer in optimizers)
    assert ours.keys() == {(2, "W"), (2, "b"), (3, "G")}
    for key in ours:
        assert_allclose(ours[key], theirs[key], rtol=1e-5, atol=1e-6)
    # `spacy pretrain` takes averages, even if there are none.
    optimizer = build_adamw_v1()
    optimizer((1, "W"), np.ones((2, 2), dtype="f"), np.ones((2, 2), dtype="f"))
    optimizer.step_schedules()
    assert optimizer.averages == {}


def test_rate_that_stays_zero_is_told() -> None:
    weights = np.ones((2, 2), dtype="f")
    for steps in (False, True):
        optimizer = build_adamw_v1(warmup_linear(0.1, 2, 10), step_with_updates=steps)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(2):
                optimizer((1, "W"), weights, np.ones((2, 2), dtype="f"))
        messages = [str(warning.message) for warning in caught]
        assert any("optimizer.step_schedules() is called" in each for each in messages) != steps


@pytest.mark.parametrize("n_updates", [1, 5])
def test_models_of_thinc_and_pytorch_learn(n_updates: int) -> None:
    """Their weights are changed in place, which both have to notice."""
    fix_random_seed(0)
    module = nn.Sequential(nn.Linear(4, 4))
    linear: Model[Any, Any] = registry.layers.get("Linear.v1")(nO=2, nI=4).initialize()
    encoder: Model[Any, Any] = PyTorchWrapper(module)
    optimizer = build_adamw_v1(0.1, encoder_factor=0.5, L2=0.0)
    X, before = np.ones((3, 4), dtype="f"), SimpleNamespace()
    before.module = module[0].weight.detach().clone()
    before.linear = linear.get_param("W").copy()
    for _ in range(n_updates):
        hidden, backprop_encoder = encoder.begin_update(X)
        Y, backprop_linear = linear.begin_update(hidden)
        backprop_encoder(backprop_linear(Y - 5))
        for model in (encoder, linear):
            model.finish_update(optimizer)
        optimizer.step_schedules()
        assert not linear.get_grad("W").any()
    if n_updates == 1:
        # A first step of Adam is as long as the learning rate.
        steps = abs(encoder.shims[0]._model[0].weight.detach() - before.module)
        assert_allclose(steps.max(), 0.05, rtol=1e-3)
        assert_allclose(abs(linear.get_param("W") - before.linear).max(), 0.1, rtol=1e-3)
    else:
        assert abs(linear.predict(encoder.predict(X)) - 5).max() < abs(Y - 5).max()


def test_updates_leave_nothing_in_memory() -> None:
    """Thinc would keep each tensor of a weight that there has been."""
    encoder: Model[Any, Any] = PyTorchWrapper(nn.Linear(4, 4))
    optimizer = build_adamw_v1(0.1)

    def count_tensors(n_updates: int) -> int:
        for _ in range(n_updates):
            hidden, backprop = encoder.begin_update(np.ones((3, 4), dtype="f"))
            backprop(hidden)
            encoder.finish_update(optimizer)
            optimizer.step_schedules()
        return sum(issubclass(type(value), torch.Tensor) for value in gc.get_objects())

    assert count_tensors(2) == count_tensors(5)
