from functools import partial

import pytest
import spacy
import srsly
from cli_util import invoke
from spacy.training import Example

from util import TINY_MODEL

CODE = """\
from spacy_eiou.annotation import register_strategy

@register_strategy("longest")
def score_longest(batch):
    return batch.n_words
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    nlp = spacy.blank("en")
    nlp.add_pipe("nested_spancat", config={"model": TINY_MODEL})
    doc = nlp.make_doc("The boiler leaked.")
    example = Example.from_dict(doc, {"spans": {"sc": [(4, 10, "part")]}})
    nlp.initialize(lambda: [example])
    path = tmp_path_factory.mktemp("model")
    nlp.to_disk(path)
    return path


run = partial(invoke, "select")


def test_strategy_of_the_user(model, tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_eiou.annotation.strategies.STRATEGIES", {})
    texts, output = tmp_path / "texts.txt", tmp_path / "selected.jsonl"
    texts.write_text("It leaked.\nThe old boiler leaked.\n\nThe boiler leaked.\n", "utf8")
    code = tmp_path / "code.py"
    code.write_text(
        CODE + "register_strategy('random')(lambda batch: batch.draws)\n", encoding="utf8"
    )
    options = ("--n", 2, "--strategy", "longest", "--random", 0, "--code", code)
    result = run(model, texts, output, *options)
    assert result.exit_code == 0, result.output
    chosen = [item["text"] for item in srsly.read_jsonl(output)]
    assert chosen == ["The old boiler leaked.", "The boiler leaked."]
    assert "Saved 2 of 3 texts (1 blank, 0 excluded)" in " ".join(result.stdout.split())


def test_why_nothing_is_chosen(model, tmp_path):
    texts = tmp_path / "texts.jsonl"
    texts.write_text('{"body": "It leaked."}\n', "utf8")
    result = run(model, texts, tmp_path / "selected.jsonl")
    assert result.exit_code == 1
    assert "line 1: expected an object with 'text'" in " ".join(result.stdout.split())


def test_an_error_is_told(model, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("It leaked.\n", "utf8")
    result = run(model, texts, tmp_path / "selected.jsonl", "--strategy", "best")
    assert result.exit_code == 1
    assert "not 'best'" in " ".join(result.stdout.split())
