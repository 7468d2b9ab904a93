import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from spacy.tokens import Doc
from spacy.vocab import Vocab
from transformer_util import make_docs, make_transformer

from spacy_eiou.models import precision
from spacy_eiou.models.pretrained import Transformer, align

pytestmark = pytest.mark.usefixtures("single_precision")


@pytest.fixture(scope="module")
def transformer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "transformer"
    path = make_transformer(folder, num_hidden_layers=3, max_position_embeddings=24)
    return Transformer(path, n_layers=2)


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


def test_a_folder_that_is_no_transformer(tmp_path):
    with pytest.raises(ValueError, match=r"Can't load the transformer '.*test_a_folder"):
        Transformer(str(tmp_path), n_layers=2)
