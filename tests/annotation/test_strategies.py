import numpy as np
import pytest

from spacy_eiou.annotation import STRATEGIES, TextBatch, register_strategy
from spacy_eiou.annotation.strategies import Prediction, get_strategy
from spacy_eiou.corpora import CorpusError


def make_prediction(rows, threshold=0.5):
    """Each row has a text, a span, and the probabilities of two labels."""
    texts, starts, ends, *probabilities = np.array(rows, dtype="f").reshape(-1, 5).T
    scores = np.stack(probabilities, axis=1)
    bounds = np.stack([starts, ends], axis=1).astype("i8")
    return Prediction(texts.astype("i8"), bounds, scores, scores >= threshold)


def make_batch(*predictions, n_words=(2, 4, 1), label_counts=(16, 4)):
    return TextBatch(
        [f"text {number}" for number in range(len(n_words))],
        np.linspace(0, 1, len(n_words)),
        np.array(n_words),
        ["common", "rare"],
        None if label_counts is None else np.array(label_counts),
        predictions,
    )


# The last text has no likely candidate
ONE = make_prediction([(0, 0, 3, 0.9, 0.0), (1, 0, 3, 0.5, 0.25), (1, 2, 5, 0.25, 0.0)])
OTHER = make_prediction([(0, 0, 3, 0.9, 0.75), (1, 0, 3, 0.25, 0.25)])


def test_errors_are_what_is_predicted_wrongly_or_missing():
    np.testing.assert_allclose(
        make_batch(ONE).count_errors(), [[0.1, 0], [0.75, 0.25], [0, 0]], atol=1e-6
    )
    np.testing.assert_allclose(
        make_batch(ONE, OTHER).count_errors(), [[0.1, 0.125], [0.5, 0.25], [0, 0]], atol=1e-6
    )


def test_threshold_decides_what_an_error_is():
    strict = make_prediction([(0, 0, 3, 0.75, 0.0)], threshold=0.9)
    assert make_batch(strict).count_errors()[0].tolist() == [0.75, 0]


def test_disagreement():
    # Both predict the span of the first text as common, one as rare; and one that of the second
    batch = make_batch(ONE, OTHER)
    assert batch.count_disagreements().tolist() == [1, 1, 0]
    assert STRATEGIES["disagreement"].score(batch).tolist() == [0.5, 0.25, 0]
    # Two of three pairs differ in each
    batch = make_batch(ONE, OTHER, OTHER)
    assert batch.count_disagreements() == pytest.approx([2 / 3, 2 / 3, 0])


def test_one_model_agrees_with_itself():
    assert make_batch(ONE).count_disagreements().tolist() == [0, 0, 0]
    with pytest.raises(CorpusError, match="several models"):
        STRATEGIES["disagreement"].score(make_batch(ONE))


def test_rare_labels_weigh_more():
    weights = make_batch(ONE).weigh_labels()
    assert weights[1] == 2 * weights[0]
    assert weights @ [16, 4] == pytest.approx(20)
    assert make_batch(ONE, label_counts=None).weigh_labels().tolist() == [1, 1]


def test_scores():
    batch = make_batch(ONE)
    common, rare = batch.weigh_labels()
    scores = {name: STRATEGIES[name].score(batch) for name in STRATEGIES if name != "disagreement"}
    assert scores["uncertainty"] == pytest.approx([0.05, 0.25, 0])
    combined = np.array([0.1 * common, 0.75 * common + 0.25 * rare, 0])
    assert scores["combined"] == pytest.approx(combined)
    assert scores["combined_per_word"] == pytest.approx(combined / [2, 4, 1])
    assert scores["rare"] == pytest.approx([0.45 * common, (0.75 * common + 0.25 * rare) / 4, 0])
    assert scores["random"].tolist() == batch.draws.tolist()
    assert scores["diversity"].tolist() == [1, 1, 1]


def test_rare_needs_to_know_what_is_rare():
    with pytest.raises(CorpusError, match="how many examples"):
        STRATEGIES["rare"].score(make_batch(ONE, label_counts=None))


def test_reasons():
    batch = make_batch(ONE, OTHER)
    reasons = {name: strategy.explain(batch)[1] for name, strategy in STRATEGIES.items()}
    assert reasons["uncertainty"] == "about 0.8 errors in 4 words, most of common"
    assert reasons["combined"] == reasons["uncertainty"]
    assert reasons["disagreement"] == "two models differ in about 1.0 spans, in 4 words"
    assert reasons["rare"] == "may have common, of which 16 are known"
    assert reasons["random"] == "at random"


def test_no_candidates():
    empty = make_prediction([])
    for name, strategy in STRATEGIES.items():
        scores = strategy.score(make_batch(empty, empty))
        assert scores.shape == (3,) and (scores >= 0).all(), name


def test_strategies_of_users(monkeypatch):
    monkeypatch.setattr("spacy_eiou.annotation.strategies.STRATEGIES", {})

    @register_strategy("longest")
    def score_longest(batch):
        return batch.n_words

    strategy = get_strategy("longest")
    assert strategy.score(make_batch(ONE)).tolist() == [2, 4, 1]
    assert strategy.explain(make_batch(ONE)) == ["longest"] * 3
    with pytest.raises(CorpusError, match="a strategy from longest, not 'shortest'"):
        get_strategy("shortest")
