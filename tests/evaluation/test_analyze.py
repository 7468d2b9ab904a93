import json
import shutil
from importlib import import_module

import pytest
import spacy
import srsly
from spacy.tokens import DocBin, Span
from spacy.training import Corpus
from typer.testing import CliRunner

from spacy_eiou.cli import app
from spacy_eiou.corpora import CorpusError
from spacy_eiou.evaluation import analyze, evaluate
from spacy_eiou.spans.scores import select_scores
from util import TINY_MODEL, TINY_TOK2VEC

TEXTS = ["alpha beta gamma delta", "beta alpha delta gamma", "gamma alpha beta delta"] * 4
SPANCAT_MODEL = {
    "@architectures": "spacy.SpanCategorizer.v1",
    "tok2vec": TINY_TOK2VEC,
    "reducer": {"@layers": "spacy.mean_max_reducer.v1", "hidden_size": 16},
    "scorer": {"@layers": "spacy.LinearLogistic.v1", "nO": None, "nI": None},
}
SINGLELABEL_MODEL = {**SPANCAT_MODEL, "scorer": {"@layers": "Softmax.v2"}}
COMPONENTS = {
    "nested_spancat": TINY_MODEL,
    "spancat": SPANCAT_MODEL,
    "spancat_singlelabel": SINGLELABEL_MODEL,
}


def make_data(path, spans_key="sc", *, last_word=False):
    """Each "alpha" is an entity, and inside of one with the word after it. So may the last word be
    one. A doc more has no spans key."""
    nlp = spacy.blank("en")
    docs = [nlp.make_doc(text) for text in TEXTS]
    for index, doc in enumerate(docs):
        start = doc.text.split().index("alpha")
        spans = [Span(doc, start, start + 1, "A"), Span(doc, start, start + 2, "B")]
        doc.spans[spans_key] = [*spans, *([Span(doc, 3, 4, "A")] if last_word else [])]
        doc.user_data["record_id"] = f"record {index}"
    DocBin(docs=[*docs, nlp.make_doc("alpha")], store_user_data=True).to_disk(path)
    return path


def make_model(folder, factory="nested_spancat", n_updates=8, spans_key="sc"):
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    # Annotates the docs that the component gets
    nlp.add_pipe("sentencizer")
    nlp.add_pipe(factory, config={"model": COMPONENTS[factory], "spans_key": spans_key})
    examples = list(Corpus(make_data(folder / "train.spacy", spans_key))(nlp))[:-1]
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(n_updates):
        nlp.update(examples, sgd=optimizer)
    nlp.to_disk(folder / "model")
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """For each kind of component, a folder with data and a pipeline."""
    return {
        factory: make_model(tmp_path_factory.mktemp(factory), factory) for factory in COMPONENTS
    }


@pytest.fixture(scope="module", params=COMPONENTS)
def trained(request, folders):
    return folders[request.param]


@pytest.fixture(scope="module")
def analysis(trained):
    """The analysis of each kind of pipeline, on data of which it finds a part."""
    data = make_data(trained / "dev.spacy", last_word=True)
    return analyze(str(trained / "model"), data, trained / "output")


@pytest.fixture(scope="module")
def nested(folders):
    return folders["nested_spancat"]


def run(*args):
    result = CliRunner().invoke(app, ["analyze", *map(str, args)])
    return result.exit_code, " ".join(result.stdout.split())


def test_spans_are_those_of_the_pipeline(trained, analysis):
    scores = select_scores(evaluate(str(trained / "model"), trained / "dev.spacy"), "sc")
    assert analysis["scores"] == scores
    assert scores["correct"] > len(TEXTS)
    assert analysis["docs"] == len(TEXTS)
    assert analysis["unannotated_docs"] == 1
    # Not one of the last words was an entity in training
    assert analysis["errors"]["missed flat"] == len(TEXTS)
    assert analysis["examples"][0]["record_id"] == "record 0"


def test_candidates(analysis):
    lowest = analysis["curve"][0]
    assert lowest["threshold"] == 0.01
    assert lowest["r"] >= analysis["scores"]["r"]
    n_correct = sum(analysis["histogram"]["correct"])
    n_wrong = sum(analysis["histogram"]["wrong"])
    assert n_wrong > 0
    assert lowest["p"] == pytest.approx(n_correct / (n_correct + n_wrong))
    assert lowest["r"] == pytest.approx(n_correct / analysis["scores"]["gold"])


def test_training_counts_are_those_of_the_component(trained, analysis):
    is_nested = "nested_spancat" in spacy.load(trained / "model").pipe_names
    counts = {"A": len(TEXTS), "B": len(TEXTS)}
    assert analysis["training_counts"] == (counts if is_nested else None)


def test_candidates_below_the_threshold_have_probabilities(nested, tmp_path):
    path = nested / "model" / "nested_spancat" / "cfg"
    cfg = srsly.read_json(path)
    try:
        srsly.write_json(path, {**cfg, "threshold": 1.0})
        analysis = analyze(str(nested / "model"), nested / "train.spacy", tmp_path)
    finally:
        srsly.write_json(path, cfg)
    assert analysis["threshold"] == 1.0
    assert analysis["scores"]["predicted"] == 0
    assert analysis["errors"]["missed inner"] == analysis["errors"]["missed outer"] == len(TEXTS)
    probabilities = [example["gold"]["probability"] for example in analysis["examples"]]
    assert all(0.01 <= probability < 1 for probability in probabilities)


def test_files_and_table(nested, tmp_path):
    model, data = nested / "model", make_data(tmp_path / "dev.spacy", last_word=True)
    output = tmp_path / "new" / "folder"
    exit_code, stdout = run(model, data, "--output", output, "--limit", 1)
    assert exit_code == 0
    analysis = analyze(str(model), data, tmp_path / "again", limit=1)
    for name, count in analysis["errors"].items():
        assert f"{name} {count} " in stdout
    assert srsly.read_json(output / "analysis.json")["errors"] == analysis["errors"]
    assert len(analysis["examples"]) == 1
    assert sorted(path.name for path in output.iterdir()) == ["analysis.json", "index.html"]
    for path in output.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_spans_that_can_never_be_predicted(nested, tmp_path):
    """The longest entity of the training data has 2 tokens."""
    nlp = spacy.blank("en")
    doc = nlp("alpha beta gamma delta")
    doc.spans["sc"] = [Span(doc, 0, 2, "B"), Span(doc, 0, 3, "B"), Span(doc, 0, 1, "C")]
    DocBin(docs=[doc]).to_disk(tmp_path / "dev.spacy")
    exit_code, stdout = run(nested / "model", tmp_path / "dev.spacy", "--output", tmp_path / "out")
    assert exit_code == 0
    assert "2 of 3 gold spans can never be predicted" in stdout
    assert "1 wider than max_width = 2" in stdout
    ceilings = srsly.read_json(tmp_path / "out" / "analysis.json")["ceilings"]
    assert {row["reason"]: row["count"] for row in ceilings["reasons"]} == {
        "of a label that the model does not have": 1,
        "wider than max_width = 2": 1,
    }
    assert evaluate(str(nested / "model"), tmp_path / "dev.spacy")["ceilings"] == ceilings
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf8")
    assert "max_width in the block [components.nested_spancat.suggester]" in page


def test_silent_by_default(nested, tmp_path, capsys):
    analyze(str(nested / "model"), nested / "train.spacy", tmp_path)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_other_spans_key(tmp_path):
    make_model(tmp_path, n_updates=0, spans_key="events")
    exit_code, _ = run(tmp_path / "model", tmp_path / "train.spacy", "--output", tmp_path / "out")
    assert exit_code == 0
    assert srsly.read_json(tmp_path / "out" / "analysis.json")["spans_key"] == "events"


def test_code_is_imported(nested, tmp_path):
    code = tmp_path / "code.py"
    code.write_text(f"open({str(tmp_path / 'imported')!r}, 'w').close()\n", encoding="utf8")
    data = nested / "train.spacy"
    exit_code, _ = run(nested / "model", data, "--code", code, "--output", tmp_path / "out")
    assert exit_code == 0
    assert (tmp_path / "imported").exists()


@pytest.mark.parametrize(
    "ruler_key,options,message",
    [
        ("sc", [], "Expected one SpanCategorizer that writes 'sc' in the pipeline, not 0."),
        ("ruler", [], "Can't tell which spans key to compare"),
        ("ruler", ["--spans-key", "sc"], "It has, each with the spans key that it writes: none."),
    ],
)
def test_pipeline_without_probabilities(tmp_path, ruler_key, options, message):
    nlp = spacy.blank("en")
    nlp.add_pipe("span_ruler", config={"spans_key": ruler_key})
    nlp.to_disk(tmp_path / "model")
    data = make_data(tmp_path / "data.spacy")
    output = tmp_path / "out"
    exit_code, stdout = run(tmp_path / "model", data, "--output", output, *options)
    assert exit_code == 1
    assert message in stdout
    assert not output.exists()


def test_damaged_data(nested, tmp_path):
    path = tmp_path / "cut.spacy"
    path.write_bytes((nested / "train.spacy").read_bytes()[:-9])
    exit_code, stdout = run(nested / "model", path, "--output", tmp_path / "out")
    assert exit_code == 1
    assert "Can't analyze" in stdout
    assert f"{path}: expected a complete .spacy file" in stdout.replace(" /", "/")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["nested_spancat/model", "nested_spancat/cfg", "config.cfg"])
def test_damaged_model(nested, tmp_path, name):
    model = shutil.copytree(nested / "model", tmp_path / "model")
    content = (model / name).read_bytes()
    (model / name).write_bytes(content[: len(content) // 3])
    exit_code, stdout = run(model, nested / "train.spacy", "--output", tmp_path / "out")
    assert exit_code == 1
    assert f"Can't analyze '{model}'" in stdout
    assert not (tmp_path / "out").exists()


def test_texts_to_annotate_are_chosen(nested, tmp_path):
    texts = tmp_path / "texts.jsonl"
    srsly.write_jsonl(texts, [{"text": text} for text in ("alpha gamma", "beta", "gamma delta")])
    output = tmp_path / "output"
    analysis = analyze(
        str(nested / "model"), nested / "train.spacy", output, texts=str(texts), n_texts=2
    )
    chosen = [text["text"] for text in analysis["next"]["texts"]]
    assert len(chosen) == 2
    assert [row["text"] for row in srsly.read_jsonl(output / "selected.jsonl")] == chosen
    assert "Texts to annotate" in (output / "index.html").read_text(encoding="utf8")


def test_chosen_texts_that_were_annotated_are_not_replaced(nested, tmp_path):
    texts = tmp_path / "texts.jsonl"
    srsly.write_jsonl(texts, [{"text": "alpha gamma"}, {"text": "gamma delta"}])
    output = tmp_path / "output"

    def run():
        analyze(str(nested / "model"), nested / "train.spacy", output, texts=str(texts), n_texts=2)

    run()
    run()
    chosen = list(srsly.read_jsonl(output / "selected.jsonl"))
    corrected = [{**chosen[0], "spans": []}, chosen[1]]
    srsly.write_jsonl(output / "selected.jsonl", corrected)
    with pytest.raises(CorpusError, match=r"selected.jsonl: .* was changed, and would be lost"):
        run()
    assert list(srsly.read_jsonl(output / "selected.jsonl")) == corrected


def test_numbers_of_the_source_stay_as_they_are(nested, tmp_path):
    texts, output = tmp_path / "texts.jsonl", tmp_path / "output"
    numbers = {"share": 0.12345678901234567, "number": 2**70}
    texts.write_text(json.dumps({"text": "alpha gamma", **numbers}), encoding="utf8")

    def run():
        analyze(str(nested / "model"), nested / "train.spacy", output, texts=str(texts), n_texts=1)
        return (output / "selected.jsonl").read_bytes()

    # The second call knows that nobody has changed them.
    assert run() == run()
    (text,) = json.loads((output / "analysis.json").read_bytes())["next"]["texts"]
    assert text == json.loads((output / "selected.jsonl").read_bytes())
    assert text["meta"]["source"] == numbers


def test_chosen_texts_are_written_with_the_analysis(nested, tmp_path, monkeypatch):
    srsly.write_jsonl(tmp_path / "texts.jsonl", [{"text": "alpha gamma"}])
    module = import_module("spacy_eiou.evaluation.analyze")
    monkeypatch.setattr(module, "render_report", lambda analysis: 1 / 0)
    arguments = str(nested / "model"), nested / "train.spacy", tmp_path / "output"
    with pytest.raises(ZeroDivisionError):
        analyze(*arguments, texts=str(tmp_path / "texts.jsonl"), n_texts=1)
    assert not (tmp_path / "output").exists()


def test_chosen_texts_are_not_those_to_choose_from(tmp_path):
    def run(texts):
        analyze("no model", tmp_path / "dev.spacy", tmp_path, texts=str(texts))

    srsly.write_jsonl(tmp_path / "texts.jsonl", [{"text": "alpha gamma"}])
    with pytest.raises(CorpusError, match="the next run would read it"):
        run(tmp_path)
    shutil.copy(tmp_path / "texts.jsonl", tmp_path / "selected.jsonl")
    with pytest.raises(CorpusError, match="is read, and would be lost"):
        run(tmp_path / "selected.jsonl")
