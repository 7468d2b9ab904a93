import os
from unittest.mock import Mock

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_eiou.models.basis import Basis
from spacy_eiou.models.vector_store import VectorStore


@pytest.mark.parametrize("has_links", [True, False])
def test_the_components_of_the_first_process_are_kept(tmp_path, monkeypatch, has_links):
    if not has_links:
        monkeypatch.setattr(os, "link", Mock(side_effect=OSError))
    bases = [Basis(np.zeros(2), np.full((2, 1), number)) for number in (1.0, 2.0)]
    for basis in bases:
        kept = VectorStore(tmp_path, 1).keep_basis(basis)
        assert_array_equal(kept.components, [[1], [1]])
    assert [path.name for path in tmp_path.iterdir()] == ["basis.npy"]


@pytest.mark.parametrize("n_lost", [1, 20, 32, 33, 50])
def test_what_a_killed_process_left_unfinished_is_computed_again(tmp_path, n_lost):
    docs = [Doc(Vocab(), words=words) for words in (["a"], ["b", "c"])]
    rows = [np.full((len(doc), 3), number, dtype="f2") for number, doc in enumerate(docs)]
    store = VectorStore(tmp_path, 3)
    store.add(docs, rows)
    data = store.file.read_bytes()
    # A key, a number and three values per token
    assert len(data) == (20 + 1 * 6) + (20 + 2 * 6)
    store.file.write_bytes(data[: len(data) - n_lost])
    again = VectorStore(tmp_path, 3)
    assert [doc in again for doc in docs] == [n_lost <= 32, False]
    again.add(docs[1:], rows[1:])
    assert_array_equal(VectorStore(tmp_path, 3)[docs[1]], rows[1])
