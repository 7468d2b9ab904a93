import json
import re
from pathlib import Path

import numpy as np
import pytest
import spacy
import srsly
from spacy.training import Example

from spacy_eiou.annotation import SourceText, annotate, select
from spacy_eiou.annotation.selection import Item, Pool, choose
from spacy_eiou.annotation.strategies import STRATEGIES, Strategy
from spacy_eiou.corpora import CorpusError, Record, convert, read_label_studio, write_records
from util import TINY_MODEL

WORDS = ["boiler", "pump", "seal", "valve", "gasket"]
TEXTS = [f"The {WORDS[number % 5]} number {number} leaked." for number in range(40)]
SPANS = {"boiler": "equipment", "pump": "equipment", "seal": "component"}


def train(path, seed=0, labels=SPANS, **components):
    spacy.util.fix_random_seed(seed)
    nlp = spacy.blank("en")
    nlp.add_pipe("nested_spancat", config={"model": TINY_MODEL})
    examples = [
        Example.from_dict(nlp.make_doc(text), {"spans": {"sc": [(4, 4 + len(word), label)]}})
        for word, label in labels.items()
        for text in [f"The {word} leaked."]
    ]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(20):
        nlp.update(examples, sgd=optimizer)
    nlp.to_disk(path)
    return str(path)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return train(tmp_path_factory.mktemp("models") / "model")


@pytest.fixture(scope="module")
def other_model(tmp_path_factory):
    return train(tmp_path_factory.mktemp("models") / "other", seed=1)


@pytest.fixture
def texts(tmp_path):
    return write(tmp_path / "texts.jsonl", TEXTS)


def write(path, texts, **fields):
    srsly.write_jsonl(path, ({"text": text, **fields} for text in texts))
    return path


def get_texts(selection):
    return [text["text"] for text in selection.texts]


def make_items(scores, vectors):
    return [
        Item(score, bytes([number]), SourceText(str(number), ""), np.array(vector, dtype="f"))
        for number, (score, vector) in enumerate(zip(scores, vectors))
    ]


def get_ids(items):
    return [int(item.source.id) for item in items]


def test_pool_keeps_the_highest_scores():
    pool = Pool(2)
    for item in make_items([3, 1, 4, 2], [[0]] * 4):
        if pool.accepts(item.score, item.key):
            pool.add(item)
    assert get_ids(pool.rank()) == [2, 0]
    assert len(pool.items) == 2
    assert not pool.accepts(9, bytes([2]))
    assert not pool.accepts(2.5, bytes([9]))


def test_scores_alone():
    items = make_items([4, 3, 2], [[0, 1], [0, 1], [1, 0]])
    assert get_ids(choose(items, 2, is_diverse=False)) == [0, 1]


def test_diverse_texts():
    # The mean is (0.5, 0.5): the first two are alike, the others are opposite to them
    items = make_items([4, 3, 2, 1], [[0, 1], [0, 1], [1, 0], [1, 0]])
    assert get_ids(choose(items, 3, is_diverse=True)) == [0, 2, 1]
    assert get_ids(choose(items, 9, is_diverse=True)) == [0, 1, 2, 3]


def test_output(model, texts, tmp_path):
    output = tmp_path / "new" / "selected.jsonl"
    selection = select(model, texts, output, n=10)
    # srsly rounds floats
    assert selection.texts == list(map(json.loads, output.read_text("utf8").splitlines()))
    assert len({*get_texts(selection)}) == 10
    assert {*get_texts(selection)} <= {*TEXTS}
    assert selection[1:6] == (40, 0, 0, 0, "")
    strategies = [text["meta"]["strategy"] for text in selection.texts]
    assert strategies == ["combined"] * 9 + ["random"]
    assert " errors in " in selection.texts[0]["meta"]["reason"]
    scores = [text["meta"]["score"] for text in selection.texts]
    assert scores[0] == max(scores[:9])


def test_spans_are_those_of_annotate(model, texts, tmp_path):
    selection = select(model, texts, tmp_path / "selected.jsonl", n=40)
    annotate(model, texts, tmp_path / "annotated.jsonl")
    expected = {item["id"]: item for item in srsly.read_jsonl(tmp_path / "annotated.jsonl")}
    for text in selection.texts:
        assert [(span["start"], span["end"], span["label"]) for span in text["spans"]] == [
            (span["start"], span["end"], span["label"]) for span in expected[text["id"]]["spans"]
        ]


def test_convert_reads_it(model, texts, tmp_path):
    selection = select(model, texts, tmp_path / "selected.jsonl", n=10)
    (account,) = convert(
        tmp_path / "selected.jsonl", tmp_path / "selected.spacy", lang="en", strict=True
    ).values()
    assert account.documents == 10
    assert sum(account.entities.values()) == sum(len(text["spans"]) for text in selection.texts)


@pytest.mark.parametrize("strategy", ["combined", "uncertainty", "rare", "diversity", "random"])
def test_the_same_choice_again_in_any_order(model, texts, tmp_path, strategy):
    backwards = write(tmp_path / "backwards.jsonl", TEXTS[::-1])
    options = {"n": 5, "strategy": strategy, "random_share": 0.2}
    first = select(model, texts, tmp_path / "1.jsonl", **options)
    select(model, texts, tmp_path / "2.jsonl", **options)
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "2.jsonl").read_bytes()
    assert get_texts(select(model, backwards, tmp_path / "3.jsonl", **options)) == get_texts(first)


def test_seed(model, texts, tmp_path):
    choices = [
        get_texts(
            select(model, texts, tmp_path / f"{seed}.jsonl", n=10, strategy="random", seed=seed)
        )
        for seed in (0, 1)
    ]
    assert choices[0] != choices[1]


def test_equal_and_blank_texts(model, tmp_path):
    items = ["The boiler leaked.", " The  Boiler leaked.", "", " \n", "The seal leaked."]
    path = write(tmp_path / "texts.jsonl", items)
    with pytest.warns(UserWarning, match="Expected 50 texts to choose, found only 2") as caught:
        selection = select(model, path, tmp_path / "selected.jsonl")
    assert [warning.filename for warning in caught] == [__file__]
    assert {*get_texts(selection)} == {"The boiler leaked.", "The seal leaked."}
    assert (selection.n_texts, selection.n_blank) == (3, 2)


def test_excluded_texts(model, texts, tmp_path):
    first = select(model, texts, tmp_path / "1.jsonl", n=20)
    second = select(model, texts, tmp_path / "2.jsonl", n=20, exclude=tmp_path / "1.jsonl")
    assert second.n_excluded == 20
    assert {*get_texts(first), *get_texts(second)} == {*TEXTS}


def test_excluded_texts_that_can_not_be_read(model, texts, tmp_path):
    done = tmp_path / "done.jsonl"
    done.write_text('{"body": "IL-2"}')
    with pytest.raises(CorpusError, match=r"Can't tell which texts to leave out.*done.jsonl"):
        select(model, texts, tmp_path / "out.jsonl", n=1, exclude=[done])
    assert not (tmp_path / "out.jsonl").exists()
    # The field that was asked for is told.
    with pytest.raises(CorpusError, match="expected an object with 'content'"):
        select(model, texts, tmp_path / "out.jsonl", text_key="content", exclude=[done])
    with pytest.raises(CorpusError, match="expected a file, a folder or a pattern"):
        select(model, texts, tmp_path / "out.jsonl", exclude=[tmp_path / "none.json"])
    (tmp_path / "notes.md").write_text("IL-2")
    with pytest.raises(CorpusError, match=r"notes\.md: expected a file that ends in"):
        select(model, texts, tmp_path / "out.jsonl", exclude=[tmp_path / "notes.md"])


def test_excluded_corpus_of_a_tool(model, texts, tmp_path):
    done = tmp_path / "out.tasks.json"
    records = (Record(str(number), text, ()) for number, text in enumerate(TEXTS[:15]))
    write_records(records, done, "label-studio")
    selection = select(model, texts, tmp_path / "out.jsonl", n=25, exclude=done)
    assert (selection.n_texts, selection.n_excluded) == (25, 15)
    options = {"exclude": done, "to": "label-studio", "force": True}
    with pytest.raises(CorpusError, match=r"tasks\.json is read, and would be lost"):
        select(model, texts, tmp_path / "out.jsonl", **options)


def test_excluded_corpus_that_can_not_be_read(model, texts, tmp_path):
    done = tmp_path / "done.json"
    task = {"annotations": [{"result": []}], "data": {"body": TEXTS[0], "title": "a"}}
    srsly.write_json(done, [task])
    options = {"n": 5, "exclude": done, "force": True}
    with pytest.raises(CorpusError, match="--text-key"):
        select(model, texts, tmp_path / "1.jsonl", **options)
    bodies = tmp_path / "bodies.jsonl"
    srsly.write_jsonl(bodies, ({"body": text} for text in TEXTS))
    selection = select(model, bodies, tmp_path / "2.jsonl", **options, text_key="body")
    assert selection.n_excluded == 1
    srsly.write_json(done, [task, {**task, "data": {"body": 5}}])
    with pytest.raises(CorpusError, match=r"Can't tell which texts to leave out.*task 2"):
        select(model, bodies, tmp_path / "3.jsonl", **options, text_key="body")


def test_pipelines_that_are_loaded(model, texts, tmp_path):
    nlp = spacy.load(model)
    both = select(nlp, texts, tmp_path / "1.jsonl", n=5, models=[nlp])
    assert get_texts(both) == get_texts(
        select(nlp, texts, tmp_path / "2.jsonl", n=5, models=[model])
    )


def test_excluded_texts_of_another_field(model, tmp_path):
    texts, done = tmp_path / "texts.jsonl", tmp_path / "done.jsonl"
    srsly.write_jsonl(texts, ({"body": text} for text in TEXTS))
    srsly.write_jsonl(done, ({"body": text} for text in TEXTS[:15]))
    chosen = select(
        Path(model), texts, f"{tmp_path}/1.jsonl", n=10, text_key="body", exclude=[done]
    )
    assert (chosen.n_texts, chosen.n_excluded) == (25, 15)
    # In what was chosen before, the field is "text".
    exclude = [done, tmp_path / "1.jsonl"]
    second = select(model, texts, tmp_path / "2.jsonl", n=15, text_key="body", exclude=exclude)
    assert (second.n_texts, second.n_excluded) == (15, 25)


def test_no_item_is_a_text(model, tmp_path):
    path = tmp_path / "texts.jsonl"
    path.write_text('{"body": "a"}\nno JSON\n', "utf8")
    message = (
        "Expected texts to choose from, found 0 blank, 0 excluded, 2 other items. "
        f"{path}, line 1: expected an object with 'text'"
    )
    with pytest.raises(CorpusError, match=re.escape(message)):
        select(model, path, tmp_path / "selected.jsonl")
    assert not (tmp_path / "selected.jsonl").exists()


@pytest.mark.parametrize(
    "texts, counts",
    [
        ([], "0 blank, 0 excluded, 0 other"),
        (["", " "], "2 blank, 0 excluded, 0 other"),
        (["a", "", "b"], "1 blank, 2 excluded, 0 other"),
    ],
)
def test_no_text_is_left(model, tmp_path, texts, counts):
    path = write(tmp_path / "texts.jsonl", texts)
    with pytest.raises(CorpusError, match=f"Expected texts to choose from, found {counts} items"):
        select(model, path, tmp_path / "out.jsonl", exclude=write(tmp_path / "1.jsonl", ["a", "b"]))
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    "score, message",
    [
        (lambda batch: [0.5] * len(batch.texts), None),
        (lambda batch: batch.draws * np.nan, r"not \[nan, .* to \d+ texts"),
        (lambda batch: [1], r"a finite score to each text, not \[1\.0\] to \d+ texts"),
        (lambda batch: ["high"] * len(batch.texts), "could not convert string to float"),
    ],
)
def test_scores_of_a_strategy_of_the_user(model, texts, tmp_path, monkeypatch, score, message):
    monkeypatch.setitem(STRATEGIES, "own", Strategy(score, lambda batch: [""], is_diverse=False))
    options = {"n": 5, "strategy": "own"}
    if message is None:
        assert len(select(model, texts, tmp_path / "out.jsonl", **options).texts) == 5
        return
    with pytest.raises(ValueError, match=message):
        select(model, texts, tmp_path / "out.jsonl", **options)
    assert not (tmp_path / "out.jsonl").exists()


def test_what_the_source_says_and_what_is_no_text(model, tmp_path):
    path = write(tmp_path / "texts.jsonl", TEXTS[:2], id="note", year=2024)
    path.write_text(path.read_text("utf8") + "no JSON\n", "utf8")
    selection = select(model, path, tmp_path / "selected.jsonl", n=2)
    assert selection.n_rejected == 1
    assert selection.first_reason.startswith(f"{path}, line 3: expected valid JSON")
    assert [text["id"] for text in selection.texts] == ["note", "note"]
    assert selection.texts[0]["meta"]["source"] == {"year": 2024}


def test_random_share_is_spread(model, texts, tmp_path):
    selection = select(model, texts, tmp_path / "selected.jsonl", n=20, random_share=0.25)
    strategies = [text["meta"]["strategy"] for text in selection.texts]
    assert strategies == (["combined"] * 3 + ["random"]) * 5
    assert len({*get_texts(selection)}) == 20


def test_several_models(model, other_model, texts, tmp_path):
    selection = select(
        model, texts, tmp_path / "1.jsonl", n=5, strategy="disagreement", models=[other_model]
    )
    assert selection.texts[0]["meta"]["reason"].startswith("two models differ in")
    scores = [text["meta"]["score"] for text in selection.texts]
    assert scores == sorted(scores, reverse=True)


def test_models_have_the_same_labels(model, texts, tmp_path):
    path = train(tmp_path / "other", labels={"boiler": "equipment", "pump": "machine"})
    with pytest.raises(CorpusError, match="without component, machine"):
        select(model, texts, tmp_path / "1.jsonl", models=[path])


@pytest.mark.parametrize("factory", ["spancat", "spancat_singlelabel"])
def test_components_of_spacy(texts, tmp_path, factory):
    nlp = spacy.blank("en")
    nlp.add_pipe(factory)
    text = "The boiler leaked."
    example = Example.from_dict(nlp.make_doc(text), {"spans": {"sc": [(4, 10, "equipment")]}})
    nlp.initialize(lambda: [example])
    nlp.to_disk(tmp_path / "model")
    selection = select(str(tmp_path / "model"), texts, tmp_path / "selected.jsonl", n=5)
    assert len(selection.texts) == 5


@pytest.mark.parametrize(
    "options,message",
    [
        ({"n": 0}, "at least one text"),
        ({"random_share": 1.5}, "from 0 to 1"),
        ({"strategy": "best"}, "a strategy from uncertainty, .* not 'best'"),
    ],
)
def test_options_are_checked_first(texts, tmp_path, options, message):
    with pytest.raises(CorpusError, match=message):
        select("no model", texts, tmp_path / "selected.jsonl", **options)


def test_output_is_checked_first(texts, tmp_path):
    with pytest.raises(CorpusError, match="suffix"):
        select("no model", texts, tmp_path / "selected.csv")
    with pytest.raises(CorpusError, match="is read, and would be lost"):
        select("no model", texts, texts, force=True)
    with pytest.raises(CorpusError, match=r"outside of the input, .* the next run would read it"):
        select("no model", tmp_path, tmp_path / "new.jsonl")
    (tmp_path / "there.jsonl").write_text("")
    with pytest.raises(CorpusError, match="set --force"):
        select("no model", texts, tmp_path / "there.jsonl")


def test_memory_is_that_of_the_pool(model, tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_eiou.annotation.selection.MIN_POOL", 10)
    sizes = []
    add = Pool.add

    def count(pool, item):
        add(pool, item)
        sizes.append((len(pool.items), len(pool.ranks)))

    monkeypatch.setattr(Pool, "add", count)
    path = write(tmp_path / "texts.jsonl", [f"{text} {n}" for text in TEXTS for n in range(3)])
    select(model, path, tmp_path / "selected.jsonl", n=1, random_share=0)
    assert max(sizes) == (10, 10)
    assert json.loads((tmp_path / "selected.jsonl").read_text("utf8"))


def test_tasks_are_written_beside(model, texts, tmp_path):
    output = tmp_path / "selected.jsonl"
    selection = select(model, texts, output, n=6, to="label-studio")
    tasks = tmp_path / "selected.tasks.json"
    assert selection.outputs == [output, tasks, tmp_path / "selected.tasks.xml"]
    found = list(read_label_studio(tasks, predictions=True))
    assert [record.text for record in found] == get_texts(selection)
    suggested = [len(text["spans"]) for text in selection.texts]
    assert [len(record.entities) for record in found] == suggested
    output.unlink()
    with pytest.raises(CorpusError, match=r"selected.tasks.json, set --force"):
        select(model, texts, output, n=6, to="label-studio")
    select(model, texts, output, n=6, to="label-studio", force=True)
