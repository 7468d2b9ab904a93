from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
import srsly
from study_util import make_corpus_config, make_project

PATH = Path(__file__).parents[2] / "benchmarks" / "forecast.py"


@pytest.fixture
def script() -> Any:
    spec = spec_from_file_location("forecast_study", PATH)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_first_half_tells_what_came(script: Any) -> None:
    results = [
        {"corpus": "notes", "share": share, "size": int(800 * share), "seed": seed}
        for share in script.SHARES
        for seed in (0, 1)
    ]
    for result in results:
        # A power law, from which the whole is off.
        f = 0.9 - 40 / result["size"] + 0.05 * (result["share"] == 1)
        result["dev"] = {"f": f, "macro_f": f, "per_type": None}
    found = script.compare(results, "f")
    assert found.half == pytest.approx(0.8)
    assert found.forecast == pytest.approx(0.85)
    assert found.came == pytest.approx(found.forecast + 0.05)
    micro = script.make_report(results).splitlines()[-2]
    assert micro.startswith("| notes | micro | 800 | 2 | 80.0 | 85.0 |")
    assert micro.endswith("| 90.0 | -5.0 |")


def test_smallest_exponents_are_tried_on_learning_curves(script: Any) -> None:
    def make_round(seed: int, size: int) -> Any:
        scores = {"f": 0.9 - 20 / size, "macro_f": 0.5 - seed / 10}
        return {"corpus": "notes", "seed": seed, "size": size, "dev": scores, "test": scores}

    rounds = [make_round(seed, size) for seed in (0, 1) for size in (50, 100, 150, 300)]
    errors = script.list_errors(rounds, 1.0)
    assert errors == pytest.approx([0] * 8, abs=1e-9)
    rounds[-1] = {**rounds[-1], "dev": {"f": 0.9 - 20 / 300 - 0.01, "macro_f": 0.42}}
    expected = pytest.approx([-0.02, *[0] * 6, 0.01], abs=1e-9)
    assert sorted(script.list_errors(rounds, 1.0)) == expected
    rows = [{"min_exponent": 1.0, "curves": 8, "bias": 0.25, "error": 1.5}]
    table = script.make_exponents_report(rows)
    assert table.splitlines()[-1] == "| 1 | 8 | +0.25 | 1.50 |"
    assert script.make_exponents_report([]) == ""


@pytest.mark.slow
def test_each_training_is_on_its_own(script: Any, tmp_path: Path, monkeypatch: Any) -> None:
    project = make_project(tmp_path, 8)
    make_corpus_config(project)
    monkeypatch.setattr(script, "CORPORA", {"notes": (8, 2)})
    paths = [project / f"{share}.json" for share in (0.5, 1.0)]
    for path, share in zip(paths, (0.5, 1.0)):
        script.train(path, "notes", 0, [share], project)
    rows = [row for path in paths for row in srsly.read_json(path)]
    assert [(row["share"], row["size"], row["seed"]) for row in rows] == [(0.5, 4, 0), (1.0, 8, 0)]
    assert all(0 <= row["dev"]["f"] <= 1 for row in rows)
