from pathlib import Path

import pytest
import spacy
import srsly
from typer.testing import CliRunner

from spacy_eiou.cli import app
from spacy_eiou.corpora.description import (
    CorpusDescription,
    count_shared_docs,
    find_missing_files,
    find_transformer,
    make_config,
)

CONFIGS = Path(__file__).parents[2] / "configs"
CORPUS = {
    "lang": "en",
    "tokenizer": "spacy_eiou.BiomedicalTokenizer.v1",
    "convert": [{"input": "notes.jsonl", "format": "jsonl", "output": ".", "split_sizes": [2, 1]}],
    "config": {"training.max_steps": 7},
}


@pytest.fixture
def paths(tmp_path):
    records = [{"text": f"IL-{number} gene", "spans": []} for number in range(3)]
    records[0]["spans"] = [{"start": 0, "end": 4, "label": "protein"}]
    (tmp_path / "assets").mkdir()
    srsly.write_jsonl(tmp_path / "assets" / "notes.jsonl", records)
    (tmp_path / "corpus.yml").write_text(srsly.yaml_dumps(CORPUS), encoding="utf8")
    return tmp_path / "corpus.yml", tmp_path / "assets", tmp_path / "out"


def invoke(corpus_path, assets_path, output_path):
    options = ["--assets", str(assets_path), "--config", str(CONFIGS / "cnn.cfg")]
    return CliRunner().invoke(app, ["prepare", str(corpus_path), str(output_path), *options])


def test_prepare_writes_the_parts_and_a_config_that_spacy_loads(paths):
    result = invoke(*paths)
    assert result.exit_code == 0, result.output
    files = {path.name for path in paths[2].iterdir()}
    assert files == {"train.spacy", "train.json", "dev.spacy", "dev.json", "config.cfg"}
    config = spacy.util.load_config(paths[2] / "config.cfg")
    assert config["paths"]["train"] == (paths[2] / "train.spacy").as_posix()
    assert config["training"]["max_steps"] == 7
    nlp = spacy.util.load_model_from_config(config)
    assert [token.text for token in nlp.make_doc("IL-2")] == ["IL", "-", "2"]


def test_missing_files_are_listed_and_the_way_out_named(paths):
    paths[1].joinpath("notes.jsonl").unlink()
    result = invoke(*paths)
    assert result.exit_code == 1
    assert "notes.jsonl" in result.output
    assert "python -m spacy project assets" in result.output
    assert not paths[2].exists()


def test_malformed_corpus_stops_with_file_and_line(paths):
    paths[1].joinpath("notes.jsonl").write_text("{", encoding="utf8")
    result = invoke(*paths)
    assert result.exit_code == 1
    assert "notes.jsonl" in result.output
    assert "line 1" in result.output


def test_files_of_id_lists_are_looked_for_too(tmp_path):
    (tmp_path / "a.xml").touch()
    conversion = {"input": "a.xml", "format": "genia", "output": "."}
    conversion["split_ids"] = ["train.txt", "dev.txt"]
    corpus = CorpusDescription(**{**CORPUS, "convert": [conversion]})
    expected = [tmp_path / "train.txt", tmp_path / "dev.txt"]
    assert find_missing_files(corpus, tmp_path) == expected


@pytest.mark.parametrize(
    "description,message",
    [
        ({"lang": "en"}, "tokenizer"),
        ({**CORPUS, "split": 1}, "split"),
        ({**CORPUS, "convert": [{"input": "notes.jsonl"}]}, "format"),
        ("en", "corpus.yml"),
    ],
)
def test_malformed_description_names_the_file_and_the_setting(paths, description, message):
    paths[0].write_text(srsly.yaml_dumps(description), encoding="utf8")
    result = invoke(*paths)
    assert result.exit_code == 1
    assert "corpus.yml" in result.output
    assert message in result.output


def test_transformer_of_a_package_is_its_model_folder(tmp_path, monkeypatch):
    model_path = tmp_path / "tiny_transformer" / "model"
    model_path.mkdir(parents=True)
    (tmp_path / "tiny_transformer" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_transformer("tiny-transformer") == str(model_path)


@pytest.mark.parametrize("name", ["bert-base-cased", "org/model", "thinc"])
def test_other_transformers_keep_their_name(name):
    assert find_transformer(name) == name


def test_transformer_is_set_where_the_config_has_one(tmp_path):
    corpus = CorpusDescription(**CORPUS)
    config = make_config(CONFIGS / "transformer.cfg", corpus, tmp_path, "org/model")
    assert config["components"]["transformer"]["model"]["name"] == "org/model"
    config = make_config(CONFIGS / "cnn.cfg", corpus, tmp_path, "org/model")
    assert "transformer" not in config["components"]


def test_docs_that_parts_share_are_counted(paths):
    records = [
        {"text": text, "spans": []} for text in ("IL-2", "IL-3", "IL-4", "IL-2", "IL-5", "IL-4")
    ]
    srsly.write_jsonl(paths[1] / "notes.jsonl", records)
    conversion = {**CORPUS["convert"][0], "split_sizes": [2, 2, 2]}
    paths[0].write_text(srsly.yaml_dumps({**CORPUS, "convert": [conversion]}), encoding="utf8")
    output = " ".join(invoke(*paths).output.split())
    assert "1 of 2 docs of dev.spacy have a text, or belong to a document, that an ear" in output
    # The text is in the dev part
    assert "1 of 2 docs of test.spacy have a text" in output
    assert "of train.spacy have a text" not in output


def test_parts_that_share_nothing_need_no_warning(paths):
    assert "scores on them" not in invoke(*paths).output


def test_docs_of_one_document_are_shared():
    def make_doc(text, **user_data):
        doc = spacy.blank("en")(text)
        doc.user_data.update(user_data)
        return doc

    train = [make_doc("a", group="1"), make_doc("b")]
    docs = [make_doc("b"), make_doc("c", group="1"), make_doc("d", group="2"), make_doc("e")]
    assert count_shared_docs(docs, train) == 2
    assert count_shared_docs(train, docs) == 2
