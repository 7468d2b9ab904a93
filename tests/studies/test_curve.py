from pathlib import Path

import numpy as np
import pytest
import srsly
from cli_util import invoke
from spacy.tokens import DocBin
from spacy.vocab import Vocab
from study_util import CONFIGS, make_project

from spacy_eiou.corpora import CorpusError
from spacy_eiou.corpora.docbin import read_docs
from spacy_eiou.studies import curve
from spacy_eiou.studies.curve import Forecast, describe_curve, fit_power_law, forecast

SIZES = np.array([50, 100, 150, 200])


@pytest.mark.parametrize(
    "error,factor,exponent", [(0.2, 8.0, 0.75), (0.0, 40.0, 1.25), (0.3, 0.0, 1.0)]
)
def test_power_law_is_found_again(error, factor, exponent):
    scores = 1 - error - factor * SIZES.astype("d") ** -exponent
    law = fit_power_law(SIZES, scores)
    assert factor == 0 or law.exponent == pytest.approx(exponent)
    np.testing.assert_allclose(
        law(np.array([50, 200, 400])),
        1 - error - factor * np.array([50.0, 200.0, 400.0]) ** -exponent,
    )


def test_slow_gains_are_not_promised():
    scores = 1 - SIZES.astype("d") ** -0.1
    law = fit_power_law(SIZES, scores, min_exponent=0.1)
    assert law(np.array([800])) == pytest.approx(1 - 800**-0.1)
    law = fit_power_law(SIZES, scores)
    assert law.exponent == 0.75
    assert law(np.array([800])) < 1 - 800**-0.1
    np.testing.assert_allclose(law(SIZES), scores, atol=0.02)


def test_errors_are_never_below_zero():
    law = fit_power_law(SIZES, np.array([0.2, 0.6, 0.9, 1.0]))
    assert law.error == 0
    assert (law(np.array([1000, 10**6])) <= 1).all()


def test_scores_that_fall_are_flat():
    law = fit_power_law(SIZES, np.array([0.6, 0.5, 0.5, 0.4]))
    assert law(SIZES) == pytest.approx([0.5] * 4)


def test_forecast_without_noise_is_certain():
    sizes = np.repeat(SIZES, 2)
    found = forecast(sizes, 0.9 - 20 / sizes, target=400)
    assert found.now == pytest.approx(0.8)
    assert found.then == pytest.approx(0.85)
    assert [found.low, found.high] == pytest.approx([found.gain] * 2)
    assert found.advice == "annotate more"


def test_the_gain_is_that_over_all_documents():
    sizes = np.repeat([20, 30, 40], 2)
    found = forecast(sizes, 0.9 - 1.5 / sizes, target=200)
    assert found.now == pytest.approx(0.9 - 1.5 / 100)
    assert found.gain == pytest.approx(1.5 / 100 - 1.5 / 200)
    assert found.advice == "more data won't help"


def test_noise_makes_it_uncertain():
    sizes = np.repeat(SIZES, 3)
    scores = 0.9 - 20 / sizes
    noise = np.tile([-0.04, 0, 0.04], 4)
    found = forecast(sizes, scores + noise, target=400)
    assert found.gain == pytest.approx(0.05, abs=1e-6)
    assert found.low < found.gain < found.high
    assert found.high - found.low > 0.01


@pytest.mark.parametrize(
    "low,high,advice",
    [
        (0.02, 0.05, "annotate more"),
        (0.0, 0.005, "more data won't help"),
        (0.0, 0.05, "can't tell"),
    ],
)
def test_advice(low, high, advice):
    assert Forecast(0.5, 0.5, low, high).advice == advice


def test_scores_of_zero_tell_nothing():
    found = forecast(np.repeat(SIZES, 3), np.zeros(12), target=400)
    assert found == Forecast(now=0, then=0, low=0, high=1)
    assert found.advice == "can't tell"


def test_labels_with_the_greatest_gain_come_first():
    def make_result(size):
        per_type = {
            "known": {"f": 0.9, "gold": 20},
            "new": {"f": 1 - 10 / size, "gold": 10},
            "rare": {"f": 0.0, "gold": 9},
        }
        scores = {"f": 1 - 10 / size, "macro_f": 0.5, "per_type": per_type}
        return {"size": size, "dev": scores}

    found = describe_curve([make_result(size) for size in (25, 100, 400, 25)], target=800)
    assert found.sizes == [25, 100, 400]
    assert found.scores["macro_f"] == {25: [0.5, 0.5], 100: [0.5], 400: [0.5]}
    assert list(found.labels) == ["new", "known"]
    assert found.labels["known"].advice == "more data won't help"
    assert found.forecasts["f"].then == pytest.approx(1 - 10 / 800)


@pytest.fixture
def corpus(tmp_path):
    project = make_project(tmp_path, 8)
    config = (CONFIGS / "cnn.cfg").read_text(encoding="utf8")
    path: Path = project / "corpus" / "notes"
    (path / "config.cfg").write_text(config, encoding="utf8")
    return path


@pytest.mark.slow
def test_command_continues(corpus, tmp_path):
    output = tmp_path / "curve"
    options = ["--shares", "0.25,0.5,1", "--n-seeds", "2"]
    options += ["--training.max_steps", "2", "--training.eval_frequency", "2"]

    def run():
        result = invoke("curve", corpus, "-o", output, *options)
        assert result.exit_code == 0, result.output
        return result.stdout

    assert "Forecast for 16 documents" in run()
    lines = (output / "results.jsonl").read_text(encoding="utf8").splitlines()
    assert len(lines) == 6
    (output / "results.jsonl").write_text("\n".join(lines[:5]) + "\n", encoding="utf8")
    run()
    results = list(srsly.read_jsonl(output / "results.jsonl"))
    found = [(result["seed"], result["size"]) for result in results]
    assert found == [(0, 2), (0, 4), (0, 8), (1, 2), (1, 4), (1, 8)]
    saved = srsly.read_json(output / "curve.json")
    assert saved["target"] == 16
    assert saved["forecasts"]["f"]["advice"] in (
        "annotate more",
        "more data won't help",
        "can't tell",
    )


def test_arguments_are_checked_first(corpus, tmp_path):
    with pytest.raises(CorpusError, match="at least three shares"):
        curve(corpus, tmp_path / "curve", shares=[0.5, 1])
    with pytest.raises(CorpusError, match="two seeds"):
        curve(corpus, tmp_path / "curve", n_seeds=1)
    with pytest.raises(CorpusError, match="more documents than 8"):
        curve(corpus, tmp_path / "curve", shares=[0.01, 0.02, 0.03])
    config = (corpus / "config.cfg").read_text("utf8")
    (corpus / "base.cfg").write_text(config.replace("[system]\nseed = 0\n", "[system]\n"))
    with pytest.raises(CorpusError, match=r"expected the setting 'seed' in \[system\]"):
        curve(corpus, tmp_path / "curve", config_path=corpus / "base.cfg")
    dev = next(read_docs(corpus / "dev.spacy", Vocab()))
    dev.spans["sc"] = []
    DocBin(docs=[dev]).to_disk(corpus / "dev.spacy")
    with pytest.raises(CorpusError, match=r"dev.spacy: expected spans under 'sc' to score on"):
        curve(corpus, tmp_path / "curve")
    (corpus / "dev.spacy").unlink()
    with pytest.raises(CorpusError, match="expected a file"):
        curve(corpus, tmp_path / "curve")
