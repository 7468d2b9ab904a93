from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
import srsly
from spacy.vocab import Vocab
from study_util import make_corpus_config, make_project

from spacy_eiou.corpora.docbin import read_docs

PATH = Path(__file__).parents[2] / "benchmarks" / "forgetting.py"


@pytest.fixture
def script() -> Any:
    spec = spec_from_file_location("forgetting_study", PATH)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_a_model_is_trained_on(script: Any, tmp_path: Path, monkeypatch: Any) -> None:
    project = make_project(tmp_path, 6)
    make_corpus_config(project)
    path = project / "corpus" / "notes" / "train.spacy"
    docs = list(read_docs(path, Vocab()))
    for doc in docs[:4]:
        doc.spans["sc"] = [span for span in doc.spans["sc"] if span.label_ != "word"]
    old, new = script.draw(docs, script.Scenario("word", 3, 5), 0)
    assert [len(old), len(new)] == [3, 2]
    assert all(doc in docs[4:] for doc in new)
    monkeypatch.setattr(script, "read_docs", lambda *_: docs)
    monkeypatch.setattr(script, "CORPORA", {"notes": script.Scenario("word", 3, 5)})
    for name in ("FIRST_STEPS", "MORE_STEPS"):
        monkeypatch.setattr(script, name, 3)
    script.train(project / "notes.json", "notes", 0, [0.0, 0.5], project)
    script.report(project / "output", [project / "notes.json"])
    results = list(srsly.read_jsonl(project / "output" / "runs.jsonl"))
    assert [row["share"] for row in results] == ["before", "from scratch", 0.0, 0.5]
    assert all(0 <= row[side] <= 1 for row in results for side in ("old", "new"))
    assert results[0]["new"] == 0
    rows = (project / "output" / "RESULTS.md").read_text(encoding="utf8").splitlines()[-4:]
    assert rows[2].startswith("| notes | word | 0 | 3 | 5 | 1 |")
