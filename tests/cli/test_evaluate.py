import re
import sys

import pytest
import spacy
import srsly
from cli_util import invoke
from spacy.tokens import DocBin

from spacy_eiou.evaluation import evaluate
from spacy_eiou.pipeline.prediction import find_compared_key

TEXTS = ["the IL-2 gene binds", "the IL-2 receptor"]
GOLD = [[(4, 13, "DNA"), (4, 8, "protein")], [(4, 17, "protein")]]


def make_model(path, patterns=("IL-2", "IL-2 gene"), spans_key="sc"):
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("span_ruler", config={"spans_key": spans_key})
    labels = {"IL-2": "protein", "IL-2 gene": "DNA"}
    ruler.add_patterns([{"label": labels[text], "pattern": text} for text in patterns])
    nlp.to_disk(path)
    return path


def make_data(path, spans_keys=("sc",)):
    nlp = spacy.blank("en")
    doc_bin = DocBin()
    for text, spans in zip(TEXTS, GOLD):
        doc = nlp.make_doc(text)
        for key in spans_keys:
            doc.spans[key] = [doc.char_span(*span) for span in spans]
        doc_bin.add(doc)
    doc_bin.to_disk(path)
    return path


def run(*args):
    result = invoke("evaluate", *args)
    return result.exit_code, result.stdout


def test_batches_have_a_text_at_least(tmp_path):
    model, data = make_model(tmp_path / "model"), make_data(tmp_path / "data.spacy")
    result = invoke("evaluate", model, data, "--batch-size", -1)
    assert result.exit_code == 2
    assert "Invalid value for '--batch-size'" in result.output


def test_tables_and_json(tmp_path):
    model, data = make_model(tmp_path / "model"), make_data(tmp_path / "data.spacy")
    output = tmp_path / "metrics.json"
    exit_code, stdout = run(model, data, "--output", output, "--batch-size", 1)
    assert exit_code == 0
    lines = [line.split() for line in stdout.splitlines()]
    # The two spans of the first doc are found, and a wrong one in the second
    assert ["micro", "F", "66.67", "0.0–100.0"] in lines
    assert ["crossing", "pairs,", "gold", "0"] in lines
    assert ["documents", "2"] in lines
    assert ["nested", "100.00", "100.00", "100.00", "-", "2", "2", "1"] in lines
    assert ["flat", "0.00", "0.00", "0.00", "-", "1", "1", "1"] in lines
    assert ["crossing", "-", "-", "-", "-", "0", "0", "0"] in lines
    assert ["protein", "50.00", "50.00", "50.00", "0.0–100.0", "2", "2", "2"] in lines
    per_type = [line[0] for line in lines if line[:1] in (["DNA"], ["protein"])]
    assert per_type == ["protein", "DNA"]
    scores = srsly.read_json(output)
    assert scores["spans_sc_f"] == pytest.approx(2 / 3)
    assert scores["spans_sc_per_type"]["protein"]["f"] == 0.5
    assert scores["spans_sc_mean_iou"] == pytest.approx((1 + 1 + 4 / 13) / 3)
    assert scores["speed"] > 0
    intervals = scores["intervals"]
    assert intervals["f"] == intervals["per_type"]["protein"]["f"] == [0.0, 1.0]
    assert intervals["inner_f"] is None
    assert (intervals["docs"], intervals["inner_docs"]) == (2, 1)
    assert intervals["confidence"] == pytest.approx(0.95)
    assert scores["ceilings"] is None


def test_gold_spans_do_not_reach_the_pipeline(tmp_path):
    model = make_model(tmp_path / "model", patterns=["IL-2"])
    scores = evaluate(str(model), make_data(tmp_path / "data.spacy"))
    assert scores["spans_sc_predicted"] == 2
    assert scores["spans_sc_correct"] == 1


def test_silent_by_default(tmp_path, capsys):
    model, data = make_model(tmp_path / "model"), make_data(tmp_path / "data.spacy")
    evaluate(str(model), data, output=tmp_path / "metrics.json")
    assert capsys.readouterr().out == ""


def test_code_is_imported(tmp_path):
    model, data = make_model(tmp_path / "model"), make_data(tmp_path / "data.spacy")
    code = tmp_path / "code.py"
    code.write_text(f"open({str(tmp_path / 'imported')!r}, 'w').close()\n", encoding="utf8")
    exit_code, _ = run(model, data, "--code", code)
    assert exit_code == 0
    assert (tmp_path / "imported").exists()


def test_spans_key_is_that_of_the_pipeline(tmp_path):
    model = make_model(tmp_path / "model", spans_key="events")
    data = make_data(tmp_path / "data.spacy", spans_keys=["sc", "events"])
    assert "spans_events_f" in evaluate(str(model), data)


def test_key_that_no_component_names(tmp_path):
    model = make_model(tmp_path / "model", spans_key="events")
    exit_code, stdout = run(model, make_data(tmp_path / "data.spacy"), "--spans-key", "sc")
    assert exit_code == 0
    assert "says that it writes the spans key 'sc'" in " ".join(stdout.split())
    assert ["micro", "F", "0.00", "0.0–0.0"] in [line.split() for line in stdout.splitlines()]


@pytest.mark.parametrize(
    "model_key,data_keys,options,message",
    [
        ("sc", ["sc"], ["--spans-key", "cs"], "No doc has the spans key 'cs'."),
        ("cs", ["sc"], [], "Can't tell which spans key to compare"),
        (None, ["sc"], [], "Can't tell which spans key to compare"),
        ("sc", [], [], "Spans keys in the data: none."),
        ("sc", ["sc"], ["--spans-key", "cs"], "Spans keys in the data: 'sc' (3 spans)."),
        ("events", ["sc"], [], "Spans keys that the pipeline writes: events."),
        (None, ["sc"], [], "Spans keys that the pipeline writes: none."),
    ],
)
def test_wrong_spans_key_fails_before_prediction(
    tmp_path, monkeypatch, model_key, data_keys, options, message
):
    model = make_model(tmp_path / "model", spans_key=model_key)
    monkeypatch.delattr(sys.modules["spacy_eiou.evaluation.evaluate"], "predict")
    exit_code, stdout = run(model, make_data(tmp_path / "data.spacy", data_keys), *options)
    assert exit_code == 1
    assert message in " ".join(stdout.split())


def test_entities_in_doc_ents_are_named(tmp_path):
    nlp = spacy.blank("en")
    doc = nlp.make_doc(TEXTS[0])
    doc.ents = [doc.char_span(4, 8, "protein")]
    DocBin(docs=[doc]).to_disk(tmp_path / "data.spacy")
    exit_code, stdout = run(make_model(tmp_path / "model"), tmp_path / "data.spacy")
    assert exit_code == 1
    assert "the 1 entities are in doc.ents. Copy them: doc.spans['sc'] =" in " ".join(
        stdout.split()
    )


def test_data_in_another_format(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_text('{"text": "IL-2", "spans": []}', encoding="utf8")
    exit_code, stdout = run(make_model(tmp_path / "model"), path)
    assert exit_code == 1
    assert "expected a .spacy file or a directory of them" in " ".join(stdout.split())


@pytest.mark.parametrize("output", ["data.spacy", "model/config.cfg"])
def test_output_is_nothing_that_is_read(tmp_path, output):
    model, data = make_model(tmp_path / "model"), make_data(tmp_path / "data.spacy")
    before = (tmp_path / output).read_bytes()
    exit_code, stdout = run(model, data, "--output", tmp_path / output)
    assert exit_code == 1
    assert "is read, and would be lost" in " ".join(stdout.split())
    assert (tmp_path / output).read_bytes() == before


@pytest.mark.parametrize("content", ["null", "[]", "{", '{"a": 1}'])
def test_damaged_pipeline_is_one_line(tmp_path, content):
    model, data = make_model(tmp_path / "model"), make_data(tmp_path / "data.spacy")
    (model / "meta.json").write_text(content, encoding="utf8")
    exit_code, stdout = run(model, data)
    assert exit_code == 1
    assert "Can't load the pipeline" in " ".join(stdout.split())


def test_missing_gpu_is_one_line(tmp_path):
    data = make_data(tmp_path / "data.spacy")
    exit_code, stdout = run(make_model(tmp_path / "model"), data, "--gpu-id", 99)
    assert exit_code == 1
    assert "Can't use the GPU 99" in " ".join(stdout.split())
    assert "Traceback" not in stdout


def test_tables_fit_80_columns(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    _, stdout = run(make_model(tmp_path / "model"), make_data(tmp_path / "data.spacy"))
    plain = re.sub("\x1b.*?m", "", stdout)
    assert max(map(len, plain.splitlines())) <= 80


def test_several_shared_keys_are_ambiguous(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("span_ruler", name="first", config={"spans_key": "a"})
    nlp.add_pipe("span_ruler", name="second", config={"spans_key": "b"})
    make_data(tmp_path / "data.spacy", spans_keys=["a", "b"])
    examples = list(spacy.training.Corpus(tmp_path / "data.spacy")(nlp))
    with pytest.raises(ValueError, match="the pipeline writes: a, b"):
        find_compared_key(nlp, examples)
    assert find_compared_key(nlp, examples, "b") == "b"
