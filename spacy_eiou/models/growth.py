"""Let a trained model tell more classes apart, and wider candidates, without forgetting."""

from typing import Any, Iterator, Optional

from thinc.api import Model
from torch import tensor

from .span_vectors import width_buckets

# How much less likely than "no entity" a label is at first, in logits. So little that what the
# other labels are predicted with stays the same.
MARGIN = 12.0


def can_grow(model: Model[Any, Any]) -> bool:
    """RETURNS (bool): Whether classes can be added to a model: whether its scores come from a
    linear layer."""
    return _find_output(model) is not None


def add_class(model: Model[Any, Any]) -> None:
    """Add a class before the last one, "no entity". Its logit is that of "no entity", but much
    lower, so that all others keep their probability. The output layer is replaced, since an
    optimizer knows the old one by its number of weights.

    model (Model): The initialized model.
    RAISES (ValueError): If its scores don't come from a linear layer.
    """
    output = _find_output(model)
    if output is None:
        raise ValueError("Can't add a class to a model whose last layer is not a linear one.")
    xp = model.ops.xp
    W, b = output.get_param("W"), output.get_param("b")
    dims = {name: output.maybe_get_dim(name) for name in output.dim_names}
    larger: Model[Any, Any] = Model(
        output.name,
        output._func,
        init=output.init,
        layers=output.layers,
        dims={**dims, "nO": len(b) + 1},
        params={
            "W": xp.concatenate([W[:-1], W[-1:], W[-1:]]),
            "b": xp.concatenate([b[:-1], b[-1:] - MARGIN, b[-1:]]),
        },
        attrs=output.attrs,
    )
    model.replace_node(output, larger)
    for node in model.walk():
        if larger in node.walk() and node.has_dim("nO"):
            # Thinc forbids it for layers with weights, but none of these has the shape.
            node._dims["nO"] = len(b) + 1


def widen(model: Model[Any, Any], width: int) -> None:
    """Let candidates that are wider than any before have the embedding of the widest ones, rather
    than none. Averages that an optimizer holds follow with its updates.

    model (Model): The initialized model.
    width (int): The width of the widest candidates before, in tokens.
    """
    first = int(width_buckets(tensor([width]))[0]) + 1
    for node in model.walk():
        if node.name == "span_scorer":
            widths = node.get_param("widths")
            untrained = ~widths[first:].any(axis=1)
            widths[first:][untrained] = widths[first - 1]


def _find_output(model: Model[Any, Any]) -> Optional[Model[Any, Any]]:
    """RETURNS (Optional[Model]): The layer that gives the scores, if it is a linear one."""
    if "scorer" not in model.ref_names:
        return None
    for layer in last_layers(model.get_ref("scorer")):
        if layer.name == "linear" and layer.maybe_get_dim("nO") == model.maybe_get_dim("nO"):
            return layer
    return None


def last_layers(model: Model[Any, Any]) -> Iterator[Model[Any, Any]]:
    """YIELDS (Model): A model, its last layer, the last layer of that, and so on."""
    yield model
    while model.layers:
        model = model.layers[-1]
        yield model
