"""Rows and columns of Parquet files and of Arrow."""

import io
from collections import Counter
from typing import Any, Dict, Iterable, Iterator, List, Optional

from ..corpora.record import CorpusError
from .paths import is_remote, show_path
from .source_files import Shard, get_compression, import_pyarrow, open_input, unpacking


def open_parquet(location: str) -> Any:
    """Open a Parquet file.

    location (str): Path or address.
    RETURNS (pyarrow.parquet.ParquetFile): The file.
    RAISES (CorpusError): If it is damaged, or pyarrow is missing.
    """
    pyarrow = import_pyarrow(location)
    from pyarrow.parquet import ParquetFile

    try:
        if not get_compression(location):
            return ParquetFile(open_input(location) if is_remote(location) else location)
        # Its end is read first, so all of it is unpacked.
        with unpacking(location) as file:
            return ParquetFile(io.BytesIO(file.read()))
    except pyarrow.ArrowInvalid as err:
        raise CorpusError(f"{show_path(location)}: expected a Parquet file ({err})") from err


def iter_record_batches(shard: Shard, text_key: str, columns: Optional[List[str]] = None) -> Any:
    """Read the rows of a shard of a Parquet file.

    shard (Shard): The shard.
    text_key (str): A column that has to be there.
    columns (Optional[List[str]]): The columns to read, those of them that there are. If None, all.
    YIELDS (pyarrow.RecordBatch): The rows, at most 1,000 at once.
    RAISES (CorpusError): If the file is damaged or has no such column, or several of one name, or
        pyarrow is missing.
    """
    (file,) = shard.files
    with open_parquet(file.location) as parquet:
        names = parquet.schema_arrow.names
        check_columns(names, text_key, file.location)
        if columns is not None:
            columns = [name for name in columns if name in names]
        end = parquet.metadata.num_rows if shard.stop is None else shard.stop
        first = 0
        for group in range(parquet.num_row_groups):
            last = first + parquet.metadata.row_group(group).num_rows
            if first < end and last > shard.start:
                batches = parquet.iter_batches(batch_size=1000, row_groups=[group], columns=columns)
                yield from _cut_batches(batches, shard.start - first, end - first)
            first = last


def check_columns(names: List[str], text_key: str, location: str) -> None:
    """Check that the columns of a file can be told from one another.

    names (List[str]): The names of the columns.
    text_key (str): A column that has to be there.
    location (str): Path or address of the file.
    RAISES (CorpusError): If it is not there, or several have one name.
    """
    if text_key not in names:
        raise CorpusError(
            f"{show_path(location)}: expected a column '{text_key}', not only {names}"
        )
    # Spreadsheets write columns without a name at the end.
    counts = Counter(filter(None, names))
    if doubled := [name for name, n_columns in counts.items() if n_columns > 1]:
        raise CorpusError(
            f"{show_path(location)}: expected one column of each name, not several of {doubled}"
        )


def _cut_batches(batches: Iterable[Any], start: int, stop: int) -> Iterator[Any]:
    first = 0
    for batch in batches:
        kept = batch[max(start - first, 0) : stop - first]
        if len(kept):
            yield kept
        first += len(batch)
        if first >= stop:
            return


def get_rows(batch: Any) -> Iterator[Dict[str, Any]]:
    """Get the rows of a batch as Python objects. Bytes in a column of strings stay bytes.

    batch (pyarrow.RecordBatch): The batch.
    YIELDS (Dict[str, Any]): The rows.
    """
    names = batch.schema.names
    for row in zip(*(get_values(column) for column in batch.columns)):
        yield dict(zip(names, row))


def get_values(column: Any) -> List[Any]:
    """RETURNS (List[Any]): The values of an Arrow column. What should be a string and is not in
    UTF-8 is bytes."""
    try:
        values: List[Any] = column.to_pylist()
    except UnicodeDecodeError:
        return [_get_value(scalar) for scalar in column]
    return values


def _get_value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        return scalar.as_buffer().to_pybytes()
