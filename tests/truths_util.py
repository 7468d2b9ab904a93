import numpy as np

from spacy_eiou.losses import SpanTruths


def make_truths(candidates, gold, labels, class_counts=None, several_labels=False):
    """The truths of a batch, from lists."""
    return SpanTruths(
        candidates=np.asarray(candidates, dtype="i").reshape((-1, 2)),
        gold=np.asarray(gold, dtype="i").reshape((-1, 2)),
        labels=np.asarray(labels, dtype="i"),
        class_counts=class_counts if class_counts is None else np.asarray(class_counts, "f"),
        several_labels=several_labels,
    )
