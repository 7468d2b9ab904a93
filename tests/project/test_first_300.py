"""The page "From 0 to 300 documents", with an annotator who knows the spans."""

import itertools
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
import spacy
import srsly

PAGE = Path(__file__).parents[2] / "docs" / "first-300.md"
BLOCK = re.compile(r"^<!-- not run: needs an annotator -->\n```bash\n(.*?)^```$", re.M | re.S)
MACHINES = ["boiler feed", "conveyor drive", "mill gearbox", "crane hoist", "water supply"]
PARTS = ["pump", "motor", "valve", "bearing"]
PROBLEMS = ["leaks", "is noisy", "has a crack", "tripped"]
TEXTS = [f"the {' '.join(words)}." for words in itertools.product(MACHINES, PARTS, PROBLEMS)]
# Shorter than the page has it.
SIZES = {"shuf -n 50": "shuf -n 24", "--n 50": "--n 8"}
SETTINGS = {
    "SPACY_CONFIG_OVERRIDES": "--training.max_steps 60 --training.eval_frequency 30",
    "NO_COLOR": "1",
    "PIP_NO_INDEX": "1",
}


def find_spans(text: str) -> List[Tuple[int, int, str]]:
    (machine,) = (words for words in MACHINES if words in text)
    (problem,) = (words for words in PROBLEMS if words in text)
    end = text.index(problem)
    return [
        (4, end - 1, "component"),
        (4, 4 + len(machine), "equipment"),
        (end, end + len(problem), "problem"),
    ]


def annotate_in_label_studio(round_name: str) -> str:
    """RETURNS (str): What Label Studio exports."""
    tasks_path = Path(f"{round_name}.tasks.json")
    if tasks_path.exists():
        tasks = srsly.read_json(tasks_path)
        assert all(task["predictions"][0]["model_version"] for task in tasks)
    else:
        lines = Path(f"{round_name}.txt").read_text(encoding="utf8").splitlines()
        tasks = [{"data": {"text": line}} for line in lines]
    for number, task in enumerate(tasks, start=1):
        text = task["data"]["text"]
        regions = [
            {
                "type": "labels",
                "from_name": "label",
                "to_name": "text",
                "value": {"start": start, "end": end, "text": text[start:end], "labels": [label]},
            }
            for start, end, label in find_spans(text)
        ]
        task.update(id=number, annotations=[{"id": number, "result": regions}])
    return json.dumps(tasks)


def annotate_in_prodigy(round_name: str) -> str:
    """RETURNS (str): What Prodigy's `db-out` writes."""
    path = Path(f"{round_name}.jsonl")
    if path.exists():
        tasks: List[Dict[str, Any]] = list(srsly.read_jsonl(path))
    else:
        lines = Path(f"{round_name}.txt").read_text(encoding="utf8").splitlines()
        tasks = [{"text": line} for line in lines]
    for task in tasks:
        task["spans"] = [
            {"start": start, "end": end, "label": label}
            for start, end, label in find_spans(task["text"])
        ]
        task.update(answer="accept", _view_id="spans_manual")
    return "".join(f"{json.dumps(task)}\n" for task in tasks)


def run(code: str) -> str:
    for given, short in SIZES.items():
        code = code.replace(given, short)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    result = subprocess.run(
        ["bash", "-euc", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **SETTINGS, "PATH": path},
        timeout=600,
    )
    assert result.returncode == 0, f"{code}\n{result.stdout}"
    return result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["label-studio", "prodigy"])
def test_each_step_of_the_page(tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    annotate, suffix = {
        "label-studio": (annotate_in_label_studio, "json"),
        "prodigy": (annotate_in_prodigy, "jsonl"),
    }[tool]
    monkeypatch.chdir(tmp_path)
    random.Random(0).shuffle(TEXTS)
    Path("texts.txt").write_text("\n".join(TEXTS), encoding="utf8")
    draw, project, select, agreement, again, look, package = BLOCK.findall(
        PAGE.read_text(encoding="utf8")
    )
    run(draw)
    Path("annotated").mkdir()
    Path(f"annotated/round_1.{suffix}").write_text(annotate("round_1"), encoding="utf8")
    run(project)
    run(select)
    first = set(Path("round_1.txt").read_text(encoding="utf8").splitlines())
    chosen = [line["text"] for line in srsly.read_jsonl("round_2.jsonl")]
    assert len(first) == 24 and len(chosen) == 8 and not first & {*chosen}
    export = Path(f"notes/assets/train/round_2.{suffix}")
    export.write_text(annotate("round_2"), encoding="utf8")
    printed = run(agreement)
    assert "What became of the suggestions" in printed
    if tool == "prodigy":
        # The rest is the same.
        return
    run(again)
    accounts = [srsly.read_json(f"notes/corpus/{part}.json") for part in ("train", "dev", "test")]
    assert sum(account["documents"] for account in accounts) == 32
    run(look)
    assert Path("suspects/index.html").exists()
    assert srsly.read_json("curve/curve.json")["sizes"][-1] == accounts[0]["documents"]
    run(package)
    assert len(list(Path("notes/packages").rglob("en_notes-*.whl"))) == 1
    nlp = spacy.load("notes/training/model-best")
    assert nlp.get_pipe("nested_spancat").labels == ("component", "equipment", "problem")
    assert srsly.read_json("notes/metrics/test.json")["spans_sc_f"] > 0.5
