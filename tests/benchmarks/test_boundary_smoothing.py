import runpy
from pathlib import Path

import numpy as np
from numpy.testing import assert_allclose
from spacy.util import registry

from spacy_eiou.losses import SpanTruths

PATH = Path(__file__).parents[2] / "benchmarks" / "boundary_smoothing.py"


def make_targets(candidates, gold, labels):
    runpy.run_path(str(PATH))
    loss = registry.losses.get("benchmarks.BoundarySmoothing.v1")(epsilon=0.2)
    truths = SpanTruths(np.asarray(candidates), np.asarray(gold), np.asarray(labels))
    return loss.targets(np.zeros((len(candidates), 3), dtype="f"), truths)


def test_neighbours_share_the_label_of_a_gold_span():
    candidates = [(0, 1), (0, 2), (1, 2), (1, 3), (0, 3)]
    # (0, 3) is two tokens away, (0, 1) and (1, 3) do not differ from the gold span by one
    targets = make_targets(candidates, [(1, 2)], [1])
    assert_allclose(
        targets, [[0, 0, 1], [0, 0.1, 0.9], [0, 0.8, 0.2], [0, 0.1, 0.9], [0, 0, 1]], rtol=1e-6
    )


def test_gold_spans_get_nothing_from_their_neighbours():
    targets = make_targets([(0, 1), (0, 2), (0, 3)], [(0, 1), (0, 2)], [0, 1])
    assert_allclose(targets, [[0.8, 0, 0.2], [0, 0.8, 0.2], [0, 0.2, 0.8]], rtol=1e-6)
