"""A rival of the boundary half, for `eiou compare --code`: boundary smoothing."""

from spacy.util import registry
from thinc.types import Floats2d
from thinc.util import get_array_module

from spacy_eiou.losses.emc import EMC, class_targets
from spacy_eiou.losses.span_loss import SpanTruths
from spacy_eiou.spans import overlapping_pairs


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


@registry.losses("benchmarks.BoundarySmoothing.v1")
def build_boundary_smoothing_v1(epsilon: float = 0.1) -> BoundarySmoothing:
    """Create the loss.

    epsilon (float): The share of the neighbours, at least 0 and below 1.
    RETURNS (BoundarySmoothing): The loss.
    """
    return BoundarySmoothing(label_smoothing=epsilon)
