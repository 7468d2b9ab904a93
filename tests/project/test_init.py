"""A project that `eiou init` starts, as a user runs it: through `spacy project run`."""

import json
import os
import subprocess
import sys

import pytest
import srsly

from spacy_eiou.corpora import init_project

# Three documents, the fewest that can be split.
RECORDS = [
    {"text": "IL-2 gene", "spans": [[0, 9, "DNA"], [0, 4, "protein"]]},
    {"text": "IL-3 gene", "spans": [[0, 9, "DNA"], [0, 4, "protein"]]},
    {"text": "the IL-4 gene", "spans": [[4, 13, "DNA"], [4, 8, "protein"]]},
]


@pytest.mark.slow
def test_all_steps_run_on_three_documents_in_a_folder_with_a_space(tmp_path):
    srsly.write_jsonl(tmp_path / "notes.jsonl", RECORDS)
    project_dir = tmp_path / "my project"
    init_project(project_dir, [tmp_path / "notes.jsonl"])
    with (project_dir / "configs" / "corpus.yml").open("a", encoding="utf8") as file:
        file.write("config: {training.max_steps: 10, training.eval_frequency: 5}\n")
    result = subprocess.run(
        [sys.executable, "-m", "spacy", "project", "run", "all", project_dir],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert result.returncode == 0, result.stdout
    scores = json.loads((project_dir / "metrics" / "test.json").read_text("utf8"))
    assert scores["spans_sc_gold"] == 2
    assert len(list((project_dir / "packages").glob("*/dist/en_my_project-0.1.0-*.whl"))) == 1
    assert not list((project_dir / "packages").glob(".*"))
