import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from thinc.api import Linear, Ragged, fix_random_seed, set_dropout_rate

from spacy_eiou.models.span_scorer import _dropout, span_scorer
from spacy_eiou.models.span_vectors import SpanVectorParams

WIDTH, HIDDEN, N_CLASSES = 6, 8, 3
DOC_LENGTHS = [4, 0, 7]
# The docs have 10, 0 and 28 candidates
SPANS = [[(s, e) for s in range(n) for e in range(s + 1, n + 1)] for n in DOC_LENGTHS]


def make_inputs(seed=0):
    vectors = np.random.RandomState(seed).normal(size=(sum(DOC_LENGTHS), WIDTH)).astype("f")
    candidates = np.asarray([span for spans in SPANS for span in spans], dtype="i")
    return (
        Ragged(vectors, np.asarray(DOC_LENGTHS, dtype="i")),
        Ragged(candidates, np.asarray([len(spans) for spans in SPANS], dtype="i")),
    )


def make_model(seed=0):
    fix_random_seed(seed)
    model = span_scorer(Linear(), HIDDEN)
    model.initialize(make_inputs(), np.zeros((38, N_CLASSES), dtype="f"))
    # The scorer of spaCy starts at zero.
    model.layers[0].set_param("W", np.random.normal(size=(N_CLASSES, HIDDEN)).astype("f"))
    return model


@pytest.fixture(params=["compiled", "torch"], autouse=True)
def implementation(request, monkeypatch):
    """What computes the span vectors on a CPU with Numba, and without Numba or on a GPU."""
    if request.param == "compiled":
        pytest.importorskip("numba")
    monkeypatch.setattr("spacy_eiou.models.span_scorer.HAS_NUMBA", request.param == "compiled")


def test_dimensions():
    model = make_model()
    assert (model.get_dim("nI"), model.get_dim("nH"), model.get_dim("nO")) == (6, 8, 3)
    shapes = SpanVectorParams.shapes(WIDTH, HIDDEN)
    for name, shape in zip(SpanVectorParams._fields, shapes):
        assert model.get_param(name).shape == shape
    assert model.predict(make_inputs()).shape == (38, N_CLASSES)


def test_initial_parameters():
    model = make_model()
    limit = np.sqrt(6 / (WIDTH + HIDDEN))
    projections = np.split(model.get_param("W"), 3)
    for projection in projections:
        assert limit / 2 < abs(projection).max() <= limit
    assert not np.array_equal(projections[0], projections[1])
    assert_array_equal(model.get_param("G"), 1)
    for name in ("b", "bG", "widths"):
        assert_array_equal(model.get_param(name), 0)


def test_update_and_prediction_give_the_same_scores():
    model = make_model()
    scores, _ = model.begin_update(make_inputs())
    assert_allclose(model.predict(make_inputs()), scores, atol=1e-5)


@pytest.mark.parametrize("piece_size", [1, 3, 10, 37, 38, 39])
def test_pieces_give_the_same_scores(monkeypatch, piece_size):
    model = make_model()
    expected = model.predict(make_inputs())
    monkeypatch.setattr("spacy_eiou.models.span_scorer.PIECE_SIZE", piece_size)
    assert_allclose(model.predict(make_inputs()), expected, atol=1e-5)


def test_docs_of_a_batch_do_not_matter_to_each_other():
    model = make_model()
    tokens, candidates = make_inputs()
    expected = model.predict((tokens, candidates))
    for doc in range(3):
        rows = slice(int(candidates.lengths[:doc].sum()), int(candidates.lengths[: doc + 1].sum()))
        alone = model.predict((tokens[doc], candidates[doc]))
        assert_allclose(alone, expected[rows], atol=1e-5)


def test_no_candidates():
    model = make_model()
    tokens, candidates = make_inputs()
    scores = model.predict((tokens[1], candidates[1]))
    assert scores.shape == (0, N_CLASSES)


@pytest.mark.parametrize("span", [(-1, 1), (2, 2), (3, 2), (3, 5)])
def test_candidates_outside_their_doc(span):
    """The batch may have room for them, but the first doc has 4 tokens."""
    model, (tokens, candidates) = make_model(), make_inputs()
    candidates.dataXd[3] = span
    for is_train in (False, True):
        with pytest.raises(ValueError, match=rf"candidate \[{span[0]}, {span[1]}\)"):
            model((tokens, candidates), is_train)


@pytest.mark.parametrize("name", [*SpanVectorParams._fields, "tokens", "scorer"])
def test_gradients_match_finite_differences(name):
    model, (tokens, candidates) = make_model(), make_inputs()
    d_scores = np.random.RandomState(1).normal(size=(38, N_CLASSES)).astype("f")
    scores, backprop = model.begin_update((tokens, candidates))
    d_tokens, d_candidates = backprop(d_scores)
    assert_array_equal(d_tokens.lengths, tokens.lengths)
    assert d_candidates is candidates
    owner, param = (model.layers[0], "W") if name == "scorer" else (model, name)
    value = tokens.dataXd if name == "tokens" else owner.get_param(param)
    gradient = d_tokens.dataXd if name == "tokens" else owner.get_grad(param)
    # A step along the gradient changes the scores by its squared norm.
    step = 1e-3 / np.linalg.norm(gradient)
    value += step * gradient
    difference = ((model.predict((tokens, candidates)) - scores) * d_scores).sum()
    assert difference / step == pytest.approx((gradient**2).sum(), rel=2e-2)


def test_gradients_accumulate():
    model, d_scores = make_model(), np.ones((38, N_CLASSES), dtype="f")
    model.begin_update(make_inputs())[1](d_scores)
    once = model.get_grad("W").copy()
    model.begin_update(make_inputs())[1](d_scores)
    assert_allclose(model.get_grad("W"), 2 * once, rtol=1e-5)


def test_predictions_have_no_gradient():
    scores, backprop = make_model()(make_inputs(), is_train=False)
    with pytest.raises(ValueError, match="is_train=True"):
        backprop(scores)


def test_serialization():
    model = make_model()
    loaded = span_scorer(Linear(), HIDDEN).from_bytes(model.to_bytes())
    assert_array_equal(loaded.predict(make_inputs()), model.predict(make_inputs()))
    # All parameters are Thinc's own: nothing of PyTorch is pickled
    assert not any(node.shims for node in model.walk())


def test_averaged_parameters_are_used():
    model = make_model()
    scores = model.predict(make_inputs())
    for name in ("W", "widths", "bG"):
        averages = {(model.id, name): model.get_param(name) + 1.5}
        averages[model.id, name][0] -= 1
        with model.use_params(averages):
            assert abs(model.predict(make_inputs()) - scores).max() > 1e-2
        assert_array_equal(model.predict(make_inputs()), scores)


def test_dropout_is_for_training_only():
    model = make_model()
    scores = model.predict(make_inputs())
    set_dropout_rate(model, 0.5)
    assert_array_equal(model.predict(make_inputs()), scores)
    fix_random_seed(0)
    first, _ = model.begin_update(make_inputs())
    second, _ = model.begin_update(make_inputs())
    assert abs(first - scores).max() > 1e-2
    assert abs(first - second).max() > 1e-2
    fix_random_seed(0)
    assert_array_equal(model.begin_update(make_inputs())[0], first)


def test_dropout_scales_what_it_keeps():
    X = np.random.RandomState(0).normal(size=(30, HIDDEN)).astype("f")
    fix_random_seed(0)
    Y, backprop = _dropout(X, 0.5)
    kept = Y != 0
    assert 0.3 < kept.mean() < 0.7
    assert_allclose(Y, np.where(kept, 2 * X, 0))
    assert_allclose(backprop(X), Y)
    assert_array_equal(_dropout(X, 0.0)[0], X)
    assert_array_equal(_dropout(X, 0.0)[1](Y), Y)


def test_scores_and_gradients_are_the_same_without_numba(monkeypatch):
    pytest.importorskip("numba")
    d_scores = np.random.RandomState(1).normal(size=(38, N_CLASSES)).astype("f")
    results = []
    for has_numba in (False, True):
        monkeypatch.setattr("spacy_eiou.models.span_scorer.HAS_NUMBA", has_numba)
        model = make_model()
        scores, backprop = model.begin_update(make_inputs())
        d_tokens, _ = backprop(d_scores)
        gradients = [model.get_grad(name) for name in SpanVectorParams._fields]
        results.append([model.predict(make_inputs()), scores, d_tokens.dataXd, *gradients])
    for without, with_numba in zip(*results):
        assert_allclose(without, with_numba, rtol=1e-4, atol=1e-5)
