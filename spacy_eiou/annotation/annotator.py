from threading import Lock
from typing import TYPE_CHECKING, Any, Iterable, Iterator, List, Optional, TypeVar

from ..corpora import CorpusError
from .parquet import get_values
from .prediction import find_spans_key, load_once, predict_texts

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Table = TypeVar("Table", "pa.Table", "pa.RecordBatch", "pd.DataFrame")

SPANS_COLUMN = "spans"
SPAN_FIELDS = {
    "start": "int32",
    "end": "int32",
    "label": "string",
    "text": "string",
    "parent": "int32",
    "score": "float64",
    "kb_id": "string",
}
# Some engines call a function from several threads, and a pipeline is not made for that.
LOCK = Lock()


class Annotator:
    """Annotates tables of texts: a function of a batch, as the engines that work on many machines
    take it. It is pickled by the name of the pipeline, which each process loads once.

    DOCS: docs/scale.md
    """

    def __init__(
        self,
        model: str,
        *,
        spans_key: Optional[str] = None,
        text_key: str = "text",
        batch_size: Optional[int] = None,
        use_gpu: int = -1,
    ) -> None:
        """Create an annotator. The pipeline is loaded when it is first needed.

        model (str): Name or path of the pipeline, on each machine.
        spans_key (Optional[str]): Key of `Doc.spans`. If None, the one that a component writes.
        text_key (str): Column of the text.
        batch_size (Optional[int]): Most texts to annotate at once. If None, that of the pipeline.
        use_gpu (int): GPU ID or -1 for CPU.
        """
        self.model = str(model)
        self.spans_key = spans_key
        self.text_key = text_key
        self.batch_size = batch_size
        self.use_gpu = use_gpu

    def __call__(self, table: Table) -> Table:
        """Add a column "spans" to a table, in the place of one of that name: for each text a list
        of structs of "start", "end", "label", "text", "parent", "score" and "kb_id", or null where
        there is no text, or one that is longer than the `max_length` of the pipeline. See
        `get_span_annotations` for the fields, which are null if there is nothing to tell.

        table (Union[pyarrow.Table, pyarrow.RecordBatch, pandas.DataFrame]): The table, which has a
            column of texts.
        RETURNS (Union[pyarrow.Table, pyarrow.RecordBatch, pandas.DataFrame]): A new table with the
            same rows and other columns.
        RAISES (CorpusError): If there is no column of texts.
        """
        # A data frame lists its columns, and has no schema.
        is_arrow = hasattr(table, "schema")
        names = list(table.schema.names if is_arrow else table.columns)
        if self.text_key not in names:
            raise CorpusError(f"Expected a column '{self.text_key}', not only {names}")
        if is_arrow:
            return add_spans(table, self._predict(get_values(table.column(self.text_key))))
        return table.assign(**{SPANS_COLUMN: self._predict(table[self.text_key].tolist())})

    def pipe(self, tables: Iterable[Table]) -> Iterator[Table]:
        """Add a column "spans" to tables, one after the other.

        tables (Iterable[Union[pyarrow.Table, pyarrow.RecordBatch, pandas.DataFrame]]): The tables.
        YIELDS (Union[pyarrow.Table, pyarrow.RecordBatch, pandas.DataFrame]): The new tables.
        """
        yield from map(self, tables)

    def _predict(self, texts: List[Any]) -> List[Any]:
        with LOCK:
            nlp = load_once(self.model, self.use_gpu)
            spans_key = find_spans_key(nlp, self.spans_key)
            rows = [
                row
                for row, text in enumerate(texts)
                if isinstance(text, str) and len(text) <= nlp.max_length
            ]
            predicted = predict_texts(
                nlp, [texts[row] for row in rows], spans_key, batch_size=self.batch_size
            )
        spans: List[Any] = [None] * len(texts)
        for row, (_, found) in zip(rows, predicted):
            spans[row] = [{name: span.get(name) for name in SPAN_FIELDS} for span in found]
        return spans


def add_spans(table: Any, spans: List[Any]) -> Any:
    """Add a column "spans" to an Arrow table, in the place of one of that name.

    table (Union[pyarrow.Table, pyarrow.RecordBatch]): The table.
    spans (List[Any]): The spans of each row, see `get_span_annotations`, or None.
    RETURNS (Union[pyarrow.Table, pyarrow.RecordBatch]): The new table.
    """
    import pyarrow as pa

    fields = [(name, pa.type_for_alias(alias)) for name, alias in SPAN_FIELDS.items()]
    column = pa.array(spans, type=pa.list_(pa.struct(fields)))
    if SPANS_COLUMN in table.schema.names:
        index = table.schema.get_field_index(SPANS_COLUMN)
        return table.set_column(index, SPANS_COLUMN, column)
    return table.append_column(SPANS_COLUMN, column)
