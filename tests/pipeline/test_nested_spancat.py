import subprocess
import sys
import warnings
from math import log

import numpy as np
import pytest
import spacy
from numpy.testing import assert_allclose, assert_array_equal
from spacy import registry
from spacy.lang.en import English
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.training import Example
from spacy.util import fix_random_seed, load_model_from_path
from thinc.api import Adam, ConfigValidationError, Ragged, get_current_ops

from util import TINY_MODEL, TINY_TOK2VEC

SPAN_KEY = "labeled_spans"
FLAT = [
    ("Who is Shaka Khan?", [(7, 17, "PERSON")]),
    ("I like London and Berlin.", [(7, 13, "LOC"), (18, 24, "LOC")]),
]
OVERLAPPING = [
    ("Who is Shaka Khan?", [(7, 17, "PERSON")]),
    ("I like London and Berlin", [(7, 13, "LOC"), (18, 24, "LOC"), (7, 24, "DOUBLE_LOC")]),
    ("", []),
]
TEXTS = ["Just a sentence.", "I like London and Berlin", "", "I like Berlin", "I eat ham."]
NGRAMS = {"@misc": "spacy.ngram_suggester.v1", "sizes": [1, 2, 3]}


@registry.misc("test_even_docs_suggester")
def make_even_docs_suggester():
    """Suggest the first token of docs with an even number of tokens, and else nothing."""

    def suggest(docs, *, ops=None):
        ops = ops or get_current_ops()
        lengths = [int(len(doc) > 0 and len(doc) % 2 == 0) for doc in docs]
        # Without suggestions, spaCy allows for no columns either
        spans = ops.asarray2i([(0, 1)] * sum(lengths) or ops.alloc2i(0, 0))
        return Ragged(spans, ops.asarray1i(lengths))

    return suggest


def make_example(nlp, text, spans, key=SPAN_KEY):
    return Example.from_dict(nlp.make_doc(text), {"spans": {key: spans}})


def make_examples(nlp, data=FLAT):
    return [make_example(nlp, text, spans) for text, spans in data]


def make_nlp(data=FLAT, **config):
    """RETURNS: A tiny pipeline, initialized with the data."""
    fix_random_seed(0)
    nlp = English()
    config = {"spans_key": SPAN_KEY, "model": TINY_MODEL, **config}
    component = nlp.add_pipe("nested_spancat", config=config)
    examples = make_examples(nlp, data)
    nlp.initialize(lambda: examples)
    return nlp, component, examples


def train(nlp, examples, n_steps=50):
    optimizer = nlp.resume_training()
    for _ in range(n_steps):
        losses = nlp.update(examples, sgd=optimizer)
    return losses


def get_spans(doc, key=SPAN_KEY):
    return [(span.text, span.label_) for span in doc.spans[key]]


def get_scores(nlp, texts=TEXTS):
    """RETURNS: Probabilities of all candidates of all texts."""
    return nlp.get_pipe("nested_spancat").predict([nlp.make_doc(text) for text in texts])[1]


# Labels


def test_no_label():
    nlp = Language()
    nlp.add_pipe("nested_spancat", config={"spans_key": SPAN_KEY})
    with pytest.raises(ValueError, match="E143"):
        nlp.initialize()


def test_labels_without_examples():
    nlp = Language()
    component = nlp.add_pipe("nested_spancat", config={"spans_key": SPAN_KEY})
    component.add_label("Thing")
    component.add_label("Phrase")
    nlp.initialize()
    assert component.labels == ("Thing", "Phrase")
    assert component.model.get_dim("nO") == 3


def test_implicit_labels():
    _, component, _ = make_nlp()
    assert component.labels == ("PERSON", "LOC")


def test_explicit_labels():
    nlp = Language()
    component = nlp.add_pipe("nested_spancat", config={"spans_key": SPAN_KEY})
    assert component.labels == ()
    component.add_label("PERSON")
    component.add_label("LOC")
    nlp.initialize()
    assert component.labels == ("PERSON", "LOC")


def test_label_data_initializes_another_component():
    _, component, _ = make_nlp()
    assert component.label_data == ["PERSON", "LOC"]
    nlp = English()
    other = nlp.add_pipe("nested_spancat", config={"spans_key": SPAN_KEY, "model": TINY_MODEL})
    examples = make_examples(nlp, FLAT[1:])
    labels = ["LOC", *component.label_data]
    nlp.config["initialize"]["components"]["nested_spancat"] = {"labels": labels}
    nlp.initialize(lambda: examples)
    assert other.labels == ("LOC", "PERSON")
    assert other.model.get_dim("nO") == 3


def test_unknown_gold_label():
    nlp = English()
    example = make_example(nlp, "I like London", [(7, 13, "CITY")])
    component = nlp.add_pipe("nested_spancat", config={"spans_key": SPAN_KEY})
    with pytest.raises(ValueError, match="'CITY'"):
        component.initialize(lambda: [example], labels=["PERSON"])


# Training, predictions and serialization


@pytest.mark.parametrize("data", [FLAT, OVERLAPPING], ids=["flat", "overlapping"])
def test_overfitting_IO(data, tmp_path):
    fix_random_seed(0)
    nlp = English()
    component = nlp.add_pipe("nested_spancat", config={"spans_key": SPAN_KEY})
    examples = make_examples(nlp, data)
    optimizer = nlp.initialize(lambda: examples)
    labels = {label for _, spans in data for *_, label in spans}
    assert set(component.labels) == labels
    assert component.model.get_dim("nO") == len(labels) + 1
    for _ in range(50):
        losses = nlp.update(examples, sgd=optimizer)
    # What smoothed labels leave of the class half, the entropy of 0.9 and 0.1
    least = -0.8 * (0.9 * log(0.9) + 0.1 * log(0.1))
    assert least < losses["nested_spancat"] < least + 0.05

    def check(nlp):
        doc = nlp("I like London and Berlin")
        expected = [("London", "LOC"), ("Berlin", "LOC")]
        if data is OVERLAPPING:
            expected.insert(1, ("London and Berlin", "DOUBLE_LOC"))
        assert get_spans(doc) == expected
        assert isinstance(doc.spans[SPAN_KEY], SpanGroup)
        assert doc.spans[SPAN_KEY].attrs["scores"].shape == (len(expected),)
        assert min(doc.spans[SPAN_KEY].attrs["scores"]) > 0.8

    check(nlp)
    nlp.to_disk(tmp_path)
    check(load_model_from_path(tmp_path))
    check(spacy.blank("en", config=nlp.config).from_bytes(nlp.to_bytes()))

    scores = nlp.evaluate(examples)
    assert scores[f"spans_{SPAN_KEY}_p"] == 1.0
    assert scores[f"spans_{SPAN_KEY}_r"] == 1.0
    assert scores[f"spans_{SPAN_KEY}_f"] == 1.0
    assert scores[f"spans_{SPAN_KEY}_per_type"].keys() == labels
    # A single entity is found as well
    assert len(nlp("London").spans[SPAN_KEY]) == 1


def test_loaded_component_gives_the_same_probabilities(tmp_path):
    nlp, component, examples = make_nlp(OVERLAPPING)
    train(nlp, examples, 3)
    scores = get_scores(nlp)
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert_array_equal(get_scores(loaded), scores)
    assert loaded.get_pipe("nested_spancat").cfg == component.cfg
    from_bytes = spacy.blank("en", config=nlp.config).from_bytes(nlp.to_bytes())
    assert_array_equal(get_scores(from_bytes), scores)
    assert from_bytes.get_pipe("nested_spancat").cfg == component.cfg


def test_loaded_component_goes_on_training(tmp_path):
    nlp, _, _ = make_nlp(OVERLAPPING)
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    before = train(loaded, make_examples(loaded, OVERLAPPING), 1)
    after = train(loaded, make_examples(loaded, OVERLAPPING), 20)
    assert after["nested_spancat"] < before["nested_spancat"]


def test_predicted_spans_survive_a_docbin():
    nlp, _, examples = make_nlp(OVERLAPPING, threshold=0.2)
    train(nlp, examples, 20)
    doc = nlp("I like London and Berlin")
    assert len(doc.spans[SPAN_KEY]) > 0
    (loaded,) = DocBin().from_bytes(DocBin(docs=[doc]).to_bytes()).get_docs(nlp.vocab)
    assert get_spans(loaded) == get_spans(doc)


def test_docs_of_another_vocab():
    nlp, _, examples = make_nlp(OVERLAPPING)
    train(nlp, examples)
    docs = [blank("I like London and Berlin") for blank in (spacy.blank("en"), nlp.make_doc)]
    found, expected = map(get_spans, nlp.pipe(docs))
    assert found == expected
    assert ("London", "LOC") in found


def test_same_seed_gives_the_same_model():
    scores = []
    for _ in range(2):
        nlp, _, examples = make_nlp(OVERLAPPING)
        optimizer = nlp.resume_training()
        for _ in range(3):
            nlp.update(examples, sgd=optimizer, drop=0.3)
        scores.append(get_scores(nlp))
    assert_array_equal(*scores)


def test_averaged_parameters_change_predictions():
    nlp, component, examples = make_nlp(OVERLAPPING)
    optimizer = Adam(0.01, use_averages=True)
    for _ in range(10):
        nlp.update(examples, sgd=optimizer)
    scores = get_scores(nlp)
    head = component.model.layers[1]
    averages = {key: value for key, value in optimizer.averages.items() if key[0] == head.id}
    assert {name for _, name in averages} == set(head.param_names)
    with nlp.use_params(averages):
        assert abs(get_scores(nlp) - scores).max() > 1e-4
    assert_array_equal(get_scores(nlp), scores)


def test_predictions_do_not_depend_on_the_batch():
    nlp, component, examples = make_nlp(OVERLAPPING)
    train(nlp, examples, 10)
    candidates, scores = component.predict([nlp.make_doc(text) for text in TEXTS])
    ends = np.cumsum(candidates.lengths)
    for text, start, end in zip(TEXTS, ends - candidates.lengths, ends):
        assert_allclose(get_scores(nlp, [text]), scores[start:end], atol=1e-5)
    backwards, n_last = get_scores(nlp, TEXTS[::-1]), candidates.lengths[-1]
    assert_allclose(backwards[:n_last], scores[-n_last:], atol=1e-5)


def test_prediction_does_not_modify_docs():
    nlp, component, _ = make_nlp(threshold=0.0)
    doc = nlp.make_doc("I like London")
    candidates, scores = component.predict([doc])
    assert len(doc.spans) == 0
    assert scores.shape == (len(candidates.dataXd), 2)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert (scores.sum(axis=1) < 1).all()


@pytest.mark.parametrize("n_process", [1, 2])
def test_multiprocessing(n_process):
    nlp, _, examples = make_nlp(OVERLAPPING)
    train(nlp, examples)
    docs = list(nlp.pipe(TEXTS, n_process=n_process))
    assert [get_spans(doc) for doc in docs] == [get_spans(nlp(text)) for text in TEXTS]
    assert ("London and Berlin", "DOUBLE_LOC") in get_spans(docs[1])


def test_listener_trains_the_shared_tok2vec():
    fix_random_seed(0)
    nlp = English()
    nlp.add_pipe("tok2vec", config={"model": TINY_TOK2VEC})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 16, "upstream": "*"}
    model = {**TINY_MODEL, "tok2vec": listener}
    nlp.add_pipe("nested_spancat", config={"spans_key": SPAN_KEY, "model": model})
    examples = make_examples(nlp, OVERLAPPING)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    embedding = next(
        node for node in nlp.get_pipe("tok2vec").model.walk() if node.name == "hashembed"
    )
    before = embedding.get_param("E").copy()
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    assert abs(embedding.get_param("E") - before).max() > 1e-3
    assert nlp.evaluate(examples)[f"spans_{SPAN_KEY}_f"] == 1.0


@pytest.mark.slow
def test_fresh_process_finds_the_component():
    program = (
        "import spacy; nlp = spacy.blank('en'); nlp.add_pipe('nested_spancat'); "
        "print(nlp.pipe_names)"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert output.stdout.strip() == "['nested_spancat']", output.stderr


# Candidates


@pytest.mark.parametrize("overlap", ["any", "nested", "flat"])
def test_zero_suggestions(overlap):
    suggester = {"@misc": "test_even_docs_suggester"}
    data = [*FLAT, ("one two", [(0, 3, "LOC")])]
    with pytest.warns(UserWarning, match="3 of 4 gold spans"):
        nlp, component, examples = make_nlp(
            data, suggester=suggester, overlap=overlap, threshold=0.0
        )
    assert component.labels == ("PERSON", "LOC")
    train(nlp, examples, 1)
    texts = ["one", "two two", "three three three", "", "four four four four"]
    assert [len(nlp(text).spans[SPAN_KEY]) for text in texts] == [0, 1, 0, 0, 1]
    assert [len(doc.spans[SPAN_KEY]) for doc in nlp.pipe(texts)] == [0, 1, 0, 0, 1]
    docs = list(nlp.pipe(["", "one", "three three three"]))
    assert [len(doc.spans[SPAN_KEY]) for doc in docs] == [0, 0, 0]
    assert component.predict(docs)[1].shape == (0, 2)
    no_candidates = [make_example(nlp, "one", [(0, 3, "LOC")])]
    assert nlp.update(no_candidates) == {"nested_spancat": 0.0}


def test_set_candidates():
    nlp, component, _ = make_nlp(suggester=NGRAMS)
    docs = [nlp(text) for text in TEXTS]
    component.set_candidates(docs)
    assert isinstance(docs[0].spans["candidates"], SpanGroup)
    # 4 tokens: 4 + 3 + 2 candidates
    assert len(docs[0].spans["candidates"]) == 9
    assert docs[0].spans["candidates"][0].text == "Just"
    assert docs[0].spans["candidates"][4].text == "Just a"
    component.set_candidates(docs, candidates_key="others")
    assert len(docs[2].spans["others"]) == 0


def test_suggester_of_spacy_trains():
    nlp, component, examples = make_nlp(OVERLAPPING, suggester=NGRAMS)
    train(nlp, examples, 100)
    assert nlp.evaluate(examples)[f"spans_{SPAN_KEY}_f"] == 1.0
    assert component.cfg["max_width"] is None


def test_max_width_is_the_longest_gold_span():
    nlp, component, _ = make_nlp(OVERLAPPING)
    assert component.cfg["max_width"] == component.suggester.max_width == 3
    candidates, _ = component.predict([nlp.make_doc("a b c d e")])
    widths = candidates.dataXd[:, 1] - candidates.dataXd[:, 0]
    assert widths.max() == 3


def test_max_width_is_kept(tmp_path):
    nlp, _, _ = make_nlp(OVERLAPPING)
    assert nlp.config["components"]["nested_spancat"]["suggester"]["max_width"] is None
    nlp.to_disk(tmp_path)
    for loaded in (
        spacy.load(tmp_path),
        spacy.blank("en", config=nlp.config).from_bytes(nlp.to_bytes()),
    ):
        assert loaded.get_pipe("nested_spancat").suggester.max_width == 3
        assert len(get_scores(loaded, ["a b c d e"])) == 5 + 4 + 3


def test_explicit_max_width_is_respected(tmp_path):
    suggester = {"@misc": "spacy_eiou.span_suggester.v1", "max_width": 2}
    with pytest.warns(UserWarning, match="1 of 4 gold spans"):
        nlp, component, _ = make_nlp(OVERLAPPING, suggester=suggester)
    assert component.cfg["max_width"] == component.suggester.max_width == 2
    nlp.to_disk(tmp_path)
    assert spacy.load(tmp_path).get_pipe("nested_spancat").suggester.max_width == 2


def test_costly_outlier_is_left_out_unless_max_width_says_otherwise():
    data = [("a " * 300, [(0, 3, "X"), (0, 441, "X")]), *[("a b c d", [(0, 3, "X")])] * 30]
    with pytest.warns(UserWarning) as caught:
        _, component, _ = make_nlp(data)
    (left_out, ceilings) = [str(warning.message) for warning in caught]
    assert component.cfg["max_width"] == 2
    assert "1 of 32 spans (3.12%) are wider than 2 tokens, up to 221" in left_out
    assert "set max_width = 221 in the block [components.nested_spancat.suggester]" in left_out
    assert (
        "1 of 32 gold spans (3.1%) can never be predicted: 1 wider than max_width = 2" in ceilings
    )
    suggester = {"@misc": "spacy_eiou.span_suggester.v1", "max_width": 221}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert make_nlp(data, suggester=suggester)[1].cfg["max_width"] == 221


def test_width_is_learned_anew_when_initialized_again():
    nlp, component, _ = make_nlp(OVERLAPPING)
    nlp.initialize(lambda: make_examples(nlp, FLAT))
    assert component.cfg["max_width"] == component.suggester.max_width == 2


@pytest.mark.parametrize("max_positive", [0, -1])
def test_max_positive_out_of_range(max_positive):
    with pytest.raises(ValueError, match=rf"\[nested_spancat\].*max_positive.*{max_positive}"):
        spacy.blank("en").add_pipe("nested_spancat", config={"max_positive": max_positive})


def test_component_without_initialization_names_the_way_out():
    nlp = English()
    nlp.add_pipe("nested_spancat")
    with pytest.raises(ValueError, match="Initialize the pipeline"):
        nlp("I like London")


def test_sentences_are_respected():
    nlp, component, _ = make_nlp(OVERLAPPING)
    nlp.add_pipe("sentencizer", first=True)
    doc = nlp("One two. Three")
    component.set_candidates([doc])
    texts = {span.text for span in doc.spans["candidates"]}
    assert "two." in texts
    assert ". Three" not in texts


# Initialization


def test_class_counts():
    # Candidates of up to 3 tokens: 5 tokens have 5 + 4 + 3, 5 more the same, none has none
    _, component, _ = make_nlp(OVERLAPPING)
    assert component.labels == ("PERSON", "LOC", "DOUBLE_LOC")
    assert component.cfg["class_counts"] == [1, 2, 1, 12 + 12 - 4]


def test_class_counts_of_two_labels_on_one_span():
    data = [("I like London", [(7, 13, "LOC"), (7, 13, "CITY")])]
    _, component, _ = make_nlp(data)
    assert component.cfg["class_counts"] == [1, 1, 3 - 1]


def test_class_counts_of_many_docs():
    _, component, _ = make_nlp(FLAT * 150)
    # 5 and 6 tokens have 9 and 11 candidates of up to 2 tokens
    assert component.cfg["class_counts"] == [150, 300, 150 * (9 + 11 - 3)]


def test_class_counts_reach_the_loss():
    _, component, examples = make_nlp(OVERLAPPING)
    candidates = component.suggester([eg.predicted for eg in examples])
    logits = np.zeros((24, 4), dtype="f")
    value, d_logits = component.get_loss(examples, (candidates, logits))
    component.cfg["class_counts"] = None
    without_prior, _ = component.get_loss(examples, (candidates, logits))
    assert value != pytest.approx(without_prior)
    assert d_logits.shape == (24, 4)


def test_initialize_warns_about_gold_spans_that_are_no_candidates():
    suggester = {"@misc": "spacy_eiou.span_suggester.v1", "max_width": 1}
    message = r"\[nested_spancat\] 2 of 4 gold spans \(50.0%\) can never be predicted"
    with pytest.warns(UserWarning, match=message):
        make_nlp(OVERLAPPING, suggester=suggester)


def test_initialize_warns_about_gold_spans_across_sentences():
    nlp = English()
    component = nlp.add_pipe("nested_spancat", config={"model": TINY_MODEL})
    predicted = Doc(nlp.vocab, words=["a", "b", "c", "d"], sent_starts=[1, 0, 1, 0])
    reference = Doc(nlp.vocab, words=["a", "b", "c", "d"])
    reference.spans["sc"] = [
        Span(reference, start, end, label="X") for start, end in [(0, 2), (1, 3), (2, 4)]
    ]
    with pytest.warns(UserWarning, match=r"1 of 3 gold spans \(33.3%\)"):
        component.initialize(lambda: [Example(predicted, reference)], nlp=nlp)
    assert component.cfg["class_counts"] == [2, 6 - 2]


def test_initialize_does_not_warn_without_reason():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_nlp(OVERLAPPING * 2)


def test_gold_spans_are_aligned_to_predicted_tokens():
    nlp = English()
    component = nlp.add_pipe("nested_spancat", config={"model": TINY_MODEL})
    predicted = Doc(nlp.vocab, words=["New", "York-based", "bank"])
    reference = Doc(nlp.vocab, words=["New", "York", "-", "based", "bank"], spaces=[1, 0, 0, 1, 0])
    reference.spans["sc"] = [
        # "New York" ends inside of a predicted token
        Span(reference, 0, 2, label="LOC"),
        Span(reference, 0, 5, label="ORG"),
        Span(reference, 0, 4, label="ADJ"),
    ]
    example = Example(predicted, reference)
    with pytest.warns(UserWarning, match=r"1 of 3 gold spans \(33.3%\)"):
        component.initialize(lambda: [example], nlp=nlp)
    assert component.cfg["max_width"] == 3
    assert component.cfg["class_counts"] == [0, 1, 1, 6 - 2]
    train(nlp, [example], 60)
    assert get_spans(nlp(predicted.copy()), "sc") == [
        ("New York-based", "ADJ"),
        ("New York-based bank", "ORG"),
    ]


def test_docs_without_gold_spans_and_without_the_key():
    nlp, component, _ = make_nlp()
    empty = make_example(nlp, "I eat ham.", [])
    no_key = Example.from_dict(nlp.make_doc("I eat ham."), {})
    other_key = make_example(nlp, "I eat ham.", [(6, 9, "FOOD")], key="other")
    examples = [empty, no_key, other_key]
    losses = nlp.update(examples)
    assert losses["nested_spancat"] > 0
    component.initialize(lambda: [*examples, *make_examples(nlp)], nlp=nlp)
    assert component.labels == ("PERSON", "LOC")


def test_empty_gold_span_at_the_end_of_a_doc_with_sentences():
    nlp, _, _ = make_nlp()
    nlp.add_pipe("sentencizer", first=True)
    example = make_example(nlp, "I eat ham.", [])
    doc = example.reference
    doc.spans[SPAN_KEY] = [Span(doc, 4, 4, label="LOC"), Span(doc, 0, 1, label="PERSON")]
    with pytest.warns(UserWarning, match=r"So far 1 of .* can never be predicted: 1 empty"):
        losses = nlp.update([example], annotates=["sentencizer"])
    assert losses["nested_spancat"] > 0


def test_gold_spans_are_only_in_late_docs():
    _, component, _ = make_nlp([("", [])] * 20 + FLAT)
    assert component.labels == ("PERSON", "LOC")
    assert component.cfg["max_width"] == 2


def test_empty_docs():
    nlp, component, _ = make_nlp()
    assert nlp.update([make_example(nlp, "", [])]) == {"nested_spancat": 0.0}
    assert len(nlp("").spans[SPAN_KEY]) == 0
    assert [len(doc.spans[SPAN_KEY]) for doc in nlp.pipe(["", ""])] == [0, 0]
    assert component.predict([])[1].shape == (0, 2)


def test_loss_that_is_not_finite():
    nlp, component, examples = make_nlp()
    component.model.get_ref("scorer").get_param("b")[:] = np.nan
    with pytest.raises(ValueError, match=r"\[nested_spancat\] The loss is nan"):
        nlp.update(examples)


# Selection of predictions

LABELS = ["Thing", "City", "Person", "GreatCity"]


def annotate(scores, label_thresholds=None, **config):
    """RETURNS: The spans and scores that given probabilities of "Greater", "London" and "Greater
    London" lead to."""
    nlp = English()
    component = nlp.add_pipe("nested_spancat", config={"suggester": NGRAMS, **config})
    for label in LABELS:
        component.add_label(label)
    component.cfg["label_thresholds"] = label_thresholds or {}
    doc = nlp.make_doc("Greater London")
    component.set_annotations([doc], (component.suggester([doc]), np.asarray(scores, dtype="f")))
    spans = doc.spans["sc"]
    return get_spans(doc, "sc"), spans.attrs["scores"].tolist()


SCORES = [[0.2, 0.4, 0.3, 0.1], [0.1, 0.6, 0.2, 0.4], [0.8, 0.7, 0.3, 0.9]]


@pytest.mark.parametrize(
    "max_positive,expected",
    [
        (None, [("Thing", 0.8), ("City", 0.7), ("GreatCity", 0.9)]),
        (1, [("GreatCity", 0.9)]),
        (2, [("Thing", 0.8), ("GreatCity", 0.9)]),
        (3, [("Thing", 0.8), ("City", 0.7), ("GreatCity", 0.9)]),
    ],
)
def test_max_positive(max_positive, expected):
    spans, scores = annotate(SCORES, max_positive=max_positive)
    assert spans == [("London", "City"), *(("Greater London", label) for label, _ in expected)]
    assert scores == pytest.approx([0.6, *(score for _, score in expected)])


TWO_LABELS = [
    ("pump leaks", [(0, 4, "A"), (0, 4, "B"), (5, 10, "C")]),
    ("the pump", [(4, 8, "A"), (4, 8, "B")]),
]


@pytest.mark.parametrize("setting,expected", [("auto", 2), (1, 1), (None, None), (3, 3)])
def test_labels_per_span_follow_the_training_data(setting, expected):
    assert make_nlp(TWO_LABELS, max_positive=setting)[1].cfg["max_positive"] == expected
    assert make_nlp(FLAT)[1].cfg["max_positive"] == 1


@pytest.mark.parametrize("n_flat, expected", [(99, 2), (100, 1)])
def test_a_rare_second_label_is_left_out(n_flat, expected):
    data = [("pump leaks", [(0, 4, "A"), (0, 4, "B")]), *[("it leaks", [(3, 8, "C")])] * n_flat]
    if expected == 2:
        assert make_nlp(data)[1].cfg["max_positive"] == 2
        return
    with pytest.warns(UserWarning, match="1 beside more labels .* than max_positive = 1"):
        assert make_nlp(data)[1].cfg["max_positive"] == 1


def test_spans_of_two_labels_are_found_by_default():
    nlp, _, examples = make_nlp(TWO_LABELS)
    train(nlp, examples)
    for example in examples:
        doc = nlp(example.reference.text)
        assert set(get_spans(doc)) == set(get_spans(example.reference))
        assert min(doc.spans[SPAN_KEY].attrs["scores"]) > 0.5


@pytest.mark.parametrize(
    "threshold,overlap,expected",
    [
        (0.05, "any", ["Greater", "London", "Greater London"]),
        (0.05, "nested", ["Greater", "London", "Greater London"]),
        (0.05, "flat", ["Greater London"]),
        (0.5, "any", ["London", "Greater London"]),
        (0.5, "flat", ["Greater London"]),
        (0.95, "any", []),
    ],
)
def test_threshold_and_overlap(threshold, overlap, expected):
    spans, scores = annotate(SCORES, threshold=threshold, overlap=overlap)
    likeliest = {"Greater": "City", "London": "City", "Greater London": "GreatCity"}
    assert spans == [(text, likeliest[text]) for text in expected]
    assert len(scores) == len(expected)


def test_a_threshold_per_label():
    thresholds = {"City": 0.65, "GreatCity": 0.95, "Unknown": 0.0}
    spans, _ = annotate(SCORES, max_positive=None, label_thresholds=thresholds)
    assert spans == [("Greater London", "Thing"), ("Greater London", "City")]
    spans, _ = annotate(SCORES, threshold=0.95, label_thresholds={"City": 0.6})
    assert spans == [("London", "City")]


def test_label_thresholds_are_kept(tmp_path):
    nlp, component, _ = make_nlp()
    assert component.cfg["label_thresholds"] == {}
    component.cfg["label_thresholds"] = {"LOC": 0.25}
    nlp.to_disk(tmp_path)
    for loaded in (
        spacy.load(tmp_path),
        spacy.blank("en", config=nlp.config).from_bytes(nlp.to_bytes()),
    ):
        assert loaded.get_pipe("nested_spancat").cfg["label_thresholds"] == {"LOC": 0.25}


def test_pipeline_saved_without_label_thresholds_loads(tmp_path):
    nlp, component, _ = make_nlp(threshold=0.2)
    expected = get_spans(nlp("I like London"))
    del component.cfg["label_thresholds"]
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert loaded.get_pipe("nested_spancat").cfg["label_thresholds"] == {}
    assert get_spans(loaded("I like London")) == expected


def test_label_thresholds_do_not_outlive_the_weights():
    nlp, component, examples = make_nlp()
    component.cfg["label_thresholds"] = {"LOC": 0.25}
    nlp.initialize(lambda: examples)
    assert component.cfg["label_thresholds"] == {}


def test_spans_that_cross_are_resolved_within_their_doc():
    nlp = English()
    config = {"suggester": NGRAMS, "overlap": "nested"}
    component = nlp.add_pipe("nested_spancat", config=config)
    component.add_label("X")
    docs = [nlp.make_doc("a b c"), nlp.make_doc(""), nlp.make_doc("d e f")]
    candidates = component.suggester(docs)
    # Per doc: 3 candidates of 1 token, 2 of 2 tokens, which cross, and 1 of 3 tokens
    scores = [0, 0, 0.9, 0.6, 0.7, 0.8, 0, 0, 0, 0.8, 0.7, 0]
    component.set_annotations(docs, (candidates, np.asarray(scores, dtype="f")[:, None]))
    assert [span.text for span in docs[0].spans["sc"]] == ["c", "b c", "a b c"]
    assert docs[0].spans["sc"].attrs["scores"].tolist() == pytest.approx([0.9, 0.7, 0.8])
    assert len(docs[1].spans["sc"]) == 0
    assert [span.text for span in docs[2].spans["sc"]] == ["d e"]


@pytest.mark.parametrize("threshold", [-0.1, 1.5])
def test_threshold_out_of_range(threshold):
    with pytest.raises(ValueError, match=rf"\[nested_spancat\].*from 0 to 1, but is {threshold}"):
        English().add_pipe("nested_spancat", config={"threshold": threshold})


def test_unknown_overlap():
    with pytest.raises(ValueError, match=r"\[cat\].*'all'.*any, nested, flat"):
        English().add_pipe("nested_spancat", "cat", config={"overlap": "all"})


def test_unknown_setting():
    with pytest.raises(ConfigValidationError, match="no_such_setting"):
        English().add_pipe("nested_spancat", config={"no_such_setting": 1})


# Scores


def test_score_keys_and_the_key_of_the_spans():
    nlp, component, examples = make_nlp()
    assert component.key == SPAN_KEY
    scores = nlp.evaluate(examples)
    for name in ("p", "r", "f", "per_type"):
        assert f"spans_{SPAN_KEY}_{name}" in scores
    assert scores[f"spans_{SPAN_KEY}_per_type"].keys() >= {"PERSON", "LOC"}
    assert list(nlp("I like London").spans) == [SPAN_KEY]


def test_default_score_weights():
    nlp = English()
    nlp.add_pipe("nested_spancat")
    weights = nlp.config["training"]["score_weights"]
    assert weights == {"spans_sc_f": 1.0, "spans_sc_p": 0.0, "spans_sc_r": 0.0}


def test_two_components_beside_each_other():
    fix_random_seed(0)
    nlp = English()
    for name in ("first", "second"):
        nlp.add_pipe("nested_spancat", name, config={"spans_key": name, "model": TINY_MODEL})
    spans = {"first": [(7, 13, "LOC")], "second": [(7, 24, "LOCS")]}
    examples = [Example.from_dict(nlp.make_doc("I like London and Berlin"), {"spans": spans})]
    nlp.initialize(lambda: examples)
    train(nlp, examples, 60)
    doc = nlp("I like London and Berlin")
    assert get_spans(doc, "first") == [("London", "LOC")]
    assert get_spans(doc, "second") == [("London and Berlin", "LOCS")]


def test_spans_of_another_component_as_candidates():
    suggester = {"@misc": "spacy.preset_spans_suggester.v1", "spans_key": "candidates"}
    nlp = English()
    nlp.add_pipe("span_finder", config={"spans_key": "candidates"})
    nlp.add_pipe("nested_spancat", config={"suggester": suggester, "spans_key": SPAN_KEY})
    text, spans = "I like London and Berlin", [(7, 13, "LOC"), (18, 24, "LOC")]
    annotation = {"spans": {SPAN_KEY: spans, "candidates": spans}}
    examples = [Example.from_dict(nlp.make_doc(text), annotation)]
    optimizer = nlp.initialize(lambda: examples)
    assert nlp.get_pipe("nested_spancat").cfg["class_counts"] == [2, 0]
    for _ in range(60):
        nlp.update(examples, sgd=optimizer, annotates=["span_finder"])
    assert get_spans(nlp(text)) == [("London", "LOC"), ("Berlin", "LOC")]


def test_threshold_of_a_call():
    nlp, component, examples = make_nlp(threshold=0.5)
    text = examples[0].reference.text
    component.cfg["label_thresholds"] = {label: 0.9 for label in component.labels}
    before = dict(component.cfg)
    (doc,) = nlp.pipe([text], component_cfg={"nested_spancat": {"threshold": 0.0}})
    n_candidates = sum(component.suggester([doc], ops=component.model.ops).lengths)
    assert len(doc.spans[SPAN_KEY]) >= n_candidates > 0
    (doc,) = nlp.pipe([text], component_cfg={"nested_spancat": {"threshold": 1.0}})
    assert len(doc.spans[SPAN_KEY]) == 0
    assert component.cfg == before
    doc = nlp(text, component_cfg={"nested_spancat": {"threshold": 0.0}})
    assert len(doc.spans[SPAN_KEY]) >= n_candidates
    with pytest.raises(ValueError, match=r"\[nested_spancat\].*from 0 to 1, but is 50"):
        list(nlp.pipe([text], component_cfg={"nested_spancat": {"threshold": 50}}))
