"""Texts to learn from."""

from hashlib import sha256
from pathlib import Path
from typing import Iterable, Iterator, List, NamedTuple, Sequence, Union

from ..annotation import RejectedText, SourceText, read_texts
from ..annotation.source_files import guess_text_format
from ..corpora import CorpusError


class Texts(NamedTuple):
    """Texts that were read once, to check them.

    path (Path): Their source.
    max_length (int): The most characters of one.
    n_texts (int): Their number.
    checksum (str): Their checksum.
    rejected (List[str]): What was expected in the place of each item that is no text, and where.
    """

    path: Path
    max_length: int
    n_texts: int
    checksum: str
    rejected: List[str]


def read_items(path: Path, max_length: int) -> Iterator[Union[SourceText, RejectedText]]:
    """Read the texts to learn from.

    path (Path): A file, or a directory of files.
    max_length (int): The most characters of a text.
    YIELDS (Union[SourceText, RejectedText]): The texts that are not blank, and what is no text.
    """
    for item in read_texts(path, guess_text_format(path), max_length=max_length):
        if isinstance(item, RejectedText) or item.text.strip():
            yield item


def check_texts(path: Path, *, max_length: int) -> Texts:
    """Read all texts once.

    path (Path): The texts, see `read_texts`. Blank ones don't count.
    max_length (int): The most characters of a text that isn't rejected.
    RETURNS (Texts): What there is.
    RAISES (CorpusError): If the source is not as expected, or has no text.
    """
    n_texts, digest, rejected = 0, sha256(), []
    for item in read_items(path, max_length):
        if isinstance(item, RejectedText):
            rejected.append(item.reason)
        else:
            n_texts += 1
            digest.update(item.text.encode("utf8") + b"\0")
    check_found(path, n_texts, rejected)
    return Texts(path, max_length, n_texts, digest.hexdigest(), rejected)


def check_found(path: Path, n_texts: int, rejected: Sequence[str]) -> None:
    """Check that a source has texts.

    path (Path): The source.
    n_texts (int): The number of its texts.
    rejected (Sequence[str]): What was expected in the place of each item that is no text.
    RAISES (CorpusError): If there are no texts.
    """
    if not n_texts:
        found = f"{len(rejected):,} other items. {rejected[0]}" if rejected else "nothing"
        raise CorpusError(f"{path}: expected texts, found {found}")


def iterate_texts(texts: Texts) -> Iterator[str]:
    """Read texts that were checked.

    texts (Texts): The texts.
    YIELDS (str): Those that are not rejected.
    """
    for item in read_items(texts.path, texts.max_length):
        if isinstance(item, SourceText):
            yield item.text


def split_texts(texts: Iterable[str], n_characters: int) -> Iterator[List[str]]:
    """YIELDS (List[str]): Parts of the texts, each of which ends as it has so many characters."""
    part: List[str] = []
    n_found = 0
    for text in texts:
        part.append(text)
        n_found += len(text)
        if n_found >= n_characters:
            yield part
            part, n_found = [], 0
    if part:
        yield part
