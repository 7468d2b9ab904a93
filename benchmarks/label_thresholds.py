"""Choose how strongly thresholds of labels are shrunk towards the common one, and how many gold
spans a label needs for one of its own.

python benchmarks/label_thresholds.py benchmarks/studies/label_thresholds

For each corpus, a model is trained on 300 documents. Of the dev part, some documents are drawn to
choose thresholds, which are scored on the others, again and again. The test part is left alone. The
dev part of SpokenHPG, 70 documents, is too small for this.
"""

from collections import defaultdict
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Dict, Iterable, List, Sequence, Tuple

import numpy as np
import spacy
import srsly
import torch
import typer
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.training.initialize import init_nlp
from spacy.training.loop import DIR_MODEL_BEST, train
from spacy.vocab import Vocab
from tqdm import tqdm

from spacy_eiou.corpora import CorpusDescription, make_config
from spacy_eiou.corpora.docbin import read_docs
from spacy_eiou.files import write_file
from spacy_eiou.pipeline import NestedSpanCategorizer
from spacy_eiou.pipeline.calibration import Thresholds, get_scored_spans, predict, score
from spacy_eiou.pipeline.prediction import FLOOR, find_component, read_examples
from spacy_eiou.pipeline.thresholds import SHRINKAGE, ScoredSpans, find_thresholds, keep, score_kept
from spacy_eiou.provenance import get_provenance
from spacy_eiou.tables import markdown_table

CONFIG = "configs/cnn.cfg"
CORPORA = ("genia", "maintie_level2", "maintie_level3", "cmeee")
N_TRAIN = 300
# Documents that choose the thresholds: no more than half of the dev part, with at most this many
SIZES = (50, 100, 200, 400, 800)
MAX_DEV = 2000
SHRINKAGES = (0, 5, 10, 20, 50, 100, 200, 500)
MIN_EXAMPLES = (1, 5, 10, 20, 50)


def main(
    output_path: Path = typer.Argument(..., help="Folder for results.json and RESULTS.md"),
    project_path: Path = typer.Option(".", "--project", "-p", help="Directory of project.yml"),
    steps: int = typer.Option(300, help="Steps of each training"),
    n_draws: int = typer.Option(20, help="How often documents are drawn"),
) -> None:
    """Train a model for each corpus, draw documents, and write tables. A run that was stopped
    continues with the next corpus."""
    results_path = output_path / "results.json"
    results: List[Dict[str, Any]] = srsly.read_json(results_path) if results_path.exists() else []
    known = {result["corpus"] for result in results}
    for corpus in tqdm([corpus for corpus in CORPORA if corpus not in known]):
        spans, n_docs = predict_dev(project_path, corpus, steps)
        results.append(
            {
                "corpus": corpus,
                "steps": steps,
                "docs": n_docs,
                "gold": spans.n_gold,
                **get_provenance(threads=torch.get_num_threads()),
                "draws": draw_thresholds(spans, n_docs, n_draws),
            }
        )
        # Without indents, since there are many numbers
        write_file(results_path, srsly.json_dumps(results).encode("utf8"))
    write_file(output_path / "RESULTS.md", make_report(results).encode("utf8"))


def predict_dev(project_path: Path, corpus: str, steps: int) -> Tuple[ScoredSpans, int]:
    """RETURNS (Tuple[ScoredSpans, int]): What a model predicts on the dev part, and its number of
    docs."""
    corpus_path = project_path / "corpus" / corpus
    with TemporaryDirectory() as name:
        folder = Path(name)
        description = CorpusDescription.read(project_path / f"configs/corpora/{corpus}.yml")
        config = make_config(project_path / CONFIG, description, corpus_path)
        order = np.random.default_rng(0)
        for part, size in (("train", N_TRAIN), ("dev", MAX_DEV)):
            docs = list(read_docs(corpus_path / f"{part}.spacy", Vocab()))
            chosen = order.permutation(len(docs))[:size]
            DocBin(docs=[docs[index] for index in chosen]).to_disk(folder / f"{part}.spacy")
            config["paths"][part] = str(folder / f"{part}.spacy")
        training = {"max_steps": steps, "patience": 0, "eval_frequency": steps}
        nlp = init_nlp(config.merge({"training": training}))
        train(nlp, folder, stdout=StringIO(), stderr=StringIO())
        return score_spans_of(spacy.load(folder / DIR_MODEL_BEST), folder / "dev.spacy")


def score_spans_of(nlp: Language, path: Path) -> Tuple[ScoredSpans, int]:
    component = find_component(nlp, NestedSpanCategorizer)
    examples = read_examples(path, nlp)
    score(component, predict(nlp, component, examples), examples, Thresholds(FLOOR, {}))
    return get_scored_spans(examples, component.key), len(examples)


def draw_thresholds(spans: ScoredSpans, n_docs: int, n_draws: int) -> List[Dict[str, Any]]:
    """RETURNS (List[Dict[str, Any]]): For each draw the macro and micro F of a common threshold on
    the docs that were not drawn, and by shrinkage those of thresholds of labels, for each of
    MIN_EXAMPLES."""
    draws = []
    for size in (size for size in SIZES if 2 * size <= n_docs):
        for seed in range(n_draws):
            order = np.random.default_rng(seed).permutation(n_docs)
            drawn, others = spans.select(order[:size]), spans.select(order[size:])
            common = find_thresholds(drawn, floor=FLOOR)
            if common is not None:
                by_label = {
                    str(shrinkage): score_label_thresholds(drawn, others, shrinkage)
                    for shrinkage in SHRINKAGES
                }
                scores = measure(others, common)
                draws.append({"size": size, "seed": seed, "common": scores, "by_label": by_label})
    return draws


def score_label_thresholds(
    drawn: ScoredSpans, others: ScoredSpans, shrinkage: float
) -> List[List[float]]:
    found = find_thresholds(drawn, floor=FLOOR, per_label=True, min_examples=1, shrinkage=shrinkage)
    assert found is not None
    n_gold = drawn.n_gold
    return [
        measure(
            others,
            Thresholds(
                found.common,
                {label: x for label, x in found.by_label.items() if n_gold[label] >= least},
            ),
        )
        for least in MIN_EXAMPLES
    ]


def measure(spans: ScoredSpans, thresholds: Thresholds) -> List[float]:
    """RETURNS (List[float]): Macro and micro F."""
    scores = score_kept(spans, keep(spans, thresholds))
    return [round(scores[name], 5) for name in ("macro_f", "f")]


def make_report(results: Sequence[Dict[str, Any]]) -> str:
    """RETURNS (str): The tables, in Markdown."""
    gains = find_gains(results)
    header = ["shrinkage", *(f"from {least} spans" for least in MIN_EXAMPLES)]
    text = (
        "# Thresholds of labels\n\n"
        "Gain over a common threshold on documents that chose neither, in points of macro / micro "
        "F, mean over\ncorpora, numbers of documents that chose, and draws. In brackets the share "
        "of draws with a lower macro F\nthan the common threshold. Written by "
        "`benchmarks/label_thresholds.py`.\n\n"
    )
    rows = [
        [str(shrinkage), *(format_gains(gains[shrinkage, least]) for least in MIN_EXAMPLES)]
        for shrinkage in SHRINKAGES
    ]
    text += markdown_table(header, rows)
    text += (
        f"\nThe component takes {SHRINKAGE:g}, the strongest that costs at most a tenth of a point "
        "of macro F where labels\nneed 10 spans.\n"
    )
    text += "\nThe same for labels with 10 spans or more, by number of documents that chose:\n\n"
    sizes = sorted({size for rows in gains.values() for size, *_ in rows})
    rows = [
        [
            str(shrinkage),
            *(format_gains([row for row in gains[shrinkage, 10] if row[0] == n]) for n in sizes),
        ]
        for shrinkage in SHRINKAGES
    ]
    text += markdown_table(["shrinkage", *(f"{size} documents" for size in sizes)], rows)
    text += "\nAnd by corpus:\n\n"
    corpora = [result["corpus"] for result in results]
    rows = [
        [
            str(shrinkage),
            *(format_gains([row for row in gains[shrinkage, 10] if row[1] == c]) for c in corpora),
        ]
        for shrinkage in SHRINKAGES
    ]
    return text + markdown_table(["shrinkage", *corpora], rows)


# Number of documents, corpus, gain of macro F and of micro F
Gain = Tuple[int, str, float, float]


def find_gains(results: Iterable[Dict[str, Any]]) -> Dict[Tuple[float, int], List[Gain]]:
    """RETURNS (Dict[Tuple[float, int], List[Gain]]): For each shrinkage and least number of spans
    the gains of all draws."""
    gains = defaultdict(list)
    for result in results:
        for draw in result["draws"]:
            for shrinkage in SHRINKAGES:
                for least, scores in zip(MIN_EXAMPLES, draw["by_label"][str(shrinkage)]):
                    macro, micro = (100 * (a - b) for a, b in zip(scores, draw["common"]))
                    gains[shrinkage, least].append((draw["size"], result["corpus"], macro, micro))
    return gains


def format_gains(gains: Sequence[Gain]) -> str:
    if not gains:
        return ""
    # Each corpus and number of documents counts alike.
    cells = defaultdict(list)
    for size, corpus, macro, micro in gains:
        cells[size, corpus].append((macro, micro, macro < 0))
    means: NDArray[np.float64] = np.mean([np.mean(rows, axis=0) for rows in cells.values()], axis=0)
    return f"{means[0]:+.2f} / {means[1]:+.2f} ({means[2]:.0%})"


if __name__ == "__main__":
    typer.run(main)
