import pytest
import spacy
from spacy import registry
from spacy.tokens import DocBin
from spacy.training import Example

from spacy_eiou.training import create_mixed_corpus


def make_reader(texts):
    def read(nlp):
        return [Example.from_dict(nlp.make_doc(text), {}) for text in texts]

    return read


def read_texts(gold, silver, gold_share):
    corpus = create_mixed_corpus(make_reader(gold), make_reader(silver), gold_share)
    return [example.text for example in corpus(spacy.blank("xx"))]


def test_without_silver_examples_the_gold_ones_are_left():
    assert read_texts(["a", "b"], [], 0.5) == ["a", "b"]


@pytest.mark.parametrize(
    "gold_share, n_passes", [(0.25, 1), (0.5, 2), (0.6, 3), (0.001, 1), (0.9, 18)]
)
def test_gold_examples_are_repeated_up_to_their_share(gold_share, n_passes):
    texts = read_texts(["g1", "g2"], ["s1", "s2", "s3", "s4"], gold_share)
    assert [text for text in texts if text[0] == "g"] == ["g1", "g2"] * n_passes
    assert [text for text in texts if text[0] == "s"] == ["s1", "s2", "s3", "s4"]
    for n_texts in range(1, len(texts) + 1):
        assert sum(text[0] == "g" for text in texts[:n_texts]) >= gold_share * n_texts


def test_gold_examples_come_among_the_silver_ones():
    assert read_texts(["g1", "g2"], ["s1", "s2", "s3", "s4"], 0.25) == [
        *["g1", "s1", "s2", "s3"],
        *["g2", "s4"],
    ]


def test_each_pass_reads_the_gold_examples_anew():
    counts = iter(range(100))

    def read_gold(nlp):
        return make_reader([f"g{next(counts)}"])(nlp)

    corpus = create_mixed_corpus(read_gold, make_reader(["s", "s", "s"]))
    texts = [example.text for example in corpus(spacy.blank("xx"))]
    assert texts == ["g0", "s", "g1", "s", "g2", "s"]


@pytest.mark.parametrize("gold_share", [0.0, 1.0, -0.1, 1.5])
def test_share_out_of_range(gold_share):
    with pytest.raises(ValueError, match=f"above 0 and below 1, but is {gold_share}"):
        create_mixed_corpus(make_reader([]), make_reader([]), gold_share)


def test_no_gold_examples():
    with pytest.raises(ValueError, match="no gold examples"):
        read_texts([], ["s"], 0.5)


def test_it_mixes_corpora_of_a_config(tmp_path):
    nlp = spacy.blank("xx")
    for name, texts in {"gold": ["g"], "silver": ["s1", "s2"]}.items():
        DocBin(docs=[nlp(text) for text in texts]).to_disk(tmp_path / f"{name}.spacy")
    corpora = {
        name: {
            "@readers": "spacy.Corpus.v1",
            "path": str(tmp_path / f"{name}.spacy"),
            "gold_preproc": False,
        }
        for name in ("gold", "silver")
    }
    block = {"@readers": "spacy_eiou.MixedCorpus.v1", "gold_share": 0.5, **corpora}
    corpus = registry.resolve({"train": block})["train"]
    assert [example.text for example in corpus(nlp)] == ["g", "s1", "g", "s2"]
