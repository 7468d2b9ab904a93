import re
import shutil
from importlib import import_module
from warnings import catch_warnings

import pytest
import spacy
import srsly
import torch
from spacy.language import Language
from spacy.tokens import DocBin
from study_util import CONFIGS, make_project, write_study

from spacy_eiou.provenance import describe_code, get_provenance
from spacy_eiou.spans import score_spans
from spacy_eiou.studies import Run, Study, compare
from spacy_eiou.studies.compare import draw_subsets, hash_corpus, score, train_run
from spacy_eiou.studies.study import hash_settings, list_runs, make_variant_config


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("project"), 6)


@pytest.fixture
def study_path(tmp_path):
    return write_study(tmp_path)


def read_lines(path, *without):
    results = srsly.read_jsonl(path / "results.jsonl")
    return [{name: line[name] for name in line if name not in without} for line in results]


@pytest.mark.slow
def test_interrupted_study_goes_on_and_ends_the_same(project, study_path, tmp_path):
    path = tmp_path / "out"
    assert len(compare(study_path, path, project_path=project)) == 8
    results_path = path / "results.jsonl"
    lines = results_path.read_bytes().splitlines(keepends=True)
    results = read_lines(path, "date")
    assert [(line["size"], line["seed"], line["variant"]) for line in results] == [
        (size, seed, variant)
        for size in (2, 4)
        for seed in (0, 1)
        for variant in ("single", "nested")
    ]
    provenance = get_provenance(threads=torch.get_num_threads(), gpu=None)
    for line in results:
        assert line["data"] == hash_corpus(project / "corpus" / "notes")
        assert (line["dev"]["gold"], line["test"]["gold"]) == (4, 6)
        totals = [sum(column) for column in zip(*line["test_counts"])]
        assert totals == [line["test"][name] for name in ("gold", "predicted", "correct")]
        assert all(line[name] == provenance[name] for name in provenance.keys() - {"date"})
    report = (path / "RESULTS.md").read_text(encoding="utf8")
    assert "### notes, 4 training documents" in report

    results_path.write_bytes(b"".join(lines[:6]) + lines[6][:50])
    with pytest.warns(UserWarning, match="unfinished last line"):
        compare(study_path, path, project_path=project)
    assert read_lines(path, "date") == results
    assert (path / "RESULTS.md").read_text(encoding="utf8") == report

    (path / "RESULTS.md").unlink()
    results_path.write_bytes(b"".join(lines[:2]))
    with pytest.warns(UserWarning, match="6 of 8 runs are missing"):
        compare(study_path, path, project_path=project, report_only=True)
    assert results_path.read_bytes() == b"".join(lines[:2])
    assert "4 training documents" not in (path / "RESULTS.md").read_text(encoding="utf8")


def test_results_of_other_settings_and_other_code_are_told(project, study_path, tmp_path):
    study = Study.read(study_path)
    settings = hash_settings(make_variant_config(study, "notes", "single", project))
    scores = {"test": score_spans([{(0, 1, "a")}], [{(0, 1, "a")}]), "test_counts": [[1, 1, 1]]}
    today, other, unknown = (Run("notes", 2, "single", n, settings)._asdict() for n in range(3))
    results = [
        {**today, **get_provenance(), **scores},
        {**other, **get_provenance(), "code": "other", **scores},
        {**unknown, **scores},
        {**today, "settings": "other", **scores},
    ]
    srsly.write_jsonl(tmp_path / "results.jsonl", results)
    study_path = write_study(tmp_path, seeds=[0, 1, 2])
    with pytest.warns(UserWarning) as warnings:
        found = compare(study_path, tmp_path, project_path=project, report_only=True)
    assert found == results[:3]
    messages = [str(each.message) for each in warnings if each.category is UserWarning]
    assert [message[:20] for message in messages] == [
        "9 of 12 runs are mis",
        "1 results of other s",
        "1 of 3 results do no",
        "1 of 3 results are o",
    ]
    assert f"today's ({describe_code(get_provenance())})" in messages[-1]


def test_results_of_other_data_are_told(project, study_path, tmp_path, monkeypatch):
    monkeypatch.setattr(
        import_module("spacy_eiou.studies.compare"), "write_report", lambda *_: None
    )
    study = Study.read(study_path)
    settings = hash_settings(make_variant_config(study, "notes", "single", project))
    today = hash_corpus(project / "corpus" / "notes")
    variants = {"single": study.variants["single"].model_dump()}
    moved = tmp_path / "moved"
    shutil.copytree(project / "configs", moved / "configs")

    def find_warnings(project_path, *data):
        runs = [Run("notes", 2, "single", seed, settings)._asdict() for seed in range(len(data))]
        results = [{**run, **own} for run, own in zip(runs, data)]
        srsly.write_jsonl(tmp_path / "results.jsonl", results)
        sizes = {"notes": {"sizes": [2], "max_width": 3}}
        path = write_study(tmp_path, seeds=[*range(len(data))], corpora=sizes, variants=variants)
        with catch_warnings(record=True) as caught:
            compare(path, tmp_path, project_path=project_path, report_only=True)
        return [str(each.message) for each in caught]

    unknown, same, other = {}, {"data": today}, {"data": "other"}
    (message,) = find_warnings(project, same, other)
    assert message.startswith(f"Some results of 'notes' are of other data than {today}, see 'data'")
    # All of them are from before the corpus has changed
    assert find_warnings(project, other, other) == [message]
    assert find_warnings(project, unknown, same) == []
    # Where the corpus is not there, nobody knows what it is today
    assert len(find_warnings(moved, same, other)) == 1
    assert find_warnings(moved, other, other, unknown) == []


def test_a_part_that_changes_is_other_data(project, tmp_path):
    shutil.copytree(project / "corpus" / "notes", tmp_path / "notes")
    expected = hash_corpus(tmp_path / "notes")
    assert expected == hash_corpus(project / "corpus" / "notes")
    shutil.copy(tmp_path / "notes" / "dev.spacy", tmp_path / "notes" / "test.spacy")
    assert hash_corpus(tmp_path / "notes") != expected
    (tmp_path / "notes" / "dev.spacy").unlink()
    assert hash_corpus(tmp_path / "notes") is None


def test_documents_without_annotation_count_nothing(project, tmp_path):
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("span_ruler", "nested_spancat", config={"spans_key": "sc"})
    ruler.add_patterns([{"label": "word", "pattern": "gene"}])
    path = project / "corpus" / "notes" / "test.spacy"
    docs = list(DocBin().from_disk(path).get_docs(nlp.vocab))
    del docs[1].spans["sc"]
    DocBin(docs=docs).to_disk(tmp_path / "test.spacy")
    scores, counts = score(nlp, tmp_path / "test.spacy")
    assert counts == [[2, 1, 1], [0, 0, 0], [2, 1, 1]]
    assert (scores["gold"], scores["predicted"], scores["correct"]) == (4, 2, 2)


@pytest.mark.slow
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
    study = Study.read(study_path)
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
    study = Study.read(study_path)
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
    [doc] = draw_subsets(Study.read(study_path), project)["notes"][3]
    subsets = srsly.read_json(tmp_path / "out" / "subsets.json")
    assert subsets == {"notes": {"3": [doc.user_data["record_id"]]}}


def test_settings_but_not_seed_and_paths_are_part_of_the_key(project, study_path):
    study = Study.read(study_path)
    config = make_variant_config(study, "notes", "nested", project)
    moved = config.copy()
    moved["paths"]["train"], moved["system"]["seed"] = "elsewhere.spacy", 7
    assert hash_settings(moved) == hash_settings(config)
    study.training["max_steps"] = 4
    assert hash_settings(make_variant_config(study, "notes", "nested", project)) != hash_settings(
        config
    )


def test_transformer_goes_by_its_name_on_every_machine(project, tmp_path, monkeypatch):
    settings = {"config": "configs/transformer.cfg", "transformer": "tiny"}
    study = Study.read(write_study(tmp_path, **settings))
    config = make_variant_config(study, "notes", "nested", project)
    assert config["components"]["transformer"]["model"]["name"] == "tiny"

    def init_nlp(config, use_gpu):
        raise RuntimeError(config["components"]["transformer"]["model"]["name"])

    # Where the package lies is found as training begins
    monkeypatch.setattr("spacy_eiou.studies.study.find_transformer", lambda name: f"here/{name}")
    monkeypatch.setattr(import_module("spacy_eiou.studies.compare"), "init_nlp", init_nlp)
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
        (
            {"training": {"seed": 3, "max_steps": 1}},
            "cnn.cfg: expected the setting seed = ${system.seed}",
        ),
        ({"transformer": "tiny"}, "cnn.cfg: it has no transformer to name tiny"),
        ({"variants": {"single": {"factory": "spancat", "config": {"thresh": 1}}}}, "thresh"),
        ({"variants": {"single": {"factory": "spancats"}}}, "spancats"),
    ],
)
def test_mistakes_are_found_before_training(project, tmp_path, settings, words):
    with pytest.raises((ValueError, FileNotFoundError), match=re.escape(words)):
        compare(write_study(tmp_path, **settings), tmp_path / "out", project_path=project)
    assert not (tmp_path / "out").exists()


def test_missing_corpus_names_the_way_out(project, study_path, tmp_path):
    shutil.copytree(project / "configs", tmp_path / "empty" / "configs")
    with pytest.raises(FileNotFoundError, match=r"python -m spacy eiou prepare .*notes\.yml"):
        compare(study_path, tmp_path / "out", project_path=tmp_path / "empty")


def test_documents_need_record_ids(project, study_path, tmp_path):
    shutil.copytree(project, tmp_path / "project")
    docs = [spacy.blank("en").make_doc("gene")] * 4
    DocBin(docs=docs).to_disk(tmp_path / "project" / "corpus" / "notes" / "train.spacy")
    with pytest.raises(ValueError, match="record ids"):
        draw_subsets(Study.read(study_path), tmp_path / "project")


def test_malformed_results_name_the_line(project, study_path, tmp_path):
    (tmp_path / "results.jsonl").write_text('{"corpus": "notes"}\n', encoding="utf8")
    with pytest.raises(ValueError, match="line 1"):
        compare(study_path, tmp_path, project_path=project, report_only=True)


def test_the_study_of_the_project_is_valid():
    study = Study.read(CONFIGS / "compare.yml")
    configs = {
        (corpus, variant): make_variant_config(study, corpus, variant, CONFIGS.parent)
        for corpus in study.corpora
        for variant in study.variants
    }
    settings = {key: hash_settings(config) for key, config in configs.items()}
    assert len(set(settings.values())) == len(settings)
    assert len(list_runs(study, settings)) == 7 * 3 * len(study.variants)
