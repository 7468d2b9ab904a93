import warnings
from pathlib import Path
from typing import Any, Iterator, List, Literal

from .._parse import check_type, get_field, get_number, read_json_list
from ..draft import Draft, Mention, parse_each
from ..record import CorpusError, join_words
from .registry import Sample, register_format


def _recognizes(sample: Sample) -> bool:
    return any(
        isinstance(item, dict)
        and {"text", "tokens", "entities"} <= item.keys()
        and any(
            "/" in str(entity.get("type"))
            for entity in item["entities"]
            if isinstance(entity, dict)
        )
        for item in sample.items
        if isinstance(item, dict) and isinstance(item.get("entities"), list)
    )


@register_format("maintie", recognizes=_recognizes)
def read_maintie(path: Path, level: Literal[0, 1, 2, 3] = 1) -> Iterator[Draft]:
    """Read MaintIE. Its entities are given in tokens, so the text of a record is its tokens joined
    with single spaces. That is the "text" of the corpus, except in a few records, in which the
    annotators corrected a token: a warning counts those.

    path (Path): gold_release.json or silver_release.json.
    level (Literal[0, 1, 2, 3]): How much of a type such as "PhysicalObject/Substance/Gas" is the
        label: the first level (1), two levels (2) or all of it (3). With 0, each label is "Entity".
    YIELDS (Draft): The records, in the order of the file.
    """
    n_corrected = 0

    def parse(item: Any, where: str) -> Draft:
        nonlocal n_corrected
        words = [
            check_type(word, str, f"{where}, 'tokens'")
            for word in get_field(item, "tokens", list, where)
        ]
        text, starts, ends = join_words(words, where)
        draft = Draft(text, where, get_number(where), words=words, is_located=True)
        n_corrected += text != get_field(item, "text", str, where)

        def parse_entity(data: Any, where: str) -> List[Mention]:
            start = get_field(data, "start", int, where)
            end = get_field(data, "end", int, where)
            if not 0 <= start < end <= len(words):
                raise CorpusError(
                    f"{where}: expected an entity within the {len(words)} tokens, "
                    f"not {start} to {end}"
                )
            label = _get_label(get_field(data, "type", str, where), level)
            return [Mention(starts[start], ends[end - 1], label, where=where)]

        draft.parse(parse_entity, get_field(item, "entities", list, where))
        return draft

    yield from parse_each(read_json_list(path), parse)
    if n_corrected:
        warnings.warn(
            f"{path}: the text of {n_corrected} records differs from their tokens, which are used",
            stacklevel=2,
        )


def _get_label(entity_type: str, level: int) -> str:
    if level == 0:
        return "Entity"
    return entity_type if level == 3 else "/".join(entity_type.split("/")[:level])
