import json
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence

from ...extras import require_extra
from ..draft import Draft, parse_each
from ..record import CorpusError, Record, UnreadableError
from ._items import ENTITY_KEYS, TAG_KEYS, find_spans_key, parse_item, prefer_characters
from .jsonl import entity_to_dict
from .registry import register_format
from .writers import Target, register_writer

ROWS_PER_GROUP = 1_000
# What the datasets of Hugging Face call the types of a row.
STRING = {"dtype": "string", "_type": "Value"}
INTEGER = {"dtype": "int64", "_type": "Value"}
FLOAT = {"dtype": "float64", "_type": "Value"}
SPAN = {
    "start": INTEGER,
    "end": INTEGER,
    "label": STRING,
    "text": STRING,
    "kb_id": STRING,
    "score": FLOAT,
}
ROW = {"id": STRING, "group": STRING, "text": STRING, "tokens": [STRING]}


@register_format("parquet", recognizes=lambda sample: sample.data.startswith(b"PAR1"))
def read_parquet(
    path: Path,
    text_key: Optional[str] = None,
    keep_tokens: bool = False,
    tag_names: Optional[List[str]] = None,
) -> Iterator[Draft]:
    """Read Parquet of texts or tokens with entities, as `read_jsonl` does, and as the datasets of
    Hugging Face have it: the names of tags that are numbers are then known.

    path (Path): The file.
    text_key, keep_tokens, tag_names: See `read_jsonl`.
    YIELDS (Draft): The rows, in the order of the file.
    RAISES (UnreadableError): If the file is damaged.
    """
    require_extra("parquet", "pyarrow")
    try:
        with import_module("pyarrow.parquet").ParquetFile(path) as file:
            names = tag_names or _find_tag_names(file.schema_arrow.metadata or {})
            rows = [_drop_absent(row) for batch in file.iter_batches() for row in batch.to_pylist()]
    # What damaged bytes raise depends on where they are damaged.
    except Exception as err:
        raise UnreadableError(f"{path}: expected a complete Parquet file ({err!r})") from err

    in_characters = prefer_characters(rows)
    spans_key = find_spans_key(rows, str(path))

    def parse(row: Dict[str, Any], where: str) -> Draft:
        # A column is there in each row. Of entities, null says that there are none.
        given = {
            key: _to_list(value, where)
            for key, value in row.items()
            if value is not None or key in ENTITY_KEYS
        }
        return parse_item(
            given,
            where,
            text_key=text_key,
            keep_tokens=keep_tokens,
            tag_names=names,
            in_characters=in_characters,
            spans_key=spans_key,
        )

    items = enumerate(rows, start=1)
    yield from parse_each(((f"{path}, row {number}", row) for number, row in items), parse)


def _drop_absent(row: Dict[str, Any]) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): A row without the fields of objects that only other rows have."""
    return {
        key: {name: item for name, item in value.items() if item is not None}
        if isinstance(value, dict)
        else value
        for key, value in row.items()
    }


def _to_list(value: Any, where: str) -> Any:
    """RETURNS (Any): A list of objects, if a value is an object of lists, as some versions of
    `datasets` store it.
    RAISES (CorpusError): If the lists are not of one length."""
    if not isinstance(value, dict) or not all(isinstance(v, list) for v in value.values()):
        return value
    if any(isinstance(item, dict) for items in value.values() for item in items):
        # Objects by a key, as spaCy writes spans
        return value
    if len({len(items) for items in value.values()}) > 1:
        raise CorpusError(f"{where}: expected as many values of {', '.join(value)}")
    return [dict(zip(value, items)) for items in zip(*value.values())]


def _find_tag_names(metadata: Dict[bytes, bytes]) -> Optional[List[str]]:
    features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    for key in TAG_KEYS:
        feature = features.get(key, {})
        feature = feature[0] if isinstance(feature, list) else feature.get("feature", {})
        if isinstance(feature, dict) and isinstance(feature.get("names"), list):
            return [str(name) for name in feature["names"]]
    return None


@register_writer("parquet", suffix=".parquet", holds=("ids", "groups", "identifiers", "scores"))
def write_parquet(records: Sequence[Record], target: Target) -> None:
    """Write Parquet with the types that the datasets of Hugging Face read: a row has "id", "group",
    "text", "tokens" if the records have them, and a list of "spans".

    records (Sequence[Record]): The records.
    target (Target): Where to write.
    """
    require_extra("parquet", "pyarrow")
    pyarrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    features = {**ROW, "spans": [SPAN]}
    schema = pyarrow.schema(
        [(name, _to_type(feature, pyarrow)) for name, feature in features.items()],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    rows = (_to_row(record, list(SPAN)) for record in records)
    with parquet.ParquetWriter(target.path, schema) as file:
        while group := list(islice(rows, ROWS_PER_GROUP)):
            file.write_table(pyarrow.Table.from_pylist(group, schema=schema))


def _to_type(feature: Any, pyarrow: Any) -> Any:
    """RETURNS (pyarrow.DataType): The type of what a feature describes."""
    if isinstance(feature, list):
        return pyarrow.list_(_to_type(feature[0], pyarrow))
    if "_type" in feature:
        return pyarrow.type_for_alias(feature["dtype"])
    return pyarrow.struct([(name, _to_type(item, pyarrow)) for name, item in feature.items()])


def _to_row(record: Record, names: Sequence[str]) -> Dict[str, Any]:
    return {
        "id": record.id,
        "group": record.group,
        "text": record.text,
        "tokens": record.words,
        "spans": [
            {name: item.get(name) for name in names}
            for item in (entity_to_dict(entity, record.text) for entity in record.entities)
        ],
    }
