import pytest

from spacy_eiou.corpora import Changed, CorpusError, Dropped, Entity, Record
from spacy_eiou.corpora.draft import (
    INCLUSIVE_ENDS,
    Draft,
    Mention,
    is_stated,
    make_record,
    parse_each,
)
from spacy_eiou.corpora.offsets import locate
from spacy_eiou.corpora.record import UnreadableError

TEXT = "  IL-2 gene "


def resolve(draft):
    return make_record(draft, "a", lambda text, mention: locate(text, mention, "characters"))


@pytest.mark.parametrize("where, expected", [("there", "there"), ("", "here")])
@pytest.mark.parametrize(
    "mention, reason, entity, text, problem",
    [
        (Mention(0, 2, "X"), "whitespace", Entity(0, 2, "X"), "  ", None),
        (
            Mention(3, 3, "X", kb_id="Q"),
            "empty or reversed",
            Entity(3, 3, "X", "Q"),
            "",
            "expected an end after the start, not 3 to 3",
        ),
        (
            Mention(5, 3, "X"),
            "empty or reversed",
            Entity(5, 3, "X"),
            "",
            "expected an end after the start, not 5 to 3",
        ),
        (
            Mention(2, 6, "", kb_id="Q"),
            "no label",
            Entity(2, 6, "", "Q"),
            "IL-2",
            "expected a label for 'IL-2' at 2",
        ),
        (
            Mention(1, 5, "X", "IL-3", base=1),
            "text differs",
            Entity(2, 6, "X"),
            "IL-2",
            "expected 'IL-3' at 1 to 5, but the text has 'IL-2' there",
        ),
        (
            Mention(2, 11, "X", "IL-2", fragments=((2, 6), (7, 11))),
            "text differs",
            Entity(2, 11, "X"),
            "IL-2 gene",
            "expected 'IL-2' at 2 to 11, but the text has 'IL-2 gene' there",
        ),
        (
            Mention(2, 99, "X", kb_id="Q"),
            "outside of the text",
            Entity(2, 99, "X", "Q"),
            "IL-2 gene ",
            "expected offsets from 0 to 12, the length of the text, but 'X' has 2 to 99",
        ),
        (
            Mention(-3, 4, "X", base=2),
            "outside of the text",
            Entity(-3, 4, "X"),
            "  IL-2",
            "expected offsets from 0 to 10, the length of the text, but 'X' has -3 to 4",
        ),
        (
            Mention(-5, -1, "X"),
            "outside of the text",
            Entity(-5, -1, "X"),
            "",
            "expected offsets from 0 to 12, the length of the text, but 'X' has -5 to -1",
        ),
        (
            Mention(2, 11, "X", fragments=((2, 4), (7, 11))),
            "discontinuous",
            Entity(2, 11, "X"),
            "IL gene",
            None,
        ),
        (
            Mention(7, 6, "X", "gene IL-2", fragments=((7, 11), (2, 6))),
            "discontinuous",
            Entity(7, 6, "X"),
            "gene IL-2",
            None,
        ),
    ],
)
def test_entity_that_is_dropped(where, expected, mention, reason, entity, text, problem):
    fields = {name: getattr(mention, name) for name in Mention.__slots__}
    good = Mention(2, 6, "good")
    record = resolve(Draft(TEXT, "here", mentions=[Mention(**{**fields, "where": where}), good]))
    bad = () if problem is None else (f"{expected}: {problem}",)
    dropped = (Dropped(reason, "a", entity, text),)
    assert record == Record("a", TEXT, (Entity(2, 6, "good"),), dropped=dropped, bad=bad)
    assert record.dropped[0].where == expected


@pytest.mark.parametrize(
    "mention, entity, reasons",
    [
        (Mention(2, 6, "X", "IL-2", "Q"), Entity(2, 6, "X", "Q"), []),
        (Mention(0, 4, "X", base=2), Entity(2, 6, "X"), []),
        (Mention(0, 7, "X", kb_id="Q"), Entity(2, 6, "X", "Q"), ["white space trimmed"]),
        (Mention(7, 12, "X"), Entity(7, 11, "X"), ["white space trimmed"]),
        (
            Mention(2, 11, "X", "IL-2 gene", fragments=((2, 6), (7, 11))),
            Entity(2, 11, "X"),
            ["joined over white space"],
        ),
        (
            Mention(1, 11, "X", fragments=((1, 6), (6, 11))),
            Entity(2, 11, "X"),
            ["joined over white space", "white space trimmed"],
        ),
        (Mention(2, 6, "X", fragments=((2, 6),)), Entity(2, 6, "X"), []),
    ],
)
def test_entity_that_is_kept(mention, entity, reasons):
    record = resolve(Draft(TEXT, "here", mentions=[mention]))
    assert (record.entities, record.dropped, record.bad) == ((entity,), (), ())
    assert [changed.reason for changed in record.changed] == reasons
    for changed in record.changed:
        assert (changed.record, changed.where) == ("a", "here")
        assert changed.text.strip() == TEXT[entity.start : entity.end]
        assert TEXT[changed.entity.start : changed.entity.end] == changed.text


@pytest.mark.parametrize(
    "mention, found",
    [
        (Mention(2, 5, "X", "IL-2"), "expected 'IL-2' at 2 to 5, but the text has 'IL-' there"),
        (
            Mention(2, 10, "X", "IL-2 gene", fragments=((2, 5), (7, 10))),
            "expected 'IL-2 gene' at 2 to 10, but the text has 'IL- gen' there",
        ),
    ],
)
def test_stated_text_tells_that_ends_are_inclusive(mention, found):
    record = resolve(Draft(TEXT, "here", mentions=[mention]))
    assert record.bad == (
        f"here: {found}: the ends seem to be inclusive, but an end is expected to be the offset "
        "after the last character. Add 1 to each end",
    )


@pytest.mark.parametrize("stated", ["IL-22", "L-2", "IL-2 gene", "IL"])
def test_other_texts_do_not_tell_that_ends_are_inclusive(stated):
    (problem,) = resolve(Draft(TEXT, "here", mentions=[Mention(2, 5, "X", stated)])).bad
    assert INCLUSIVE_ENDS not in problem


def test_entities_of_another_place_are_left_out_unless_they_are_there_too():
    draft = Draft(TEXT, "here", mentions=[Mention(2, 6, "X")])

    def parse(item, where):
        if item is None:
            raise CorpusError(f"{where}: no")
        return [Mention(*item, where=where)]

    draft.leave_out("there", parse, [(2, 6, "X"), (2, 6, "Y"), None])
    assert (draft.mentions, draft.bad) == ([Mention(2, 6, "X")], [])
    assert draft.dropped == [
        Dropped("malformed", "", Entity(0, 0, ""), "None"),
        Dropped("there", "", Entity(2, 6, "Y"), "IL-2"),
    ]
    assert draft.dropped[1].where == "here"


def test_changed_entity_is_as_it_is_now():
    (changed,) = resolve(Draft(TEXT, "here", mentions=[Mention(0, 7, "X")])).changed
    assert changed == Changed("white space trimmed", "a", Entity(2, 6, "X"), "IL-2")


def test_all_fields_of_a_draft():
    remark = ("reason", "", Entity(0, 1, "X"), "x", "there")
    draft = Draft(
        "x",
        "here",
        number=2,
        words=["x"],
        group="g",
        skipped="why",
        task="t",
        annotator="Ann",
        is_ground_truth=True,
        dropped=[Dropped(*remark)],
        changed=[Changed(*remark)],
        bad=["bad"],
    )
    record = resolve(draft)
    dropped, changed = (
        (kind("reason", "a-2", Entity(0, 1, "X"), "x"),) for kind in (Dropped, Changed)
    )
    assert record == Record("a-2", "x", (), ("x",), "g", dropped, "why", changed, ("bad",))
    assert (record.task, record.annotator, record.is_ground_truth) == ("t", "Ann", True)
    assert record.dropped[0].where == record.changed[0].where == "there"


@pytest.mark.parametrize(
    "fields, record_id, group",
    [
        ({}, "a", None),
        ({"number": 0}, "a-0", None),
        ({"number": 1, "id": "b", "group": "g"}, "b", "g"),
    ],
)
def test_ids(fields, record_id, group):
    record = resolve(Draft("x", "here", **fields))
    assert (record.id, record.group, record.words) == (record_id, group, None)


def test_malformed_entities_are_left_out():
    def parse(item, where):
        if item == "unreadable":
            raise UnreadableError("no")
        if item == "bad":
            raise CorpusError(f"{where}: no")
        return [Mention(0, 1, item, where=where)]

    draft = Draft("x", "here")
    draft.parse(parse, ["bad", "good"])
    draft.parse(parse, ["bad", "good"], "there")
    draft.reject("why", 1, "reason")
    malformed = Dropped("malformed", "", Entity(0, 0, ""), "'bad'")
    assert draft.mentions == [Mention(0, 1, "good", where=where) for where in ("here", "there")]
    assert draft.bad == ["here: no", "there: no", "why"]
    assert draft.dropped == [malformed, malformed, Dropped("reason", "", Entity(0, 0, ""), "1")]
    with pytest.raises(UnreadableError):
        draft.parse(parse, ["unreadable"])


def test_malformed_items_are_left_out():
    places = []

    def parse(item, where):
        places.append(where)
        if isinstance(item, CorpusError):
            raise item
        return item

    one, two = Draft("1", "a"), Draft("2", "b")
    items = [
        ("a", one),
        ("b", [one, two]),
        ("c", None),
        ("d", CorpusError("no")),
        ("e", iter([two])),
    ]
    bad = Draft("", "d", id="d", skipped="malformed", bad=["no"])
    assert list(parse_each(items, parse)) == [one, one, two, bad, two]
    assert places == list("abcde")
    with pytest.raises(UnreadableError):
        list(parse_each([("a", UnreadableError("no"))], parse))


@pytest.mark.parametrize(
    "stated, expected",
    [(None, True), ("a  b", True), ("a b", True), ("a\\nb", True), ("ab", False), ("", False)],
)
def test_text_may_differ_in_white_space(stated, expected):
    assert is_stated("a  b", Mention(0, 4, "X", stated)) is expected
