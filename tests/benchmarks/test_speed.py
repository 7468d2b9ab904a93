import subprocess
import sys
from pathlib import Path

import pytest
import srsly

from spacy_eiou.provenance import hash_code

pytestmark = pytest.mark.slow

SPEED = Path(__file__).parent.parent.parent / "benchmarks" / "speed.py"
SIDES = ["encoder", "spancat", "nested_spancat"]


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    path = tmp_path_factory.mktemp("speed")
    subprocess.run([sys.executable, SPEED, "--quick", "--output", path], check=True)
    return path


def test_raw_measurements_and_ratios(output):
    result = srsly.read_json(output / "speed.json")
    assert result["code"] == hash_code()
    *comparisons, encoders = result["comparisons"]
    assert [c["task"] for c in comparisons] == ["predict", "train"]
    assert list(encoders["raw"]) == ["spacy_encoder", "encoder"]
    for comparison in comparisons:
        raw = comparison["raw"]
        assert list(raw) == SIDES
        assert len({measurements[0]["words"] for measurements in raw.values()}) == 1
        seconds = {side: raw[side][0]["seconds"] for side in SIDES}
        expected = seconds["spancat"] / seconds["nested_spancat"]
        assert comparison["ratios"]["times_spancat"] == pytest.approx(expected)
    predicted = result["comparisons"][0]["raw"]
    assert predicted["encoder"][0]["spans"] == 0
    assert predicted["spancat"][0]["spans"] > 0
    assert predicted["nested_spancat"][0]["spans"] > 0


def test_report(output):
    result = srsly.read_json(output / "speed.json")
    table = [
        line.strip("| ").split(" | ")
        for line in (output / "SPEED.md").read_text(encoding="utf8").splitlines()
        if line.startswith("|")
    ]
    assert len(table) == 2 + 2 + len(result["comparisons"])
    ratio = result["comparisons"][0]["ratios"]["times_spancat"]
    assert dict(zip(table[0], table[2]))["x spancat"] == f"{ratio:.2f}"
    assert (output / "speed.svg").read_text(encoding="utf8").count("nested_spancat") >= 2
