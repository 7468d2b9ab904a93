from typing import Any, Sequence, Tuple

import numpy as np

# Rows of documents, columns of numbers of gold, predicted and correct spans.
DocumentCounts = Any

BATCH_SIZE = 100


def bootstrap_difference(
    corpora: Sequence[Tuple[DocumentCounts, DocumentCounts]],
    *,
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Tuple[float, float, float]:
    """Compare two systems on the same documents by a paired bootstrap: documents are drawn with
    replacement within their corpus, the same ones for both systems.

    corpora (Sequence[Tuple[DocumentCounts, DocumentCounts]]): For each corpus, numbers of gold,
        predicted and correct spans of each document, shape (n_documents, 3), of the system and of
        the baseline to compare it with. To pool several runs of a system, add up their counts.
    n_resamples (int): How many times to draw as many documents as there are.
    confidence (float): The share of the resampled differences that lies within the interval.
    seed (int): Random seed.
    RETURNS (Tuple[float, float, float]): The difference in micro F-score on all documents, the mean
        over the corpora, from -1 to 1 and positive if the system is better than the baseline, and
        the lower and upper end of its percentile interval. The interval tells how far the
        difference depends on the choice of test documents, not on that of the training data or the
        random seed.
    RAISES (ValueError): If the documents of a corpus are none, or not the same.
    """
    pairs = [_stack_systems(*counts) for counts in corpora]
    rng = np.random.default_rng(seed)
    resampled = np.mean([_resample_differences(both, n_resamples, rng) for both in pairs], axis=0)
    tail = (1 - confidence) / 2
    lower, upper = np.quantile(resampled, [tail, 1 - tail])
    difference = np.mean([_differences(both.sum(axis=0)) for both in pairs])
    return difference.item(), lower.item(), upper.item()


def _stack_systems(counts: DocumentCounts, baseline_counts: DocumentCounts) -> Any:
    counts, baseline_counts = np.asarray(counts), np.asarray(baseline_counts)
    if len(counts) == 0 or not np.array_equal(counts[:, 0], baseline_counts[:, 0]):
        raise ValueError(
            f"Can't compare two systems: expected counts for the same documents with the same "
            f"gold spans, but got {len(counts)} and {len(baseline_counts)} documents."
        )
    return np.stack([counts, baseline_counts], axis=1)


def _resample_differences(both: Any, n_resamples: int, rng: np.random.Generator) -> Any:
    batches = [min(BATCH_SIZE, n_resamples - done) for done in range(0, n_resamples, BATCH_SIZE)]
    return np.concatenate(
        [
            _differences(both[rng.integers(len(both), size=(size, len(both)))].sum(axis=1))
            for size in batches
        ]
    )


def _differences(totals: Any) -> Any:
    """Micro F-score of the first system less that of the second, from counts of shape
    (..., 2, 3)."""
    gold, predicted, correct = np.moveaxis(totals, -1, 0)
    scores = 2 * correct / np.maximum(gold + predicted, 1)
    return scores[..., 0] - scores[..., 1]
