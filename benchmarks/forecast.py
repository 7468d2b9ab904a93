"""Compare what `curve` forecasts from the first half of a corpus with what all of it gives.

python benchmarks/forecast.py train genia_0.json --corpus genia --seed 0
python benchmarks/forecast.py report benchmarks/studies/forecast *.json

Each training is on its own: `--share` trains one of them. What the smallest exponent of the power
law does to other learning curves, those of random choice in the study of `select`:

python benchmarks/forecast.py exponents benchmarks/studies/forecast \
    benchmarks/studies/selection/rounds.jsonl
"""

from collections import defaultdict
from pathlib import Path
from statistics import mean
from typing import Any, Dict, List, NamedTuple

import numpy as np
import srsly
import torch
import typer
from spacy.vocab import Vocab

from spacy_eiou.corpora.docbin import read_docs
from spacy_eiou.files import write_file, write_json
from spacy_eiou.provenance import get_provenance
from spacy_eiou.studies import Result
from spacy_eiou.studies.compare import score, train_docs
from spacy_eiou.studies.curve import SCORES, describe_curve, fit_power_law
from spacy_eiou.studies.study import load_training_config
from spacy_eiou.tables import markdown_table

# The documents of each corpus, and the steps of training.
CORPORA = {
    "genia": (2000, 800),
    "cmeee": (2000, 800),
    "spoken_hpg": (600, 800),
    "maintie_level2": (860, 800),
}
# The quarters of the first half, and all.
SHARES = (0.125, 0.25, 0.375, 0.5, 1.0)
EVAL_FREQUENCY = 200
DESCRIPTION = """\
# Does the forecast of `curve` come true?

`curve` sees the first half of the documents: it trains on a quarter, half, three quarters and all
of them, and forecasts F for twice as many. That is compared with the mean of the trainings on all
documents. The CNN of configs/cnn.cfg; F on the dev part, times 100.
"""
EXPONENTS_DESCRIPTION = """\
## The smallest exponent

Learning curves of random choice in [the study of `select`](../selection/RESULTS.md), 50 to 300
documents: from the scores of each seed with at most half of them, the power law forecasts those
with all, micro and macro F of the dev and the test part. Points of F that it is off by. These
trainings end after 300 steps, and ask for 1; those above, of 800 steps, ask for less. It is 0.75,
between the two: the forecasts above were looked at as well.
"""
MIN_EXPONENTS = (0.05, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
app = typer.Typer()


class Forecasted(NamedTuple):
    """What was forecast and what came, as F."""

    half: float
    forecast: float
    low: float
    high: float
    came: float


@app.command("train")
def train(
    output_path: Path = typer.Argument(..., help="JSON file to write"),
    corpus: str = typer.Option(..., "--corpus", help="The corpus"),
    seed: int = typer.Option(0, "--seed", help="Draws the documents and the initial weights"),
    shares: List[float] = typer.Option([], "--share", help="Shares. Defaults to all"),
    project_path: Path = typer.Option(".", "--project", "-p", help="Directory of project.yml"),
) -> None:
    """
    Train on shares of the documents of a corpus.
    """
    torch.set_num_threads(1)
    n_docs, max_steps = CORPORA[corpus]
    parts = project_path / "corpus" / corpus
    config, _ = load_training_config(
        parts / "config.cfg",
        {
            "paths.train": None,
            "paths.dev": str(parts / "dev.spacy"),
            "training.max_steps": max_steps,
            "training.patience": 0,
            "training.eval_frequency": min(EVAL_FREQUENCY, max_steps),
        },
    )
    docs = list(read_docs(parts / "train.spacy", Vocab()))
    order = np.random.default_rng(seed).permutation(len(docs))[:n_docs]
    results = []
    for share in shares or SHARES:
        size = round(share * len(order))
        nlp = train_docs(config, [docs[index] for index in order[:size]], seed=seed)
        dev, _ = score(nlp, parts / "dev.spacy")
        results.append({"corpus": corpus, "seed": seed, "share": share, "size": size, "dev": dev})
    write_json(output_path, [{**result, **get_provenance(threads=1)} for result in results])


@app.command("report")
def report(
    output_path: Path = typer.Argument(..., help="Folder for runs.jsonl and RESULTS.md"),
    paths: List[Path] = typer.Argument(..., help="The JSON files of `train`"),
) -> None:
    """
    Write runs.jsonl and RESULTS.md.
    """
    results = [result for path in paths for result in srsly.read_json(path)]
    output_path.mkdir(parents=True, exist_ok=True)
    srsly.write_jsonl(output_path / "runs.jsonl", results)
    exponents_path = output_path / "exponents.json"
    exponents = srsly.read_json(exponents_path)["rows"] if exponents_path.exists() else []
    report = make_report(results) + make_exponents_report(exponents)
    write_file(output_path / "RESULTS.md", report.encode("utf8"))


@app.command("exponents")
def exponents(
    output_path: Path = typer.Argument(..., help="Folder for exponents.json"),
    rounds_path: Path = typer.Argument(..., help="rounds.jsonl of the study of `select`"),
) -> None:
    """
    Try smallest exponents of the power law on learning curves.
    """
    rounds = [row for row in srsly.read_jsonl(rounds_path) if row["variant"] == "random"]
    rows = []
    for min_exponent in MIN_EXPONENTS:
        errors = 100 * np.array(list_errors(rounds, min_exponent))
        rows.append(
            {
                "min_exponent": min_exponent,
                "curves": len(errors),
                "bias": float(errors.mean()),
                "error": float(np.abs(errors).mean()),
            }
        )
    write_json(output_path / "exponents.json", {**get_provenance(threads=1), "rows": rows})


def list_errors(rounds: List[Result], min_exponent: float) -> List[float]:
    """RETURNS (List[float]): By how much the forecast of each learning curve is too high."""
    by_curve: Dict[Any, Dict[int, float]] = defaultdict(dict)
    for row in rounds:
        for part in ("dev", "test"):
            for name in SCORES:
                key = (row["corpus"], row["seed"], part, name)
                by_curve[key][row["size"]] = row[part][name]
    errors = []
    for scores in by_curve.values():
        largest = max(scores)
        sizes = np.array([size for size in scores if size <= largest / 2])
        known = np.array([scores[size] for size in sizes])
        law = fit_power_law(sizes, known, min_exponent=min_exponent)
        errors.append(float(law(np.array([largest]))[0]) - scores[largest])
    return errors


def make_exponents_report(rows: List[Result]) -> str:
    """RETURNS (str): What the smallest exponents do, if they were tried."""
    if not rows:
        return ""
    header = ["smallest exponent", "curves", "bias", "mean absolute error"]
    cells = [
        [
            f"{row['min_exponent']:g}",
            str(row["curves"]),
            f"{row['bias']:+.2f}",
            f"{row['error']:.2f}",
        ]
        for row in rows
    ]
    return f"\n{EXPONENTS_DESCRIPTION}\n{markdown_table(header, cells, n_text=0)}"


def make_report(results: List[Result]) -> str:
    """RETURNS (str): The table of forecasts."""
    by_corpus: Dict[str, List[Result]] = defaultdict(list)
    for result in results:
        by_corpus[result["corpus"]].append(result)
    rows = []
    for corpus, own in by_corpus.items():
        for name in SCORES:
            found = compare(own, name)
            low, high = (found.half + gain for gain in (found.low, found.high))
            cells = [f"{100 * value:.1f}" for value in (found.half, found.forecast)]
            n_docs = max(result["size"] for result in own)
            seeds = len({result["seed"] for result in own})
            interval = f"{100 * low:.1f} to {100 * high:.1f}" if seeds > 1 else ""
            cells += [interval, f"{100 * found.came:.1f}"]
            off = f"{100 * (found.forecast - found.came):+.1f}"
            title = {"f": "micro", "macro_f": "macro"}[name]
            rows.append([corpus, title, f"{n_docs:,}", str(seeds), *cells, off])
    header = ["corpus", "F", "documents", "seeds", "half", "forecast", "95 %", "came", "off by"]
    return f"{DESCRIPTION}\n{markdown_table(header, rows, n_text=2)}"


def compare(results: List[Result], name: str) -> Forecasted:
    """Compare a forecast from the first half with what came.

    results (List[Result]): The trainings on a corpus.
    name (str): "f" or "macro_f".
    RETURNS (Forecasted): The two.
    """
    largest = max(result["size"] for result in results)
    first = [result for result in results if result["share"] <= 0.5]
    forecast = describe_curve(first, target=largest).forecasts[name]
    came = mean(result["dev"][name] for result in results if result["size"] == largest)
    return Forecasted(forecast.now, forecast.then, forecast.low, forecast.high, came)


if __name__ == "__main__":
    app()
