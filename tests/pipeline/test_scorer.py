import json

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.pipeline.spancat import spancat_score
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_eiou.pipeline import make_nested_spans_scorer, nested_spans_score

VOCAB = spacy.blank("en").vocab
N_TOKENS = 8
SPANS = st.sets(
    st.tuples(st.integers(0, N_TOKENS - 1), st.integers(1, N_TOKENS), st.sampled_from("ABC")).map(
        lambda x: (x[0], min(x[0] + x[1], N_TOKENS), x[2])
    ),
    max_size=6,
)


def make_doc(spans, key="sc", words=None):
    doc = Doc(VOCAB, words=words or ["word"] * N_TOKENS)
    if spans is not None:
        doc.spans[key] = [Span(doc, start, end, label=label) for start, end, label in spans]
    return doc


def make_example(predicted, gold):
    return Example(make_doc(predicted), make_doc(gold))


def test_scorer_is_registered():
    make_scorer = spacy.registry.scorers.get("spacy_eiou.nested_spans_scorer.v1")
    assert make_scorer() is nested_spans_score
    assert make_nested_spans_scorer() is nested_spans_score


def test_component_uses_scorer():
    nlp = spacy.blank("en")
    scorer = {"@scorers": "spacy_eiou.nested_spans_scorer.v1"}
    nlp.add_pipe("spancat", config={"scorer": scorer, "spans_key": "events"})
    doc = make_doc([(0, 2, "A")], "events")
    scores = nlp.get_pipe("spancat").score([Example(doc, doc)])
    assert scores["spans_events_f"] == scores["spans_events_flat_f"] == 1.0


def test_scores_are_flat_and_serializable():
    scores = nested_spans_score(
        [make_example([(0, 4, "A"), (1, 2, "B")], [(0, 4, "A"), (1, 3, "B")])], spans_key="sc"
    )
    assert json.loads(json.dumps(scores)) == scores
    assert scores["spans_sc_f"] == 0.5
    assert scores["spans_sc_outer_f"] == 1.0
    assert scores["spans_sc_inner_f"] == 0.0
    assert scores["spans_sc_per_type"]["B"]["gold"] == 1
    # "word word" has 9 of the 19 characters of the outer span, which are more than 4 of 9
    assert scores["spans_sc_mean_iou"] == pytest.approx((1 + 9 / 19) / 2)


def test_unaligned_predictions_are_wrong():
    words = ["non", "-", "small"]
    predicted = Doc(VOCAB, words=words, spaces=[False, False, False])
    predicted.spans["sc"] = [Span(predicted, 0, 1, "A"), Span(predicted, 0, 3, "A")]
    gold = Doc(VOCAB, words=["non-small"], spaces=[False])
    gold.spans["sc"] = [Span(gold, 0, 1, "A")]
    example = Example(predicted, gold)
    assert spancat_score([example], spans_key="sc")["spans_sc_p"] == 1.0
    scores = nested_spans_score([example], spans_key="sc")
    assert scores["spans_sc_p"] == 0.5
    assert scores["spans_sc_r"] == 1.0


def test_unannotated_references_are_skipped():
    annotated = make_example([(0, 1, "A")], [(0, 1, "A")])
    unannotated = make_example([(0, 1, "A")], None)
    scores = nested_spans_score([annotated, unannotated], spans_key="sc")
    assert scores == nested_spans_score([annotated], spans_key="sc")
    assert scores["spans_sc_p"] == 1.0


def test_predicted_doc_without_the_key_has_no_spans():
    scores = nested_spans_score([make_example(None, [(0, 1, "A")])], spans_key="sc")
    assert scores["spans_sc_r"] == 0.0


@pytest.mark.parametrize("examples", [[], [make_example([(0, 1, "A")], None)]])
def test_no_annotated_reference(examples):
    scores = nested_spans_score(examples, spans_key="sc")
    assert set(scores.values()) == {None}
    assert set(spancat_score(examples, spans_key="sc")) < set(scores)


def test_texts_differ():
    example = Example(
        make_doc([], words=["a", "b"]), Doc(VOCAB, words=["a", "b"], spaces=[False, False])
    )
    example.reference.spans["sc"] = []
    with pytest.raises(ValueError, match=r"example 0 differ \('a b ' and 'ab'\)"):
        nested_spans_score([example], spans_key="sc")


def test_space_at_the_end_does_not_count():
    predicted, gold = spacy.blank("en")("one two"), make_doc([(0, 2, "A")], words=["one", "two"])
    predicted.spans["sc"] = [Span(predicted, 0, 2, label="A")]
    assert (predicted.text, gold.text) == ("one two", "one two ")
    scores = nested_spans_score([Example(predicted, gold)], spans_key="sc")
    assert scores["spans_sc_f"] == 1.0


@given(st.lists(st.tuples(SPANS, st.none() | SPANS), max_size=4))
def test_same_as_spacy_where_tokens_align(docs):
    examples = [make_example(predicted, gold) for predicted, gold in docs]
    expected = spancat_score(examples, spans_key="sc")
    scores = nested_spans_score(examples, spans_key="sc")
    for name in ("p", "r", "f"):
        assert scores[f"spans_sc_{name}"] == pytest.approx(expected[f"spans_sc_{name}"])
    per_type = scores["spans_sc_per_type"]
    if per_type is not None:
        per_type = {
            label: {name: pytest.approx(row[name]) for name in ("p", "r", "f")}
            for label, row in per_type.items()
        }
    assert expected["spans_sc_per_type"] == per_type
