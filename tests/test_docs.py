"""The code and the commands of the README and of docs/, run as a reader runs them."""

import inspect
import io
import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from contextlib import redirect_stdout
from importlib.metadata import distribution
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from statistics import mean
from typing import NamedTuple, Optional

import pytest
import srsly
import typer
from spacy.cli.train import train
from spacy.util import fix_random_seed, load_config, load_model_from_config, registry
from thinc.api import Config

from spacy_eiou.cli import app
from spacy_eiou.corpora import convert
from spacy_eiou.corpora.description import Conversion, CorpusDescription
from spacy_eiou.settings import check_known, check_training
from spacy_eiou.spans.scores import score_spans

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
# Those whose blocks are run, and all that people read.
PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in DOCS.glob("*.md"))]
FILES = [*PAGES, "CHANGELOG.md", "CONTRIBUTING.md"]
FILES += [f"{name}/README.md" for name in ("assets", "benchmarks", "corpus")]
# Where the repository is, for links that work on the package index as well.
METADATA = ConfigParser(interpolation=None)
METADATA.read(ROOT / "setup.cfg", encoding="utf8")
ADDRESS = METADATA["metadata"]["url"]
RAW_ADDRESS = ADDRESS.replace("//github.com", "//raw.githubusercontent.com")
INSIDE = re.compile(f"{ADDRESS}/(?:blob|tree)/main/|{RAW_ADDRESS}/main/")
# Why a block may stay out of the test.
REASONS = {"makes a virtual environment", "needs the network", "runs a server"}
# Of these, tests/annotation/test_clusters.py runs the first four.
EXTERNAL = {"needs Ray", "needs Spark", "needs Dask", "needs the package datasets"}
REASONS |= {*EXTERNAL, "needs Docker", "needs a cluster", "needs Prodigy"}
# tests/project/test_first_300.py has one.
REASONS |= {"needs an annotator"}
# What no test may do.
NEVER_RUN = ("venv", "project assets", "gpu_id")
# For projects that a page starts, as the configs of the clone have it.
SHORT_TRAINING = "--training.max_steps 60 --training.eval_frequency 30"
LANGUAGES = {"bash", "ini", "python", "text", "xml", "yaml", ""}
BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^\n]*) -->\n)?^```(?P<language>\w*)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
LINK = re.compile(r"\]\(([^)#]*)(?:#([^)]*))?\)")
SETTINGS = (DOCS / "settings.md").read_text(encoding="utf8")
# Notes of a reader: annotated ones, and texts without annotation.
NOTES = [
    {
        "text": f"The human IL-{number} gene is expressed.",
        "spans": [
            {"start": start, "end": end + len(str(number)), "label": label}
            for start, end, label in [(4, 18, "DNA"), (10, 13, "protein")]
        ],
    }
    for number in range(40)
]
TEXTS = [{"text": f"The mouse IL-{number} gene is not expressed."} for number in range(20)]


class Block(NamedTuple):
    """A block of a page. The reason says why it is not run, if it isn't."""

    language: str
    code: str
    reason: Optional[str]


def read_blocks(text):
    return [Block(m["language"], m["code"], m["reason"]) for m in BLOCK.finditer(text)]


def read_page(name):
    return (ROOT / name).read_text(encoding="utf8")


def load_script(path):
    spec = spec_from_file_location(path.stem, path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read_ini(code):
    """Read blocks of a config, which needs the blocks that they are in as well."""
    sections = re.findall(r"^\[(.*)\]$", code, re.MULTILINE)
    paths = [section.split(".") for section in sections]
    parents = {".".join(path[:depth]) for path in paths for depth in range(1, len(path))}
    headers = "".join(f"[{name}]\n" for name in sorted(parents - set(sections)))
    return Config().from_str(headers + code, interpolate=False)


def run_bash(code):
    """Run commands with the Python of the test. They install packages in the folder "installed"."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    settings = {
        "PATH": path,
        "NO_COLOR": "1",
        "SPACY_CONFIG_OVERRIDES": SHORT_TRAINING,
        "PIP_TARGET": "installed",
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
    }
    result = subprocess.run(
        ["bash", "-euc", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **settings},
    )
    assert result.returncode == 0, f"{code}\n{result.stdout}"


def run_python(code, namespace):
    """Run code. RETURNS (str): What it prints."""
    output = io.StringIO()
    fix_random_seed(0)
    with redirect_stdout(output):
        exec(code, namespace)
    return output.getvalue()


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of the project, whose configs train for a few steps, with the files that the pages
    take for granted."""
    path = tmp_path_factory.mktemp("clone")
    shutil.copy(ROOT / "project.yml", path)
    shutil.copytree(ROOT / "configs", path / "configs")
    for config_path in (path / "configs").glob("*.cfg"):
        config = config_path.read_text(encoding="utf8")
        for name, value in {"max_steps": 60, "eval_frequency": 30, "max_epochs": 2}.items():
            config = re.sub(rf"^{name} = \d+$", f"{name} = {value}", config, flags=re.MULTILINE)
        config_path.write_text(config, encoding="utf8")
    srsly.write_jsonl(path / "notes.jsonl", NOTES)
    srsly.write_jsonl(path / "texts.jsonl", TEXTS)
    convert(
        path / "notes.jsonl",
        path / "corpus",
        corpus_format="jsonl",
        lang="en",
        split_fractions=[0.6, 0.2, 0.2],
    )
    overrides = {
        f"paths.{part}": str(path / "corpus" / f"{part}.spacy") for part in ("train", "dev")
    }
    train(path / "configs" / "cnn.cfg", path / "training", overrides=overrides)
    return path


@pytest.mark.parametrize("page", PAGES)
def test_blocks_are_run_or_say_why_not(page):
    text = read_page(page)
    blocks = read_blocks(text)
    assert len(re.findall("^```", text, re.MULTILINE)) == 2 * len(blocks)
    assert text.count("<!-- not run: ") == sum(block.reason is not None for block in blocks)
    assert {block.language for block in blocks} <= LANGUAGES
    assert {block.reason for block in blocks} - {None} <= REASONS
    for block in blocks:
        if block.language == "bash" and block.reason is None:
            assert not [words for words in NEVER_RUN if words in block.code]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_commands_and_code_run_in_the_order_of_the_page(page, clone, tmp_path, monkeypatch):
    blocks = [block for block in read_blocks(read_page(page)) if block.reason is None]
    shutil.copytree(clone, tmp_path / "clone")
    monkeypatch.chdir(tmp_path / "clone")
    (tmp_path / "clone" / "installed").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path / "clone" / "installed"))
    namespace = {}
    printed = None
    for block in blocks:
        if block.language == "python":
            printed = run_python(block.code, namespace)
        elif block.language == "bash":
            run_bash(block.code)
        elif block.language == "":
            assert printed == block.code


@pytest.mark.parametrize("page", PAGES)
def test_settings_are_accepted_by_a_training_config(page):
    for block in read_blocks(read_page(page)):
        if block.language == "ini":
            paths = {"paths.train": "train.spacy", "paths.dev": "dev.spacy"}
            config = load_config(ROOT / "configs" / "cnn.cfg", overrides=paths)
            config = config.merge(read_ini(block.code))
            config["nlp"]["pipeline"] = list(config["components"])
            filled = load_model_from_config(config, auto_fill=True, validate=True).config
            check_known(config, filled)
            check_training(filled)
            filled = filled.interpolate()
            registry.resolve(filled["corpora"])


@pytest.mark.parametrize("page", PAGES)
def test_corpus_descriptions_are_accepted(page):
    for block in read_blocks(read_page(page)):
        if block.language == "yaml":
            assert CorpusDescription.model_validate(srsly.yaml_loads(block.code)).convert


@pytest.mark.parametrize("page", FILES)
def test_links_lead_somewhere(page):
    for link, anchor in LINK.findall(read_page(page)):
        name, n_inside = INSIDE.subn("", link)
        if n_inside or not link.startswith("http"):
            folder = ROOT if n_inside else (ROOT / page).parent
            target = folder / name if name else ROOT / page
            assert target.exists(), link
            if anchor:
                titles = re.findall("^#+ (.*)$", target.read_text(encoding="utf8"), re.MULTILINE)
                plain = [re.sub(r"[^\w\- ]", "", title.lower()) for title in titles]
                assert anchor in {title.replace(" ", "-") for title in plain}


def test_overview_is_short_and_its_links_work_on_the_package_index():
    text = read_page("README.md")
    assert len(text.splitlines()) <= 130
    assert all(link.startswith("https://") or not link for link, _ in LINK.findall(text))


def test_continuous_integration_runs_the_two_commands():
    blocks = read_blocks(read_page("README.md"))
    (block,) = [block for block in blocks if block.reason == "makes a virtual environment"]
    commands = block.code.splitlines()
    assert len(commands) == 2
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf8").splitlines()
    for command in commands:
        last = command.split("&&")[-1].strip()
        assert any(line.startswith(last) for line in lines), last


# Means over the corpora and the seeds of a study, which a page states.
FIGURES = {
    "docs/loss.md": {"losses_300": ["spancat_singlelabel", "BCE", "EMC", "nested_spancat"]},
    "docs/settings.md": {
        "losses_300": ["BCE", "focal", "EMC", "nested_spancat"],
        "ablation_300": [
            *("expected distance", "IoU distance", "DIoU distance"),
            *("tau 0.3, no label margin", "class weights, no label margin"),
        ],
    },
}


@pytest.mark.parametrize("page", FIGURES)
def test_figures_are_those_of_the_studies(page):
    for study, variants in FIGURES[page].items():
        results = list(srsly.read_jsonl(ROOT / "benchmarks" / "studies" / study / "results.jsonl"))
        for variant in variants:
            # As many seeds for each corpus.
            scores = [result["test"] for result in results if result["variant"] == variant]
            means = [100 * mean(score[name] for score in scores) for name in ("f", "macro_f")]
            assert " / ".join(f"{value:.1f}" for value in means) in read_page(page), variant


@pytest.mark.parametrize("script", sorted((DOCS / "figures").glob("*.py")))
def test_figures_are_those_that_the_scripts_draw(script):
    assert script.with_suffix(".svg").read_text(encoding="utf8") == load_script(script).draw()


COMMANDS = typer.main.get_command(app).commands


@pytest.mark.parametrize("name", COMMANDS)
def test_settings_page_has_every_option(name):
    (section,) = re.findall(rf"^### {name}$(.*?)(?=^###|\Z)", SETTINGS, re.MULTILINE | re.DOTALL)
    rows = {line.split(" | ")[0] for line in section.splitlines() if line.startswith("| `")}
    expected = set()
    for param in COMMANDS[name].params:
        is_argument = param.param_type_name == "argument"
        names = [param.name.upper().replace("_PATH", "")] if is_argument else param.opts
        expected.add("| " + ", ".join(f"`{name}`" for name in names))
    assert rows == expected


@pytest.mark.parametrize("entry_point", distribution("spacy-eiou").entry_points, ids=str)
def test_settings_page_has_every_registered_name_and_argument(entry_point):
    if entry_point.group != "spacy_cli":
        assert entry_point.name in SETTINGS
        # A factory gets these from spaCy.
        for name in inspect.signature(entry_point.load()).parameters.keys() - {"nlp", "name"}:
            assert f"`{name}`" in SETTINGS


def test_settings_page_has_every_score():
    section = SETTINGS.split("## Scores")[1].split("## Tokenizers")[0]
    names = set(re.findall(r"`(\w+\*?)`", section))
    for name in score_spans([[(0, 1, "a")]], [[(0, 1, "a")]]):
        assert name in names or f"{name.split('_')[0]}_*" in names, name


@pytest.mark.parametrize("name", [*CorpusDescription.model_fields, *Conversion.model_fields])
def test_settings_page_has_every_field_of_a_corpus_description(name):
    assert f"`{name}`" in SETTINGS.split("## Corpus descriptions")[1].split("## Formats")[0]
