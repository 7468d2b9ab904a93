"""Write a table and a plot of what `speed.py` measured."""

from pathlib import Path
from statistics import median
from typing import Any, Dict, List

import matplotlib
import srsly
import typer
from matplotlib.figure import Figure

from spacy_eiou.provenance import describe_code
from spacy_eiou.tables import markdown_table

HEADER = (
    "Task",
    "Candidates to",
    "Docs of",
    "Batches of",
    "Threads",
    "Device",
    "Encoder",
    "encoder",
    "spancat",
    "nested_spancat",
    "x spancat",
    "of encoder",
    "Memory (MB)",
    "of spancat",
)
ENCODER_HEADER = (
    "Task",
    "Batches of",
    "Threads",
    "spacy.Tok2Vec.v2",
    "spacy_eiou.Tok2Vec.v1",
    "x spaCy's",
)
COLORS = {"encoder": "gray", "spancat": "tab:orange", "nested_spancat": "tab:blue"}


def main(path: Path = typer.Argument(..., help="The file speed.json", exists=True)) -> None:
    """
    Write SPEED.md and speed.svg beside the measurements they show.
    """
    write_report(path)


def write_report(path: Path) -> None:
    """Write SPEED.md and speed.svg.

    path (Path): The file speed.json beside them.
    """
    result = srsly.read_json(path)
    path.with_name("SPEED.md").write_text(make_report(result), encoding="utf8")
    save_plot(result["comparisons"], path.with_name("speed.svg"))


def make_report(result: Dict[str, Any]) -> str:
    """RETURNS (str): The measurements as Markdown."""
    heads = [other for other in result["comparisons"] if "spacy_encoder" not in other["raw"]]
    encoders = [other for other in result["comparisons"] if "spacy_encoder" in other["raw"]]
    return "\n".join(
        [
            "# Speed and memory",
            "",
            "Written by `speed_report.py` from `speed.json`. The columns of the sides are words "
            "per second, or seconds for `load` (a model and its first prediction): medians of "
            f"{result['rounds']} rounds of {result['words']:,} words, in turns, each side in its "
            "own process. Memory is the peak of `nested_spancat` above that of the encoder alone. "
            "The encoder of all sides of a row is `spacy.Tok2Vec.v2`, or what "
            "`spacy_eiou.Tok2Vec.v1` makes of the same weights.",
            "",
            *describe_measurement(result),
            "",
            markdown_table(HEADER, [make_row(comparison) for comparison in heads]),
            "The encoder alone:",
            "",
            markdown_table(ENCODER_HEADER, [make_encoder_row(other) for other in encoders]),
            "![Words per second by candidate width](speed.svg)",
            "",
        ]
    )


def describe_measurement(result: Dict[str, Any]) -> List[str]:
    """RETURNS (List[str]): What was measured, and with what, as lines of Markdown."""
    machine = ", ".join(f"{key} {value}" for key, value in result["machine"].items())
    versions = ", ".join(f"{key} {value}" for key, value in result["versions"].items())
    return [
        f"- corpus: {result['corpus']}",
        f"- machine: {machine}",
        f"- versions: {versions}",
        f"- code: {describe_code(result)}, {result.get('date', 'date unknown')}",
    ]


def make_encoder_row(comparison: Dict[str, Any]) -> List[str]:
    return [
        comparison["task"],
        f"{comparison['batch_words']:,} words",
        str(comparison["threads"]),
        *(format_speed(comparison, side) for side in ("spacy_encoder", "encoder")),
        format_ratio(comparison["ratios"], "times_spacy_encoder"),
    ]


def make_row(comparison: Dict[str, Any]) -> List[str]:
    ratios = comparison["ratios"]
    doc_words = comparison["doc_words"]
    settings = [
        comparison["task"],
        str(comparison["max_width"]),
        "the corpus" if doc_words == 1 else f"{doc_words:,} words",
        f"{comparison['batch_words']:,} words",
        str(comparison["threads"]),
        "CPU" if comparison["gpu_id"] < 0 else "GPU",
        comparison["encoder"],
    ]
    speeds = [format_speed(comparison, side) for side in COLORS]
    return [
        *settings,
        *speeds,
        format_ratio(ratios, "times_spancat"),
        format_ratio(ratios, "times_encoder"),
        f"{ratios['memory_above_encoder_mb']:.0f}",
        format_ratio(ratios, "memory_of_spancat"),
    ]


def format_speed(comparison: Dict[str, Any], side: str) -> str:
    if side not in comparison["raw"]:
        return "-"
    if comparison["task"] == "load":
        return f"{median(m['seconds'] for m in comparison['raw'][side]):.2f} s"
    return f"{words_per_second(comparison, side):,.0f}"


def format_ratio(ratios: Dict[str, float], name: str) -> str:
    return f"{ratios[name]:.2f}" if name in ratios else "-"


def words_per_second(comparison: Dict[str, Any], side: str) -> float:
    return median(m["words"] / m["seconds"] for m in comparison["raw"][side])


def save_plot(comparisons: List[Dict[str, Any]], path: Path) -> None:
    """Plot words per second by candidate width, for prediction and training."""
    # The same measurements give the same file.
    matplotlib.rcParams["svg.hashsalt"] = "speed"
    figure = Figure(figsize=(9, 4), layout="constrained")
    for axes, task in zip(figure.subplots(1, 2), ("predict", "train")):
        shown = by_width(comparisons, task)
        widths = [comparison["max_width"] for comparison in shown]
        for side, color in COLORS.items():
            speeds = [words_per_second(comparison, side) for comparison in shown]
            axes.plot(widths, speeds, marker="o", color=color, label=side)
        axes.set(title=task, xlabel="candidates up to (tokens)", ylabel="words per second")
        axes.set(yscale="log", xticks=widths)
        axes.legend()
    figure.savefig(path, metadata={"Date": None})


def by_width(comparisons: List[Dict[str, Any]], task: str) -> List[Dict[str, Any]]:
    """RETURNS (List[Dict[str, Any]]): The comparisons of a task that differ from the first one in
    nothing but the width of candidates."""
    fixed = ("task", "doc_words", "batch_words", "threads", "gpu_id", "encoder")
    of_task = [comparison for comparison in comparisons if comparison["task"] == task]
    first = of_task[0]
    alike = [other for other in of_task if all(other[key] == first[key] for key in fixed)]
    return sorted(alike, key=lambda comparison: comparison["max_width"])


if __name__ == "__main__":
    typer.run(main)
