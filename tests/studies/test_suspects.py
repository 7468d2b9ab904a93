from pathlib import Path
from typing import Any, List

import pytest
import spacy
import srsly
from spacy.language import Language
from study_util import CONFIGS
from typer.testing import CliRunner

from spacy_eiou.cli import app
from spacy_eiou.corpora import CorpusError, Entity, Record, read_label_studio
from spacy_eiou.evaluation.analysis import AnalyzedDoc
from spacy_eiou.evaluation.suspects import WordIndex, rank_suspects
from spacy_eiou.studies import find_suspects
from spacy_eiou.studies.suspects import assign_folds, make_tasks, predict_docs
from util import TINY_MODEL


def make_record(name: str, text: str, group: Any = None, *entities: Entity) -> Record:
    return Record(name, text, entities, group=group)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Ten notes, in one of which a span is missing."""
    path = tmp_path / "notes.jsonl"
    notes = [
        {
            "text": f"Note {number}: the IL-2 gene",
            "spans": [{"start": 12, "end": 21, "label": "DNA"}],
        }
        for number in range(10)
    ]
    notes[3]["spans"] = []
    srsly.write_jsonl(path, notes)
    return path


def test_what_belongs_together_is_in_one_fold() -> None:
    records = [
        make_record("0", "a", "group 1"),
        make_record("1", "b", "group 1"),
        make_record("2", "B ", "group 2"),
        make_record("3", "c", "group 2"),
        make_record("4", "d"),
        make_record("5", "e"),
        make_record("6", "E"),
        *(make_record(str(number), str(number)) for number in range(7, 15)),
    ]
    folds = assign_folds(records, 3)
    assert len({*folds[:4]}) == 1
    assert folds[5] == folds[6]
    sizes = [folds.count(fold) for fold in range(3)]
    assert sum(sizes) == 15 and max(sizes) - min(sizes) <= 3
    assert assign_folds(records, 3) == folds
    with pytest.raises(CorpusError, match="at least 4 documents"):
        assign_folds(records[:6], 4)


def test_no_fold_is_empty() -> None:
    assert sorted(assign_folds([make_record(name, name) for name in "abc"], 3)) == [0, 1, 2]


def test_spans_that_are_no_candidates_are_not_judged() -> None:
    nlp = spacy.blank("en")
    component = nlp.add_pipe(
        "nested_spancat", config={"model": TINY_MODEL, "suggester": {"max_width": 1}}
    )
    component.add_label("DNA")
    nlp.initialize()
    gold = [[(0, 4, "DNA"), (0, 9, "DNA"), (0, 2, "DNA"), (5, 9, "RNA")], []]
    found, other = predict_docs(nlp, ["IL-2 gene", "none"], gold)
    assert (0, 4, "DNA") in found
    assert not {*gold[0][1:]} & found.keys()
    assert all(0 <= p <= 1 for p in (*found.values(), *other.values()))


def test_tasks_hold_what_is_proposed() -> None:
    given, kept, proposed = (0, 4, "DNA"), (5, 9, "RNA"), (0, 9, "DNA")
    record = make_record("r", "IL-2 gene", "g", Entity(*given), Entity(*kept, kb_id="G1"))
    other = make_record("s", "gene", None)
    found = {given: 0.1, kept: 0.8, proposed: 0.9}
    docs = [
        AnalyzedDoc(["gene"], set(), set(), {}),
        AnalyzedDoc(["IL-2 ", "gene"], {given, kept}, {kept, proposed}, found),
    ]
    (task,) = make_tasks([other, record], docs, rank_suspects(docs))
    assert (task.id, task.group) == ("r", "g")
    assert task.entities == (Entity(*proposed), Entity(*kept, kb_id="G1"))
    assert [entity.score for entity in task.entities] == [0.9, 0.8]


def test_annotations_that_models_cannot_judge_are_compared(
    corpus: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    """A mistyped label, a span that ends inside of a token, and one that nothing overlaps."""
    notes = list(srsly.read_jsonl(corpus))
    gene, typed, short, alone = (12, 21, "DNA"), (12, 21, "DAN"), (12, 20, "DNA"), (0, 3, "DNA")
    for number, spans in enumerate([[gene], [typed], [short], [alone, gene]]):
        notes[number]["spans"] = [
            {"start": start, "end": end, "label": label} for start, end, label in spans
        ]
    path = tmp_path / "typing.jsonl"
    srsly.write_jsonl(path, notes)
    monkeypatch.setattr(
        "spacy_eiou.studies.suspects.predict_folds",
        lambda docs, *args, **kwargs: [{gene: 0.9} for _ in docs],
    )
    index = WordIndex.__init__
    indexed = []
    monkeypatch.setattr(
        WordIndex, "__init__", lambda self, docs: indexed.append(docs) or index(self, docs)
    )
    output = tmp_path / "output"
    result = find_suspects(path, output, n_folds=2, to="jsonl")
    assert {(suspect.doc, suspect.kind, suspect.given) for suspect in result.suspects} == {
        (1, "wrong label", typed),
        (2, "wrong boundary", short),
    }
    assert (result.n_spans, result.n_unjudged) == (11, 3)
    # The words are found once.
    assert len(indexed) == 1
    tasks = srsly.read_jsonl(output / "tasks.jsonl")
    assert [
        [(span["start"], span["end"], span["label"]) for span in task["spans"]] for task in tasks
    ] == [[gene], [gene]]
    page = (output / "index.html").read_text(encoding="utf8")
    assert "Nothing is annotated" not in page
    assert "DAN “IL-2 gene” is annotated, which models can&#39;t judge" in page


def test_training_ends_with_the_last_step(corpus: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """Also if the config has a number of epochs."""
    steps = []
    update = Language.update

    def count_step(*args: Any, **kwargs: Any) -> Any:
        steps.append(args)
        return update(*args, **kwargs)

    monkeypatch.setattr(Language, "update", count_step)
    overrides = {"training.max_steps": 4, "training.max_epochs": 1}
    find_suspects(corpus, tmp_path / "output", n_folds=2, overrides=overrides)
    # Steps count from 0 to max_steps.
    assert len(steps) == 2 * 5


def test_config_without_a_spans_key_has_the_default(corpus: Path, tmp_path: Path) -> None:
    config = (CONFIGS / "cnn.cfg").read_text("utf8").replace('spans_key = "sc"\n', "")
    path = tmp_path / "base.cfg"
    path.write_text(config, encoding="utf8")
    overrides = {"training.max_steps": 1}
    result = find_suspects(
        corpus, tmp_path / "output", config_path=path, n_folds=2, overrides=overrides
    )
    assert (result.n_spans, result.n_unjudged) == (9, 0)


@pytest.mark.slow
def test_command_continues(corpus: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    options = ["--n-folds", "2", "--n-seeds", "2", "--to", "label-studio"]
    options += ["--training.max_steps", "3", "--nlp.batch_size", "3", "--n-process", "2"]

    def run() -> List[Any]:
        result = CliRunner().invoke(app, ["suspects", str(corpus), str(output), *options])
        assert result.exit_code == 0, result.output
        assert "Suspicious annotations, of 9 spans" in result.stdout
        assert "Saved tasks to" in result.stdout and "tasks.json" in result.stdout
        return list(srsly.read_jsonl(output / "suspects.jsonl"))

    suspects = run()
    lines = (output / "predictions.jsonl").read_text(encoding="utf8").splitlines()
    found = [(row["variant"], row["seed"]) for row in map(srsly.json_loads, lines)]
    assert sorted(found) == [(f"fold {fold} of 2", seed) for fold in (1, 2) for seed in (0, 1)]
    (output / "predictions.jsonl").write_text("\n".join(lines[:3]) + "\n", encoding="utf8")
    again = run()
    assert [(row["id"], row["kind"]) for row in again] == [
        (row["id"], row["kind"]) for row in suspects
    ]
    scores = [row["score"] for row in suspects]
    assert [row["score"] for row in again] == pytest.approx(scores, abs=0.001)
    assert len((output / "predictions.jsonl").read_text(encoding="utf8").splitlines()) == 4
    assert "Suspicious annotations" in (output / "index.html").read_text(encoding="utf8")
    records = read_label_studio(output / "tasks.json", predictions=True)
    tasks = [record.text for record in records]
    assert len(tasks) == len({suspect["id"] for suspect in suspects})


@pytest.mark.slow
def test_missing_span_is_found(corpus: Path, tmp_path: Path) -> None:
    result = find_suspects(
        corpus, tmp_path / "output", n_folds=2, overrides={"training.max_steps": 100}
    )
    assert (result.n_spans, result.n_unjudged) == (9, 0)
    (first,) = [suspect for suspect in result.suspects if suspect.is_confident]
    assert (first.doc, first.kind, first.proposed) == (3, "missing", (12, 21, "DNA"))
    assert first.elsewhere == {"DNA": 9}
    (words,) = result.inconsistent
    assert words["text"] == "il-2 gene"
    assert words["counts"] == {"DNA": 9, "not annotated": 1}


def test_what_is_read_is_never_replaced(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("suspects.jsonl", "tasks.jsonl"):
        path = folder / name
        srsly.write_jsonl(path, [{"text": "IL-2 gene", "spans": [[0, 4, "protein"]]}])
        before = path.read_bytes()
        with pytest.raises(CorpusError, match=f"another output path: .*{name} is or lies in"):
            find_suspects(path, folder, to="jsonl")
        assert path.read_bytes() == before
    with pytest.raises(CorpusError, match=r"is or lies in .*folder, which is read"):
        find_suspects(folder, folder / "new")


def test_arguments_are_checked_first(corpus: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    with pytest.raises(CorpusError, match="two folds, one seed and one process"):
        find_suspects(corpus, output, n_folds=1)
    with pytest.raises(CorpusError, match="Expected a format to write"):
        find_suspects(corpus, output, to="xml")
    with pytest.raises(CorpusError, match="a number of steps"):
        find_suspects(corpus, output, overrides={"training.max_steps": 0})
    with pytest.raises(CorpusError, match="expected a file or a directory to read"):
        find_suspects(tmp_path / "none.jsonl", output)
    with pytest.raises(CorpusError, match="at least 11 documents"):
        find_suspects(corpus, output, n_folds=11)
    base = (CONFIGS / "cnn.cfg").read_text("utf8").replace("[system]\nseed = 0\n", "[system]\n")
    (tmp_path / "base.cfg").write_text(base, encoding="utf8")
    with pytest.raises(CorpusError, match="expected the setting 'seed'"):
        find_suspects(corpus, output, config_path=tmp_path / "base.cfg")
    assert not output.exists()
