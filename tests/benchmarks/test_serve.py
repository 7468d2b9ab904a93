import os
import subprocess
import sys
from pathlib import Path

import pytest
import spacy
import srsly

pytest.importorskip("fastapi")

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "serve.py"


@pytest.mark.slow
def test_throughput_is_measured(tmp_path):
    nlp = spacy.blank("xx")
    nlp.add_pipe("span_ruler").add_patterns([{"label": "DNA", "pattern": "IL-2"}])
    nlp.to_disk(tmp_path / "model")
    texts = [{"text": f"IL-2 in text {number}"} for number in range(20)]
    srsly.write_jsonl(tmp_path / "texts.jsonl", texts)
    options = ["--words", "8", "--loads", "2x4", "--seconds", "0.4", "--rounds", "1"]
    command = [sys.executable, str(SCRIPT), str(tmp_path / "model"), str(tmp_path / "texts.jsonl")]
    subprocess.run([*command, *options, "--output", str(tmp_path)], check=True, timeout=300)
    one_core, run = srsly.read_json(tmp_path / "serve.json")["runs"]
    assert (one_core["n_cores"], run["n_cores"]) == (1, os.cpu_count())
    assert (run["words"], run["clients"], run["texts_of_a_request"]) == (8, 2, 4)
    (pipe,), (server,) = run["pipe"], run["server"]
    assert pipe["texts"] > 0
    assert server["texts"] == server["requests"] * 4
    assert server["errors"] == 0
    assert 0 < server["median"] <= server["p99"]
    assert 0 < server["cpu_seconds"] < server["seconds"]
    table = (tmp_path / "SERVE.md").read_text(encoding="utf8")
    assert "| 8 | 4 | 2 | 1 | " in table
    assert (tmp_path / "serve.svg").exists()
