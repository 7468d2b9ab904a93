"""Measure `annotate` on one and two cores, on Ray and on Spark, and what many texts cost.

Each measurement is a process of its own (`scale_side.py`), and they take turns, so that other work
of the machine slows all of them down alike.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Dict, Iterable, List

import srsly
import typer

from spacy_eiou.provenance import get_provenance

FOLDER = Path(__file__).parent

Measurement = Dict[str, Any]


def main(
    model: str = typer.Argument(..., help="Name or path of a pipeline"),
    texts_path: Path = typer.Argument(..., help=".jsonl file with texts", exists=True),
    output: Path = typer.Option(FOLDER / "scale", help="Directory for the results"),
    rounds: int = typer.Option(5, help="How often each measurement is made"),
    quick: bool = typer.Option(False, "--quick", help="Once each, with a hundredth of the texts"),
) -> None:
    """
    Measure annotate and write a report.

    On two cores that are otherwise idle, it takes about half an hour with a
    model with a CNN, and 3 minutes with --quick.
    """
    share = 100 if quick else 1
    rounds = 1 if quick else rounds
    sentences = [item["text"] for item in srsly.read_jsonl(texts_path)]
    words = " ".join(sentences).split()
    engines = [name for name, module in [("ray", "ray"), ("spark", "pyspark")] if find_spec(module)]
    results: Dict[str, List[Measurement]] = {}
    result = {**get_provenance(), "model": Path(model).name, "texts": texts_path.name}
    result = {**result, "rounds": rounds, "quick": quick, "results": results}
    output.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_texts(folder / "sentences.jsonl", sentences, 20_000 // share)
        write_texts(folder / "short.jsonl", make_documents(words, 12), 20_000 // share)
        write_texts(folder / "documents.jsonl", make_documents(words, 2000), max(500 // share, 5))
        write_texts(folder / "many.jsonl", sentences, 200_000 // share)

        def measure(kind: str, texts: str, **settings: Any) -> None:
            key = f"{kind} {texts}"
            typer.echo(key, err=True)
            settings = {**settings, "kind": kind, "model": model, "folder": name, "texts": texts}
            results.setdefault(key, []).append(run_side(settings))
            # What was measured is kept if a later measurement fails.
            srsly.write_json(output / "scale.json", result)

        for _ in range(rounds):
            for texts in ("sentences", "short", "documents"):
                measure("pipe", texts)
                measure("one", texts, n_process=1)
                measure("two", texts, n_process=2)
            measure("load", "sentences")
            measure("two", "many", n_process=2)
            for engine in engines:
                measure(engine, "many", engine=engine)
        for n_texts in (10_000, 100_000, 1_000_000):
            texts = f"{n_texts // share:,}"
            write_texts(folder / f"{texts}.jsonl", sentences, n_texts // share)
            measure("memory", texts, n_process=1)
            (folder / f"{texts}.jsonl").unlink()
    from scale_report import write_report

    write_report(output / "scale.json")


def write_texts(path: Path, texts: Iterable[str], n_texts: int) -> None:
    """Write texts, over and over again until there are enough."""
    srsly.write_jsonl(path, ({"text": text} for text in islice(cycle(texts), n_texts)))


def make_documents(words: List[str], n_words: int) -> List[str]:
    """RETURNS (List[str]): Texts of a number of words each."""
    starts = range(0, max(len(words) - n_words, 1), n_words)
    return [" ".join(words[start : start + n_words]) for start in starts]


def run_side(settings: Dict[str, Any]) -> Measurement:
    """Make a measurement in a process of its own.

    settings (Dict[str, Any]): See `scale_side.py`.
    RETURNS (Measurement): What it measured, and the load of the machine.
    RAISES (subprocess.CalledProcessError): If it fails. It says why on standard error.
    """
    load = os.getloadavg()[0]
    command = [sys.executable, FOLDER / "scale_side.py", json.dumps(settings)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYSPARK_PYTHON": sys.executable}
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout
    return {**json.loads(output.splitlines()[-1]), "load": round(load, 2)}


if __name__ == "__main__":
    typer.run(main)
