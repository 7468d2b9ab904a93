import re
import signal
import subprocess
import sys
from functools import partial
from threading import Timer

import pytest
import spacy
from cli_util import invoke

from serve_util import SECONDS, ask
from spacy_eiou.cli import serve as module

pytest.importorskip("fastapi")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    nlp = spacy.blank("xx")
    ruler = nlp.add_pipe("span_ruler")
    ruler.add_patterns([{"label": "DNA", "pattern": "IL-2 gene"}])
    path = tmp_path_factory.mktemp("serve") / "model"
    nlp.to_disk(path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_server_runs_until_a_signal(model, number):
    command = [sys.executable, "-m", "spacy_eiou", "serve", str(model), "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        timer = Timer(120, process.kill)
        timer.start()
        try:
            for line in process.stdout:
                if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                    break
            status, answer = ask(int(found[1]), "/annotate", {"text": "the IL-2 gene"})
            assert status == 200
            assert [span["text"] for span in answer["spans"]] == ["IL-2 gene"]
            process.send_signal(number)
            output, _ = process.communicate(timeout=SECONDS)
        finally:
            timer.cancel()
            process.kill()
    assert "Stopped" in output.splitlines()[-1]
    assert "Traceback" not in output
    assert process.returncode == 0


@pytest.fixture(autouse=True)
def same_handler_afterwards():
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


run = partial(invoke, "serve")


def test_what_can_not_be_served(model, tmp_path):
    assert "Can't serve 'none'" in run("none", "--port", 0).output
    missing = run(model, "--port", 0, "--host", "203.0.113.1")
    assert missing.exit_code == 1
    assert "Can't serve" in missing.output


def test_taken_port(model):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        result = run(model, "--port", listener.getsockname()[1])
    assert result.exit_code == 1
    assert "Can't serve" in result.output


def test_missing_extra(model, monkeypatch):
    from spacy_eiou import extras

    monkeypatch.setattr(extras, "find_spec", lambda module: None)
    result = run(model, "--port", 0)
    assert result.exit_code == 1
    assert "pip install 'spacy-eiou[serve]'" in " ".join(result.output.split())


def test_arguments(monkeypatch):
    called = {}

    def serve(model, **settings):
        called.update(settings, model=model)
        settings["on_start"]("http://[::1]:1")

    monkeypatch.setattr(module, "serve", serve)
    result = run("m", "-h", "::1", "-p", 1, "-sk", "k", "--max-chars", 2, "--timeout", 3)
    assert result.exit_code == 0
    assert "Serving 'm' at http://[::1]:1" in " ".join(result.output.split())
    del called["on_start"]
    assert called == {
        "model": "m",
        "host": "::1",
        "port": 1,
        "spans_key": "k",
        "use_gpu": -1,
        "max_bytes": 4 * 2**20,
        "max_chars": 2,
        "max_texts": 1_000,
        "timeout": 3,
    }
