import json
from dataclasses import replace

import pytest

from spacy_eiou.corpora import (
    Account,
    Changed,
    CorpusError,
    Dropped,
    Entity,
    Record,
    convert,
    merge_annotators,
    read_jsonl,
)
from spacy_eiou.corpora.annotators import find_agreement

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


def test_outvoted_entities_are_counted():
    (record,) = merge_annotators(RECORDS, "majority")
    assert record.dropped == (Dropped("outvoted", "a", PART, "seal"),)
    # Of two annotators, a majority is both
    (record,) = merge_annotators(RECORDS[:2], "majority")
    assert record.entities == (EQUIPMENT,)
    assert record.dropped == (Dropped("outvoted", "a", COMPONENT, "seal"),)
    (record,) = merge_annotators(RECORDS, "union")
    assert record.dropped == ()


def test_strict_keeps_no_outvoted_entity_in_silence(tmp_path):
    lines = [
        {"text": "seal", "spans": [[0, 4, label] for label in labels], "annotator": labels}
        for labels in ("A", "AB")
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(CorpusError, match=r"\n1 entities dropped \(outvoted\)$"):
        convert(
            tmp_path / "a.jsonl", tmp_path / "a.spacy", lang="en", merge="majority", strict=True
        )


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


def test_equal_texts_of_an_annotator_are_several_records():
    texts = [("anna", PART), ("anna", EQUIPMENT), ("ben", PART), ("anna", COMPONENT)]
    records = [
        Record(str(number), "seal", (entity,), annotator=annotator)
        for number, (annotator, entity) in enumerate(texts)
    ]
    merged = merge_annotators(records, "union")
    assert [(record.id, record.entities, record.agreement) for record in merged] == [
        ("0", (PART,), (2, 2)),
        ("1", (EQUIPMENT,), None),
        ("3", (COMPONENT,), None),
    ]


@pytest.mark.parametrize(
    "identifiers, merge, expected",
    [
        (["Q1", ""], "majority", {"Q1"}),
        (["", "Q1"], "union", {"Q1"}),
        (["Q1", "Q2", "Q2"], "majority", {"Q2"}),
        (["Q1", "Q2", "Q2", ""], "union", {"Q1", "Q2"}),
        (["", ""], "majority", {""}),
        (["Q1", "Q2"], "majority", {"Q1"}),
        (["Q2", "Q1", "Q1", "Q2", "Q3"], "majority", {"Q2"}),
        (["Q1", "Q2"], "union", {"Q1", "Q2"}),
    ],
)
def test_who_gives_no_identifier_votes_for_that_of_others(identifiers, merge, expected):
    entities = [replace(PART, kb_id=identifier) for identifier in identifiers]
    records = [make_record(name, entity) for name, entity in zip("abcd", entities)]
    (record,) = merge_annotators(records, merge)
    assert {entity.kb_id for entity in record.entities} == expected


def test_identifier_is_chosen_of_the_entities_that_a_majority_gives():
    entities = [replace(PART, kb_id=identifier) for identifier in ("Q1", "Q2", "Q2")]
    records = [make_record(name, entity) for name, entity in zip("abc", entities)]
    (record,) = merge_annotators([records[0], records[1], make_record("c")], "majority")
    assert (record.entities, record.dropped) == ((entities[0],), ())
    assert record.changed == (Changed("identifier outvoted", "a", entities[0], "seal"),)
    (record,) = merge_annotators([records[0], make_record("b"), make_record("c")], "majority")
    assert (record.entities, record.changed) == ((), ())
    both = [make_record(name, *entities[:2]) for name in "ab"]
    assert merge_annotators(both, "majority")[0].entities == tuple(entities[:2])


@pytest.mark.parametrize(
    "records, options, message",
    [
        (
            RECORDS,
            {"merge": "last"},
            "Expected --merge to be one of first, majority, union, not 'last'",
        ),
        (
            RECORDS,
            {"annotator": "eve"},
            "Expected an annotator of the corpus, not 'eve': anna, ben, carl",
        ),
        (
            [make_record(None)],
            {"annotator": "eve"},
            "Expected an annotator of the corpus, not 'eve': none",
        ),
    ],
)
def test_unknown_names(records, options, message):
    with pytest.raises(CorpusError) as caught:
        merge_annotators(records, **options)
    assert str(caught.value) == message


def make_remarks(kind, *names):
    return tuple(kind(name, "a", EQUIPMENT, "seal") for name in names)


def test_all_fields_of_merged_records():
    records = [
        make_record(
            name,
            *entities,
            bad=(f"bad {name}",),
            dropped=make_remarks(Dropped, f"dropped {name}"),
            changed=make_remarks(Changed, f"changed {name}"),
        )
        for name, entities in (("ben", [PART, PART]), ("anna", [EQUIPMENT, PART]))
    ]
    bad = ("bad ben", "bad anna")
    (merged,) = merge_annotators(records, "union")
    assert merged == Record(
        "a",
        "seal",
        (PART, EQUIPMENT),
        dropped=make_remarks(Dropped, "dropped ben", "dropped anna"),
        changed=make_remarks(Changed, "changed ben", "changed anna"),
        bad=bad,
    )
    assert (merged.annotator, merged.task, merged.agreement) == (None, "1", (2, 3))
    assert merge_annotators(records, "majority")[0].entities == (PART,)
    (first,) = merge_annotators(records)
    reason = "of the first of several annotators; else choose --merge or --annotator"
    assert first == replace(
        records[0], bad=bad, changed=(*records[0].changed, Changed(reason, "a", PART, "seal"))
    )
    assert first.changed[-1].where == "annotator ben"
    assert (first.annotator, first.agreement) == ("ben", (2, 3))
    for options in ({"merge": "first"}, {"annotator": "ben"}):
        assert merge_annotators(records, **options) == [replace(records[0], bad=bad)]
    (chosen,) = merge_annotators(records, "majority", "anna")
    assert chosen == replace(records[1], bad=bad)
    assert (chosen.annotator, chosen.agreement) == ("anna", (2, 3))


def test_first_annotator_found_nothing():
    (record,) = merge_annotators([make_record("ben"), make_record("anna", PART)])
    (changed,) = record.changed
    assert (changed.entity, changed.text) == (Entity(0, 0, ""), "")


def test_records_that_are_not_merged():
    skipped = make_record("ben", skipped="answer: reject")
    alone = Record("b", "pump", (PART,), task="2", annotator="anna", bad=("bad",))
    numbered = Record("c", "pump", (), task="0", annotator="anna")
    other = Record("d", "pump", ())
    records = [other, skipped, make_record("anna", PART), alone, numbered]
    assert merge_annotators(records) == records
    left_out = replace(alone, entities=(), skipped="not annotated by ben")
    found = merge_annotators([skipped, make_record("ben", PART), alone], annotator="ben")
    assert found == [skipped, make_record("ben", PART), left_out]


def test_ground_truths_go_before_others():
    truths = [
        make_record(name, entity, is_ground_truth=True)
        for name, entity in (("a", PART), ("b", COMPONENT))
    ]
    (record,) = merge_annotators([RECORDS[0], *truths], "union")
    assert (record.entities, record.is_ground_truth) == ((EQUIPMENT, PART, COMPONENT), True)


@pytest.mark.parametrize(
    "annotations, agreement",
    [
        ([(PART,), (PART,)], (2, 2)),
        ([(PART, PART), (PART, COMPONENT)], (2, 3)),
        ([(Entity(0, 4, "PART", "Q"),), (PART,)], (2, 2)),
        ([(Entity(0, 3, "PART"),), (Entity(1, 4, "PART"),), (PART,)], (0, 6)),
        ([(), ()], (0, 0)),
    ],
)
def test_agreement(annotations, agreement):
    assert find_agreement(annotations) == agreement


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
