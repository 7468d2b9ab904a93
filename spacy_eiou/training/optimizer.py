"""AdamW with learning rates of their own for a transformer and what is trained upon it."""

import re
import warnings
from collections import defaultdict
from typing import Dict, List, Set, Tuple

import torch
from thinc.api import Optimizer
from thinc.backends import get_array_ops
from thinc.optimizers import ADAM_DEFAULTS, FloatOrSeq, KeyT
from thinc.types import FloatsXd
from torch import Tensor
from torch.optim.adamw import adamw

from ..models.torch_layers import as_tensor

# Devices on which PyTorch updates all weights at once.
FUSED_DEVICES = ("cpu", "cuda")

# The number of a transformer's layer, in the name of a weight: "encoder.layer.3.output.dense.bias".
LAYER = re.compile(r"\.(\d+)\.")


class AdamW(Optimizer):  # type: ignore[misc]
    """AdamW (Loshchilov and Hutter, ICLR 2019), as PyTorch computes it.

    Weights of PyTorch's modules, which are known by a dot in their names, are those of the encoder.
    Biases and the weights of norms don't decay. To know the norm of all gradients, it updates
    no weight before `step_schedules` is called, as `spacy train` does after each batch. If it never
    is, a batch ends when as many weights as in any earlier one have their gradients, or when one of
    them has its second, as happens first.
    """

    def __init__(
        self,
        learn_rate: FloatOrSeq,
        *,
        encoder_factor: float,
        layer_decay: float,
        L2: FloatOrSeq,
        grad_clip: FloatOrSeq,
        beta1: FloatOrSeq,
        beta2: FloatOrSeq,
        eps: FloatOrSeq,
        use_averages: bool,
        step_with_updates: bool,
    ) -> None:
        """Initialize the optimizer.

        learn_rate, encoder_factor, layer_decay, L2, grad_clip, beta1, beta2, eps, use_averages,
        step_with_updates: See `build_adamw_v1`.
        """
        super().__init__(
            learn_rate,
            L2=L2,
            beta1=beta1,
            beta2=beta2,
            eps=eps,
            grad_clip=grad_clip,
            use_averages=use_averages,
        )
        self.use_averages = use_averages
        # `spacy pretrain` takes none for an error.
        self.averages: Dict[KeyT, FloatsXd] = {}
        self.encoder_factor = encoder_factor
        self.layer_decay = layer_decay
        self.step_with_updates = step_with_updates
        # The weights of the batch so far, and the most of a batch before.
        self.batch: Set[KeyT] = set()
        self.n_weights = 0
        self.steps: Dict[KeyT, Tensor] = {}
        self.pending: Dict[KeyT, Tuple[FloatsXd, FloatsXd, float]] = {}
        self.weights: Dict[KeyT, FloatsXd] = {}

    def __call__(
        self, key: KeyT, weights: FloatsXd, gradient: FloatsXd, *, lr_scale: float = 1.0
    ) -> Tuple[FloatsXd, FloatsXd]:
        """Take note of a gradient, and set it to zero. The weights are updated in place, later.

        key (Tuple[int, str]): The id of the layer, and the name of the weights.
        weights (FloatsXd): The weights.
        gradient (FloatsXd): Their gradient.
        lr_scale (float): A factor for the learning rate.
        RETURNS (Tuple[FloatsXd, FloatsXd]): The weights and the gradient.
        """
        if key in self.batch:
            self.n_weights = max(self.n_weights, len(self.batch))
            self.batch.clear()
            if self.pending:
                self._end_batch()
        if gradient.size:
            self.batch.add(key)
            self.pending[key] = weights, gradient.copy(), lr_scale
            gradient.fill(0)
            if len(self.batch) == self.n_weights:
                self._end_batch()
        return self._find_first(key, weights), gradient

    def _find_first(self, key: KeyT, weights: FloatsXd) -> FloatsXd:
        """RETURNS (FloatsXd): The first array that was given of the same memory."""
        # Thinc makes a tensor of a module of what it gets, and an array of that tensor for the next
        # update. Each holds the one before it: memory would grow with each update.
        first = self.weights.setdefault(key, weights)
        if as_tensor(first).data_ptr() != as_tensor(weights).data_ptr():
            first = self.weights[key] = weights
        return first

    def _end_batch(self) -> None:
        if self.learn_rate == 0 and not self.step_with_updates:
            warnings.warn(
                "The learning rate of spacy_eiou.AdamW.v1 is 0, so that nothing is learned, until "
                "optimizer.step_schedules() is called after each update, as `spacy train` does",
                stacklevel=5,
            )
        self._update()
        if self.step_with_updates:
            super().step_schedules()

    def step_schedules(self) -> None:
        """Update the weights, and go on to the learning rate of the next batch."""
        if self.pending:
            self._update()
        self.batch.clear()
        super().step_schedules()

    @torch.no_grad()
    def _update(self) -> None:
        weights, gradients = {}, {}
        groups: Dict[Tuple[float, float], List[KeyT]] = defaultdict(list)
        n_layers = max(map(find_layer, self.pending))
        for key, (array, gradient, lr_scale) in self.pending.items():
            weights[key], gradients[key] = as_tensor(array), as_tensor(gradient)
            rate = self.learn_rate * lr_scale
            if is_encoder(key):
                depth = n_layers - find_layer(key)
                rate *= self.encoder_factor * self.layer_decay**depth
            groups[rate, self._find_weight_decay(key, array)].append(key)
        self._clip(list(gradients.values()))
        for (rate, weight_decay), keys in groups.items():
            self._update_group(keys, weights, gradients, rate, weight_decay)
        self._update_averages()
        self.pending.clear()

    def _clip(self, gradients: List[Tensor]) -> None:
        if self.grad_clip:
            clip_gradients(gradients, self.grad_clip)

    def _find_weight_decay(self, key: KeyT, weights: FloatsXd) -> float:
        # The bias of Thinc's "Maxout.v1" has two dimensions.
        is_matrix = weights.ndim > 1 and key[1] != "b"
        return self.L2 if is_matrix else 0.0

    def _update_group(
        self,
        keys: List[KeyT],
        weights: Dict[KeyT, Tensor],
        gradients: Dict[KeyT, Tensor],
        rate: float,
        weight_decay: float,
    ) -> None:
        for key in keys:
            if key not in self.mom1:
                self.mom1[key] = torch.zeros_like(weights[key])
                self.mom2[key] = torch.zeros_like(weights[key])
                self.steps[key] = torch.zeros((), device=weights[key].device)
        adamw(
            [weights[key] for key in keys],
            [gradients[key] for key in keys],
            [self.mom1[key] for key in keys],
            [self.mom2[key] for key in keys],
            [],
            [self.steps[key] for key in keys],
            fused=weights[keys[0]].device.type in FUSED_DEVICES,
            amsgrad=False,
            beta1=self.b1,
            beta2=self.b2,
            lr=rate,
            weight_decay=weight_decay,
            eps=self.eps,
            maximize=False,
        )

    def _update_averages(self) -> None:
        for key, (weights, *_) in self.pending.items():
            self.nr_update[key] += 1
            # Thinc finds no averages of the weights of PyTorch's modules.
            if self.use_averages and not is_encoder(key):
                ops = get_array_ops(weights)
                if key not in self.averages:
                    self.averages[key] = ops.alloc(weights.shape, dtype="float32")
                ops.update_averages(self.averages[key], weights, self.nr_update[key])


def is_encoder(key: KeyT) -> bool:
    """RETURNS (bool): Whether weights are those of a module of PyTorch."""
    return "." in key[1]


def find_layer(key: KeyT) -> int:
    """RETURNS (int): The number of the layer that weights are of, from 1, or 0 for embeddings."""
    match = LAYER.search(key[1])
    return 1 + int(match[1]) if match is not None else 0


def clip_gradients(gradients: List[Tensor], limit: float) -> None:
    """Scale gradients so that the norm of all of them together is at most a limit.

    gradients (List[Tensor]): The gradients, which are changed.
    limit (float): The limit.
    """
    norms: List[Tensor] = [gradient.norm() for gradient in gradients]
    scale = (limit / torch.stack(norms).norm()).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(scale)


def build_adamw_v1(
    learn_rate: FloatOrSeq = ADAM_DEFAULTS["learn_rate"],
    *,
    encoder_factor: float = 1.0,
    layer_decay: float = 1.0,
    L2: FloatOrSeq = 0.01,
    grad_clip: FloatOrSeq = 5.0,
    beta1: FloatOrSeq = ADAM_DEFAULTS["beta1"],
    beta2: FloatOrSeq = ADAM_DEFAULTS["beta2"],
    eps: FloatOrSeq = ADAM_DEFAULTS["eps"],
    use_averages: bool = False,
    step_with_updates: bool = False,
) -> AdamW:
    """Build an optimizer for a pretrained transformer and the layers upon it.

    learn_rate (FloatOrSeq): The learning rate, or a schedule of it.
    encoder_factor (float): The learning rate of weights of PyTorch's modules, such as those of a
        transformer, as a share of the learning rate.
    layer_decay (float): The learning rate of each layer of the transformer, as a share of that of
        the layer above it.
    L2 (FloatOrSeq): The weight decay. Biases and weights of norms have none.
    grad_clip (FloatOrSeq): The largest norm of all gradients together, or 0 for no limit.
    beta1 (FloatOrSeq): The decay of the mean of gradients.
    beta2 (FloatOrSeq): The decay of the mean of squared gradients.
    eps (FloatOrSeq): Keeps the division by the latter finite.
    use_averages (bool): Whether to average the weights of Thinc's layers over the updates.
    step_with_updates (bool): Whether to go on to the learning rate of the next batch without
        `step_schedules`, which some training loops, such as that of `spacy pretrain`, never call.
    RETURNS (AdamW): The optimizer.
    """
    return AdamW(
        learn_rate,
        encoder_factor=encoder_factor,
        layer_decay=layer_decay,
        L2=L2,
        grad_clip=grad_clip,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        use_averages=use_averages,
        step_with_updates=step_with_updates,
    )
