"""The commands of spaCy on a pipeline with the component: those that users start with run in a
process of their own."""

import subprocess
import sys

import pytest
import spacy
import srsly
from spacy.cli.evaluate import evaluate
from spacy.cli.find_threshold import find_threshold
from spacy.tokens import DocBin
from spacy.training.initialize import init_nlp
from spacy.training.loop import train

pytestmark = pytest.mark.slow
TEXTS = [
    ("Who is Shaka Khan?", [(7, 17, "PERSON"), (7, 12, "NAME")]),
    ("I like London and Berlin.", [(7, 13, "LOC"), (18, 24, "LOC"), (7, 24, "LOCS")]),
]
CONFIG = """
[paths]
train = "train.spacy"
dev = "train.spacy"

[nlp]
lang = "en"
pipeline = ["nested_spancat"]

[components]

[components.nested_spancat]
factory = "nested_spancat"

[components.nested_spancat.model]
@architectures = "spacy_eiou.NestedSpanCategorizer.v1"
hidden_size = 16
scorer = {"@layers": "Linear.v1"}

[components.nested_spancat.model.tok2vec]
@architectures = "spacy.HashEmbedCNN.v2"
pretrained_vectors = null
width = 16
depth = 1
embed_size = 100
window_size = 1
maxout_pieces = 2
subword_features = true

[training]
max_steps = 50
eval_frequency = 25

[training.optimizer]
@optimizers = "Adam.v1"
learn_rate = 0.02

[initialize]

[initialize.components]

[initialize.components.nested_spancat]

[initialize.components.nested_spancat.labels]
@readers = "spacy.read_labels.v1"
path = "labels/nested_spancat.json"
"""


def run_spacy(folder, *arguments):
    result = subprocess.run(
        [sys.executable, "-m", "spacy", *arguments], cwd=folder, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a corpus, a filled config, labels and a trained pipeline."""
    folder = tmp_path_factory.mktemp("commands")
    nlp = spacy.blank("en")
    corpus = DocBin()
    for text, spans in TEXTS:
        doc = nlp.make_doc(text)
        doc.spans["sc"] = [doc.char_span(start, end, label) for start, end, label in spans]
        corpus.add(doc)
    corpus.to_disk(folder / "train.spacy")
    (folder / "base.cfg").write_text(CONFIG)
    run_spacy(folder, "init", "fill-config", "base.cfg", "config.cfg")
    run_spacy(folder, "init", "labels", "config.cfg", "labels")
    run_spacy(folder, "train", "config.cfg", "--output", "output")
    return folder


def test_fill_config(folder):
    config = spacy.util.load_config(folder / "config.cfg")
    component = config["components"]["nested_spancat"]
    assert component["loss"]["@losses"] == "spacy_eiou.EIoU_EMC.v1"
    assert component["suggester"]["max_width"] is None
    assert component["overlap"] == "any"
    assert config["training"]["score_weights"]["spans_sc_f"] == 1.0


def test_init_labels(folder):
    labels = srsly.read_json(folder / "labels" / "nested_spancat.json")
    assert labels == ["PERSON", "NAME", "LOC", "LOCS"]


def test_train(folder):
    nlp = spacy.load(folder / "output" / "model-best")
    assert nlp.get_pipe("nested_spancat").labels == ("PERSON", "NAME", "LOC", "LOCS")
    assert nlp.meta["performance"]["spans_sc_f"] == 1.0
    doc = nlp("I like London and Berlin.")
    assert [span.text for span in doc.spans["sc"]] == ["London", "London and Berlin", "Berlin"]


def test_both_readers_of_training_data_train_the_same(folder, monkeypatch):
    monkeypatch.chdir(folder)
    weights = []
    for reader in ("spacy.Corpus.v1", "spacy_eiou.Corpus.v1"):
        overrides = {"training.max_steps": 4, "training.eval_frequency": 2}
        config = spacy.util.load_config("config.cfg", overrides=overrides)
        for part in ("train", "dev"):
            config["corpora"][part]["@readers"] = reader
        nlp = init_nlp(config)
        train(nlp)
        weights.append(nlp.get_pipe("nested_spancat").model.to_bytes())
    assert weights[0] == weights[1]


def test_evaluate(folder):
    scores = evaluate(folder / "output" / "model-best", folder / "train.spacy")
    assert scores["spans_sc_p"] == scores["spans_sc_r"] == scores["spans_sc_f"] == 1.0
    assert scores["spans_sc_per_type"].keys() == {"PERSON", "NAME", "LOC", "LOCS"}


def test_assemble(folder):
    config = spacy.util.load_config(folder / "config.cfg")
    config["components"]["nested_spancat"] = {"source": "output/model-best"}
    config["initialize"]["components"] = {}
    config.to_disk(folder / "assemble.cfg")
    run_spacy(folder, "assemble", "assemble.cfg", "assembled")
    assembled = spacy.load(folder / "assembled")
    assert len(assembled("I like London and Berlin.").spans["sc"]) == 3


def test_find_threshold(folder):
    paths = (folder / "output" / "model-best", folder / "train.spacy")
    threshold, f_score, f_scores = find_threshold(
        *paths, "nested_spancat", "threshold", "spans_sc_f", n_trials=3
    )
    assert (threshold, f_score) == (0.5, 1.0)
    # From 0 on every candidate is a span, from 1 on none is
    assert f_scores[0.0] < 0.5
    assert f_scores[1.0] == 0.0


def test_benchmark_speed(folder):
    arguments = ("output/model-best", "train.spacy", "--batches", "30", "--warmup", "1")
    assert "Mean:" in run_spacy(folder, "benchmark", "speed", *arguments)
