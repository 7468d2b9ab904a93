from itertools import chain

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from spacy.tokens import Doc
from thinc.api import NumpyOps

from spacy_eiou.models import SpanSuggester, build_span_suggester_v1

VOCAB = spacy.blank("en").vocab


def make_doc(sentence_lengths, has_sentences=True, words=("word",)):
    words = [words[i % len(words)] for i in range(sum(sentence_lengths))]
    sent_starts = [i == 0 for length in sentence_lengths for i in range(length)]
    return Doc(VOCAB, words=words, sent_starts=sent_starts if has_sentences else None)


DOCS = st.builds(
    make_doc,
    st.lists(st.integers(1, 5), max_size=4),
    st.booleans(),
    st.sampled_from([("word",), ("word", " ", "word", "\n\n"), (" ",)]),
)


def reference(doc, max_width):
    """All spans by start, then end, that lie in one sentence, between words."""
    sentences = list(doc.sents) if len(doc) and doc.has_annotation("SENT_START") else [doc[:]]
    return [
        (start, end)
        for sentence in sentences
        for start in range(sentence.start, sentence.end)
        for end in range(start + 1, sentence.end + 1)
        if end - start <= max_width and not (doc[start].is_space or doc[end - 1].is_space)
    ]


@given(docs=st.lists(DOCS, max_size=4), max_width=st.integers(1, 12))
def test_candidates_match_brute_force(docs, max_width):
    candidates = SpanSuggester(max_width)(docs)
    expected = [reference(doc, max_width) for doc in docs]
    assert candidates.lengths.tolist() == [len(spans) for spans in expected]
    assert candidates.dataXd.shape == (sum(map(len, expected)), 2)
    assert candidates.dataXd.dtype == candidates.lengths.dtype == "int32"
    assert [tuple(row) for row in candidates.dataXd.tolist()] == list(chain(*expected))


def test_candidates_by_hand():
    candidates = SpanSuggester(2)([make_doc([2, 1]), make_doc([]), make_doc([2, 1], False)])
    assert candidates.lengths.tolist() == [4, 0, 5]
    assert candidates.dataXd.tolist() == [
        *([0, 1], [0, 2], [1, 2], [2, 3]),
        *([0, 1], [0, 2], [1, 2], [1, 3], [2, 3]),
    ]


@pytest.mark.parametrize("n_docs", [0, 1, 3])
def test_empty_docs(n_docs):
    candidates = SpanSuggester(3)([make_doc([])] * n_docs)
    assert candidates.dataXd.shape == (0, 2)
    assert candidates.lengths.tolist() == [0] * n_docs


def test_docs_may_come_from_a_generator():
    docs = [make_doc([2]), make_doc([1])]
    candidates = SpanSuggester(2)(doc for doc in docs)
    assert candidates.lengths.tolist() == [3, 1]


def test_ops_allocate_the_result():
    class CountingOps(NumpyOps):
        n_arrays = 0

        def asarray(self, *args, **kwargs):
            self.n_arrays += 1
            return super().asarray(*args, **kwargs)

    ops = CountingOps()
    candidates = SpanSuggester(2)([make_doc([3])], ops=ops)
    assert ops.n_arrays == 2
    assert_array_equal(candidates.dataXd, SpanSuggester(2)([make_doc([3])]).dataXd)


def test_unknown_max_width():
    suggester = build_span_suggester_v1()
    assert suggester.max_width is None
    with pytest.raises(ValueError, match=r"Initialize the pipeline.*max_width"):
        suggester([make_doc([3])])


@pytest.mark.parametrize("max_width", [0, -1, "3", 2.5])
def test_max_width_below_one(max_width):
    with pytest.raises(ValueError, match=f"at least 1 token, but is {max_width!r}"):
        build_span_suggester_v1(max_width)
