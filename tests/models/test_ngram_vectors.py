import pickle

import numpy as np
import pytest
import spacy
from numpy.testing import assert_array_equal
from spacy.vectors import Vectors

from spacy_eiou.models import ngram_vectors
from spacy_eiou.models.ngram_vectors import NGramVectors
from spacy_eiou.models.tok2vec import EmbedDistinctWords

TABLE = np.random.default_rng(0).normal(size=(50, 3)).astype("f")


@pytest.fixture
def vectors():
    strings = spacy.blank("en").vocab.strings
    return Vectors(strings=strings, data=TABLE.copy(), mode="floret", minn=2, maxn=3)


@pytest.fixture
def recorded(vectors):
    """The same vectors, and the words that they are asked for."""
    asked = []

    class Recording(Vectors):
        def get_batch(self, keys):
            asked.append([self.strings[key] for key in keys])
            return super().get_batch(keys)

    settings = dict(strings=vectors.strings, data=vectors.data, mode="floret", minn=2, maxn=3)
    return Recording(**settings), asked


def make_words(vectors, *words):
    return np.asarray([vectors.strings.add(word) for word in words], dtype="uint64")


def test_vectors_are_those_of_spacy(vectors):
    known = NGramVectors()
    for words in (["pump", "seal", "pump"], [], ["seal", "leak", "boiler"], ["pump"]):
        keys = make_words(vectors, *words)
        assert_array_equal(known.get(vectors, keys), vectors.get_batch(keys.tolist()))
        assert known.get(vectors, keys).dtype == "float32"


def test_each_word_is_made_once(recorded):
    vectors, asked = recorded
    known = NGramVectors()
    for words in (["pump", "seal", "pump"], ["seal", "leak"], ["leak", "pump"]):
        known.get(vectors, make_words(vectors, *words))
    assert [sorted(words) for words in asked] == [["pump", "seal"], ["leak"]]


def test_few_words_are_remembered(recorded, monkeypatch):
    monkeypatch.setattr(ngram_vectors, "MAX_WORDS", 2)
    vectors, asked = recorded
    known = NGramVectors()
    for words in (["pump", "seal"], ["seal", "leak"], ["leak"], ["a", "b", "c"]):
        keys = make_words(vectors, *words)
        assert_array_equal(known.get(vectors, keys), super(type(vectors), vectors).get_batch(keys))
    expected = [["pump", "seal"], ["leak", "seal"], ["a", "b", "c"]]
    assert [sorted(words) for words in asked] == expected


def test_another_table_gives_other_vectors(vectors):
    known = NGramVectors()
    keys = make_words(vectors, "pump")
    before = known.get(vectors, keys)
    vectors.data = TABLE[::-1].copy()
    assert_array_equal(known.get(vectors, keys), vectors.get_batch(keys.tolist()))
    assert abs(known.get(vectors, keys) - before).max() > 1e-3


def test_a_pickle_has_no_words(vectors):
    embed = EmbedDistinctWords()
    before = pickle.dumps(embed)
    embed.word_vectors.get(vectors, make_words(vectors, "pump"))
    assert pickle.dumps(embed) == before
