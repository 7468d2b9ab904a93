"""Variations of few texts, which show words that are in none of them."""

from collections import Counter
from pathlib import Path
from typing import List, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import to_numpy

from ..files import open_text, replacing, to_json_line
from .texts import Texts, check_texts, iterate_texts

# A word is exchanged with this probability, for one of so many that are nearest.
PROBABILITY = 0.5
N_NEAREST = 10
# Of more distinct words, the most frequent ones are exchanged.
MAX_WORDS = 20_000
WORDS_PER_PART = 1000


def write_variations(
    nlp: Language,
    texts: Texts,
    path: Path,
    *,
    n_variations: int,
    words: Sequence[str] = (),
    seed: int = 0,
) -> Texts:
    """Write texts, and variations of each: half of its words, in the mean, are exchanged for others
    with near vectors. A teacher that knows these words can then tell the pipeline that it teaches.
    TinyBERT (Jiao et al. 2020) learns from texts varied like that; vectors from a transformer, and
    these numbers, are this project's choice.

    nlp (Language): The pipeline whose tokenizer makes the words, with their vectors.
    texts (Texts): The texts.
    path (Path): The file to write, JSON Lines.
    n_variations (int): The number of variations of each text.
    words (Sequence[str]): Words to put in the place of others, beside those of the texts.
    seed (int): Which words are exchanged, and for which.
    RETURNS (Texts): The texts and their variations.
    """
    near = NearWords(nlp.vocab, [*count_words(nlp, texts), *words])
    generator = np.random.default_rng(seed)
    with replacing(path) as temporary, open_text(temporary) as file_:
        for doc in map(nlp.make_doc, iterate_texts(texts)):
            varied = [near.vary(doc, generator) for _ in range(n_variations)]
            file_.writelines(to_json_line({"text": text}) for text in [doc.text, *varied])
    written = check_texts(path, max_length=texts.max_length)
    return written._replace(rejected=[*texts.rejected, *written.rejected])


def count_words(nlp: Language, texts: Texts) -> List[str]:
    """RETURNS (List[str]): The most frequent words of texts."""
    docs = map(nlp.make_doc, iterate_texts(texts))
    counts = Counter(token.text for doc in docs for token in doc if token.is_alpha)
    return [word for word, _ in counts.most_common(MAX_WORDS)]


class NearWords:
    """For each of some words, those that are nearest by the cosine of their vectors.

    vocab (Vocab): Has the vectors.
    words (Sequence[str]): The words.
    """

    def __init__(self, vocab: Vocab, words: Sequence[str]) -> None:
        self.words = list(dict.fromkeys(words))
        self.rows = {word: row for row, word in enumerate(self.words)}
        # On a GPU, spaCy has the vectors there.
        vectors = torch.from_numpy(to_numpy(vocab.vectors.get_batch(self.words))).float()
        vectors = F.normalize(vectors)
        # The nearest one is the word itself.
        n_nearest = min(N_NEAREST + 1, len(self.words))
        parts = [
            (part @ vectors.T).topk(n_nearest).indices[:, 1:]
            for part in torch.split(vectors, WORDS_PER_PART)
        ]
        self.nearest = torch.cat(parts).numpy()

    def vary(self, doc: Doc, generator: np.random.Generator) -> str:
        """Exchange words of a doc.

        doc (Doc): The doc.
        generator (np.random.Generator): Chooses the words.
        RETURNS (str): The text of the variation.
        """
        are_chosen = generator.random(len(doc)) < PROBABILITY
        draws = generator.random(len(doc))
        return "".join(
            self._exchange(token.text, draw) + token.whitespace_
            if is_chosen
            else token.text_with_ws
            for token, is_chosen, draw in zip(doc, are_chosen, draws)
        )

    def _exchange(self, word: str, draw: float) -> str:
        row = self.rows.get(word)
        if row is None or not self.nearest.shape[1]:
            return word
        column = int(draw * self.nearest.shape[1])
        return self.words[int(self.nearest[row, column])]
