import pytest
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_eiou.spans.sentences import sentence_bounds, sentence_ends


@pytest.mark.parametrize(
    "sent_starts, bounds, ends",
    [
        ([True, False, True, True, False], [0, 2, 3, 5], [2, 2, 3, 5, 5]),
        ([True], [0, 1], [1]),
        ([None, None, True], [0, 2, 3], [2, 2, 3]),
        ([None] * 3, [0, 3], [3, 3, 3]),
        ([], [0], []),
    ],
)
def test_sentences(sent_starts, bounds, ends):
    doc = Doc(Vocab(), words=["a"] * len(sent_starts), sent_starts=sent_starts)
    assert sentence_bounds(doc).tolist() == bounds
    assert sentence_ends(doc).tolist() == ends


def test_a_doc_without_boundaries_is_one_sentence():
    doc = Doc(Vocab(), words=["a"] * 4)
    assert not doc.has_annotation("SENT_START")
    assert sentence_bounds(doc).tolist() == [0, 4]
