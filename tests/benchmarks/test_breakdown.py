import subprocess
import sys
from pathlib import Path

import pytest
import srsly

from spacy_eiou.provenance import describe_code, hash_code

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "assets" / "sample_biomedical" / "train.jsonl"


@pytest.mark.slow
def test_versions_are_added_to_the_table(tmp_path):
    for version in ("old", "new"):
        options = ["--version", version, "--output", str(tmp_path), "--rounds", "1"]
        command = [sys.executable, str(ROOT / "benchmarks" / "breakdown.py"), str(SAMPLE)]
        subprocess.run([*command, *options, "--words", "100", "--max-width", "4"], check=True)
    results = srsly.read_json(tmp_path / "breakdown.json")
    assert list(results) == [
        f"{side}, {version}" for version in ("old", "new") for side in ("spancat", "nested_spancat")
    ]
    table = (tmp_path / "BREAKDOWN.md").read_text(encoding="utf8")
    for side, result in results.items():
        assert all(microseconds > 0 for microseconds in result["microseconds"].values())
        assert f"| {side} | {result['microseconds']['encoder']:.2f} | " in table
        assert result["code"] == hash_code()
        assert f" | {describe_code(result)} |\n" in table
