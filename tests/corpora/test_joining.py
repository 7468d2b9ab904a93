from dataclasses import replace

from spacy_eiou.corpora import Entity, Record
from spacy_eiou.corpora.joining import join_documents
from spacy_eiou.corpora.record import Changed, Dropped


def test_sentences_of_a_document_are_joined():
    first = Record("d-1", "IL-2 binds.", (Entity(0, 4, "protein", "Q1", 0.5),), group="d")
    second = Record(
        "d-2",
        "NF-kappa B",
        (Entity(0, 10, "protein"), Entity(3, 8, "part")),
        group="d",
        dropped=(Dropped("crossing", "d-2", Entity(9, 10, "x"), "B", "line 2"),),
        changed=(Changed("trimmed", "d-2", Entity(0, 2, "y"), "NF", "line 2"),),
        bad=("line 3",),
        agreement=(2, 4),
    )
    assert join_documents([first, replace(second, agreement=(1, 1)), second]) == [
        Record(
            "d-1",
            "IL-2 binds. NF-kappa B NF-kappa B",
            (
                Entity(0, 4, "protein", "Q1", 0.5),
                Entity(12, 22, "protein"),
                Entity(15, 20, "part"),
                Entity(23, 33, "protein"),
                Entity(26, 31, "part"),
            ),
            group="d",
            dropped=(
                Dropped("crossing", "d-1", Entity(21, 22, "x"), "B"),
                Dropped("crossing", "d-1", Entity(32, 33, "x"), "B"),
            ),
            changed=(
                Changed("trimmed", "d-1", Entity(12, 14, "y"), "NF"),
                Changed("trimmed", "d-1", Entity(23, 25, "y"), "NF"),
            ),
            bad=("line 3", "line 3"),
        )
    ]
    (joined,) = join_documents([second, second])
    assert joined.agreement == (4, 8)
    assert joined.entities[0].score is None


def test_what_is_not_joined():
    alone = Record("1", "a", (), group="d")
    skipped = replace(alone, skipped="rejected")
    other = replace(alone, annotator="ann")
    without = replace(alone, group=None)
    for records in (
        [alone],
        [without, without],
        [alone, skipped, alone],
        [skipped, skipped],
        [alone, other],
        [alone, replace(alone, group="e"), alone],
    ):
        assert join_documents(records) == records


def test_words_and_spaces():
    words = Record("1", "a b", (), words=("a", "b"), group="d")
    (joined,) = join_documents([words, replace(words, text="c\n", words=("c", "\n")), words])
    assert (joined.text, joined.words) == ("a b c\na b", ("a", "b", "c", "\n", "a", "b"))
    (joined,) = join_documents([words, replace(words, words=None)])
    assert (joined.text, joined.words) == ("a b a b", None)
    empty = Record("1", "", (), group="d")
    assert [record.text for record in join_documents([empty, words])] == ["a b"]
