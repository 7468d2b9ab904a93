"""Components in other pipelines than those that they were trained in."""

import copy
import gc
import pickle
import warnings
import weakref

import numpy as np
import pytest
import spacy
from numpy.testing import assert_allclose
from spacy.lang.en import English
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vectors import Vectors

from util import TINY_MODEL, TINY_TOK2VEC

TEXT = "IL-2 gene and IL-3 gene"
SPANS = [(0, 4, "protein"), (0, 9, "DNA"), (14, 18, "protein"), (14, 23, "DNA")]
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 16}
BIOMEDICAL = {"nlp": {"tokenizer": {"@tokenizers": "spacy_eiou.BiomedicalTokenizer.v1"}}}


def make_tok2vec(nlp):
    nlp.add_pipe("tok2vec", config={"model": TINY_TOK2VEC})


@pytest.fixture(scope="module")
def model_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("origin") / "model"
    nlp = English()
    make_tok2vec(nlp)
    nlp.add_pipe("nested_spancat", config={"model": {**TINY_MODEL, "tok2vec": LISTENER}})
    nlp.initialize(lambda: [Example.from_dict(nlp.make_doc(TEXT), {"spans": {"sc": SPANS}})])
    nlp.to_disk(path)
    return path


@pytest.fixture(autouse=True)
def warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def source(model_path, *names, nlp=None):
    nlp = nlp or English()
    for name in names:
        nlp.add_pipe(name, source=spacy.load(model_path))
    return nlp


def source_together(model_path, nlp=None):
    nlp = nlp or English()
    trained = spacy.load(model_path)
    for name in trained.pipe_names:
        nlp.add_pipe(name, source=trained)
    return nlp


def test_sourced_with_its_encoder(model_path, tmp_path):
    nlp = source_together(model_path)
    nlp(TEXT)
    nlp.to_disk(tmp_path)
    spacy.load(tmp_path)(TEXT)


def test_sourced_without_its_encoder(model_path, tmp_path):
    nlp = source(model_path, "nested_spancat")
    with pytest.warns(
        UserWarning, match=r"\[nested_spancat\].*no token vectors.*replace_listeners"
    ):
        nlp(TEXT)
    # Once is enough
    nlp(TEXT)
    nlp.to_disk(tmp_path)
    with pytest.warns(UserWarning, match=r"no encoder that the component listens to \('\*'\)"):
        spacy.load(tmp_path)


def test_sourced_with_a_copy_of_its_encoder(model_path):
    trained = spacy.load(model_path)
    trained.replace_listeners("tok2vec", "nested_spancat", ["model.tok2vec"])
    nlp = English()
    nlp.add_pipe("nested_spancat", source=trained)
    doc, expected = nlp(TEXT), spacy.load(model_path)(TEXT)
    assert list(map(str, doc.spans["sc"])) == list(map(str, expected.spans["sc"]))


def test_sourced_to_another_encoder(model_path):
    nlp = English()
    make_tok2vec(nlp)
    nlp.initialize()
    source(model_path, "nested_spancat", nlp=nlp)
    with pytest.warns(UserWarning, match="token vectors of another encoder.*Source 'tok2vec'"):
        nlp(TEXT)


def test_sourced_to_another_encoder_with_the_same_vocab(model_path):
    nlp = English()
    make_tok2vec(nlp)
    nlp.initialize()
    trained = spacy.load(model_path, vocab=nlp.vocab)
    nlp.add_pipe("nested_spancat", source=trained)
    with pytest.warns(UserWarning, match="token vectors of another encoder"):
        nlp(TEXT)


def test_docs_of_its_own_pipeline_may_change_on_the_way(model_path):
    @Language.component("change_norms")
    def change_norms(doc):
        for token in doc:
            token.norm_ = "x"
        return doc

    nlp = spacy.load(model_path)
    nlp.add_pipe("change_norms", after="tok2vec")
    nlp(TEXT)
    nlp = spacy.load(model_path)
    nlp(Doc(nlp.vocab, words=["IL", "-2", "gene"]))
    nlp = spacy.load(model_path)
    nlp.add_pipe("change_norms", first=True)
    nlp(TEXT)


def test_trained_with_another_encoder(model_path):
    nlp = English()
    make_tok2vec(nlp)
    nlp.initialize()
    nlp = source(model_path, "nested_spancat", nlp=nlp)
    optimizer = nlp.resume_training()
    nlp.update([Example.from_dict(nlp.make_doc(TEXT), {"spans": {"sc": SPANS}})], sgd=optimizer)
    nlp(TEXT)


def test_sourced_to_a_pipeline_for_longer_texts(model_path):
    nlp = English()
    nlp.max_length = 10**7
    nlp = source_together(model_path, nlp=nlp)
    trained_limit = 10**6
    list(nlp.pipe([f"{TEXT} " * (trained_limit // len(TEXT)), TEXT]))


def test_sourced_to_another_tokenizer(model_path, tmp_path):
    nlp = source_together(model_path, spacy.blank("en", config=BIOMEDICAL))
    with pytest.warns(UserWarning, match=r"other tokens.*\(spacy.Tokenizer.v1, en\)"):
        nlp(TEXT)
    nlp.to_disk(tmp_path)
    message = (
        r"another tokenizer \(spacy.Tokenizer.v1, en\).*\(spacy_eiou.BiomedicalTokenizer.v1, en"
    )
    with pytest.warns(UserWarning, match=message):
        spacy.load(tmp_path)


def test_pipeline_is_freed_after_its_first_docs(model_path):
    nlp = spacy.load(model_path)
    nlp("The pump leaks.")
    reference = weakref.ref(nlp)
    gc.collect()
    gc.disable()
    del nlp
    assert reference() is None
    gc.enable()


def test_copies_do_not_hold_the_pipeline(model_path):
    component = spacy.load(model_path).get_pipe("nested_spancat")
    assert component.origin.nlp is not None
    assert copy.deepcopy(component.origin).nlp is None
    assert pickle.loads(pickle.dumps(component.origin)).nlp is None


@pytest.mark.parametrize("order", [1, -1])
def test_docs_without_word_vectors_beside_others(tmp_path, order):
    """As if all of them were of the pipeline's vocab, whichever comes first."""
    nlp = English()
    words = ["gene", "and", "IL-2"]
    table = np.eye(3, 4, dtype="f")
    nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings, data=table, keys=words)
    embed = {"@architectures": "spacy.MultiHashEmbed.v2", "width": 16, "attrs": ["NORM"]}
    embed.update(rows=[100], include_static_vectors=True)
    encode = {"@architectures": "spacy.MaxoutWindowEncoder.v2", "width": 16, "depth": 1}
    encode.update(window_size=1, maxout_pieces=2)
    model = {"@architectures": "spacy_eiou.Tok2Vec.v1", "embed": embed, "encode": encode}
    nlp.add_pipe("tok2vec", config={"model": model})
    nlp.add_pipe("nested_spancat", config={"model": {**TINY_MODEL, "tok2vec": LISTENER}})
    nlp.initialize(lambda: [Example.from_dict(nlp.make_doc(TEXT), {"spans": {"sc": SPANS}})])
    nlp.to_disk(tmp_path / "model")
    texts = ["strange gene", TEXT]
    tensors = [doc.tensor for doc in nlp.pipe(texts)]
    loaded = spacy.load(tmp_path / "model")
    docs = [English()(texts[0]), loaded.make_doc(texts[1])]
    for doc, tensor in zip(list(loaded.pipe(docs[::order]))[::order], tensors):
        assert_allclose(doc.tensor, tensor, atol=1e-5)
