import pytest

from spacy_eiou.corpora import CorpusError
from spacy_eiou.corpora.record import Record, join_words


def test_join_words():
    assert join_words(["air", "con", "😀"], "f") == ("air con 😀", [0, 4, 8], [3, 7, 9])
    assert join_words([], "f") == ("", [], [])
    with pytest.raises(CorpusError, match="f: expected tokens of at least one character"):
        join_words(["air", ""], "f")


def test_what_no_split_divides_is_the_document_or_else_the_text():
    names = [Record("a", "x", (), group="x").document, Record("b", "x", ()).document]
    assert names[0] != names[1] == Record("c", "x", ()).document
