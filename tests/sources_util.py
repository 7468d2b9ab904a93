"""What the tests of sources share."""

import pytest
import spacy
from spacy.tokens import DocBin

from spacy_eiou.annotation.source_files import guess_text_format
from spacy_eiou.annotation.sources import read_texts

TEXT = "\ufeff😀 e\u0301\r\n\tשלום\u2028\x00"


def read(path, text_format=None, text_key="text", max_length=100):
    text_format = text_format or guess_text_format(path)
    return list(read_texts(path, text_format, text_key=text_key, max_length=max_length))


def write(path, data):
    path.write_bytes(data)
    return path


def write_parquet(path, **columns):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table(columns), path)
    return path


def write_docs(path, *texts):
    nlp = spacy.blank("xx")
    docs = [nlp.make_doc(text) for text in texts]
    docs[0].user_data["record_id"] = "first"
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path
