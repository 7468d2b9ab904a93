from pathlib import Path
from typing import Iterator, List

from spacy.tokens import Doc, DocBin
from spacy.training.corpus import FILE_TYPE, walk_corpus
from spacy.vocab import Vocab

from .record import CorpusError


def read_docs(path: Path, vocab: Vocab) -> Iterator[Doc]:
    """Read annotated docs.

    path (Path): A .spacy file or a directory of them.
    vocab (Vocab): The vocabulary of the docs.
    YIELDS (Doc): The docs that have tokens.
    RAISES (CorpusError): If there is no .spacy file, or one is damaged.
    """
    locations = walk_corpus(path, FILE_TYPE)
    if not locations or not (path.is_dir() or path.suffix == FILE_TYPE):
        raise CorpusError(
            f"{path}: expected a .spacy file or a directory of them. To make one: "
            "python -m spacy eiou convert"
        )
    for location in locations:
        yield from (doc for doc in load_docs(location, vocab) if len(doc))


def load_docs(path: Path, vocab: Vocab) -> List[Doc]:
    """Load all docs of a file in spaCy's binary format.

    path (Path): The .spacy file.
    vocab (Vocab): The vocabulary of the docs.
    RETURNS (List[Doc]): The docs.
    RAISES (CorpusError): If the file is damaged.
    """
    try:
        docs = list(DocBin().from_disk(path).get_docs(vocab))
        for doc in docs:
            for spans in doc.spans.values():
                # Spans are built, and their labels looked up, no sooner than this.
                {span.label_ for span in spans}
        return docs
    # What damaged bytes raise depends on where they are damaged.
    except Exception as err:
        raise CorpusError(f"{path}: expected a complete .spacy file ({err!r})") from err
