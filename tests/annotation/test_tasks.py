from pathlib import Path
from typing import Any, Dict, List

import pytest
import spacy
import srsly
from annotation_util import save_model

from spacy_eiou.annotation import annotate
from spacy_eiou.annotation.tasks import TaskWriter, name_tasks
from spacy_eiou.corpora import (
    CorpusError,
    Record,
    read_brat,
    read_jsonl,
    read_label_studio,
    read_uima_cas,
)

TEXT = "the IL-2 gene of 😀 mouse 7"
# What reads the tasks of a tool, and the files that it gets.
TOOLS: Dict[str, Any] = {
    "label-studio": (lambda path: read_label_studio(path, predictions=True), ".json", ".xml"),
    "prodigy": (read_jsonl, ".jsonl"),
    "doccano": (lambda path: read_jsonl(path, offsets="characters"), ".jsonl"),
    "brat": (read_brat, ""),
    "inception": (read_uima_cas, ""),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_model(tmp_path_factory.mktemp("model"))


def describe(records: List[Record]) -> List[Any]:
    return [
        (record.text, [(item.start, item.end, item.label) for item in record.entities])
        for record in records
    ]


@pytest.mark.parametrize("tool", TOOLS)
def test_each_tool_gets_what_annotate_finds(model: str, tmp_path: Path, tool: str) -> None:
    source, output = tmp_path / "texts.jsonl", tmp_path / "out" / "found.jsonl"
    srsly.write_jsonl(source, [{"id": "a", "text": TEXT}, {"id": "b", "text": "none"}])
    report = annotate(model, source, output, to=tool)
    read, *suffixes = TOOLS[tool]
    paths = [output.parent / f"found.tasks{suffix}" for suffix in suffixes]
    assert report.outputs == [output, *paths]
    expected = describe(list(read_jsonl(output)))
    assert expected[0][1] == [(4, 13, "DNA"), (19, 26, "organism")]
    assert describe(list(read(paths[0]))) == expected
    with pytest.raises(CorpusError, match=r"not empty|set --force"):
        annotate(model, source, tmp_path / "out" / "found.jsonl", to=tool)


def test_tasks_name_the_model_and_all_its_labels(model: str, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("nothing here\n", encoding="utf8")
    annotate(model, tmp_path / "texts.txt", tmp_path / "found.jsonl", to="label-studio")
    (task,) = srsly.read_json(tmp_path / "found.tasks.json")
    assert task["predictions"] == [{"model_version": "xx_pipeline-0.0.0", "result": []}]
    config = (tmp_path / "found.tasks.xml").read_text(encoding="utf8")
    assert '"DNA"' in config and '"organism"' in config


def test_losses_are_told(tmp_path: Path) -> None:
    writer = TaskWriter("brat")
    writer.set_pipeline(spacy.blank("en"), "sc")
    span = {"start": 0, "end": 4, "label": "cell line", "text": "IL-2", "parent": None}
    with pytest.warns(UserWarning, match="1 changed spans \\(label that the format can't hold\\)"):
        writer.write([{"id": "a", "text": "IL-2", "spans": [span]}], tmp_path / "brat")
    with pytest.warns(UserWarning, match="holds no scores: those of 1 documents are lost"):
        writer = TaskWriter("inception")
        writer.set_pipeline(spacy.blank("en"), "sc")
        scored = {**span, "score": 0.5}
        writer.write([{"id": "a", "text": "IL-2", "spans": [scored]}], tmp_path / "cas")


@pytest.mark.parametrize(
    "path, suffix, expected",
    [("a.jsonl", ".jsonl", "a.tasks"), ("b/a.x.jsonl.gz", ".jsonl.gz", "b/a.x.tasks")],
)
def test_names(path: str, suffix: str, expected: str) -> None:
    assert name_tasks(Path(path), suffix) == Path(expected)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"to": "xml"}, "Expected a format to write from .*uima-cas.*, not 'xml'"),
        ({"output_path": "found", "to": "doccano"}, "one local .jsonl output"),
        ({"output_path": "found.parquet", "to": "doccano"}, "one local .jsonl output"),
    ],
)
def test_arguments_are_checked_first(
    model: str, tmp_path: Path, arguments: Dict[str, Any], message: str
) -> None:
    (tmp_path / "texts.txt").write_text(TEXT, encoding="utf8")
    output = tmp_path / arguments.pop("output_path", "found.jsonl")
    with pytest.raises(CorpusError, match=message):
        annotate(model, tmp_path / "texts.txt", output, **arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["texts.txt"]
