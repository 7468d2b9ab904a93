from pathlib import Path

from cli_util import invoke

from spacy_eiou.cli import package as module
from spacy_eiou.pipeline import Package


def run(monkeypatch, function, *args):
    monkeypatch.setattr(module, "package", function)
    return invoke("package", *args)


def test_last_line_installs_the_package(tmp_path, monkeypatch):
    calls = []

    def package(*args, **kwargs):
        calls.append((args, kwargs))
        return Package("en_tiny", "1.0", Path("packages/en_tiny-1.0/dist"))

    output = tmp_path / "packages"
    result = run(monkeypatch, package, tmp_path, output, "--name", "tiny", "--version", "1.0")
    assert result.exit_code == 0
    assert calls == [((tmp_path, output), {"name": "tiny", "version": "1.0"})]
    command = "pip install --find-links packages/en_tiny-1.0/dist en_tiny"
    assert result.stdout.splitlines()[-1] == command


def test_error_is_a_message(tmp_path, monkeypatch):
    def package(*args, **kwargs):
        raise ValueError("it is wrong")

    result = run(monkeypatch, package, tmp_path, tmp_path / "packages")
    assert result.exit_code == 1
    assert "Can't package the pipeline" in result.stdout
    assert "it is wrong" in result.stdout
