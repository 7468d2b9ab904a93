"""Layers of Thinc that PyTorch computes: with the same parameters and results, but faster."""

import os
from contextlib import contextmanager, nullcontext
from functools import wraps
from typing import Any, Callable, Dict, Iterator, Tuple, cast

import numpy as np
import torch
import torch.nn.functional as F
from thinc.api import Model, torch2xp, xp2torch
from thinc.layers.layernorm import forward as forward_layer_norm
from thinc.layers.linear import forward as forward_linear
from thinc.layers.maxout import forward as forward_maxout
from thinc.types import ArrayXd, Floats2d

from .precision import mixed_precision_on_cpu

Forward = Callable[[Model[Any, Any], Any, bool], Tuple[Any, Callable[[Any], Any]]]

# Thinc adds it to the variance.
EPSILON = 1e-8

IMPORTING_PROCESS = os.getpid()


def is_forked() -> bool:
    """RETURNS (bool): Whether this process was forked since the package was imported."""
    return os.getpid() != IMPORTING_PROCESS


@contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch compute with one thread, and restore the number of threads afterwards."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


def works_after_fork(forward: Forward) -> Forward:
    """Let a forward pass and its callback compute with one thread in processes that were forked
    since the package was imported, as `nlp.pipe(n_process=2)` does: they inherit the state of
    PyTorch's threads, but not the threads, and would wait for them forever.

    forward (Forward): The forward pass.
    RETURNS (Forward): The forward pass that forked processes can call.
    """

    @wraps(forward)
    def forward_after_fork(
        model: Model[Any, Any], X: Any, is_train: bool
    ) -> Tuple[Any, Callable[[Any], Any]]:
        if not is_forked():
            return forward(model, X, is_train)
        with one_thread():
            Y, backprop = forward(model, X, is_train)
        return Y, one_thread()(backprop)

    return forward_after_fork


def compute_with_torch(model: Model[Any, Any], *, cpu_bfloat16: bool = False) -> None:
    """Let PyTorch compute the layers of a model that are Thinc's own "Linear.v1", "Maxout.v1" and
    "LayerNorm.v1".

    model (Model[Any, Any]): The model to change.
    cpu_bfloat16 (bool): Whether those of "Maxout.v1" predict in bfloat16 on a CPU that has
        instructions for it.
    """
    forwards: Dict[Forward, Forward] = {
        forward_linear: linear,
        forward_maxout: maxout_in_bfloat16 if cpu_bfloat16 else maxout,
        forward_layer_norm: layer_norm,
    }
    for node in list(model.walk()):
        if node._func in forwards:
            replace_forward(model, node, forwards[node._func])


def replace_forward(model: Model[Any, Any], node: Model[Any, Any], forward: Forward) -> None:
    """Replace a node by one that differs in its forward pass only, so that what is saved with
    either can be loaded with the other.

    model (Model[Any, Any]): The model to change.
    node (Model[Any, Any]): A node of it.
    forward (Forward): The forward pass.
    """
    replacement = Model(
        node.name,
        forward,
        init=node.init,
        layers=node.layers,
        dims={name: node.maybe_get_dim(name) for name in node.dim_names},
        params={name: node.maybe_get_param(name) for name in node.param_names},
        attrs=node.attrs,
    )
    model.replace_node(node, replacement)


def as_tensor(array: ArrayXd, requires_grad: bool = False) -> torch.Tensor:
    """Let PyTorch use the memory of an array, as `xp2torch` does, which on the CPU takes longer to
    look up the device than small arrays take to compute.

    array (ArrayXd): The array.
    requires_grad (bool): Whether PyTorch should derive its gradient.
    RETURNS (Tensor): A tensor on the same memory.
    """
    if isinstance(array, np.ndarray):
        tensor = torch.from_numpy(array)
        return tensor.requires_grad_() if requires_grad else tensor
    return cast(torch.Tensor, xp2torch(array, requires_grad=requires_grad))


def as_array(tensor: torch.Tensor) -> ArrayXd:
    """Let others use the memory of a tensor, as `torch2xp` does: the way back from `as_tensor`.

    tensor (Tensor): The tensor, without gradient.
    RETURNS (ArrayXd): An array on the same memory.
    """
    return tensor.numpy() if tensor.device.type == "cpu" else torch2xp(tensor)


def multiply(A: Floats2d, B: Floats2d) -> Floats2d:
    """Multiply matrices, on the CPU in less than half the time of Thinc's `gemm`. Forked processes
    can call it, see `works_after_fork`.

    A (Floats2d): Shape (n, k).
    B (Floats2d): Shape (k, m).
    RETURNS (Floats2d): Shape (n, m).
    """
    with one_thread() if is_forked() else nullcontext():
        return as_array(as_tensor(A) @ as_tensor(B))


@works_after_fork
def linear(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> Tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    """The forward pass of "Linear.v1"."""
    inputs, W, b = (as_tensor(array) for array in (X, model.get_param("W"), model.get_param("b")))

    def backprop(dY: Floats2d) -> Floats2d:
        d_outputs = as_tensor(dY)
        model.inc_grad("W", as_array(d_outputs.t() @ inputs))
        model.inc_grad("b", as_array(d_outputs.sum(dim=0)))
        return as_array(d_outputs @ W)

    # Column by column, few outputs are computed faster.
    return as_array(torch.addmm(b[:, None], W, inputs.t()).t()), backprop


@works_after_fork
def maxout(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> Tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    """The forward pass of "Maxout.v1"."""
    inputs, W, b = (as_tensor(array) for array in (X, model.get_param("W"), model.get_param("b")))
    if not is_train:
        # Where the pieces of an output lie apart, in blocks, their maximum is found faster.
        blocks = F.linear(inputs, W.transpose(0, 1).flatten(end_dim=1), b.t().flatten())
        best = torch.unflatten(blocks, 1, b.t().shape).amax(dim=1)
        return as_array(best.float()), no_backprop
    weights = W.flatten(end_dim=1)
    pieces = torch.unflatten(F.linear(inputs, weights, b.flatten()), 1, b.shape)
    maxima, which = model.ops.maxout(as_array(pieces))

    def backprop(d_best: Floats2d) -> Floats2d:
        d_pieces = as_tensor(model.ops.backprop_maxout(d_best, which, b.shape[1]))
        d_outputs = d_pieces.flatten(start_dim=1)
        model.inc_grad("b", as_array(d_pieces.sum(dim=0)))
        model.inc_grad("W", as_array((d_outputs.t() @ inputs).view_as(W)))
        return as_array(d_outputs @ weights)

    return maxima, backprop


def maxout_in_bfloat16(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> Tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    """The forward pass of "Maxout.v1": prediction in bfloat16, training in single precision."""
    with mixed_precision_on_cpu(not is_train):
        return maxout(model, X, is_train)


@works_after_fork
def layer_norm(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> Tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    """The forward pass of "LayerNorm.v1"."""
    arrays = X, model.get_param("G"), model.get_param("b")
    inputs, G, b = tensors = [as_tensor(array, requires_grad=is_train) for array in arrays]
    with torch.set_grad_enabled(is_train):
        Y = F.layer_norm(inputs, G.shape, G, b, eps=EPSILON)

    def backprop(dY: Floats2d) -> Floats2d:
        dX, dG, db = torch.autograd.grad(Y, tensors, as_tensor(dY))
        model.inc_grad("G", as_array(dG))
        model.inc_grad("b", as_array(db))
        return as_array(dX)

    return as_array(Y.detach()), backprop if is_train else no_backprop


def no_backprop(gradient: Any) -> Any:
    """The callback of a prediction. RAISES (ValueError): Always."""
    raise ValueError("Predictions have no gradient: call the model with is_train=True.")
