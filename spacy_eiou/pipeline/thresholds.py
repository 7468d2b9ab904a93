from typing import Any, Dict, Mapping, NamedTuple, Optional

import numpy as np
from numpy.typing import NDArray

from ..spans.pairs import Bools, Ints

Scores = NDArray[np.floating[Any]]
Labels = NDArray[np.str_]

# How many spans that are like the average of all labels a label is given besides its own: of
# benchmarks/studies/label_thresholds the most that cost at most a tenth of a point of macro F.
SHRINKAGE = 10.0
MIN_EXAMPLES = 10
N_FOLDS = 5


class Thresholds(NamedTuple):
    """The least probability of a span that is kept.

    common (float): That of all labels.
    by_label (Dict[str, float]): That of labels that have one of their own.
    """

    common: float
    by_label: Dict[str, float]


class ScoredSpans(NamedTuple):
    """The predicted and the gold spans of some docs.

    scores (Scores): The scores of the predicted spans, shape (n,).
    correct (Bools): Whether each predicted span is a gold span, shape (n,).
    labels (Labels): The labels of the predicted spans, shape (n,).
    docs (Ints): The indices of their docs, shape (n,).
    gold_labels (Labels): The labels of the gold spans, shape (m,).
    gold_docs (Ints): The indices of their docs, shape (m,).
    """

    scores: Scores
    correct: Bools
    labels: Labels
    docs: Ints
    gold_labels: Labels
    gold_docs: Ints

    @property
    def n_gold(self) -> Dict[str, int]:
        """The number of gold spans by label."""
        labels, counts = np.unique(self.gold_labels, return_counts=True)
        return dict(zip(labels.tolist(), counts.tolist()))

    def select(self, docs: Ints) -> "ScoredSpans":
        """RETURNS (ScoredSpans): The spans of the docs with these indices."""
        predicted, gold = np.isin(self.docs, docs), np.isin(self.gold_docs, docs)
        return ScoredSpans(
            self.scores[predicted],
            self.correct[predicted],
            self.labels[predicted],
            self.docs[predicted],
            self.gold_labels[gold],
            self.gold_docs[gold],
        )


def find_thresholds(
    spans: ScoredSpans,
    *,
    floor: float = 0.0,
    per_label: bool = False,
    min_examples: int = MIN_EXAMPLES,
    shrinkage: float = SHRINKAGE,
) -> Optional[Thresholds]:
    """Find the common threshold with the highest micro F-score, and thresholds of labels.

    spans (ScoredSpans): The spans, predicted ones with a score of at least the floor.
    floor (float): The least threshold to consider.
    per_label (bool): Whether to find thresholds per label, see `find_label_thresholds`.
    min_examples (int): The least number of gold spans of a label with a threshold of its own.
    shrinkage (float): How strongly these are drawn to the common one.
    RETURNS (Optional[Thresholds]): The thresholds, or None if no predicted span is correct.
    """
    n_gold = spans.n_gold
    common = find_threshold(spans.scores, spans.correct, sum(n_gold.values()), floor=floor)
    if common is None:
        return None
    if not per_label:
        return Thresholds(common, {})
    by_label = find_label_thresholds(
        spans.scores,
        spans.correct,
        spans.labels,
        n_gold,
        floor=floor,
        min_examples=min_examples,
        shrinkage=shrinkage,
    )
    return Thresholds(common, by_label)


def find_threshold(
    scores: Scores,
    correct: Bools,
    n_gold: float,
    *,
    floor: float = 0.0,
    weights: Optional[Scores] = None,
) -> Optional[float]:
    """Find the threshold with the highest F-score, exactly. Scores that reach a threshold are
    positive, so that equal scores are positive together.

    Any threshold between two neighbouring scores gives the same F-score: of these it is the
    middle, which is robust. Of several equal maxima it is the one with the fewest spans.

    scores (Scores): Shape (n,). The scores of the predicted spans, none below the floor.
    correct (Bools): Shape (n,). Whether each predicted span is a gold span.
    n_gold (float): Number of gold spans, predicted ones and others.
    floor (float): The least threshold to consider.
    weights (Optional[Scores]): Shape (n,). How often each predicted span counts. If None, once.
    RETURNS (Optional[float]): The threshold, or None if no predicted span is correct, so that
        none is better than another.
    """
    if not correct.any():
        return None
    negated, groups = np.unique(-scores, return_inverse=True)
    kept = -negated
    weights = np.ones(len(scores)) if weights is None else weights
    n_predicted = np.bincount(groups, weights=weights).cumsum()
    n_correct = np.bincount(groups, weights=weights * correct).cumsum()
    best = np.argmax(2 * n_correct / (n_predicted + n_gold))
    dropped = np.append(kept[1:], kept.dtype.type(floor))
    middle = (kept[best] + dropped[best]) / 2
    # Rounding may leave no number between two scores.
    return float(middle if middle > dropped[best] else kept[best])


def find_label_thresholds(
    scores: Scores,
    correct: Bools,
    labels: Labels,
    n_gold: Mapping[str, int],
    *,
    floor: float = 0.0,
    min_examples: int = MIN_EXAMPLES,
    shrinkage: float = SHRINKAGE,
) -> Dict[str, float]:
    """Find for each label the threshold with the highest F-score of that label, see
    `find_threshold`, shrunk towards the common one.

    Without shrinkage this maximises the macro F-score. The micro F-score is what one threshold is
    for: with calibrated probabilities the best one is half the F-score that it reaches (Lipton et
    al. 2014), hence the same for all labels where they are counted together, and another for each
    label where each is measured by itself.

    Thresholds that are tuned label by label are known to fit rare labels too closely (Yang 2001,
    Fan and Lin 2007). This project's remedy: each label is scored as if it had `shrinkage` more
    gold spans, which are like the average of all labels. So it is the common threshold where a
    label has no spans, and its own where it has very many.

    scores (Scores): Shape (n,). The scores of the predicted spans, none below the floor.
    correct (Bools): Shape (n,). Whether each predicted span is a gold span.
    labels (Labels): Shape (n,). The label of each predicted span.
    n_gold (Mapping[str, int]): Number of gold spans of each label.
    floor (float): The least threshold to consider.
    min_examples (int): The least number of gold spans that a threshold is found from.
    shrinkage (float): The number of gold spans of all labels that each label is given, or 0.
    RETURNS (Dict[str, float]): The threshold of each label that has enough gold spans and a
        correct prediction.
    """
    thresholds = {}
    share = shrinkage / max(sum(n_gold.values()), 1)
    for label, n_examples in n_gold.items():
        of_label = labels == label
        if n_examples >= min_examples and correct[of_label].any():
            # Scores that count nothing would still bound the middle between two of the label.
            counted = of_label if shrinkage == 0 else np.ones(len(scores), dtype=bool)
            threshold = find_threshold(
                scores[counted],
                correct[counted],
                n_examples + shrinkage,
                floor=floor,
                weights=(of_label + share)[counted],
            )
            if threshold is not None:
                thresholds[label] = threshold
    return thresholds


def cross_validate(
    spans: ScoredSpans, n_docs: int, default: Thresholds, *, seed: int = 0, **settings: Any
) -> Optional[Dict[str, float]]:
    """Estimate how thresholds score that `find_thresholds` finds: on docs that did not choose them.
    The docs are divided into `N_FOLDS` parts, and the spans of each part are kept by the thresholds
    that are found on the others.

    spans (ScoredSpans): The spans.
    n_docs (int): The number of docs.
    default (Thresholds): Thresholds where none can be found.
    seed (int): Random seed of the division.
    settings (Any): Settings of `find_thresholds`.
    RETURNS (Optional[Dict[str, float]]): The scores of `score_kept`, or None if there are not two
        docs.
    """
    if n_docs < 2:
        return None
    folds = np.random.default_rng(seed).permutation(n_docs) % min(N_FOLDS, n_docs)
    kept = np.zeros(len(spans.scores), dtype=bool)
    for fold in range(folds.max() + 1):
        thresholds = find_thresholds(spans.select(np.flatnonzero(folds != fold)), **settings)
        kept |= (folds[spans.docs] == fold) & keep(spans, thresholds or default)
    return score_kept(spans, kept)


def keep(spans: ScoredSpans, thresholds: Thresholds) -> Bools:
    """RETURNS (Bools): Which predicted spans reach the thresholds, shape (n,)."""
    labels, indices = np.unique(spans.labels, return_inverse=True)
    least = [thresholds.by_label.get(label, thresholds.common) for label in labels.tolist()]
    reached: Bools = spans.scores >= np.array(least, dtype=spans.scores.dtype)[indices]
    return reached


def score_kept(spans: ScoredSpans, kept: Bools) -> Dict[str, float]:
    """Score the predicted spans that are kept.

    spans (ScoredSpans): The spans.
    kept (Bools): Which predicted spans are kept, shape (n,).
    RETURNS (Dict[str, float]): `p`, `r`, `f` and `macro_f`, as in `score_spans`.
    """
    n_gold = spans.n_gold
    n_correct, n_predicted = (spans.correct & kept).sum(), kept.sum()
    labels, indices = np.unique(spans.labels, return_inverse=True)
    correct = dict(zip(labels.tolist(), np.bincount(indices, weights=spans.correct & kept)))
    predicted = dict(zip(labels.tolist(), np.bincount(indices, weights=kept)))
    f_scores = [
        2 * correct.get(label, 0) / (predicted.get(label, 0) + n) for label, n in n_gold.items()
    ]
    total = sum(n_gold.values())
    return {
        "p": float(n_correct / max(n_predicted, 1)),
        "r": float(n_correct / max(total, 1)),
        "f": float(2 * n_correct / max(n_predicted + total, 1)),
        "macro_f": float(np.mean(f_scores)) if f_scores else 0.0,
    }
