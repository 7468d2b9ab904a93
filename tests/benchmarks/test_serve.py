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
    options = ["--words", "8", "--loads", "3x1", "--loads", "2x4", "--seconds", "0.4"]
    command = [sys.executable, str(SCRIPT), str(tmp_path / "model"), str(tmp_path / "texts.jsonl")]
    command += [*options, "--rounds", "2", "--output", str(tmp_path)]
    subprocess.run(command, check=True, timeout=300)
    single, several = srsly.read_json(tmp_path / "serve.json")["runs"]
    assert (single["words"], single["clients"], single["texts_of_a_request"]) == (8, 3, 1)
    for run, size in ((single, 1), (several, 4)):
        assert len(run["pipe"]) == len(run["server"]) == 2
        for server in run["server"]:
            assert server["texts"] == server["requests"] * size
            assert server["errors"] == 0
            assert 0 < server["median"] <= server["p99"]
            assert 0 < server["cpu_seconds"] < server["seconds"]
    table = (tmp_path / "SERVE.md").read_text(encoding="utf8")
    assert "| 8 | 1 | 3 | " in table and "| 8 | 4 | 2 | " in table
    assert (tmp_path / "serve.svg").exists()
