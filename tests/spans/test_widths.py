import numpy as np
import pytest
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_eiou.spans.widths import choose_width, count_candidates, part_lengths


@pytest.mark.parametrize("width,expected", [(1, 7), (2, 7 + 4), (3, 7 + 4 + 2), (9, 7 + 4 + 2 + 1)])
def test_count_candidates(width, expected):
    assert count_candidates(np.array([4, 2, 1]), width) == expected


def test_one_outlier_is_left_out_if_it_is_costly():
    lengths = np.array([400] * 50)
    choice = choose_width(np.array([3] * 99 + [230]), lengths)
    assert (choice.width, choice.longest, choice.n_outliers) == (3, 230, 1)
    assert choice.candidates == count_candidates(lengths, 3)
    assert choice.candidates_longest == count_candidates(lengths, 230)
    assert choice.describe() == (
        "1 of 100 spans (1.00%) are wider than 3 tokens, up to 230. To cover them takes 3,283,250 "
        "candidates instead of 59,850, 54.9 times as many"
    )


@pytest.mark.parametrize(
    "widths,lengths,expected",
    [
        # Too few spans, or outliers
        ([3] * 18 + [230], [400], 230),
        ([3] * 99 + [230] * 2, [400], 230),
        ([3] * 9989 + [230] * 11, [400], 230),
        ([3] * 9990 + [230] * 10, [400], 3),
        # Docs that are so short that it hardly matters, and narrow candidates
        ([20] * 99 + [30], [30] * 100, 30),
        ([1] * 99 + [20], [400], 20),
        ([1] * 99 + [21], [400], 1),
        ([1, 1], [4], 1),
    ],
)
def test_width(widths, lengths, expected):
    assert choose_width(np.array(widths), np.array(lengths)).width == expected


def test_spans_of_one_width_cost_nothing():
    assert choose_width(np.array([2] * 50), np.array([9])).describe() == ""


def test_parts_are_sentences_where_docs_have_them():
    words = ["a", "b", "c", "d"]
    docs = [Doc(Vocab(), words=words, sent_starts=[1, 0, 0, 1]), Doc(Vocab(), words=words)]
    assert part_lengths(docs).tolist() == [3, 1, 4]
    assert part_lengths([]).tolist() == []
