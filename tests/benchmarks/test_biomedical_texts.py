import pytest
import spacy
import srsly
from spacy.tokens import DocBin
from typer import BadParameter

HELD_OUT = "IL-2 is bound by a protein that T cells release."


def write_part(path, *texts):
    nlp = spacy.blank("en")
    DocBin(docs=map(nlp.make_doc, texts)).to_disk(path)


@pytest.fixture
def script(import_benchmark, monkeypatch, tmp_path):
    script = import_benchmark("biomedical_texts")
    patterns = {"a/notes": ("0123", "*.txt"), "b/tagged": ("4567", "*/CORPUS")}
    monkeypatch.setattr(script, "REPOSITORIES", patterns)
    write_part(tmp_path / "train.spacy", "The first training sentence.", "Two words.")
    write_part(tmp_path / "dev.spacy", HELD_OUT)
    write_part(tmp_path / "test.spacy", "Nothing else is held out here but this.")
    return script


def test_texts_of_all_corpora(script, tmp_path):
    notes, tagged = tmp_path / "notes", tmp_path / "tagged" / "train"
    notes.mkdir()
    tagged.mkdir(parents=True)
    (notes / "1.txt").write_text(
        "A title of a text\nThe first sentence is here. Is it? It is a text."
    )
    (notes / "2.txt").write_text(f"This document is left out. {HELD_OUT.upper()}")
    (tagged / "CORPUS").write_text(
        "@@1 The/TAG gene/TAG (/TAG p53/TAG )/TAG 's/TAG product/TAG ./.\n"
    )
    script.main(tmp_path, tmp_path, tmp_path / "texts.jsonl")
    assert [line["text"] for line in srsly.read_jsonl(tmp_path / "texts.jsonl")] == [
        "The first training sentence.",
        "Two words.",
        "A title of a text",
        "The first sentence is here.",
        "It is a text.",
        "The gene (p53) 's product.",
    ]
    assert srsly.read_json(tmp_path / "texts.json") == {
        "training": 2,
        "a/notes": {"documents": 2, "shared": 1, "sentences": 3},
        "b/tagged": {"documents": 1, "shared": 0, "sentences": 1},
    }


def test_missing_clone(script, tmp_path):
    with pytest.raises(BadParameter, match=r"notes: expected files \*\.txt"):
        script.main(tmp_path, tmp_path, tmp_path / "texts.jsonl")
