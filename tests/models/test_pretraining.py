from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import spacy
import srsly
from numpy.testing import assert_allclose, assert_array_equal
from self_training_util import write_data
from spacy.cli.init_config import fill_config
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from spacy.training.pretrain import make_update, pretrain
from spacy.util import fix_random_seed, load_config, registry
from thinc.api import Adam
from transformer_util import OURS, make_nlp, make_transformer

from spacy_eiou.models import build_pretrain_transformer_v1
from spacy_eiou.models.pretraining import squared_error
from spacy_eiou.training import build_adamw_v1, make_vectors
from util import TINY_TOK2VEC

CONFIG_PATH = Path(__file__).parents[2] / "configs" / "few_examples_transformer.cfg"
TEXTS = ["the human il-2 gene moves", "a gene", "human cells\n move the gene"]


@pytest.fixture(scope="module")
def transformer(tmp_path_factory):
    return make_transformer(tmp_path_factory.mktemp("models") / "transformer")


def test_squared_error_leaves_out_what_is_unknown():
    targets = np.asarray([[1, 0], [np.nan, np.nan]], dtype="f")
    loss, gradient = squared_error(np.asarray([[3, 1], [5, 5]], dtype="f"), targets)
    assert loss == 5
    assert_array_equal(gradient, [[2, 1], [0, 0]])


def test_squared_error_tells_of_divergence():
    loss, _ = squared_error(np.full((1, 2), np.nan, dtype="f"), np.zeros((1, 2), dtype="f"))
    assert np.isnan(loss)


def make_model(transformer, **settings):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    tok2vec = registry.resolve({"tok2vec": TINY_TOK2VEC})["tok2vec"]
    tok2vec.initialize(X=[nlp.make_doc(TEXTS[0])])
    model = build_pretrain_transformer_v1(transformer, **settings)(nlp.vocab, tok2vec)
    model.initialize(X=[nlp.make_doc(TEXTS[0])])
    return model


def train_on_texts(model, n_steps):
    """RETURNS: The loss of each step."""
    nlp, optimizer = spacy.blank("en"), Adam(0.02)
    docs = [nlp.make_doc(text) for text in TEXTS]
    return [make_update(model, docs, optimizer, model.attrs["loss"]) for _ in range(n_steps)]


@pytest.mark.slow
def test_the_encoder_learns_the_hidden_states(transformer):
    losses = train_on_texts(make_model(transformer), 60)
    # A constant gets 1 per token with a piece, of which there are 12.
    assert_allclose(losses[0], 12, rtol=0.01)
    assert losses[-1] < 0.2 * losses[0]


def test_the_cache_changes_nothing(transformer, tmp_path):
    expected = train_on_texts(make_model(transformer), 3)
    for _ in range(2):
        losses = train_on_texts(make_model(transformer, cache=tmp_path), 3)
        assert_allclose(losses, expected, rtol=1e-2)


def test_another_transformer_can_be_the_encoder(transformer, tmp_path):
    """It learns from the start, and saves weights that a component loads."""
    nlp = make_nlp(OURS, make_transformer(tmp_path / "student", seed=1))
    encoder = nlp.get_pipe("transformer").model
    model = build_pretrain_transformer_v1(transformer)(nlp.vocab, encoder)
    model.initialize(X=[nlp.make_doc(TEXTS[0])])
    before = encoder.to_bytes()
    docs, optimizer = [nlp.make_doc(text) for text in TEXTS], build_adamw_v1(0.01)
    losses = [make_update(model, docs, optimizer, model.attrs["loss"]) for _ in range(30)]
    assert_allclose(losses[0], 12, rtol=0.01)
    assert losses[-1] < 0.5 * losses[0]
    assert model.get_ref("tok2vec") is encoder
    other = make_nlp(OURS, str(tmp_path / "student"))
    assert other.get_pipe("transformer").model.to_bytes() == before
    other.get_pipe("transformer").model.from_bytes(encoder.to_bytes())
    expected, found = (each(TEXTS[0])._.trf_data.model_output[0] for each in (nlp, other))
    assert_allclose(found, expected, atol=1e-6)


def test_pretraining_needs_the_name_of_a_transformer():
    with pytest.raises(ValueError, match="Expected the name of a transformer"):
        make_model(None)


def test_nothing_but_the_encoder_is_saved(transformer):
    model = make_model(transformer, size=5)
    names = [node.name for node in model.get_ref("tok2vec").walk()]
    assert names == [node.name for node in registry.resolve({"m": TINY_TOK2VEC})["m"].walk()]
    assert model.get_ref("output_layer").predict([np.ones((2, 16), dtype="f")]).shape == (2, 5)


@pytest.mark.slow
def test_a_pipeline_is_trained_with_vectors_and_pretraining(transformer, tmp_path):
    overrides = {**write_data(tmp_path), "paths.raw_text": str(tmp_path / "texts.jsonl")}
    overrides.update({"paths.transformer": transformer, "paths.cache": str(tmp_path / "cache")})
    vectors_path, weights_path = tmp_path / "vectors", tmp_path / "weights"
    config_path = tmp_path / "config.cfg"
    fill_config(config_path, CONFIG_PATH, silent=True)
    make_vectors(
        transformer,
        tmp_path / "texts.jsonl",
        vectors_path,
        config_path=config_path,
        max_megabytes=0.1,
    )
    overrides["paths.vectors"] = str(vectors_path)
    weights_path.mkdir()
    pretrain(load_config(config_path, overrides=overrides).interpolate(), weights_path)
    assert len(list((tmp_path / "cache").rglob("*.vectors"))) == 1
    # The run continues where it was.
    config = load_config(config_path, overrides={**overrides, "pretraining.max_epochs": 25})
    pretrain(config.interpolate(), weights_path, resume_path=weights_path / "model23.bin")
    assert [line["epoch"] for line in srsly.read_jsonl(weights_path / "log.jsonl")][-2:] == [24, 25]
    overrides["paths.init_tok2vec"] = str(weights_path / "model-last.bin")
    # Training needs no transformer.
    overrides.update({"paths.transformer": None, "paths.cache": None})
    nlp = init_nlp(load_config(config_path, overrides=overrides))
    encoder = nlp.get_pipe("tok2vec").model
    assert encoder.to_bytes() == (weights_path / "model-last.bin").read_bytes()
    (tmp_path / "output").mkdir()
    train(nlp, tmp_path / "output", stdout=StringIO(), stderr=StringIO())
    nlp = spacy.load(tmp_path / "output" / "model-best")
    assert nlp.vocab.vectors.shape == (35, 32)
