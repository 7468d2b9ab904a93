import re
from pathlib import Path

import numpy as np
import pytest
import spacy
import srsly
from numpy.testing import assert_allclose, assert_array_equal
from spacy.tokens import Doc
from spacy.training.initialize import load_vectors_into_model
from spacy.util import load_config
from spacy.vocab import Vocab
from transformer_util import make_transformer

from spacy_eiou.corpora import CorpusError
from spacy_eiou.files import write_file
from spacy_eiou.models import HiddenStates
from spacy_eiou.training import make_vectors
from spacy_eiou.training.teacher import make_teacher_config
from spacy_eiou.training.vectors import WordMeans, fit_table, make_table

CONFIG = Path(__file__).parents[2] / "configs" / "few_examples_transformer.cfg"
TEXTS = ["the human gene", "", "the gene moves\n", "gene"]


@pytest.fixture(scope="module")
def transformer(tmp_path_factory):
    return make_transformer(tmp_path_factory.mktemp("models") / "transformer")


@pytest.fixture
def texts_path(tmp_path):
    srsly.write_jsonl(tmp_path / "texts.jsonl", [{"text": text} for text in TEXTS] + [{}])
    return tmp_path / "texts.jsonl"


def test_means_over_all_occurrences():
    means = WordMeans(2)
    unknown = [np.nan, np.nan]
    vocab = Vocab()
    means.add(
        [Doc(vocab, words=["a", "b", "a"]), Doc(vocab, words=[])],
        [np.asarray([[1, 0], [0, 1], [3, 2]], dtype="f2"), np.zeros((0, 2), dtype="f2")],
    )
    means.add([Doc(vocab, words=["\n", "c", "b"])], [np.asarray([unknown, [1, 1], [0, 3]])])
    words, vectors, counts = means.get()
    assert words == ["a", "b", "c"]
    assert_array_equal(vectors, [[2, 1], [0, 2], [1, 1]])
    assert_array_equal(counts, [2, 2, 1])


def test_tokens_without_vectors_alone():
    means = WordMeans(2)
    means.add([Doc(Vocab(), words=["\n"])], [np.full((1, 2), np.nan)])
    words, vectors, _ = means.get()
    assert (words, vectors.shape) == ([], (0, 2))


def fit(vectors, n_rows, counts):
    """RETURNS: The table of n-grams, and the share that it keeps."""
    table = make_table(Vocab(), n_rows, 2)
    rows = np.asarray(list(vectors.values()), dtype="f")
    table.data, kept = fit_table(table, list(vectors), rows, np.asarray(counts))
    return table, kept


def test_a_large_table_gives_each_word_its_vector():
    vectors = {"gene": [1.0, 2.0], "genes": [-1.0, 0.5], "cell": [0.0, 3.0]}
    table, kept = fit(vectors, 1000, [1, 5, 2])
    for word, vector in vectors.items():
        table.strings.add(word)
        assert_allclose(table[word], vector, atol=1e-3)
    assert kept == pytest.approx(1)
    # A word that was not there has n-grams of those that were.
    table.strings.add("cells")
    assert table["cells"][1] > 0.5


def test_of_words_that_share_a_row_the_frequent_one_counts_more():
    table, kept = fit({"a": [4.0, 0.0], "b": [0.0, 2.0]}, 1, [16, 1])
    # Weights are 4 and 1: the mean is (4 * 4 + 0, 0 + 2) / 5.
    assert_allclose(table.data, [[3.2, 0.4]], rtol=1e-4)
    left = 4 * (0.8**2 + 0.4**2) + (3.2**2 + 1.6**2)
    assert kept == pytest.approx(1 - left / (4 * 16 + 4))


@pytest.mark.slow
def test_vectors_for_a_pipeline(transformer, texts_path, tmp_path):
    result = make_vectors(
        transformer,
        texts_path,
        tmp_path / "vectors",
        config_path=CONFIG,
        size=5,
        max_megabytes=0.02,
        cache=tmp_path,
    )
    assert (result.n_texts, result.n_tokens, result.n_words) == (3, 7, 4)
    # "gene" has 1 + 4 + 3 + 2 n-grams, "human" and "moves" 1 + 5 + 4 + 3, "the" 1 + 3 + 2 + 1.
    assert result.shape == (10 + 13 + 13 + 7, 5)
    assert result.explained > 0.99
    assert len(result.rejected) == 1
    nlp = spacy.blank("en")
    load_vectors_into_model(nlp, tmp_path / "vectors")
    docs = [nlp.make_doc(text) for text in TEXTS if text]
    states = HiddenStates(transformer, size=5, cache=tmp_path).predict(docs)
    expected = np.mean([states[0][2], states[1][1], states[2][0]], axis=0)
    assert_allclose(docs[0][2].vector, expected, atol=0.05)
    assert nlp.make_doc("genome")[0].vector.any()
    # A later run may replace them.
    make_vectors(transformer, texts_path, tmp_path / "vectors", config_path=CONFIG, size=4)
    assert spacy.load(tmp_path / "vectors").vocab.vectors.shape[1] == 4


def test_words_are_those_of_a_tokenizer_that_initialization_makes(
    transformer, texts_path, tmp_path
):
    base = spacy.blank("en")
    base.tokenizer.add_special_case("gene", [{"ORTH": "ge"}, {"ORTH": "ne"}])
    base.to_disk(tmp_path / "base")
    config = load_config(CONFIG)
    callback = {"@callbacks": "spacy.copy_from_base_model.v1", "tokenizer": str(tmp_path / "base")}
    config["initialize"]["before_init"] = {**callback, "vocab": None}
    config.to_disk(tmp_path / "config.cfg")
    make_vectors(
        transformer, texts_path, tmp_path / "vectors", config_path=tmp_path / "config.cfg", size=3
    )
    made = spacy.load(tmp_path / "vectors")
    assert [token.text for token in made.make_doc("the gene")] == ["the", "ge", "ne"]
    teacher = make_teacher_config(config, "some/transformer")
    assert teacher["initialize"]["before_init"] == config["initialize"]["before_init"]


def test_no_texts_and_no_room(transformer, tmp_path):
    (tmp_path / "texts.txt").write_text("\n\n")
    arguments = (transformer, tmp_path / "texts.txt", tmp_path / "vectors")
    with pytest.raises(CorpusError, match=r"texts\.txt: expected texts, found nothing"):
        make_vectors(*arguments, config_path=CONFIG)
    with pytest.raises(ValueError, match="A vector takes 128 bytes, but the table may have"):
        make_vectors(*arguments, config_path=CONFIG, max_megabytes=0.0001)
    assert not (tmp_path / "vectors").exists()


@pytest.mark.parametrize(
    "output, message",
    [
        (".", "corpus/texts.txt would be lost with "),
        ("corpus", "texts.txt would be lost with "),
        ("corpus/texts.txt", "texts.txt would be lost with "),
        ("cached", "cached/states would be lost with "),
        ("transformers", "transformers/one would be lost with "),
        ("notes", "or one that holds vectors: {path} has a.txt"),
        ("model", "or one that holds vectors: {path} has nested_spancat"),
        ("half", "or one that holds vectors: {path} has other files"),
        ("a.txt", "Expected an output directory: {path} is a file"),
    ],
)
def test_output_replaces_nothing_but_vectors(tmp_path, monkeypatch, output, message):
    names = ["config.cfg", "corpus/texts.txt", "transformers/one", "notes/a.txt", "a.txt"]
    names += ["model/meta.json", "model/vocab/strings.json", "model/nested_spancat/cfg"]
    names += ["half/meta.json"]
    for name in names:
        write_file(tmp_path / name, b"a")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=re.escape(message.format(path=tmp_path / output))):
        make_vectors(
            "transformers/one",
            Path("corpus/texts.txt"),
            Path(output),
            config_path=Path("config.cfg"),
            cache=Path("cached/states"),
        )
    assert all((tmp_path / name).read_bytes() == b"a" for name in names)
