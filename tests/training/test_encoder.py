import pytest
import spacy
import srsly
from numpy.testing import assert_array_equal
from self_training_util import CONFIG, make_ruler, write_data
from spacy.util import load_config, load_model_from_config
from transformer_util import make_transformer

from spacy_eiou.corpora import CorpusError
from spacy_eiou.models.pretrained import Transformer
from spacy_eiou.training import self_train
from spacy_eiou.training.encoder import (
    add_words,
    check_encoder,
    leave_out_vectors,
    make_pretraining,
    prepare_encoder,
    set_schedule,
    set_transformer,
    write_parts,
)
from spacy_eiou.training.texts import check_texts

TRANSFORMER_CONFIG = CONFIG.with_name("transformer_pretraining.cfg")
PRETRAINING = {"pretraining.max_epochs": 1, "pretraining.n_save_epoch": 1}


@pytest.fixture
def few_epochs(monkeypatch):
    monkeypatch.setattr("spacy_eiou.training.encoder.MAX_EPOCHS", 20)


@pytest.fixture
def train(tmp_path):
    settings = {**write_data(tmp_path), **PRETRAINING}
    teacher = make_ruler(tmp_path / "ruler", "gene")

    def run(config_path=CONFIG, **options):
        texts_path = tmp_path / "texts.jsonl"
        options = {"teachers": [teacher], "overrides": settings, **options}
        return self_train(config_path, texts_path, tmp_path / "output", **options)

    return run


@pytest.mark.slow
def test_pretraining_comes_first_and_once(train, tmp_path):
    result = train(pretrain=True)
    weights = tmp_path / "output" / "encoder" / "pretrained" / "model-last.bin"
    initialize = load_config(tmp_path / "output" / "config.cfg")["initialize"]
    assert (initialize["init_tok2vec"], initialize["vectors"]) == (str(weights), None)
    assert result.kept == []
    time = weights.stat().st_mtime_ns
    assert tmp_path / "output" / "encoder" in train(pretrain=True).kept
    assert weights.stat().st_mtime_ns == time


@pytest.mark.slow
def test_a_transformer_prepares_the_encoder(train, tmp_path):
    transformer = make_transformer(tmp_path / "transformer")
    nlp = spacy.load(train(transformer=transformer).model_path)
    assert nlp.pipe_names == ["tok2vec", "nested_spancat"]
    assert nlp.vocab.vectors.shape[1] == 32
    assert nlp("gene 1 moves").spans["sc"] is not None
    encoder = tmp_path / "output" / "encoder"
    log = srsly.read_jsonl(encoder / "pretrained" / "log.jsonl")
    # As PRETRAINING says, not 20.
    assert [line["epoch"] for line in log][-1] == 1
    assert not (encoder / "hidden_states").exists()
    # Other texts, other vectors.
    srsly.write_jsonl(tmp_path / "texts.jsonl", [{"text": f"protein {n} moves"} for n in range(6)])
    with pytest.warns(UserWarning):
        assert train(transformer=transformer).kept == []


@pytest.mark.slow
def test_a_prepared_encoder_stays_when_other_settings_change(train, few_epochs, tmp_path):
    transformer = make_transformer(tmp_path / "transformer")
    # Its embedding has static vectors, which are only made then.
    config_path = CONFIG.with_name("few_examples_transformer.cfg")
    train(config_path, transformer=transformer)
    config = load_config(config_path)
    config["components"]["nested_spancat"]["threshold"] = 0.4
    config["training"]["patience"] = 100
    config.to_disk(tmp_path / "other.cfg")
    with pytest.warns(UserWarning, match="training again"):
        result = train(tmp_path / "other.cfg", transformer=transformer)
    assert tmp_path / "output" / "encoder" in result.kept
    config["system"]["seed"] = 7
    config.to_disk(tmp_path / "other.cfg")
    with pytest.warns(UserWarning, match="preparing the encoder again"):
        result = train(tmp_path / "other.cfg", transformer=transformer)
    assert tmp_path / "output" / "encoder" not in result.kept


def test_vectors_that_are_still_to_be_made_are_left_out():
    config = load_config(CONFIG.with_name("few_examples_transformer.cfg"))
    embed = leave_out_vectors(config)["components"]["tok2vec"]["model"]["embed"]
    assert embed["include_static_vectors"] is False
    config["paths"]["vectors"] = "vectors"
    assert leave_out_vectors(config) == config


@pytest.mark.slow
def test_a_transformer_prepares_another_and_teaches_it(train, few_epochs, tmp_path):
    large = make_transformer(tmp_path / "large", words=["gene", "moves"])
    name = make_transformer(tmp_path / "small", seed=1, words=["gene", "moves"])
    overrides = {
        name: value for name, value in write_data(tmp_path).items() if "tok2vec" not in name
    }
    overrides["components.transformer.model.name"] = name
    result = train(
        TRANSFORMER_CONFIG,
        teachers=None,
        transformer=large,
        transformer_teaches=True,
        n_variations=1,
        overrides=overrides,
    )
    assert result.n_texts == 12
    nlp = spacy.load(result.model_path)
    assert nlp.pipe_names == ["transformer", "nested_spancat"]
    # Only what it has learned of the other one is in it.
    assert not nlp.vocab.vectors.size
    encoder = tmp_path / "output" / "encoder"
    log = srsly.read_jsonl(encoder / "pretrained" / "log.jsonl")
    assert [line["epoch"] for line in log][-1] == 2
    config = load_config(tmp_path / "output" / "config.cfg")
    assert config["initialize"]["init_tok2vec"] == str(encoder / "pretrained" / "model-last.bin")


def test_what_a_stopped_call_computed_is_used_for_the_same_texts_only(tmp_path, monkeypatch):
    transformer = make_transformer(tmp_path / "transformer")
    computed = []
    predict = Transformer.predict

    def count(self, docs):
        computed.append(len(docs))
        return predict(self, docs)

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(Transformer, "predict", count)
    monkeypatch.setattr("spacy_eiou.training.encoder.pretrain", stop)
    monkeypatch.setattr("spacy_eiou.training.encoder.list_words", lambda transformer: [])
    config = load_model_from_config(load_config(CONFIG), auto_fill=True).config

    def run(folder, word):
        path = tmp_path / f"{word}.jsonl"
        srsly.write_jsonl(path, [{"text": f"{word} {'abcdef'[n:]} moves"} for n in range(6)])
        texts = check_texts(path, max_length=100)
        with pytest.raises(KeyboardInterrupt):
            prepare_encoder(
                config, texts, tmp_path / folder, checksum=texts.checksum, transformer=transformer
            )
        return spacy.load(tmp_path / folder / "vectors").vocab.vectors.data

    expected = run("other", "gene")
    run("output", "protein")
    assert_array_equal(run("output", "gene"), expected)
    n_computed = len(computed)
    assert_array_equal(run("output", "gene"), expected)
    assert len(computed) == n_computed


def test_a_prepared_transformer_is_trained_as_others_are():
    config, expected = map(load_config, (TRANSFORMER_CONFIG, CONFIG.with_name("transformer.cfg")))
    for block in ("system", "nlp", "components", "training"):
        assert config[block] == expected[block]


def test_a_schedule_ends_with_the_last_batch(tmp_path):
    srsly.write_jsonl(tmp_path / "texts.jsonl", [{"text": "one two three"}] * 5)
    config = load_config(TRANSFORMER_CONFIG, overrides={"pretraining.batcher.size": 6})
    config = set_transformer(config, "some-model", 23_000)
    assert config["pretraining"]["max_epochs"] == 100
    config = make_pretraining(config, tmp_path / "texts.jsonl", tmp_path / "cache")
    steps = set_schedule(config, spacy.blank("en"))["pretraining"]["optimizer"]["learn_rate"]
    assert (steps["total_steps"], steps["warmup_steps"]) == (300, 15)
    # Other learning rates stay.
    config["pretraining"]["optimizer"]["learn_rate"] = 0.001
    assert set_schedule(config, spacy.blank("en")) == config


def test_a_config_without_pretraining_is_refused(train, tmp_path):
    config = load_config(CONFIG)
    del config["pretraining"]
    config.to_disk(tmp_path / "config.cfg")
    with pytest.raises(CorpusError, match=r"Expected a block \[pretraining\]"):
        train(tmp_path / "config.cfg", pretrain=True, overrides=write_data(tmp_path))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"pretraining": {"component": "enc"}}, "the encoder as the component .* not 'enc'"),
        ({"pretraining": {"component": "nested_spancat"}}, r"nested_spancat.model.embed\], for a"),
    ],
)
def test_an_encoder_that_no_transformer_can_prepare_is_refused(settings, message):
    with pytest.raises(CorpusError, match=message):
        check_encoder(load_config(CONFIG).merge(settings), transformer="some-model")


@pytest.mark.parametrize("n_tokens, n_epochs", [(0, 200), (5_000, 200), (450_000, 24), (10**8, 1)])
def test_few_texts_are_read_more_often(n_tokens, n_epochs):
    config = set_transformer(load_config(CONFIG), "some-model", n_tokens)
    pretraining = config["pretraining"]
    assert (pretraining["max_epochs"], pretraining["n_save_epoch"]) == (n_epochs, n_epochs)
    assert pretraining["objective"]["transformer"] == "some-model"
    assert "n_characters" not in pretraining["objective"]
    config = set_transformer(load_config(CONFIG), "some-model", n_tokens, 10)
    assert config["pretraining"]["max_epochs"] == max(1, n_epochs // 10)
    assert config["components"]["tok2vec"]["model"]["embed"]["include_static_vectors"]


def test_numbers_that_are_given_stay():
    config = load_config(CONFIG, overrides={"pretraining.max_epochs": 3})
    pretraining = set_transformer(config, "some-model", 1, fixed=["pretraining.max_epochs"])[
        "pretraining"
    ]
    assert (pretraining["max_epochs"], pretraining["n_save_epoch"]) == (3, 3)
    assert pretraining["optimizer"]["learn_rate"] == 0.002
    fixed = ["pretraining.n_save_epoch", "pretraining.optimizer.learn_rate"]
    pretraining = set_transformer(config, "some-model", 1, fixed=fixed)["pretraining"]
    assert (pretraining["max_epochs"], pretraining["n_save_epoch"]) == (200, 20)
    assert pretraining["optimizer"]["learn_rate"] == 0.001


def test_a_learning_rate_with_a_schedule_stays():
    name = "pretraining.optimizer.learn_rate.initial_rate"
    schedule = {"@schedules": "warmup_linear.v1", "initial_rate": 0.01}
    config = load_config(CONFIG)
    config["pretraining"]["optimizer"]["learn_rate"] = schedule
    config = set_transformer(config, "some-model", 1, fixed=[name])
    assert config["pretraining"]["optimizer"]["learn_rate"] == schedule


def test_a_given_number_prepares_the_encoder_again(train, tmp_path, monkeypatch):
    checksums = []

    def stop(*args, checksum, **kwargs):
        checksums.append(checksum)
        raise KeyboardInterrupt

    monkeypatch.setattr("spacy_eiou.training.self_training.prepare_encoder", stop)
    transformer = make_transformer(tmp_path / "transformer")
    # The config has 20 epochs, which stay if they are given too.
    for given in ({}, {"training.patience": 1}, {"pretraining.max_epochs": 20}):
        with pytest.raises(KeyboardInterrupt):
            train(transformer=transformer, overrides={**write_data(tmp_path), **given})
    assert checksums[0] == checksums[1] != checksums[2]


def test_paths_of_pretraining(tmp_path):
    config = load_config(CONFIG)
    texts = {"@readers": "spacy.JsonlCorpus.v1", "path": str(tmp_path / "texts.jsonl")}
    plain = make_pretraining(config, tmp_path / "texts.jsonl", tmp_path / "cache")
    assert plain["corpora"]["pretrain"] == texts
    assert "cache" not in plain["pretraining"]["objective"]
    config = set_transformer(config, "some-model", 1)
    prepared = make_pretraining(config, tmp_path / "texts.jsonl", tmp_path / "cache")
    assert prepared["pretraining"]["objective"]["cache"] == str(tmp_path / "cache")


def test_long_texts_are_read_in_parts(tmp_path):
    texts = [" ".join(["word"] * 1200), "short text"]
    srsly.write_jsonl(tmp_path / "texts.jsonl", [{"text": text} for text in texts])
    checked = check_texts(tmp_path / "texts.jsonl", max_length=10_000)
    assert write_parts(spacy.blank("en"), checked, tmp_path / "parts.jsonl") == 1202
    parts = [line["text"] for line in srsly.read_jsonl(tmp_path / "parts.jsonl")]
    assert [len(part.split()) for part in parts] == [500, 500, 200, 2]
    assert " ".join(parts[:3]) == texts[0]


@pytest.mark.parametrize("n_tokens, times", [(99_999, 10), (100_000, 1)])
def test_words_of_the_transformer_come_to_few_texts(tmp_path, n_tokens, times):
    transformer = make_transformer(tmp_path / "transformer", words=["mRNA", "gene", "of", "##ion"])
    path = tmp_path / "texts.jsonl"
    srsly.write_jsonl(path, [{"text": "a gene"}, {"text": "β"}])
    assert add_words(path, transformer, n_tokens) == times
    texts = [line["text"] for line in srsly.read_jsonl(path)]
    # Tokenizers of BERT read lower case.
    assert texts == ["a gene", "β"] * times + (["gene"] if times > 1 else [])
