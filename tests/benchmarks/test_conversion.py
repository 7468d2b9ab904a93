import runpy
from pathlib import Path

import spacy
import srsly

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPT = runpy.run_path(str(BENCHMARKS / "conversion.py"))


def test_steps_are_measured(tmp_path):
    lines = [{"text": f"pump {number} leaks", "spans": [[0, 4, "X"]]} for number in range(3)]
    srsly.write_jsonl(tmp_path / "a.jsonl", lines)
    measured = SCRIPT["measure"](tmp_path / "a.jsonl", spacy.blank("en"))
    assert [measured.pop(name) for name in ("documents", "tokens", "entities")] == [3, 9, 3]
    assert measured.keys() == SCRIPT["STEPS"].keys()
    assert all(seconds >= 0 for seconds in measured.values())


def test_table_is_that_of_the_results():
    folder = BENCHMARKS / "conversion"
    report = SCRIPT["make_report"](srsly.read_json(folder / "conversion.json"))
    assert report == (folder / "CONVERSION.md").read_text(encoding="utf8")
