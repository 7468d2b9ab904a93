import random
from typing import List

import pytest
from spacy import registry
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

VOCAB = Vocab()


def make_batches(lengths: List[int], size: int, buffer: int) -> List[List[int]]:
    docs = [Doc(VOCAB, words=["gene"] * length) for length in lengths]
    batcher = registry.batchers.get("spacy_eiou.batch_by_length.v1")(size=size, buffer=buffer)
    return [[len(example) for example in batch] for batch in batcher(map(make_example, docs))]


def make_example(doc: Doc) -> Example:
    return Example(doc, doc)


@pytest.mark.parametrize(
    "size,buffer,expected",
    [
        (2, 100, [[0, 1], [2, 4], [5, 9], [9]]),
        # Only those are sorted that come one after the other.
        (2, 3, [[0, 4], [1, 5], [9], [2], [9]]),
        (9, 100, [[0, 1, 2, 4, 5, 9, 9]]),
    ],
)
def test_batches_have_docs_of_similar_length(
    size: int, buffer: int, expected: List[List[int]]
) -> None:
    batches = make_batches([4, 9, 0, 1, 9, 5, 2], size, buffer)
    assert sorted(batches) == sorted(expected)
    assert make_batches([], size, buffer) == []


def test_batches_come_in_random_order() -> None:
    random.seed(0)
    orders = {tuple(map(tuple, make_batches([1, 2, 3, 4], 1, 4))) for _ in range(50)}
    assert len(orders) > 10
