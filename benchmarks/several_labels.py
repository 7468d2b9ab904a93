"""Measure how many of the gold spans that bear two labels are found, and of the others.

python -m spacy project run convert . --vars.corpus maintie
python -m spacy project run convert . --vars.corpus maintie_level2
python benchmarks/several_labels.py benchmarks/studies/several_labels

The corpora are MaintIE with the labels of two levels on its spans: of *both levels* on each span,
as "Activity" and "Activity/MaintenanceActivity", and *mixed*, where every other label of the second
level, in alphabetical order, is left out, so that its spans bear one label.

Parts of the study can run at the same time:

python benchmarks/several_labels.py benchmarks/studies/several_labels --variant spancat --seed 2
"""

from collections import Counter
from io import StringIO
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Collection, Dict, Iterable, List, Sequence

import spacy
import srsly
import torch
import typer
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training.initialize import init_nlp
from spacy.training.loop import DIR_MODEL_BEST, train
from spacy.util import load_config
from spacy.vocab import Vocab
from tqdm import tqdm

from spacy_eiou.corpora import PARTS
from spacy_eiou.corpora.docbin import read_docs
from spacy_eiou.files import write_file
from spacy_eiou.pipeline import nested_spans_score
from spacy_eiou.pipeline.prediction import read_examples
from spacy_eiou.provenance import get_provenance
from spacy_eiou.spans.scores import select_scores
from spacy_eiou.studies.compare import append_result
from spacy_eiou.tables import format_mean, markdown_table

CONFIG = "configs/cnn.cfg"
MAX_WIDTH = 4
# Settings that differ from the defaults. With a single label per span, all share one softmax.
# spaCy's component gets the same encoder and candidates.
VARIANTS: Dict[str, Dict[str, Any]] = {
    "nested_spancat": {},
    "nested_spancat, max_positive = 1": {"max_positive": 1},
    "spancat": {
        "factory": "spancat",
        "suggester": {
            "@misc": "spacy.ngram_range_suggester.v1",
            "min_size": 1,
            "max_size": MAX_WIDTH,
        },
    },
}
CORPORA = {"both levels": 1, "mixed": 2}
SEEDS = (0, 1, 2)
KEY = ("corpus", "variant", "seed")


def main(
    output_path: Path = typer.Argument(..., help="Folder for runs.jsonl and RESULTS.md"),
    project_path: Path = typer.Option(".", "--project", "-p", help="Directory of project.yml"),
    steps: int = typer.Option(1600, help="Steps of each training"),
    corpora: List[str] = typer.Option([*CORPORA], "--corpus", help="Corpora to train on"),
    variants: List[str] = typer.Option([*VARIANTS], "--variant", help="Variants to train"),
    seeds: List[int] = typer.Option(SEEDS, "--seed", help="Random seeds"),
) -> None:
    """Train each variant on each corpus with each seed, and write tables. A run that was stopped
    continues."""
    results_path = output_path / "runs.jsonl"
    known = {tuple(result[name] for name in KEY) for result in read_results(results_path)}
    runs = [run for run in product(corpora, variants, seeds) if run not in known]
    for corpus, variant, seed in tqdm(runs):
        with TemporaryDirectory() as name:
            folder = Path(name)
            write_corpus(project_path, folder, step=CORPORA[corpus])
            nlp = train_variant(project_path, folder, VARIANTS[variant], seed, steps)
            result = {"corpus": corpus, "variant": variant, "seed": seed, "steps": steps}
            scores = {part: score(nlp, folder / f"{part}.spacy") for part in ("dev", "test")}
        provenance = get_provenance(threads=torch.get_num_threads())
        append_result(results_path, {**result, **provenance, **scores})
    report = make_report(read_results(results_path))
    write_file(output_path / "RESULTS.md", report.encode("utf8"))


def read_results(path: Path) -> List[Dict[str, Any]]:
    """RETURNS (List[Dict[str, Any]]): The results so far."""
    return [*srsly.read_jsonl(path)] if path.exists() else []


def write_corpus(project_path: Path, folder: Path, step: int) -> None:
    """Write the parts with the labels of both levels.

    project_path (Path): The directory of project.yml.
    folder (Path): Where to write them.
    step (int): Every how many labels of the second level one is kept.
    """
    levels = [project_path / "corpus" / name for name in ("maintie", "maintie_level2")]
    docs = {part: [read_part(level, part) for level in levels] for part in PARTS}
    names = {
        span.label_ for _, second in docs.values() for doc in second for span in doc.spans["sc"]
    }
    kept = sorted(name for name in names if "/" in name)[::step]
    for part, (first, second) in docs.items():
        merged = [merge_levels(doc, other, kept) for doc, other in zip(first, second, strict=True)]
        DocBin(docs=merged).to_disk(folder / f"{part}.spacy")


def read_part(folder: Path, part: str) -> List[Doc]:
    return list(read_docs(folder / f"{part}.spacy", Vocab()))


def merge_levels(doc: Doc, other: Doc, labels: Collection[str]) -> Doc:
    """RETURNS (Doc): The doc, with those spans of the other one that have one of the labels."""
    assert doc.text == other.text
    added = [span for span in other.spans["sc"] if span.label_ in labels]
    doc.spans["sc"] = [
        Span(doc, span.start, span.end, span.label_) for span in (*doc.spans["sc"], *added)
    ]
    return doc


def train_variant(
    project_path: Path, folder: Path, settings: Dict[str, Any], seed: int, steps: int
) -> Language:
    """RETURNS (Language): The pipeline that is best on the dev part in `folder`."""
    config = load_config(project_path / CONFIG)
    paths = {part: str(folder / f"{part}.spacy") for part in ("train", "dev")}
    component = config["components"]["nested_spancat"]
    component["suggester"]["max_width"] = MAX_WIDTH
    if "factory" in settings:
        component = {
            "spans_key": component["spans_key"],
            "scorer": {"@scorers": "spacy_eiou.nested_spans_scorer.v1"},
            "model": {"tok2vec": component["model"]["tok2vec"]},
        }
    config["components"]["nested_spancat"] = {**component, **settings}
    training = {"max_steps": steps, "patience": 0, "eval_frequency": max(steps // 8, 1)}
    config = config.merge({"paths": paths, "system": {"seed": seed}, "training": training})
    nlp = init_nlp(config)
    train(nlp, folder, stdout=StringIO(), stderr=StringIO())
    return spacy.load(folder / DIR_MODEL_BEST)


def score(nlp: Language, path: Path) -> Dict[str, Any]:
    """Score a pipeline.

    nlp (Language): The pipeline.
    path (Path): The annotated documents.
    RETURNS (Dict[str, Any]): The scores of `score_spans`, and as `by_labels`, for the gold spans
        whose boundaries bear one label, two and so on, how many there are and how many are found.
    """
    examples = read_examples(path, nlp)
    for example, doc in zip(examples, nlp.pipe([example.predicted for example in examples])):
        example.predicted = doc
    gold: Counter[int] = Counter()
    found: Counter[int] = Counter()
    for example in examples:
        predicted, spans = (
            {(span.start, span.end, span.label_) for span in doc.spans["sc"]}
            for doc in (example.predicted, example.reference)
        )
        n_labels = Counter(span[:2] for span in spans)
        gold.update(n_labels[span[:2]] for span in spans)
        found.update(n_labels[span[:2]] for span in spans & predicted)
    by_labels = {str(n): {"gold": gold[n], "found": found[n]} for n in sorted(gold)}
    scores = select_scores(nested_spans_score(examples, spans_key="sc"), "sc")
    return {**scores, "by_labels": by_labels}


def make_report(results: Sequence[Dict[str, Any]]) -> str:
    """RETURNS (str): The table of the results, in Markdown."""
    rows = []
    for corpus in CORPORA:
        for variant in VARIANTS:
            tests = [r["test"] for r in results if (r["corpus"], r["variant"]) == (corpus, variant)]
            if tests:
                means = [
                    format_mean(100 * test[name] for test in tests) for name in ("f", "macro_f")
                ]
                recalls = [format_recall(tests, n) for n in ("2", "1")]
                rows.append([corpus, variant, str(len(tests)), *means, *recalls])
    header = ["corpus", "variant", "seeds", "micro F", "macro F", "recall, two labels", "one label"]
    text = (
        "# Spans that bear two labels\n\n"
        "Test part of MaintIE (108 texts, 860 to train on), in percent: mean and deviation of the "
        "seeds. In brackets\nthe number of gold spans on boundaries with two labels, and with "
        "one. Written by\n`benchmarks/several_labels.py`, which says what the corpora are.\n\n"
    )
    return text + markdown_table(header, rows, n_text=2)


def format_recall(tests: Iterable[Dict[str, Any]], n_labels: str) -> str:
    counts = [test["by_labels"][n_labels] for test in tests]
    return f"{format_mean(100 * c['found'] / c['gold'] for c in counts)} ({counts[0]['gold']:,})"


if __name__ == "__main__":
    typer.run(main)
