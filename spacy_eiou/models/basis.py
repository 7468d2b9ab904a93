from typing import NamedTuple

import numpy as np
from thinc.types import Floats1d, Floats2d

# What less variance than this is, are rounding errors.
MIN_VARIANCE = 1e-6


class Basis(NamedTuple):
    """The principal components of vectors of width n, scaled so that a vector's squared length is
    on average the share of the variance that they keep.

    mean (Floats1d): The mean of the vectors, shape (n,).
    components (Floats2d): Their directions, the one of most variance first, shape (n, size).
    """

    mean: Floats1d
    components: Floats2d

    @classmethod
    def fit(cls, vectors: Floats2d, size: int) -> "Basis":
        """Find the components.

        vectors (Floats2d): The vectors, shape (N, n).
        size (int): The number of components.
        RETURNS (Basis): The components.
        """
        mean = vectors.mean(axis=0)
        centred = vectors - mean
        variances, directions = np.linalg.eigh(centred.T @ centred / len(vectors))
        # That of a single vector is zero.
        variance = variances.sum()
        scale = 1 / np.sqrt(variance) if variance > MIN_VARIANCE else 1.0
        return cls(mean, np.ascontiguousarray(directions[:, ::-1][:, :size] * scale))

    def project(self, vectors: Floats2d) -> Floats2d:
        """RETURNS (Floats2d): The components of vectors, shape (N, size)."""
        return (vectors - self.mean) @ self.components
