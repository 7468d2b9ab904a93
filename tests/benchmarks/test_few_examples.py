import re
import runpy
from pathlib import Path
from typing import Any, Dict

import pytest
import srsly
import typer
from spacy.util import load_config
from study_util import STUDY, make_project, write_study
from typer.testing import CliRunner

from spacy_eiou.studies import Study, compare

FEW_EXAMPLES = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "few_examples.py"))
NESTED = {"factory": "nested_spancat"}
SETTINGS: Dict[str, Any] = {
    **STUDY,
    "corpora": {"notes": {"sizes": [4], "max_width": 3}},
    "seeds": [0],
    "variants": {"nested_spancat": NESTED},
    "baseline": "nested_spancat",
}


@pytest.fixture
def project(tmp_path):
    # Few and short passes over the texts and the documents.
    return make_project(tmp_path, 12, max_epochs=1, n_save_epoch=1, max_steps=4, eval_frequency=2)


def run(project, *options):
    """Run the recipe on the study in the folder "study"."""
    app = typer.Typer()
    app.command()(FEW_EXAMPLES["main"])
    arguments = [str(project / "study"), str(project / "output"), "--project", str(project)]
    CliRunner().invoke(app, [*arguments, *options], catch_exceptions=False)


def write(folder, **settings):
    folder.mkdir()
    return write_study(folder, **{**SETTINGS, **settings})


@pytest.mark.slow
def test_recipe_stands_beside_the_results_of_the_study(project):
    study_path = write(project / "study", description="Notes.")
    compare(study_path, project / "study", project_path=project)
    for _ in range(2):
        run(project)
    (result,) = srsly.read_jsonl(project / "output" / "results.jsonl")
    assert (result["size"], result["variant"]) == (4, "few examples")
    assert [gold for gold, _, _ in result["test_counts"]] == [2, 2, 2]
    tables = (project / "output" / "RESULTS.md").read_text(encoding="utf8")
    assert "Notes. *few examples* is the recipe of configs/few_examples.cfg" in tables
    assert re.findall(r"^\| (nested_spancat|few examples) \| 1 \|", tables, re.M) == [
        "nested_spancat",
        "few examples",
    ]


@pytest.mark.slow
def test_recipe_may_have_the_teacher_of_another_study(project):
    write(project / "study")
    variants = {"rival": {"factory": "spancat"}, "wide": NESTED}
    write(project / "teacher", variants=variants, baseline="rival")
    run(project, "--teacher-study", str(project / "teacher"))
    (result,) = srsly.read_jsonl(project / "output" / "results.jsonl")
    assert result["variant"] == "few examples, taught by wide"


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"variants": {**SETTINGS["variants"], "wide": NESTED}}, "not of notes with 2"),
        ({"variants": {"nested_spancat": {"factory": "spancat"}}}, "not of notes with 0"),
        ({"corpora": {"letters": {"sizes": [4], "max_width": 3}}}, "not of letters with 1"),
    ],
)
def test_teacher_has_to_be_one(settings: Dict[str, Any], message: str, project: Path) -> None:
    studies = Study(**SETTINGS), Study(**{**SETTINGS, **settings})
    with pytest.raises(typer.BadParameter, match=message):
        FEW_EXAMPLES["make_recipe"](*studies, "notes", project)


def test_recipe_has_the_loss_and_the_steps_of_its_config(project):
    recipe = load_config(project / FEW_EXAMPLES["CONFIG"])
    study = Study(**{**SETTINGS, "config": FEW_EXAMPLES["CONFIG"]})
    config = FEW_EXAMPLES["make_recipe_config"](study, "notes", project)
    component = config["components"]["nested_spancat"]
    assert component["loss"]["label_smoothing"] == 0.0
    assert component["loss"] | recipe["components"]["nested_spancat"]["loss"] == component["loss"]
    assert component["suggester"]["max_width"] == 3
    assert config["training"]["max_steps"] == recipe["training"]["max_steps"] == 4
