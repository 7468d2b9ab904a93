"""What does a model forget that is trained on with documents of a new label?

python benchmarks/forgetting.py train genia_0.json --corpus genia --seed 0
python benchmarks/forgetting.py report benchmarks/studies/forgetting *.json

A model is trained on documents without spans of one label, and trained on with documents that have
it, by configs/continue.cfg, with several shares of the old documents.
"""

from collections import defaultdict
from io import StringIO
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Tuple

import numpy as np
import srsly
import torch
import typer
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training.initialize import init_nlp
from spacy.training.loop import DIR_MODEL_LAST
from spacy.training.loop import train as train_loop
from spacy.util import load_model, make_tempdir
from spacy.vocab import Vocab
from thinc.api import Config

from spacy_eiou.corpora.docbin import FastDocBin, read_docs
from spacy_eiou.files import write_file, write_json
from spacy_eiou.provenance import get_provenance
from spacy_eiou.spans import get_spans
from spacy_eiou.studies import Result
from spacy_eiou.studies.compare import score
from spacy_eiou.studies.study import load_training_config
from spacy_eiou.tables import format_mean, markdown_table


class Scenario(NamedTuple):
    """The new label, and the numbers of old and of new documents."""

    label: str
    n_old: int
    n_new: int


CORPORA = {"genia": Scenario("RNA", 600, 60), "maintie": Scenario("Process", 500, 60)}
# The shares of old documents among those that are trained on with.
SHARES = (0.0, 0.3, 0.5, 0.7)
FIRST_STEPS, MORE_STEPS = 600, 400
SPANS_KEY = "sc"
DESCRIPTION = """\
# What is forgotten when a model is trained on?

A model (the CNN of configs/cnn.cfg) is trained on old documents, which have no span of one label,
and trained on by configs/continue.cfg with new ones, each of which has one. *Share of old ones* is
that of the old documents among those of the second training. The model is that after its last step,
not the one that is best on the dev part. F on the test part, times 100, of the labels that the
model had and of the new one: mean and standard deviation. *From scratch* is one training on all
documents.
"""
app = typer.Typer()


@app.command("train")
def train(
    output_path: Path = typer.Argument(..., help="JSON file to write"),
    corpus: str = typer.Option(..., "--corpus", help="The corpus"),
    seed: int = typer.Option(0, "--seed", help="Draws the documents and the initial weights"),
    shares: List[float] = typer.Option([], "--share", help="Shares of old ones. Defaults to all"),
    project_path: Path = typer.Option(".", "--project", "-p", help="Directory of project.yml"),
) -> None:
    """
    Train a model, and train it on with each share of old documents.
    """
    torch.set_num_threads(1)
    label = CORPORA[corpus].label
    parts = project_path / "corpus" / corpus
    old, new = draw(list(read_docs(parts / "train.spacy", Vocab())), CORPORA[corpus], seed)
    dev, test = parts / "dev.spacy", parts / "test.spacy"
    config, _ = load_training_config(
        parts / "config.cfg",
        {"paths.train": None, "paths.dev": str(dev), **_get_steps(FIRST_STEPS)},
    )
    with make_tempdir() as folder:
        nlp = train_to_the_end(config, old, seed)
        nlp.to_disk(folder / "model")
        results = [{"share": "before", **score_sides(nlp, test, label)}]
        nlp = train_to_the_end(config, [*old, *new], seed)
        results.append({"share": "from scratch", **score_sides(nlp, test, label)})
        FastDocBin(docs=old).to_disk(folder / "old.spacy")
        for share in shares or SHARES:
            paths = {"paths.model": folder / "model", "paths.old": folder / "old.spacy"}
            config, _ = load_training_config(
                project_path / "configs" / "continue.cfg",
                {
                    "paths.dev": str(dev),
                    **{name: str(path) for name, path in paths.items()},
                    **_get_steps(MORE_STEPS),
                },
            )
            config["paths"]["train"] = None
            config["corpora"]["train"]["gold"]["path"] = "${paths.train}"
            config["corpora"]["train"]["gold_share"] = 1 - share
            if not share:
                config["corpora"]["train"] = config["corpora"]["train"]["gold"]
            nlp = train_to_the_end(config, new, seed)
            results.append({"share": share, **score_sides(nlp, test, label)})
    results = [{"corpus": corpus, "seed": seed, **result} for result in results]
    write_json(output_path, [{**result, **get_provenance(threads=1)} for result in results])


def _get_steps(n_steps: int) -> Dict[str, int]:
    return {
        "training.max_steps": n_steps,
        "training.patience": 0,
        "training.eval_frequency": n_steps,
    }


def train_to_the_end(config: Config, docs: List[Doc], seed: int) -> Language:
    """RETURNS (Language): The pipeline as it is after the last step. The best one on the dev part
    could be that before the first."""
    config["system"]["seed"] = seed
    with make_tempdir() as folder:
        config["paths"]["train"] = str(folder / "train.spacy")
        FastDocBin(docs=docs).to_disk(folder / "train.spacy")
        train_loop(init_nlp(config), folder, stdout=StringIO(), stderr=StringIO())
        return load_model(folder / DIR_MODEL_LAST)


def draw(docs: List[Doc], scenario: Scenario, seed: int) -> Tuple[List[Doc], List[Doc]]:
    """RETURNS (Tuple[List[Doc], List[Doc]]): Documents without and with the new label."""
    order = np.random.default_rng(seed).permutation(len(docs))
    has_label = [
        any(span[2] == scenario.label for span in get_spans(doc, SPANS_KEY)) for doc in docs
    ]
    old = [docs[index] for index in order if not has_label[index]]
    new = [docs[index] for index in order if has_label[index]]
    return old[: scenario.n_old], new[: scenario.n_new]


def score_sides(nlp: Language, path: Path, new_label: str) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): Micro F of the labels that a model had before (`old`), and F of the
    new one (`new`)."""
    per_type = score(nlp, path)[0]["per_type"]
    old = [row for label, row in per_type.items() if label != new_label]
    n_correct = sum(row["correct"] for row in old)
    n_spans = sum(row["gold"] + row["predicted"] for row in old)
    return {"old": 2 * n_correct / n_spans, "new": per_type[new_label]["f"]}


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
    write_file(output_path / "RESULTS.md", make_report(results).encode("utf8"))


def make_report(results: List[Result]) -> str:
    """RETURNS (str): RESULTS.md."""
    groups: Dict[Tuple[str, str], List[Result]] = defaultdict(list)
    for result in results:
        share = result["share"]
        name = share if isinstance(share, str) else f"{share:g}"
        groups[result["corpus"], name].append(result)
    rows = []
    for (corpus, share), own in groups.items():
        scenario = CORPORA[corpus]
        cells = [format_mean(100 * result[side] for result in own) for side in ("old", "new")]
        counts = [f"{scenario.n_old:,}", f"{scenario.n_new:,}", str(len(own))]
        rows.append([corpus, scenario.label, share, *counts, *cells])
    header = ["corpus", "new label", "share of old ones", "old", "new", "seeds"]
    return f"{DESCRIPTION}\n{markdown_table([*header, 'F, old', 'F, new'], rows, n_text=3)}"


if __name__ == "__main__":
    app()
