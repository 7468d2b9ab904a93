import warnings

import pytest
import spacy
from spacy.lang.en import English
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_eiou.pipeline.ceilings import _list_annotating, find_ceilings
from util import TINY_MODEL

WORDS = ["The", "feed", "pump", "leaks", ".", "It", "stopped", "."]


def make_example(nlp, spans, words=WORDS):
    doc = Doc(nlp.vocab, words=words)
    reference = Doc(nlp.vocab, words=words)
    reference.spans["sc"] = [Span(reference, *span) for span in spans]
    return Example(doc, reference)


def make_nlp(spans, **config):
    """RETURNS: A pipeline that was initialized with a doc of these spans."""
    nlp = English()
    component = nlp.add_pipe("nested_spancat", config={"model": TINY_MODEL, **config})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nlp.initialize(lambda: [make_example(nlp, spans)])
    return nlp, component


TRAINED_ON = [(1, 3, "pump"), (3, 4, "state")]


@pytest.mark.parametrize(
    "spans,reason,remedy",
    [
        ([(0, 3, "pump")], "wider than max_width = 2", "max_width in the block [components.nest"),
        ([(1, 2, "valve")], "of a label that the model does not have", "add_label"),
        ([(1, 3, "pump"), (1, 3, "state")], "beside more labels", "max_positive in the block"),
        ([(8, 8, "state")], "empty", "remove them"),
        ([(4, 6, "state")], "across a sentence boundary", "'sentencizer' after 'nested_spancat'"),
    ],
)
def test_reasons_and_remedies(spans, reason, remedy):
    nlp, component = make_nlp(TRAINED_ON)
    nlp.add_pipe("sentencizer", first=True)
    reachable = [(3, 4, "state")]
    ceilings = find_ceilings(component, [make_example(nlp, [*spans, *reachable])], nlp=nlp)
    assert (ceilings.gold, ceilings.unreachable) == (len(spans) + 1, 1)
    (row,) = ceilings.to_dict()["reasons"]
    assert row["reason"].startswith(reason)
    assert row["count"] == 1
    assert row["remedy"].startswith(remedy)
    assert row["example"] == Doc(nlp.vocab, words=WORDS)[slice(*spans[-1][:2])].text
    assert f"1 of {len(spans) + 1} gold spans" in ceilings.describe()


def test_spans_that_begin_or_end_with_white_space():
    nlp, component = make_nlp(TRAINED_ON)
    words = ["\n", "pump", "\n", "leaks", "\n\n"]
    spans = [(0, 2, "pump"), (3, 5, "state"), (0, 1, "state"), (1, 2, "pump"), (1, 3, "pump")]
    ceilings = find_ceilings(component, [make_example(nlp, spans, words)])
    assert ceilings.counts == {"beginning or ending with white space": 4}


def test_each_span_counts_once():
    nlp, component = make_nlp(TRAINED_ON)
    examples = [
        make_example(nlp, [(0, 6, "valve"), (0, 6, "pump"), (1, 3, "pump"), (1, 3, "pump")])
    ]
    ceilings = find_ceilings(component, examples * 300)
    assert ceilings.gold == 900
    assert dict(ceilings.counts) == {
        "of a label that the model does not have": 300,
        "wider than max_width = 2": 300,
    }


def test_spans_that_are_not_on_tokens():
    nlp, component = make_nlp(TRAINED_ON)
    reference = make_example(nlp, [(1, 2, "pump"), (3, 4, "state")]).reference
    words = ["The", "feed pump", "leaks", ".", "It", "stopped", "."]
    ceilings = find_ceilings(component, [Example(Doc(nlp.vocab, words=words), reference)])
    assert ceilings.gold == 2
    assert dict(ceilings.counts) == {"not on tokens": 1}
    assert ceilings.examples == {"not on tokens": "feed"}


def test_another_suggester_and_component():
    nlp = English()
    suggester = {"@misc": "spacy.ngram_suggester.v1", "sizes": [2]}
    component = nlp.add_pipe("spancat", config={"suggester": suggester})
    component.add_label("pump")
    examples = [make_example(nlp, []), make_example(nlp, [(1, 3, "pump"), (0, 3, "pump")])]
    ceilings = find_ceilings(component, examples)
    assert ceilings.gold == 2
    assert dict(ceilings.counts) == {"no candidate of the suggester": 1}


def test_sentences_of_later_components_and_of_docs():
    nlp, component = make_nlp([*TRAINED_ON, (4, 6, "state")])
    nlp.add_pipe("sentencizer")
    example = make_example(nlp, [(4, 6, "state")])
    assert find_ceilings(component, [example], nlp=nlp).unreachable == 0
    nlp.get_pipe("sentencizer")(example.predicted)
    assert find_ceilings(component, [example]).unreachable == 1


@Language.component("test_split_after_pump")
def split_after_pump(doc):
    for token in doc[:-1]:
        doc[token.i + 1].is_sent_start = token.text == "pump"
    return doc


class Splitter:
    """Stands for a trained component, which has a model."""

    model = None

    def __call__(self, doc):
        return split_after_pump(doc)


@Language.factory("test_frozen_splitter", assigns=["token.is_sent_start"])
def make_splitter(nlp, name):
    return Splitter()


def test_sentences_of_a_function():
    nlp, component = make_nlp([*TRAINED_ON, (2, 4, "state")])
    nlp.add_pipe("test_split_after_pump", first=True)
    example = make_example(nlp, [(2, 4, "state"), (1, 3, "pump")])
    ceilings = find_ceilings(component, [example], nlp=nlp)
    assert dict(ceilings.counts) == {"across a sentence boundary": 1}
    assert not example.predicted.has_annotation("SENT_START")


def test_no_gold_spans():
    nlp, component = make_nlp(TRAINED_ON)
    ceilings = find_ceilings(component, [make_example(nlp, [])])
    assert ceilings.to_dict() == {"gold": 0, "unreachable": 0, "reasons": []}
    assert ceilings.describe() == "0 of 0 gold spans can never be predicted"


def test_initialization_knows_the_sentences_of_prediction():
    nlp = English()
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("nested_spancat", config={"model": TINY_MODEL})
    example = make_example(nlp, [*TRAINED_ON, (4, 6, "state")])
    message = r"1 of 3 gold spans \(33.3%\) can never.*1 across a sentence.*'sentencizer' after"
    with pytest.warns(UserWarning, match=message):
        nlp.initialize(lambda: [example])


def test_frozen_components_annotate_some_docs_before_the_training():
    nlp, component = make_nlp([*TRAINED_ON, (2, 4, "state")])
    nlp.add_pipe("test_frozen_splitter", first=True)
    examples = [make_example(nlp, [(2, 4, "state")])] * 600
    assert find_ceilings(component, examples, nlp=nlp, is_trained=False).unreachable == 0
    nlp.config["training"]["frozen_components"] = ["test_frozen_splitter"]
    ceilings = find_ceilings(component, examples, nlp=nlp, is_trained=False)
    assert (ceilings.gold, ceilings.unreachable) == (600, 256)
    assert find_ceilings(component, examples, nlp=nlp).unreachable == 600


def test_frozen_component_whose_encoder_is_trained_does_not_annotate_yet():
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec")
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 96}
    for name in ("parser", "morphologizer"):
        factory = nlp.get_factory_meta(name).default_config["model"]
        model = {**factory, "tok2vec": listener}
        nlp.add_pipe(name, config={"model": model})
    component = nlp.add_pipe("nested_spancat")
    nlp.config["training"]["frozen_components"] = ["parser"]
    assert _list_annotating(nlp, component, is_trained=False) == []
    nlp.config["training"]["frozen_components"] = ["tok2vec", "parser"]
    assert _list_annotating(nlp, component, is_trained=False) == ["tok2vec", "parser"]


def test_component_that_the_pipeline_knows_by_another_name():
    nlp, component = make_nlp([*TRAINED_ON, (4, 6, "state")])
    nlp.rename_pipe("nested_spancat", "entities")
    nlp.add_pipe("sentencizer", before="entities")
    examples = [make_example(nlp, [(4, 6, "state")])]
    assert find_ceilings(component, examples, nlp=nlp).unreachable == 1
    assert find_ceilings(component, examples, nlp=English()).unreachable == 0
