from collections import Counter
from math import log

import pytest
from hypothesis import given as given_examples
from hypothesis import strategies as st

from spacy_eiou.evaluation.analysis import AnalyzedDoc
from spacy_eiou.evaluation.suspects import (
    Containers,
    WordIndex,
    describe_suspect,
    explain,
    rank_suspects,
    show_suspect,
)
from spacy_eiou.evaluation.suspects_page import render_suspects

LABELS = ["Part", "State"]


def make_doc(text, gold=(), found=(), record_id="r", unjudged=frozenset()):
    """A doc whose tokens are its words. `found` are the probabilities of spans."""
    tokens = [f"{word} " for word in text.split()]
    tokens[-1] = tokens[-1].rstrip()
    found = dict(found)
    predicted = {span for span, p in found.items() if p >= 0.5}
    return AnalyzedDoc(tokens, set(gold), predicted, found, record_id, unjudged)


def log_odds(p):
    p = min(max(p, 1e-5), 1 - 1e-5)
    return log(p / (1 - p))


PUMP, WATER_PUMP, LEAKS = (6, 10, "Part"), (0, 10, "Part"), (11, 16, "State")


@pytest.mark.parametrize(
    "gold,found,kind,given,proposed,probabilities",
    [
        ([], {PUMP: 0.9}, "missing", None, PUMP, (0.1, 0.9)),
        ([PUMP], {PUMP: 0.2}, "spurious", PUMP, None, (0.2, 0.8)),
        # What is no likely candidate is as good as impossible.
        ([PUMP], {}, "spurious", PUMP, None, (0, 1)),
        ([PUMP], {PUMP: 0.05, WATER_PUMP: 0.7}, "wrong boundary", PUMP, WATER_PUMP, (0.05, 0.7)),
        (
            [(6, 10, "State")],
            {(6, 10, "State"): 0.2, PUMP: 0.6},
            "wrong label",
            (6, 10, "State"),
            PUMP,
            (0.2, 0.6),
        ),
    ],
)
def test_kinds(gold, found, kind, given, proposed, probabilities):
    (suspect,) = rank_suspects([make_doc("water pump leaks", gold, found)])
    assert (suspect.kind, suspect.given, suspect.proposed) == (kind, given, proposed)
    found_probabilities = suspect.given_probability, suspect.proposed_probability
    assert found_probabilities == pytest.approx(probabilities)
    # There is no other doc that tells anything of the words.
    sides = [found.get(span, 0) for span in (proposed, given) if span]
    sign = 1 if proposed else -1
    score = sign * log_odds(sides[0]) - sum(map(log_odds, sides[1:]))
    assert suspect.score == pytest.approx(score)
    assert suspect.elsewhere == {}


def test_nothing_is_suspicious_where_models_agree():
    assert rank_suspects([make_doc("water pump leaks", [PUMP], {PUMP: 0.9, LEAKS: 0.4})]) == []
    assert rank_suspects([]) == []


def test_words_elsewhere_count():
    pump = (0, 4, "Part")
    docs = [
        make_doc("pump"),
        make_doc("PUMP", [pump], {pump: 1.0}),
        make_doc("pump", [pump], {pump: 1.0}),
        make_doc("the pump"),
    ]
    docs[0].predicted = {pump}
    docs[0].candidates = {pump: 0.8}
    (suspect,) = rank_suspects(docs)
    assert suspect.elsewhere == {"Part": 2, "not annotated": 1}
    # Two of three are annotated so: (2 + 0.5) / (3 + 1).
    assert suspect.score == pytest.approx(log_odds(0.8) + log_odds(2.5 / 4))


def test_kinds_take_turns():
    docs = [
        make_doc("a", [], {(0, 1, "Part"): 0.99}),
        make_doc("b", [], {(0, 1, "Part"): 0.98}),
        make_doc("c", [(0, 1, "Part")], {(0, 1, "Part"): 0.2}),
        make_doc("d", [(0, 1, "Part")], {(0, 1, "Part"): 0.4}),
        make_doc("e", [(0, 1, "Part")], {(0, 1, "State"): 0.5, (0, 1, "Part"): 0.3}),
        make_doc("f", [], {(0, 1, "Part"): 0.5}),
    ]
    found = [(suspect.kind, suspect.doc) for suspect in rank_suspects(docs)]
    assert found == [
        ("missing", 0),
        ("spurious", 2),
        ("wrong label", 4),
        ("missing", 1),
        ("spurious", 3),
        ("missing", 5),
    ]


@pytest.mark.parametrize("p,is_ruled_out", [(0.09, True), (0.1, False)])
def test_a_doubted_span_is_not_the_wrong_boundary_of_one_inside(p, is_ruled_out):
    """Whether the inner one is missing beside it, or in its place."""
    for given, proposed in ((WATER_PUMP, PUMP), (PUMP, WATER_PUMP)):
        suspects = rank_suspects([make_doc("water pump", [given], {given: p, proposed: 0.8})])
        found = {(suspect.kind, suspect.given, suspect.proposed) for suspect in suspects}
        if is_ruled_out:
            assert found == {("wrong boundary", given, proposed)}
        else:
            assert found == {("missing", None, proposed), ("spurious", given, None)}
    crossing = (0, 9, "Part"), (6, 16, "Part")
    doc = make_doc("water air pump s", [crossing[0]], {crossing[0]: p, crossing[1]: 0.8})
    assert [suspect.kind for suspect in rank_suspects([doc])] == ["wrong boundary"]


@pytest.mark.parametrize(
    "unjudged,kind,is_replaced",
    [
        # A label that models lack, and what begins and ends inside of tokens
        ((0, 10, "Prat"), "wrong label", True),
        ((0, 9, "Part"), "wrong boundary", True),
        ((1, 12, "Part"), "wrong boundary", True),
        ((0, 12, "Part"), "wrong boundary", True),
        ((6, 16, "Prat"), "wrong boundary", True),
        # It may be right, around the proposal or inside of it, or elsewhere.
        ((0, 16, "Part"), "missing", False),
        ((6, 10, "Prat"), "missing", False),
        ((11, 16, "Prat"), "missing", False),
    ],
)
def test_what_models_cannot_judge_is_compared(unjudged, kind, is_replaced):
    doc = make_doc("water pump leaks", [unjudged], {WATER_PUMP: 0.9}, unjudged={unjudged})
    (suspect,) = rank_suspects([doc])
    given = unjudged if is_replaced else None
    assert (suspect.kind, suspect.given, suspect.proposed) == (kind, given, WATER_PUMP)
    shown = show_suspect(doc, suspect)
    assert [span["label"] for span in shown["given_spans"]] == [unjudged[2]]
    assert len(shown["proposed_spans"]) == (1 if is_replaced else 2)
    if is_replaced:
        assert shown["given"]["probability"] is None
        text = "water pump leaks"[unjudged[0] : unjudged[1]]
        assert shown["reason"].startswith(
            f"{unjudged[2]} “{text}” is annotated, which models can't judge; the probability of "
            "Part “water pump” is 90 %."
        )


def test_what_models_cannot_judge_is_no_suspect_by_itself():
    assert rank_suspects([make_doc("water pump", [PUMP], unjudged={PUMP})]) == []


def test_what_models_cannot_judge_lowers_no_threshold():
    part = (0, 1, "Part")
    docs = [
        make_doc("a", [part], {part: 0.8}),
        make_doc("b", [part], unjudged={part}),
        make_doc("c", [], {part: 0.7}),
    ]
    assert [suspect.is_confident for suspect in rank_suspects(docs)] == [False]


def test_confident_ones_are_as_sure_as_what_is_annotated():
    """The thresholds are what models give to annotations of the same label, on average."""
    docs = [
        make_doc("a b", [(0, 1, "rare"), (2, 3, "easy")], {(0, 1, "rare"): 0.5, (2, 3, "easy"): 1}),
        make_doc("c", [], {(0, 1, "easy"): 0.9}),
        make_doc("d", [], {(0, 1, "rare"): 0.6}),
    ]
    found = [(suspect.proposed[2], suspect.is_confident) for suspect in rank_suspects(docs)]
    assert found == [("easy", False), ("rare", True)]


def test_spurious_ones_are_confident_by_what_is_not_annotated():
    other = make_doc("b c", [], {(0, 1, "Part"): 0.1, (2, 3, "Part"): 0.3})
    for p, is_confident in ((0.19, True), (0.21, False)):
        suspect, *_ = rank_suspects([make_doc("a", [(0, 1, "Part")], {(0, 1, "Part"): p}), other])
        assert (suspect.kind, suspect.is_confident) == ("spurious", is_confident)


def test_words_inside_of_other_spans_are_another_matter():
    pump, outer = (6, 10, "Part"), (0, 10, "Part")
    docs = [
        make_doc("water pump", [outer], {outer: 1.0, pump: 0.8}),
        make_doc("the pump", [(4, 8, "Part")], {(4, 8, "Part"): 1.0}),
        *[make_doc("water pump", [outer], {outer: 1.0}) for _ in range(3)],
    ]
    (suspect,) = rank_suspects(docs)
    assert (suspect.kind, suspect.is_inner) == ("missing", True)
    assert suspect.elsewhere == {"not annotated": 3}
    # None of three: (0 + 0.5) / (3 + 1).
    assert suspect.score == pytest.approx(log_odds(0.8) + log_odds(0.5 / 4))


def test_words_inside_of_the_given_span_are_outside_of_the_proposal():
    docs = [
        make_doc("water pump", [WATER_PUMP], {PUMP: 0.9}),
        make_doc("pump", [(0, 4, "Part")], {(0, 4, "Part"): 1.0}),
    ]
    (suspect,) = rank_suspects(docs)
    assert (suspect.kind, suspect.is_inner) == ("wrong boundary", False)
    assert suspect.elsewhere == {"Part": 1}


BOUNDS = st.tuples(st.integers(0, 5), st.integers(1, 5)).map(lambda item: (item[0], sum(item)))
SPANS = st.tuples(BOUNDS, st.sampled_from(LABELS)).map(lambda item: (*item[0], item[1]))


@given_examples(st.sets(SPANS), SPANS, st.data())
def test_containers(spans, span, data):
    but = data.draw(st.sampled_from(sorted(spans))) if spans else None
    for left_out in (None, but):
        expected = any(
            other[0] <= span[0] and span[1] <= other[1] and other[:2] != span[:2]
            for other in spans - {left_out}
        )
        assert Containers(spans).contain(span, left_out) == expected


def test_work_does_not_depend_on_pairs():
    """Neither all spans nor all tokens are gone over for each occurrence and for each suspect."""

    class Counted:
        n_rounds = 0

        def __iter__(self):
            type(self).n_rounds += 1
            return super().__iter__()

    class Tokens(Counted, list):
        pass

    class Gold(Counted, set):
        pass

    def count_rounds(n_suspects):
        Tokens.n_rounds = Gold.n_rounds = 0
        doc = make_doc(" ".join("abcde" * 20))
        doc.tokens = Tokens(doc.tokens)
        doc.gold = Gold((2 * place, 2 * place + 1, "Part") for place in range(n_suspects))
        suspects = rank_suspects([doc])
        assert len([show_suspect(doc, suspect) for suspect in suspects]) == n_suspects
        return Tokens.n_rounds, Gold.n_rounds

    assert count_rounds(100) == count_rounds(1)


def test_words_that_are_annotated_differently():
    docs = [
        make_doc("water pump", [(0, 10, "Part"), (6, 10, "Part")]),
        make_doc("Water pump leaks", [(0, 10, "Part"), (11, 16, "State")]),
        make_doc("pump", [(0, 4, "State")]),
    ]
    assert WordIndex(docs).list_inconsistent() == [
        {"text": "pump", "is_inner": True, "counts": {"Part": 1, "not annotated": 1}}
    ]


def test_words_are_found_across_white_space():
    docs = [
        make_doc("heart failure", [(0, 13, "Problem")]),
        AnalyzedDoc(["Heart", "\n", "failure ", "\n"], set(), set(), {}),
    ]
    assert WordIndex(docs).list_inconsistent() == [
        {"text": "heart failure", "is_inner": False, "counts": {"Problem": 1, "not annotated": 1}}
    ]


def test_work_does_not_depend_on_the_widest_span(monkeypatch):
    calls = []
    get_words = WordIndex._get_words
    monkeypatch.setattr(
        WordIndex, "_get_words", lambda *args: calls.append(args) or get_words(*args)
    )
    text = " ".join(map(str, range(1000, 1200)))
    WordIndex([make_doc(text, [(0, 4, "Part"), (0, 499, "Part")])])
    # 200 runs of one word and 101 of a hundred, and the two spans as they are wanted and found
    assert len(calls) == 200 + 101 + 2 * 2


def test_reasons():
    docs = [
        make_doc("water pump leaks", [PUMP], {PUMP: 0.05, WATER_PUMP: 0.7}),
        make_doc("water pump", [WATER_PUMP], {WATER_PUMP: 1.0}),
    ]
    (suspect,) = rank_suspects(docs)
    assert explain(docs[0], suspect) == (
        "Part “pump” is annotated, whose probability is 5 %; that of Part “water pump” is 70 %. "
        "In other texts, “water pump”, not inside of another span, is 1 × Part."
    )
    assert describe_suspect(docs[0], suspect) == {
        "id": "r",
        "kind": "wrong boundary",
        # Inside of another span, which is not the case here, "pump" occurs elsewhere.
        "score": pytest.approx(log_odds(0.7) + log_odds(1.5 / 2) - log_odds(0.05), abs=1e-4),
        "confident": True,
        "given": {"start": 6, "end": 10, "label": "Part", "text": "pump", "probability": 0.05},
        "proposed": {
            "start": 0,
            "end": 10,
            "label": "Part",
            "text": "water pump",
            "probability": 0.7,
        },
        "elsewhere": {"Part": 1},
        "reason": explain(docs[0], suspect),
    }
    doc = make_doc("pump", [], {(0, 4, "Part"): 0.9})
    assert explain(doc, rank_suspects([doc])[0]) == (
        "Nothing is annotated, where Part “pump” has a probability of 90 %. The same words occur "
        "nowhere else."
    )
    doc = make_doc("pump", [(0, 4, "Part")])
    assert explain(doc, rank_suspects([doc])[0]).startswith(
        "Part “pump” is annotated, whose probability is 0 %."
    )


def test_proposal_is_shown_in_the_place_of_what_is_annotated():
    doc = make_doc("water pump leaks", [PUMP, LEAKS], {PUMP: 0.05, WATER_PUMP: 0.7, LEAKS: 1.0})
    (suspect,) = rank_suspects([doc])
    shown = show_suspect(doc, suspect)
    assert shown["tokens"] == ["water ", "pump ", "leaks"]
    assert [(span["start"], span["in_error"]) for span in shown["given_spans"]] == [
        (1, True),
        (2, False),
    ]
    assert [(span["start"], span["in_error"]) for span in shown["proposed_spans"]] == [
        (0, True),
        (2, False),
    ]


def test_page():
    docs = [make_doc("<b>pump</b>", [], {(0, 11, "Part"): 0.9}, "note <1>")]
    (suspect,) = rank_suspects(docs)
    result = {
        "corpus": "<notes>",
        "docs": 1,
        "spans": 5,
        "unjudged": 2,
        "suspects": 1,
        "confident": Counter(missing=1),
        "labels": LABELS,
        "inconsistent": [
            {"text": "<i>", "is_inner": True, "counts": {"Part": 2, "not annotated": 1}}
        ],
        "examples": [show_suspect(docs[0], suspect)],
        "direction": "ltr",
    }
    page = render_suspects(result)
    shown = ("inside of a span", "2 of the spans could not be judged", "2 Part, 1 not annotated")
    for text in (*shown, "&lt;notes&gt;"):
        assert text in page
    for text in ("<b>pump", "<i>\n", "<notes>", "note <1>", "http"):
        assert text not in page
    assert "data-kinds='" not in page
    assert 'data-kinds="[&#34;missing&#34;]"' in page
    empty = {**result, "inconsistent": [], "examples": [], "suspects": 0, "unjudged": 0}
    assert "annotated differently" not in render_suspects(empty)
