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

INTERFACE = """
<View>
  <Labels name="label" toName="text"><Label value="DNA"/><Label value="protein"/></Labels>
  <Text name="text" value="$abstract"/>
</View>
"""
TOKEN = "0123456789abcdef0123456789abcdef01234567"
# It makes its database first.
SECONDS_TO_START = 600


@pytest.fixture
def label_studio(need, tmp_path):
    """A function that asks a Label Studio of this test, whose data are in a temporary folder."""
    need("label-studio", install="pip install label-studio, in an environment of its own on PATH")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings = {
        "LABEL_STUDIO_BASE_DATA_DIR": str(tmp_path),
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
    with open(tmp_path / "log", "wb") as log:
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
                    log_text = (tmp_path / "log").read_text()
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
