import runpy
import sys
from pathlib import Path

import pytest
import spacy
import srsly
import typer
from study_util import STUDY, make_project, write_study
from transformer_util import make_transformer
from typer.testing import CliRunner

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "transformer_recipe.py"
VARIANTS = ["recipe", "all weights decay", "each gradient clipped"]


@pytest.fixture
def make_study(tmp_path, monkeypatch):
    """Makes a study of a tiny transformer. RETURNS: Its folder, and runs the script on it."""
    monkeypatch.setattr(sys, "path", [str(SCRIPT.parent), *sys.path])
    script = runpy.run_path(str(SCRIPT))
    app = typer.Typer()
    app.command()(script["main"])

    def make(variants, **settings):
        project = make_project(tmp_path, 12)
        path = project / "study"
        path.mkdir()
        shared = {
            **STUDY,
            "transformer": make_transformer(tmp_path / "transformer"),
            "corpora": {"notes": {"sizes": [10], "max_width": 3}},
            "variants": {name: {"factory": "nested_spancat"} for name in variants},
            "baseline": "recipe",
        }
        write_study(path, **{**shared, **settings})

        def run(*options, **kwargs):
            arguments = [str(path), "--project", str(project), *options]
            return CliRunner().invoke(app, arguments, **kwargs)

        return path, run

    return make


@pytest.mark.slow
def test_each_variant_changes_one_thing(make_study, tmp_path):
    settings = {"config": "configs/transformer.cfg", "seeds": [0, 1], "training": {"max_steps": 2}}
    path, run = make_study(VARIANTS, **settings)
    models = tmp_path / "models"
    kept = ["--variant", "recipe", "--seed", "1", "--models", str(models)]
    for options in (kept, ["--seed", "0"], ["--report-only"]):
        run("--max-seconds", "300", *options, catch_exceptions=False)
    runs = [(result["variant"], result["seed"]) for result in read_results(path)]
    assert runs == [("recipe", 0), *((name, 0) for name in VARIANTS[1:]), ("recipe", 1)]
    assert len(list((path / "runs").iterdir())) == 4
    assert spacy.load(models / "recipe-10-1").pipe_names == ["transformer", "nested_spancat"]
    assert srsly.read_json(models / "recipe-10-1.json") > 0
    assert "| recipe | 10 | 2 |" in (path / "RESULTS.md").read_text("utf8")


@pytest.mark.slow
def test_the_prepared_transformer_begins_with_its_weights(make_study, tmp_path):
    config = "configs/transformer_pretraining.cfg"
    settings = {"config": config, "seeds": [0], "training": {"max_steps": 1}}
    path, run = make_study(["recipe", "prepared"], **settings)
    assert run().exit_code == 2
    (tmp_path / "weights.bin").write_bytes(b"no weights")
    with pytest.raises(ValueError, match="unpack"):
        run("--weights", str(tmp_path / "weights.bin"), catch_exceptions=False)
    assert [file.name for file in (path / "runs").iterdir()] == ["recipe, 10, 0.json"]


def read_results(path):
    return list(srsly.read_jsonl(path / "results.jsonl"))
