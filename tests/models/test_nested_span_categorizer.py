import subprocess
import sys

import numpy as np
import pytest
import spacy
from numpy.testing import assert_allclose, assert_array_equal
from spacy import registry
from spacy.lang.en import English
from spacy.ml.models import MaxoutWindowEncoder, MultiHashEmbed, build_Tok2Vec_model
from spacy.training import Example
from spacy.util import fix_random_seed
from thinc.api import Linear, Ragged, set_dropout_rate

from spacy_eiou.models import build_nested_span_categorizer_v1

ARCHITECTURE = "spacy_eiou.NestedSpanCategorizer.v1"
TOK2VEC = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "pretrained_vectors": None,
    "width": 32,
    "depth": 2,
    "embed_size": 300,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": True,
}
TRAIN_DATA = [
    ("Who is Shaka Khan?", [(7, 17, "PERSON")]),
    ("I like London and Berlin.", [(7, 13, "LOC"), (18, 24, "LOC")]),
]
DOCS = [English()(text) for text in ["I like London and Berlin", "", "London"]]
CANDIDATES = Ragged(
    np.asarray([(2, 3), (2, 5), (0, 5), (0, 1)], dtype="i"), np.asarray([3, 0, 1], dtype="i")
)


def make_model(seed=0):
    fix_random_seed(seed)
    tok2vec = build_Tok2Vec_model(
        MultiHashEmbed(16, ["NORM", "SHAPE"], [100, 50], False), MaxoutWindowEncoder(16, 1, 2, 1)
    )
    return build_nested_span_categorizer_v1(tok2vec, Linear(), hidden_size=12)


def make_initialized_model(seed=0):
    model = make_model(seed)
    model.initialize((DOCS, CANDIDATES), np.zeros((4, 3), dtype="f"))
    model.get_ref("scorer").set_param("W", np.random.normal(size=(3, 12)).astype("f"))
    return model


def test_dimensions_and_references():
    model = make_model()
    assert not model.has_dim("nO")
    model = make_initialized_model()
    assert model.get_dim("nO") == 3
    assert model.get_ref("tok2vec").get_dim("nO") == 16
    assert model.get_ref("scorer").get_dim("nI") == 12
    assert model.predict((DOCS, CANDIDATES)).shape == (4, 3)


def test_serialization():
    model = make_initialized_model()
    loaded = make_model(seed=1).from_bytes(model.to_bytes())
    scores = model.predict((DOCS, CANDIDATES))
    assert_array_equal(loaded.predict((DOCS, CANDIDATES)), scores)


def test_backprop_reaches_all_parameters():
    model = make_initialized_model()
    set_dropout_rate(model, 0.1)
    scores, backprop = model.begin_update((DOCS, CANDIDATES))
    backprop(np.random.normal(size=scores.shape).astype("f"))
    names = {(node.name, name) for node in model.walk() for name in node.param_names}
    learned = {
        (node.name, name)
        for node in model.walk()
        for name in node.param_names
        if node.has_grad(name) and node.get_grad(name).any()
    }
    assert names == learned
    assert ("span_scorer", "widths") in names


def test_a_doc_gets_the_same_scores_in_any_batch():
    model = make_initialized_model()
    together = model.predict((DOCS, CANDIDATES))
    assert_allclose(model.predict((DOCS[:1], CANDIDATES[0])), together[:3], atol=1e-5)
    assert_allclose(model.predict((DOCS[2:], CANDIDATES[2])), together[3:], atol=1e-5)


@pytest.mark.parametrize(
    "factory,scorer",
    [
        ("spancat", {"@layers": "spacy.LinearLogistic.v1"}),
        ("spancat_singlelabel", {"@layers": "Softmax.v2"}),
    ],
)
def test_span_categorizers_of_spacy_train_with_the_architecture(factory, scorer):
    fix_random_seed(0)
    nlp = English()
    model = {"@architectures": ARCHITECTURE, "tok2vec": TOK2VEC, "scorer": scorer}
    nlp.add_pipe(factory, config={"model": model})
    examples = [
        Example.from_dict(nlp.make_doc(text), {"spans": {"sc": spans}})
        for text, spans in TRAIN_DATA
    ]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    assert nlp.evaluate(examples)["spans_sc_f"] == 1.0


def test_architecture_is_registered():
    assert registry.architectures.get(ARCHITECTURE) is build_nested_span_categorizer_v1


WITHOUT_NUMBA = """
import sys
sys.modules["numba"] = None
import numpy, spacy
nlp = spacy.load(sys.argv[1])
numpy.save(sys.argv[2], nlp(sys.argv[3]).spans["sc"].attrs["scores"])
nlp.to_disk(sys.argv[4])
"""


@pytest.mark.parametrize("hidden_size", [0, -1])
def test_width_is_positive(hidden_size):
    with pytest.raises(ValueError, match=f"at least 1, not {hidden_size}"):
        build_nested_span_categorizer_v1(Linear(2, 2), Linear(2, 2), hidden_size)


@pytest.mark.slow
def test_numba_is_not_needed_to_load_predict_and_save(tmp_path):
    nlp = English()
    nlp.add_pipe("nested_spancat", config={"threshold": 0.0})
    text, spans = TRAIN_DATA[1]
    nlp.initialize(lambda: [Example.from_dict(nlp.make_doc(text), {"spans": {"sc": spans}})])
    nlp.to_disk(tmp_path / "with")
    args = tmp_path / "with", tmp_path / "scores.npy", text, tmp_path / "without"
    subprocess.run([sys.executable, "-c", WITHOUT_NUMBA, *args], check=True)
    for model in ("with", "without"):
        scores = spacy.load(tmp_path / model)(text).spans["sc"].attrs["scores"]
        assert len(scores) == 6
        assert_allclose(np.load(tmp_path / "scores.npy"), scores, rtol=1e-4)


@pytest.mark.slow
def test_importing_the_package_imports_no_numba():
    code = "import sys, spacy_eiou.models, spacy_eiou.pipeline; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
