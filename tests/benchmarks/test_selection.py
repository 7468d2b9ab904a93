from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
import srsly
from study_util import make_project

from spacy_eiou.annotation import STRATEGIES, TextBatch
from spacy_eiou.annotation.strategies import Prediction

PATH = Path(__file__).parents[2] / "benchmarks" / "selection.py"


@pytest.fixture
def script(monkeypatch):
    # Its strategies are for itself alone.
    monkeypatch.setattr("spacy_eiou.annotation.strategies.STRATEGIES", {**STRATEGIES})
    spec = spec_from_file_location("selection_study", PATH)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_others_would_choose(script):
    scores = np.array([[0.5, 0.0], [1.0, 0.0], [0.75, 0.0]])
    found = Prediction(np.array([0, 0, 1]), np.zeros((3, 2), dtype="i8"), scores, scores >= 0.5)
    batch = TextBatch(["a"] * 3, np.zeros(3), np.array([2, 3, 1]), ["A", "B"], None, [found])
    assert script.score_longest(batch).tolist() == [2, 3, 1]
    assert script.score_least_confidence(batch).tolist() == [0.5, 0.25, 0]
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert script.score_entropy(batch) == pytest.approx([np.log(2) / 2, entropy, 0], abs=1e-4)
    assert script.score_uncertainty_per_text(batch) == pytest.approx([0.5, 0.25, 0])


def test_table(script):
    results = [
        {
            "variant": variant,
            "size": size,
            "seed": seed,
            "n_words": 10 * size,
            "test": {"f": f, "macro_f": 0.5},
        }
        for variant, size, seed, f in [("a", 50, 0, 0.5), ("a", 50, 1, 0.7), ("b", 100, 0, 0.6)]
    ]
    rows = script.format_table(results, "test").splitlines()[2:]
    assert rows == [
        "| a | 2 | 60.0 ± 14.1 / 50.0 ± 0.0 |  | 10.0 |",
        "| b | 1 |  | 60.0 / 50.0 | 10.0 |",
    ]


@pytest.mark.slow
def test_simulation(script, tmp_path, monkeypatch):
    project = make_project(tmp_path, 12)
    settings = {
        "CORPORA": {"notes": (3, 12)},
        "N_FIRST": 2,
        "N_ROUND": 2,
        "N_RANDOM": 6,
        "N_OTHERS": 4,
        "TRAINING": {"max_steps": 2, "eval_frequency": 2},
    }
    for name, value in settings.items():
        monkeypatch.setattr(script, name, value)
    output = project / "output"
    for _ in range(2):
        script.main(output, ["notes"], ["random", "combined"], [0], None, project)
    results = list(srsly.read_jsonl(output / "rounds.jsonl"))
    found = [(result["variant"], result["size"]) for result in results]
    assert found == [("random", 2), ("random", 4), ("random", 6), ("combined", 2), ("combined", 4)]
    assert all(len({*result["ids"]}) == result["size"] for result in results)
    assert results[0]["ids"] == results[3]["ids"]
    chosen = [result.get("chosen") for result in results]
    assert [numbers and numbers["words"] for numbers in chosen] == [6, 6, None, 6, None]
    script.main(project / "first", ["notes"], ["diversity"], [0], 1, project)
    (result,) = srsly.read_jsonl(project / "first" / "rounds.jsonl")
    assert (result["size"], result["chosen"]["words"]) == (2, 6)
    assert "## notes" in (output / "RESULTS.md").read_text(encoding="utf8")
