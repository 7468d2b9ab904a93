from typing import Callable, Iterable, Iterator

from spacy.language import Language
from spacy.training import Example

Reader = Callable[[Language], Iterable[Example]]


def create_mixed_corpus(gold: Reader, silver: Reader, gold_share: float = 0.5) -> Reader:
    """Create a reader of examples for self-training: those that people annotated, mixed with those
    that a model did.

    gold (Reader): Reads the gold examples. It is called once for each pass over them, so that an
        augmenter gives others every time.
    silver (Reader): Reads the examples that a model annotated.
    gold_share (float): The least share of gold examples, above 0 and below 1.
    RETURNS (Reader): Reads the silver examples once and the gold ones as many times as their share
        asks for. Training shuffles them, unless `max_epochs` is -1.
    RAISES (ValueError): If the share is out of range, or there are no gold examples.
    """
    check_gold_share(gold_share)

    def read(nlp: Language) -> Iterator[Example]:
        n_silver = n_gold = 0
        for example in silver(nlp):
            yield example
            n_silver += 1
        while not n_gold or n_gold < gold_share * (n_gold + n_silver):
            gold_examples = list(gold(nlp))
            if not gold_examples:
                raise ValueError("The mixed corpus has no gold examples to read.")
            yield from gold_examples
            n_gold += len(gold_examples)

    return read


def check_gold_share(gold_share: float) -> None:
    """Check the share of gold examples in a mixed corpus.

    gold_share (float): The least share of gold examples.
    RAISES (ValueError): If it is not above 0 and below 1.
    """
    if not 0 < gold_share < 1:
        raise ValueError(
            f"gold_share of the mixed corpus must be above 0 and below 1, but is {gold_share}."
        )
