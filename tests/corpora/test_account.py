import json

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from wasabi import Printer

from spacy_eiou.corpora import Account, Dropped, Entity
from spacy_eiou.corpora.account import count_nested

VOCAB = spacy.blank("en").vocab


def make_doc(*spans):
    doc = Doc(VOCAB, words=["x"] * 10)
    doc.spans["sc"] = [Span(doc, *span) for span in spans]
    return doc


@pytest.mark.parametrize(
    "spans, counts",
    [
        ([], (0, 0)),
        ([(0, 2, "A")], (0, 0)),
        ([(0, 2, "A"), (2, 4, "A")], (0, 0)),
        ([(0, 3, "A"), (2, 4, "A")], (0, 2)),
        ([(0, 3, "A"), (0, 3, "B")], (0, 2)),
        ([(0, 3, "A"), (0, 2, "A"), (1, 3, "A")], (2, 3)),
        ([(1, 2, "A"), (1, 2, "B"), (0, 4, "A")], (2, 3)),
        ([(0, 9, "A"), (1, 2, "A"), (3, 4, "A"), (9, 10, "A")], (2, 3)),
        ([(0, 1, "A"), (2, 3, "A"), (2, 3, "B")], (0, 2)),
        ([(0, 1, "A"), (2, 4, "A"), (3, 5, "A")], (0, 2)),
    ],
)
def test_count_nested(spans, counts):
    doc = make_doc(*spans)
    assert count_nested(doc.spans["sc"]) == counts


SPAN = st.tuples(st.integers(0, 9), st.integers(1, 4), st.sampled_from("AB")).map(
    lambda x: (x[0], min(x[0] + x[1], 10), x[2])
)


@given(st.sets(SPAN))
def test_count_nested_agrees_with_the_definition(spans):
    nested = [
        a for a in spans if any(b[0] <= a[0] and a[1] <= b[1] and a[:2] != b[:2] for b in spans)
    ]
    overlapping = [a for a in spans if any(b[0] < a[1] and a[0] < b[1] and a != b for b in spans)]
    doc = make_doc(*spans)
    assert count_nested(doc.spans["sc"]) == (len(nested), len(overlapping))


@pytest.fixture
def account():
    account = Account()
    first = Dropped("misaligned", "r1", Entity(2, 4, "A"), "bc")
    second = Dropped("misaligned", "r2", Entity(0, 1, "A"), "d")
    account.add(make_doc((0, 3, "A"), (0, 1, "B")), "sc", [first])
    account.add(make_doc((5, 6, "A")), "sc", [second])
    account.skip("answer: reject")
    return account


def test_to_dict(account):
    expected = {
        "documents": 2,
        "tokens": 20,
        "entities": 3,
        "entities_per_label": {"A": 2, "B": 1},
        "nested": 1,
        "overlapping": 2,
        "longest_in_tokens": 3,
        "skipped_records": {"answer: reject": 1},
        "dropped_entities": {
            "misaligned": {
                "count": 2,
                "example": {"record": "r1", "label": "A", "start": 2, "end": 4, "text": "bc"},
            }
        },
    }
    assert json.loads(json.dumps(account.to_dict())) == expected


def test_lossless(account):
    assert not account.is_lossless()
    skipped, dropped = Account(), Account()
    assert skipped.is_lossless()
    skipped.skip("answer: ignore")
    dropped.add(make_doc(), "sc", [Dropped("duplicate", "r1", Entity(0, 1, "A"), "a")])
    assert not skipped.is_lossless()
    assert not dropped.is_lossless()


def test_skipped_records_are_counted():
    account = Account()
    for reason in ("a", "b", "a"):
        account.skip(reason)
    assert account.to_dict()["skipped_records"] == {"a": 2, "b": 1}


def test_print(account, capsys):
    label = "B" * 35
    account.add(make_doc((8, 9, label)), "sc")
    account.print(Printer())
    output = capsys.readouterr().out
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    assert lines[:9] == [
        "Documents               3",
        "Tokens                 30",
        "Entities                4",
        "  nested                1   25.0%",
        "  overlapping           2   50.0%",
        "  longest, in tokens    3",
        f"Label{' ' * 33}Entities   Share",
        f"A{' ' * 44}2   50.0%",
        f"B{' ' * 44}1   25.0%",
    ]
    assert f"{label}          1   25.0%" in lines
    assert "Skipped 1 records (answer: reject)" in output
    assert "Dropped 2 entities (misaligned)" in output
    assert "'bc' (A) in r1, characters 2 to 4" in " ".join(output.split())


def test_print_nothing_to_count(capsys):
    Account().print(Printer())
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["Entities", "0"] in rows
    assert ["nested", "0"] in rows
    assert ["longest,", "in", "tokens", "0"] in rows
