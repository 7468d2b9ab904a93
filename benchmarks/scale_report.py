"""Write the report of `scale.py`: ratios, memory, and what many texts cost."""

from pathlib import Path
from statistics import median
from typing import Any, Dict, List, Tuple

import matplotlib
import srsly
import typer
from matplotlib.figure import Figure
from speed_report import describe_measurement

from spacy_eiou.tables import markdown_table

PARTS = ["processes", "engines", "memory"]
TEXTS = {
    "sentences": "20,000 sentences",
    "short": "20,000 texts of 12 words",
    "documents": "500 documents of 2,000 words",
}
JOBS = [
    ("50 million documents of 12 words", "short", 50e6, "n_texts"),
    ("1 billion words in documents of 2,000", "documents", 1e9, "n_words"),
]
ENGINES = {"two": "two processes", "ray": "Ray, two nodes", "spark": "Spark, two workers"}

Results = Dict[str, List[Dict[str, Any]]]


def main(folder: Path = typer.Argument(..., help="Folder of the results", exists=True)) -> None:
    """Write SCALE.md and scale.svg beside the results."""
    write_report(folder)


def write_report(folder: Path) -> None:
    """Write SCALE.md and scale.svg of the parts that are there.

    folder (Path): The folder of processes.json, engines.json and memory.json.
    """
    sections = {
        "processes": write_processes,
        "engines": write_engines,
        "memory": write_memory,
    }
    lines = [
        "# Many texts",
        "",
        "Medians of what `python benchmarks/scale.py MODEL TEXTS` measured. CPU is seconds of all "
        "processes; the start of a process is left out, but both sides load the model.",
        "",
    ]
    parts = {
        part: srsly.read_json(folder / f"{part}.json")
        for part in PARTS
        if (folder / f"{part}.json").exists()
    }
    for part, result in parts.items():
        lines += [*sections[part](result["results"]), *describe_run(result), ""]
    lines += ["![Documents per second, and memory](scale.svg)", ""]
    (folder / "SCALE.md").write_text("\n".join(lines), encoding="utf8")
    save_plot({part: result["results"] for part, result in parts.items()}, folder / "scale.svg")


def write_processes(results: Results) -> List[str]:
    return [
        "## One machine",
        "",
        markdown_table(*tabulate_processes(results)),
        f"A process has loaded the model {take(results, 'load sentences', 'seconds'):.1f} seconds "
        "after its start.",
        "",
        "What many texts cost:",
        "",
        write_costs(results),
    ]


def write_engines(results: Results) -> List[str]:
    return [
        "## Two machines",
        "",
        "Both are on this one. The start of the engine and of its processes is apart.",
        "",
        markdown_table(*tabulate_engines(results)),
    ]


def write_memory(results: Results) -> List[str]:
    return ["## Memory", "", markdown_table(*tabulate_memory(results))]


def take(results: Results, key: str, name: str) -> float:
    """RETURNS (float): The median of a figure."""
    return median(run[name] for run in results[key])


def compare(results: Results, key: str, other: str, name: str) -> float:
    """RETURNS (float): The median of the ratios of a figure to the other one of its round."""
    return median(
        run[name] / base[name] for run, base in zip(results[key], results[other], strict=True)
    )


def tabulate_processes(results: Results) -> Tuple[List[str], List[List[str]]]:
    header = [
        *("texts", "documents/s, one process", "of nlp.pipe", "of its CPU"),
        *("two processes, of one", "CPU, of one"),
    ]
    rows = []
    for texts, name in TEXTS.items():
        pipe, one, two = (f"{kind} {texts}" for kind in ("pipe", "one", "two"))
        ratios = [
            1 / compare(results, one, pipe, "seconds"),
            compare(results, one, pipe, "cpu_seconds"),
            1 / compare(results, two, one, "seconds"),
            compare(results, two, one, "cpu_seconds"),
        ]
        speed = take(results, one, "n_texts") / take(results, one, "seconds")
        rows.append([name, f"{speed:,.0f}", *(f"{ratio:.2f}" for ratio in ratios)])
    return header, rows


def find_engines(results: Results) -> Dict[str, str]:
    return {key: name for key, name in ENGINES.items() if f"{key} many" in results}


def tabulate_engines(results: Results) -> Tuple[List[str], List[List[str]]]:
    rows = []
    for key, name in find_engines(results).items():
        speed = take(results, f"{key} many", "n_texts") / take(results, f"{key} many", "seconds")
        ratio = 1 / compare(results, f"{key} many", "two many", "seconds")
        start = take(results, f"{key} many", "start_seconds")
        rows.append([name, f"{speed:,.0f}", f"{ratio:.2f}", f"{start:.1f}"])
    return ["200,000 sentences", "documents/s", "of two processes", "start, seconds"], rows


def get_memory(results: Results) -> Dict[str, float]:
    keys = [key for key in results if key.startswith("memory ")]
    return {key.removeprefix("memory "): take(results, key, "peak_mb") for key in keys}


def tabulate_memory(results: Results) -> Tuple[List[str], List[List[str]]]:
    rows = [[n_texts, f"{peak:,.0f}"] for n_texts, peak in get_memory(results).items()]
    return ["documents", "peak memory, MB"], rows


def write_costs(results: Results) -> str:
    """RETURNS (str): What jobs cost, and the formula, in Markdown."""
    rows = []
    for name, texts, amount, unit in JOBS:
        share = amount / take(results, f"two {texts}", unit)
        core_hours = share * take(results, f"two {texts}", "cpu_seconds") / 3600
        gigabytes = share * take(results, f"two {texts}", "output_mb") / 1000
        rows.append([name, f"{core_hours:.1f}", f"{gigabytes:.0f}"])
    table = markdown_table(["job", "core hours", "output as JSON Lines, GB"], rows)
    return (
        "Core hours are amount / amount measured x CPU seconds measured / 3600, and the size of "
        "the\noutput follows in the same way, both with two processes.\n\n" + table
    )


def describe_run(result: Dict[str, Any]) -> List[str]:
    """RETURNS (List[str]): What was measured, and on which machine, as lines of Markdown."""
    loads = [run["load"] for runs in result["results"].values() for run in runs]
    return [
        *describe_measurement({**result, "corpus": f"{result['texts']}, model {result['model']}"}),
        f"- load of the machine as each measurement began: {min(loads):.1f} to {max(loads):.1f}",
        f"- rounds: {result['rounds']}" + (", a hundredth of the texts" if result["quick"] else ""),
    ]


def save_plot(parts: Dict[str, Results], path: Path) -> None:
    # The same measurements give the same file.
    matplotlib.rcParams["svg.hashsalt"] = "scale"
    figure = Figure(figsize=(9, 3), layout="constrained")
    speeds, memory = figure.subplots(1, 2)
    results = parts.get("engines", {})
    engines = find_engines(results)
    values = [
        take(results, f"{key} many", "n_texts") / take(results, f"{key} many", "seconds")
        for key in engines
    ]
    speeds.barh([*engines.values()], values, color="#4477aa")
    speeds.set(title="200,000 sentences", xlabel="documents per second")
    speeds.invert_yaxis()
    peaks = get_memory(parts.get("memory", {}))
    memory.plot([*peaks], [*peaks.values()], marker="o", color="#4477aa")
    memory.set(title="Memory of one process", xlabel="documents", ylabel="peak, MB", ylim=(0, None))
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    typer.run(main)
