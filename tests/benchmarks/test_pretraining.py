import runpy
import sys
from pathlib import Path

import pytest
import srsly
from study_util import STUDY, make_project, write_study
from transformer_util import make_transformer
from typer.testing import CliRunner

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
VARIANTS = {
    "scratch": {"factory": "nested_spancat"},
    "vectors and pretraining": {"factory": "spancat", "size": "small"},
    "vectors and self-training, taught by BERT, with variations": {"factory": "nested_spancat"},
}


@pytest.mark.slow
def test_variants_differ_in_what_the_encoder_knows(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    script = runpy.run_path(str(BENCHMARKS / "pretraining.py"))
    monkeypatch.setattr("spacy_eiou.training.encoder.MAX_EPOCHS", 20)
    project = make_project(tmp_path, 12, max_epochs=1, max_steps=4)
    study, work = project / "study", tmp_path / "work"
    study.mkdir()
    settings = {
        **STUDY,
        "config": "configs/few_examples.cfg",
        "corpora": {"notes": {"sizes": [4, 12], "max_width": 3}},
        "seeds": [0],
        "training": {"max_steps": 2, "eval_frequency": 1},
        "variants": VARIANTS,
        "baseline": "scratch",
    }
    write_study(study, **settings)

    def run(command, *arguments):
        options = [str(argument) for argument in arguments] + ["--project", str(project)]
        return CliRunner().invoke(script["app"], [command, *options], catch_exceptions=False)

    transformer = make_transformer(tmp_path / "transformer")
    run("vectors", study, work, transformer, "--n-texts", 5)
    assert srsly.read_json(work / "vectors.json")["n_texts"] == 5
    srsly.write_jsonl(work / "others.jsonl", [{"text": "one two"}, {"text": "three"}])
    options = ["--texts", work / "others.jsonl", "--max-megabytes", 0.001]
    run("vectors", study, tmp_path / "others", transformer, *options)
    report = srsly.read_json(tmp_path / "others" / "vectors.json")
    assert (report["n_texts"], report["n_tokens"]) == (2, 3)
    run("pretrain", study, work, transformer)
    weights = work / "pretrained-small-vectors"
    assert [line["epoch"] for line in srsly.read_jsonl(weights / "log.jsonl")] == [0, 1, 2]
    assert not run("pretrain", study, work, transformer).stdout
    # Of 12, all are annotated.
    runs = [*((variant, 4) for variant in VARIANTS), (list(VARIANTS)[-1], 12)]
    for number, (variant, size) in enumerate(runs):
        options = ["--transformer", transformer, "--results", tmp_path / f"{number}.jsonl"]
        run("train", study, work, "--variant", variant, "--size", size, *options)
    (teacher,) = (path for path in (work / "teachers").glob("notes-12-*") if path.is_dir())
    options = ["--teacher", teacher, "--texts", work / "others.jsonl"]
    options += ["--results", tmp_path / "taught.jsonl"]
    run("train", study, work, "--variant", list(VARIANTS)[-1], "--size", 12, *options)
    (taught,) = srsly.read_jsonl(tmp_path / "taught.jsonl")
    assert taught["cpu_seconds"] > srsly.read_json(f"{teacher}.json")
    (tmp_path / "taught.jsonl").unlink()
    for _ in range(2):
        run("report", study, *tmp_path.glob("*.jsonl"))
    results = list(srsly.read_jsonl(study / "results.jsonl"))
    assert sorted((result["variant"], result["size"]) for result in results) == sorted(runs)
    assert len({result["settings"] for result in results}) == 3
    assert (study / "RESULTS.md").exists()
