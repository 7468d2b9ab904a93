"""Write the tables and the plot that pages show: test scores of the project's models, from what
`eiou evaluate` wrote, the comparisons, from what `eiou compare` and `few_examples.py` wrote, and
speed and memory, from what `speed.py` measured.

A table comes into every page that has a place for it, between `<!-- NAME: start -->` and
`<!-- NAME: end -->`, with a NAME of TABLES.
"""

import re
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Callable, Dict, Iterable, List, Tuple

import srsly
import typer
from matplotlib import rc_context
from matplotlib.figure import Figure
from scale_report import describe_run, write_costs
from speed_report import by_width, describe_measurement, format_ratio
from tradeoff import make_ways

from spacy_eiou.files import write_file
from spacy_eiou.spans.scores import TITLES, select_scores
from spacy_eiou.studies import Run
from spacy_eiou.tables import format_mean, markdown_table

CORPORA = {
    "genia": "GENIA",
    "cmeee": "CMeEE",
    "spoken_hpg": "SpokenHPG",
    "maintie": "MaintIE, 5 classes",
    "maintie_level2": "MaintIE, 32 classes",
    "maintie_level3": "MaintIE, 224 classes",
}
COMPONENTS = {
    "spancat": "tab:gray",
    "spancat_singlelabel": "tab:orange",
    "nested_spancat": "tab:blue",
}
VARIANTS = [
    *COMPONENTS,
    "nested_spancat, wide",
    "few examples",
    "few examples, taught by nested_spancat with MiniLM",
]
TRANSFORMERS = ["MiniLM", "MPNet"]
MICRO_AND_MACRO = ("f", "macro_f")
MODEL_SCORES = (
    "gold",
    *("p", "r", "f", "macro_f", "inner_f", "outer_f", "flat_f"),
    *("boundary_f", "label_acc", "mean_iou"),
)
RATIOS = {
    "times `spancat`": "times_spancat",
    "of the encoder alone": "times_encoder",
    "memory, of `spancat`'s": "memory_of_spancat",
}
PLACE = re.compile(r"(<!-- (\w+): start -->\n).*?(?=<!-- \2: end -->)", re.DOTALL)

# The test scores of each variant, one per seed.
Scores = Dict[str, List[Dict[str, Any]]]


def main(root: Path = typer.Argument(Path("."), help="The root of the repository")) -> None:
    """
    Write the tables of README.md, docs/ and benchmarks/, and comparison.svg.
    """
    benchmarks_path = root / "benchmarks"
    for path in find_pages(root):
        page = path.read_text(encoding="utf8")
        write_file(path, fill_tables(page, benchmarks_path).encode("utf8"))
    plot_few_documents(benchmarks_path, benchmarks_path / "comparison.svg")


def find_pages(root: Path) -> List[Path]:
    return [root / "README.md", *root.glob("docs/*.md"), *root.glob("benchmarks/*.md")]


def fill_tables(page: str, benchmarks_path: Path) -> str:
    """RETURNS (str): The page, with today's tables in their places."""
    return PLACE.sub(lambda place: place[1] + TABLES[place[2]](benchmarks_path), page)


def read_few_documents(benchmarks_path: Path) -> Dict[str, Scores]:
    """RETURNS (Dict[str, Scores]): For each corpus, the test scores of each variant with 300
    training documents."""
    scores = dict(read_scores(benchmarks_path / "studies" / "losses_300" / "results.jsonl"))
    return {corpus: scores[corpus, 300] for corpus in CORPORA}


def plot_few_documents(benchmarks_path: Path, path: Path) -> None:
    """Plot micro and macro F of components with 300 training documents, one line per corpus: means
    and standard deviations over the seeds."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    corpora = read_few_documents(benchmarks_path)
    places = range(len(corpora), 0, -1)
    for axes, name in zip(figure.subplots(1, 2, sharey=True), MICRO_AND_MACRO):
        for number, (component, color) in enumerate(COMPONENTS.items()):
            points = [
                (place + 0.2 * (1 - number), mean(values), stdev(values))
                for place, scores in zip(places, corpora.values())
                if (values := [100 * score[name] for score in scores.get(component, [])])
            ]
            heights, means, deviations = zip(*points)
            axes.errorbar(
                means, heights, xerr=deviations, fmt="o", color=color, capsize=2, label=component
            )
        axes.set_yticks(places, [CORPORA[corpus] for corpus in corpora])
        axes.set(xlabel=f"{TITLES[name]} on test (%)")
        axes.grid(axis="x", alpha=0.3)
        for place in places[1:]:
            axes.axhline(place + 0.5, color="lightgray", linewidth=0.5)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    # The same results give the same bytes.
    with rc_context({"svg.hashsalt": "spacy_eiou"}):
        figure.savefig(path, metadata={"Date": None})


def make_comparison(benchmarks_path: Path) -> str:
    """RETURNS (str): A table, one row per corpus and training set."""
    rows = [
        [CORPORA[corpus], f"{size:,}", *make_cells(scores, VARIANTS)]
        for (corpus, size), scores in read_studies(benchmarks_path)
        if not scores.keys().isdisjoint(VARIANTS)
    ]
    return markdown_table(["corpus", "documents", *VARIANTS], rows)


def make_transformers(benchmarks_path: Path) -> str:
    """RETURNS (str): A table, one row per corpus, training set and transformer."""
    components = ["spancat_singlelabel", "nested_spancat"]
    rows = []
    for (corpus, size), scores in read_studies(benchmarks_path):
        for transformer in TRANSFORMERS:
            variants = [f"{component} with {transformer}" for component in components]
            if not scores.keys().isdisjoint(variants):
                cells = make_cells(scores, variants)
                rows.append([CORPORA[corpus], f"{size:,}", transformer, *cells])
    return markdown_table(["corpus", "documents", "transformer", *components], rows)


def read_studies(benchmarks_path: Path) -> List[Tuple[Tuple[str, int], Scores]]:
    """RETURNS (List[Tuple[Tuple[str, int], Scores]]): Corpus and number of training documents,
    with the test scores of each variant in any study, for CORPORA, in this order."""
    scores = read_scores(*sorted(benchmarks_path.glob("studies/*/results.jsonl")))
    order = list(CORPORA)
    compared = [item for item in scores if item[0][0] in CORPORA]
    return sorted(compared, key=lambda item: (order.index(item[0][0]), item[0][1]))


def read_scores(*paths: Path) -> List[Tuple[Tuple[str, int], Scores]]:
    """RETURNS (List[Tuple[Tuple[str, int], Scores]]): Corpus and number of training documents,
    with the test scores of each variant."""
    scores: Dict[Tuple[str, int], Scores] = {}
    runs = set()
    for path in paths:
        for result in srsly.read_jsonl(path):
            run = tuple(result[name] for name in Run._fields)
            # Two studies may share a run.
            if run not in runs:
                runs.add(run)
                variants = scores.setdefault((result["corpus"], result["size"]), {})
                variants.setdefault(result["variant"], []).append(result["test"])
    return list(scores.items())


def make_cells(scores: Scores, variants: Iterable[str]) -> List[str]:
    return [format_scores(scores.get(variant, [])) for variant in variants]


def format_scores(scores: List[Dict[str, Any]]) -> str:
    return " / ".join(
        format_mean(100 * score[name] for score in scores) for name in MICRO_AND_MACRO if scores
    )


def make_models(benchmarks_path: Path) -> str:
    """RETURNS (str): A table, one row per model."""
    models = {
        path.stem: select_scores(srsly.read_json(path), "sc")
        for path in benchmarks_path.glob("models/*.json")
    }
    rows = [
        [corpus, f"{scores['gold']:,}", *(f"{100 * scores[name]:.1f}" for name in MODEL_SCORES[1:])]
        for corpus, scores in sorted(models.items(), key=lambda model: -model[1]["gold"])
    ]
    return markdown_table(["corpus", *(TITLES[name] for name in MODEL_SCORES)], rows)


def make_speed(benchmarks_path: Path) -> str:
    """RETURNS (str): A table, one row per task and width of candidates, and what was measured."""
    result = srsly.read_json(benchmarks_path / "speed" / "speed.json")
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
    table = markdown_table(["task", "candidates to", "threads", *RATIOS], rows)
    return "\n".join([table, *describe_measurement(result), ""])


def make_costs(benchmarks_path: Path) -> str:
    """RETURNS (str): What many texts cost, and what that is computed from."""
    result = srsly.read_json(benchmarks_path / "scale" / "processes.json")
    notes = "\n".join(describe_run(result))
    return f"{write_costs(result['results'])}\n{notes}\n"


TABLES: Dict[str, Callable[[Path], str]] = {
    "comparison": make_comparison,
    "transformers": make_transformers,
    "models": make_models,
    "speed": make_speed,
    "costs": make_costs,
    "ways": make_ways,
}


if __name__ == "__main__":
    typer.run(main)
