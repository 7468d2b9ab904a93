import random
from functools import partial
from typing import Callable, Iterable, Iterator, List

from spacy.training import Example
from spacy.util import minibatch

Batcher = Callable[[Iterable[Example]], Iterator[List[Example]]]


def create_batch_by_length(size: int, buffer: int = 256) -> Batcher:
    """Create a batcher whose batches hold docs of similar length.

    size (int): The number of docs in a batch.
    buffer (int): How many docs to sort by length at a time.
    RETURNS (Batcher): The batcher.
    """
    return partial(batch_by_length, size=size, buffer=buffer)


def batch_by_length(
    examples: Iterable[Example], *, size: int, buffer: int
) -> Iterator[List[Example]]:
    """Sort examples into batches of similar length, which come in random order.

    examples (Iterable[Example]): The examples.
    size (int): The number of examples in a batch.
    buffer (int): How many examples to sort at a time.
    YIELDS (List[Example]): The batches.
    """
    for examples_to_sort in minibatch(examples, buffer):  # type: ignore[no-untyped-call]
        examples_to_sort.sort(key=len)
        batches = list(minibatch(examples_to_sort, size))  # type: ignore[no-untyped-call]
        random.shuffle(batches)
        yield from batches
