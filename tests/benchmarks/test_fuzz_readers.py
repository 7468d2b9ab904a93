import runpy
import sys
from importlib import import_module
from pathlib import Path

import pytest
import srsly

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def fuzz_readers():
    sys.path.insert(0, str(ROOT / "benchmarks" / "fuzz"))
    yield import_module("fuzz_readers")
    sys.path.remove(str(ROOT / "benchmarks" / "fuzz"))


@pytest.mark.slow
def test_results(fuzz_readers, tmp_path):
    paths = [ROOT / "assets" / "sample_biomedical", ROOT / "assets" / "sample_industrial"]
    names = ["brat", "docbin", "jsonl", "bioc"]
    fuzz_readers.main(paths, tmp_path / "fuzz.json", n=30, seed=0, only=names)
    results = srsly.read_json(tmp_path / "fuzz.json")["readers"]
    assert list(results) == sorted(names)
    for result in results.values():
        assert (result["failures"], result["examples"]) == (0, [])
        assert result["read"] + result["refused"] == result["files"] == 30
    assert results["jsonl"]["entities"] > 0


def test_faults_are_found(fuzz_readers, monkeypatch):
    def read(name, folder, sample):
        (folder / "a").touch()
        raise KeyError("text")

    monkeypatch.setattr(fuzz_readers, "_read", read)
    result = fuzz_readers.fuzz("jsonl", [{"a": b"{}"}], 2, seed=0)
    assert result["failures"] == 2
    assert result["examples"][0]["fault"] == "KeyError('text')"


@pytest.mark.parametrize(
    "script, results",
    [
        ("fuzz/fuzz_readers.py", "fuzz/fuzz.json"),
        ("fuzz/kill_writers.py", "fuzz/kill.json"),
        ("account/count_entities.py", "account/account.json"),
    ],
)
def test_report_is_that_of_the_results(script, results):
    path = ROOT / "benchmarks" / results
    report = path.with_name(f"{path.stem.upper()}.md").read_text(encoding="utf8")
    make_report = runpy.run_path(str(ROOT / "benchmarks" / script))["make_report"]
    assert make_report(srsly.read_json(path)) == report
