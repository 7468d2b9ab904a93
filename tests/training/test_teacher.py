import pytest
import spacy
from self_training_util import CONFIG, write_data
from spacy.util import load_config
from thinc.api import Config
from transformer_util import make_transformer

from spacy_eiou.corpora import CorpusError
from spacy_eiou.training import self_train
from spacy_eiou.training.teacher import make_teacher_config


@pytest.fixture
def config(tmp_path):
    config = load_config(CONFIG, overrides=write_data(tmp_path), interpolate=True)
    config["nlp"]["tokenizer"] = {"@tokenizers": "spacy_eiou.CharacterTokenizer.v1"}
    config["components"]["nested_spancat"]["spans_key"] = "notes"
    config["components"]["nested_spancat"]["suggester"]["max_width"] = 3
    config["components"]["nested_spancat"]["loss"]["label_smoothing"] = 0.25
    config["training"]["score_weights"] = {"spans_notes_f": 1.0}
    return config


def test_it_learns_what_the_pipeline_learns(config):
    made = make_teacher_config(config, "some/transformer").interpolate()
    component = made["components"]["nested_spancat"]
    assert made["components"]["transformer"]["model"]["name"] == "some/transformer"
    assert (component["spans_key"], component["suggester"]["max_width"]) == ("notes", 3)
    assert made["nlp"]["tokenizer"] == {"@tokenizers": "spacy_eiou.CharacterTokenizer.v1"}
    assert made["corpora"] == config["corpora"]
    assert made["training"]["score_weights"] == {"spans_notes_f": 1.0}


@pytest.mark.parametrize(
    "given, n_docs, n_steps",
    [(0, 300, 700), (3200, 1400, 700), (20, 300, 20), (1, 0, 1), (0, 15022, 7511), (20, 15022, 20)],
)
def test_it_takes_no_more_steps_than_the_pipeline(config, given, n_docs, n_steps):
    config["training"]["max_steps"] = given
    training = make_teacher_config(config, "some/transformer", n_docs).interpolate()["training"]
    assert training["max_steps"] == training["optimizer"]["learn_rate"]["total_steps"] == n_steps
    assert training["eval_frequency"] == max(n_steps // 2, 1)


def test_the_rest_is_that_of_a_transformer(config):
    made = make_teacher_config(config, "some/transformer").interpolate()
    expected = load_config(CONFIG.with_name("transformer.cfg"), interpolate=True)
    assert made["training"]["batcher"] == expected["training"]["batcher"]
    assert made["nlp"]["pipeline"] == ["transformer", "nested_spancat"]
    for name in ("loss", "model"):
        component = made["components"]["nested_spancat"]
        assert component[name] == expected["components"]["nested_spancat"][name]


@pytest.mark.parametrize("names", [[], ["first", "second"]])
def test_other_pipelines_are_refused(config, names):
    component = config["components"].pop("nested_spancat")
    others = Config({**config, "components": {name: component for name in names}})
    with pytest.raises(CorpusError, match=f"can teach, found {len(names)}"):
        make_teacher_config(others, "some/transformer")


@pytest.mark.slow
def test_the_transformer_is_the_last_teacher(tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_eiou.training.encoder.MAX_EPOCHS", 20)
    result = self_train(
        CONFIG,
        tmp_path / "texts.jsonl",
        tmp_path / "output",
        n_teachers=2,
        transformer=make_transformer(tmp_path / "transformer"),
        transformer_teaches=True,
        overrides=write_data(tmp_path),
    )
    pipelines = [spacy.load(path) for path in [*result.teachers, result.model_path]]
    names = [nlp.pipe_names[0] for nlp in pipelines]
    assert names == ["tok2vec", "transformer", "tok2vec"]
    assert [nlp.config["training"]["seed"] for nlp in pipelines] == [0, 1, 0]


@pytest.mark.parametrize("transformer, n_teachers", [(None, 1), ("some/transformer", 0)])
def test_a_transformer_is_needed_to_teach(tmp_path, transformer, n_teachers):
    with pytest.raises(ValueError, match="Expected a transformer, and a teacher to train"):
        self_train(
            CONFIG,
            tmp_path / "texts.jsonl",
            tmp_path / "output",
            teachers=["some_teacher"],
            n_teachers=n_teachers,
            transformer=transformer,
            transformer_teaches=True,
            overrides=write_data(tmp_path),
        )
