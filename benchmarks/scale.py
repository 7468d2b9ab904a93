"""Measure `annotate` on one and two cores, on Ray and on Spark, and what many texts cost.

Each measurement is a process of its own (`scale_side.py`), and they take turns, so that other work
of the machine slows all of them down alike.
"""

import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Dict, Iterable, List

import srsly
import typer
from scale_report import PARTS, write_report

from spacy_eiou.provenance import get_provenance

FOLDER = Path(__file__).parent

Measurement = Dict[str, Any]


def main(
    model: str = typer.Argument(..., help="Name or path of a pipeline"),
    texts_path: Path = typer.Argument(..., help=".jsonl file with texts", exists=True),
    output: Path = typer.Option(FOLDER / "scale", help="Directory for the results"),
    only: List[str] = typer.Option(PARTS, help="Parts to measure"),
    rounds: int = typer.Option(5, help="How often each measurement is made"),
    max_seconds: float = typer.Option(
        3600, help="Most of each part: no round begins that would take longer"
    ),
    quick: bool = typer.Option(False, "--quick", help="Once each, with a hundredth of the texts"),
) -> None:
    """
    Measure annotate and write a report.

    On two cores that are otherwise idle, it takes about half an hour with a
    model with a CNN, and 3 minutes with --quick. Each part has a file of its
    own: parts can be measured at different times, and on different machines.
    """
    share = 100 if quick else 1
    sentences = [item["text"] for item in srsly.read_jsonl(texts_path)]
    words = " ".join(sentences).split()
    made = {**get_provenance(), "model": Path(model).name, "texts": texts_path.name, "quick": quick}
    output.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_texts(folder / "sentences.jsonl", sentences, 20_000 // share)
        write_texts(folder / "short.jsonl", make_documents(words, 12), 20_000 // share)
        write_texts(folder / "documents.jsonl", make_documents(words, 2000), max(500 // share, 5))
        write_texts(folder / "many.jsonl", sentences, 200_000 // share)
        numbers = [n_texts // share for n_texts in (10_000, 100_000, 1_000_000)]
        for n_texts in numbers:
            path = folder / f"{n_texts:,}.jsonl"
            write_texts(path, make_documents(words, 12), n_texts)
        for part in only:
            measure = Measurer({"model": model, "folder": name}, max_seconds)
            # Memory is the same each time.
            for number in range(1, 1 + (1 if quick or part == "memory" else rounds)):
                if part == "processes":
                    measure_processes(measure)
                elif part == "engines":
                    measure_engines(measure)
                else:
                    for n_texts in numbers:
                        measure("memory", f"{n_texts:,}", n_process=1)
                result = {**made, "rounds": number, "results": measure.results}
                srsly.write_json(output / f"{part}.json", result)
                seconds = max_seconds - measure.get_seconds_left()
                if seconds * (number + 1) / number > max_seconds:
                    break
    write_report(output)


class Measurer:
    """Makes measurements, each in a process of its own, and keeps them.

    settings (Dict[str, Any]): What they have in common, see `scale_side.py`.
    max_seconds (float): How long all of them may take.
    """

    def __init__(self, settings: Dict[str, Any], max_seconds: float) -> None:
        self.settings = settings
        self.end = time.perf_counter() + max_seconds
        self.results: Dict[str, List[Measurement]] = {}

    def __call__(self, kind: str, texts: str, **settings: Any) -> None:
        """Make a measurement.

        kind (str): See `scale_side.py`.
        texts (str): The name of the texts.
        settings (Any): Other settings.
        RAISES (subprocess.SubprocessError): If it fails, and says why on standard error, or takes
            too long.
        """
        key = f"{kind} {texts}"
        typer.echo(key, err=True)
        load = os.getloadavg()[0]
        settings = {**self.settings, "kind": kind, "texts": texts, **settings}
        output = subprocess.run(
            [sys.executable, FOLDER / "scale_side.py", json.dumps(settings)],
            check=True,
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYSPARK_PYTHON": sys.executable},
            timeout=self.get_seconds_left(),
        ).stdout
        measured = {**json.loads(output.splitlines()[-1]), "load": round(load, 2)}
        self.results.setdefault(key, []).append(measured)

    def get_seconds_left(self) -> float:
        return self.end - time.perf_counter()


def measure_processes(measure: Measurer) -> None:
    """Measure `nlp.pipe` alone, and `annotate` with one and two processes."""
    for texts in ("sentences", "short", "documents"):
        measure("pipe", texts)
        measure("one", texts, n_process=1)
        measure("two", texts, n_process=2)
    measure("load", "sentences")


def measure_engines(measure: Measurer) -> None:
    """Measure `annotate` with two processes, and on those engines that are installed."""
    measure("two", "many", n_process=2)
    for engine, module in (("ray", "ray"), ("spark", "pyspark")):
        if find_spec(module):
            measure(engine, "many", engine=engine)


def write_texts(path: Path, texts: Iterable[str], n_texts: int) -> None:
    """Write texts, over and over again until there are enough."""
    srsly.write_jsonl(path, ({"text": text} for text in islice(cycle(texts), n_texts)))


def make_documents(words: List[str], n_words: int) -> List[str]:
    """RETURNS (List[str]): Texts of a number of words each."""
    starts = range(0, max(len(words) - n_words, 1), n_words)
    return [" ".join(words[start : start + n_words]) for start in starts]


if __name__ == "__main__":
    typer.run(main)
