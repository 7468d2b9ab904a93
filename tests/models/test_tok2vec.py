import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose
from spacy.ml.models import tok2vec as spacy_tok2vec
from spacy.tokens import Doc
from spacy.vectors import Vectors
from thinc.api import Model, Ragged

from spacy_eiou.models import build_tok2vec_v1, precision
from spacy_eiou.models.tok2vec import distinct_rows

TEXTS = ["The boiler feed pump seal leaked, and the boiler tripped.", "", "Pump", "the The THE"]


def make_docs(**vectors):
    nlp = spacy.blank("en")
    if vectors:
        nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings, **vectors)
    return [nlp(text) for text in TEXTS]


def embed_hashes():
    return spacy_tok2vec.MultiHashEmbed(8, ["NORM", "SHAPE"], [50, 20], False)


def embed_characters():
    return spacy_tok2vec.CharacterEmbed(8, 50, 4, 4, False)


def encode_window():
    return spacy_tok2vec.MaxoutWindowEncoder(8, window_size=1, maxout_pieces=3, depth=2)


def build(builder, embedding):
    embed = {"hashes": embed_hashes, "characters": embed_characters}[embedding]()
    build = {"spacy": spacy_tok2vec.build_Tok2Vec_model, "spacy_eiou": build_tok2vec_v1}[builder]
    model = build(embed, encode_window())
    model.initialize(X=make_docs())
    return model


@pytest.mark.parametrize("embedding", ["hashes", "characters"])
@pytest.mark.parametrize("is_train", [True, False])
def test_weights_of_spacy_give_the_vectors_of_spacy(embedding, is_train):
    check_same_vectors(build("spacy", embedding), build("spacy_eiou", embedding), is_train)


def check_same_vectors(expected, model, is_train=False):
    docs = make_docs()
    model.from_bytes(expected.to_bytes())
    for vectors, expected_vectors in zip(model(docs, is_train)[0], expected(docs, is_train)[0]):
        assert_allclose(vectors, expected_vectors, rtol=1e-4, atol=1e-5)


FEW = np.random.default_rng(0).normal(size=(20, 3)).astype("f")


@pytest.mark.parametrize("is_train", [True, False])
@pytest.mark.parametrize(
    "vectors",
    [
        {"data": FEW[:2], "keys": ["boiler", "The"]},
        {"data": FEW[:2], "keys": ["boiler", "the"], "attr": "LOWER"},
        {"data": FEW, "mode": "floret", "minn": 2, "maxn": 3},
    ],
    ids=["words", "lower", "n-grams"],
)
def test_static_vectors_give_the_vectors_of_spacy(vectors, is_train):
    docs, models = make_docs(**vectors), []
    for build in (spacy_tok2vec.build_Tok2Vec_model, build_tok2vec_v1):
        embed = spacy_tok2vec.MultiHashEmbed(8, ["NORM", "SHAPE"], [50, 20], True)
        models.append(build(embed, encode_window()))
        models[-1].initialize(X=docs)
    expected, model = models
    model.from_bytes(expected.to_bytes())
    assert expected.layers[0]._func is not model.layers[0]._func
    for rows, expected_rows in zip(model(docs, is_train)[0], expected(docs, is_train)[0]):
        assert_allclose(rows, expected_rows, rtol=1e-4, atol=1e-5)


def test_static_vectors_of_docs_of_several_vocabs():
    docs = make_docs(data=FEW[:2], keys=["boiler", "The"])
    embed = spacy_tok2vec.MultiHashEmbed(8, ["NORM", "SHAPE"], [50, 20], True)
    model = build_tok2vec_v1(embed, encode_window())
    model.initialize(X=docs)
    words = [token.text for token in docs[0]]
    # Those of the first vocab count, as with spaCy.
    same = Doc(spacy.blank("en").vocab, words=words, spaces=[bool(t.whitespace_) for t in docs[0]])
    other = spacy.blank("en")("An unknown valve.")
    first, second, _ = model.predict([docs[0], same, other])
    assert_allclose(second, first)
    assert_allclose(first, model.predict(docs)[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "vectors",
    [
        {"data": FEW[:2], "keys": ["boiler", "unknown"]},
        {"data": FEW[:2], "keys": ["boiler", "unknown"], "attr": "LOWER"},
        {"data": FEW, "mode": "floret", "minn": 2, "maxn": 3},
    ],
    ids=["words", "lower", "n-grams"],
)
def test_docs_of_other_vocabs_get_the_vectors_of_the_one_that_has_them(vectors):
    docs = make_docs(**vectors)
    embed = spacy_tok2vec.MultiHashEmbed(8, ["NORM", "SHAPE"], [50, 20], True)
    model = build_tok2vec_v1(embed, encode_window())
    model.initialize(X=docs)

    def make_other():
        # Words that only its vocab has, one that ours has too, and none.
        nlp = spacy.blank("en")
        return [nlp("Unknown valves of the boiler"), nlp("")]

    batches = [docs[:1] + make_other(), make_other() + docs[:1], [docs[1], *make_other()]]
    found = [
        next(rows for rows, doc in zip(model.predict(batch), batch) if doc.text[:1] == "U")
        for batch in batches
    ]
    (expected,) = model.predict([Doc(docs[0].vocab, words=[t.text for t in make_other()[0]])])
    for rows in found:
        assert_allclose(rows, expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="Expected at least one doc whose vocab has"):
        model.predict(make_other())


def test_n_grams_are_read_of_words_that_the_table_does_not_know():
    docs = make_docs(data=FEW, mode="floret", minn=2, maxn=3)
    embed = spacy_tok2vec.MultiHashEmbed(8, ["NORM", "SHAPE"], [50, 20], True)
    model = build_tok2vec_v1(embed, encode_window())
    model.initialize(X=docs)
    # The table has the strings of the vocab that it was given to last.
    other = spacy.blank("en")
    other.vocab.vectors = docs[0].vocab.vectors
    doc = Doc(docs[0].vocab, words=["Unknown", "valves"])
    assert_allclose(model.predict([doc])[0], model.predict([other("Unknown valves")])[0])


@pytest.mark.parametrize("embedding", ["hashes", "characters"])
def test_spacy_loads_what_was_saved(embedding):
    model, expected = build("spacy_eiou", embedding), build("spacy", embedding)
    assert expected.from_bytes(model.to_bytes()).to_bytes() == model.to_bytes()


def test_it_learns_as_spacy_does():
    gradients = []
    expected = build("spacy", "hashes")
    for model in (expected, build("spacy_eiou", "hashes").from_bytes(expected.to_bytes())):
        vectors, backprop = model.begin_update(make_docs())
        backprop([np.cos(vector) for vector in vectors])
        gradients.append([node.get_grad(name) for node in model.walk() for name in node.grad_names])
    assert len(gradients[0]) == 2 + 3 * 4
    for of_spacy, of_ours in zip(*gradients):
        assert_allclose(of_ours, of_spacy, rtol=1e-3, atol=1e-4)


def make_precise_and_rounded():
    precise = build("spacy_eiou", "hashes")
    rounded = build_tok2vec_v1(embed_hashes(), encode_window(), cpu_bfloat16=True)
    rounded.initialize(X=make_docs())
    return precise, rounded.from_bytes(precise.to_bytes())


def test_predictions_in_16_bits_are_nearly_the_same(monkeypatch):
    monkeypatch.setattr(precision, "has_bfloat16", lambda: True)
    precise, rounded = make_precise_and_rounded()
    vectors, others = (np.vstack(model.predict(make_docs())) for model in (precise, rounded))
    assert others.dtype == np.float32
    assert 1e-4 < np.linalg.norm(others - vectors) / np.linalg.norm(vectors) < 0.02


@pytest.mark.parametrize("is_train", [True, False])
def test_training_and_other_cpus_compute_in_single_precision(is_train, monkeypatch):
    monkeypatch.setattr(precision, "has_bfloat16", lambda: is_train)
    precise, rounded = make_precise_and_rounded()
    for vectors, others in zip(
        precise(make_docs(), is_train)[0], rounded(make_docs(), is_train)[0]
    ):
        np.testing.assert_array_equal(vectors, others)


def test_a_token_attribute_sets_apart_what_is_spelt_alike():
    model = build("spacy_eiou", "hashes")
    doc, other = make_docs()[0], make_docs()[0]
    other[1].norm_ = "kettle"
    vectors, other_vectors = model.predict([doc, other])
    assert abs(vectors[1] - other_vectors[1]).max() > 1e-3


def test_a_doc_without_tokens():
    (vectors,) = build("spacy_eiou", "hashes").predict(make_docs()[1:2])
    assert vectors.shape == (0, 8)


def let_neighbours_matter(layer):
    """Wrap a layer in one that a user could write, with the same name."""

    def forward(model, X, is_train):
        Y, backprop = model.layers[0](X, is_train)
        vectors = Y.dataXd if isinstance(Y, Ragged) else Y
        vectors[1:] += vectors[:-1]
        return Y, backprop

    def init(model, X=None, Y=None):
        model.layers[0].initialize(X, Y)

    return Model(layer.name, forward, init=init, layers=[layer])


@pytest.mark.parametrize("name", ["with_array(maxout>>layernorm>>dropout)", "maxout"])
def test_an_embedding_with_a_layer_of_the_user_is_left_alone(name):
    models = []
    for build in (spacy_tok2vec.build_Tok2Vec_model, build_tok2vec_v1):
        embed = embed_hashes()
        names = [layer.name for layer in embed.layers]
        (layer,) = [layer for layer in embed.walk() if layer.name == name]
        embed.replace_node(layer, let_neighbours_matter(layer))
        assert [layer.name for layer in embed.layers] == names
        models.append(build(embed, encode_window()))
        models[-1].initialize(X=make_docs())
    check_same_vectors(*models)


@given(arrays("uint64", st.tuples(st.integers(0, 20), st.just(2)), elements=st.integers(0, 3)))
def test_distinct_rows(features):
    rows, kinds = distinct_rows(features)
    assert len(rows) == len({tuple(row) for row in features.tolist()})
    np.testing.assert_array_equal(features[rows][kinds], features)
