import subprocess

import pytest

from spacy_eiou import provenance
from spacy_eiou.provenance import describe_code, find_commit, get_provenance, hash_code


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with one module and one command, in the place of this one."""
    path = tmp_path / "checkout" / "package"
    (path / "cli").mkdir(parents=True)
    for name in ("__init__.py", "losses.py", "cli/compare.py"):
        (path / name).write_text("", encoding="utf8")
    monkeypatch.setattr(provenance, "PACKAGE_PATH", path)
    find_commit.cache_clear()
    hash_code.cache_clear()
    yield path
    find_commit.cache_clear()
    hash_code.cache_clear()


def git(path, *arguments):
    settings = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    command = ["git", "-C", str(path), *settings, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize(
    "changed, dirty",
    [(None, ""), ("../README.md", ""), ("losses.py", "-dirty"), ("new.py", "-dirty")],
)
def test_commit_is_that_of_the_package(package, changed, dirty):
    git(package.parent, "init")
    git(package.parent, "add", ".")
    git(package.parent, "commit", "-m", "x")
    if changed is not None:
        (package / changed).write_text("x = 1\n", encoding="utf8")
    assert find_commit() == git(package, "rev-parse", "HEAD") + dirty


def test_package_that_is_installed_inside_of_a_checkout_has_no_commit(package):
    assert find_commit() is None
    (package.parent / ".gitignore").write_text("package/\n", encoding="utf8")
    git(package.parent, "init")
    git(package.parent, "add", ".")
    git(package.parent, "commit", "-m", "x")
    find_commit.cache_clear()
    assert find_commit() is None


def test_without_git_there_is_no_commit(package, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert find_commit() is None


@pytest.mark.parametrize(
    "changed, same",
    [(None, True), ("cli/compare.py", True), ("losses.py", False), ("new.py", False)],
)
def test_code_is_all_that_results_depend_on(package, changed, same):
    before = hash_code()
    hash_code.cache_clear()
    if changed is not None:
        (package / changed).write_text("x = 1\n", encoding="utf8")
    assert (hash_code() == before) is same


def test_packages_that_are_not_installed_have_no_version(monkeypatch):
    monkeypatch.setattr(provenance, "PACKAGES", ("spacy-eiou", "not-installed"))
    result = get_provenance(threads=3)
    assert result["versions"].keys() == {"python", "spacy-eiou"}
    assert result["machine"].keys() == {"processor", "cores", "system", "threads"}
    assert result["machine"]["threads"] == 3


def test_code_in_words():
    version = {"versions": {"spacy-eiou": "0.1.0"}}
    assert describe_code({}) == "unknown"
    assert describe_code(version) == "0.1.0"
    assert describe_code({**version, "commit": None}) == "0.1.0"
    assert describe_code({**version, "commit": "0123456789"}) == "0.1.0, 0123456"
    assert describe_code({**version, "commit": "0123456789-dirty"}) == "0.1.0, 0123456-dirty"
