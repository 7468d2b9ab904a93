import copy
import shutil
from pathlib import Path

import pytest
import spacy
import srsly
from spacy.language import Language
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_eiou.cli import app
from spacy_eiou.cli._study import Run, hash_settings, list_runs, make_variant_config, read_study
from spacy_eiou.cli.compare import compare, draw_subsets, train_run
from spacy_eiou.corpora import Entity, Record
from spacy_eiou.corpora.docs import records_to_docs

CONFIGS = Path(__file__).parents[2] / "configs"
STUDY = {
    "config": "configs/cnn.cfg",
    "corpora": {"notes": {"sizes": [2, 4], "max_width": 3}},
    "seeds": [0, 1],
    "training": {"max_steps": 3, "eval_frequency": 2},
    "variants": {
        "single": {"factory": "spancat_singlelabel"},
        "nested": {
            "factory": "nested_spancat",
            "config": {"loss": {"@losses": "spacy_eiou.EMC.v1"}},
        },
    },
    "baseline": "single",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    path = tmp_path_factory.mktemp("project")
    (path / "configs" / "corpora").mkdir(parents=True)
    for name in ("cnn.cfg", "transformer.cfg"):
        shutil.copy(CONFIGS / name, path / "configs")
    description = {"lang": "en", "tokenizer": "spacy.Tokenizer.v1", "convert": []}
    srsly.write_yaml(path / "configs" / "corpora" / "notes.yml", description)
    for part, size in (("train", 6), ("dev", 2), ("test", 3)):
        write_docs(path / "corpus" / "notes" / f"{part}.spacy", size)
    return path


def write_docs(path, size):
    records = [
        Record(f"note-{n}", f"gene {n} binds", [Entity(0, 6, "DNA"), Entity(0, 4, "word")])
        for n in range(size)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    records_to_docs(spacy.blank("en"), records)[0].to_disk(path)


@pytest.fixture
def study_path(tmp_path):
    return write_study(tmp_path)


def write_study(tmp_path, **settings):
    path = tmp_path / "study.yml"
    srsly.write_yaml(path, {**copy.deepcopy(STUDY), **settings})
    return path


def invoke(study_path, output_path, project, *options):
    arguments = [str(study_path), str(output_path), "--project", str(project), *options]
    return CliRunner().invoke(app, ["compare", *arguments])


def test_interrupted_study_goes_on_and_ends_the_same(project, study_path, tmp_path):
    output_path = tmp_path / "out"
    result = invoke(study_path, output_path, project)
    assert result.exit_code == 0, result.output
    results_path = output_path / "results.jsonl"
    data = results_path.read_bytes()
    lines = data.splitlines(keepends=True)
    results = list(srsly.read_jsonl(results_path))
    assert [(line["size"], line["seed"], line["variant"]) for line in results] == [
        (size, seed, variant)
        for size in (2, 4)
        for seed in (0, 1)
        for variant in ("single", "nested")
    ]
    for line in results:
        assert (line["dev"]["gold"], line["test"]["gold"]) == (4, 6)
        totals = [sum(column) for column in zip(*line["test_counts"])]
        assert totals == [line["test"][name] for name in ("gold", "predicted", "correct")]
    report = (output_path / "RESULTS.md").read_text(encoding="utf8")
    assert "### notes, 4 training documents" in report

    results_path.write_bytes(b"".join(lines[:6]) + lines[6][:50])
    result = invoke(study_path, output_path, project)
    assert "unfinished last line" in " ".join(result.output.split())
    assert results_path.read_bytes() == data
    assert (output_path / "RESULTS.md").read_text(encoding="utf8") == report

    (output_path / "RESULTS.md").unlink()
    results_path.write_bytes(b"".join(lines[:2]))
    result = invoke(study_path, output_path, project, "--report-only")
    assert "6 of 8 runs are missing" in " ".join(result.output.split())
    assert results_path.read_bytes() == b"".join(lines[:2])
    assert "4 training documents" not in (output_path / "RESULTS.md").read_text(encoding="utf8")


def test_code_registers_what_a_variant_uses(project, tmp_path):
    code = tmp_path / "code.py"
    code.write_text(
        "from spacy_eiou.losses import EMC\n"
        "from thinc.api import registry\n"
        "registry.losses.register('tests.EMC.v1', func=EMC)\n",
        encoding="utf8",
    )
    variant = {"factory": "nested_spancat", "config": {"loss": {"@losses": "tests.EMC.v1"}}}
    study_path = write_study(tmp_path, variants={"mine": variant}, baseline="mine")
    assert invoke(study_path, tmp_path / "out", project).exit_code == 1
    result = invoke(study_path, tmp_path / "out", project, "--code", str(code))
    assert result.exit_code == 0, result.output
    assert "| mine | 2 |" in (tmp_path / "out" / "RESULTS.md").read_text(encoding="utf8")


def test_variants_see_the_same_batches(project, tmp_path, monkeypatch):
    study_path = write_study(tmp_path, corpora={"notes": {"sizes": [4], "max_width": 3}}, seeds=[0])
    batches = []
    update = Language.update

    def record_batch(self, examples, *args, **kwargs):
        batches.append([example.text for example in examples])
        return update(self, examples, *args, **kwargs)

    monkeypatch.setattr(Language, "update", record_batch)
    results = compare(study_path, tmp_path / "out", project_path=project)
    assert [result["variant"] for result in results] == ["single", "nested"]
    # Steps count from 0 to max_steps
    assert len(batches) == 8
    assert batches[:4] == batches[4:]


def test_variants_have_the_same_encoder_candidates_and_scorer(project, study_path):
    study = read_study(study_path)
    configs = [make_variant_config(study, "notes", name, project) for name in study.variants]
    docs = [spacy.blank("en").make_doc(text) for text in ("a b c d", "a")]
    candidates = []
    for config in configs:
        component = spacy.util.load_model_from_config(config).get_pipe("nested_spancat")
        rows = component.suggester(docs)
        candidates.append((sorted(map(tuple, rows.data.tolist())), list(rows.lengths)))
    assert candidates[0] == candidates[1]
    assert candidates[0][1] == [9, 1]
    for block in ("spans_key", "scorer"):
        first, second = (config["components"]["nested_spancat"][block] for config in configs)
        assert first == second
    first, second = (config["components"]["nested_spancat"]["model"] for config in configs)
    assert first["tok2vec"] == second["tok2vec"]
    assert first["@architectures"] == "spacy.SpanCategorizer.v1"
    assert configs[0]["components"]["tok2vec"] == configs[1]["components"]["tok2vec"]
    assert configs[1]["components"]["nested_spancat"]["loss"]["@losses"] == "spacy_eiou.EMC.v1"
    assert [config["training"]["patience"] for config in configs] == [0, 0]


def test_subsets_are_nested_and_drawn_by_seed(project, study_path, tmp_path):
    study = read_study(study_path)
    subsets = draw_subsets(study, project)["notes"]
    ids = {seed: [doc.user_data["record_id"] for doc in docs] for seed, docs in subsets.items()}
    assert [len(set(drawn)) for drawn in ids.values()] == [4, 4]
    assert ids[0] != ids[1]
    study.corpora["notes"].sizes = [2]
    smaller = draw_subsets(study, project)["notes"][0]
    assert [doc.user_data["record_id"] for doc in smaller] == ids[0][:2]


def test_subsets_are_written_by_record_id(project, tmp_path):
    study_path = write_study(
        tmp_path,
        corpora={"notes": {"sizes": [1], "max_width": 3}},
        seeds=[3],
        variants={"single": {"factory": "spancat_singlelabel"}},
        training={"max_steps": 1},
    )
    compare(study_path, tmp_path / "out", project_path=project)
    [doc] = draw_subsets(read_study(study_path), project)["notes"][3]
    subsets = srsly.read_json(tmp_path / "out" / "subsets.json")
    assert subsets == {"notes": {"3": [doc.user_data["record_id"]]}}


def test_settings_but_not_seed_and_paths_are_part_of_the_key(project, study_path):
    study = read_study(study_path)
    config = make_variant_config(study, "notes", "nested", project)
    moved = config.copy()
    moved["paths"]["train"], moved["system"]["seed"] = "elsewhere.spacy", 7
    assert hash_settings(moved) == hash_settings(config)
    study.training["max_steps"] = 4
    assert hash_settings(make_variant_config(study, "notes", "nested", project)) != hash_settings(
        config
    )


def test_transformer_goes_by_its_name_whatever_the_machine(project, tmp_path, monkeypatch):
    settings = {"config": "configs/transformer.cfg", "transformer": "tiny"}
    study = read_study(write_study(tmp_path, **settings))
    config = make_variant_config(study, "notes", "nested", project)
    assert config["components"]["transformer"]["model"]["name"] == "tiny"

    def init_nlp(config, use_gpu):
        raise RuntimeError(config["components"]["transformer"]["model"]["name"])

    # Where the package lies is found as training begins
    monkeypatch.setattr("spacy_eiou.cli._study.find_transformer", lambda name: f"here/{name}")
    monkeypatch.setattr("spacy_eiou.cli.compare.init_nlp", init_nlp)
    with pytest.raises(RuntimeError, match="here/tiny"):
        train_run(Run("notes", 2, "nested", 0, hash_settings(config)), config, [])
    assert config["components"]["transformer"]["model"]["name"] == "tiny"


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"sedes": [1]}, "sedes"),
        ({"seeds": [1, 1]}, "distinct"),
        ({"seeds": []}, "distinct"),
        ({"baseline": "none"}, "expected a baseline from single, nested"),
        ({"corpora": {"notes": {"sizes": [0], "max_width": 3}}}, "greater than 0"),
        ({"corpora": {"notes": {"sizes": [7], "max_width": 3}}}, "at least 7 documents, found 6"),
        ({"corpora": {"other": {"sizes": [2], "max_width": 3}}}, "other.yml"),
        ({"training": {"max_step": 3}}, "max_step"),
        ({"transformer": "tiny"}, "cnn.cfg: it has no transformer to name tiny"),
        ({"variants": {"single": {"factory": "spancat", "config": {"thresh": 1}}}}, "thresh"),
        ({"variants": {"single": {"factory": "spancats"}}}, "spancats"),
    ],
)
def test_mistakes_are_found_before_training(project, tmp_path, settings, words):
    result = invoke(write_study(tmp_path, **settings), tmp_path / "out", project)
    assert result.exit_code == 1
    assert words in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()


def test_missing_corpus_names_the_way_out(project, study_path, tmp_path):
    shutil.copytree(project / "configs", tmp_path / "empty" / "configs")
    result = invoke(study_path, tmp_path / "out", tmp_path / "empty")
    assert result.exit_code == 1
    way_out = "python -m spacy project run convert . --vars.corpus notes"
    assert way_out in " ".join(result.output.split())


def test_documents_need_record_ids(project, study_path, tmp_path):
    shutil.copytree(project, tmp_path / "project")
    docs = [spacy.blank("en").make_doc("gene")] * 4
    DocBin(docs=docs).to_disk(tmp_path / "project" / "corpus" / "notes" / "train.spacy")
    with pytest.raises(ValueError, match="record ids"):
        draw_subsets(read_study(study_path), tmp_path / "project")


def test_malformed_results_name_the_line(project, study_path, tmp_path):
    (tmp_path / "results.jsonl").write_text('{"corpus": "notes"}\n', encoding="utf8")
    with pytest.raises(ValueError, match="line 1"):
        compare(study_path, tmp_path, project_path=project, report_only=True)


def test_the_study_of_the_project_is_valid():
    study = read_study(CONFIGS / "compare.yml")
    configs = {
        (corpus, variant): make_variant_config(study, corpus, variant, CONFIGS.parent)
        for corpus in study.corpora
        for variant in study.variants
    }
    settings = {key: hash_settings(config) for key, config in configs.items()}
    assert len(set(settings.values())) == len(settings)
    assert len(list_runs(study, settings)) == 7 * 3 * len(study.variants)
