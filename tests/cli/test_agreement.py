import json
from functools import partial

from cli_util import invoke

TEXT = "The boiler feed pump leaked."


run = partial(invoke, "agreement")


def write(path, *spans):
    path.write_text(json.dumps({"text": TEXT, "spans": list(spans)}) + "\n", "utf8")
    return path


def test_tables_and_page(tmp_path):
    anna = write(tmp_path / "anna.jsonl", [4, 10, "part"], [4, 20, "part"])
    ben = write(tmp_path / "ben.jsonl", [4, 10, "part"], [4, 20, "asset"])
    result = run(anna, ben, "--output", tmp_path / "page")
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["anna", "1", "2"] in lines
    # po = 0.5, pe = 0.5; coincidences: part-part 2, part-asset 2
    scores = ["50.0", "100.0", "100.0", "0.0", "-", "50.0", "0.00", "0.00"]
    assert ["anna", "/", "ben", *scores] in lines
    assert ["part", "66.7", "2", "1"] in lines
    assert lines[lines.index(["other", "label", "1"]) + 1] == ["part", "/", "asset", "1"]
    assert (tmp_path / "page" / "index.html").exists()


def test_an_error_is_told(tmp_path):
    result = run(write(tmp_path / "anna.jsonl"))
    assert result.exit_code == 1
    assert "expected several annotators" in " ".join(result.stdout.split())
