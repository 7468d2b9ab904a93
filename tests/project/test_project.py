"""The project as a user runs it: in a copy of the repository, through `spacy project run`."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import venv
import zipfile
from glob import glob
from pathlib import Path

import pytest
import srsly

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
CORPUS = "sample_industrial"
SENTENCE = "Replaced boiler feed pump seal and checked conveyor drive motor bearing."


def run(command, cwd, **environment):
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200", **environment},
    )


def run_project(project_path, *args):
    return run([sys.executable, "-m", "spacy", "project", "run", *args], project_path)


@pytest.fixture(scope="module")
def project_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "project.yml", path)
    shutil.copytree(ROOT / "configs", path / "configs")
    for sample in ("sample_biomedical", "sample_industrial"):
        shutil.copytree(ROOT / "assets" / sample, path / "assets" / sample)
    return path


@pytest.fixture(scope="module")
def finished_run(project_path):
    result = run_project(project_path, "all", ".", "--vars.corpus", CORPUS)
    assert result.returncode == 0, result.stdout
    return result.stdout


def test_all_trains_a_model_that_finds_entities(project_path, finished_run):
    scores = json.loads((project_path / "metrics" / CORPUS / "test.json").read_text("utf8"))
    assert 0.3 < scores["spans_sc_f"] < 0.9
    assert 0.2 < scores["spans_sc_inner_f"] < 1
    assert len(scores["spans_sc_per_type"]) == 11


def test_all_leaves_an_account_of_every_part(project_path, finished_run):
    for part in ("train", "dev", "test"):
        account = json.loads((project_path / "corpus" / CORPUS / f"{part}.json").read_text("utf8"))
        assert account["documents"] > 0
        assert account["dropped_entities"] == {}


def test_second_run_converts_and_has_nothing_else_to_do(project_path, finished_run):
    result = run_project(project_path, "all", ".", "--vars.corpus", CORPUS)
    assert result.returncode == 0, result.stdout
    assert "Skipping 'convert'" not in result.stdout
    for command in ("statistics", "train", "evaluate", "package"):
        assert f"Skipping '{command}'" in result.stdout


def test_missing_corpus_names_the_command_that_fetches_it(project_path):
    result = run_project(project_path, "all", ".", "--vars.corpus", "genia")
    assert result.returncode == 1
    assert "assets/genia/GENIAcorpus3.02.tgz" in result.stdout
    assert "python -m spacy project assets" in result.stdout


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "corpora").glob("*.yml")))
def test_every_described_corpus_is_a_sample_or_an_asset(path):
    project = srsly.read_yaml(ROOT / "project.yml")
    assets = [asset["dest"] for asset in project["assets"]]
    for conversion in srsly.read_yaml(path)["convert"]:
        for name in [conversion["input"], *conversion.get("split_ids", [])]:
            destination = f"assets/{name}"
            assert (ROOT / destination).exists() or destination.startswith(tuple(assets))
    assert path.stem in project["description"]


def get_wheel(project_path):
    (wheel,) = (project_path / "packages" / CORPUS).glob(f"*/dist/en_{CORPUS}-*.whl")
    return wheel


@pytest.mark.parametrize("instant", ["*/en_*", "*/en_*/dist/en_*.whl"])
def test_killed_packaging_leaves_the_old_package(project_path, finished_run, tmp_path, instant):
    path = tmp_path / "project"
    shutil.copytree(project_path, path)
    wheel = get_wheel(path)
    content = wheel.read_bytes()
    # A package is built among the temporary files.
    aside = tmp_path / "aside"
    aside.mkdir()
    command = [sys.executable, "-m", "spacy", "project", "run", "package", path, "--force"]
    process = subprocess.Popen(
        [*command, "--vars.corpus", CORPUS],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(aside)},
    )
    # Unlike `Path.glob`, it does not mind folders that vanish.
    while not glob(str(aside / instant)):
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert wheel.read_bytes() == content
    result = run_project(path, "package", ".", "--vars.corpus", CORPUS, "--force")
    assert result.returncode == 0, result.stdout
    assert zipfile.ZipFile(wheel).testzip() is None
    assert [folder.name for folder in (path / "packages").iterdir()] == [CORPUS]
    assert len(list((path / "packages" / CORPUS).iterdir())) == 1


def test_printed_command_installs_the_model_in_an_empty_environment(
    project_path, finished_run, tmp_path
):
    (command,) = re.findall("^pip install .*$", finished_run, re.MULTILINE)
    venv.create(tmp_path / "env", with_pip=True)
    python = next((tmp_path / "env").glob("*/python"))
    # Nothing of this checkout is at hand there.
    environment = {
        "PATH": os.pathsep.join([str(python.parent), os.environ["PATH"]]),
        "PIP_CONSTRAINT": str(ROOT / "requirements.txt"),
        "PYTHONPATH": "",
    }
    installed = run(shlex.split(command), project_path, **environment)
    assert installed.returncode == 0, installed.stdout
    script = f"""
import spacy
doc = spacy.load("en_{CORPUS}")({SENTENCE!r})
for span in doc.spans["sc"]:
    print(span.start, span.end, span.label_)
"""
    output = run([python, "-c", script], tmp_path, **environment)
    assert output.returncode == 0, output.stdout
    spans = {tuple(map(int, line.split()[:2])) for line in output.stdout.splitlines()}
    nested = [
        (inner, outer)
        for inner in spans
        for outer in spans
        if inner != outer and outer[0] <= inner[0] and inner[1] <= outer[1]
    ]
    assert nested, output.stdout
