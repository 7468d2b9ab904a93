import pickle

import pytest
import spacy

from spacy_eiou.annotation import Annotator
from spacy_eiou.annotation.annotator import load_once
from spacy_eiou.corpora import CorpusError

pa = pytest.importorskip("pyarrow")

TEXTS = ["the IL-2 gene", None, "", "a" * 50, "IL-2"]
LABELS = [["protein", "DNA"], None, [], None, ["protein"]]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    nlp = spacy.blank("xx")
    nlp.max_length = 49
    ruler = nlp.add_pipe("span_ruler")
    ruler.add_patterns([{"label": "DNA", "pattern": "IL-2 gene"}])
    ruler.add_patterns([{"label": "protein", "pattern": "IL-2"}])
    path = tmp_path_factory.mktemp("model")
    nlp.to_disk(path)
    load_once(str(path), -1).max_length = 49
    return str(path)


def get_labels(rows):
    return [row and [span["label"] for span in row] for row in rows]


def make_table(**columns):
    return pa.table({"text": TEXTS, "year": pa.array(range(5), pa.int8()), **columns})


def test_table(model):
    table = make_table()
    annotated = Annotator(model)(table)
    assert annotated.select(["text", "year"]) == table
    assert annotated.schema.names == ["text", "year", "spans"]
    spans = annotated.column("spans").to_pylist()
    assert get_labels(spans) == LABELS
    inner, outer = spans[0]
    assert outer == {"start": 4, "end": 13, "label": "DNA", "text": "IL-2 gene"} | dict.fromkeys(
        ["parent", "score", "kb_id"]
    )
    assert (inner["start"], inner["parent"]) == (4, 1)


def test_record_batch(model):
    (batch,) = make_table().to_batches()
    annotated = Annotator(model)(batch)
    assert isinstance(annotated, pa.RecordBatch)
    assert pa.Table.from_batches([annotated]) == Annotator(model)(make_table())


def test_empty_table_has_the_same_columns(model):
    table = make_table()
    empty = Annotator(model)(table.slice(0, 0))
    assert empty.schema == Annotator(model)(table).schema
    assert len(empty) == 0


def test_data_frame(model):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"body": TEXTS, "year": range(5)}, index=list("abcde"))
    annotated = Annotator(model, text_key="body")(frame)
    assert annotated[["body", "year"]].equals(frame)
    assert get_labels(annotated["spans"]) == LABELS
    assert annotated["spans"].tolist() == Annotator(model)(make_table())["spans"].to_pylist()


def test_column_of_spans_is_replaced(model):
    annotated = Annotator(model)(make_table(spans=["old"] * 5, last=range(5)))
    assert annotated.schema.names == ["text", "year", "spans", "last"]
    assert get_labels(annotated.column("spans").to_pylist()) == LABELS


def test_bytes_that_are_no_text(model):
    column = pa.array([b"\xff", b"IL-2"]).view(pa.string())
    annotated = Annotator(model)(pa.table({"text": column}))
    assert get_labels(annotated.column("spans").to_pylist()) == [None, ["protein"]]


def test_tables_one_after_the_other(model):
    annotator, tables = Annotator(model), [make_table(), make_table().slice(2)]
    assert [*annotator.pipe(tables)] == [annotator(table) for table in tables]


def test_pickled_by_name(model):
    annotator = Annotator(model, text_key="body", batch_size=2)
    annotator(pa.table({"body": ["IL-2"]}))
    data = pickle.dumps(annotator)
    assert len(data) < 1000
    assert vars(pickle.loads(data)) == vars(annotator)


def test_model_is_loaded_once(model):
    load_once.cache_clear()
    table = pa.table({"text": ["IL-2"]})
    for annotator in (Annotator(model), Annotator(model, batch_size=1)):
        annotator(table)
    assert load_once.cache_info().misses == 1


def test_no_column_of_texts(model):
    with pytest.raises(CorpusError, match=r"a column 'body', not only \['text', 'year'\]"):
        Annotator(model, text_key="body")(make_table())
