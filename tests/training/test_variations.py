import numpy as np
import pytest
import spacy
import srsly
from self_training_util import CONFIG, make_ruler, write_data
from spacy.tokens import Doc
from spacy.vectors import Vectors
from transformer_util import make_transformer

from spacy_eiou.corpora.docbin import read_docs
from spacy_eiou.training import self_train
from spacy_eiou.training.texts import check_texts
from spacy_eiou.training.variations import (
    N_NEAREST,
    PROBABILITY,
    NearWords,
    count_words,
    write_variations,
)

# Two pairs, each of which has one direction.
VECTORS = {"pump": [1, 0.1], "motor": [2, 0], "leaks": [0, 1], "drips": [0.2, 4]}
PARTNERS = {"pump": "motor", "motor": "pump", "leaks": "drips", "drips": "leaks"}


@pytest.fixture
def nlp():
    nlp = spacy.blank("en")
    data = np.asarray(list(VECTORS.values()), dtype="f")
    nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings, data=data, keys=list(VECTORS))
    return nlp


@pytest.fixture
def texts(tmp_path):
    lines = [{"text": "pump 3 leaks,  badly"}, {"text": 3}, {"text": "pump"}]
    srsly.write_jsonl(tmp_path / "texts.jsonl", lines)
    return check_texts(tmp_path / "texts.jsonl", max_length=1000)


@pytest.mark.parametrize("part", [1, 3, 1000])
def test_nearest_words(nlp, monkeypatch, part):
    monkeypatch.setattr("spacy_eiou.training.variations.WORDS_PER_PART", part)
    monkeypatch.setattr("spacy_eiou.training.variations.N_NEAREST", 1)
    near = NearWords(nlp.vocab, [*VECTORS, "pump"])
    assert near.words == list(VECTORS)
    assert [near.words[row] for (row,) in near.nearest] == list(PARTNERS.values())


def test_near_words_come_in_place_of_others(nlp, monkeypatch):
    monkeypatch.setattr("spacy_eiou.training.variations.N_NEAREST", 1)
    near = NearWords(nlp.vocab, list(VECTORS))
    doc = Doc(
        nlp.vocab,
        words=["pump", "3", "leaks", ",", "drips"],
        spaces=[True, True, False, True, False],
    )
    generator = np.random.default_rng(0)
    varied = [near.vary(doc, generator) for _ in range(2000)]
    assert set(varied) == {
        f"{first} 3 {second}, {third}"
        for first in ("pump", "motor")
        for second in ("leaks", "drips")
        for third in ("leaks", "drips")
    }
    share = sum(text.startswith("motor") for text in varied) / len(varied)
    assert share == pytest.approx(PROBABILITY, abs=0.05)


def test_each_near_word_is_as_likely(nlp):
    words = [f"word{n}" for n in range(N_NEAREST + 5)]
    angles = np.linspace(0, 1, len(words))
    data = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype("f")
    nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings, data=data, keys=words)
    near, generator = NearWords(nlp.vocab, words), np.random.default_rng(0)
    varied = [near.vary(Doc(nlp.vocab, words=["word0"]), generator).strip() for _ in range(4000)]
    counts = {word: varied.count(word) / (4000 * PROBABILITY) for word in set(varied) - {"word0"}}
    assert set(counts) == set(words[1 : N_NEAREST + 1])
    assert all(share == pytest.approx(1 / N_NEAREST, abs=0.03) for share in counts.values())


@pytest.mark.parametrize("words", [[], ["pump"]])
def test_without_other_words_nothing_is_exchanged(nlp, words):
    near = NearWords(nlp.vocab, words)
    assert near.vary(nlp("pump  leaks"), np.random.default_rng(0)) == "pump  leaks"


def test_most_frequent_words(nlp, texts, monkeypatch):
    assert count_words(nlp, texts) == ["pump", "leaks", "badly"]
    monkeypatch.setattr("spacy_eiou.training.variations.MAX_WORDS", 1)
    assert count_words(nlp, texts) == ["pump"]


def test_texts_come_with_their_variations(nlp, texts, tmp_path):
    path = tmp_path / "variations.jsonl"
    written = write_variations(nlp, texts, path, n_variations=3, words=list(VECTORS))
    lines = [line["text"] for line in srsly.read_jsonl(path)]
    assert (written.path, written.n_texts, len(lines)) == (path, 8, 8)
    assert (lines[0], lines[4]) == ("pump 3 leaks,  badly", "pump")
    assert all(" 3 " in line for line in lines[:4])
    assert set(lines[5:]) <= set(VECTORS) | {"badly"}
    assert written.rejected == texts.rejected
    again = write_variations(nlp, texts, path, n_variations=3, words=list(VECTORS))
    assert again == written
    other = write_variations(nlp, texts, path, n_variations=3, words=list(VECTORS), seed=1)
    assert other.checksum != written.checksum


@pytest.mark.slow
def test_teachers_annotate_variations(tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_eiou.training.encoder.MAX_EPOCHS", 20)
    output_path = tmp_path / "output"
    result = self_train(
        CONFIG,
        tmp_path / "texts.jsonl",
        output_path,
        teachers=[make_ruler(tmp_path / "ruler", "gene")],
        transformer=make_transformer(tmp_path / "transformer", words=["protein"]),
        n_variations=4,
        overrides=write_data(tmp_path),
    )
    docs = list(read_docs(result.silver_path, spacy.blank("en").vocab))
    texts = [doc.text for doc in docs]
    assert (result.n_texts, len(texts)) == (30, 30)
    assert texts[::5] == [f"gene {n} moves" for n in range(6)]
    assert any("protein" in text for text in texts)
    assert result.n_spans == {"word": sum(text.split().count("gene") for text in texts)}
    assert texts == [line["text"] for line in srsly.read_jsonl(output_path / "variations.jsonl")]


@pytest.mark.parametrize("n_variations, transformer", [(-1, "some/transformer"), (2, None)])
def test_variations_need_a_transformer(tmp_path, n_variations, transformer):
    with pytest.raises(ValueError, match=f"Expected a transformer for {n_variations} variations"):
        self_train(
            CONFIG,
            tmp_path / "texts.jsonl",
            tmp_path / "output",
            transformer=transformer,
            n_variations=n_variations,
            overrides=write_data(tmp_path),
        )
