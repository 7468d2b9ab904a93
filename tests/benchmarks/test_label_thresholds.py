import runpy
from pathlib import Path

import numpy as np
import srsly

from spacy_eiou.pipeline.thresholds import SHRINKAGE, ScoredSpans

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPT = runpy.run_path(str(BENCHMARKS / "label_thresholds.py"))
STUDY = BENCHMARKS / "studies" / "label_thresholds"


def test_thresholds_are_scored_on_the_docs_that_were_not_drawn():
    # In each of 100 docs A is right from 0.3 on, and B from 0.9 on
    scores = np.tile(np.array([0.3, 0.2, 0.9, 0.8], dtype="f"), 100)
    correct = np.tile([True, False], 200)
    labels, docs = np.tile(["A", "A", "B", "B"], 100), np.repeat(np.arange(100), 4)
    spans = ScoredSpans(scores, correct, labels, docs, labels[correct], docs[correct])
    (draw,) = SCRIPT["draw_thresholds"](spans, 100, 1)
    assert draw["size"] == 50
    assert draw["common"] == [0.83333, 0.8]
    # 50 spans of each label are enough, unless they count for next to nothing
    assert draw["by_label"]["10"] == [[1.0, 1.0]] * 5
    assert draw["by_label"]["500"] == [draw["common"]] * 5


def test_tables_are_those_of_the_results():
    results = srsly.read_json(STUDY / "results.json")
    assert SCRIPT["make_report"](results) == (STUDY / "RESULTS.md").read_text(encoding="utf8")
    gains = SCRIPT["find_gains"](results)
    macro = {
        shrinkage: float(SCRIPT["format_gains"](gains[shrinkage, 10]).split()[0])
        for shrinkage in SCRIPT["SHRINKAGES"]
    }
    near = [shrinkage for shrinkage, gain in macro.items() if gain >= max(macro.values()) - 0.1]
    assert max(near) == SHRINKAGE
