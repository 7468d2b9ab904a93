import json

import pytest
import spacy
from spacy.tokens import Doc, Span

from spacy_eiou.corpora import Account, Changed, Dropped, Entity, Record

VOCAB = spacy.blank("en").vocab


def make_doc(*spans):
    doc = Doc(VOCAB, words=["x"] * 10)
    doc.spans["sc"] = [Span(doc, *span) for span in spans]
    return doc


@pytest.mark.parametrize(
    "spans, counts",
    [
        ([], (0, 0, 0, 0, 0)),
        ([(0, 2, "A"), (2, 4, "A")], (0, 0, 0, 0, 0)),
        ([(0, 3, "A"), (2, 4, "A")], (0, 0, 0, 2, 2)),
        ([(0, 3, "A"), (0, 3, "B")], (0, 0, 0, 0, 2)),
        ([(0, 3, "A"), (0, 2, "A"), (1, 3, "A")], (3, 2, 1, 2, 3)),
        ([(1, 2, "A"), (1, 2, "B"), (0, 4, "A")], (3, 2, 1, 0, 3)),
    ],
)
def test_nesting(spans, counts):
    account = Account()
    # The spans of two docs do not overlap
    for _ in range(2):
        account.add(make_doc(*spans), "sc")
    exported = account.to_dict()
    names = ("nested", "inner", "outer", "crossing", "overlapping")
    assert tuple(exported[name] for name in names) == tuple(2 * count for count in counts)


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
        "nested": 2,
        "inner": 1,
        "outer": 1,
        "crossing": 0,
        "overlapping": 2,
        "longest_in_tokens": 3,
        "skipped_records": {"answer: reject": 1},
        "dropped_entities": {
            "misaligned": {
                "count": 2,
                "example": {
                    "record": "r1",
                    "where": "",
                    "label": "A",
                    "start": 2,
                    "end": 4,
                    "text": "bc",
                },
            }
        },
        "changed_entities": {},
        "changed_texts": {},
        "malformed": [],
        "documents_of_several_annotators": 0,
        "agreement": None,
        "warnings": [],
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


def test_records():
    account = Account()
    remark = ("why", "a", Entity(0, 1, "A"), "x", "there")
    account.add_record(
        Record("a", "x", (), dropped=(Dropped(*remark),), changed=(Changed(*remark),))
    )
    account.add_record(
        Record("b", "x", (Entity(0, 1, "A"),), dropped=(Dropped(*remark),), bad=("bad",))
    )
    account.add_record(
        Record("c", "x", (), skipped="skipped", dropped=(Dropped(*remark),), agreement=(1, 1))
    )
    account.add_record(Record("d", "x", (), agreement=(1, 2), changed=(Changed(*remark),) * 2))
    account.add_record(Record("e", "x", (), agreement=(2, 2)))
    example = {"record": "a", "where": "there", "label": "A", "start": 0, "end": 1, "text": "x"}
    exported = account.to_dict()
    assert exported["dropped_entities"] == {"why": {"count": 2, "example": example}}
    assert exported["changed_entities"] == {"why": {"count": 3, "example": example}}
    assert (exported["malformed"], exported["skipped_records"]) == (["bad"], {"skipped": 1})
    assert (exported["documents_of_several_annotators"], exported["agreement"]) == (2, 3 / 4)
    assert account.n_items == 5 + 1 + 3


def test_account_without_entities_has_no_agreement():
    account = Account()
    account.add_record(Record("a", "x", (), agreement=(0, 0)))
    assert (account.n_by_several, account.agreement) == (1, None)
    assert account.to_dict()["longest_in_tokens"] == 0


@pytest.mark.parametrize(
    "record",
    [
        Record("a", "x", (), changed=(Changed("why", "a", Entity(0, 1, "A"), "x"),)),
        Record("a", "x", (), bad=("bad",)),
    ],
)
def test_changed_and_malformed_are_losses(record):
    account = Account()
    account.add_record(record)
    assert not account.is_lossless()


def test_skipped_records_are_counted():
    account = Account()
    for reason in ("a", "b", "a"):
        account.skip(reason)
    assert account.to_dict()["skipped_records"] == {"a": 2, "b": 1}


def test_texts_without_tokens():
    account = Account()
    account.add_text(Record("a", "abcd", (Entity(0, 4, "A"), Entity(1, 2, "B"))))
    account.add_text(Record("b", "abcd", (Entity(0, 2, "A"), Entity(1, 3, "A"))))
    account.add_text(Record("c", "", ()))
    exported = account.to_dict()
    assert "tokens" not in exported
    assert (exported["documents"], exported["longest_in_characters"]) == (3, 4)
    assert exported["entities_per_label"] == {"A": 3, "B": 1}
    assert (exported["nested"], exported["crossing"]) == (2, 2)
    assert Account().default_width is None
