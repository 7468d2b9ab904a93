import warnings
from hashlib import sha256
from pathlib import Path
from typing import List, Optional, Sequence

import numpy as np
from spacy.tokens import Doc
from thinc.types import Floats2d

from .basis import Basis
from .pretrained import Transformer
from .vector_store import VectorStore


class HiddenStates:
    """The principal components of a transformer's hidden states, for each token of docs. Each doc
    is computed once, if there is a folder to keep the results in.

    transformer (str): The transformer, see `Transformer`.
    size (int): The most components. Those of the first docs serve for all others.
    n_layers (int): How many of the last layers to average.
    cache (Optional[Path]): The folder. Other transformers and settings may share it. It may be
        removed at any time, and what a killed process has left there is used.
    """

    def __init__(
        self, transformer: str, *, size: int = 192, n_layers: int = 3, cache: Optional[Path] = None
    ) -> None:
        self.transformer = Transformer(transformer, n_layers)
        self.size = min(size, self.transformer.width)
        self.basis: Optional[Basis] = None
        self.store: Optional[VectorStore] = None
        if cache is not None:
            settings = f"{self.transformer.hash_weights()} {self.size} {n_layers}"
            folder = Path(cache) / sha256(settings.encode("utf8")).hexdigest()[:16]
            self.store = VectorStore(folder, self.size)
            self.basis = self.store.read_basis()

    def predict(self, docs: Sequence[Doc]) -> List[Floats2d]:
        """Compute the vectors of docs, or look them up.

        docs (Sequence[Doc]): The docs. All of them are held in memory.
        RETURNS (List[Floats2d]): For each doc, the vectors in half precision, shape (len(doc),
            size). Tokens without word pieces have NaN.
        """
        if self.store is None:
            return self._compute(docs)
        missing = [doc for doc in docs if doc not in self.store]
        if missing:
            self.store.add(missing, self._compute(missing))
        return [self.store[doc] for doc in docs]

    def _compute(self, docs: Sequence[Doc]) -> List[Floats2d]:
        vectors = self.transformer.predict(docs)
        if self.basis is None:
            known = vectors[~np.isnan(vectors[:, 0])]
            if not len(known):
                return [np.full((len(doc), self.size), np.nan, dtype="f2") for doc in docs]
            self.basis = self._fit_basis(known)
        bounds = np.cumsum([len(doc) for doc in docs])[:-1]
        return np.split(self.basis.project(vectors).astype("f2"), bounds)

    def _fit_basis(self, vectors: Floats2d) -> Basis:
        """RETURNS (Basis): The components of vectors, or those that another process has put in the
        folder by now."""
        basis = Basis.fit(vectors, self.size)
        if self.store is None:
            return basis
        if len(vectors) < self.size:
            warnings.warn(
                f"The folder {self.store.path} keeps principal components that were found from "
                f"{len(vectors):,} tokens alone. They hold too little for more texts: use another "
                "folder then",
                stacklevel=4,
            )
        return self.store.keep_basis(basis)
