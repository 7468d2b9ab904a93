import numpy as np
import pytest
import spacy
from numpy.testing import assert_allclose, assert_array_equal
from thinc.api import Adam, Linear, Relu, chain
from thinc.types import Ragged

from spacy_eiou.models.growth import MARGIN, add_class, can_grow, widen
from spacy_eiou.models.nested_span_categorizer import build_nested_span_categorizer_v1
from util import TINY_TOK2VEC

DOC = spacy.blank("en").make_doc("a b c d e f")
CANDIDATES = Ragged(np.array([(0, 1), (0, 2), (3, 6)], dtype="i"), np.array([3], dtype="i"))


def make_model(scorer):
    tok2vec = spacy.registry.resolve({"tok2vec": TINY_TOK2VEC})["tok2vec"]
    model = build_nested_span_categorizer_v1(tok2vec, scorer, hidden_size=16)
    model.initialize(X=([DOC], CANDIDATES), Y=np.zeros((3, 3), dtype="f"))
    for _, b in [(node, node.get_param("b")) for node in model.walk() if node.has_param("b")]:
        b += 0.5
    return model


@pytest.mark.parametrize("scorer", [Linear(), chain(Relu(8), Linear())], ids=["linear", "chain"])
def test_new_class_stands_before_the_last_one(scorer):
    model = make_model(scorer)
    before = model.predict(([DOC], CANDIDATES))
    assert can_grow(model)
    add_class(model)
    after = model.predict(([DOC], CANDIDATES))
    assert model.get_dim("nO") == model.get_ref("scorer").get_dim("nO") == 4
    assert_array_equal(after[:, [0, 1, 3]], before)
    assert_allclose(after[:, 2], before[:, 2] - MARGIN, rtol=1e-4)


def test_a_larger_model_can_be_saved_and_trained():
    model = make_model(Linear())
    optimizer = Adam(0.01)
    for _ in range(2):
        scores, backprop = model.begin_update(([DOC], CANDIDATES))
        backprop(scores)
        model.finish_update(optimizer)
        add_class(model)
    other = make_model(Linear())
    for _ in range(2):
        add_class(other)
    other.from_bytes(model.to_bytes())
    inputs = ([DOC], CANDIDATES)
    assert_array_equal(other.predict(inputs), model.predict(inputs))


def test_a_model_whose_last_layer_is_another_one_cannot_grow():
    model = make_model(chain(Linear(), Relu(3)))
    assert not can_grow(model)
    with pytest.raises(ValueError, match="Can't add a class"):
        add_class(model)


def test_wider_candidates_begin_as_the_widest_known_ones():
    model = make_model(Linear())
    (node,) = [node for node in model.walk() if node.name == "span_scorer"]
    widths = node.get_param("widths")
    # Those of 1, 2, 3 and 4 or 5 tokens are in the rows 0, 2, 3 and 4.
    widths[:4] = np.arange(4)[:, None]
    widen(model, 3)
    assert_array_equal(widths[:4, 0], [0, 1, 2, 3])
    assert (widths[4:] == 3).all()
