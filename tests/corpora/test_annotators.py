import json

import pytest

from spacy_eiou.corpora import (
    Account,
    CorpusError,
    Entity,
    Record,
    convert,
    merge_annotators,
    read_jsonl,
)

EQUIPMENT, COMPONENT, PART = (Entity(0, 4, label) for label in ("EQUIPMENT", "COMPONENT", "PART"))


def make_record(annotator, *entities, **fields):
    return Record("a", "seal", entities, task="1", annotator=annotator, **fields)


RECORDS = [
    make_record("ben", EQUIPMENT),
    make_record("anna", EQUIPMENT, COMPONENT),
    make_record("carl", EQUIPMENT, COMPONENT, PART),
]


@pytest.mark.parametrize(
    "options, entities",
    [
        ({}, {EQUIPMENT}),
        ({"merge": "first"}, {EQUIPMENT}),
        ({"merge": "majority"}, {EQUIPMENT, COMPONENT}),
        ({"merge": "union"}, {EQUIPMENT, COMPONENT, PART}),
        ({"annotator": "anna"}, {EQUIPMENT, COMPONENT}),
    ],
)
def test_one_record_of_each_text(options, entities):
    (record,) = merge_annotators(RECORDS, **options)
    assert set(record.entities) == entities
    # That the first is taken is told if nobody chose it
    assert len(record.changed) == (not options)
    # Of the pairs, 1, 1 and 2 entities are the same, of 3, 4 and 5
    assert record.agreement == (8, 12)


def test_ground_truth_comes_first():
    records = [RECORDS[0], make_record("dora", PART, is_ground_truth=True)]
    (record,) = merge_annotators(records)
    assert (record.entities, record.changed) == ((PART,), ())


def test_text_of_another_annotator_is_skipped():
    records = [*RECORDS, Record("b", "pump", (PART,), task="2", annotator="ben")]
    first, second = merge_annotators(records, annotator="anna")
    assert (first.skipped, second.skipped) == (None, "not annotated by anna")


def test_texts_without_annotators_stay_as_they_are():
    records = [Record(str(i), "seal", (PART,)) for i in range(2)]
    assert merge_annotators(records, "majority") == records


@pytest.mark.parametrize(
    "options, message",
    [({"merge": "last"}, "--merge to be one of first"), ({"annotator": "eve"}, "anna, ben, carl")],
)
def test_unknown_names(options, message):
    with pytest.raises(CorpusError, match=message):
        merge_annotators(RECORDS, **options)


def test_account_adds_up_the_agreement():
    account = Account()
    for record in (*merge_annotators(RECORDS), Record("b", "pump", ())):
        account.add_record(record)
    assert (account.n_by_several, account.agreement) == (1, 8 / 12)


@pytest.fixture
def source(tmp_path):
    lines = [
        {
            "text": f"Replaced the seal {number}.",
            "spans": [[13, 17, "PART"]] * (name != "ben"),
            "answer": "accept",
            "_annotator_id": f"ds-{name}",
            "_session_id": f"ds-{name}",
        }
        for number in range(10)
        for name in ("anna", "ben", "carl")
    ]
    (tmp_path / "ds.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return tmp_path / "ds.jsonl"


def test_each_text_of_prodigy_lands_in_one_part(source, tmp_path):
    assert len(list(read_jsonl(source))) == 30
    accounts = convert(
        source, tmp_path / "out", lang="en", split_fractions=[0.8, 0.2], merge="majority"
    )
    assert [account.documents for account in accounts.values()] == [8, 2]
    assert [account.entities for account in accounts.values()] == [{"PART": 8}, {"PART": 2}]
    assert [account.agreement for account in accounts.values()] == [2 / 4, 2 / 4]
    assert not any(account.warnings for account in accounts.values())
