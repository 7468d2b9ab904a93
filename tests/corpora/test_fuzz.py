"""Damaged files: a reader refuses them with a CorpusError, or what it reads is sound."""

import io
import json
import re
import tarfile

import pyarrow
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from spacy_eiou.corpora import READERS, CorpusError, Entity, Record, record_to_doc, records_to_docs

NLP = spacy.blank("en")
TEXT = "😀 IL-2 gene"


def pack(xml):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo("a.xml")
        info.size = len(xml)
        archive.addfile(info, io.BytesIO(xml))
    return buffer.getvalue()


GENIA = f"""<set><article><articleinfo><bibliomisc>MEDLINE:1</bibliomisc></articleinfo><title>
<sentence>{TEXT[:2]}<cons sem="G#DNA_N/A"><cons sem="G#protein_X">IL-2</cons> gene</cons></sentence>
</title><abstract><sentence>It &lt;<cons lex="x">binds</cons>&gt;</sentence></abstract></article>
</set>""".encode()
COLUMNS = b"-DOCSTART-\tO\n\nIL-2\tB-protein\tB-DNA\ngene\tO\tI-DNA\n\nIt\tO\nbinds\tB-X\n"
DOCS, _ = records_to_docs(NLP, [Record("r1", TEXT, (Entity(2, 6, "protein"),), group="g1")])
PARQUET = io.BytesIO()
parquet.write_table(
    pyarrow.table({"text": [TEXT], "spans": [[{"start": 2, "end": 6, "label": "X"}]]}), PARQUET
)
SAMPLES = [
    ("genia", {"a.xml": GENIA}),
    ("genia", {"a.tgz": pack(GENIA)}),
    ("cmeee", {"a.txt": f"{TEXT}|||2    10    DNA|||2    5    protein|||\nIt\n".encode()}),
    (
        "cmeee-json",
        {
            "a.json": f"""[{{"text": "{TEXT}", "entities": [
            {{"start_idx": 2, "end_idx": 10, "type": "DNA", "entity": "IL-2 gene"}},
            {{"start_idx": 2, "end_idx": 5, "type": "protein"}}]}},
            {{"text": "It", "entities": []}}]""".encode()
        },
    ),
    (
        "maintie",
        {
            "a.json": b"""[{"text": "air con fan", "tokens": ["air", "con", "fan"],
            "entities": [{"start": 0, "end": 3, "type": "A/B"}, {"start": 0, "end": 2, "type": "A"}]
            }]"""
        },
    ),
    (
        "brat",
        {
            "a.txt": f"{TEXT}\r\n".encode(),
            "a.ann": b"T1\tDNA 2 11\tIL-2 gene\nT2\tX 2 6;7 11\tIL-2 gene\n#1\tNote T1\tx\n",
        },
    ),
    ("iob2", {"a.tsv": COLUMNS}),
    ("conll", {"a.tsv": COLUMNS}),
    (
        "jsonl",
        {
            "a.jsonl": f"""{{"text": "{TEXT}", "spans": [[2, 11, "DNA"], [2, 6, "protein"]]}}
            {{"id": 7, "text": "It", "label": [], "answer": "reject"}}\n""".encode()
        },
    ),
    (
        "label-studio",
        {
            "a.json": f"""[{{"data": {{"text": "{TEXT}"}}, "annotations": [{{"result": [
            {{"type": "labels", "value": {{"start": 3, "end": 12, "labels": ["DNA"],
            "text": "IL-2 gene"}}}}]}}]}}, {{"id": 7, "data": {{"text": ""}}, "annotations": []}}]
            """.encode()
        },
    ),
    ("docbin", {"a.spacy": DOCS.to_bytes()}),
    ("parquet", {"a.parquet": PARQUET.getvalue()}),
    (
        "json",
        {
            "a.json": f"""[{{"text": "{TEXT}", "spans": [{{"start": 2, "end": 6, "label": "X",
            "text": "IL-2", "kb_id": "D1"}}], "_annotator_id": "a"}},
            {{"tokens": ["IL-2", "gene"], "ner_tags": ["B-X", "I-X"]}},
            {{"tokenized_text": ["IL-2", "gene"], "ner": [[0, 1, "X"]]}}]""".encode()
        },
    ),
    (
        "bioc",
        {
            "a.xml": f"""<collection><document><id>1</id><passage><offset>0</offset>
            <text>{TEXT}</text><annotation id="1"><infon key="type">X</infon>
            <location offset="2" length="4"/><text>IL-2</text></annotation></passage></document>
            </collection>""".encode()
        },
    ),
    (
        "bioc",
        {
            "b.json": f"""{{"documents": [{{"id": "1", "passages": [{{"offset": 0, "text": "{TEXT}",
            "annotations": [{{"infons": {{"type": "X", "identifier": "D1"}}, "text": "IL-2",
            "locations": [{{"offset": 2, "length": 4}}]}}]}}]}}]}}""".encode()
        },
    ),
    (
        "pubtator",
        {"a.txt": f"1|t|{TEXT}\n1|a|It\n1\t2\t6\tIL-2\tX\tD1\n1\tR\tD1\tD2\n".encode()},
    ),
    ("table", {"a.csv": b'text,label\nIL-2 gene,"[[0, 4, ""X""]]"\n'}),
    (
        "table",
        {
            "b.tsv": b"document_id\tentity_type\tentity_text\tentity_span\nd1\tX\tIL-2\t2-6\n",
            "d1.txt": TEXT.encode(),
        },
    ),
    (
        "uima-cas",
        {
            "a.json": f"""{{"%FEATURE_STRUCTURES": [{{"%ID": 1, "sofaString": "{TEXT}"}},
            {{"%ID": 2, "%TYPE": "x", "@sofa": 1, "begin": 3, "end": 7, "label": "X"}}]}}
            """.encode()
        },
    ),
    (
        "webanno",
        {
            "a.tsv": f"""#FORMAT=WebAnno TSV 3.3\n#T_SP=custom.Span|label\n\n#Text={TEXT}
1-1\t0-1\t😀\t_\t\n1-2\t2-6\tIL-2\tX[1]|Y[2]\t\n1-3\t7-11\tgene\tX[1]\t\n""".encode()
        },
    ),
]
# Bytes, fields and lines
PIECES = st.sampled_from([rb"(?s).", rb"\w+|[^\w]", rb"[^\n]*\n?"])
JUNK = st.sampled_from(
    [
        *("", "0", "-1", "1.5", "9" * 20, "1e999", "null", "true", "[]", "{}", '"', "\\ud800"),
        *("O", "B-X", "I-X", "|||", ";", "\t", "\r", "\n", "\x00", "<cons>", "</cons>", "&a;"),
    ]
).map(str.encode) | st.one_of(st.text(max_size=3).map(str.encode), st.binary(max_size=3))


@st.composite
def damage(draw, data):
    """RETURNS: The data with pieces of it deleted, repeated, swapped or replaced, or cut off."""
    for _ in range(draw(st.integers(1, 3))):
        pieces = re.findall(draw(PIECES), data) or [b""]
        index = st.integers(0, len(pieces) - 1)
        first, last = sorted((draw(index), draw(index)))
        edit = draw(st.sampled_from(["delete", "repeat", "swap", "replace", "cut"]))
        if edit == "delete":
            del pieces[first:last]
        elif edit == "repeat":
            pieces.insert(last, pieces[first])
        elif edit == "swap":
            pieces[first], pieces[last] = pieces[last], pieces[first]
        elif edit == "replace":
            pieces[first] = draw(JUNK)
        else:
            del pieces[first:]
        data = b"".join(pieces)
    return data


def read(corpus_format, folder, files):
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return list(READERS[corpus_format](folder / next(iter(files))))


def assert_sound(record):
    assert all(e.label and 0 <= e.start < e.end <= len(record.text) for e in record.entities)
    doc, dropped = record_to_doc(NLP, record)
    assert doc.text == record.text
    assert len(doc.spans["sc"]) + len(dropped) == len(record.entities)


def test_each_reader_has_a_sample():
    assert {corpus_format for corpus_format, _ in SAMPLES} == set(READERS)


@pytest.mark.parametrize("corpus_format, files", SAMPLES, ids=[next(iter(s[1])) for s in SAMPLES])
def test_samples_are_sound(tmp_path, corpus_format, files):
    records = read(corpus_format, tmp_path, files)
    assert any(record.entities for record in records)
    for record in records:
        assert_sound(record)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "corpus_format, files, damaged",
    [(corpus_format, files, name) for corpus_format, files in SAMPLES for name in files],
)
@given(data=st.data())
def test_damaged_file_is_refused_or_sound(tmp_path_factory, corpus_format, files, damaged, data):
    files = {**files, damaged: data.draw(damage(files[damaged]))}
    folder = tmp_path_factory.getbasetemp()
    try:
        records = read(corpus_format, folder, files)
    except CorpusError as err:
        assert str(folder) in str(err)
    else:
        for record in records:
            assert_sound(record)


def write_cmeee_json(start, end, text):
    entity = {"start_idx": start, "end_idx": end - 1, "type": "X", "entity": text}
    return {"a.json": json.dumps([{"text": TEXT, "entities": [entity]}]).encode()}


def write_label_studio(start, end, text):
    value = {"start": start, "end": end, "text": text, "labels": ["X"]}
    annotation = {"result": [{"type": "labels", "value": value}]}
    return {"a.json": json.dumps([{"data": {"text": TEXT}, "annotations": [annotation]}]).encode()}


def write_brat(start, end, text):
    return {"a.txt": TEXT.encode(), "a.ann": f"T1\tX {start} {end}\t{text}\n".encode()}


CLAIMS = {"cmeee-json": write_cmeee_json, "label-studio": write_label_studio, "brat": write_brat}
OFFSETS = st.lists(st.integers(0, len(TEXT)), min_size=2, max_size=2, unique=True).map(sorted)


@pytest.mark.parametrize("corpus_format", CLAIMS)
@given(offsets=OFFSETS, claimed=OFFSETS)
def test_text_that_a_file_claims_is_at_its_offsets(
    tmp_path_factory, corpus_format, offsets, claimed
):
    claim = TEXT[slice(*claimed)]
    files = CLAIMS[corpus_format](*offsets, claim)
    (record,) = read(corpus_format, tmp_path_factory.getbasetemp(), files)
    found = [TEXT[entity.start : entity.end].split() for entity in record.entities]
    # White space may differ, and what is nothing else is no entity
    assert found in ([], [claim.split()])
    if TEXT[slice(*offsets)] == claim:
        assert not record.bad
