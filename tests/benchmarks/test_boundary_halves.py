from math import log

import numpy as np
import pytest
import spacy
import torch
from numpy.testing import assert_allclose, assert_array_equal
from spacy.training import Example
from spacy.util import registry
from thinc.api import Model, Ragged
from truths_util import check_gradient, make_truths

from spacy_eiou.losses import EMC
from spacy_eiou.pipeline.nested_spancat import DEFAULT_CONFIG


@pytest.fixture(scope="module")
def halves(import_benchmark):
    return import_benchmark("boundary_halves")


def make_targets(candidates, gold, labels):
    loss = registry.losses.get("benchmarks.BoundarySmoothing.v1")(epsilon=0.2)
    guesses = np.zeros((len(candidates), 3), dtype="f")
    return loss.targets(guesses, make_truths(candidates, gold, labels))


def test_neighbours_share_the_label_of_a_gold_span(halves):
    candidates = [(0, 1), (0, 2), (1, 2), (1, 3), (0, 3)]
    # (0, 3) is two tokens away, (0, 1) and (1, 3) do not differ from the gold span by one
    targets = make_targets(candidates, [(1, 2)], [1])
    assert_allclose(
        targets, [[0, 0, 1], [0, 0.1, 0.9], [0, 0.8, 0.2], [0, 0.1, 0.9], [0, 0, 1]], rtol=1e-6
    )


def test_gold_spans_get_nothing_from_their_neighbours(halves):
    targets = make_targets([(0, 1), (0, 2), (0, 3)], [(0, 1), (0, 2)], [0, 1])
    assert_allclose(targets, [[0.8, 0, 0.2], [0, 0.8, 0.2], [0, 0.2, 0.8]], rtol=1e-6)


# Two candidates of two tokens each that share one, of which the first is gold.
PROBABILITIES = [[0.8], [0.4]]


@pytest.mark.parametrize(
    "form,expected",
    [
        # Right 0.8, of 0.8 + 0.4 predicted and 1 gold
        ("jaccard", 1 - 0.8 / 1.4),
        ("log_jaccard", -log(0.8 / 1.4)),
        # The second one has an intersection over union of 1/3, and is right to a ninth
        ("near_jaccard", 1 - (0.8 + 0.4 / 9) / (2.2 - 0.8 - 0.4 / 9)),
        ("tversky", 1 - 0.8 / (0.8 + 0.3 * 0.4 + 0.7 * 0.2)),
        # Errors 0.4 and 0.2: a wrong second candidate makes J 1/2, and a wrong first one 0
        ("lovasz", 0.4 * 0.5 + 0.2 * 0.5),
        # The first token is covered with 0.8, the second one with 1 - 0.2 * 0.6
        ("token_coverage", -log(0.8) - log(0.88) - log(0.6)),
    ],
)
def test_distances_of_sets_by_hand(halves, form, expected):
    truths = make_truths([(0, 2), (1, 3)], [(0, 2)], [0])
    distance = halves.FORMS[form](torch.tensor(PROBABILITIES, dtype=torch.double), truths)
    assert distance.item() == pytest.approx(expected)


@pytest.mark.parametrize(
    "form", ["jaccard", "log_jaccard", "near_jaccard", "tversky", "lovasz", "token_coverage"]
)
def test_gradient_of_both_halves(halves, form):
    loss = registry.losses.get("benchmarks.SetOverlap.v1")(form)
    truths = make_truths([(0, 2), (1, 3), (1, 2), (4, 5)], [(0, 2), (1, 2), (4, 5)], [0, 1, 0])
    check_gradient(loss, np.random.RandomState(0).normal(size=(4, 3)), truths)


def test_without_gold_candidates_the_class_half_is_left(halves):
    loss = registry.losses.get("benchmarks.SetOverlap.v1")("jaccard", beta=0.25)
    logits = np.asarray([[1, 0], [0, 2]], dtype="f")
    truths = make_truths([(0, 1), (1, 2)], [(0, 2)], [0])
    gradient, value = loss(logits, truths)
    expected, expected_value = EMC()(logits, truths)
    assert_allclose(gradient, 0.75 * expected)
    assert value == 0.75 * expected_value


TOKENS = Ragged(np.random.RandomState(1).normal(size=(5, 4)).astype("f"), np.asarray([2, 3], "i"))
CANDIDATES = Ragged(np.asarray([(0, 1), (0, 2), (1, 3)], dtype="i"), np.asarray([1, 2], dtype="i"))


def score_all_alike(model, X, is_train):
    tokens, candidates = X
    unchanged = Ragged(np.zeros_like(tokens.dataXd), tokens.lengths)
    return np.ones((3, 3), dtype="f"), lambda d_scores: (unchanged, candidates)


def make_boundary_tokens(halves) -> Model:
    scorer: Model = Model("span_scorer", score_all_alike, dims={"nO": 3})
    layer = halves.boundary_tokens(scorer)
    layer.initialize((TOKENS, CANDIDATES), np.zeros((3, 3), dtype="f"))
    random = np.random.RandomState(2)
    for boundary in layer.layers[1:]:
        boundary.set_param("W", random.normal(size=(2, 4)).astype("f"))
    return layer


def test_boundaries_raise_logits_of_labels(halves):
    layer = make_boundary_tokens(halves)
    starts, ends = (boundary.predict(TOKENS.dataXd) for boundary in layer.layers[1:])
    # The last candidate is that of the tokens 1 and 2 of the second doc.
    raised = 1 - np.logaddexp(0, -starts[3]) - np.logaddexp(0, -ends[4])
    scores = layer.predict((TOKENS, CANDIDATES))
    assert_allclose(scores[2, :-1], raised, rtol=1e-5)
    assert_array_equal(scores[:, -1], 1)


def test_gradient_of_boundary_tokens(halves):
    layer = make_boundary_tokens(halves)
    weights = np.random.RandomState(3).normal(size=(3, 3)).astype("f")
    _, backprop = layer.begin_update((TOKENS, CANDIDATES))
    gradient = backprop(weights)[0].dataXd
    step = 1e-2
    for index in np.ndindex(gradient.shape):
        offset = np.zeros_like(gradient)
        offset[index] = step
        up, down = (
            layer.predict((Ragged(TOKENS.dataXd + sign * offset, TOKENS.lengths), CANDIDATES))
            for sign in (1, -1)
        )
        expected = ((up - down) * weights).sum() / (2 * step)
        assert gradient[index] == pytest.approx(expected, abs=1e-3)


def test_pipeline_with_boundary_tokens_learns(halves):
    nlp = spacy.blank("en")
    settings = {
        "@architectures": "benchmarks.BoundaryTokens.v1",
        "scorer": {"@layers": "Linear.v1"},
        "tok2vec": DEFAULT_CONFIG["model"]["tok2vec"],
    }
    nlp.add_pipe("nested_spancat", config={"model": settings})
    spans = [(4, 10, "equipment"), (4, 20, "equipment"), (4, 25, "component")]
    text = "The boiler feed pump seal leaked."
    examples = [Example.from_dict(nlp.make_doc(text), {"spans": {"sc": spans}})]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(30):
        nlp.update(examples, sgd=optimizer)
    doc = nlp(text)
    found = [(span.start_char, span.end_char, span.label_) for span in doc.spans["sc"]]
    assert found == spans
