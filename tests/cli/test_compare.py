import pytest
from cli_util import run
from study_util import make_project, write_study


@pytest.fixture
def study_path(tmp_path):
    variant = {"factory": "nested_spancat", "config": {"loss": {"@losses": "tests.EMC.v1"}}}
    settings = {"variants": {"mine": variant}, "baseline": "mine", "seeds": [0]}
    return write_study(make_project(tmp_path, 4), **settings)


def run_study(path, *options):
    return run("compare", path, path.parent / "out", "--project", path.parent, *options)


@pytest.mark.slow
def test_code_registers_what_a_variant_uses(study_path):
    code = study_path.with_name("code.py")
    code.write_text(
        "from spacy_eiou.losses import EMC\n"
        "from thinc.api import registry\n"
        "registry.losses.register('tests.EMC.v1', func=EMC)\n",
        encoding="utf8",
    )
    exit_code, output = run_study(study_path)
    assert (exit_code, "Can't run the study" in output) == (1, True)
    exit_code, output = run_study(study_path, "--code", code)
    assert (exit_code, "Saved tables of 2 results" in output) == (0, True)
    report = study_path.parent / "out" / "RESULTS.md"
    assert "| mine | 1 |" in report.read_text(encoding="utf8")


def test_warnings_are_messages(study_path):
    study_path = write_study(study_path.parent)
    exit_code, output = run_study(study_path, "--report-only")
    assert (exit_code, "8 of 8 runs are missing" in output) == (0, True)
