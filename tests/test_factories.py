from threading import Thread, current_thread

import pytest
import spacy
import srsly
from spacy.util import registry

from spacy_eiou.corpora import convert
from spacy_eiou.factories import importing_no_factories
from spacy_eiou.pipeline import loading


class Factories:
    """Those of installed packages. Notes the threads that import them."""

    def __init__(self):
        self.users = []

    def get_all(self):
        self.users.append(current_thread().name)
        return {}


@pytest.fixture
def factories(monkeypatch):
    factories = Factories()
    monkeypatch.setattr(registry, "_entry_point_factories", factories)
    return factories


def test_finished_pipeline_imports_no_other_packages(factories, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("nested_spancat")
    nlp.to_disk(tmp_path / "model")
    factories.users.clear()
    assert loading.load_finished_pipeline(str(tmp_path / "model")).pipe_names == ["nested_spancat"]
    assert factories.users == []
    assert registry._entry_point_factories is factories
    spacy.blank("en")
    assert len(factories.users) == 1


def test_other_threads_import_factories_as_before(factories):
    with importing_no_factories():
        thread = Thread(target=spacy.blank, args=("en",), name="other")
        thread.start()
        thread.join()
        spacy.blank("en")
    assert factories.users == ["other"]


def test_packages_that_a_pipeline_needs_are_imported(factories, monkeypatch):
    def load_model(name):
        if registry._entry_point_factories is not factories:
            raise ValueError("[E002] Can't find factory")
        return "pipeline"

    monkeypatch.setattr(loading, "load_model", load_model)
    assert loading.load_finished_pipeline("model") == "pipeline"


def test_conversion_imports_no_other_packages(factories, tmp_path):
    srsly.write_jsonl(tmp_path / "notes.jsonl", [{"text": "a gene", "spans": [[2, 6, "DNA"]]}])
    path = tmp_path / "notes.spacy"
    (account,) = convert(tmp_path / "notes.jsonl", path, corpus_format="jsonl", lang="en").values()
    assert account.documents == 1
    assert factories.users == []
