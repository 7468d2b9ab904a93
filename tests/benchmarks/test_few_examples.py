import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest
import spacy
import srsly
import typer
from spacy.tokens import DocBin, Span

from spacy_eiou.cli._study import Study

ROOT = Path(__file__).parents[2]
# Few and short passes over the texts and the documents.
SETTINGS = {"max_epochs": 1, "n_save_epoch": 1, "max_steps": 4, "eval_frequency": 2}
NESTED = {"factory": "nested_spancat"}
STUDY: Dict[str, Any] = {
    "config": "configs/cnn.cfg",
    "corpora": {"notes": {"sizes": [4], "max_width": 3}},
    "seeds": [0],
    "variants": {"EIoU-EMC": NESTED},
    "baseline": "EIoU-EMC",
}


def make_project(path: Path) -> None:
    (path / "configs" / "corpora").mkdir(parents=True)
    for name in ("cnn.cfg", "few_examples.cfg"):
        config = (ROOT / "configs" / name).read_text(encoding="utf8")
        for setting, value in SETTINGS.items():
            config = re.sub(rf"^{setting} = \d+$", f"{setting} = {value}", config, flags=re.M)
        (path / "configs" / name).write_text(config, encoding="utf8")
    description = {"lang": "en", "tokenizer": "spacy.Tokenizer.v1", "convert": []}
    srsly.write_yaml(path / "configs" / "corpora" / "notes.yml", description)
    for part, size in (("train", 12), ("dev", 2), ("test", 3)):
        write_docs(path / "corpus" / "notes" / f"{part}.spacy", size)


def write_docs(path: Path, size: int) -> None:
    nlp = spacy.blank("en")
    docs = [nlp.make_doc(f"The gene IL-{number} binds") for number in range(size)]
    for number, doc in enumerate(docs):
        doc.spans["sc"] = [Span(doc, 1, 3, label="DNA"), Span(doc, 2, 3, label="protein")]
        doc.user_data["record_id"] = f"note-{number}"
    path.parent.mkdir(parents=True, exist_ok=True)
    DocBin(docs=docs, store_user_data=True).to_disk(path)


def test_recipe_stands_beside_the_results_of_the_study(tmp_path: Path) -> None:
    make_project(tmp_path)
    srsly.write_yaml(tmp_path / "study.yml", STUDY)
    command = [sys.executable, ROOT / "benchmarks" / "few_examples.py", "study.yml"]
    compare = [sys.executable, "-m", "spacy_eiou", "compare", "study.yml", "study"]
    subprocess.run(compare, cwd=tmp_path, check=True)
    for _ in range(2):
        subprocess.run([*command, "study/results.jsonl", "output"], cwd=tmp_path, check=True)
    (result,) = srsly.read_jsonl(tmp_path / "output" / "results.jsonl")
    assert (result["size"], result["variant"]) == (4, "recipe for few examples")
    assert [gold for gold, _, _ in result["test_counts"]] == [2, 2, 2]
    table = (tmp_path / "output" / "RESULTS.md").read_text(encoding="utf8")
    assert re.findall(r"^\| (EIoU-EMC|recipe for few examples) \| 1 \|", table, re.M) == [
        "EIoU-EMC",
        "recipe for few examples",
    ]


def test_recipe_may_have_the_teacher_of_another_study(tmp_path: Path) -> None:
    make_project(tmp_path)
    srsly.write_yaml(tmp_path / "study.yml", STUDY)
    variants = {"rival": {"factory": "spancat"}, "wide": NESTED}
    teacher_study = {**STUDY, "variants": variants, "baseline": "rival"}
    srsly.write_yaml(tmp_path / "teacher.yml", teacher_study)
    (tmp_path / "results.jsonl").touch()
    command = [sys.executable, ROOT / "benchmarks" / "few_examples.py", "study.yml"]
    options = ["--teacher-study", "teacher.yml"]
    output = subprocess.run(
        [*command, "results.jsonl", "output", *options],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "Teacher 1" not in output
    (result,) = srsly.read_jsonl(tmp_path / "output" / "results.jsonl")
    assert result["variant"] == "recipe for few examples, taught by wide"


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"variants": {**STUDY["variants"], "wide": NESTED}}, "not of notes with 2"),
        ({"variants": {"EIoU-EMC": {"factory": "spancat"}}}, "not of notes with 0"),
        ({"corpora": {"letters": {"sizes": [4], "max_width": 3}}}, "not of letters with 1"),
    ],
)
def test_teacher_has_to_be_one(settings: Dict[str, Any], message: str, tmp_path: Path) -> None:
    make_project(tmp_path)
    few_examples = runpy.run_path(str(ROOT / "benchmarks" / "few_examples.py"))
    studies = Study(**STUDY), Study(**{**STUDY, **settings})
    with pytest.raises(typer.BadParameter, match=message):
        few_examples["make_recipe"](*studies, "notes", tmp_path)


def test_recipe_has_the_loss_and_the_steps_of_its_config(tmp_path: Path) -> None:
    make_project(tmp_path)
    few_examples = runpy.run_path(str(ROOT / "benchmarks" / "few_examples.py"))
    recipe = spacy.util.load_config(tmp_path / few_examples["CONFIG"])
    study = Study(**{**STUDY, "config": few_examples["CONFIG"]})
    config = few_examples["make_recipe_config"](study, "notes", tmp_path)
    component = config["components"]["nested_spancat"]
    assert component["loss"]["label_smoothing"] == 0.0
    assert component["loss"] | recipe["components"]["nested_spancat"]["loss"] == component["loss"]
    assert component["suggester"]["max_width"] == 3
    assert config["training"]["max_steps"] == recipe["training"]["max_steps"] == 4
