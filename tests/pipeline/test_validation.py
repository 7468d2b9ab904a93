import pickle
import shutil
import warnings

import numpy as np
import pytest
import spacy
import srsly
import torch
from catalogue import RegistryError
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from spacy.lang.en import English
from spacy.training import Example
from thinc.api import Config

from spacy_eiou.pipeline.validation import check_score_weights
from util import TINY_MODEL, TINY_TOK2VEC

SPANS = [(0, 4, "protein"), (0, 9, "DNA"), (14, 18, "protein"), (14, 23, "DNA")]
TEXT = "IL-2 gene and IL-3 gene"


def make_nlp(spans=SPANS, labels=None, spans_key="sc", **config):
    """RETURNS: A tiny pipeline with the component, initialized with one example."""
    nlp = English()
    component = nlp.add_pipe("nested_spancat", config={"model": TINY_MODEL, **config})
    if labels is not None:
        nlp.config["initialize"]["components"]["nested_spancat"] = {"labels": labels}
    example = Example.from_dict(nlp.make_doc(TEXT), {"spans": {spans_key: spans}})
    nlp.initialize(lambda: [example])
    return nlp, component


def get_scores(nlp):
    return nlp.get_pipe("nested_spancat").predict([nlp.make_doc(TEXT)])[1]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model"
    make_nlp()[0].to_disk(path)
    return path


@pytest.fixture(scope="module")
def saved_bytes(saved):
    return spacy.load(saved).get_pipe("nested_spancat").to_bytes(exclude=["vocab"])


@pytest.fixture(scope="module")
def component():
    return English().add_pipe("nested_spancat", config={"model": TINY_MODEL})


@pytest.fixture
def model_path(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "model")


# Training data


@pytest.mark.parametrize(
    "data,message",
    [
        ({"spans_key": "genes"}, r"under the key 'sc', the setting.*data: 'genes' \(4 spans\)\.$"),
        ({"spans": []}, r"under the key 'sc'.*in the data: 'sc' \(0 spans\)"),
        ({"spans": [], "labels": ["DNA"]}, "under the key 'sc'"),
    ],
)
def test_no_gold_spans(data, message):
    with pytest.raises(ValueError, match=rf"^\[nested_spancat\] No training example.*{message}"):
        make_nlp(**data)


def test_entities_that_are_no_spans():
    nlp = English()
    nlp.add_pipe("nested_spancat", config={"model": TINY_MODEL})
    example = Example.from_dict(nlp.make_doc(TEXT), {"entities": [(0, 4, "protein")]})
    message = r"the 1 entities are in doc.ents. Copy them: doc.spans\['sc'\] = list\(doc.ents\)"
    with pytest.raises(ValueError, match=message):
        nlp.initialize(lambda: [example])


def test_labels_given_without_annotation_at_all():
    nlp = English()
    component = nlp.add_pipe("nested_spancat", config={"model": TINY_MODEL})
    example = Example.from_dict(nlp.make_doc(TEXT), {})
    with pytest.raises(ValueError, match=r"Spans keys in the data: none\."):
        component.initialize(lambda: [example], nlp=nlp, labels=["DNA"])


def test_labels_given_lack_some_of_the_data():
    message = r"^\[nested_spancat\] .*'protein' \(2 spans\)\. They are: DNA, RNA\. Add"
    with pytest.raises(ValueError, match=message):
        make_nlp(labels=["DNA", "RNA"])


def test_labels_given_beside_labels_added():
    nlp = English()
    component = nlp.add_pipe("nested_spancat", config={"model": TINY_MODEL})
    component.add_label("protein")
    example = Example.from_dict(nlp.make_doc(TEXT), {"spans": {"sc": SPANS}})
    component.initialize(lambda: [example], nlp=nlp, labels=["DNA", "RNA"])
    assert component.labels == ("protein", "DNA", "RNA")


def test_labels_with_a_single_example_are_listed_in_one_warning():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make_nlp([*SPANS, (5, 9, "noun"), (10, 13, "and")])
    assert [str(warning.message) for warning in caught] == [
        "[nested_spancat] 2 of 4 labels have a single training example: 'noun', 'and'."
    ]


def test_all_gold_spans_out_of_reach():
    suggester = {"@misc": "spacy.ngram_suggester.v1", "sizes": [9]}
    with pytest.raises(ValueError, match=r"^\[nested_spancat\] 4 of 4 gold spans \(100.0%\) can"):
        make_nlp(suggester=suggester)


@pytest.mark.parametrize("layer", ["spacy.LinearLogistic.v1", "Softmax.v2"])
def test_scorer_of_probabilities(layer):
    with pytest.raises(ValueError, match="gives probabilities, but the loss expects logits"):
        make_nlp(model={**TINY_MODEL, "scorer": {"@layers": layer}})


def test_spans_keys_whose_scores_have_the_same_names():
    nlp = spacy.blank("en")
    for key in ("sc", "sc_inner", "sc_x"):
        nlp.add_pipe("nested_spancat", name=key, config={"spans_key": key, "model": TINY_MODEL})
    spans = {key: SPANS for key in nlp.pipe_names}
    example = Example.from_dict(nlp.make_doc(TEXT), {"spans": spans})
    with pytest.warns(UserWarning, match=r"^\[sc\] .* keys 'sc' and 'sc_inner'") as caught:
        nlp.initialize(lambda: [example])
    assert sum("have the same names" in str(warning.message) for warning in caught) == 1


def test_two_components_of_one_spans_key():
    nlp = spacy.blank("en")
    for name in ("first", "second"):
        nlp.add_pipe("nested_spancat", name=name, config={"model": TINY_MODEL})
    example = Example.from_dict(nlp.make_doc(TEXT), {"spans": {"sc": SPANS}})
    with pytest.warns(UserWarning, match=r"^\[second\] Another component .* the key 'sc' as well"):
        nlp.initialize(lambda: [example])


def test_thresholds_of_labels_that_are_none():
    nlp, component = make_nlp()
    component.cfg["label_thresholds"] = {"DNA": 0.5, "protien": 0.9}
    with pytest.warns(UserWarning, match="labels that the component does not have: protien"):
        nlp(TEXT)


WEIGHTS = {"spans_sc_f": 1.0, "spans_sc_p": 0.0}


@pytest.mark.parametrize(
    "config",
    [
        {"paths": {"train": "a.spacy"}, "training": {"score_weights": WEIGHTS}},
        {"paths": {"train": "a.spacy"}, "training": {"score_weights": {"spans_x_f": 0.0}}},
        {"paths": {"train": "a.spacy"}, "training": {"score_weights": {"spans_x_f": None}}},
        {"paths": {"train": "a.spacy"}, "training": {"score_weights": {"spans_xy_f": 1.0}}},
        {"paths": {"train": "a.spacy"}},
    ],
)
def test_score_weights_look_at_another_key(config):
    message = (
        r"^\[cat\] No score of the spans key 'x'.*\[training.score_weights\].*spans_x_f = 1.0$"
    )
    with pytest.warns(UserWarning, match=message):
        check_score_weights("cat", "x", Config(config))


@pytest.mark.parametrize(
    "config",
    [
        {"paths": {"train": "a.spacy"}, "training": {"score_weights": {"spans_x_macro_f": 0.5}}},
        {"paths": {"train": None}, "training": {"score_weights": WEIGHTS}},
        {"training": {"score_weights": WEIGHTS}},
        {},
    ],
)
def test_score_weights_that_need_no_warning(config):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_score_weights("cat", "x", Config(config))


def test_score_weights_are_checked_before_training():
    nlp = English.from_config({"paths": {"train": "train.spacy"}})
    config = {"model": TINY_MODEL, "spans_key": "genes"}
    nlp.add_pipe("nested_spancat", config=config)
    example = Example.from_dict(nlp.make_doc(TEXT), {"spans": {"genes": SPANS}})
    with pytest.warns(UserWarning, match="spans_genes_f = 1.0"):
        nlp.initialize(lambda: [example])


# Predictions


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_probabilities_that_are_no_numbers(value):
    nlp, component = make_nlp()
    component.model.get_ref("scorer").get_param("b")[0] = value
    with pytest.raises(ValueError, match=r"^\[nested_spancat\] The model gives probabilities"):
        nlp(TEXT)


@pytest.mark.parametrize(
    "settings,message",
    [
        ({"threshold": 1.01}, "The threshold must be from 0 to 1, but is 1.01"),
        ({"threshold": -0.5}, "The threshold must be from 0 to 1, but is -0.5"),
        ({"label_thresholds": {"DNA": 2}}, "of the label 'DNA' must be from 0 to 1, but is 2"),
        ({"overlap": "all"}, "overlap = 'all'.*any, nested, flat"),
        ({"threshold": True}, "The threshold must be from 0 to 1, but is True"),
        ({"threshold": "0.5"}, "The threshold must be from 0 to 1, but is '0.5'"),
        ({"max_positive": 0}, "max_positive must be at least 1, or null for no limit, but is 0"),
        ({"spans_key": None}, "The spans key must be a text, but is None"),
        ({"max_width": -3}, "max_width must be at least 1, or null to learn it, but is -3"),
        ({"max_width": "3"}, "max_width must be at least 1, or null to learn it, but is '3'"),
        ({"max_width": 2.5}, "max_width must be at least 1, or null to learn it, but is 2.5"),
    ],
)
def test_setting_out_of_range_is_found_when_used_and_when_loaded(tmp_path, settings, message):
    nlp, component = make_nlp()
    component.cfg.update(settings)
    with pytest.raises(ValueError, match=rf"\[nested_spancat\] .*{message}"):
        nlp(TEXT)
    data = component.to_bytes()
    nlp.to_disk(tmp_path)
    with pytest.raises(ValueError, match=rf"\[nested_spancat\] .*{message}"):
        spacy.load(tmp_path)
    with pytest.raises(ValueError, match=rf"\[nested_spancat\] .*{message}"):
        make_nlp()[1].from_bytes(data)


# Damaged files


@pytest.mark.parametrize("name", ["cfg", "model"])
def test_missing_file(model_path, name):
    (model_path / "nested_spancat" / name).unlink()
    with pytest.raises(ValueError, match=rf"\[nested_spancat\] Can't load.*nested_spancat.*{name}"):
        spacy.load(model_path)


def test_settings_of_a_model_with_other_labels(model_path):
    other, _ = make_nlp([(0, 4, "A"), (5, 9, "B"), (10, 13, "C")])
    other.get_pipe("nested_spancat").to_disk(model_path / "other")
    (model_path / "other" / "cfg").replace(model_path / "nested_spancat" / "cfg")
    (model_path / "nested_spancat" / "checksums.json").unlink()
    message = "The model tells 2 labels apart, but the file 'cfg' has 3"
    with pytest.raises(ValueError, match=message):
        spacy.load(model_path)


@pytest.mark.parametrize(
    "labels,message",
    [
        (["DNA", "protein"], None),
        (["protein", "DNA"], None),
        (["DNA", "DNA"], "must be distinct"),
        ([1, 2], "must be a list of strings"),
        ("ab", "must be a list of strings"),
    ],
)
def test_other_labels_never_load(model_path, labels, message):
    path = model_path / "nested_spancat" / "cfg"
    cfg = srsly.read_json(path)
    if labels == cfg["labels"]:
        spacy.load(model_path)
        return
    srsly.write_json(path, {**cfg, "labels": labels})
    with pytest.raises(ValueError, match="is not what was saved"):
        spacy.load(model_path)
    if message:
        (path.parent / "checksums.json").unlink()
        with pytest.raises(ValueError, match=message):
            spacy.load(model_path)


def test_pipeline_without_its_vocab_finds_the_same(model_path):
    expected = get_scores(spacy.load(model_path))
    assert_array_equal(get_scores(spacy.load(model_path, exclude=["vocab"])), expected)


def test_model_of_another_size(model_path):
    other, _ = make_nlp(model={**TINY_MODEL, "hidden_size": 8})
    other.get_pipe("nested_spancat").to_disk(model_path / "nested_spancat")
    with pytest.raises(ValueError, match=r"\[nested_spancat\] Can't load"):
        spacy.load(model_path)


@pytest.mark.parametrize(
    "name", ["spacy_eiou.NestedSpanCategorizer", "spacy_eiou.EIoU_EMC", "spacy_eiou.span_suggester"]
)
def test_model_of_a_later_version_names_what_is_missing(model_path, name):
    config = (model_path / "config.cfg").read_text()
    assert f'"{name}.v1"' in config
    (model_path / "config.cfg").write_text(config.replace(f'"{name}.v1"', f'"{name}.v2"'))
    with pytest.raises(RegistryError, match=rf"(?s)'{name}\.v2'.*{name}\.v1"):
        spacy.load(model_path)


@given(st.sampled_from(["cfg", "model"]), st.data())
def test_truncated_component_never_loads(saved, component, name, data):
    damaged = saved.parent / "damaged"
    shutil.copytree(saved / "nested_spancat", damaged, dirs_exist_ok=True)
    content = (damaged / name).read_bytes()
    # Without the line end of cfg, nothing is lost
    size = data.draw(st.integers(0, len(content.rstrip()) - 1))
    (damaged / name).write_bytes(content[:size])
    with pytest.raises(ValueError, match=r"^\[nested_spancat\] Can't load.*damaged"):
        component.from_disk(damaged)


@pytest.fixture(scope="module")
def saved_with_encoder(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved_with_encoder") / "model"
    nlp = English()
    nlp.add_pipe("tok2vec", config={"model": TINY_TOK2VEC})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 16}
    nlp.add_pipe("nested_spancat", config={"model": {**TINY_MODEL, "tok2vec": listener}})
    nlp.add_pipe("ner")
    example = Example.from_dict(nlp.make_doc(TEXT), {"spans": {"sc": SPANS}, "entities": []})
    nlp.initialize(lambda: [example])
    nlp.to_disk(path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nested_spancat/model", "tok2vec/model"])
@settings(max_examples=20)
@given(data=st.data())
def test_flipped_bit_of_the_weights_never_loads(saved_with_encoder, name, data):
    path = saved_with_encoder / name
    content = path.read_bytes()
    damaged = bytearray(content)
    damaged[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(damaged)
    try:
        # What spaCy makes of a damaged encoder can be anything
        with pytest.raises(Exception):  # noqa: B017
            spacy.load(saved_with_encoder)
    finally:
        path.write_bytes(content)


def test_components_after_it_may_change(saved_with_encoder, tmp_path):
    shutil.copytree(saved_with_encoder, tmp_path / "model")
    nlp = spacy.load(saved_with_encoder)
    nlp.get_pipe("ner").add_label("DNA")
    nlp.get_pipe("ner").to_disk(tmp_path / "model" / "ner")
    assert "DNA" in spacy.load(tmp_path / "model").get_pipe("ner").labels


def test_replaced_weights_need_no_checksums(saved_with_encoder, tmp_path):
    path = tmp_path / "model"
    shutil.copytree(saved_with_encoder, path)
    nlp = spacy.load(path)
    nlp.get_pipe("tok2vec").initialize(lambda: [Example.from_dict(nlp.make_doc(TEXT), {})])
    nlp.get_pipe("tok2vec").to_disk(path / "tok2vec")
    message = r"tok2vec/model' is not what was saved.*remove '.*nested_spancat/checksums.json'"
    with pytest.raises(ValueError, match=message):
        spacy.load(path)
    (path / "nested_spancat" / "checksums.json").unlink()
    assert spacy.load(path).pipe_names == ["tok2vec", "nested_spancat", "ner"]


class SavesFolder:
    """A component that saves a folder where spaCy saves a file of weights, as Hugging Face does."""

    def __call__(self, doc):
        return doc

    def to_disk(self, path, exclude=()):
        (path / "model").mkdir(parents=True)
        (path / "model" / "config.json").write_text("{}")

    def from_disk(self, path, exclude=()):
        return self


def test_folder_of_another_component(tmp_path):
    English.factory("saves_folder", func=lambda nlp, name: SavesFolder())
    nlp, _ = make_nlp()
    nlp.add_pipe("saves_folder", first=True)
    nlp.to_disk(tmp_path)
    assert_array_equal(get_scores(spacy.load(tmp_path)), get_scores(nlp))


def test_component_that_is_saved_on_its_own(component, tmp_path):
    component.to_disk(tmp_path / "alone")
    component.from_disk(tmp_path / "alone")
    assert list(srsly.read_json(tmp_path / "alone" / "checksums.json")) == [
        "alone/model",
        "alone/cfg",
    ]


@pytest.mark.parametrize(
    "config",
    [
        "key = value",
        "[paths]\ntrain = null",
        "[nlp]\nlang = 'en'",
        "[nlp]\npipeline = ['other']",
        "[nlp]\npipeline = ['tok2vec', 'alone']",
        "[nlp]\npipeline = ['alone']\n[components]",
    ],
)
def test_component_that_is_saved_beside_another_config(component, tmp_path, config):
    (tmp_path / "config.cfg").write_text(config.replace("'", '"'))
    component.to_disk(tmp_path / "alone")
    component.from_disk(tmp_path / "alone")
    assert list(srsly.read_json(tmp_path / "alone" / "checksums.json")) == [
        "alone/model",
        "alone/cfg",
    ]


@given(st.data())
def test_truncated_bytes_never_load(saved_bytes, component, data):
    size = data.draw(st.integers(0, len(saved_bytes) - 1))
    with pytest.raises(ValueError, match=r"^\[nested_spancat\] Can't load.*a bytestring"):
        component.from_bytes(saved_bytes[:size], exclude=["vocab"])


def test_loading_unpickles_nothing(saved, monkeypatch):
    expected = get_scores(spacy.load(saved))

    def refuse(*args, **kwargs):
        raise AssertionError("unpickled")

    for module, name in [
        (pickle, "load"),
        (pickle, "loads"),
        (pickle, "Unpickler"),
        (torch, "load"),
    ]:
        monkeypatch.setattr(module, name, refuse)
    assert_array_equal(get_scores(spacy.load(saved)), expected)


def test_no_file_of_the_component_is_a_pickle(saved):
    files = [path for path in (saved / "nested_spancat").iterdir() if path.is_file()]
    assert {path.name for path in files} == {"cfg", "checksums.json", "model"}
    for path in files:
        with pytest.raises((pickle.UnpicklingError, EOFError, ValueError, KeyError, IndexError)):
            pickle.loads(path.read_bytes())
