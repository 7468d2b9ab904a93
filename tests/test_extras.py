from pathlib import Path

import pytest
from thinc.api import Config

from spacy_eiou import extras
from spacy_eiou.corpora import Conversion, CorpusDescription, CorpusError, make_config

CONFIGS = Path(__file__).parents[1] / "configs"
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


def test_missing_transformer_is_found_as_a_config_is_filled_in(nothing_installed, tmp_path):
    conversion = Conversion(input="notes.jsonl", output="train.spacy", format="jsonl")
    corpus = CorpusDescription(lang="en", tokenizer="spacy.Tokenizer.v1", convert=[conversion])
    with pytest.raises(CorpusError, match=r"pip install 'spacy-eiou\[transformers\]'"):
        make_config(CONFIGS / "transformer.cfg", corpus, tmp_path)


def test_installed_extra_is_no_error():
    extras.require_extra("any", "spacy")


def test_transformer_of_a_package_is_its_model_folder(tmp_path, monkeypatch):
    model_path = tmp_path / "tiny_transformer" / "model"
    model_path.mkdir(parents=True)
    (tmp_path / "tiny_transformer" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert extras.find_transformer("tiny-transformer") == str(model_path)


@pytest.mark.parametrize("name", ["bert-base-cased", "org/model", "thinc", "bge-small-v1.5"])
def test_other_transformers_keep_their_name(name):
    assert extras.find_transformer(name) == name
