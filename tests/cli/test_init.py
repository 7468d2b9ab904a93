import pytest
import spacy
import srsly
from cli_util import invoke
from cli_util import run as run_command
from spacy.tokens import DocBin, Span


@pytest.fixture
def run(tmp_path):
    def run(*options):
        records = [{"text": f"IL-{n}-mediated", "spans": [[0, 4, "protein"]]} for n in range(3)]
        srsly.write_jsonl(tmp_path / "notes.jsonl", records)
        train = ["--train", tmp_path / "notes.jsonl"]
        return invoke("init", tmp_path / "my project", *train, *options)

    return run


def test_next_command_is_one_line(run, tmp_path):
    result = run("--tokenizer", "spacy_eiou.CharacterTokenizer.v1")
    assert result.exit_code == 0, result.output
    assert "Read 1 files in the format 'jsonl'" in result.output
    assert "0 of 3 entities" in result.output
    command = f"python -m spacy project run all '{tmp_path / 'my project'}'"
    assert command in result.output.splitlines()


def test_costly_outlier(tmp_path):
    text = "a " * 200
    records = [{"text": f"{text}{n}", "spans": [[0, 3, "A"], [4, 7, "B"]]} for n in range(15)]
    records.append({"text": text, "spans": [[0, 199, "A"]]})
    srsly.write_jsonl(tmp_path / "notes.jsonl", records)
    _, output = run_command("init", tmp_path / "project", "--train", tmp_path / "notes.jsonl")
    assert "By default they are left out, with max_width = 2" in output
    assert "1 of 31 spans (3.23%) are wider than 2 tokens, up to 100" in output


def test_other_tokenizers_are_compared(run):
    result = run("--tokenizer", "spacy_eiou.WhitespaceTokenizer.v1")
    assert result.exit_code == 0, result.output
    assert "3 of 3 entities" in result.output
    rows = [line.split() for line in result.output.splitlines()]
    assert ["spacy_eiou.BiomedicalTokenizer.v1", "0"] in rows
    assert ["spacy_eiou.CharacterTokenizer.v1", "0"] in rows


def test_inclusive_ends(tmp_path):
    records = [{"text": f"Aspirin in {n} mg.", "spans": [[0, 6, "DRUG"]]} for n in range(3)]
    srsly.write_jsonl(tmp_path / "notes.jsonl", records)
    code, output = run_command("init", tmp_path / "project", "--train", tmp_path / "notes.jsonl")
    assert code == 0, output
    assert "3 of 3 entities do not begin and end with a token of 'spacy.Tokenizer.v1'" in output
    assert "the ends seem to be inclusive, but an end is expected to be the offset after" in output
    assert "CharacterTokenizer" not in output and "--tokenizer" not in output


def test_entities_in_doc_ents(tmp_path):
    doc = spacy.blank("en")("IL-2 gene")
    doc.ents = [Span(doc, 0, 1, label="protein")]
    DocBin(docs=[doc] * 3).to_disk(tmp_path / "a.spacy")
    for command in (["init", tmp_path / "b", "--train"], ["convert", "-l", "en"]):
        output = [tmp_path / "b.spacy"] if command[0] == "convert" else []
        code, message = run_command(*command, tmp_path / "a.spacy", *output)
        assert code == 1
        assert "none, the 3 entities are in doc.ents. Copy them: doc.spans['sc'] =" in message


def test_error_is_a_message(run, tmp_path):
    result = run("--format", "xml")
    assert result.exit_code == 1
    assert "Can't start a project in" in result.output
    assert "Expected a format from bioc" in " ".join(result.output.split())
    assert not (tmp_path / "my project").exists()
