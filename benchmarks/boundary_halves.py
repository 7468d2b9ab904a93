"""Rivals of the boundary half, for `eiou compare --code` and `pretraining.py --code`."""

from typing import Callable, Dict, List, Optional, Tuple

import torch
from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Linear, Model, chain
from thinc.types import Floats2d, Ints2d, Ragged
from thinc.util import get_array_module
from torch import Tensor

from spacy_eiou.losses import EMC, SpanLoss, SpanTruths, build_emc_v1
from spacy_eiou.losses.emc import class_targets
from spacy_eiou.losses.span_loss import sigmoid
from spacy_eiou.models.nested_span_categorizer import build_nested_span_categorizer_v1
from spacy_eiou.models.span_scorer import batch_spans
from spacy_eiou.spans import intersection_over_union, overlapping_pairs

# The least probability whose logarithm is taken.
EPSILON = 1e-6


class BoundarySmoothing(EMC):
    """EMC in which the neighbours of a gold span are a little of its label too.

    A gold span keeps 1 - epsilon of its label. The candidates with one of its boundaries a token
    away share the epsilon, apart from those that are gold spans themselves. The rest of them, and
    of the gold span, is "no entity" (Zhu and Li 2022, arXiv 2204.12031, with D = 1).
    """

    def targets(self, guesses: Floats2d, truths: SpanTruths) -> Floats2d:
        xp = get_array_module(guesses)
        targets = class_targets(guesses, truths, self.label_smoothing)
        rows, gold_rows = overlapping_pairs(truths.candidates, truths.gold)
        steps = abs(truths.candidates[rows] - truths.gold[gold_rows]).sum(axis=1)
        near = (steps == 1) & ~xp.isin(rows, truths.matches()[0])
        rows, gold_rows = rows[near], gold_rows[near]
        shares = self.label_smoothing / xp.bincount(gold_rows)[gold_rows]
        xp.add.at(targets, (rows, truths.labels[gold_rows]), shares)
        xp.add.at(targets, (rows, -1), -shares)
        return targets


class SetOverlap(SpanLoss):
    """The class half, and how far the set of predicted spans is from the set of gold spans:

    L = (1 - beta) * L_EMC + beta * L_set

    L_set takes the probability p_k(a) that candidate a bears label k, from the softmax over all
    classes: see the functions in `FORMS`. All are readings of "entity intersection over union" as
    the overlap of sets of entities, in the place of the overlap of two spans.
    """

    def __init__(self, form: str, *, beta: float = 0.5) -> None:
        self.form = FORMS[form]
        self.emc = build_emc_v1()
        self.beta = beta

    def __call__(self, guesses: Floats2d, truths: SpanTruths) -> Tuple[Floats2d, float]:
        gradient, loss = self.emc(guesses, truths)
        if not len(truths.matches()[0]):
            return (1 - self.beta) * gradient, (1 - self.beta) * loss
        logits = torch.from_numpy(guesses).double().requires_grad_()
        set_loss = self.form(logits.softmax(dim=1)[:, :-1], truths)
        (set_gradient,) = torch.autograd.grad(set_loss, logits)
        gradient = (1 - self.beta) * gradient + self.beta * set_gradient.numpy()
        return gradient.astype("f"), (1 - self.beta) * loss + self.beta * set_loss.item()


def jaccard(probabilities: Tensor, truths: SpanTruths) -> Tensor:
    """RETURNS (Tensor): 1 - J, the mean over the labels of the batch, with J_k = sum p t / sum (p +
    t - p t)."""
    return (1 - _overlaps(probabilities, truths)).mean()


def log_jaccard(probabilities: Tensor, truths: SpanTruths) -> Tensor:
    """RETURNS (Tensor): -log J, which does not fade where nothing is found yet."""
    return -_overlaps(probabilities, truths).clamp_min(EPSILON).log().mean()


def near_jaccard(probabilities: Tensor, truths: SpanTruths) -> Tensor:
    """RETURNS (Tensor): 1 - J, where a candidate is right to the power of two of its intersection
    over union with the nearest gold span of the label."""
    rows, gold_rows = overlapping_pairs(truths.candidates, truths.gold)
    ious = intersection_over_union(truths.candidates[rows], truths.gold[gold_rows]) ** 2
    shares = torch.zeros_like(probabilities)
    places = torch.from_numpy(rows * shares.shape[1] + truths.labels[gold_rows])
    shares.view(-1).scatter_reduce_(0, places, torch.from_numpy(ious).double(), "amax")
    gold = _gold(probabilities, truths)
    present = gold.any(dim=0)
    right = (probabilities * shares)[:, present].sum(dim=0)
    all_of_both = (probabilities + gold)[:, present].sum(dim=0) - right
    # Several candidates may be near one gold span.
    return (1 - (right / all_of_both.clamp_min(EPSILON)).clamp_max(1)).mean()


def tversky(probabilities: Tensor, truths: SpanTruths) -> Tensor:
    """RETURNS (Tensor): 1 - sum p t / (sum p t + 0.3 sum p (1 - t) + 0.7 sum (1 - p) t), so that
    what is missing counts more than what is wrong (Salehi et al. 2017, arXiv 1706.05721)."""
    return (1 - _overlaps(probabilities, truths, wrong=0.3, missing=0.7)).mean()


def lovasz(probabilities: Tensor, truths: SpanTruths) -> Tensor:
    """RETURNS (Tensor): The Lovász extension of 1 - J in the errors |t - p|, the mean over the
    labels of the batch (Berman et al. 2018, arXiv 1705.08790)."""
    gold = _gold(probabilities, truths)
    present = gold.any(dim=0)
    errors, order = (gold - probabilities).abs()[:, present].sort(dim=0, descending=True)
    t = gold[:, present].gather(0, order)
    intersections = t.sum(dim=0) - t.cumsum(dim=0)
    unions = t.sum(dim=0) + (1 - t).cumsum(dim=0)
    distances = 1 - intersections / unions
    slopes = torch.diff(distances, dim=0, prepend=torch.zeros_like(distances[:1]))
    return (errors * slopes).sum(dim=0).mean()


def token_coverage(probabilities: Tensor, truths: SpanTruths) -> Tensor:
    """RETURNS (Tensor): The cross-entropy of which tokens the spans of each label cover, over the
    number of gold spans. A token is not covered with the product of 1 - p over the candidates that
    hold it."""
    log_absent = torch.log1p(-probabilities.clamp_max(1 - EPSILON))
    not_covered = _sum_per_token(truths.candidates, log_absent)
    n_labels = probabilities.shape[1]
    labels = torch.eye(n_labels, dtype=torch.double)[torch.from_numpy(truths.labels).long()]
    is_covered = _sum_per_token(truths.gold, labels, n_tokens=len(not_covered)) > 0.5
    covered = torch.log1p(-not_covered.clamp_max(-EPSILON).exp())
    return -torch.where(is_covered, covered, not_covered).sum() / len(truths.gold)


FORMS: Dict[str, Callable[[Tensor, SpanTruths], Tensor]] = {
    "jaccard": jaccard,
    "log_jaccard": log_jaccard,
    "near_jaccard": near_jaccard,
    "tversky": tversky,
    "lovasz": lovasz,
    "token_coverage": token_coverage,
}


def _gold(probabilities: Tensor, truths: SpanTruths) -> Tensor:
    """RETURNS (Tensor): 1 where a candidate bears a label, shape (n, K)."""
    gold = torch.zeros_like(probabilities)
    rows, labels = truths.matches()
    gold[torch.from_numpy(rows), torch.from_numpy(labels)] = 1
    return gold


def _overlaps(
    probabilities: Tensor, truths: SpanTruths, wrong: float = 1.0, missing: float = 1.0
) -> Tensor:
    """RETURNS (Tensor): The Tversky index of each label of the batch, by default Jaccard's."""
    gold = _gold(probabilities, truths)
    present = gold.any(dim=0)
    p, t = probabilities[:, present], gold[:, present]
    right = (p * t).sum(dim=0)
    return right / (right + wrong * (p * (1 - t)).sum(dim=0) + missing * ((1 - p) * t).sum(dim=0))


def _sum_per_token(spans: Ints2d, values: Tensor, n_tokens: int = 0) -> Tensor:
    """RETURNS (Tensor): The sum of the values of the spans that hold each token."""
    starts, ends = torch.from_numpy(spans).long().T
    n_tokens = max(n_tokens, int(ends.max()))
    steps = values.new_zeros((n_tokens + 1, values.shape[1]))
    return steps.index_add(0, starts, values).index_add(0, ends, -values).cumsum(dim=0)[:-1]


@registry.losses("benchmarks.BoundarySmoothing.v1")
def build_boundary_smoothing_v1(epsilon: float = 0.1) -> BoundarySmoothing:
    """Create the loss.

    epsilon (float): The share of the neighbours, at least 0 and below 1.
    RETURNS (BoundarySmoothing): The loss.
    """
    return BoundarySmoothing(label_smoothing=epsilon)


@registry.losses("benchmarks.SetOverlap.v1")
def build_set_overlap_v1(form: str, beta: float = 0.5) -> SetOverlap:
    """Create the loss.

    form (str): One of `FORMS`.
    beta (float): The share of the boundary half, from 0 to 1.
    RETURNS (SetOverlap): The loss.
    """
    return SetOverlap(form, beta=beta)


@registry.architectures("benchmarks.BoundaryTokens.v1")
def build_boundary_tokens_v1(
    tok2vec: Model[List[Doc], List[Floats2d]],
    scorer: Model[Floats2d, Floats2d],
    hidden_size: int = 64,
) -> Model[Tuple[List[Doc], Ragged], Floats2d]:
    """Build the model of `nested_spancat`, whose logit of a label is raised by the log probability
    that the first token begins an entity of the label and that the last one ends one. Two linear
    classifiers of tokens give them, and learn from the loss of the spans.

    tok2vec (Model[List[Doc], List[Floats2d]]): The token-to-vector model.
    scorer (Model[Floats2d, Floats2d]): Maps span vectors of shape (n, hidden_size) to logits.
    hidden_size (int): Width of the span vectors.
    RETURNS (Model[Tuple[List[Doc], Ragged], Floats2d]): The model.
    """
    model = build_nested_span_categorizer_v1(tok2vec, scorer, hidden_size)
    tokens, spans = model.layers
    raised = chain(tokens, boundary_tokens(spans))
    raised.set_ref("tok2vec", tok2vec)
    raised.set_ref("scorer", model.get_ref("scorer"))
    return raised


def boundary_tokens(
    span_scorer: Model[Tuple[Ragged, Ragged], Floats2d],
) -> Model[Tuple[Ragged, Ragged], Floats2d]:
    """RETURNS (Model[Tuple[Ragged, Ragged], Floats2d]): A layer that raises the logits of another
    one by the log probabilities of the boundaries."""
    starts, ends = Linear(), Linear()
    layers = [span_scorer, starts, ends]
    return Model("boundary_tokens", forward, init=init, layers=layers, dims={"nO": None})


def init(
    model: Model[Tuple[Ragged, Ragged], Floats2d],
    X: Optional[Tuple[Ragged, Ragged]] = None,
    Y: Optional[Floats2d] = None,
) -> None:
    span_scorer, *boundaries = model.layers
    span_scorer.initialize(X=X, Y=Y)
    model.set_dim("nO", span_scorer.get_dim("nO"))
    for layer in boundaries:
        layer.initialize(X=X and X[0].dataXd, Y=None if Y is None else Y[:, :-1])


def forward(
    model: Model[Tuple[Ragged, Ragged], Floats2d],
    tokens_candidates: Tuple[Ragged, Ragged],
    is_train: bool,
) -> Tuple[Floats2d, Callable[[Floats2d], Tuple[Ragged, Ragged]]]:
    tokens, candidates = tokens_candidates
    span_scorer, *boundaries = model.layers
    scores, backprop_scores = span_scorer(tokens_candidates, is_train)
    starts, ends = batch_spans(tokens, candidates)
    backprops = []
    for layer, rows in zip(boundaries, (starts, ends - 1)):
        logits, backprop_logits = layer(tokens.dataXd, is_train)
        scores[:, :-1] -= model.ops.xp.logaddexp(0, -logits)[rows]
        backprops.append((logits, rows, backprop_logits))

    def backprop(d_scores: Floats2d) -> Tuple[Ragged, Ragged]:
        d_tokens, d_candidates = backprop_scores(d_scores)
        dX = d_tokens.dataXd
        for logits, rows, backprop_logits in backprops:
            d_logits = model.ops.alloc(logits.shape)
            model.ops.scatter_add(d_logits, rows, d_scores[:, :-1])
            dX = dX + backprop_logits(d_logits * sigmoid(-logits))
        return Ragged(dX, tokens.lengths), d_candidates

    return scores, backprop
