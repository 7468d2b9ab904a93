import warnings
from pathlib import Path
from typing import Any, Iterator, Literal, Tuple

from .._parse import check_type, get_field, read_json_list
from ..record import CorpusError, Entity, Record, join_words, make_record
from .registry import register_format


@register_format("maintie")
def read_maintie(path: Path, level: Literal[0, 1, 2, 3] = 1) -> Iterator[Record]:
    """Read MaintIE. Its entities are given in tokens, so the text of a record is its tokens joined
    with single spaces. That is the "text" of the corpus, except in a few records, in which the
    annotators corrected a token: a warning counts those.

    path (Path): gold_release.json or silver_release.json.
    level (Literal[0, 1, 2, 3]): How much of a type such as "PhysicalObject/Substance/Gas" is the
        label: the first level (1), two levels (2) or all of it (3). With 0, each label is "Entity".
    YIELDS (Record): The records, in the order of the file.
    RAISES (CorpusError): If the file is malformed.
    """
    n_corrected = 0
    for number, item in read_json_list(path):
        where = f"{path}, record {number}"
        words = [
            check_type(word, str, f"{where}, 'tokens'")
            for word in get_field(item, "tokens", list, where)
        ]
        text, starts, ends = join_words(words, where)
        n_corrected += text != get_field(item, "text", str, where)
        entities = []
        for data in get_field(item, "entities", list, where):
            start, end = _get_tokens(data, len(words), where)
            label = _get_label(get_field(data, "type", str, where), level)
            entities.append(Entity(starts[start], ends[end - 1], label))
        yield make_record(f"{path.stem}-{number}", text, entities, where, words=words)
    if n_corrected:
        warnings.warn(
            f"{path}: the text of {n_corrected} records differs from their tokens, which are used",
            stacklevel=2,
        )


def _get_tokens(data: Any, n_words: int, where: str) -> Tuple[int, int]:
    start = get_field(data, "start", int, where)
    end = get_field(data, "end", int, where)
    if not 0 <= start < end <= n_words:
        raise CorpusError(
            f"{where}: expected an entity within the {n_words} tokens, not {start} to {end}"
        )
    return start, end


def _get_label(entity_type: str, level: int) -> str:
    if level == 0:
        return "Entity"
    return entity_type if level == 3 else "/".join(entity_type.split("/")[:level])
