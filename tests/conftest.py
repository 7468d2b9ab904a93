import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]

# A busy machine is no failure, and the examples that hypothesis remembers stay out of the way. CI
# tries the same examples each time, half as many and fewer still with other versions; other runs
# look for new ones.
settings.register_profile(
    "spacy_eiou",
    deadline=None,
    max_examples=int(os.environ.get("MAX_EXAMPLES", 50)),
    database=None,
    derandomize="CI" in os.environ,
)
settings.load_profile("spacy_eiou")

# Processes that tests start import the same package as the tests: pytest's "pythonpath" is its own.
if (ROOT / "spacy_eiou").exists():
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    )


def pytest_addoption(parser):
    parser.addoption("--external", action="store_true", help="only tests that need other systems")


def pytest_collection_modifyitems(config, items):
    wanted, others = [], []
    for item in items:
        is_external = item.get_closest_marker("external") is not None
        (wanted if is_external == config.option.external else others).append(item)
    config.hook.pytest_deselected(items=others)
    items[:] = wanted


@pytest.fixture
def in_tmp_path(tmp_path, monkeypatch):
    """The working directory is an empty folder, so that messages name files without one."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def single_precision(monkeypatch):
    """A CPU without instructions for less."""
    monkeypatch.setattr("spacy_eiou.models.precision.has_bfloat16", lambda: False)


@pytest.fixture(scope="session")
def need():
    """A function that skips a test where programs are missing. It tells how to install them."""

    def check(*programs, install):
        missing = [program for program in programs if shutil.which(program) is None]
        if missing:
            pytest.skip(f"needs {' and '.join(missing)}: {install}")

    return check


@pytest.fixture(scope="session")
def browser(need):
    """Chromium, without a window."""
    need("chromium", "chromedriver", install="apt-get install chromium chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    yield driver
    driver.quit()


def fail_if_skipped(report):
    """Where everything has to run, as in CI, a test that was skipped has failed."""
    if "NO_SKIPS" in os.environ and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"NO_SKIPS is set. {report.longrepr[2]}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    return fail_if_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    return fail_if_skipped((yield))
