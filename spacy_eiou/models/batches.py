"""Batches of texts of similar length."""

from typing import Iterator, List, Optional, Sequence

# Of a batch, padding included: larger ones leave the cache of a CPU, smaller ones a GPU idle.
PIECES_PER_BATCH = {"cpu": 512, "cuda": 32768}


def batch_by_pieces(
    lengths: Sequence[int], max_pieces: Optional[int], device: str
) -> Iterator[List[int]]:
    """Sort texts into batches of similar length, the longest first.

    lengths (Sequence[int]): Word pieces per text.
    max_pieces (Optional[int]): The most word pieces per batch, padding included. A longer text is
        a batch of its own. None takes what suits the device.
    device (str): The type of the device, "cpu" or "cuda".
    YIELDS (List[int]): The numbers of the texts of a batch.
    """
    if max_pieces is None:
        max_pieces = PIECES_PER_BATCH.get(device, PIECES_PER_BATCH["cuda"])
    batch: List[int] = []
    for text in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        if batch and (len(batch) + 1) * lengths[batch[0]] > max_pieces:
            yield batch
            batch = []
        batch.append(text)
    if batch:
        yield batch
