"""Compare the speed and the memory of `select` with those of `annotate`.

python benchmarks/select_speed.py select_speed.json --corpus genia

A CNN is trained for a moment. Then both commands take turns, each in a process of its own, with one
thread: on the first texts and on all of them. The time is that of the processor.
"""

import os
import random
import subprocess
import sys
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any, Dict, List

import srsly
import typer
from spacy.vocab import Vocab

from spacy_eiou.corpora.docbin import read_docs
from spacy_eiou.files import write_json
from spacy_eiou.provenance import get_provenance
from spacy_eiou.studies.compare import train_docs
from spacy_eiou.studies.study import load_training_config

N_TRAINING, MAX_STEPS = 300, 200
COMMANDS = ("annotate", "select")
# A small process, since the peak of a new one is at least that of the process that has started it.
LAUNCHER = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
"""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def main(
    output_path: Path = typer.Argument(..., help="JSON file to write"),
    corpus: str = typer.Option("genia", "--corpus", help="The corpus of the texts"),
    sizes: List[int] = typer.Option([20_000, 100_000], "--size", help="The numbers of texts"),
    n_turns: int = typer.Option(2, "--turns", help="How often each command runs"),
    project_path: Path = typer.Option(".", "--project", "-p", help="Directory of project.yml"),
) -> None:
    """
    Measure, and write what was measured.
    """
    parts = project_path / "corpus" / corpus
    steps = {"training.max_steps": MAX_STEPS, "training.eval_frequency": MAX_STEPS}
    paths = {"paths.train": None, "paths.dev": str(parts / "dev.spacy")}
    config, _ = load_training_config(parts / "config.cfg", {**steps, **paths})
    docs = list(read_docs(parts / "train.spacy", Vocab()))
    with TemporaryDirectory() as name:
        folder = Path(name)
        train_docs(config, docs[:N_TRAINING], seed=0).to_disk(folder / "model")
        texts = make_texts([doc.text for doc in docs], max(sizes))
        for size in sizes:
            srsly.write_jsonl(folder / f"{size}.jsonl", texts[:size])
        runs = [
            {"command": command, "texts": size, **measure(command, folder, size)}
            for _ in range(n_turns)
            for size in sizes
            for command in COMMANDS
        ]
    write_json(output_path, {**summarize(runs), "runs": runs, **get_provenance(threads=1)})


def make_texts(texts: List[str], n: int) -> List[Dict[str, str]]:
    """RETURNS (List[Dict[str, str]]): So many texts, of which no two are the same."""
    rng = random.Random(0)
    return [{"text": f"{rng.choice(texts)} ({number})"} for number in range(n)]


def measure(command: str, folder: Path, size: int) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): The seconds of processor time of a command, and its peak memory."""
    output = str(folder / f"{command}.jsonl")
    arguments = [command, str(folder / "model"), str(folder / f"{size}.jsonl"), output, "--force"]
    result = subprocess.run(
        [sys.executable, "-c", LAUNCHER, sys.executable, "-m", "spacy_eiou", *arguments],
        env={**os.environ, **ONE_THREAD},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    cpu_seconds, peak = map(float, result.stdout.split())
    return {"cpu_seconds": round(cpu_seconds, 2), "peak_mb": round(peak / 1024)}


def summarize(runs: List[Dict[str, Any]]) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): By number of texts, the speed of `select` as a share of that of
    `annotate`, and the peak memory of each."""
    found: Dict[str, Any] = {}
    for size in sorted({run["texts"] for run in runs}):
        own = {
            command: [run for run in runs if (run["texts"], run["command"]) == (size, command)]
            for command in COMMANDS
        }
        seconds = {key: mean(run["cpu_seconds"] for run in some) for key, some in own.items()}
        found[str(size)] = {
            "speed": round(seconds["annotate"] / seconds["select"], 3),
            **{f"{key}_mb": max(run["peak_mb"] for run in some) for key, some in own.items()},
        }
    return {"sizes": found}


if __name__ == "__main__":
    typer.run(main)
