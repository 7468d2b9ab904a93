from collections import Counter

import pytest
import spacy
from spacy.tokens import Doc
from spacy.training import Example

from spacy_eiou.pipeline.gold_spans import GoldSpans

NLP = spacy.blank("en")
PUMP = ("pump seal leaked", [(0, 4, "PART"), (0, 9, "PART"), (0, 9, "ASSET")])
VALVE = ("valve stuck", [(0, 5, "PART")])


def make_example(text, spans):
    return Example.from_dict(NLP.make_doc(text), {"spans": {"sc": spans}})


def test_what_gold_spans_are_like():
    gold = GoldSpans()
    gold.add([make_example(*PUMP), make_example(*VALVE)], "sc")
    assert gold.labels == {"PART": 3, "ASSET": 1}
    assert gold.widths == {1: 2, 2: 2}
    assert gold.lengths == {3: 1, 2: 1}
    assert gold.n_labels == {1: 2, 2: 1}
    assert gold.choose_width().width == 2


def test_a_span_that_stands_twice_has_one_label():
    text, spans = VALVE
    gold = GoldSpans()
    gold.add([make_example(text, spans * 2)], "sc")
    assert gold.n_labels == {1: 1}


def test_spans_that_no_tokens_bound_have_a_label_but_no_width():
    gold, reference = GoldSpans(), make_example(*VALVE).reference
    one_token = Doc(NLP.vocab, words=[reference.text], spaces=[False])
    gold.add([Example(one_token, reference)], "sc")
    assert gold.labels == {"PART": 1}
    assert gold.choose_width() is None


def test_examples_are_new_once():
    gold, examples = GoldSpans(), [make_example(*PUMP), make_example(*VALVE)]
    gold.add(examples[:1], "sc")
    others = [make_example(*PUMP), make_example(*VALVE), make_example("valve stuck", [])]
    assert gold.find_new(others, "sc") == others[1:]
    assert gold.find_new([examples[1]] * 2, "sc") == [examples[1]]


@pytest.mark.parametrize(
    "n_labels, n_known, expected",
    [({}, 0, 1), ({1: 99, 2: 1}, 0, 2), ({1: 100, 3: 1}, 0, 1), ({1: 9, 3: 1}, 91, 1)],
)
def test_several_labels_count_from_one_percent_on(n_labels, n_known, expected):
    gold = GoldSpans(n_labels=Counter(n_labels), n_known=n_known)
    assert gold.max_positive == expected
