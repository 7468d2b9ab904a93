from typing import List

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from spacy.tokens import Doc
from spacy.vocab import Vocab
from transformer_util import TEXTS, make_docs, make_transformer

from spacy_eiou.models import HiddenStates

pytestmark = pytest.mark.usefixtures("single_precision")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "transformer"
    return make_transformer(folder, num_hidden_layers=3, max_position_embeddings=24)


def test_a_cache_that_begins_with_few_tokens_is_told(path, tmp_path):
    with pytest.warns(UserWarning, match="found from 1 tokens alone"):
        HiddenStates(path, size=5, cache=tmp_path).predict(make_docs(["gene"]))


def test_components_are_in_half_precision(path):
    vectors = HiddenStates(path, size=5).predict(make_docs())
    assert [rows.shape for rows in vectors] == [(len(doc), 5) for doc in make_docs()]
    assert {rows.dtype.name for rows in vectors} == {"float16"}
    assert HiddenStates(path, size=1000).size == 32


def test_docs_without_pieces_alone(path):
    states = HiddenStates(path, size=5)
    (vectors,) = states.predict(make_docs(["\n"]))
    assert np.isnan(vectors).all()
    assert states.basis is None


def test_a_text_is_computed_once(path, tmp_path, monkeypatch):
    expected = HiddenStates(path, size=5).predict(make_docs())
    HiddenStates(path, size=5, cache=tmp_path).predict(make_docs())
    states = HiddenStates(path, size=5, cache=tmp_path)
    computed: List[str] = []
    predict = states.transformer.predict

    def count(docs):
        computed.extend(doc.text for doc in docs)
        return predict(docs)

    monkeypatch.setattr(states.transformer, "predict", count)
    for vectors, rows in zip(states.predict(make_docs()), expected):
        assert_allclose(vectors, rows, atol=1e-2)
    assert computed == []
    states.predict(make_docs([TEXTS[0], "new"]))
    states.predict(make_docs([TEXTS[0], "new"]))
    # Other tokens of the same text are another doc.
    states.predict([Doc(Vocab(), words=["il", "-2", "gene"], spaces=[False, True, False])])
    assert computed == ["new", "il-2 gene"]


def test_processes_that_start_together_share_the_components(path, tmp_path):
    first, second = (HiddenStates(path, size=4, cache=tmp_path) for _ in range(2))
    docs = make_docs()
    first.predict(docs[:1])
    vectors = second.predict(docs)
    again = HiddenStates(path, size=4, cache=tmp_path).predict(docs)
    assert_allclose(again[0], vectors[0], atol=1e-6)
    assert_array_equal(first.basis.components, second.basis.components)


def test_other_weights_and_settings_have_their_own_cache(path, tmp_path):
    other = make_transformer(
        tmp_path / "other", seed=1, num_hidden_layers=3, max_position_embeddings=24
    )
    cache = tmp_path / "cache"
    for name, settings in ((path, {}), (other, {}), (path, {"size": 4}), (path, {"n_layers": 1})):
        HiddenStates(name, cache=cache, **{"size": 5, **settings}).predict(make_docs())
    assert len(list(cache.iterdir())) == 4
    HiddenStates(path, size=5, cache=cache).predict(make_docs())
    assert len(list(cache.rglob("*.vectors"))) == 4
