"""What bfloat16 saves a trained encoder on a CPU, and what it costs.

python benchmarks/bfloat16.py benchmarks/bfloat16 --pipeline PIPELINE --docs test.spacy

Each pipeline annotates the docs of the same place with and without `cpu_bfloat16`, in turns and
with one thread.
"""

import time
from pathlib import Path
from statistics import median
from typing import Any, Dict, List, Tuple

import spacy
import torch
import typer
from speed_report import describe_measurement

from spacy_eiou.files import write_file, write_json
from spacy_eiou.models.precision import has_bfloat16
from spacy_eiou.pipeline.prediction import read_examples
from spacy_eiou.provenance import get_provenance
from spacy_eiou.tables import markdown_table

PRECISIONS = {"single precision": False, "bfloat16": True}
DESCRIPTION = """\
# bfloat16

Micro and macro F1 of trained pipelines on annotated docs, in single precision and with
`cpu_bfloat16`, and the CPU time of annotating and scoring them: the median of the rounds. Written
by `benchmarks/bfloat16.py`.
"""

Run = Dict[str, Any]


def main(
    output: Path = typer.Argument(..., help="Folder for bfloat16.json and BFLOAT16.md"),
    pipelines: List[str] = typer.Option(..., "--pipeline", help="With a transformer or a tok2vec"),
    docs: List[Path] = typer.Option(..., "--docs", help="Docs for each of them: .spacy"),
    rounds: int = typer.Option(3, help="How often both take their turn"),
) -> None:
    """
    Measure, and write a table.
    """
    if not has_bfloat16():
        raise typer.BadParameter("This CPU has no instructions for bfloat16")
    torch.set_num_threads(1)
    measured = [
        {"docs": f"{path.parent.name}/{path.name}", "runs": measure(pipeline, path, rounds)}
        for pipeline, path in zip(pipelines, docs, strict=True)
    ]
    corpora = ", ".join(sorted({str(item["docs"]) for item in measured}))
    result = {**get_provenance(threads=1), "corpus": corpora, "measured": measured}
    output.mkdir(parents=True, exist_ok=True)
    write_json(output / "bfloat16.json", result)
    write_file(output / "BFLOAT16.md", make_report(result).encode("utf8"))


def measure(pipeline: str, path: Path, rounds: int) -> Dict[str, Run]:
    """RETURNS (Dict[str, Run]): For each precision "f", "macro_f" and the "cpu_seconds" of each
    round."""
    runs: Dict[str, Run] = {}
    encoder = "transformer" if spacy.load(pipeline).has_pipe("transformer") else "tok2vec"
    for number in range(rounds):
        for name, is_enabled in PRECISIONS.items():
            settings = {f"components.{encoder}.model.cpu_bfloat16": is_enabled}
            nlp = spacy.load(pipeline, config=settings)
            examples = read_examples(path, nlp)
            start = time.process_time()
            scores = nlp.evaluate(examples)
            seconds = time.process_time() - start
            found = {"f": scores["spans_sc_f"], "macro_f": scores["spans_sc_macro_f"]}
            run = runs.setdefault(name, {**found, "cpu_seconds": []})
            run["cpu_seconds"].append(round(seconds, 3))
            print(number, pipeline, name, found, seconds)
    return runs


def make_report(result: Dict[str, Any]) -> str:
    """RETURNS (str): BFLOAT16.md."""
    header = ["docs", "single precision", "bfloat16", "CPU seconds", "with bfloat16", "share"]
    rows = [make_row(item["docs"], item["runs"]) for item in result["measured"]]
    lines = "\n".join(describe_measurement(result))
    return f"{DESCRIPTION}\n{markdown_table(header, rows)}\n{lines}\n"


def make_row(docs: str, runs: Dict[str, Run]) -> List[str]:
    single, rounded = (summarize(runs[name]) for name in PRECISIONS)
    times = [f"{seconds:.2f}" for _, seconds in (single, rounded)]
    return [docs, single[0], rounded[0], *times, f"{rounded[1] / single[1]:.2f}"]


def summarize(run: Run) -> Tuple[str, float]:
    scores = " / ".join(f"{100 * run[name]:.2f}" for name in ("f", "macro_f"))
    return scores, median(run["cpu_seconds"])


if __name__ == "__main__":
    typer.run(main)
