"""The real Label Studio, from import to predictions."""

import json
import os
import socket
import subprocess
import time
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from serve_util import running
from spacy_eiou.annotation import create_app
from spacy_eiou.corpora import Entity, Record, convert, read_jsonl, write_records

INTERFACE = """
<View>
  <Labels name="label" toName="text"><Label value="DNA"/><Label value="protein"/></Labels>
  <Text name="text" value="$abstract"/>
</View>
"""
TOKEN = "0123456789abcdef0123456789abcdef01234567"
# It makes its database first.
SECONDS_TO_START = 600


@pytest.fixture(scope="module")
def label_studio(need, tmp_path_factory):
    """A function that asks a Label Studio of these tests, whose data are in a temporary folder."""
    need("label-studio", install="pip install label-studio, in an environment of its own on PATH")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    data_path = tmp_path_factory.mktemp("label_studio")
    settings = {
        "LABEL_STUDIO_BASE_DATA_DIR": str(data_path),
        "LABEL_STUDIO_USERNAME": "a@example.org",
        "LABEL_STUDIO_PASSWORD": "password-of-a-test",
        "LABEL_STUDIO_USER_TOKEN": TOKEN,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        # It refuses servers of its own machine otherwise.
        "USE_DEFAULT_BANNED_SUBNETS": "false",
    }
    # The server is of another environment.
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    url = f"http://127.0.0.1:{port}"

    def ask(path, value=None):
        data = None if value is None else json.dumps(value).encode()
        headers = {"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"}
        with urlopen(Request(url + path, data, headers), timeout=120) as response:
            return json.load(response)

    command = ["label-studio", "start", "--no-browser", "--internal-host", "127.0.0.1"]
    with open(data_path / "log", "wb") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port)], env={**variables, **settings}, stdout=log, stderr=log
        )
        try:
            deadline = time.monotonic() + SECONDS_TO_START
            while True:
                try:
                    ask("/api/projects")
                    break
                except (URLError, OSError):
                    log_text = (data_path / "log").read_text()
                    assert process.poll() is None and time.monotonic() < deadline, log_text
                    time.sleep(1)
            yield ask
        finally:
            process.terminate()
            process.wait(30)


@pytest.mark.external
@pytest.mark.timeout(900)
def test_label_studio_gets_predictions(label_studio, nlp):
    with running(create_app(nlp)) as port:
        project = label_studio("/api/projects", {"title": "Genes", "label_config": INTERFACE})["id"]
        address = {"project": project, "url": f"http://127.0.0.1:{port}", "title": "Model"}
        backend = label_studio("/api/ml", address)
        texts = [f"😀 The human IL-{number} gene is expressed." for number in (2, 4, 6)]
        label_studio(f"/api/projects/{project}/import", [{"abstract": text} for text in texts])
        tasks = label_studio(f"/api/tasks?project={project}&fields=all")["tasks"]
        label_studio(
            f"/api/dm/actions?id=retrieve_tasks_predictions&project={project}",
            {"selectedItems": {"all": True, "excluded": []}},
        )
        predictions = {
            task["id"]: label_studio(f"/api/predictions?task={task['id']}") for task in tasks
        }
        backend = label_studio(f"/api/ml/{backend['id']}")
        versions = label_studio(f"/api/ml/{backend['id']}/versions")
    assert backend["state"] == "CO"
    assert versions["versions"] == [backend["model_version"]]
    assert len(tasks) == 3
    for task in tasks:
        (prediction,) = predictions[task["id"]]
        assert prediction["model_version"] == backend["model_version"]
        assert 0.5 < prediction["score"] <= 1
        found = [
            (region["value"]["start"], region["value"]["end"], *region["value"]["labels"])
            for region in prediction["result"]
        ]
        assert found == [(6, 21, "DNA"), (12, 16, "protein")]


SUGGESTED = [
    Record(
        "d1 ü",
        '😀 The human IL-2 gene\n\tis <b> & "expressed". ',
        (
            Entity(6, 21, "DNA", score=0.9),
            Entity(12, 16, "protein & <co>", kb_id="Q1", score=0.8),
            Entity(12, 16, "DNA", score=0.7),
            Entity(15, 29, "crossing", score=0.6),
            Entity(0, 1, "DNA"),
        ),
    ),
    Record("d2", "No entity.", ()),
    Record("3", "IL-4", (Entity(0, 4, "protein & <co>", score=1.0),)),
]


@pytest.mark.external
@pytest.mark.timeout(900)
def test_suggestions_that_are_accepted_come_back_whole(label_studio, tmp_path):
    path, exported = tmp_path / "tasks.json", tmp_path / "export.json"
    assert write_records(SUGGESTED, path, "label-studio", model="model-1").is_lossless()
    interface = path.with_suffix(".xml").read_text(encoding="utf8")
    project = label_studio("/api/projects", {"title": "Import", "label_config": interface})["id"]
    tasks = json.loads(path.read_text(encoding="utf8"))
    imported = label_studio(f"/api/projects/{project}/import", tasks)
    assert (imported["task_count"], imported["prediction_count"]) == (3, 3)
    listed = label_studio(f"/api/tasks?project={project}&fields=all")["tasks"]
    predictions = [label_studio(f"/api/predictions?task={task['id']}")[0] for task in listed]
    assert {prediction["model_version"] for prediction in predictions} == {"model-1"}
    assert [prediction["score"] for prediction in predictions] == [0.75, None, 1.0]
    # What the button "Create annotations from predictions" does.
    label_studio(
        f"/api/dm/actions?id=predictions_to_annotations&project={project}",
        {"selectedItems": {"all": True, "excluded": []}},
    )
    export = label_studio(f"/api/projects/{project}/export?exportType=JSON")
    exported.write_text(json.dumps(export), encoding="utf8")
    (account,) = convert(exported, tmp_path / "back.jsonl", to="jsonl").values()
    assert (account.documents, account.is_lossless()) == (3, True)
    assert [describe(record) for record in read_jsonl(tmp_path / "back.jsonl")] == [
        describe(record) for record in SUGGESTED
    ]


def describe(record):
    """RETURNS: What a person sees of a record. Scores are those of suggestions only."""
    entities = [(item.start, item.end, item.label, item.kb_id) for item in record.entities]
    return record.id, record.text, sorted(entities)
