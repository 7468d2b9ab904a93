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
    options = ["--words", "8", "--clients", "3", "--seconds", "0.3", "--output", str(tmp_path)]
    command = [sys.executable, str(SCRIPT), str(tmp_path / "model"), str(tmp_path / "texts.jsonl")]
    subprocess.run([*command, *options], check=True, timeout=300)
    (run,) = srsly.read_json(tmp_path / "serve.json")["runs"]
    assert (run["words"], run["clients"], run["errors"]) == (8, 3, 0)
    assert 0 < run["median"] <= run["p99"]
    table = (tmp_path / "SERVE.md").read_text(encoding="utf8")
    assert f"| 8 | 3 | {run['texts_per_second']:,.0f} | {run['pipe']:,.0f} | " in table
