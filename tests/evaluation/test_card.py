import json
import subprocess
import sys

import pytest
import spacy
import srsly
from spacy.training import Example
from typer.testing import CliRunner

from spacy_eiou.cli import app
from spacy_eiou.corpora import Conversion
from spacy_eiou.evaluation import bootstrap_intervals, write_card
from spacy_eiou.evaluation.card import describe_split, find_scored_component, get_package_name
from spacy_eiou.spans.scores import score_spans

TEXT = "the IL-2 gene"
GOLD = [[(4, 13, "DNA"), (4, 8, "protein")]]
PREDICTED = [[(4, 13, "DNA"), (0, 3, "protein")]]
CORPUS = {
    "title": "Notes",
    "license": "CC0",
    "source": "https://example.org/notes",
    "lang": "en",
    "tokenizer": "spacy.Tokenizer.v1",
    "convert": [
        {"input": "notes.jsonl", "format": "jsonl", "output": ".", "split_sizes": [8, 1, 1]}
    ],
}


def save_model(path, spans):
    nlp = spacy.blank("en")
    nlp.add_pipe("nested_spancat", config={"spans_key": "bio", "overlap": "nested"})
    example = Example.from_dict(nlp.make_doc(TEXT), {"spans": {"bio": spans}})
    with pytest.warns(UserWarning, match="have a single training example"):
        nlp.initialize(lambda: [example])
    nlp.to_disk(path)
    return path


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("model"), GOLD[0])


@pytest.fixture
def model_path(saved_model):
    yield saved_model
    (saved_model / "README.md").unlink(missing_ok=True)


@pytest.fixture
def metrics_path(tmp_path):
    scores = score_spans(GOLD, PREDICTED)
    metrics = {f"spans_bio_{name}": value for name, value in scores.items()}
    srsly.write_json(tmp_path / "test.json", {**metrics, "speed": 1.0})
    return tmp_path / "test.json"


def add_intervals(metrics_path, n_docs=2):
    """Intervals as if the same document had come several times."""
    metrics = srsly.read_json(metrics_path)
    intervals = bootstrap_intervals(GOLD * n_docs, PREDICTED * n_docs)
    srsly.write_json(metrics_path, {**metrics, "intervals": intervals})


@pytest.fixture
def corpus_path(tmp_path):
    (tmp_path / "corpus.yml").write_text(srsly.yaml_dumps(CORPUS), encoding="utf8")
    return tmp_path / "corpus.yml"


def read_rows(text):
    """The cells of all tables, by the first cell of their row."""
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def update_settings(path, **settings):
    """Change settings of a saved component. RETURNS (bytes): The file as it was."""
    before = path.read_bytes()
    srsly.write_json(path, {**json.loads(before), **settings})
    return before


def test_card_says_what_the_files_say(model_path, metrics_path, corpus_path):
    text = write_card(
        model_path, metrics_path, corpus_path=corpus_path, name="bio_notes", version="1.2.3"
    )
    assert (model_path / "README.md").read_text("utf8") == text
    assert text.startswith("# en_bio_notes\n")
    assert "pip install --find-links . en_bio_notes" in text
    assert 'spacy.load("en_bio_notes")' in text
    assert 'doc.spans["bio"]' in text
    rows = read_rows(text)
    assert rows["version"] == ["1.2.3"]
    assert "`spacy-eiou>=" in rows["requires"][0]
    assert rows["threshold"] == ["0.5"]
    assert rows["overlap of entities"] == ["`nested`"]
    assert rows["widest entity"] == ["2 tokens"]
    assert rows["corpus"] == ["Notes"]
    assert rows["license"] == ["CC0"]
    assert rows["source"] == ["https://example.org/notes"]
    assert rows["parts"] == ["`notes.jsonl` in its order, 8 / 1 / 1 records"]


def test_labels_have_their_training_examples_before_their_scores(model_path, metrics_path):
    text = write_card(model_path, metrics_path)
    labels, scores = text.split("## How well it finds them")
    assert read_rows(labels)["`DNA`"] == ["1"]
    rows = read_rows(scores)
    assert rows["**all** (micro)"] == ["50.0", "50.0", "50.0", "2"]
    assert rows["boundaries, with any label"] == ["50.0", "50.0", "50.0", "2"]
    assert rows["nested"] == ["0.0", "50.0", "0.0", "2"]
    assert rows["`DNA`"] == ["100.0", "100.0", "100.0", "1"]
    assert rows["`protein`"] == ["0.0", "0.0", "0.0", "1"]
    assert "crossing" not in rows
    assert "**50.0**" in scores


def test_scores_have_intervals_and_numbers_of_documents(model_path, metrics_path):
    add_intervals(metrics_path)
    text = write_card(model_path, metrics_path)
    rows = read_rows(text)
    assert rows[""] == ["P", "R", "F", "interval of F", "entities", "documents"]
    assert rows["**all** (micro)"] == ["50.0", "50.0", "50.0", "50.0–50.0", "2", "2"]
    assert rows["`DNA`"] == ["100.0", "100.0", "100.0", "100.0–100.0", "1", "2"]
    assert "**50.0** [50.0–50.0]" in text


def test_labels_are_text_whatever_is_in_them(tmp_path, metrics_path):
    labels = ["a`<b>x</b>|", "a\nb", "<i>"]
    path = save_model(tmp_path / "model", [(4, 8, label) for label in labels])
    metrics = srsly.read_json(metrics_path)
    row = metrics["spans_bio_per_type"]["DNA"]
    srsly.write_json(metrics_path, {**metrics, "spans_bio_per_type": dict.fromkeys(labels, row)})
    text = write_card(path, metrics_path)
    assert "<b>" not in text
    shown = ["<code>a&#96;&lt;b&gt;x&lt;/b&gt;&#124;</code>", "<code>a&#92;nb</code>", "`<i>`"]
    found, scores = map(read_rows, text.split("## How well it finds them"))
    assert [found[label] for label in shown] == [["1"]] * 3
    assert [scores[label] for label in shown] == [["100.0", "100.0", "100.0", "1"]] * 3


def test_training_is_a_config_that_spacy_reads(model_path, metrics_path):
    text = write_card(model_path, metrics_path)
    block = text.split("```ini\n")[1].split("```")[0]
    config = spacy.util.load_config_from_str(block)
    saved = spacy.util.load_config(model_path / "config.cfg", interpolate=True)
    component = saved["components"]["nested_spancat"]
    assert config["components"] == {
        "nested_spancat": {"model": component["model"], "loss": component["loss"]}
    }
    for name, value in config["training"].items():
        assert value == saved["training"][name]
    assert {"seed", "max_steps", "batcher", "optimizer"} <= set(config["training"])


def test_what_is_not_known_is_left_out(model_path, metrics_path):
    settings_path = model_path / "nested_spancat" / "cfg"
    before = update_settings(settings_path, class_counts=None)
    text = write_card(model_path, metrics_path)
    settings_path.write_bytes(before)
    assert "training examples" not in text
    assert read_rows(text)["`DNA`"] == ["100.0", "100.0", "100.0", "1"]
    assert "## The corpus" not in text
    assert "license" not in read_rows(text)


def test_thresholds_of_labels(model_path, metrics_path):
    settings_path = model_path / "nested_spancat" / "cfg"
    before = update_settings(settings_path, label_thresholds={"DNA": 0.25}, max_positive=None)
    rows = read_rows(write_card(model_path, metrics_path))
    settings_path.write_bytes(before)
    assert rows["threshold of `DNA`"] == ["0.25"]
    assert "threshold of `protein`" not in rows
    assert rows["labels per span"] == ["no limit"]


@pytest.mark.slow
def test_package_takes_the_card_and_meta_stays(model_path, metrics_path, corpus_path, tmp_path):
    meta = (model_path / "meta.json").read_bytes()
    options = ["--name", "notes", "--version", "0.2.0"]
    args = ["--metrics", metrics_path, "--corpus", corpus_path, *options]
    result = CliRunner().invoke(app, ["card", *map(str, [model_path, *args])])
    assert result.exit_code == 0, result.output
    assert (model_path / "meta.json").read_bytes() == meta
    command = [sys.executable, "-m", "spacy", "package", model_path, tmp_path, *options]
    subprocess.run([*command, "--build", "none"], check=True, capture_output=True)
    readme = (tmp_path / "en_notes-0.2.0" / "README.md").read_text("utf8")
    assert readme == (model_path / "README.md").read_text("utf8")
    assert readme.startswith("# en_notes\n")


@pytest.mark.parametrize("metrics", [{}, {"spans_sc_per_type": {}}, {"spans_bio_2_per_type": {}}])
def test_scores_of_another_spans_key(model_path, tmp_path, metrics):
    srsly.write_json(tmp_path / "metrics.json", metrics)
    args = [str(model_path), "--metrics", str(tmp_path / "metrics.json")]
    result = CliRunner().invoke(app, ["card", *args])
    assert result.exit_code == 1
    assert "Spans keys of the pipeline: bio" in " ".join(result.output.split())
    assert not (model_path / "README.md").exists()


@pytest.mark.parametrize(
    "metrics",
    [
        '{"spans_bio_per_type": 1}',
        '{"spans_bio_per_type": {}}',
        '{"spans_bio_per_type": {"A": 1}, "spans_bio_macro_f": 1}',
        '{"spans_bio_per_type": null, "intervals": 3}',
    ],
)
def test_json_that_holds_no_scores(model_path, tmp_path, metrics):
    (tmp_path / "metrics.json").write_text(metrics)
    with pytest.raises(ValueError):
        write_card(model_path, tmp_path / "metrics.json")
    assert not (model_path / "README.md").exists()


@pytest.mark.parametrize("metrics", ["null", "1", "[]", '"a"', "{", '{"a": 1}\n{"b": 2}', ""])
def test_file_that_is_no_json_object(model_path, tmp_path, metrics):
    path = tmp_path / "metrics.json"
    path.write_text(metrics)
    with pytest.raises(ValueError) as caught:
        write_card(model_path, path)
    assert str(caught.value) == (
        f"{path}: expected a JSON object of scores, as `eiou evaluate --output` saves it"
    )


def test_directory_without_a_pipeline(tmp_path, metrics_path):
    result = CliRunner().invoke(app, ["card", str(tmp_path), "--metrics", str(metrics_path)])
    assert result.exit_code == 1
    assert "Can't describe the pipeline" in result.output


def test_component_is_the_one_whose_key_was_scored():
    components = {
        "tok2vec": {"factory": "tok2vec"},
        "a": {"factory": "nested_spancat", "spans_key": "sc"},
        "b": {"factory": "nested_spancat", "spans_key": "sc_2"},
    }
    metrics = {"spans_sc_2_per_type": None}
    assert find_scored_component({"components": components}, metrics) == "b"


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"split_sizes": [8, 2]}, "`a` in its order, 8 / 2 records"),
        ({"split_fractions": [0.8, 0.2]}, "`a` at random by document, 0.8 / 0.2"),
        ({"split_ids": ["b", "c"]}, "`a` by lists of ids, b / c"),
        ({}, "`a` as `test.spacy`"),
    ],
)
def test_split(options, expected):
    conversion = Conversion(input="a", format="jsonl", output="test.spacy", **options)
    assert describe_split(conversion) == expected


@pytest.mark.parametrize("name", ["notes", "en_notes"])
def test_package_name_begins_with_the_language(name):
    assert get_package_name("en", name) == "en_notes"
