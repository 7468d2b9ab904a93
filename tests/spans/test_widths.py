from math import exp, lgamma, log

import numpy as np
import pytest
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_eiou.spans.widths import choose_width, count_candidates, most_by_chance, part_lengths


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


@pytest.mark.parametrize(
    "widths,expected",
    [
        # The first spans of more, of which any may be the outliers
        ([230], 4),
        ([3] * 9 + [230], 4),
        ([3] * 5 + [230] * 2, 230),
        ([3] * 1997 + [230] * 3, 4),
        ([3] * 1980 + [230] * 20, 230),
        # Outliers and wide spans
        ([3] * 500 + [30] * 30 + [230], 30),
        # Not costly
        ([6], 6),
        ([2], 2),
    ],
)
def test_width_after_an_earlier_one(widths, expected):
    choice = choose_width(np.array(widths), np.array([400] * 50), earlier_width=4)
    assert max(choice.width, 4) == max(expected, 4)


@pytest.mark.parametrize("expected", [0.0001, 0.01, 0.5, 2.0, 30.0])
def test_more_than_most_by_chance_is_unlikely(expected):
    most = most_by_chance(expected)
    terms = [exp(k * log(expected) - expected - lgamma(k + 1)) for k in range(most + 1)]
    assert 1 - sum(terms) < 0.001
    assert most >= int(expected)
    # The bound is not much too wide: the exact tail of so many is above a tenth of it.
    assert most == 0 or 1 - sum(terms[:-1]) > 0.0001


def test_spans_of_one_width_cost_nothing():
    assert choose_width(np.array([2] * 50), np.array([9])).describe() == ""


def test_parts_are_sentences_where_docs_have_them():
    words = ["a", "b", "c", "d"]
    docs = [Doc(Vocab(), words=words, sent_starts=[1, 0, 0, 1]), Doc(Vocab(), words=words)]
    assert part_lengths(docs).tolist() == [3, 1, 4]
    assert part_lengths([]).tolist() == []
