import os
from hashlib import blake2b
from pathlib import Path
from struct import Struct
from typing import Dict, Optional, Sequence, Tuple
from uuid import uuid4

import numpy as np
from spacy.attrs import LENGTH, SPACY
from spacy.tokens import Doc
from thinc.types import Floats2d

from .basis import Basis

# Before the vectors of a doc, in a file: its key and its number of tokens.
HEADER = Struct("<16sI")


class VectorStore:
    """Vectors of the tokens of docs, on the disk in half precision. Processes that use the same
    folder at the same time each write a file of their own.

    path (Path): The folder.
    size (int): The width of the vectors.
    """

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size
        self.places: Dict[bytes, Tuple[Path, int]] = {}
        path.mkdir(parents=True, exist_ok=True)
        for file in sorted(path.glob("*.vectors")):
            self._index(file)
        self.file = path / f"{uuid4().hex}.vectors"

    def _index(self, path: Path) -> None:
        end = path.stat().st_size
        with path.open("rb") as file_:
            # What a killed process was writing at the end isn't whole.
            while file_.tell() + HEADER.size <= end:
                key, n_tokens = HEADER.unpack(file_.read(HEADER.size))
                start = file_.tell()
                if file_.seek(n_tokens * self.size * 2, os.SEEK_CUR) <= end:
                    self.places[key] = path, start

    def __contains__(self, doc: Doc) -> bool:
        return hash_tokens(doc) in self.places

    def __getitem__(self, doc: Doc) -> Floats2d:
        path, start = self.places[hash_tokens(doc)]
        n_values = len(doc) * self.size
        return np.fromfile(path, "<f2", n_values, offset=start).reshape(len(doc), self.size)

    def add(self, docs: Sequence[Doc], vectors: Sequence[Floats2d]) -> None:
        """Add docs.

        docs (Sequence[Doc]): The docs.
        vectors (Sequence[Floats2d]): Their vectors, shape (len(doc), size).
        """
        with self.file.open("ab") as file_:
            for doc, rows in zip(docs, vectors):
                key = hash_tokens(doc)
                file_.write(HEADER.pack(key, len(doc)))
                self.places[key] = self.file, file_.tell()
                file_.write(rows.astype("<f2").tobytes())

    def read_basis(self) -> Optional[Basis]:
        """RETURNS (Optional[Basis]): The components that the vectors are of, if there are any."""
        path = self.path / "basis.npy"
        if not path.exists():
            return None
        mean, *components = np.load(path)
        return Basis(mean, np.stack(components, axis=1))

    def keep_basis(self, basis: Basis) -> Basis:
        """Keep the components that the vectors are of, unless another process was faster.
        RETURNS (Basis): Those that are kept."""
        path, new = self.path / "basis.npy", self.path / f"{uuid4().hex}.npy"
        np.save(new, np.vstack([basis.mean, basis.components.T]))
        try:
            os.link(new, path)
        except OSError:
            # Or the file system has no links.
            if not path.exists():
                os.replace(new, path)
        new.unlink(missing_ok=True)
        return self.read_basis() or basis


def hash_tokens(doc: Doc) -> bytes:
    """RETURNS (bytes): 16 bytes that stand for the text of a doc and the bounds of its tokens."""
    digest = blake2b(doc.text.encode("utf8"), digest_size=16)
    digest.update(doc.to_array([LENGTH, SPACY]).tobytes())
    return digest.digest()
