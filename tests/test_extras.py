import pytest
from thinc.api import Config

from spacy_eiou import extras

TRANSFORMER = Config({"components": {"encoder": {"factory": "transformer"}}})


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda module: None)


def test_missing_extra_tells_how_to_install_it(nothing_installed):
    with pytest.raises(ValueError, match=r"pip install 'spacy-eiou\[transformers\]'"):
        extras.check_transformers(TRANSFORMER)


@pytest.mark.parametrize("components", [{}, {"tok2vec": {"factory": "tok2vec"}}])
def test_pipeline_without_a_transformer_needs_no_extra(nothing_installed, components):
    extras.check_transformers(Config({"components": components}))
    extras.check_transformers(Config())


def test_installed_extra_is_no_error():
    extras.require_extra("any", "spacy")
