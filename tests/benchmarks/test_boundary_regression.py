import numpy as np
import pytest
import spacy
from numpy.testing import assert_allclose, assert_array_equal
from spacy.training import Example
from spacy.util import fix_random_seed
from truths_util import check_gradient, make_truths

from spacy_eiou.losses import EMC
from spacy_eiou.pipeline.nested_spancat import DEFAULT_CONFIG


@pytest.fixture(scope="module")
def regression(import_benchmark):
    return import_benchmark("boundary_regression")


def test_candidates_learn_from_the_nearest_gold_span(regression):
    # (0, 4) shares 3 of 4 tokens with the first gold span and 2 of 4 with the second one
    truths = make_truths([(0, 1), (0, 4), (4, 6)], [(0, 3), (1, 3)], [0, 1])
    rows, gold_rows = regression.nearest_gold(truths, 0.5)
    assert_array_equal(rows, [1])
    assert_array_equal(gold_rows, [0])


def test_distance_of_boundaries_by_hand(regression):
    # (0, 4) has to end a quarter of its width earlier, where it would move by half a tenth: beyond
    # 0.1, an error counts less half of that. The first one is right, but for a small error.
    truths = make_truths([(0, 3), (0, 4)], [(0, 3)], [0])
    moves = np.asarray([[0.06, 0], [0, -0.05]], dtype="f")
    _, distance = regression.BoundaryRegression(1.0)._distance(moves, truths)
    assert distance == pytest.approx((0.06**2 / 0.2 + 0.2 - 0.05) / 2)


def test_near_candidates_have_the_class_of_a_gold_span(regression):
    truths = make_truths([(0, 3), (0, 4), (2, 6)], [(0, 3)], [0])
    guesses = np.random.RandomState(0).normal(size=(3, 4)).astype("f")
    guesses[:, -2:] = [[0, 0], [0, -0.25], [0, 0]]
    _, loss = regression.BoundaryRegression(0.7)(guesses, truths)
    as_gold = make_truths([(0, 3), (0, 4), (2, 6)], [(0, 3), (0, 4)], [0, 0])
    assert loss == pytest.approx(EMC().get_loss(guesses[:, :2], as_gold))


@pytest.mark.parametrize("gold", [[(0, 2), (1, 2), (4, 5)], [(7, 9)]])
def test_gradient(regression, gold):
    loss = regression.BoundaryRegression(0.5)
    truths = make_truths([(0, 2), (1, 3), (1, 2), (4, 5)], gold, [0, 1, 0][: len(gold)])
    check_gradient(loss, np.random.RandomState(0).normal(size=(4, 5)), truths)


def test_spans_move_by_shares_of_their_width(regression):
    spans = np.asarray([(2, 6), (2, 6), (0, 2), (3, 5)], dtype="i")
    moves = np.asarray([(0.25, 0.5), (0.1, -0.1), (-1, 9), (0, -1)], dtype="f")
    moved = regression.move(spans, moves, np.asarray([10, 10, 5, 5]))
    assert_array_equal(moved, [(3, 8), (2, 6), (0, 5), (3, 4)])


def test_the_best_of_like_spans_is_kept(regression):
    spans = np.asarray([(0, 4), (0, 3), (0, 2), (6, 8)], dtype="i")
    # The second one is like the first and the third, which are not like each other
    scores = np.asarray([0.7, 0.6, 0.8, 0.5], dtype="f")
    assert_array_equal(regression.keep_best(spans, scores, 0.6), [True, False, True, True])


@pytest.mark.parametrize("least_iou", [0.6, 1.0])
def test_pipeline_learns(regression, least_iou, tmp_path):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    settings = {
        "model": {
            "@architectures": "benchmarks.BoundaryRegression.v1",
            "tok2vec": DEFAULT_CONFIG["model"]["tok2vec"],
        },
        "loss": {"@losses": "benchmarks.BoundaryRegression.v1", "least_iou": least_iou},
    }
    nlp.add_pipe("boundary_regression", config=settings)
    spans = [(4, 10, "equipment"), (4, 25, "component")]
    text = "The boiler feed pump seal leaked."
    examples = [Example.from_dict(nlp.make_doc(text), {"spans": {"sc": spans}})]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(200):
        nlp.update(examples, sgd=optimizer)
    nlp.to_disk(tmp_path)
    for model in (nlp, spacy.load(tmp_path)):
        docs = model.pipe([text, ""])
        found = [[(s.start_char, s.end_char, s.label_) for s in doc.spans["sc"]] for doc in docs]
        assert sorted(found[0]) == spans
        assert found[1] == []


def test_scores_are_of_the_spans_that_were_moved(regression):
    assert_allclose(
        regression.BoundaryRegression(1.0).probabilities(np.asarray([[0, 0, 5, 5]], dtype="f")),
        [[0.5]],
    )
