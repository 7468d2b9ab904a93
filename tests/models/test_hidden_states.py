import os
from typing import List
from unittest.mock import Mock

import numpy as np
import pytest
import spacy
import torch
from numpy.testing import assert_allclose, assert_array_equal
from spacy.tokens import Doc
from spacy.vocab import Vocab
from transformer_util import make_transformer

from spacy_eiou.models import HiddenStates, precision
from spacy_eiou.models.hidden_states import Basis, Transformer, VectorStore, align

TEXTS = ["il-2 gene", "", "the human\n il-2  gene moves", "\n", "a"]


@pytest.fixture(autouse=True)
def single_precision(monkeypatch):
    """A CPU without instructions for less."""
    monkeypatch.setattr(precision, "has_bfloat16", lambda: False)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "transformer"
    return make_transformer(folder, num_hidden_layers=3, max_position_embeddings=24)


@pytest.fixture(scope="module")
def transformer(path):
    return Transformer(path, n_layers=2)


def make_docs(texts=TEXTS):
    nlp = spacy.blank("en")
    return [nlp.make_doc(text) for text in texts]


def test_components_of_a_known_distribution():
    # Variance 4 along (3, 4) / 5, and 1 across it; the mean is (1, 2).
    along, across = np.asarray([3, 4]) / 5, np.asarray([-4, 3]) / 5
    vectors = np.asarray([1, 2]) + np.stack([2 * along, -2 * along, across, -across])
    basis = Basis.fit(vectors.astype("f"), 1)
    assert_allclose(basis.mean, [1, 2], atol=1e-6)
    # Variances are 2 and 0.5, so that the first direction has 4 of 5 parts of it.
    projected = basis.project(vectors.astype("f"))
    assert_allclose(abs(projected[:, 0]), [2 / 2.5**0.5] * 2 + [0, 0], atol=1e-6)
    assert_allclose((projected**2).sum(axis=1).mean(), 0.8, rtol=1e-6)


def test_vectors_that_do_not_vary():
    basis = Basis.fit(np.ones((3, 2), dtype="f"), 2)
    assert_array_equal(basis.project(np.ones((3, 2), dtype="f")), np.zeros((3, 2)))
    other = np.array([[1.0, 3.0]], dtype="f")
    assert abs(basis.project(other)).max() == pytest.approx(2)


def test_a_cache_that_begins_with_few_tokens_is_told(path, tmp_path):
    with pytest.warns(UserWarning, match="found from 1 tokens alone"):
        HiddenStates(path, size=5, cache=tmp_path).predict(make_docs(["gene"]))


@pytest.mark.parametrize(
    "offsets, expected",
    [
        ([(0, 0), (0, 2), (2, 3), (0, 0)], [(1, 0), (2, 1)]),  # special pieces are empty
        ([(0, 1), (1, 2)], [(0, 0), (1, 0)]),  # two pieces of a token
        ([(1, 6)], [(0, 0), (0, 1), (0, 2)]),  # a piece of three tokens
        ([(3, 6)], [(0, 2)]),  # a piece that begins with a space
        ([(3, 4)], []),  # a space alone
        ([], []),
    ],
)
def test_pieces_belong_to_the_tokens_that_they_overlap(offsets, expected):
    doc = Doc(Vocab(), words=["ab", "c", "def"], spaces=[False, True, False])
    pairs = align(np.asarray(offsets, dtype=int).reshape(-1, 2), doc)
    assert list(zip(*(values.tolist() for values in pairs))) == expected


def test_a_token_is_the_mean_of_its_pieces_and_of_the_last_layers(transformer):
    doc = Doc(Vocab(), words=["ab", "c"])
    pieces = transformer.tokenizer("ab c", return_tensors="pt")
    with torch.no_grad():
        states = transformer.model(**pieces, output_hidden_states=True).hidden_states
    assert len(states) == 4
    expected = (states[2][0] + states[3][0]) / 2
    vectors = transformer.predict([doc])
    assert_allclose(vectors[0], expected[1:3].mean(dim=0), atol=1e-5)
    assert_allclose(vectors[1], expected[3], atol=1e-5)


def test_half_of_the_time_costs_little_precision(transformer, monkeypatch):
    exact = transformer.predict(make_docs())
    monkeypatch.setattr(precision, "has_bfloat16", lambda: True)
    rounded = transformer.predict(make_docs())
    assert rounded.dtype == exact.dtype
    assert_allclose(rounded, exact, atol=0.01)
    assert np.nanmax(abs(rounded - exact)) > 1e-6


def test_other_docs_of_a_batch_change_nothing(transformer):
    docs = make_docs()
    single = np.concatenate([transformer.predict([doc]) for doc in docs])
    assert_allclose(transformer.predict(docs), single, atol=1e-5)


def test_tokens_without_pieces_have_no_vector(transformer):
    (doc,) = make_docs(["a \n b"])
    assert [token.text for token in doc] == ["a", "\n ", "b"]
    assert np.isnan(transformer.predict([doc])).all(axis=1).tolist() == [False, True, False]


def test_no_token_of_a_long_text_is_lost(transformer):
    """The model takes 24 pieces, of which two are special."""
    assert transformer.max_window == 24
    doc = Doc(Vocab(), words=["ab"] * 200)
    vectors = transformer.predict([doc])
    assert vectors.shape == (200, 32)
    assert not np.isnan(vectors).any()
    # A word that begins a window is as in a text that ends with the window.
    assert_allclose(
        vectors[0], transformer.predict([Doc(Vocab(), words=["ab"] * 11)])[0], atol=1e-5
    )


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


@pytest.mark.parametrize("has_links", [True, False])
def test_the_components_of_the_first_process_are_kept(tmp_path, monkeypatch, has_links):
    if not has_links:
        monkeypatch.setattr(os, "link", Mock(side_effect=OSError))
    bases = [Basis(np.zeros(2), np.full((2, 1), number)) for number in (1.0, 2.0)]
    for basis in bases:
        kept = VectorStore(tmp_path, 1).keep_basis(basis)
        assert_array_equal(kept.components, [[1], [1]])
    assert [path.name for path in tmp_path.iterdir()] == ["basis.npy"]


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


@pytest.mark.parametrize("n_lost", [1, 20, 32, 33, 50])
def test_what_a_killed_process_left_unfinished_is_computed_again(tmp_path, n_lost):
    docs = [Doc(Vocab(), words=words) for words in (["a"], ["b", "c"])]
    rows = [np.full((len(doc), 3), number, dtype="f2") for number, doc in enumerate(docs)]
    store = VectorStore(tmp_path, 3)
    store.add(docs, rows)
    data = store.file.read_bytes()
    # A key, a number and three values per token
    assert len(data) == (20 + 1 * 6) + (20 + 2 * 6)
    store.file.write_bytes(data[: len(data) - n_lost])
    again = VectorStore(tmp_path, 3)
    assert [doc in again for doc in docs] == [n_lost <= 32, False]
    again.add(docs[1:], rows[1:])
    assert_array_equal(VectorStore(tmp_path, 3)[docs[1]], rows[1])


def test_a_folder_that_is_no_transformer(tmp_path):
    with pytest.raises(ValueError, match=r"Can't load the transformer '.*test_a_folder"):
        HiddenStates(str(tmp_path))
