from typing import Any, Dict, Mapping, Optional

import numpy as np
from numpy.typing import NDArray

from ..spans.pairs import Bools

Scores = NDArray[np.floating[Any]]


def find_threshold(
    scores: Scores, correct: Bools, n_gold: int, *, floor: float = 0.0
) -> Optional[float]:
    """Find the threshold with the highest F-score, exactly. Scores that reach a threshold are
    positive, so that equal scores are positive together.

    Any threshold between two neighbouring scores gives the same F-score: of these it is the
    middle, which is robust. Of several equal maxima it is the one with the fewest spans.

    scores (Scores): Shape (n,). The scores of the predicted spans, none below the floor.
    correct (Bools): Shape (n,). Whether each predicted span is a gold span.
    n_gold (int): Number of gold spans, predicted ones and others.
    floor (float): The least threshold to consider.
    RETURNS (Optional[float]): The threshold, or None if no predicted span is correct, so that
        none is better than another.
    """
    if not correct.any():
        return None
    negated, groups = np.unique(-scores, return_inverse=True)
    kept = -negated
    n_predicted = np.bincount(groups).cumsum()
    n_correct = np.bincount(groups, weights=correct).cumsum()
    best = np.argmax(2 * n_correct / (n_predicted + n_gold))
    dropped = np.append(kept[1:], kept.dtype.type(floor))
    middle = (kept[best] + dropped[best]) / 2
    # Rounding may leave no number between two scores.
    return float(middle if middle > dropped[best] else kept[best])


def find_label_thresholds(
    scores: Scores,
    correct: Bools,
    labels: NDArray[np.str_],
    n_gold: Mapping[str, int],
    *,
    floor: float = 0.0,
    min_examples: int = 10,
) -> Dict[str, float]:
    """Find for each label the threshold with the highest F-score of that label, see
    `find_threshold`.

    This maximises the macro F-score. The micro F-score is what one threshold is for: with
    calibrated probabilities the best one is half the F-score that it reaches (Lipton et al. 2014),
    hence the same for all labels where they are counted together, and another for each label where
    each is measured by itself.

    scores (Scores): Shape (n,). The scores of the predicted spans, none below the floor.
    correct (Bools): Shape (n,). Whether each predicted span is a gold span.
    labels (NDArray[np.str_]): Shape (n,). The label of each predicted span.
    n_gold (Mapping[str, int]): Number of gold spans of each label.
    floor (float): The least threshold to consider.
    min_examples (int): The least number of gold spans that a threshold is found from.
    RETURNS (Dict[str, float]): The threshold of each label that has enough gold spans and a
        correct prediction.
    """
    thresholds = {}
    for label, n_examples in n_gold.items():
        if n_examples >= min_examples:
            of_label = labels == label
            threshold = find_threshold(scores[of_label], correct[of_label], n_examples, floor=floor)
            if threshold is not None:
                thresholds[label] = threshold
    return thresholds
