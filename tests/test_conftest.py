import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
TESTS = """
import pytest


def test_that_runs(need):
    need("python3", install="never needed")


def test_that_needs_a_program(need):
    need("python3", "no-such-program", install="apt-get install no-such-package")


@pytest.mark.external
def test_that_needs_other_systems():
    pass


@pytest.mark.xfail
def test_that_fails_as_expected():
    assert False
"""


def run_tests(folder, *options, **settings):
    (folder / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text("utf8"))
    (folder / "test_some.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", folder, *options]
    result = subprocess.run(command, cwd=folder, env=settings, stdout=subprocess.PIPE, text=True)
    return result.stdout


def test_missing_program_is_a_skip_that_tells_how_to_install_it(tmp_path):
    output = run_tests(tmp_path, PATH="/usr/bin")
    assert "needs no-such-program: apt-get install no-such-package" in output
    assert "1 passed, 1 skipped, 1 deselected, 1 xfailed" in output


def test_skip_is_a_failure_where_everything_has_to_run(tmp_path):
    output = run_tests(tmp_path, PATH="/usr/bin", NO_SKIPS="1")
    assert "NO_SKIPS is set. Skipped: needs no-such-program" in output
    assert "1 failed, 1 passed, 1 deselected, 1 xfailed" in output


def test_external_tests_run_only_if_asked_for(tmp_path):
    assert "1 deselected" in run_tests(tmp_path, PATH="/usr/bin")
    assert "1 passed, 3 deselected" in run_tests(tmp_path, "--external", PATH="/usr/bin")
