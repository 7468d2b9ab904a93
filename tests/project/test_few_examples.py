"""The workflow for few examples, which a transformer can prepare."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import spacy
import srsly
from transformer_util import make_transformer

ROOT = Path(__file__).parents[2]
CORPUS = "sample_industrial"
OTHERS = ["statistics", "evaluate", "card", "package"]
SHORT = "--training.max_steps 2 --training.eval_frequency 1"


@pytest.mark.slow
def test_one_command_prepares_the_encoder_and_has_it_taught(tmp_path):
    project = srsly.read_yaml(ROOT / "project.yml")
    # Another test runs the steps that "all" has as well.
    steps = project["workflows"]["few_examples"]
    project["workflows"] = {"steps": [name for name in steps if name not in OTHERS]}
    srsly.write_yaml(tmp_path / "project.yml", project)
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    shutil.copytree(ROOT / "assets" / CORPUS, tmp_path / "assets" / CORPUS)
    make_transformer(tmp_path / "transformer")
    (tmp_path / "texts").mkdir()
    for n in range(4):
        (tmp_path / "texts" / f"{n}.txt").write_text(f"replace the pump seal {n}", encoding="utf8")

    variables = {"corpus": CORPUS, "texts": "texts", "transformer": "transformer", "size": "small"}
    variables.update(n_teachers="2", n_variations="3", gold_share="0.25")
    options = [part for name, value in variables.items() for part in (f"--vars.{name}", value)]
    result = subprocess.run(
        [sys.executable, "-m", "spacy", "project", "run", "steps", ".", *options],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        env={**os.environ, "NO_COLOR": "1", "SPACY_CONFIG_OVERRIDES": SHORT},
    )
    assert result.returncode == 0, result.stdout
    output_path = tmp_path / "training" / CORPUS
    teachers = [spacy.load(output_path / f"teacher-{n}" / "model-best") for n in (1, 2)]
    assert [nlp.pipe_names[0] for nlp in teachers] == ["tok2vec", "transformer"]
    assert len(list(srsly.read_jsonl(output_path / "variations.jsonl"))) == 4 * (1 + 3)
    nlp = spacy.load(output_path / "model-best")
    assert nlp.config["corpora"]["train"]["gold_share"] == 0.25
    assert nlp.vocab.vectors.shape[1] == 32
    assert nlp.pipe_names == ["tok2vec", "nested_spancat"]
    encode = nlp.config.interpolate()["components"]["tok2vec"]["model"]["encode"]
    assert (encode["width"], encode["depth"]) == (64, 2)


def test_the_workflow_ends_as_all_does():
    project = srsly.read_yaml(ROOT / "project.yml")
    steps = project["workflows"]["few_examples"]
    assert steps[-3:] == project["workflows"]["all"][-3:] == OTHERS[1:]
    assert {*steps} <= {command["name"] for command in project["commands"]}
