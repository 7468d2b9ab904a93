import pytest
from spacy.errors import Errors

from spacy_eiou import extras
from spacy_eiou.pipeline import load_pipeline, loading


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
