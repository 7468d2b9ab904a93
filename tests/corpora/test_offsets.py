import pytest

from spacy_eiou.corpora import Changed, Entity
from spacy_eiou.corpora.draft import Draft, Mention
from spacy_eiou.corpora.offsets import COUNTINGS, locate, resolve
from spacy_eiou.corpora.record import UnreadableError

TEXT = "😀 IL-2 gene binds"
TAKEN = (
    "offsets taken to count characters; else choose --offsets utf-16 or characters-crlf-as-one or "
    "utf-16-crlf-as-one"
)


def resolve_mentions(*mentions, text=TEXT, default="characters", counting=None, **fields):
    draft = Draft(text, "here", mentions=list(mentions), **fields)
    (record,) = resolve([draft], "a", "a.jsonl", counting, default)
    return record


def make_changes(reason, *entities, text=TEXT):
    return tuple(Changed(reason, "a", item, text[item.start : item.end]) for item in entities)


@pytest.mark.parametrize("counting, start", list(zip(COUNTINGS, [6, 7, 5, 6, 7, 8, 10])))
def test_where_a_mention_is(counting, start):
    text = "é😀\r\na\nb"
    assert locate(text, Mention(start, start + 1, "X"), counting) == [(6, 7)]
    assert locate(f"-😀-{text}", Mention(start, start + 1, "X", base=3), counting) == [(9, 10)]
    fragments = Mention(0, start + 1, "X", fragments=((0, 0), (start, start + 1)))
    assert locate(text, fragments, counting) == [(0, 0), (6, 7)]
    for bounds in ((start, start + 2), (-1, start), (start + 2, start)):
        assert locate(text, Mention(*bounds, "X"), counting) is None


@pytest.mark.parametrize(
    "bounds, found",
    [((0, 3), [(1, 4)]), ((3, 3), [(4, 4)]), ((3, 4), None), ((4, 3), None), ((-1, 3), None)],
)
@pytest.mark.parametrize("counting", COUNTINGS)
def test_bounds_of_the_text(bounds, found, counting):
    assert locate("abcd", Mention(*bounds, "X", base=1), counting) == found


def test_place_between_the_units_of_a_character():
    assert locate("😀a", Mention(1, 3, "X"), "utf-16") is None
    assert locate("😀a", Mention(0, 1, "X"), "utf-16") is None
    assert locate("é", Mention(0, 1, "X"), "utf-8") is None


STATED = Mention(3, 7, "X", "IL-2", "Q", "there")
IL2, GENE = Entity(2, 6, "X", "Q"), Entity(7, 11, "Y")


def test_counting_that_stated_texts_tell():
    plain = Mention(0, 4, "P", "IL-2")
    unstated = Mention(8, 12, "Y")
    record = resolve_mentions(STATED, unstated)
    assert record.entities == (IL2, GENE)
    assert record.changed == make_changes("offsets count utf-16", IL2, GENE)
    assert [changed.where for changed in record.changed] == ["there", "here"]
    drafts = [Draft(TEXT, "here", mentions=[STATED]), Draft("IL-2", "b", mentions=[plain], id="b")]
    first, second = resolve(drafts, "a", "a.jsonl")
    assert (len(first.changed), second.changed) == (1, ())
    assert second.entities == (Entity(0, 4, "P"),)


def test_what_is_trimmed_is_told_before_how_it_counts():
    record = resolve_mentions(Mention(2, 8, "X", " IL-2 "))
    assert [item.reason for item in record.changed] == [
        "white space trimmed",
        "offsets count utf-16",
    ]
    assert record.changed[1].text == " IL-2 "


@pytest.mark.parametrize(
    "options",
    [{"default": "utf-16"}, {"counting": "utf-16"}, {"counting": "utf-16", "default": "utf-8"}],
)
def test_expected_counting_is_no_change(options):
    record = resolve_mentions(STATED, **options)
    assert (record.entities, record.changed) == ((IL2,), ())
    assert resolve_mentions(Mention(3, 7, "X", kb_id="Q"), **options) == record


def test_other_counting_than_that_of_the_format():
    record = resolve_mentions(Mention(2, 6, "X", "IL-2", "Q"), default="utf-16")
    assert record.changed == make_changes("offsets count characters", IL2)


def test_mentions_of_located_drafts_count_characters():
    record = resolve_mentions(Mention(2, 6, "X", kb_id="Q"), counting="utf-16", is_located=True)
    assert (record.entities, record.changed) == ((IL2,), ())
    # They don't tell how others count, either.
    drafts = [
        Draft(TEXT, "a", mentions=[Mention(2, 6, "X", "IL-2", "Q")], is_located=True),
        Draft(TEXT, "b", mentions=[STATED]),
    ]
    assert [record.entities for record in resolve(drafts, "a", "a")] == [(IL2,), (IL2,)]


def test_words_that_are_cut_tell_how_offsets_count():
    record = resolve_mentions(Mention(3, 7, "X", kb_id="Q"), Mention(8, 12, "Y"))
    assert record.entities == (IL2, GENE)
    assert record.changed == make_changes("offsets count utf-16", IL2, GENE)


@pytest.mark.parametrize(
    "mentions, entities",
    [
        # Nothing is cut, one word is, or other countings cut words as well.
        ([Mention(2, 6, "X")], [Entity(2, 6, "X")]),
        ([Mention(3, 6, "X"), Mention(7, 11, "X")], [Entity(3, 6, "X"), Entity(7, 11, "X")]),
        ([Mention(3, 5, "X"), Mention(8, 10, "X")], [Entity(3, 5, "X"), Entity(8, 10, "X")]),
    ],
)
def test_nothing_tells_how_offsets_count(mentions, entities):
    record = resolve_mentions(*mentions)
    assert record.entities == tuple(entities)
    assert record.changed == make_changes(TAKEN, *entities)
    assert resolve([Draft(TEXT, "here", mentions=mentions)], "a", "a.jsonl") == [record]


def test_stated_text_tells_of_the_others():
    assert resolve_mentions(Mention(2, 6, "X", "IL-2"), Mention(7, 11, "X")).changed == ()
    # Unless it is at the same place however offsets count.
    text = "IL-2 😀 gene"
    record = resolve_mentions(Mention(0, 4, "X", "IL-2"), Mention(7, 11, "X"), text=text)
    assert record.changed == make_changes(TAKEN, Entity(7, 11, "X"), text=text)


def test_mentions_outside_of_the_text_tell_nothing():
    record = resolve_mentions(Mention(3, 99, "X"), Mention(7, 11, "X"))
    assert record.changed == make_changes(TAKEN, Entity(7, 11, "X"))
    assert len(record.bad) == 1


def test_end_in_utf16_is_found_out_from_the_end_of_the_text():
    record = resolve_mentions(Mention(13, 18, "X"))
    assert record.entities == (Entity(12, 17, "X"),)


def test_fragments_tell_how_offsets_count():
    record = resolve_mentions(Mention(3, 12, "X", "IL-2 gene", fragments=((3, 7), (8, 12))))
    assert record.entities == (Entity(2, 11, "X"),)


def test_countings_of_bytes_need_a_stated_text():
    assert resolve_mentions(Mention(5, 9, "X", "IL-2")).entities == (Entity(2, 6, "X"),)
    assert resolve_mentions(Mention(15, 20, "X")).entities == ()


def test_several_countings_are_an_error():
    mentions = [STATED, Mention(2, 6, "X", "IL-2"), Mention(3, 7, "X", "IL-2", where="later")]
    with pytest.raises(UnreadableError) as caught:
        resolve_mentions(*mentions)
    assert str(caught.value) == (
        "a.jsonl: expected offsets that count in one way, but those of 2 entities, the first of "
        "which is at there, do not count characters, and others do. Choose one with --offsets: "
        "characters, utf-16, characters-crlf-as-one, utf-16-crlf-as-one, characters-lf-as-two, "
        "utf-16-lf-as-two, utf-8"
    )
