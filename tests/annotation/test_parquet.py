import gzip
import sys

import pytest
from sources_util import TEXT, read, write, write_parquet

from spacy_eiou.annotation.parquet import _cut_batches
from spacy_eiou.annotation.sources import SourceText
from spacy_eiou.corpora import CorpusError


def test_parquet(tmp_path):
    path = write_parquet(tmp_path / "in.parquet", text=["a", None, TEXT], id=[5, 6, 7], x=[1, 2, 3])
    first, rejected, last = read(path)
    assert [first, last] == [SourceText("5", "a"), SourceText("7", TEXT)]
    assert rejected.number == 2
    assert rejected.reason == f"{path}, row 2, 'text': expected str, not None"
    assert rejected.raw == "{'text': None, 'id': 6}"


def test_parquet_without_ids(tmp_path):
    path = write_parquet(tmp_path / "in.parquet", body=["a"] * 1500)
    texts = read(path, text_key="body")
    assert [text.id for text in texts] == [f"in-{number}" for number in range(1, 1501)]


def test_parquet_bytes_that_are_no_text(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    column = pyarrow.array([b"\xff", b"a"]).view(pyarrow.string())
    rejected, text = read(write_parquet(tmp_path / "in.parquet", text=column))
    assert rejected.reason.endswith(r"row 1, 'text': expected str, not b'\xff'")
    assert text == SourceText("in-2", "a")


def test_malformed_parquet(tmp_path):
    path = write_parquet(tmp_path / "in.parquet", body=["a"])
    with pytest.raises(CorpusError, match=r"expected a column 'text', not only \['body'\]"):
        read(path)
    with pytest.raises(CorpusError, match="expected a Parquet file"):
        read(write(path, b"PAR1"))


def test_parquet_with_two_columns_of_one_name(tmp_path):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], ["text", "text"])
    parquet.write_table(table, tmp_path / "in.parquet")
    message = r"in\.parquet: expected one column of each name, not several of \['text'\]"
    with pytest.raises(CorpusError, match=message):
        read(tmp_path / "in.parquet")


def test_what_comes_after_a_shard_is_not_read(tmp_path):
    pa = pytest.importorskip("pyarrow")
    seen = []

    def read_batches():
        for number in range(9):
            seen.append(number)
            yield pa.record_batch({"x": [2 * number, 2 * number + 1]})

    kept = [batch["x"].to_pylist() for batch in _cut_batches(read_batches(), 3, 6)]
    assert kept == [[3], [4, 5]]
    assert seen == [0, 1, 2]


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(CorpusError, match=r"pip install 'spacy-eiou\[parquet\]'"):
        read(write(tmp_path / "in.parquet", b""))


def test_packed_parquet(tmp_path):
    path = write_parquet(tmp_path / "in.parquet", text=["a", "b"], id=["1", "2"])
    packed = write(tmp_path / "in.parquet.gz", gzip.compress(path.read_bytes()))
    assert read(packed) == read(path) == [SourceText("1", "a"), SourceText("2", "b")]
    write(packed, packed.read_bytes()[:-9])
    with pytest.raises(CorpusError, match=f"{packed}: expected a file that is packed and complete"):
        read(packed)
