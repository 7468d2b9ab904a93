"""Where the time of a prediction goes: the parts of `nested_spancat` and of `spancat`, one thread.

For a comparison of versions, run it in each one and name them: all that is in speed/breakdown.json
goes into the table.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from pathlib import Path
from statistics import median
from typing import Any, Callable, Dict, List

import srsly
import typer
from speed_side import make_docs, make_pipeline, prepare
from thinc.api import chain, list2ragged

from spacy_eiou.provenance import describe_code, get_provenance
from spacy_eiou.tables import markdown_table

FOLDER = Path(__file__).parent / "speed"
# Of one side in one version: `microseconds` per word of each part, and what `get_provenance` gives.
Breakdown = Dict[str, Any]


def main(
    corpus: Path = typer.Argument(..., help="Annotated docs: .spacy or .jsonl", exists=True),
    version: str = typer.Option(..., help="Name of the version that is measured"),
    output: Path = typer.Option(FOLDER, help="Directory of breakdown.json and BREAKDOWN.md"),
    rounds: int = typer.Option(9, help="Rounds, after one to warm up"),
    words: int = typer.Option(5000, help="Words per round"),
    encoder: str = typer.Option("spacy.Tok2Vec.v2", help="Architecture of the encoder"),
    max_width: int = typer.Option(12, help="The widest candidate, in tokens"),
) -> None:
    """
    Measure the microseconds per word of each part of a prediction.
    """
    output.mkdir(parents=True, exist_ok=True)
    path = output / "breakdown.json"
    results: Dict[str, Breakdown] = dict(srsly.read_json(path)) if path.exists() else {}
    settings = {"corpus": str(corpus), "words": words, "doc_words": 1}
    for side in ("spancat", "nested_spancat"):
        parts = measure(side, settings, encoder, max_width, rounds)
        results[f"{side}, {version}"] = {"microseconds": parts, **get_provenance(threads=1)}
    srsly.write_json(path, results)
    (output / "BREAKDOWN.md").write_text(make_report(results), encoding="utf8")


def measure(
    side: str, settings: Dict[str, Any], encoder: str, max_width: int, rounds: int
) -> Dict[str, float]:
    """Time the parts of a component.

    RETURNS (Dict[str, float]): Microseconds per word of each part, the median of the rounds.
    """
    nlp = make_pipeline(side, max_width, encoder)
    docs = make_docs(nlp, settings)
    prepare(nlp, docs)
    component: Any = nlp.get_pipe(side)
    batches = [docs[start : start + 35] for start in range(0, len(docs), 35)]
    tok2vec = chain(component.model.get_ref("tok2vec"), list2ragged())
    vectors = [tok2vec.predict(batch) for batch in batches]
    candidates = [component.suggester(batch) for batch in batches]
    predicted = [component.predict(batch) for batch in batches]
    inputs = list(zip(vectors, candidates))

    def score() -> None:
        for pair in inputs:
            for layer in component.model.layers[1:]:
                pair = layer.predict(pair)

    def annotate() -> None:
        for batch, (spans, scores) in zip(batches, predicted):
            component.set_annotations(batch, (spans, scores))

    n_words = sum(map(len, docs))
    parts: Dict[str, Callable[[], Any]] = {
        "encoder": lambda: [tok2vec.predict(batch) for batch in batches],
        "suggester": lambda: [component.suggester(batch) for batch in batches],
        "head": score,
        "annotations": annotate,
        "whole": lambda: [component.set_annotations(b, component.predict(b)) for b in batches],
    }
    return {name: 1e6 * time_median(part, rounds) / n_words for name, part in parts.items()}


def time_median(part: Callable[[], Any], rounds: int) -> float:
    seconds: List[float] = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        part()
        seconds.append(time.perf_counter() - start)
    return median(seconds[1:])


def make_report(results: Dict[str, Breakdown]) -> str:
    """RETURNS (str): The measurements as Markdown."""
    names = list(next(iter(results.values()))["microseconds"])
    rows = [
        [
            side,
            *(f"{result['microseconds'][name]:.2f}" for name in names),
            describe_code(result),
        ]
        for side, result in results.items()
    ]
    return "\n".join(
        [
            "# Where the time goes",
            "",
            "Microseconds per word of a prediction, one thread: written by `breakdown.py`. The "
            "whole also has the softmax of `nested_spancat`.",
            "",
            markdown_table(["side", *names, "code"], rows),
        ]
    )


if __name__ == "__main__":
    typer.run(main)
