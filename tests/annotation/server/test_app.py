import json
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from http.client import HTTPConnection
from threading import Event

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Span

from serve_util import SECONDS, ask, request, running
from spacy_eiou.annotation import SourceText, annotate_texts, create_app
from spacy_eiou.annotation.server.worker import Worker

TEXT = "The human IL-2 gene is expressed."


def get_labels(spans):
    return [(span["text"], span["label"]) for span in spans]


def test_spans_are_those_of_annotate(nlp, port):
    (expected,) = annotate_texts(nlp, [SourceText("1", TEXT)], "sc")
    assert get_labels(expected["spans"]) == [("human IL-2 gene", "DNA"), ("IL-2", "protein")]
    assert ask(port, "/annotate", {"text": TEXT}) == (
        200,
        {"text": TEXT, "spans": expected["spans"]},
    )


@pytest.mark.parametrize("texts", [[], [""], [TEXT, "", " \n", "\0", "IL-2 🧬 gene"]])
def test_list_of_texts(nlp, port, texts):
    sources = [SourceText("1", text) for text in texts]
    expected = [
        {"text": annotation["text"], "spans": annotation["spans"]}
        for annotation in annotate_texts(nlp, sources, "sc")
    ]
    assert ask(port, "/annotate", {"text": texts}) == (200, expected)


@Language.component("eiou_linker")
def link(doc):
    doc.spans["linked"] = [Span(doc, 0, len(doc), label="DNA", kb_id="Q1")]
    return doc


def test_pipeline_without_a_nested_spancat():
    nlp = spacy.blank("en")
    nlp.add_pipe("eiou_linker")
    with pytest.warns(UserWarning, match="No component"):
        app = create_app(nlp, spans_key="linked")
    with running(app) as port:
        _, answer = ask(port, "/annotate", {"text": "IL-2"})
        status, refused = ask(port, "/annotate", {"text": "IL-2", "threshold": 0.5})
        _, page = request(port, "/")
    assert answer["spans"] == [
        {"start": 0, "end": 4, "label": "DNA", "text": "IL-2", "parent": None, "kb_id": "Q1"}
    ]
    assert (status, refused["detail"].split(":")[0]) == (422, "Expected no threshold")
    assert b'type="range"' not in page


def test_threshold_is_that_of_the_request_alone(nlp, annotate):
    before = json.dumps(nlp.get_pipe("nested_spancat").cfg)
    with ThreadPoolExecutor(8) as pool:
        low = [pool.submit(annotate, TEXT, threshold=0.01) for _ in range(8)]
        own = [pool.submit(annotate, TEXT) for _ in range(8)]
        high = [pool.submit(annotate, TEXT, threshold=1) for _ in range(8)]
        n_spans = [{len(future.result()) for future in futures} for futures in (low, own, high)]
    assert n_spans[1:] == [{2}, {0}]
    assert len(n_spans[0]) == 1 and min(n_spans[0]) > 2
    assert json.dumps(nlp.get_pipe("nested_spancat").cfg) == before


def test_spans_of_a_threshold_have_its_score(annotate):
    scores = [span["score"] for span in annotate(TEXT, threshold=0.05)]
    assert min(scores) >= 0.05


def test_health(nlp, port):
    status, health = ask(port, "/health")
    assert (status, health["status"], health["labels"]) == (200, "UP", ["DNA", "protein"])
    assert re.fullmatch(r"en_pipeline-0\.0\.0\+[0-9a-f]{8}", health["model_version"])
    assert ask(port, "/versions") == (200, {"versions": [health["model_version"]]})


def test_health_of_a_server_that_predicts_no_more(gated, gate, monkeypatch):
    monkeypatch.setattr(Worker, "_work", lambda self: None)
    with running(create_app(gated, timeout=0.3)) as port:
        assert ask(port, "/health")[0] == 200
        assert ask(port, "/annotate", {"text": "a"})[0] == 503
        message = "Nothing is predicted any more. Start the server again"
        assert ask(port, "/health") == (503, {"detail": message})


@pytest.mark.parametrize("path", ["/", "/page.js", "/health", "/versions", "/metrics"])
def test_head_alone(port, path):
    connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    connection.request("HEAD", path)
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, b"")
    connection.close()


def test_version_tells_another_model(nlp, port):
    _, health = ask(port, "/health")
    component = nlp.get_pipe("nested_spancat")
    component.cfg["threshold"] = 0.4
    try:
        with running(create_app(nlp)) as other:
            assert ask(other, "/health")[1]["model_version"] != health["model_version"]
    finally:
        component.cfg["threshold"] = 0.5
    with running(create_app(nlp)) as other:
        assert ask(other, "/health")[1] == health


def get_metrics(port):
    _, content = request(port, "/metrics")
    lines = [line for line in content.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_metrics(nlp):
    with running(create_app(nlp)) as port:
        ask(port, "/annotate", {"text": [TEXT, ""]})
        ask(port, "/annotate", {"text": 1})
        request(port, "/made/up")
        metrics = get_metrics(port)
    assert metrics['spacy_eiou_requests_total{path="/annotate",status="200"}'] == 1
    assert metrics['spacy_eiou_requests_total{path="/annotate",status="422"}'] == 1
    assert metrics['spacy_eiou_requests_total{path="other",status="404"}'] == 1
    counts = {name: metrics[f"spacy_eiou_{name}_total"] for name in ("texts", "words", "spans")}
    assert counts == {"texts": 2, "words": 7, "spans": 2}
    assert metrics["spacy_eiou_batches_total"] == 1
    assert metrics["spacy_eiou_waiting_texts"] == 0
    assert metrics["spacy_eiou_prediction_seconds_count"] == 2


@pytest.mark.parametrize(
    "status,value,problem",
    [
        (413, {"text": "a" * 30_000}, "Expected at most 20,000 bytes"),
        (413, {"text": "a " * 1_001}, "Expected at most 2,000 characters, not 2,002 as in text 1"),
        (413, {"text": ["a"] * 51}, "Expected at most 50 texts, not 51"),
        (422, {"text": ["", "a" * 1_001]}, "Expected words of at most 1,000 characters, unlike in"),
        (422, {}, "text: Field required"),
        (
            422,
            {"text": 1},
            "text.str: Input should be a valid string; text.list[str]: Input should",
        ),
        (422, {"text": "a", "treshold": 0.1}, "treshold: Extra inputs are not permitted"),
        (422, {"text": "a", "threshold": 0}, "threshold: Input should be greater than or equal to"),
        (422, {"text": "a", "threshold": "0.5"}, "threshold: Input should be a valid number"),
        (422, [], "Input should be an object"),
    ],
)
def test_what_is_refused(port, status, value, problem):
    answer = ask(port, "/annotate", value)
    assert answer[0] == status
    assert answer[1]["detail"].startswith(problem)


@pytest.mark.parametrize("body", [b"", b"{", b'{"text": "\xff"}', b'{"text": "\\ud800"}'])
def test_damaged_json(port, body):
    response, content = request(port, "/annotate", body)
    assert (response.status, json.loads(content)["detail"][:13]) == (422, "Invalid JSON:")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_forms_of_other_sites_are_refused(port, content_type):
    status, answer = ask(port, "/annotate", {"text": ""}, {"Content-Type": content_type})
    assert (status, answer["detail"][:19]) == (415, "Expected the header")


def test_body_that_tells_no_length(port):
    chunks = iter([b'{"text": "', b"a" * 30_000, b'"}'])
    response, _ = request(port, "/annotate", chunks)
    assert response.status == 413


def test_slow_body(port):
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        head = b"POST /annotate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        connection.sendall(head + b'Content-Length: 20\r\n\r\n{"text"')
        answer = connection.recv(10_000)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"Expected the body within 1.5 seconds" in answer


@Language.factory("eiou_gate")
class Gate:
    """A component that fails at a text, and lets another one wait."""

    key = "sc"
    labels = ()

    def __init__(self, nlp, name):
        self.open = Event()
        self.entered = Event()

    def __call__(self, doc):
        if doc.text == "wait":
            self.entered.set()
            assert self.open.wait(SECONDS)
        if doc.text == "fail":
            raise RuntimeError("no such word")
        return doc


@pytest.fixture
def gated():
    return spacy.blank("en")


@pytest.fixture
def gate(gated):
    gate = gated.add_pipe("eiou_gate")
    yield gate
    gate.open.set()


def wait_for_texts(port, n_texts):
    deadline = time.monotonic() + SECONDS
    while get_metrics(port)["spacy_eiou_waiting_texts"] < n_texts:
        assert time.monotonic() < deadline


def test_requests_that_wait_are_predicted_together(gated, gate):
    with running(create_app(gated)) as port, ThreadPoolExecutor(20) as pool:
        first = pool.submit(ask, port, "/annotate", {"text": "wait"})
        assert gate.entered.wait(SECONDS)
        before = get_metrics(port)["spacy_eiou_batches_total"]
        others = [pool.submit(ask, port, "/annotate", {"text": str(n)}) for n in range(10)]
        wait_for_texts(port, 10)
        gate.open.set()
        assert first.result()[0] == 200
        answers = [future.result() for future in others]
        assert answers == [(200, {"text": str(number), "spans": []}) for number in range(10)]
        assert get_metrics(port)["spacy_eiou_batches_total"] == before + 1


def test_too_many_texts_wait(gated, gate):
    with running(create_app(gated, max_texts=3)) as port, ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, port, "/annotate", {"text": "wait"})
        assert gate.entered.wait(SECONDS)
        second = pool.submit(ask, port, "/annotate", {"text": ["a", "b"]})
        wait_for_texts(port, 2)
        response, content = request(port, "/annotate", json.dumps({"text": ["a", "b"]}))
        assert (response.status, response.headers["Retry-After"]) == (503, "1")
        assert json.loads(content)["detail"] == "2 texts are waiting already. Try again later"
        gate.open.set()
        assert [first.result()[0], second.result()[0]] == [200, 200]


def test_prediction_takes_too_long(gated, gate):
    with running(create_app(gated, timeout=0.3)) as port:
        status, answer = ask(port, "/annotate", {"text": "wait"})
        assert (status, answer["detail"]) == (503, "The prediction took longer than 0.3 seconds")
        gate.open.set()
        assert ask(port, "/annotate", {"text": "a"})[0] == 200


def test_text_that_the_pipeline_fails_at(gated, gate, caplog):
    with running(create_app(gated)) as port, ThreadPoolExecutor(3) as pool:
        first = pool.submit(ask, port, "/annotate", {"text": "wait"})
        assert gate.entered.wait(SECONDS)
        others = [pool.submit(ask, port, "/annotate", {"text": text}) for text in ("fail", "a")]
        wait_for_texts(port, 2)
        gate.open.set()
        assert first.result()[0] == 200
        assert [future.result()[0] for future in others] == [500, 200]
    assert "The pipeline failed" in caplog.text


def test_what_was_asked_for_is_answered_when_the_server_stops(gated, gate):
    with ThreadPoolExecutor(1) as pool:
        with running(create_app(gated)) as port:
            answer = pool.submit(ask, port, "/annotate", {"text": "wait"})
            assert gate.entered.wait(SECONDS)
            gate.open.set()
        assert answer.result()[0] == 200


def test_application_can_be_mounted(nlp):
    from fastapi import FastAPI

    app = FastAPI()
    app.mount("/entities", create_app(nlp))
    with running(app) as port:
        assert len(ask(port, "/entities/annotate", {"text": TEXT})[1]["spans"]) == 2
        assert request(port, "/entities/")[0].status == 200
        metrics = request(port, "/entities/metrics")[1].decode()
    assert 'path="/annotate",status="200"} 1' in metrics


def test_middleware_of_the_user_comes_first(nlp):
    from fastapi import Response

    app = create_app(nlp)

    @app.middleware("http")
    async def ask_password(request, call_next):
        return await call_next(request) if "password" in request.headers else Response("", 401)

    with running(app) as port:
        assert request(port, "/annotate", json.dumps({"text": TEXT}))[0].status == 401
        headers = {"Content-Type": "application/json", "Password": "a"}
        assert len(ask(port, "/annotate", {"text": TEXT}, headers)[1]["spans"]) == 2
        metrics = request(port, "/metrics", headers=headers)[1].decode()
    assert 'path="/annotate",status="200"} 1' in metrics


@pytest.mark.parametrize("path", ["/", "/page.js", "/page.css", "/health", "/metrics", "/none"])
def test_nothing_is_loaded_from_elsewhere(port, path):
    response, content = request(port, path)
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src ")
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert b"://" not in content


def test_openapi_describes_the_requests(port):
    _, schema = ask(port, "/openapi.json")
    for pointer in re.findall(r'"\$ref": "#/([^"]*)"', json.dumps(schema)):
        keys = [key.replace("~1", "/") for key in pointer.split("/")]
        assert reduce(lambda part, key: part[key], keys, schema)["type"] == "object"
    body = schema["paths"]["/annotate"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"]["properties"].keys() == {"text", "threshold"}
    assert request(port, "/docs")[0].status == 404
