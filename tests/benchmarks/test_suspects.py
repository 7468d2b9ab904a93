from collections import Counter
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
from spacy.tokens import Span
from study_util import CONFIGS, make_project

from spacy_eiou.evaluation.analysis import AnalyzedDoc
from spacy_eiou.evaluation.suspects import rank_suspects
from spacy_eiou.spans import get_spans
from spacy_eiou.studies import Suspects

PATH = Path(__file__).parents[2] / "benchmarks" / "suspects.py"
TEXT = "the human IL-2 gene binds"


@pytest.fixture(scope="module")
def script() -> Any:
    spec = spec_from_file_location("suspects_study", PATH)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_docs(n: int) -> Any:
    nlp = spacy.blank("en")
    docs = [nlp(TEXT) for _ in range(n)]
    for doc in docs:
        doc.spans["sc"] = [Span(doc, 1, 4, label="DNA"), Span(doc, 2, 3, label="protein")]
    return docs


def test_damage_is_as_much_as_said(script: Any) -> None:
    docs = make_docs(80)
    damages = script.damage(docs, 0)
    assert Counter(item.kind for item in damages) == dict.fromkeys(script.KINDS, 2)
    spans = [set(get_spans(doc, "sc")) for doc in docs]
    assert sum(map(len, spans)) == 160
    before = {(10, 14, "protein"), (4, 19, "DNA")}
    for item in damages:
        old, new = (
            side and script.to_characters(docs[item.doc], side) for side in (item.old, item.new)
        )
        assert old is None or old in before - spans[item.doc]
        assert new is None or new in spans[item.doc] - before
        assert (old is None, new is None) == (item.kind == "invented", item.kind == "dropped")
    assert script.damage(make_docs(80), 0) == damages
    assert script.damage(make_docs(80), 1) != damages


def test_each_damage_counts_once(script: Any) -> None:
    (doc,) = make_docs(1)
    old, new, other = (4, 19, "DNA"), (10, 19, "DNA"), (20, 25, "verb")
    damages = [
        script.Damage(0, "moved", (1, 4, "DNA"), (2, 4, "DNA")),
        script.Damage(0, "dropped", (4, 5, "RNA"), None),
    ]
    analyzed = AnalyzedDoc(
        [token.text_with_ws for token in doc],
        {new},
        {old, other},
        {old: 0.9, new: 0.05, other: 0.6},
    )
    suspects = rank_suspects([analyzed])
    result = script.measure(Suspects([analyzed], suspects, [], 1, 0), [doc], damages)
    assert [result[name] for name in script.RANKINGS] == [0.5, 0.5, 0.5, 0.5]
    assert (result["confident"], result["suspects"]) == (
        1,
        {"wrong boundary": [1, 1], "missing": [0, 1]},
    )
    assert result["kinds"]["moved"] == [1, 1]
    assert result["kinds"]["dropped"] == [0, 1]
    (undamaged,) = result["undamaged"]
    assert (undamaged["proposed"]["text"], undamaged["text"]) == ("binds", TEXT)
    row = {"corpus": "notes", "seed": 0, "n_seeds": 1, **result}
    assert "| 50.0 % | 50.0 % | 50.0 % | 50.0 % |" in script.make_report([row])


@pytest.mark.slow
def test_script_continues(script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path, 10)
    config = (CONFIGS / "cnn.cfg").read_text(encoding="utf8")
    (project / "corpus" / "notes" / "config.cfg").write_text(config, encoding="utf8")
    monkeypatch.setattr(script, "CORPORA", {"notes": (8, 3)})
    output = tmp_path / "output"
    for _ in range(2):
        script.main(output, ["notes"], [0], 1, project, tmp_path / "work", 1)
    (result,) = srsly.read_jsonl(output / "runs.jsonl")
    assert (result["docs"], result["spans"], result["damaged"]) == (8, 15, 1)
    assert len(srsly.read_json(output / "notes_0_damage.json")) == 1
    assert "| notes | 0 | 1 | 8 | 15 | 1 |" in (output / "RESULTS.md").read_text(encoding="utf8")
