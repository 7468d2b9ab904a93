import shutil
from functools import partial

import cli_util
import numpy as np
import pytest
import spacy
import srsly
from spacy.tokens import DocBin
from spacy.training import Corpus, Example
from spacy.util import load_config
from thinc.api import Ragged

from spacy_eiou.evaluation import evaluate
from spacy_eiou.pipeline import NestedSpanCategorizer, calibrate
from spacy_eiou.pipeline.calibration import predict
from spacy_eiou.pipeline.prediction import FLOOR, find_component, select_likely
from spacy_eiou.spans.scores import select_scores
from util import TINY_MODEL, TINY_TOK2VEC

WORDS = ["alpha", "beta", "gamma", "delta", "omega", "sigma"]
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 16, "upstream": "*"}
MODEL = {**TINY_MODEL, "tok2vec": LISTENER}


def make_doc(nlp, random, spans_key):
    """Words in random order: "alpha", "beta", and two words from "gamma" on, are often entities."""
    words = random.permutation(WORDS).tolist()
    doc = nlp.make_doc(" ".join(words))
    spans = [(index, index + 1, "A") for index, word in enumerate(words) if word == "alpha"]
    spans += [(index, index + 1, "B") for index, word in enumerate(words) if word == "beta"]
    spans += [(index, index + 2, "C") for index, word in enumerate(words[:-1]) if word == "gamma"]
    doc.spans[spans_key] = [
        spacy.tokens.Span(doc, start, end, label)
        for start, end, label in spans
        if random.random() < 0.7
    ]
    return doc


def make_data(path, n_docs=30, seed=0, spans_key="sc"):
    random = np.random.default_rng(seed)
    nlp = spacy.blank("en")
    docs = [make_doc(nlp, random, spans_key) for _ in range(n_docs)]
    # Without the key: not annotated, so that it counts neither for nor against a span
    DocBin(docs=[*docs, nlp.make_doc("alpha beta gamma")]).to_disk(path)
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with data and a pipeline that scores badly at its threshold of 0.9."""
    folder = tmp_path_factory.mktemp("trained")
    make_data(folder / "dev.spacy", seed=1)
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": TINY_TOK2VEC})
    nlp.add_pipe("nested_spancat", config={"model": MODEL, "threshold": 0.9})
    examples = list(Corpus(make_data(folder / "train.spacy"))(nlp))
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(15):
        nlp.update(examples, sgd=optimizer)
    nlp.to_disk(folder / "model")
    return folder


@pytest.fixture
def model(trained, tmp_path):
    return shutil.copytree(trained / "model", tmp_path / "model")


@pytest.fixture
def dev(trained):
    return trained / "dev.spacy"


@pytest.fixture
def labels_gain(monkeypatch):
    """Let cross-validation tell that thresholds of labels gain: there are too few docs here."""

    def cross_validate(*args, per_label=False, **kwargs):
        return dict.fromkeys(("p", "r", "f", "macro_f"), 0.75 if per_label else 0.5)

    monkeypatch.setattr("spacy_eiou.pipeline.calibration.cross_validate", cross_validate)


run = partial(cli_util.run, "calibrate")


def set_cfg(model, **settings):
    path = model / "nested_spancat" / "cfg"
    srsly.write_json(path, {**srsly.read_json(path), **settings})


def get_files(folder):
    return {x.relative_to(folder): x.read_bytes() for x in folder.rglob("*") if x.is_file()}


@pytest.mark.parametrize("max_positive", [1, None])
@pytest.mark.parametrize("overlap", ["any", "nested", "flat"])
def test_no_other_threshold_scores_higher(model, dev, overlap, max_positive):
    set_cfg(model, overlap=overlap, max_positive=max_positive)
    result = calibrate(model, dev)
    assert result.before["f"] < 0.6 < result.after["f"]
    nlp = spacy.load(model)
    component = nlp.get_pipe("nested_spancat")
    assert component.cfg["threshold"] == pytest.approx(result.thresholds.common)
    assert component.cfg["label_thresholds"] == {}
    examples = list(Corpus(dev)(nlp))
    f_scores = []
    for threshold in np.linspace(FLOOR, 1, 25):
        component.cfg["threshold"] = float(threshold)
        f_scores.append(nlp.evaluate(examples)["spans_sc_f"])
    assert result.after["f"] >= max(f_scores)


@pytest.mark.parametrize("per_label", [False, True])
@pytest.mark.parametrize("overlap", ["any", "nested", "flat"])
def test_stored_pipeline_scores_as_reported(model, dev, overlap, per_label):
    set_cfg(model, overlap=overlap)
    before = evaluate(str(model), dev)
    result = calibrate(model, dev, per_label=per_label)
    after = evaluate(str(model), dev)
    for scores, reported in ((before, result.before), (after, result.after)):
        assert select_scores(scores, "sc") == reported
    target = "spans_sc_macro_f" if per_label else "spans_sc_f"
    assert after[target] > before[target]


@pytest.mark.parametrize("settings", [{"threshold": 0.0}, {"label_thresholds": {"A": 0.0}}])
def test_thresholds_below_the_floor_score_as_the_pipeline_does(model, dev, monkeypatch, settings):
    predict = NestedSpanCategorizer.predict

    def predict_sharply(component, docs):
        candidates, scores = predict(component, docs)
        return candidates, scores**4

    monkeypatch.setattr(NestedSpanCategorizer, "predict", predict_sharply)
    set_cfg(model, max_positive=None, **settings)
    before = select_scores(evaluate(str(model), dev), "sc")
    # All candidates of six words, which have at most two.
    assert before["per_type"]["A"]["predicted"] == 30 * 11
    # It scores a little higher. On the candidates that reach the floor alone, it would not.
    monkeypatch.setattr(
        "spacy_eiou.pipeline.thresholds.find_threshold", lambda *args, **kwargs: 0.84
    )
    result = calibrate(model, dev)
    assert result.before == before
    assert not result.kept_old


def test_a_threshold_per_label(model, dev, labels_gain):
    common = calibrate(model, dev)
    result = calibrate(model, dev, per_label=True)
    assert result.thresholds.common == common.thresholds.common
    assert result.thresholds.by_label.keys() == {"A", "B", "C"}
    cfg = spacy.load(model).get_pipe("nested_spancat").cfg
    assert cfg["label_thresholds"] == pytest.approx(result.thresholds.by_label)


def test_thresholds_of_labels_have_to_gain_in_cross_validation(model, dev, monkeypatch):
    def cross_validate(*args, per_label=False, **kwargs):
        return dict.fromkeys(("p", "r", "f", "macro_f"), 0.25 if per_label else 0.5)

    monkeypatch.setattr("spacy_eiou.pipeline.calibration.cross_validate", cross_validate)
    exit_code, stdout = run(model, dev, "--per-label")
    assert exit_code == 0
    assert "the macro F-score changes by -25.00" in stdout
    assert spacy.load(model).get_pipe("nested_spancat").cfg["label_thresholds"] == {}


def test_json_and_table_have_the_cross_validated_scores(model, dev, tmp_path):
    path = tmp_path / "calibration.json"
    exit_code, stdout = run(model, dev, "--per-label", "--json", path)
    assert exit_code == 0
    saved = srsly.read_json(path)
    assert saved["n_docs"] == 30
    assert saved["thresholds"] == saved["new"]
    assert saved["old"] == {"common": 0.9, "by_label": {}}
    columns = ("before", "after", "cross_validated", "cross_validated_by_label")
    row = " ".join(f"{100 * saved[column]['macro_f']:.2f}" for column in columns)
    assert "Before After CV common CV per label precision" in stdout
    assert f"macro F {row}" in stdout
    # It is what the docs that chose the thresholds do not tell.
    assert saved["cross_validated"]["f"] <= saved["after"]["f"]


def test_rare_labels_keep_the_common_threshold(model, dev, labels_gain):
    n_gold = {
        label: scores["gold"]
        for label, scores in evaluate(str(model), dev)["spans_sc_per_type"].items()
    }
    least = min(n_gold.values())
    rare = [f"'{label}' ({count})" for label, count in n_gold.items() if count == least]
    exit_code, stdout = run(model, dev, "--per-label", "--min-examples", least + 1)
    assert exit_code == 0
    assert f"{len(rare)} labels with under {least + 1} spans keep the common threshold" in stdout
    assert ", ".join(rare) in stdout
    cfg = spacy.load(model).get_pipe("nested_spancat").cfg
    assert cfg["label_thresholds"].keys() == {x for x, count in n_gold.items() if count > least}


def test_label_that_is_never_correct_keeps_the_common_threshold(model, dev, tmp_path, labels_gain):
    (*docs,) = DocBin().from_disk(dev).get_docs(spacy.blank("en").vocab)
    for doc in docs:
        if "sc" in doc.spans:
            # The label is where the pipeline never looks for it
            first = spacy.tokens.Span(doc, 0, len(doc), "B")
            doc.spans["sc"] = [first, *(span for span in doc.spans["sc"] if span.label_ != "B")]
    DocBin(docs=docs).to_disk(tmp_path / "other.spacy")
    exit_code, stdout = run(model, tmp_path / "other.spacy", "--per-label")
    assert exit_code == 0
    assert "1 labels without a correct prediction keep the common threshold" in stdout
    assert "'B'" in stdout
    cfg = spacy.load(model).get_pipe("nested_spancat").cfg
    assert cfg["label_thresholds"].keys() == {"A", "C"}


def test_thresholds_of_labels_give_way_to_a_common_one(model, dev):
    set_cfg(model, label_thresholds={"A": 0.99, "C": 0.99})
    exit_code, stdout = run(model, dev)
    assert exit_code == 0
    assert "A 0.9900 -" in stdout
    assert spacy.load(model).get_pipe("nested_spancat").cfg["label_thresholds"] == {}


def test_tables(model, dev):
    result = calibrate(model, dev, output=model.parent / "other")
    exit_code, stdout = run(model, dev)
    assert exit_code == 0
    columns = (result.before, result.after, result.cross_validated)
    row = " ".join(f"{100 * scores['f']:.2f}" for scores in columns)
    assert f"micro F {row} macro" in stdout
    gain = 100 * (result.cross_validated["f"] - result.before["f"])
    assert f"by cross-validation: micro F {gain:+.2f}, macro F" in stdout
    assert f"(common) 0.9000 {result.thresholds.common:.4f}" in stdout


def test_lower_score_keeps_the_old_thresholds(model, dev, monkeypatch):
    monkeypatch.setattr(
        "spacy_eiou.pipeline.thresholds.find_threshold", lambda *args, **kwargs: 1.0
    )
    exit_code, stdout = run(model, dev)
    assert exit_code == 0
    assert "The new thresholds score lower than the old ones, which are kept" in stdout
    assert spacy.load(model).get_pipe("nested_spancat").cfg["threshold"] == 0.9
    result = calibrate(model, dev)
    assert result.thresholds.common == 0.9
    assert result.after == result.before


def test_only_the_settings_change(model, dev, tmp_path):
    (model / "README.md").write_text("kept")
    before = get_files(model)
    calibrate(model, dev)
    after = get_files(model)
    changed = {path.as_posix() for path in after if after[path] != before[path]}
    assert changed == {"config.cfg", "nested_spancat/cfg"}
    assert after.keys() == before.keys()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_config_says_the_same_threshold(model, dev):
    before = load_config(model / "config.cfg")
    result = calibrate(model, dev)
    nlp = spacy.load(model)
    saved = load_config(model / "config.cfg")
    settings = [config["components"]["nested_spancat"] for config in (saved, nlp.config)]
    for cfg in (*settings, nlp.get_pipe("nested_spancat").cfg):
        assert cfg["threshold"] == result.thresholds.common
    before["components"]["nested_spancat"]["threshold"] = result.thresholds.common
    assert saved == before


def test_output_is_another_pipeline(model, dev, tmp_path):
    before = get_files(model)
    output = tmp_path / "new" / "calibrated"
    result = calibrate(model, dev, output=output)
    assert get_files(model) == before
    assert get_files(output).keys() == before.keys()
    component = spacy.load(output).get_pipe("nested_spancat")
    assert component.cfg["threshold"] == pytest.approx(result.thresholds.common)
    # A pipeline may be replaced, with all that was in it
    (output / "old.txt").write_text("old")
    calibrate(model, dev, output=output)
    assert not (output / "old.txt").exists()
    assert [path.name for path in output.parent.iterdir()] == ["calibrated"]


def test_output_that_is_no_pipeline_is_left_alone(model, dev, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    exit_code, stdout = run(model, dev, "--output", tmp_path / "other")
    assert exit_code == 1
    assert "is neither empty nor a pipeline" in stdout
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["file"]


def test_output_that_holds_the_pipeline_is_left_alone(model, dev):
    outer = shutil.copytree(model, model.parent / "outer")
    inner = shutil.copytree(model, outer / "inner")
    exit_code, stdout = run(inner, dev, "--output", outer)
    assert exit_code == 1
    assert "holds the pipeline itself, which would be lost" in stdout
    exit_code, stdout = run(inner, dev, "--output", inner / "new" / "model")
    assert exit_code == 1
    assert "lies in that of the pipeline" in stdout
    assert not (inner / "new").exists()
    assert get_files(inner) == get_files(model)


@pytest.mark.parametrize("output", ["dev.spacy", "model/meta.json", "other/meta.json"])
def test_nothing_that_is_read_is_lost(model, dev, tmp_path, output):
    data = shutil.copy(dev, tmp_path / "dev.spacy")
    other = shutil.copytree(model, tmp_path / "other")
    before = get_files(tmp_path)
    exit_code, stdout = run(model, data, "--output", other, "--json", tmp_path / output)
    assert exit_code == 1
    assert "is read, and would be lost" in stdout
    shutil.move(data, other)
    exit_code, stdout = run(model, other / "dev.spacy", "--output", other)
    assert exit_code == 1
    assert "holds the data, which would be lost" in stdout
    shutil.move(other / "dev.spacy", data)
    assert get_files(tmp_path) == before


def test_interrupted_copy_leaves_the_old_output(model, dev, tmp_path, monkeypatch):
    output = tmp_path / "output"
    calibrate(model, dev, output=output)
    cfg = (output / "nested_spancat" / "cfg").read_bytes()

    def write_json(path, value):
        raise KeyboardInterrupt

    monkeypatch.setattr("spacy_eiou.pipeline.calibration.write_json", write_json)
    with pytest.raises(KeyboardInterrupt):
        calibrate(model, dev, output=output, per_label=True)
    assert (output / "nested_spancat" / "cfg").read_bytes() == cfg
    assert {path.name for path in tmp_path.iterdir()} == {"model", "output"}


def test_silent_by_default(model, dev, capsys):
    calibrate(model, dev, per_label=True)
    assert capsys.readouterr().out == ""


def test_misspelt_component(model, dev):
    exit_code, stdout = run(model, dev, "--component", "nested_spncat")
    assert exit_code == 1
    assert "Expected one NestedSpanCategorizer named 'nested_spncat'" in stdout
    assert "It has, each with the spans key that it writes: 'nested_spancat' ('sc')." in stdout


def test_which_component():
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    kind = NestedSpanCategorizer
    with pytest.raises(ValueError, match=r"Expected one .* not 0\. It has, .*: none\."):
        find_component(nlp, kind)
    with pytest.raises(ValueError, match="named 'sentencizer' in the pipeline, not 0"):
        find_component(nlp, kind, name="sentencizer")
    first = nlp.add_pipe("nested_spancat", "first")
    assert find_component(nlp, kind) is find_component(nlp, kind, name="first") is first
    second = nlp.add_pipe("nested_spancat", "second", config={"spans_key": "other"})
    with pytest.raises(ValueError, match=r"not 2\. .*: 'first' \('sc'\), 'second' \('other'\)"):
        find_component(nlp, kind)
    assert find_component(nlp, kind, name="second") is second
    assert find_component(nlp, kind, spans_key="other") is second


def test_data_without_the_spans_key(model, tmp_path):
    exit_code, stdout = run(model, make_data(tmp_path / "dev.spacy", spans_key="cs"))
    assert exit_code == 1
    assert "No doc has spans under the key 'sc'" in stdout
    assert "Spans keys in the data: 'cs' (" in stdout


def test_data_with_other_labels(model, tmp_path):
    nlp = spacy.blank("en")
    doc = nlp.make_doc("alpha beta")
    doc.spans["sc"] = [doc.char_span(0, 5, "OTHER")]
    DocBin(docs=[doc]).to_disk(tmp_path / "dev.spacy")
    exit_code, stdout = run(model, tmp_path / "dev.spacy")
    assert exit_code == 1
    assert "is a gold span, so that no threshold is better than another" in stdout
    assert "Labels in the data: OTHER." in stdout


def test_components_after_it_do_not_run(model):
    nlp = spacy.load(model)
    nlp.add_pipe("sentencizer")
    example = Example(nlp.make_doc("alpha beta"), nlp.make_doc("alpha beta"))
    ((docs, (candidates, scores)),) = predict(nlp, nlp.get_pipe("nested_spancat"), [example])
    assert docs == [example.predicted]
    assert not docs[0].has_annotation("SENT_START")
    assert docs[0].tensor.shape == (2, 16)
    assert len(candidates.dataXd) == len(scores) <= 3
    assert nlp.pipe_names == ["tok2vec", "nested_spancat", "sentencizer"]


def test_candidates_above_the_floor():
    spans = np.asarray([(0, 1), (1, 2), (0, 2), (0, 1)], dtype="i")
    scores = np.asarray([(0.0, 0.001), (0.5, 0.0), (0.001, 0.02), (0.0, 0.0)], dtype="f")
    candidates = Ragged(spans, np.asarray([3, 0, 1], dtype="i"))
    candidates, scores = select_likely(candidates, scores)
    assert candidates.dataXd.tolist() == [[1, 2], [0, 2]]
    assert candidates.lengths.tolist() == [2, 0, 0]
    assert scores.tolist() == np.asarray([(0.5, 0.0), (0.001, 0.02)], dtype="f").tolist()


def test_no_candidates_at_all():
    empty = Ragged(np.zeros((0, 0), dtype="i"), np.zeros((2,), dtype="i"))
    candidates, scores = select_likely(empty, np.zeros((0, 3), dtype="f"))
    assert candidates.dataXd.shape == (0, 2)
    assert candidates.lengths.tolist() == [0, 0]
    assert scores.shape == (0, 3)
