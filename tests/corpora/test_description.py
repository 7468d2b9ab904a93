import warnings
from pathlib import Path

import pytest
import spacy
import srsly

from spacy_eiou.corpora import CorpusError, description, prepare
from spacy_eiou.corpora.description import CorpusDescription, find_missing_files, make_config

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


def run(paths, config="cnn.cfg", **options):
    corpus_path, assets_path, output_path = paths
    options = {"config_path": CONFIGS / config, "assets_path": assets_path, **options}
    return prepare(corpus_path, output_path, **options)


def describe(paths, **changes):
    paths[0].write_text(srsly.yaml_dumps({**CORPUS, **changes}), encoding="utf8")


def test_prepare_writes_the_parts_and_a_config_that_spacy_loads(paths):
    accounts = run(paths)
    assert list(accounts) == [paths[2] / "train.spacy", paths[2] / "dev.spacy"]
    assert [account.tokens for account in accounts.values()] == [8, 4]
    files = {path.name for path in paths[2].iterdir()}
    assert files == {"train.spacy", "train.json", "dev.spacy", "dev.json", "config.cfg"}
    config = spacy.util.load_config(paths[2] / "config.cfg")
    assert config["paths"]["train"] == (paths[2] / "train.spacy").as_posix()
    assert config["paths"]["dev"] == (paths[2] / "dev.spacy").as_posix()
    assert config["training"]["max_steps"] == 7
    nlp = spacy.util.load_model_from_config(config)
    assert [token.text for token in nlp.make_doc("IL-2")] == ["IL", "-", "2"]


def test_missing_files_are_listed_and_the_way_out_named(paths):
    paths[1].joinpath("notes.jsonl").unlink()
    with pytest.raises(CorpusError) as caught:
        run(paths)
    assert str(caught.value) == (
        f"{paths[1] / 'notes.jsonl'}: can't find this file or directory. Name the directory that "
        "holds the corpus with --assets, or fetch a public corpus with: python -m spacy project "
        "assets"
    )
    describe(paths, convert=[{**CONVERSION, "input": name} for name in ("a", "b", "c")])
    with pytest.raises(CorpusError, match=r"/a: can't find this file or directory, nor 2 more\. "):
        run(paths)
    assert not paths[2].exists()


def test_malformed_corpus_stops_with_file_and_line(paths):
    paths[1].joinpath("notes.jsonl").write_text("{", encoding="utf8")
    with pytest.raises(CorpusError, match=r"notes\.jsonl, line 1"):
        run(paths)


def test_files_of_id_lists_are_looked_for_too(tmp_path):
    (tmp_path / "a.xml").touch()
    conversion = {"input": "a.xml", "format": "genia", "output": "."}
    conversion["split_ids"] = ["train.txt", "dev.txt"]
    corpus = CorpusDescription(**{**CORPUS, "convert": [conversion]})
    expected = [tmp_path / "train.txt", tmp_path / "dev.txt"]
    assert find_missing_files(corpus, tmp_path) == expected


CONVERSION = CORPUS["convert"][0]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"tokenizer": None}, "tokenizer"),
        ({"split": 1}, "split"),
        ({"convert": []}, "convert"),
        ({"convert": [{"input": "notes.jsonl"}]}, "format"),
        ({"convert": [{**CONVERSION, "levle": 1}]}, "levle"),
        ({"convert": [{**CONVERSION, "split_sizes": ["2", "1"]}]}, "split_sizes"),
        ({"config": {"training.max_stepz": 7}}, r"cnn.cfg with the settings .*training.max_stepz"),
        ({"config": {"trainings.max_steps": 7}}, r"cnn.cfg with .*trainings"),
        (
            {"config": {"training.max_steps": "many"}},
            r"cnn\.cfg with .*max_steps\s+Input should be a valid integer\)$",
        ),
        ({"config": {"components.nested_spancat.suggester.max_width": "x"}}, "max_width"),
    ],
)
def test_malformed_setting_is_named_before_anything_is_converted(paths, changes, message):
    describe(paths, **changes)
    with pytest.raises(CorpusError, match=f"(?s){message}"):
        run(paths)
    assert not paths[2].exists()


@pytest.mark.parametrize(
    "conversions, message",
    [
        ([CONVERSION, {**CONVERSION, "format": "xml"}], "Expected a format from"),
        ([CONVERSION, {**CONVERSION, "level": 1}], "Expected no level"),
        ([CONVERSION, {**CONVERSION, "split_sizes": None}], "suffix .spacy"),
        (
            [CONVERSION, CONVERSION],
            r"out/train\.spacy: expected one conversion that writes this file, not 2$",
        ),
    ],
)
def test_all_conversions_are_checked_before_the_first(paths, conversions, message):
    describe(paths, convert=conversions)
    with pytest.raises(CorpusError, match=message):
        run(paths)
    assert not paths[2].exists()


def test_options_of_a_conversion(paths):
    assets_path = paths[1]
    records = [{"id": name, "body": "😀 IL-2", "spans": [[3, 7, "X"]]} for name in "ab"]
    records += [{"body": "x", "spans": [[9, 9, "X"]]}]
    srsly.write_jsonl(assets_path / "notes.jsonl", records)
    for name in "ab":
        (assets_path / name).write_text(name)
    options = {"offsets": "utf-16", "text_key": "body", "max_bad": 1.0, "split_ids": ["a", "b"]}
    describe(paths, convert=[{**CONVERSION, "split_sizes": None, **options}])
    with pytest.warns(UserWarning, match="1 records are unlisted"):
        accounts = run(paths)
    assert [account.entities for account in accounts.values()] == [{"X": 1}, {"X": 1}]


def test_whole_documents(paths):
    records = [{"text": "IL-2", "spans": [], "group": group} for group in "aab"]
    srsly.write_jsonl(paths[1] / "notes.jsonl", records)
    describe(paths, convert=[{**CONVERSION, "whole_documents": True}])
    assert [account.documents for account in run(paths).values()] == [1, 1]


def test_file_that_is_no_description(paths):
    paths[0].write_text("en", encoding="utf8")
    with pytest.raises(CorpusError, match=r"corpus\.yml: expected the description of a corpus"):
        run(paths)


def test_training_config_is_never_overwritten(paths):
    config_path = paths[2] / "config.cfg"
    with pytest.raises(CorpusError) as caught:
        run(paths, config_path=config_path)
    expected = f"Expected another output path: {config_path} is read, and would be lost"
    assert str(caught.value) == expected


def test_transformer_is_set_where_the_config_has_one(tmp_path):
    corpus = CorpusDescription(**{**CORPUS, "lang": "de"})
    given = spacy.util.load_config(CONFIGS / "transformer.cfg")["components"]["transformer"]
    config = make_config(CONFIGS / "transformer.cfg", corpus, tmp_path)
    assert config["components"]["transformer"]["model"]["name"] == given["model"]["name"]
    assert config["nlp"]["lang"] == "de"
    assert config["nlp"]["tokenizer"] == {"@tokenizers": CORPUS["tokenizer"]}
    config = make_config(CONFIGS / "transformer.cfg", corpus, tmp_path, "org/model")
    assert config["components"]["transformer"]["model"]["name"] == "org/model"
    config = make_config(CONFIGS / "cnn.cfg", corpus, tmp_path, "org/model")
    assert "transformer" not in config["components"]


def test_learning_rate_falls_until_the_end_of_training(tmp_path):
    corpus = CorpusDescription(**{**CORPUS, "config": {"training.max_steps": 300}})
    training = make_config(CONFIGS / "transformer.cfg", corpus, tmp_path)["training"]
    assert training["max_steps"] == training["optimizer"]["learn_rate"]["total_steps"] == 300
    training = spacy.util.load_config(CONFIGS / "transformer.cfg")["training"]
    assert training["max_steps"] == training["optimizer"]["learn_rate"]["total_steps"] == 2000
    # Where epochs end the training, nobody knows the steps.
    corpus = CorpusDescription(**{**CORPUS, "config": {"training.max_steps": 0}})
    training = make_config(CONFIGS / "transformer.cfg", corpus, tmp_path)["training"]
    assert training["optimizer"]["learn_rate"]["total_steps"] == 2000


@pytest.mark.parametrize(("settings", "expected"), [({}, 9000), ({"training.max_steps": 7}, 7)])
def test_large_corpus_takes_more_steps_of_few_documents(paths, monkeypatch, settings, expected):
    monkeypatch.setattr(description, "PASSES", 9000)
    describe(paths, config=settings)
    run(paths, "transformer.cfg")
    training = spacy.util.load_config(paths[2] / "config.cfg")["training"]
    assert training["max_steps"] == training["optimizer"]["learn_rate"]["total_steps"] == expected


def test_corpus_without_training_data(paths):
    (conversion,) = CORPUS["convert"]
    describe(
        paths, convert=[{**conversion, "output": "test.spacy", "split_sizes": None}], config={}
    )
    assert [path.name for path in run(paths, "transformer.cfg")] == ["test.spacy"]


@pytest.mark.parametrize("output", ["../..", "../notes.spacy", "/notes.spacy"])
def test_output_lies_within_the_folder(paths, output):
    (conversion,) = CORPUS["convert"]
    is_file = output.endswith(".spacy")
    sizes = None if is_file else conversion["split_sizes"]
    describe(paths, convert=[{**conversion, "output": output, "split_sizes": sizes}])
    with pytest.raises(CorpusError, match="expected an output within"):
        run(paths)


def test_size_of_the_encoder(tmp_path):
    corpus = CorpusDescription(**CORPUS)
    given = spacy.util.load_config(CONFIGS / "cnn.cfg", interpolate=True)["components"]
    configs = {
        size: make_config(CONFIGS / "cnn.cfg", corpus, tmp_path, size=size).interpolate()
        for size in ("small", "medium", "large")
    }
    models = [config["components"]["tok2vec"]["model"] for config in configs.values()]
    names = ("width", "depth", "maxout_pieces")
    assert [tuple(model["encode"][name] for name in names) for model in models] == [
        (64, 2, 3),
        (96, 4, 3),
        (192, 4, 2),
    ]
    assert models[1]["embed"]["rows"] == given["tok2vec"]["model"]["embed"]["rows"]
    for model, config in zip(models, configs.values()):
        listener = config["components"]["nested_spancat"]["model"]["tok2vec"]
        assert model["embed"]["width"] == listener["width"] == model["encode"]["width"]
    make_config(CONFIGS / "transformer.cfg", corpus, tmp_path, size="large")
    with pytest.raises(CorpusError, match="small, medium, large, not 'huge'"):
        make_config(CONFIGS / "cnn.cfg", corpus, tmp_path, size="huge")


def test_transformer_of_the_prepared_config(paths):
    run(paths, "transformer.cfg", transformer="org/model")
    config = spacy.util.load_config(paths[2] / "config.cfg")
    assert config["components"]["transformer"]["model"]["name"] == "org/model"


def test_docs_that_parts_share_are_counted(paths):
    texts = ("IL-2", "IL-3", "IL-4", "IL-2", "IL-5", "IL-4")
    lines = [{"text": text, "spans": []} for text in texts]
    srsly.write_jsonl(paths[1] / "notes.jsonl", lines)
    describe(paths, convert=[{**CONVERSION, "split_sizes": [2, 2, 2]}])
    *_, account = run(paths).values()
    # Of one conversion, the account tells. Others look at what lies beside their output.
    assert [warning[:20] for warning in account.warnings] == ["1 of 2 documents of "] * 2
    conversions = []
    for index, part in enumerate(("test", "train", "dev")):
        start = 2 * (index + 2) % 6
        srsly.write_jsonl(paths[1] / f"{part}.jsonl", lines[start : start + 2])
        conversions.append({"input": f"{part}.jsonl", "format": "jsonl", "output": f"{part}.spacy"})
    describe(paths, convert=conversions)
    with pytest.warns(UserWarning, match="scores on them are too high") as caught:
        run(paths)
    # One text of the dev part is in train, and one in test, which is told of both.
    assert {str(warning.message)[:28] for warning in caught} == {
        "1 of 2 documents of dev have",
        "1 of 2 documents of test hav",
    }


def test_parts_that_share_nothing_need_no_warning(paths):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(paths)
