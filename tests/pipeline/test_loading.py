from threading import Thread, current_thread

import pytest
import spacy
from spacy.errors import Errors
from spacy.util import registry

from spacy_eiou import extras
from spacy_eiou.pipeline import load_pipeline, loading


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


@pytest.mark.parametrize(
    "factory,message",
    [("transformer", r"pip install 'spacy-eiou\[transformers\]'"), ("parser2", "parser2")],
)
def test_missing_transformer_tells_how_to_install_it(monkeypatch, factory, message):
    def load_model(name):
        values = {"name": factory, "lang": "English", "lang_code": "en", "method": "create_pipe"}
        raise ValueError(Errors.E002.format(**values, opts=""))

    monkeypatch.setattr(loading, "load_model", load_model)
    monkeypatch.setattr(extras, "find_spec", lambda module: None)
    with pytest.raises(ValueError, match=message):
        load_pipeline("model")


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
    with loading.importing_no_factories():
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
