import runpy
from pathlib import Path

import spacy
from spacy.tokens import Span

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPT = runpy.run_path(str(BENCHMARKS / "several_labels.py"))
STUDY = BENCHMARKS / "studies" / "several_labels"


def make_doc(*spans):
    doc = spacy.blank("en")("replace the pump")
    doc.spans["sc"] = [Span(doc, *span) for span in spans]
    return doc


def test_kept_labels_of_the_second_level_are_added():
    first = make_doc((0, 1, "Activity"), (2, 3, "Object"))
    second = make_doc((0, 1, "Activity/Replace"), (2, 3, "Object/Pump"))
    merged = SCRIPT["merge_levels"](first, second, ["Activity/Replace"])
    spans = [(span.start, span.end, span.label_) for span in merged.spans["sc"]]
    assert spans == [(0, 1, "Activity"), (2, 3, "Object"), (0, 1, "Activity/Replace")]


def test_table_is_that_of_the_results():
    results = SCRIPT["read_results"](STUDY / "runs.jsonl")
    assert SCRIPT["make_report"](results) == (STUDY / "RESULTS.md").read_text(encoding="utf8")
