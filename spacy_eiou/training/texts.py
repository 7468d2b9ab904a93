from pathlib import Path
from typing import Iterable, Iterator, List, Union

from ..annotation import RejectedText, SourceText, read_texts
from ..annotation.source_files import guess_text_format


def read_items(path: Path, max_length: int) -> Iterator[Union[SourceText, RejectedText]]:
    """Read the texts to learn from.

    path (Path): A file, or a directory of files.
    max_length (int): The most characters of a text.
    YIELDS (Union[SourceText, RejectedText]): The texts that are not blank, and what is no text.
    """
    for item in read_texts(path, guess_text_format(path), max_length=max_length):
        if isinstance(item, RejectedText) or item.text.strip():
            yield item


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
