from typing import Callable, Iterable, Iterator, List

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
    RETURNS (Reader): Reads the silver examples once, and among them the gold ones, in as many
        passes as their share asks for. At no point is the share less, so that it also holds in
        training with `max_epochs = -1`, which does not shuffle.
    RAISES (ValueError): If the share is out of range, or there are no gold examples.
    """
    check_gold_share(gold_share)

    def read(nlp: Language) -> Iterator[Example]:
        n_gold = 0
        gold_pass: List[Example] = []
        for n_silver, example in enumerate(silver(nlp), start=1):
            while n_gold < gold_share * (n_gold + n_silver):
                gold_pass = gold_pass or _read_pass(gold, nlp)
                yield gold_pass.pop()
                n_gold += 1
            yield example
        yield from reversed(gold_pass if n_gold else _read_pass(gold, nlp))

    return read


def _read_pass(gold: Reader, nlp: Language) -> List[Example]:
    """RETURNS (List[Example]): All gold examples, the last one first."""
    examples = list(gold(nlp))[::-1]
    if not examples:
        raise ValueError("The mixed corpus has no gold examples to read.")
    return examples


def check_gold_share(gold_share: float) -> None:
    """Check the share of gold examples in a mixed corpus.

    gold_share (float): The least share of gold examples.
    RAISES (ValueError): If it is not above 0 and below 1.
    """
    if not 0 < gold_share < 1:
        raise ValueError(
            f"gold_share of the mixed corpus must be above 0 and below 1, but is {gold_share}."
        )
