from pathlib import Path

import pytest
import spacy
import srsly

from spacy_eiou.corpora import CorpusError, Dropped, Entity, Record, write_records
from spacy_eiou.corpora.formats import get_writer
from spacy_eiou.corpora.writing import check_outputs, hold_records, tokenize, write_parts

pytestmark = pytest.mark.usefixtures("in_tmp_path")

NLP = spacy.blank("en")
NO_FILE = "expected the name of a new file: this one is not of convert, and it would be lost"
NO_FOLDER = "expected the name of a new folder: what is there would be lost"


@pytest.mark.parametrize(
    "name, path, message",
    [
        ("jsonl", "empty", "empty: expected a file to write, not a directory"),
        ("jsonl", "mine.jsonl", f"mine.jsonl: {NO_FILE}"),
        ("label-studio", "mine.json", f"mine.xml: {NO_FILE}"),
        ("label-studio", "a.xml", "a.xml: expected a file that ends in .json"),
        ("brat", "full", f"full: {NO_FOLDER}"),
        ("brat", "mine.jsonl", f"mine.jsonl: {NO_FOLDER}"),
        ("jsonl", "converted.jsonl", None),
        ("jsonl", "full/new.jsonl", None),
        ("brat", "empty", None),
    ],
)
def test_nothing_is_overwritten_that_convert_did_not_write(name, path, message):
    for folder in ("empty", "full"):
        Path(folder).mkdir()
    files = ("full/a", "mine.jsonl", "mine.xml", "converted.jsonl", "converted.jsonl.account.json")
    for file in files:
        Path(file).touch()
    paths = [Path("new.json"), Path(path)]
    if message is None:
        check_outputs(get_writer(name), paths)
        return
    with pytest.raises(CorpusError) as caught:
        check_outputs(get_writer(name), paths)
    assert str(caught.value) == message


def test_file_beside_that_an_account_does_not_name_is_not_overwritten():
    records = [Record("a", "x", ())]
    write_records(records, Path("tasks.json"), "jsonl")
    Path("tasks.xml").write_text("mine")
    with pytest.raises(CorpusError, match=f"^tasks.xml: {NO_FILE}"):
        write_records(records, Path("tasks.json"), "label-studio")
    Path("tasks.xml").unlink()
    for _ in range(2):
        write_records(records, Path("tasks.json"), "label-studio")
    files = ["tasks.json", "tasks.xml", "tasks.json.account.json"]
    assert srsly.read_json("tasks.json.account.json")["files"] == files


def test_what_an_earlier_version_wrote_is_written_again():
    records = [Record("a", "x", ())]
    path = Path("tasks.json.account.json")
    write_records(records, Path("tasks.json"), "label-studio")
    account = srsly.read_json(path)
    del account["files"]
    srsly.write_json(path, account)
    write_records(records, Path("tasks.json"), "label-studio")
    assert "tasks.xml" in srsly.read_json(path)["files"]


def test_entities_that_do_not_lie_on_tokens_are_left_out():
    first, again = Entity(0, 4, "X", "Q1"), Entity(0, 4, "X", "Q2")
    before = Dropped("before", "r", Entity(0, 1, "Y"), "I")
    record = Record(
        "r", "IL-2 gene", (first, Entity(0, 2, "X"), again, Entity(0, 4, "Y")), dropped=(before,)
    )
    tokenized = tokenize(NLP, record)
    assert tokenized.words == ("IL-2", "gene")
    assert tokenized.entities == (first, Entity(0, 4, "Y"))
    assert [item.reason for item in tokenized.dropped] == ["before", "misaligned", "duplicate"]


def test_white_space_at_the_edge_of_an_entity_is_no_token_in_columns():
    record = Record("r", "a\n pump b", (Entity(1, 7, "P"),))
    ((held,), account) = hold_records(get_writer("conll"), [record], NLP)
    assert (held.text, held.entities) == ("a pump b", (Entity(2, 6, "P"),))
    assert account.to_dict()["changed_entities"]["white space trimmed"]["count"] == 1


def test_account_of_what_is_held():
    records = [
        Record("a", "IL-2\tgene", (Entity(0, 4, "X", "Q1", 0.5),), group="g"),
        Record("b", "IL-2 gene", (Entity(0, 9, "Y", score=1.0),), group="g"),
        Record("c", "x", (Entity(0, 1, "Z"),), skipped="why"),
    ]
    held, account = hold_records(get_writer("conll"), records, NLP)
    assert [record.text for record in held] == ["IL-2 gene", "IL-2 gene"]
    assert (account.documents, account.unit, account.longest) == (2, "characters", 9)
    assert (account.entities, account.skipped) == ({"X": 1, "Y": 1}, {"why": 1})
    assert account.changed_texts == {"tokens are joined with single spaces": 1}
    assert account.warnings == ["The format 'conll' holds no scores: those of 2 documents are lost"]
    _, account = hold_records(get_writer("pubtator"), records[:2])
    assert account.warnings == [
        "The format 'pubtator' holds no groups: those of 2 documents are lost",
        "The format 'pubtator' holds no scores: those of 2 documents are lost",
    ]
    with pytest.raises(CorpusError) as caught:
        hold_records(get_writer("iob2"), records)
    assert str(caught.value) == "Expected a language (--lang): the format 'iob2' has tokens"


def test_parts_have_the_labels_of_all():
    writer = get_writer("label-studio")
    records = [Record(label, "x", (Entity(0, 1, label),)) for label in "BA"]
    parts = {Path(f"{record.id}.json"): hold_records(writer, [record]) for record in records}
    write_parts(writer, parts, "m")
    assert {path.name for path in Path().iterdir()} == {
        f"{name}{suffix}" for name in "AB" for suffix in (".json", ".xml", ".json.account.json")
    }
    assert Path("A.xml").read_bytes() == Path("B.xml").read_bytes()
    assert Path("A.xml").read_text().index('"A"') < Path("A.xml").read_text().index('"B"')
    assert srsly.read_json("B.json")[0]["predictions"][0]["model_version"] == "m"
    assert srsly.read_json("B.json.account.json")["entities_per_label"] == {"B": 1}


def test_nothing_is_written_where_something_is():
    Path("a.jsonl").write_text("mine")
    with pytest.raises(CorpusError, match=f"a.jsonl: {NO_FILE}"):
        write_records([Record("a", "x", ())], Path("a.jsonl"), "jsonl")
    assert Path("a.jsonl").read_text() == "mine"
