import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from spacy_eiou.models.basis import Basis


def test_components_of_a_known_distribution():
    # Variance 4 along (3, 4) / 5, and 1 across it; the mean is (1, 2).
    along, across = np.asarray([3, 4]) / 5, np.asarray([-4, 3]) / 5
    vectors = np.asarray([1, 2]) + np.stack([2 * along, -2 * along, across, -across])
    basis = Basis.fit(vectors.astype("f"), 1)
    assert_allclose(basis.mean, [1, 2], atol=1e-6)
    # Variances are 2 and 0.5, so that the first direction has 4 of 5 parts of it.
    projected = basis.project(vectors.astype("f"))
    assert_allclose(abs(projected[:, 0]), [2 / 2.5**0.5] * 2 + [0, 0], atol=1e-6)
    assert_allclose((projected**2).sum(axis=1).mean(), 0.8, rtol=1e-6)


def test_vectors_that_do_not_vary():
    basis = Basis.fit(np.ones((3, 2), dtype="f"), 2)
    assert_array_equal(basis.project(np.ones((3, 2), dtype="f")), np.zeros((3, 2)))
    other = np.array([[1.0, 3.0]], dtype="f")
    assert abs(basis.project(other)).max() == pytest.approx(2)
