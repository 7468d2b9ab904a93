"""Labels, wider entities and more labels per span that come after the training."""

import copy
import random
import warnings

import pytest
import spacy
from numpy.testing import assert_allclose
from spacy.lang.en import English
from spacy.training import Example
from spacy.util import fix_random_seed
from thinc.api import Adam, Config

from spacy_eiou.training import create_mention_replacement_augmenter
from util import TINY_MODEL

OLD = [
    ("the feed pump leaks", [(4, 13, "pump"), (14, 19, "state")]),
    ("a pump leaks", [(2, 6, "pump"), (7, 12, "state")]),
]
NEW_LABEL = [("the valve leaks", [(4, 9, "valve"), (10, 15, "state")]), *OLD]
WIDER = [("the big old red feed pump leaks", [(0, 25, "pump"), (26, 31, "state")]), *OLD]
TWO_LABELS = [("the valve leaks", [(4, 9, "valve"), (4, 9, "part")]), *OLD]
# An outlier that is too costly to be covered
OUTLIER = [("a " * 300, [(0, 441, "pump")]), *[("a b c d", [(0, 1, "pump")])] * 99]
TEXTS = ["the feed pump leaks", "a valve", "the old pump"]


def make_examples(nlp, data):
    return [Example.from_dict(nlp.make_doc(text), {"spans": {"sc": spans}}) for text, spans in data]


def update(nlp, data, n_steps=30, sgd=None):
    if sgd is None:
        sgd = nlp.resume_training(sgd=Adam(0.02))
    examples = make_examples(nlp, data)
    for _ in range(n_steps):
        nlp.update(examples, sgd=sgd)
    return sgd


@pytest.fixture(scope="module")
def model_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("growth") / "model"
    fix_random_seed(0)
    nlp = English()
    nlp.add_pipe("nested_spancat", config={"model": TINY_MODEL})
    nlp.initialize(lambda: make_examples(nlp, OLD))
    update(nlp, OLD)
    nlp.to_disk(path)
    return path


@pytest.fixture(autouse=True)
def no_warnings_of_single_examples():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*a single training example")
        yield


@pytest.fixture
def trained(model_path):
    nlp = spacy.load(model_path)
    return nlp, nlp.get_pipe("nested_spancat")


def initialize(data):
    """RETURNS: A pipeline that was initialized in this process, and its component."""
    fix_random_seed(0)
    nlp = English()
    component = nlp.add_pipe("nested_spancat", config={"model": TINY_MODEL})
    nlp.initialize(lambda: make_examples(nlp, data))
    return nlp, component


def get_probabilities(nlp, labels=("pump", "state")):
    component = nlp.get_pipe("nested_spancat")
    scores = component.predict([nlp.make_doc(text) for text in TEXTS])[1]
    return scores[:, [component.labels.index(label) for label in labels]]


def get_spans(nlp, text):
    doc = nlp(text)
    return [(span.text, span.label_) for span in doc.spans["sc"]]


def test_labels_added_change_no_prediction(trained):
    nlp, component = trained
    before = get_probabilities(nlp)
    counts = component.cfg["class_counts"]
    expected = [*counts[:-1], 0, 0, counts[-1]]
    component.cfg["label_thresholds"] = {"pump": 0.3}
    assert component.is_resizable
    assert component.add_label("valve") == component.add_label("part") == 1
    assert component.add_label("valve") == component.add_label("pump") == 0
    assert component.labels == ("pump", "state", "valve", "part")
    assert component.cfg["class_counts"] == expected
    assert component.cfg["label_thresholds"] == {"pump": 0.3}
    assert_allclose(get_probabilities(nlp), before, rtol=1e-4)
    assert (get_probabilities(nlp, ["valve", "part"]) < 1e-4).all()


@pytest.mark.parametrize("max_positive", [1, 2, None])
def test_label_added_is_learned_and_saved(trained, tmp_path, max_positive):
    nlp, component = trained
    component.cfg["max_positive"] = max_positive
    # An optimizer that already knows the smaller output layer
    optimizer = update(nlp, OLD, 2, sgd=Adam(0.02))
    before = get_probabilities(nlp)
    component.add_label("valve")
    assert_allclose(get_probabilities(nlp), before, rtol=1e-4)
    update(nlp, NEW_LABEL, 40, sgd=optimizer)
    found = [("valve", "valve"), ("leaks", "state")]
    assert get_spans(nlp, "the valve leaks") == found
    assert get_spans(nlp, "the feed pump leaks") == [("feed pump", "pump"), ("leaks", "state")]
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert get_spans(loaded, "the valve leaks") == found
    assert loaded.get_pipe("nested_spancat").cfg == component.cfg
    from_bytes = spacy.blank("en", config=nlp.config).from_bytes(nlp.to_bytes())
    assert_allclose(get_probabilities(from_bytes), get_probabilities(nlp))


def test_new_labels_of_the_training_data_are_learned(trained):
    nlp, component = trained
    before = get_probabilities(nlp)
    with pytest.warns(UserWarning, match=r"\[nested_spancat\].*does not have yet: valve\. It"):
        update(nlp, NEW_LABEL, 1, sgd=Adam(0.0))
    assert_allclose(get_probabilities(nlp), before, rtol=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        update(nlp, NEW_LABEL, 40)
    assert ("valve", "valve") in get_spans(nlp, "the valve leaks")
    # A span is counted once, however often it is seen
    assert component.cfg["class_counts"][2] == 1


def test_wider_entities_are_learned(trained):
    nlp, component = trained
    assert component.cfg["max_width"] == 2
    with pytest.warns(UserWarning, match="wider than max_width = 2, which now is 6"):
        update(nlp, WIDER, 40)
    assert component.cfg["max_width"] == component.suggester.max_width == 6
    assert ("the big old red feed pump", "pump") in get_spans(nlp, WIDER[0][0])
    assert get_spans(nlp, "a pump leaks") == [("pump", "pump"), ("leaks", "state")]


def test_a_costly_outlier_does_not_widen(trained):
    nlp, component = trained
    data = [("a " * 300, [(0, 441, "pump")])]
    data += [
        (f"{n} {text}", [(start + 2, end + 2, label) for start, end, label in spans])
        for n in range(10)
        for text, spans in OLD
    ]
    message = r"So far 1 of 41 gold spans \(2.4%\) can never be predicted: 1 wider than max_width"
    with pytest.warns(UserWarning, match=message) as caught:
        update(nlp, data, 3)
    # Not again in the next epoch
    assert len(caught) == 1
    assert component.cfg["max_width"] == 2
    more = [(f"{'a ' * 300}{n}", [(0, 441, "pump"), (0, 1, "state")]) for n in range(9)]
    with pytest.warns(UserWarning, match="which now is 221"):
        update(nlp, more, 1)
    assert component.cfg["max_width"] == 221


def test_two_labels_per_span_are_learned(trained):
    nlp, component = trained
    assert component.cfg["max_positive"] == 1
    with pytest.warns(UserWarning, match="part, valve"):
        update(nlp, TWO_LABELS, 40)
    assert component.cfg["max_positive"] == 2
    assert {("valve", "valve"), ("valve", "part")} <= set(get_spans(nlp, "the valve leaks"))


@pytest.mark.parametrize("is_initialized", [False, True])
def test_a_rare_second_label_changes_nothing(is_initialized):
    nlp, _ = initialize(OLD * 100)
    loaded = spacy.blank("en", config=nlp.config).from_bytes(nlp.to_bytes())
    component = loaded.get_pipe("nested_spancat")
    if is_initialized:
        with pytest.warns(UserWarning, match="was loaded"):
            component.initialize(lambda: make_examples(nlp, OLD))
    # Beside 400 spans of one label
    data = [(f"the valve {n}", [(4, 9, "pump"), (4, 9, "state")]) for n in range(5)]
    for text in data[:4]:
        update(loaded, [text], 1, sgd=Adam(0.0))
        assert component.cfg["max_positive"] == 1
    with pytest.warns(UserWarning, match="more labels than max_positive = 1, which now is 2"):
        update(loaded, data, 1, sgd=Adam(0.0))
    assert component.cfg["max_positive"] == 2


@pytest.mark.parametrize("order", [1, -1])
def test_other_annotation_of_a_known_text_is_learned(trained, order):
    nlp, component = trained
    text, spans = WIDER[0]
    data = [(text, [(21, 25, "pump")]), (text, spans)][::order]
    with pytest.warns(UserWarning, match="which now is 6"):
        update(nlp, data, 1)
        update(nlp, data[:1], 1)
        update(nlp, data[1:], 1)
    assert component.cfg["max_width"] == 6
    # Each annotation counts once
    assert component.seen.labels == {"pump": 2, "state": 1}


def test_spans_that_initialization_did_not_see_are_learned():
    nlp, component = initialize(OLD)
    with pytest.warns(UserWarning) as caught:
        update(nlp, NEW_LABEL + WIDER + TWO_LABELS, 60)
    assert [str(warning.message).split("] ")[1][:45] for warning in caught] == [
        "The training data have labels that the compon",
        "Gold spans are wider than max_width = 2, whic",
        "Gold spans bear more labels than max_positive",
    ]
    assert component.cfg["max_width"] == component.suggester.max_width == 6
    assert component.cfg["max_positive"] == 2
    assert component.labels == ("pump", "state", "part", "valve")
    assert component.cfg["class_counts"][:-1] == [2, 2, 1, 2]
    assert ("the big old red feed pump", "pump") in get_spans(nlp, WIDER[0][0])


def test_spans_are_learned_after_an_initialization_without_examples():
    nlp = English()
    component = nlp.add_pipe("nested_spancat", config={"model": TINY_MODEL})
    component.add_label("pump")
    component.add_label("state")
    nlp.initialize()
    assert component.cfg["max_width"] == 1
    with pytest.warns(UserWarning, match="wider than max_width = 1, which now is 2"):
        update(nlp, OLD, 40)
    assert component.cfg["class_counts"][:2] == [2, 2]
    assert get_spans(nlp, "the feed pump leaks") == [("feed pump", "pump"), ("leaks", "state")]


def test_examples_that_initialization_saw_in_its_first_pass_only():
    nlp = English()
    component = nlp.add_pipe("nested_spancat", config={"model": TINY_MODEL})
    passes = iter([NEW_LABEL])
    component.initialize(lambda: make_examples(nlp, next(passes, OLD)))
    assert component.labels == ("valve", "state", "pump")
    update(nlp, NEW_LABEL, 1)


def test_component_that_was_sourced_within_the_process_grows():
    nlp = English()
    component = nlp.add_pipe("nested_spancat", source=initialize(OLD)[0])
    with pytest.warns(UserWarning, match="which now is 6"):
        update(nlp, WIDER, 1)
    assert component.cfg["max_width"] == 6


def test_examples_of_the_initialization_change_nothing():
    nlp, component = initialize(OUTLIER)
    before = copy.deepcopy((component.cfg, component.seen))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        update(nlp, OUTLIER, 2)
    assert (component.cfg, component.seen) == before


def test_variants_of_the_examples_of_the_initialization_change_nothing():
    nlp, component = initialize(OUTLIER)
    assert component.cfg["max_width"] == 1
    before = dict(component.cfg)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for end in ("b", "c"):
            update(nlp, [(text + end, spans) for text, spans in OUTLIER], 1)
        # One more could be chance
        update(nlp, [("a " * 298, [(0, 437, "pump")])], 1)
    assert component.cfg == before
    with pytest.warns(UserWarning, match="which now is 221"):
        update(nlp, [("a " * 299, [(0, 439, "pump")])], 1)


@pytest.mark.parametrize("seed", range(3))
def test_resuming_with_the_same_examples_changes_nothing(seed):
    data = [(f"the a{n} gene", [(4, 10 + len(str(n)), "pump")]) for n in range(1000)]
    data += [(f"{'a ' * 300}{n}", [(0, 439, "pump")]) for n in range(1)]
    nlp, component = initialize(data)
    assert component.cfg["max_width"] == 2
    loaded = spacy.blank("en", config=nlp.config).from_bytes(nlp.to_bytes())
    random.Random(seed).shuffle(data)
    with pytest.warns(UserWarning, match="So far 1 of"):
        for start in range(0, len(data), 100):
            update(loaded, data[start : start + 100], 1, sgd=Adam(0.0))
    assert loaded.get_pipe("nested_spancat").cfg == component.cfg


def test_mention_replacement_changes_nothing():
    texts = [f"pump{n}: the seal{n} leaks" for n in range(110)]
    data = [(text, [(text.index("s"), text.index(" leaks"), "seal")]) for text in texts]
    # 0.9 % bear two labels.
    text, ((start, end, _),) = data[0]
    data[0] = (text, [(start, end, "seal"), (start, end, "part")])
    nlp, component = initialize(data)
    before = copy.deepcopy(component.cfg)
    assert before["max_positive"] == 1
    augment = create_mention_replacement_augmenter(1.0)
    fix_random_seed(0)
    for _ in range(3):
        variants = [variant for eg in make_examples(nlp, data) for variant in augment(nlp, eg)]
        for start in range(0, len(variants), 10):
            nlp.update(variants[start : start + 10], sgd=Adam(0.0))
    assert component.cfg == before


def test_counts_of_a_loaded_component_stay(trained):
    nlp, component = trained
    before = copy.deepcopy(component.cfg["class_counts"])
    for n in range(9):
        update(nlp, [(f"{text} {n}", spans) for text, spans in OLD], 1, sgd=Adam(0.0))
    assert component.cfg["class_counts"] == before


def test_counts_after_an_initialization_without_examples():
    nlp = English()
    component = nlp.add_pipe("nested_spancat", config={"model": TINY_MODEL})
    component.add_label("pump")
    nlp.initialize()
    # spaCy's own example, without annotation
    assert component.cfg["class_counts"] == [0, 3]
    update(nlp, OLD, 2, sgd=Adam(0.0))
    expected = initialize(OLD)[1].cfg
    assert component.labels == tuple(expected["labels"])
    *of_labels, none = expected["class_counts"]
    assert component.cfg["class_counts"] == [*of_labels, 3 + none]


def test_labels_of_a_later_pass_are_left_to_the_training():
    nlp = English()
    component = nlp.add_pipe("nested_spancat", config={"model": TINY_MODEL})
    passes = iter([OLD])
    component.initialize(lambda: make_examples(nlp, next(passes, NEW_LABEL)))
    assert component.labels == ("pump", "state")
    with pytest.warns(UserWarning, match="does not have yet: valve"):
        update(nlp, NEW_LABEL, 1)
    assert component.labels == ("pump", "state", "valve")


def test_settings_of_the_user_stay(model_path, tmp_path):
    suggester = {"@misc": "spacy_eiou.span_suggester.v1", "max_width": 2}
    config = {"model": TINY_MODEL, "max_positive": 1, "suggester": suggester}
    nlp = English()
    nlp.add_pipe("nested_spancat", config=config)
    nlp.initialize(lambda: make_examples(nlp, OLD))
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    data = [*WIDER, ("it leaks", [(3, 8, "state"), (3, 8, "pump")])]
    with pytest.warns(UserWarning, match="So far 2 of 8 gold spans"):
        update(loaded, data, 1)
    assert loaded.get_pipe("nested_spancat").cfg["max_width"] == 2
    assert loaded.get_pipe("nested_spancat").cfg["max_positive"] == 1


@pytest.mark.parametrize("max_width", [1, 6])
def test_width_of_the_config_is_that_of_a_loaded_component(model_path, max_width):
    before = get_probabilities(spacy.load(model_path))
    overrides = {"components.nested_spancat.suggester.max_width": max_width}
    nlp = spacy.load(model_path, config=overrides)
    component = nlp.get_pipe("nested_spancat")
    assert component.suggester.max_width == component.cfg["max_width"] == max_width
    component.suggester.max_width = 2
    assert_allclose(get_probabilities(nlp), before, rtol=1e-4)


def test_suggester_that_replaces_one_without_a_width(tmp_path):
    ngrams = {"@misc": "spacy.ngram_range_suggester.v1", "min_size": 1, "max_size": 3}
    nlp = English()
    nlp.add_pipe("nested_spancat", config={"model": TINY_MODEL, "suggester": ngrams})
    nlp.initialize(lambda: make_examples(nlp, OLD))
    nlp.to_disk(tmp_path)
    suggester = {"@misc": "spacy_eiou.span_suggester.v1", "max_width": 4}
    config = Config().from_disk(tmp_path / "config.cfg")
    for max_width, expected in ((4, 4), (None, 2)):
        config["components"]["nested_spancat"]["suggester"] = {**suggester, "max_width": max_width}
        config.to_disk(tmp_path / "config.cfg")
        loaded = spacy.load(tmp_path)
        update(loaded, OLD, 1)
        assert loaded.get_pipe("nested_spancat").suggester.max_width == expected


def test_initialization_of_a_loaded_component_keeps_what_it_learned(trained):
    nlp, component = trained
    component.cfg["label_thresholds"] = {"pump": 0.3}
    before = get_probabilities(nlp)
    data = [*NEW_LABEL[:1], *WIDER[:1]]
    with pytest.warns(UserWarning) as caught:
        nlp.initialize(lambda: make_examples(nlp, data))
    messages = " ".join(str(warning.message) for warning in caught)
    assert "it keeps what it has learned" in messages
    assert "does not have yet: valve" in messages
    assert component.labels == ("pump", "state", "valve")
    assert component.cfg["max_width"] == 6
    assert component.cfg["label_thresholds"] == {"pump": 0.3}
    # Of 3 and 7 tokens, and 4 and 3 in the training before
    assert component.cfg["class_counts"] == [2, 2, 1, 6 + 27 - 4]
    component.suggester.max_width = 2
    assert_allclose(get_probabilities(nlp), before, rtol=1e-4)


def test_labels_given_to_a_loaded_component(trained):
    nlp, component = trained
    nlp.config["initialize"]["components"]["nested_spancat"] = {"labels": ["part"]}
    with pytest.warns(UserWarning, match="yet: part"):
        nlp.initialize(lambda: make_examples(nlp, OLD))
    assert component.labels == ("pump", "state", "part")


def test_initialization_without_loading_begins_from_scratch():
    nlp = English()
    component = nlp.add_pipe("nested_spancat", config={"model": TINY_MODEL})
    nlp.initialize(lambda: make_examples(nlp, OLD))
    update(nlp, OLD)
    before = get_probabilities(nlp)
    nlp.initialize(lambda: make_examples(nlp, NEW_LABEL))
    assert component.labels == ("pump", "state", "valve")
    assert abs(get_probabilities(nlp) - before).max() > 0.1


@pytest.mark.slow
def test_sourced_component_grows_in_spacys_training(model_path, tmp_path):
    from spacy.cli.train import train
    from spacy.tokens import DocBin

    nlp = spacy.blank("en")
    docs = [example.reference for example in make_examples(nlp, NEW_LABEL + WIDER)]
    DocBin(docs=docs).to_disk(tmp_path / "train.spacy")
    config = nlp.config.copy()
    config["nlp"]["pipeline"] = ["nested_spancat"]
    config["components"] = {"nested_spancat": {"source": str(model_path)}}
    config["paths"].update({part: str(tmp_path / "train.spacy") for part in ("train", "dev")})
    config["corpora"] = {
        part: {"@readers": "spacy.Corpus.v1", "path": config["paths"][part]}
        for part in ("train", "dev")
    }
    config["training"].update(
        {
            "max_steps": 80,
            "eval_frequency": 40,
            "optimizer": {"@optimizers": "Adam.v1", "learn_rate": 0.01},
            "score_weights": {"spans_sc_f": 1.0},
        }
    )
    config.to_disk(tmp_path / "config.cfg")
    with pytest.warns(UserWarning, match="yet: valve"):
        train(tmp_path / "config.cfg", tmp_path / "out")
    loaded = spacy.load(tmp_path / "out" / "model-last")
    assert loaded.get_pipe("nested_spancat").labels == ("pump", "state", "valve")
    assert loaded.get_pipe("nested_spancat").cfg["max_width"] == 6
    assert ("valve", "valve") in get_spans(loaded, "the valve leaks")
