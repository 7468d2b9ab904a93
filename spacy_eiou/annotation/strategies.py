"""How much it is worth to annotate a text, by what models predict for it."""

from typing import Callable, Dict, List, NamedTuple, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from ..corpora import CorpusError
from ..spans.pairs import Bools, Ints

Floats = NDArray[np.float64]


class Prediction(NamedTuple):
    """The likely candidates that a model finds in some texts, see `select_likely`.

    texts (Ints): The text of each candidate, in order, shape (n,).
    bounds (Ints): Its first character, and the one after its last, shape (n, 2).
    probabilities (Floats): The probability of each label, shape (n, K).
    positive (Bools): Which of them reach the threshold of the label, shape (n, K).
    """

    texts: Ints
    bounds: Ints
    probabilities: Floats
    positive: Bools


class TextBatch(NamedTuple):
    """Some texts, and what models predict for them, from which a strategy scores them.

    texts (Sequence[str]): The m texts.
    draws (Floats): A random number from 0 to 1 of each text, the same for the same text and seed,
        shape (m,).
    n_words (Ints): The number of tokens of each text, at least one, shape (m,).
    labels (Sequence[str]): The K labels.
    label_counts (Optional[Ints]): The number of training examples of each label, shape (K,), if the
        first model knows them.
    predictions (Sequence[Prediction]): What each model predicts.
    """

    texts: Sequence[str]
    draws: Floats
    n_words: Ints
    labels: Sequence[str]
    label_counts: Optional[Ints]
    predictions: Sequence[Prediction]

    def count_errors(self) -> Floats:
        """Estimate the number of errors of each label in each text: a span that is predicted with
        the probability p is wrong with 1 - p, and one that is not is missing with p.

        RETURNS (Floats): The mean over the models, shape (m, K).
        """
        return self._sum_up(
            lambda found: np.where(found.positive, 1 - found.probabilities, found.probabilities)
        )

    def count_spans(self) -> Floats:
        """RETURNS (Floats): The number of spans of each label to expect in each text, the mean over
        the models, shape (m, K)."""
        return self._sum_up(lambda found: found.probabilities)

    def count_disagreements(self) -> Floats:
        """RETURNS (Floats): The number of spans in each text that one of two models predicts and
        the other does not, the mean over all pairs of models, shape (m,). One model has none."""
        n_models = len(self.predictions)
        rows = np.concatenate([_list_positive(found) for found in self.predictions])
        spans, votes = np.unique(rows, axis=0, return_counts=True)
        n_pairs = max(n_models * (n_models - 1) / 2, 1)
        counts = np.zeros(len(self.n_words))
        np.add.at(counts, spans[:, 0], votes * (n_models - votes) / n_pairs)
        return counts

    def weigh_labels(self) -> Floats:
        """RETURNS (Floats): How much an example of each label is worth, shape (K,): the reciprocal
        of the square root of its number of training examples, so that all of these together are
        worth their number. If it is not known, 1."""
        if self.label_counts is None:
            return np.ones(len(self.labels))
        counts = np.maximum(self.label_counts, 1)
        weights: Floats = counts**-0.5 * counts.sum() / np.sqrt(counts).sum()
        return weights

    def _sum_up(self, evaluate: Callable[[Prediction], Floats]) -> Floats:
        total = np.zeros((len(self.n_words), len(self.labels)))
        for found in self.predictions:
            if len(found.texts):
                rows, starts = np.unique(found.texts, return_index=True)
                total[rows] += np.add.reduceat(evaluate(found), starts, axis=0)
        return total / len(self.predictions)


def _list_positive(found: Prediction) -> Ints:
    """RETURNS (Ints): Text, first and last character, and label of each span that is predicted."""
    rows, labels = np.nonzero(found.positive)
    return np.column_stack([found.texts[rows], found.bounds[rows], labels])


Score = Callable[[TextBatch], Floats]
Explain = Callable[[TextBatch], List[str]]


class Strategy(NamedTuple):
    """A way to choose texts.

    score (Score): Gives each text of a batch a score, not below 0, shape (m,): the higher, the
        rather it is chosen.
    explain (Explain): Says in a few words why each text of a batch was chosen.
    is_diverse (bool): Whether a text is worth less if it is like one that is chosen already.
    """

    score: Score
    explain: Explain
    is_diverse: bool


STRATEGIES: Dict[str, Strategy] = {}


def register_strategy(
    name: str, *, explain: Optional[Explain] = None, is_diverse: bool = False
) -> Callable[[Score], Score]:
    """Register a function that scores texts as a strategy.

    name (str): The name of the strategy.
    explain (Optional[Explain]): See `Strategy`. If None, the reason is the name.
    is_diverse (bool): See `Strategy`.
    RETURNS (Callable[[Score], Score]): A decorator.
    """

    def register(score: Score) -> Score:
        STRATEGIES[name] = Strategy(score, explain or _always_explain(name), is_diverse)
        return score

    return register


def get_strategy(name: str) -> Strategy:
    """Get a strategy by its name.

    name (str): The name.
    RETURNS (Strategy): The strategy.
    RAISES (CorpusError): If there is none of this name.
    """
    if name not in STRATEGIES:
        raise CorpusError(f"Expected a strategy from {', '.join(STRATEGIES)}, not '{name}'")
    return STRATEGIES[name]


def _always_explain(reason: str) -> Explain:
    return lambda batch: [reason] * len(batch.texts)


def _explain_errors(batch: TextBatch) -> List[str]:
    errors = batch.count_errors()
    most = errors.argmax(axis=1)
    return [
        f"about {total:.1f} errors in {n_words} words, most of {batch.labels[label]}"
        for total, n_words, label in zip(errors.sum(axis=1), batch.n_words, most)
    ]


def _explain_disagreements(batch: TextBatch) -> List[str]:
    return [
        f"two models differ in about {count:.1f} spans, in {n_words} words"
        for count, n_words in zip(batch.count_disagreements(), batch.n_words)
    ]


def _explain_rare(batch: TextBatch) -> List[str]:
    assert batch.label_counts is not None
    most = (batch.count_spans() * batch.weigh_labels()).argmax(axis=1)
    return [
        f"may have {batch.labels[label]}, of which {batch.label_counts[label]:,} are known"
        for label in most
    ]


@register_strategy("uncertainty", explain=_explain_errors)
def score_uncertainty(batch: TextBatch) -> Floats:
    """RETURNS (Floats): The number of errors to expect per word."""
    scores: Floats = batch.count_errors().sum(axis=1) / batch.n_words
    return scores


@register_strategy("disagreement", explain=_explain_disagreements)
def score_disagreement(batch: TextBatch) -> Floats:
    """RETURNS (Floats): The number of spans per word in which two models differ.
    RAISES (CorpusError): If there is one model only."""
    if len(batch.predictions) == 1:
        raise CorpusError("Expected several models, whose disagreement tells what to annotate")
    return batch.count_disagreements() / batch.n_words


@register_strategy("rare", explain=_explain_rare)
def score_rare(batch: TextBatch) -> Floats:
    """RETURNS (Floats): The number of spans to expect per word, where those of rare labels weigh
    more, see `TextBatch.weigh_labels`.
    RAISES (CorpusError): If the model does not know which labels are rare."""
    if batch.label_counts is None:
        raise CorpusError("Expected a nested_spancat, which knows how many examples a label has")
    return batch.count_spans() @ batch.weigh_labels() / batch.n_words


@register_strategy("diversity", explain=_always_explain("unlike the others"), is_diverse=True)
def score_diversity(batch: TextBatch) -> Floats:
    """RETURNS (Floats): The same for all texts."""
    return np.ones(len(batch.texts))


@register_strategy("random", explain=_always_explain("at random"))
def score_random(batch: TextBatch) -> Floats:
    """RETURNS (Floats): A random number."""
    return batch.draws


@register_strategy("combined", explain=_explain_errors, is_diverse=True)
def score_combined(batch: TextBatch) -> Floats:
    """RETURNS (Floats): The number of errors to expect, where those of rare labels weigh more, and
    the number of spans in which two models differ."""
    errors: Floats = batch.count_errors() @ batch.weigh_labels()
    return errors + batch.count_disagreements()


@register_strategy("combined_per_word", explain=_explain_errors, is_diverse=True)
def score_combined_per_word(batch: TextBatch) -> Floats:
    """RETURNS (Floats): The score of "combined", per word."""
    scores: Floats = score_combined(batch) / batch.n_words
    return scores
