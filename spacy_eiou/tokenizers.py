import re
from typing import Any, Callable, Dict, Iterable

from spacy.language import Language
from spacy.scorer import Scorer
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc
from spacy.training import Example, validate_examples
from spacy.util import DummyTokenizer
from spacy.vocab import Vocab

RUN_OR_SYMBOL = re.compile(r"[^\W_]+|[\W_]")


def create_biomedical_tokenizer() -> Callable[[Language], Tokenizer]:
    """Create a tokenizer for biomedical text, whose entities often begin or end within what other
    tokenizers keep whole ("IL-2-mediated"). Each run of letters and digits is a token, and so is
    every other character but a space between tokens.

    RETURNS (Callable[[Language], Tokenizer]): A function that makes the tokenizer of a pipeline.
    """

    def create_tokenizer(nlp: Language) -> Tokenizer:
        # Every token is an infix, so that no text is left between infixes.
        return Tokenizer(nlp.vocab, infix_finditer=RUN_OR_SYMBOL.finditer)

    return create_tokenizer


def create_whitespace_tokenizer() -> Callable[[Language], Tokenizer]:
    """Create a tokenizer for text whose tokens are separated by whitespace.

    RETURNS (Callable[[Language], Tokenizer]): A function that makes the tokenizer of a pipeline.
    """

    def create_tokenizer(nlp: Language) -> Tokenizer:
        return Tokenizer(nlp.vocab)

    return create_tokenizer


def create_character_tokenizer() -> Callable[[Language], "CharacterTokenizer"]:
    """Create a tokenizer for languages written without spaces: each character is a token, and so
    is a character of whitespace.

    RETURNS (Callable[[Language], CharacterTokenizer]): A function that makes the tokenizer of a
        pipeline.
    """

    def create_tokenizer(nlp: Language) -> CharacterTokenizer:
        return CharacterTokenizer(nlp.vocab)

    return create_tokenizer


class CharacterTokenizer(DummyTokenizer):
    """Make each character a token.

    vocab (Vocab): The vocabulary of the docs.
    """

    def __init__(self, vocab: Vocab) -> None:
        self.vocab = vocab

    def __call__(self, text: str) -> Doc:
        """Tokenize a text.

        text (str): The text.
        RETURNS (Doc): Its characters.
        """
        return Doc(self.vocab, words=list(text), spaces=[False] * len(text))

    def score(self, examples: Iterable[Example]) -> Dict[str, Any]:
        """Score the tokenization.

        examples (Iterable[Example]): The examples.
        RETURNS (Dict[str, Any]): The scores of `Scorer.score_tokenization`.
        """
        validate_examples(examples, "CharacterTokenizer.score")
        return Scorer.score_tokenization(examples)
