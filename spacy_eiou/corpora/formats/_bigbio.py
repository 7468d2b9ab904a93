"""Documents of BigBio (Fries et al. 2022, arXiv 2206.15076): passages and entities, with a list of
texts and of offsets each."""

from typing import Any, Dict, List, Tuple

from .._parse import check_pair, check_type, get_field, show
from ..record import CorpusError


def is_bigbio(item: Any) -> bool:
    """RETURNS (bool): Whether a JSON value is a document in the schema "kb" of BigBio."""
    return (
        isinstance(item, dict)
        and isinstance(item.get("entities"), list)
        and isinstance(item.get("passages"), list)
        and all(isinstance(part, dict) and "offsets" in part for part in item["passages"])
    )


def to_item(item: Dict[str, Any], where: str) -> Dict[str, Any]:
    """Make a text with entities of a document. The characters between passages are not in it, and
    become spaces.

    item (Dict[str, Any]): The document.
    where (str): File, and line or record.
    RETURNS (Dict[str, Any]): The text with entities, as `parse_item` expects it.
    RAISES (CorpusError): If the passages are malformed.
    """
    text = ""
    for start, end, found in sorted(_list_passages(item["passages"], where)):
        if start < len(text) or end - start != len(found):
            raise CorpusError(
                f"{where}: expected passages that follow each other and are as long as their "
                f"offsets, not {show(found)} at {start} to {end}"
            )
        text = text.ljust(start) + found
    return {
        "id": item.get("document_id") or item.get("id"),
        "text": text,
        "entities": item["entities"],
    }


def _list_passages(passages: List[Dict[str, Any]], where: str) -> List[Tuple[int, int, str]]:
    parts = []
    for passage in passages:
        texts, offsets = (get_field(passage, key, list, where) for key in ("text", "offsets"))
        for text, pair in zip(texts, offsets):
            parts.append((*check_pair(pair, where), check_type(text, str, where)))
    return parts


def join_identifiers(links: Any, where: str) -> str:
    """RETURNS (str): The identifiers of an entity, as the `kb_id` of a span.
    RAISES (CorpusError): If they are malformed."""
    names = [
        (get_field(link, "db_name", str, where), get_field(link, "db_id", str, where))
        for link in check_type(links, list, where)
    ]
    return "|".join(f"{database}:{identifier}" for database, identifier in names if identifier)
