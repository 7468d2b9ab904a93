"""What is written is read again as the account says: each writer with any records."""

import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

import pyarrow
import pytest
import spacy
import srsly
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from spacy_eiou.corpora import READERS, WRITERS, Changed, CorpusError, Entity, Record, write_records
from spacy_eiou.corpora.formats import get_writer, writers
from spacy_eiou.corpora.formats.writers import make_unique, register_writer, replace_in_entities
from spacy_eiou.corpora.writing import hold_records

NLP = spacy.blank("en")
# What reads the formats whose names are no readers'. No text is stated for the offsets of doccano.
READ = {**READERS, "prodigy": READERS["jsonl"]}
READ["doccano"] = partial(READERS["jsonl"], offsets="characters")
PIECES = st.sampled_from(
    [
        *("IL-2", "gene", "😀", "Ätna", "1", "O", "B-X", "-DOCSTART-", "_", "a|b", "|||", "<&>\"'"),
        *(" ", "  ", "\n", "\r\n", "\r", "\t", "\u00a0", "\u2028", "\x00", "\x0b", "\ufeff", "#"),
    ]
)
TEXTS = st.lists(PIECES, max_size=12).map("".join)
LABELS = st.sampled_from(
    ["DNA", "cell line", "X|Y", "-", "NP", "a\tb\nc", "中", "<L>", "B-X", "\x01"]
)
IDENTIFIERS = st.sampled_from(["", "", "MESH:D1", "C1|C2", "a b", "|", "-", "None", "\x02", "\r"])
IDS = st.sampled_from(
    ["r1", "R1", "a/b", "../x", "", ".", "a|b", "é", "x" * 300, "1", "\x03", "a.txt"]
)


@st.composite
def make_record(draw):
    text = draw(TEXTS)
    offsets = st.integers(0, len(text))
    entities = []
    for _ in range(draw(st.integers(0, 6))):
        start, end = sorted((draw(offsets), draw(offsets)))
        found = text[start:end]
        if found.strip() and found == found.strip():
            entities.append(Entity(start, end, draw(LABELS), draw(IDENTIFIERS)))
    group = draw(st.sampled_from([None, "g1", "g2"]))
    return Record(draw(IDS), text, tuple(entities), group=group)


def describe(record):
    entities = ((e.start, e.end, e.label, e.kb_id) for e in record.entities)
    return record.text, sorted(entities)


@pytest.mark.parametrize("name", WRITERS)
@settings(max_examples=25)
@given(records=st.lists(make_record(), min_size=1, max_size=3))
def test_what_is_written_is_read_again(name, records):
    writer = get_writer(name)
    nlp = NLP if writer.needs_words else None
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"data{writer.suffix}"
        account = write_records(records, path, name, nlp=nlp)
        held = hold_records(writer, records, nlp).records
        found = list(READ[name](path)) if held else []
    # A column of nothing but phrases is left out, of which the account has told
    if any("label of a phrase" in reason for reason in account.changed):
        return
    # A folder is read in the order of its names
    in_order = sorted if name in ("brat", "uima-cas") else list
    assert in_order(map(describe, found)) == in_order(map(describe, held))
    assert not any(record.bad or record.dropped for record in found)
    n_given, n_held = (sum(len(r.entities) for r in group) for group in (records, held))
    assert n_given == n_held + account.dropped.total()
    assert len(records) == len(held) + account.skipped.total()
    if account.is_lossless():
        assert list(map(describe, records)) == list(map(describe, held))
    if "groups" in writer.holds and not name.startswith(("conll", "iob2")):
        assert [record.group for record in found] == [record.group for record in held]
    if "ids" in writer.holds and name not in ("bioc", "brat", "pubtator", "uima-cas"):
        assert [record.id for record in found] == [record.id for record in held]


RECORD = Record(
    "a/1",
    "IL-2 gene\nof 😀.",
    (Entity(0, 9, "DNA"), Entity(0, 4, "protein", "MESH:D1", 0.5), Entity(5, 12, "cell line")),
    group="g",
)
WRITTEN = {
    "bioc": """\
<?xml version="1.0" encoding="UTF-8"?>
<collection><source>spacy-eiou</source><date></date><key></key>
<document><id>a/1</id>
<passage><offset>0</offset><text>IL-2 gene
of 😀.</text>
<annotation id="1"><infon key="type">DNA</infon><location offset="0" length="9"/>\
<text>IL-2 gene</text></annotation>
<annotation id="2"><infon key="type">protein</infon><infon key="identifier">MESH:D1</infon>\
<infon key="score">0.5</infon><location offset="0" length="4"/><text>IL-2</text></annotation>
<annotation id="3"><infon key="type">cell line</infon><location offset="5" length="7"/><text>gene
of</text></annotation>
</passage></document>
</collection>
""",
    "conll": """\
-DOCSTART-\tO\tO

IL-2\tB-DNA\tB-protein
gene\tI-DNA\tB-cell line
of\tO\tI-cell line
😀\tO\tO
.\tO\tO

""",
    "jsonl": """\
{"id": "a/1", "group": "g", "text": "IL-2 gene\\nof 😀.", "spans": [\
{"start": 0, "end": 9, "label": "DNA", "text": "IL-2 gene"}, \
{"start": 0, "end": 4, "label": "protein", "text": "IL-2", "kb_id": "MESH:D1", "score": 0.5}, \
{"start": 5, "end": 12, "label": "cell line", "text": "gene\\nof"}]}
""",
    "doccano": """\
{"id": "a/1", "group": "g", "text": "IL-2 gene\\nof 😀.", "label": \
[[0, 9, "DNA"], [0, 4, "protein"], [5, 12, "cell line"]], "scores": [null, 0.5, null]}
""",
    "pubtator": """\
a/1|t|IL-2 gene
a/1|a|of 😀.
a/1\t0\t9\tIL-2 gene\tDNA\t-
a/1\t0\t4\tIL-2\tprotein\tMESH:D1
a/1\t5\t12\tgene of\tcell line\t-

""",
}
WRITTEN["iob2"] = WRITTEN["conll"]


@pytest.mark.parametrize("name", WRITTEN)
def test_file(tmp_path, name):
    write_records([RECORD], tmp_path / "data", name, nlp=NLP)
    assert (tmp_path / "data").read_bytes().decode() == WRITTEN[name]


@pytest.mark.parametrize(
    "records, lines",
    [
        ([("a", ""), ("b", "X")], ["a\tO", "", "b\tB-X", ""]),
        ([("\ufeffa", "X"), ("b", "")], ["\ufeff\ufeffa\tB-X", "", "b\tO", ""]),
        (
            [("a", "", "1"), ("b", "", "1"), ("c", ""), ("d", ""), ("e", "X", "2"), ("f", "", "1")],
            [
                *["-DOCSTART-\tO", "", "a\tO", "", "b\tO", "", "-DOCSTART-\tO", "", "c\tO", ""],
                *["-DOCSTART-\tO", "", "d\tO", "", "-DOCSTART-\tO", "", "e\tB-X", ""],
                *["-DOCSTART-\tO", "", "f\tO", ""],
            ],
        ),
    ],
)
def test_documents_and_layers_of_columns(tmp_path, records, lines):
    records = [
        Record("", text, (Entity(0, len(text), label),) if label else (), group=next(iter(g), None))
        for text, label, *g in records
    ]
    write_records(records, tmp_path / "data", "conll", nlp=NLP)
    assert (tmp_path / "data").read_bytes().decode().split("\n")[:-1] == lines


@pytest.mark.parametrize("text", ["a\nb\nc", "a\nb\rc"])
def test_lines_of_pubtator(tmp_path, text):
    record = Record("a|b\tc", text, (Entity(2, 5, "a\tb", "None"),))
    account = write_records([record], tmp_path / "data", "pubtator")
    assert (tmp_path / "data").read_text() == (
        "a_b_c|t|a\na_b_c|a|b c\na_b_c\t2\t5\tb c\ta_b\t_\n\n"
    )
    assert account.changed_texts == {"line breaks other than the first one become spaces": 1}


def test_names_of_brat_files(tmp_path):
    names = {
        **{"a/b c": "a/b c", "a/.b": "a%2F.b", "../a": "%2E.%2Fa", "/a": "%2Fa", ".a": "%2Ea"},
        **{"": "%", "a|b": "a%7Cb", "é(1),+@=-": "é(1),+@=-", "x" * 300: "x" * 200, "A": "A"},
        **{"中" * 80: "中" * 66, "a.b": "a.b"},
    }
    records = [Record(name, "x", ()) for name in [*names, "a"]]
    write_records(records, tmp_path / "data", "brat")
    files = (tmp_path / "data").rglob("*.txt")
    found = {path.relative_to(tmp_path / "data").with_suffix("").as_posix() for path in files}
    assert found == {*names.values(), "a-2"}


def test_identifiers_of_brat(tmp_path):
    entity = Entity(0, 1, "X", "C 1|C2|")
    account = write_records([Record("a", "x", (entity,))], tmp_path / "data", "brat")
    assert (tmp_path / "data" / "a.ann").read_text() == (
        "T1\tX 0 1\tx\nN1\tReference T1 C_1\tx\nN2\tReference T1 C2_\tx\n"
    )
    assert account.changed == {"identifier that the format can't hold": 1}


def test_what_is_replaced_is_told():
    record = Record("r", "IL-2 gene", (Entity(0, 4, "a b", "x y"), Entity(5, 9, "c", "d")))
    held = replace_in_entities(record, label=re.compile(" "), identifier=re.compile(" "), by="+")
    new = Entity(0, 4, "a+b", "x+y")
    assert held.entities == (new, record.entities[1])
    assert held.changed == (
        Changed("label that the format can't hold", "r", new, "IL-2"),
        Changed("identifier that the format can't hold", "r", new, "IL-2"),
    )
    again = replace_in_entities(held, label=re.compile("c"))
    assert [change.entity.label for change in again.changed] == ["a+b", "a+b", "_"]
    assert replace_in_entities(record, label=re.compile("x")) is record


@pytest.mark.parametrize(
    "options, fields",
    [
        ({"suffix": "", "holds": []}, ("", frozenset(), False, RECORD, "", ())),
        (
            {
                **{"suffix": ".x", "holds": ["ids"], "needs_words": True, "text_change": "shorter"},
                **{
                    "fit": lambda record: replace(record, text="x"),
                    "beside": ((".y", str.encode),),
                },
            },
            (".x", {"ids"}, True, replace(RECORD, text="x"), "shorter", ((".y", str.encode),)),
        ),
    ],
)
def test_registered_writer(monkeypatch, options, fields):
    monkeypatch.setattr(writers, "WRITERS", {})
    assert register_writer("mine", **options)(print) is print
    writer = get_writer("mine")
    assert (writer.name, writer.write) == ("mine", print)
    found = (writer.suffix, writer.holds, writer.needs_words, writer.fit(RECORD))
    assert (*found, writer.text_change, writer.beside) == fields


def test_unknown_format():
    with pytest.raises(CorpusError) as caught:
        get_writer("xml")
    names = ", ".join([*WRITERS, "inception"])
    assert str(caught.value) == f"Expected a format to write from {names}, not 'xml'"
    with pytest.raises(CorpusError, match="to write from docbin, bioc, "):
        get_writer("xml", ["docbin"])


def test_names_of_which_no_two_are_the_same():
    names = ["a", "A", "a-2", "a", "b", "a-2"]
    assert make_unique(names) == ["a", "A-2", "a-2-2", "a-3", "b", "a-2-3"]
    # This took minutes, when each number was tried anew.
    assert make_unique(["a"] * 50_000)[-1] == "a-50000"


def test_blank_at_the_end_of_a_label_is_replaced_in_columns(tmp_path):
    record = Record("r", "pump", (Entity(0, 4, "a b  "),))
    account = write_records([record], tmp_path / "data.conll", "conll", nlp=NLP)
    assert account.changed == {"label that the format can't hold": 1}
    (read,) = READERS["conll"](tmp_path / "data.conll")
    assert [entity.label for entity in read.entities] == ["a b_"]


def test_uima_cas_folder(tmp_path):
    write_records([RECORD, RECORD], tmp_path / "data", "inception")
    files = sorted((tmp_path / "data").rglob("*.json"))
    assert [path.relative_to(tmp_path / "data").as_posix() for path in files] == [
        "a/1-2.json",
        "a/1.json",
    ]
    cas = srsly.read_json(files[1])
    sofa, *entities = cas["%FEATURE_STRUCTURES"]
    assert (sofa["sofaString"], sofa["mimeType"]) == (RECORD.text, "text/plain")
    named = {entity["%TYPE"] for entity in entities}
    assert named == {"de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity"} == {*cas["%TYPES"]}
    assert cas["%VIEWS"] == {"_InitialView": {"%SOFA": 1, "%MEMBERS": [2, 3, 4]}}
    found = [(e["begin"], e["end"], e["value"], e.get("identifier")) for e in entities]
    assert found == [(0, 9, "DNA", None), (0, 4, "protein", "MESH:D1"), (5, 12, "cell line", None)]


def test_uima_cas_counts_utf_16_units(tmp_path):
    write_records([Record("r", "😀 x", (Entity(2, 3, "X"),))], tmp_path / "data", "uima-cas")
    entity = srsly.read_json(tmp_path / "data" / "r.json")["%FEATURE_STRUCTURES"][1]
    assert (entity["begin"], entity["end"]) == (3, 4)


def test_a_word_that_two_entities_cut_is_no_sign_of_other_offsets(tmp_path):
    record = Record("r", "😀gene", (Entity(0, 3, "DNA"), Entity(0, 3, "protein")))
    write_records([record], tmp_path / "data", "uima-cas")
    (found,) = READERS["uima-cas"](tmp_path / "data" / "r.json")
    assert [(entity.start, entity.end) for entity in found.entities] == [(0, 3), (0, 3)]


def test_brat_folder(tmp_path):
    account = write_records([RECORD, RECORD], tmp_path / "data", "brat")
    files = {
        path.relative_to(tmp_path / "data").as_posix(): path.read_bytes().decode()
        for path in (tmp_path / "data").rglob("*.*")
    }
    assert files["a/1.txt"] == files["a/1-2.txt"] == RECORD.text
    assert files["a/1.ann"] == (
        "T1\tDNA 0 9\tIL-2 gene\nT2\tprotein 0 4\tIL-2\nN1\tReference T2 MESH:D1\tIL-2\n"
        "#2\tAnnotatorNotes T2\tscore 0.5\nT3\tcell_line 5 9;10 12\tgene of\n"
    )
    assert files["annotation.conf"] == (
        "[entities]\nDNA\ncell_line\nprotein\n[relations]\n[events]\n[attributes]\n"
    )
    assert len(files) == 5
    assert account.changed == {"label that the format can't hold": 2}


def test_brat_has_no_entity_of_white_space(tmp_path):
    record = Record("r", "a\n\nb", (Entity(1, 3, "X"), Entity(3, 4, "X")))
    account = write_records([record], tmp_path / "data", "brat")
    assert (tmp_path / "data" / "r.ann").read_text() == "T1\tX 3 4\tb\n"
    assert account.dropped == {"whitespace": 1}


def test_prodigy_task(tmp_path):
    path = tmp_path / "data.jsonl"
    write_records([RECORD], path, "prodigy", nlp=NLP, model="m")
    (task,) = srsly.read_jsonl(path)
    assert [token["text"] for token in task["tokens"]] == ["IL-2", "gene", "\n", "of", "😀", "."]
    assert task["tokens"][0] == {"text": "IL-2", "start": 0, "end": 4, "id": 0, "ws": True}
    spans = [(span["token_start"], span["token_end"], span.get("score")) for span in task["spans"]]
    assert spans == [(0, 1, None), (0, 0, 0.5), (1, 3, None)]
    assert task["meta"] == {"id": "a/1", "model": "m"} and "answer" not in task
    (record,) = READERS["jsonl"](path, keep_tokens=True)
    assert record.words == ("IL-2", "gene", "\n", "of", "😀", ".")
    write_records([RECORD], path, "prodigy", nlp=NLP)
    assert next(srsly.read_jsonl(path))["answer"] == "accept"


def test_label_studio_tasks_with_their_config(tmp_path):
    path = tmp_path / "data.json"
    for model, key in ((None, "annotations"), ("m", "predictions")):
        write_records([RECORD], path, "label-studio", model=model)
        (task,) = srsly.read_json(path)
        assert task["data"] == {"text": RECORD.text, "id": "a/1"}
        assert task[key][0]["result"][1] == {
            "id": "T2",
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "value": {"start": 0, "end": 4, "text": "IL-2", "labels": ["protein"]},
            "meta": {"kb_id": "MESH:D1"},
            "score": 0.5,
        }
    assert (task["predictions"][0]["model_version"], task["predictions"][0]["score"]) == ("m", 0.5)
    config = ElementTree.parse(tmp_path / "data.xml")
    labels = [label.get("value") for label in config.iter("Label")]
    assert labels == ["DNA", "cell line", "protein"]
    assert config.find("Labels").attrib == {"name": "label", "toName": "text"}


def test_parquet_of_spans_by_key_and_of_uneven_fields(tmp_path):
    span = {"start": 0, "end": 4, "label": "protein"}
    by_key = {"text": "IL-2", "spans": {"sc": [span]}}
    uneven = {"text": "IL-2", "spans": {"start": [0], "end": [4], "label": []}}
    records = []
    for name, row in (("a", by_key), ("b", uneven)):
        parquet.write_table(pyarrow.Table.from_pylist([row]), tmp_path / name)
        records += READERS["parquet"](tmp_path / name)
    assert [entity.label for entity in records[0].entities] == ["protein"]
    rows = [{"text": "IL-2", "spans": [span]}, {"text": "x", "spans": None}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "c")
    assert [record.skipped for record in READERS["parquet"](tmp_path / "c")] == [None, None]
    # Old versions of pyarrow sort the fields.
    assert "row 1: expected as many values of " in records[1].bad[0]


def test_parquet_has_the_types_of_datasets(tmp_path):
    records = [RECORD, Record("b", "IL-2", (), words=("IL", "-2"))]
    write_records(records, tmp_path / "data.parquet", "parquet")
    table = parquet.read_table(tmp_path / "data.parquet")
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["text"] == {"dtype": "string", "_type": "Value"}
    assert list(features["spans"][0]) == ["start", "end", "label", "text", "kb_id", "score"]
    assert [row["group"] for row in table.to_pylist()] == ["g", None]
    assert table.to_pylist()[1]["tokens"] == ["IL", "-2"]
    spans = table.to_pylist()[0]["spans"]
    assert spans[1] == {
        **{"start": 0, "end": 4, "label": "protein", "text": "IL-2"},
        **{"kb_id": "MESH:D1", "score": 0.5},
    }


def test_tokens_are_written():
    record = Record("a", "IL-2", (Entity(0, 2, "X"),), words=("IL", "-2"))
    with TemporaryDirectory() as folder:
        write_records([record], Path(folder, "a.jsonl"), "jsonl")
        (item,) = srsly.read_jsonl(Path(folder, "a.jsonl"))
    span = {"start": 0, "end": 2, "label": "X", "text": "IL"}
    assert item == {"id": "a", "text": "IL-2", "tokens": ["IL", "-2"], "spans": [span]}


def test_phrases_of_columns_are_told(tmp_path):
    record = Record("a", "x y", (Entity(0, 1, "NP"), Entity(2, 3, "X")))
    account = write_records([record], tmp_path / "a", "conll", nlp=NLP)
    reason = "label of a phrase, which readers of conll may leave out: write iob2"
    assert account.changed == {reason: 1}
    assert write_records([record], tmp_path / "b", "iob2", nlp=NLP).changed == {}


@pytest.mark.parametrize("wrap", [lambda names: {"feature": names}, lambda names: [names]])
def test_parquet_of_tags_with_their_names(tmp_path, wrap):
    names = {"names": ["O", "B-X", "I-X"], "_type": "ClassLabel"}
    features = {"ner_tags": wrap(names)}
    table = pyarrow.table({"tokens": [["a", "b", "c"]], "ner_tags": [[0, 1, 2]]})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    parquet.write_table(table.replace_schema_metadata(metadata), tmp_path / "data.parquet")
    (record,) = READERS["parquet"](tmp_path / "data.parquet")
    assert (record.text, record.entities) == ("a b c", (Entity(2, 5, "X"),))


def test_what_a_format_can_not_hold_is_counted(tmp_path):
    records = [RECORD, Record("b", " \n", ())]
    account = write_records(records, tmp_path / "data.conll", "conll", nlp=NLP)
    assert account.skipped == {"no tokens to write in columns": 1}
    assert account.changed == {"identifier that the format can't hold": 1}
    assert account.changed_texts == {"tokens are joined with single spaces": 1}
    (warning,) = account.warnings
    assert warning == "The format 'conll' holds no scores: those of 1 documents are lost"
    misaligned = Record("c", "IL-2", (Entity(0, 2, "X"), Entity(0, 2, "X", "D1")))
    account = write_records([misaligned], tmp_path / "data.jsonl", "prodigy", nlp=NLP)
    assert account.dropped == {"misaligned": 1, "duplicate": 1}
    assert write_records([misaligned], tmp_path / "b.jsonl", "jsonl").is_lossless()


def test_crossing_entities_are_in_layers(tmp_path):
    spans = [(0, 5, "A"), (2, 7, "B"), (2, 7, "C"), (6, 9, "D")]
    record = Record("r", "a b c d e", tuple(Entity(*span) for span in spans))
    write_records([record], tmp_path / "data.conll", "conll", nlp=NLP)
    assert (tmp_path / "data.conll").read_text().splitlines()[:5] == [
        "a\tB-A\tO\tO",
        "b\tI-A\tB-B\tB-C",
        "c\tI-A\tI-B\tI-C",
        "d\tB-D\tI-B\tI-C",
        "e\tI-D\tO\tO",
    ]


def test_nothing_else_is_overwritten(tmp_path):
    (tmp_path / "data.xml").write_text("mine")
    with pytest.raises(CorpusError, match=r"data\.xml: expected the name of a new file"):
        write_records([RECORD], tmp_path / "data.json", "label-studio")
    (tmp_path / "notes").mkdir()
    for _ in range(2):
        (tmp_path / "notes" / "a.ann").write_text("mine")
        with pytest.raises(CorpusError, match="notes: expected the name of a new folder"):
            write_records([RECORD], tmp_path / "notes", "brat")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.ann", "data.xml", "notes"]
