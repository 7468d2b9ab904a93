import runpy
from pathlib import Path

import pytest
import srsly
import typer
from study_util import STUDY, make_project, write_study
from transformer_util import make_transformer
from typer.testing import CliRunner

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "transformer_recipe.py"
VARIANTS = ["recipe", "all weights decay", "each gradient clipped"]


@pytest.mark.slow
def test_each_variant_changes_one_thing(tmp_path):
    script = runpy.run_path(str(SCRIPT))
    project = make_project(tmp_path, 12)
    (project / "study").mkdir()
    settings = {
        **STUDY,
        "config": "configs/transformer.cfg",
        "transformer": make_transformer(tmp_path / "transformer"),
        "corpora": {"notes": {"sizes": [10], "max_width": 3}},
        "seeds": [0, 1],
        "training": {"max_steps": 2},
        "variants": {name: {"factory": "nested_spancat"} for name in VARIANTS},
        "baseline": "recipe",
    }
    write_study(project / "study", **settings)
    app = typer.Typer()
    app.command()(script["main"])
    arguments = [str(project / "study"), "--project", str(project), "--max-seconds", "300"]
    for options in (["--variant", "recipe", "--seed", "1"], ["--seed", "0"], ["--report-only"]):
        CliRunner().invoke(app, [*arguments, *options], catch_exceptions=False)
    runs = [(result["variant"], result["seed"]) for result in read_results(project / "study")]
    assert runs == [("recipe", 0), *((name, 0) for name in VARIANTS[1:]), ("recipe", 1)]
    assert len(list((project / "study" / "runs").iterdir())) == 4
    assert "| recipe | 10 | 2 |" in (project / "study" / "RESULTS.md").read_text("utf8")


@pytest.mark.slow
def test_the_prepared_transformer_begins_with_its_weights(tmp_path):
    script = runpy.run_path(str(SCRIPT))
    project = make_project(tmp_path, 12)
    (project / "study").mkdir()
    settings = {
        **STUDY,
        "config": "configs/transformer_pretraining.cfg",
        "transformer": make_transformer(tmp_path / "transformer"),
        "corpora": {"notes": {"sizes": [10], "max_width": 3}},
        "seeds": [0],
        "training": {"max_steps": 1},
        "variants": {name: {"factory": "nested_spancat"} for name in ("recipe", "prepared")},
        "baseline": "recipe",
    }
    write_study(project / "study", **settings)
    app = typer.Typer()
    app.command()(script["main"])
    arguments = [str(project / "study"), "--project", str(project)]
    assert CliRunner().invoke(app, arguments).exit_code == 2
    (tmp_path / "weights.bin").write_bytes(b"no weights")
    with pytest.raises(ValueError, match="unpack"):
        arguments += ["--weights", str(tmp_path / "weights.bin")]
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert [path.name for path in (project / "study" / "runs").iterdir()] == ["recipe, 10, 0.json"]


def read_results(path):
    return list(srsly.read_jsonl(path / "results.jsonl"))
