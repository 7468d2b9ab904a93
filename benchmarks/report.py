"""Write the tables of the README: test scores of the project's models, from what `eiou evaluate`
wrote, those of the comparisons, from what `eiou compare` and `few_examples.py` did, and speed and
memory, from what `speed.py` measured."""

from pathlib import Path
from statistics import mean, stdev
from typing import Any, Callable, Dict, Iterable, List, Tuple

import srsly
import typer
from speed_report import by_width, describe_measurement, format_ratio

from spacy_eiou.cli._study import Run

COLUMNS = {
    "entities": "gold",
    "P": "p",
    "R": "r",
    "**micro F**": "f",
    "**macro F**": "macro_f",
    "inner F": "inner_f",
    "outer F": "outer_f",
    "flat F": "flat_f",
    "boundary F": "boundary_f",
    "label acc.": "label_acc",
    "mean IoU": "mean_iou",
}
VARIANTS = {
    "spancat": "`spancat`",
    "spancat_singlelabel": "`spancat_singlelabel`",
    "EIoU-EMC": "`nested_spancat`",
    "EIoU-EMC, wide": "wide",
    "recipe for few examples": "few examples",
    "recipe for few examples, taught by EIoU-EMC, MiniLM": "few examples, taught by MiniLM",
}
TRANSFORMERS = ["MiniLM", "MPNet"]
# The test scores of each variant, one per seed.
Scores = Dict[str, List[Dict[str, Any]]]
RATIOS = {
    "times `spancat`": "times_spancat",
    "of the encoder alone": "times_encoder",
    "memory, of `spancat`'s": "memory_of_spancat",
}


def main(benchmarks_path: Path = Path("benchmarks"), readme_path: Path = Path("README.md")) -> None:
    readme = readme_path.read_text(encoding="utf8")
    for name, make_table in TABLES.items():
        before, rest = readme.split(start_of(name))
        table = "".join(f"{line}\n" for line in make_table(benchmarks_path))
        readme = before + start_of(name) + table + end_of(name) + rest.split(end_of(name))[1]
    readme_path.write_text(readme, encoding="utf8")


def start_of(name: str) -> str:
    return f"<!-- {name}: start -->\n"


def end_of(name: str) -> str:
    return f"<!-- {name}: end -->\n"


def make_results(benchmarks_path: Path) -> List[str]:
    """RETURNS (List[str]): The lines of a Markdown table, one row per model."""
    paths = (benchmarks_path / "results").glob("*.json")
    rows = [make_row(path.stem, srsly.read_json(path)) for path in paths]
    rows.sort(key=lambda row: int(row[1].replace(",", "")), reverse=True)
    return format_table(["corpus", *COLUMNS], rows)


def make_row(corpus: str, scores: Dict[str, Any], spans_key: str = "sc") -> List[str]:
    values = [scores[f"spans_{spans_key}_{name}"] for name in COLUMNS.values()]
    return [corpus, f"{values[0]:,}", *(f"{100 * value:.1f}" for value in values[1:])]


def make_comparison(benchmarks_path: Path) -> List[str]:
    """RETURNS (List[str]): The lines of a Markdown table, one row per corpus and training set."""
    rows = [
        [corpus, f"{size:,}", *make_cells(scores, VARIANTS)]
        for (corpus, size), scores in read_comparisons(benchmarks_path)
        if not scores.keys().isdisjoint(VARIANTS)
    ]
    return format_table(["corpus", "documents", *VARIANTS.values()], rows)


def make_transformers(benchmarks_path: Path) -> List[str]:
    """RETURNS (List[str]): The lines of a Markdown table, one row per corpus, training set and
    transformer."""
    components = ["spancat_singlelabel", "EIoU-EMC"]
    rows = []
    for (corpus, size), scores in read_comparisons(benchmarks_path):
        for transformer in TRANSFORMERS:
            variants = [f"{component}, {transformer}" for component in components]
            if not scores.keys().isdisjoint(variants):
                rows.append([corpus, f"{size:,}", transformer, *make_cells(scores, variants)])
    names = [VARIANTS[component] for component in components]
    return format_table(["corpus", "documents", "transformer", *names], rows)


def read_comparisons(benchmarks_path: Path) -> List[Tuple[Tuple[str, int], Scores]]:
    """RETURNS (List[Tuple[Tuple[str, int], Scores]]): Corpus and number of training documents,
    with the test scores of each variant."""
    results: Dict[Tuple[str, int], Scores] = {}
    runs = set()
    for path in sorted(benchmarks_path.glob("*/results.jsonl")):
        for result in srsly.read_jsonl(path):
            run = tuple(result[name] for name in Run._fields)
            # Two studies may share a run.
            if run not in runs:
                runs.add(run)
                scores = results.setdefault((result["corpus"], result["size"]), {})
                scores.setdefault(result["variant"], []).append(result["test"])
    return sorted(results.items())


def make_cells(scores: Scores, variants: Iterable[str]) -> List[str]:
    return [format_scores(scores.get(variant, [])) for variant in variants]


def format_scores(scores: List[Dict[str, Any]]) -> str:
    return " / ".join(
        format_mean(score[name] for score in scores) for name in ("f", "macro_f") if scores
    )


def format_mean(values: Iterable[float]) -> str:
    percentages = [100 * value for value in values]
    deviation = f" ± {stdev(percentages):.1f}" if len(percentages) > 1 else ""
    return f"{mean(percentages):.1f}{deviation}"


def make_speed(benchmarks_path: Path) -> List[str]:
    """RETURNS (List[str]): The lines of a Markdown table, one row per task and width of candidates,
    and those that say what was measured."""
    result = srsly.read_json(benchmarks_path / "speed.json")
    rows = [
        [
            task,
            str(comparison["max_width"]),
            str(comparison["threads"]),
            *(format_ratio(comparison["ratios"], ratio) for ratio in RATIOS.values()),
        ]
        for task in ("predict", "train")
        for comparison in by_width(result["comparisons"], task)
    ]
    table = format_table(["task", "candidates to", "threads", *RATIOS], rows)
    return [*table, "", *describe_measurement(result)]


def format_table(header: List[str], rows: List[List[str]]) -> List[str]:
    alignment = ["---"] + ["---:"] * (len(header) - 1)
    return ["| " + " | ".join(cells) + " |" for cells in [header, alignment, *rows]]


TABLES: Dict[str, Callable[[Path], List[str]]] = {
    "results": make_results,
    "comparison": make_comparison,
    "transformers": make_transformers,
    "speed": make_speed,
}


if __name__ == "__main__":
    typer.run(main)
