import pytest

from spacy_eiou.corpora.record import CorpusError, Dropped, Entity, join_words, make_record


def test_record_keeps_entities_and_drops_those_without_extent():
    entities = [Entity(0, 4, "protein"), Entity(3, 3, "DNA"), Entity(4, 1, "DNA")]
    record = make_record("r1", "IL-2", entities, "f")
    assert record.entities == (Entity(0, 4, "protein"),)
    assert record.dropped == (
        Dropped("empty or reversed", "r1", Entity(3, 3, "DNA"), ""),
        Dropped("empty or reversed", "r1", Entity(4, 1, "DNA"), ""),
    )
    assert (record.words, record.group, record.skipped) == (None, None, None)


def test_record_keeps_what_the_reader_dropped():
    dropped = Dropped("discontinuous", "r1", Entity(0, 4, "protein"), "IL2")
    record = make_record("r1", "IL-2", [Entity(2, 1, "DNA")], "f", dropped=[dropped])
    assert [item.reason for item in record.dropped] == ["discontinuous", "empty or reversed"]


@pytest.mark.parametrize("entity", [Entity(-1, 2, "X"), Entity(0, 5, "X"), Entity(5, 0, "X")])
def test_offset_outside_the_text(entity):
    with pytest.raises(CorpusError, match="f, line 3: expected offsets from 0 to 4"):
        make_record("r1", "IL-2", [entity], "f, line 3")


def test_empty_label():
    with pytest.raises(CorpusError, match="expected a label for the entity at 2"):
        make_record("r1", "IL-2", [Entity(2, 4, "")], "f")


def test_join_words():
    assert join_words(["air", "con", "😀"], "f") == ("air con 😀", [0, 4, 8], [3, 7, 9])
    assert join_words([], "f") == ("", [], [])
    with pytest.raises(CorpusError, match="f: expected tokens of at least one character"):
        join_words(["air", ""], "f")
