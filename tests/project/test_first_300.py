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

from spacy_eiou.corpora import convert

PAGE = Path(__file__).parents[2] / "docs" / "first-300.md"
BLOCK = re.compile(r"^<!-- not run: needs an annotator -->\n```bash\n(.*?)^```$", re.M | re.S)
MACHINES = ["boiler feed", "conveyor drive", "mill gearbox", "crane hoist", "water supply"]
PARTS = ["pump", "motor", "valve", "bearing"]
PROBLEMS = ["leaks", "is noisy", "has a crack", "tripped"]
TEXTS = [f"the {' '.join(words)}." for words in itertools.product(MACHINES, PARTS, PROBLEMS)]
# Shorter than the page has it.
SIZES = {"shuf -n 50": "shuf -n 24", "--n 50": "--n 8"}


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


def run(code: str, n_steps: int = 60) -> str:
    """RETURNS (str): What commands print that train for so many steps."""
    steps = f"--training.max_steps {n_steps} --training.eval_frequency {n_steps // 2}"
    for given, short in SIZES.items():
        code = code.replace(given, short)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    result = subprocess.run(
        ["bash", "-euc", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={
            **os.environ,
            **{"PATH": path, "SPACY_CONFIG_OVERRIDES": steps, "NO_COLOR": "1", "PIP_NO_INDEX": "1"},
        },
        timeout=600,
    )
    assert result.returncode == 0, f"{code}\n{result.stdout}"
    return result.stdout


def get_words(printed: str) -> List[str]:
    """RETURNS (List[str]): What tables say, without colors and lines."""
    plain = re.sub(r"\x1b\[[0-9;]*m", " ", printed)
    return [word for word in plain.split() if word.strip("-=")]


def read(path: Path) -> List[Any]:
    convert(path, Path("read.jsonl"), to="jsonl")
    return [
        (line["text"], [(span["start"], span["end"], span["label"]) for span in line["spans"]])
        for line in srsly.read_jsonl("read.jsonl")
    ]


@pytest.mark.slow
def test_each_step_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    texts = random.Random(0).sample(TEXTS, len(TEXTS))
    Path("texts.txt").write_text("\n".join(texts), encoding="utf8")
    draw, project, select, agreement, again, look, package = BLOCK.findall(
        PAGE.read_text(encoding="utf8")
    )

    def annotate(round_name: str, folder: str) -> List[Any]:
        """Annotate in both tools, whose exports say the same. RETURNS (List[Any]): Their spans."""
        export = Path(folder, f"{round_name}.json")
        export.parent.mkdir(exist_ok=True)
        export.write_text(annotate_in_label_studio(round_name), encoding="utf8")
        other = Path(f"prodigy_{round_name}.jsonl")
        other.write_text(annotate_in_prodigy(round_name), encoding="utf8")
        found = read(export)
        assert found == read(other)
        return found

    run(draw)
    first = {text for text, _ in annotate("round_1", "annotated")}
    run(project)
    run(select)
    chosen = {text for text, _ in annotate("round_2", "notes/assets/train")}
    assert (len(first), len(chosen), len(first | chosen)) == (24, 8, 32)
    printed = run(agreement)
    assert "What became of the suggestions" in printed
    prodigy = agreement.replace("notes/assets/train/round_2.json*", "prodigy_round_2.jsonl")
    assert get_words(run(prodigy).replace("prodigy_", "")) == get_words(printed)
    run(again)
    accounts = [srsly.read_json(f"notes/corpus/{part}.json") for part in ("train", "dev", "test")]
    assert sum(account["documents"] for account in accounts) == 32
    run(look, n_steps=10)
    assert Path("suspects/index.html").exists()
    assert srsly.read_json("curve/curve.json")["sizes"][-1] == accounts[0]["documents"]
    run(package)
    assert len(list(Path("notes/packages").rglob("en_notes-*.whl"))) == 1
    nlp = spacy.load("notes/training/model-best")
    assert nlp.get_pipe("nested_spancat").labels == ("component", "equipment", "problem")
    assert srsly.read_json("notes/metrics/test.json")["spans_sc_f"] > 0.5
