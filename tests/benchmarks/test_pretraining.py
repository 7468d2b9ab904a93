import runpy
import sys
from pathlib import Path

import pytest
import srsly
import typer
from study_util import STUDY, make_project, write_study
from transformer_util import make_transformer
from typer.testing import CliRunner

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
VARIANTS = ["scratch", "vectors and pretraining"]


@pytest.mark.slow
def test_variants_differ_in_what_the_encoder_knows(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    script = runpy.run_path(str(BENCHMARKS / "pretraining.py"))
    project = make_project(tmp_path, 12, max_epochs=1, n_save_epoch=1, max_steps=4)
    (project / "study").mkdir()
    settings = {
        **STUDY,
        "config": "configs/few_examples.cfg",
        "corpora": {"notes": {"sizes": [4], "max_width": 3}},
        "seeds": [0],
        "training": {"max_steps": 2, "eval_frequency": 1},
        "variants": {name: {"factory": "nested_spancat"} for name in VARIANTS},
        "baseline": "scratch",
    }
    write_study(project / "study", **settings)
    arguments = [str(project / "study"), make_transformer(tmp_path / "transformer")]
    arguments += ["--work", str(tmp_path / "work"), "--n-texts", "5", "--project", str(project)]
    app = typer.Typer()
    app.command()(script["main"])
    for _ in range(2):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    results = list(srsly.read_jsonl(project / "study" / "results.jsonl"))
    assert [result["variant"] for result in results] == VARIANTS
    assert {result["n_texts"] for result in results} == {5}
    assert len(set(result["settings"] for result in results)) == 2
    assert (project / "study" / "RESULTS.md").exists()
    assert len(list(srsly.read_jsonl(tmp_path / "work" / "texts.jsonl"))) == 5
    weights = tmp_path / "work" / "vectors_and_pretraining"
    assert [line["epoch"] for line in srsly.read_jsonl(weights / "log.jsonl")] == [0, 7, 8]
