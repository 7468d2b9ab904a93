"""Compare the recipe for few examples with the variants of a study, on the same documents.

For GENIA: python benchmarks/few_examples.py benchmarks/genia_300.yml
benchmarks/genia_300/results.jsonl benchmarks/genia_300_few_examples

The recipe has the documents of the study's subsets, and the texts of the other training documents
without their annotation: it pretrains on all texts, then self-trains.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Optional, Sequence, Set

import spacy
import srsly
import typer
from spacy.tokens import Doc, DocBin
from spacy.util import load_config
from spacy.vocab import Vocab
from thinc.api import Config
from wasabi import msg

from spacy_eiou.cli._study import (
    Run,
    Study,
    Variant,
    hash_settings,
    make_variant_config,
    read_study,
)
from spacy_eiou.cli._util import read_docs
from spacy_eiou.cli.compare import (
    append_result,
    draw_subsets,
    read_results,
    score,
    write_report,
)
from spacy_eiou.evaluation.comparison import Result

CONFIG = "configs/few_examples.cfg"
VARIANT = "recipe for few examples"
N_TEACHERS = 3


def main(
    study_path: Path = typer.Argument(..., help="Study, as for `eiou compare`", exists=True),
    baseline_path: Path = typer.Argument(..., help="Its results.jsonl", exists=True),
    output_path: Path = typer.Argument(..., help="Directory for results.jsonl and RESULTS.md"),
    pretrained: Optional[Path] = typer.Option(
        None, help="Weights that an earlier pretraining on the texts of the corpus saved"
    ),
    project_path: Path = typer.Option(".", "--project", "-p", help="Directory of project.yml"),
) -> None:
    """
    Train the recipe for few examples on the documents of a study, and report
    its scores beside those of the study. A run that was stopped continues.
    """
    study = read_study(study_path)
    study.config = CONFIG
    subsets = draw_subsets(study, project_path)
    results_path = output_path / "results.jsonl"
    output_path.mkdir(parents=True, exist_ok=True)
    results = read_results(results_path, msg)
    for corpus, settings in study.corpora.items():
        config = make_recipe_config(study, corpus, project_path)
        documents = list(read_docs(project_path / "corpus" / corpus / "train.spacy", Vocab()))
        recipe = f"{hash_settings(config)}-{N_TEACHERS}"
        runs = [
            Run(corpus, size, VARIANT, seed, recipe)
            for size in settings.sizes
            for seed in study.seeds
        ]
        with TemporaryDirectory() as name:
            folder = Path(name)
            config.to_disk(folder / "config.cfg")
            weights = pretrained
            for run in runs:
                if run not in results:
                    weights = weights or pretrain(documents, folder)
                    docs = subsets[corpus][run.seed][: run.size]
                    results[run] = train_run(run, config, docs, documents, weights, folder)
                    append_result(results_path, results[run])
    baseline = read_results(baseline_path, msg)
    write_report([*baseline.values(), *results.values()], study.baseline, output_path, msg)


def make_recipe_config(study: Study, corpus: str, project_path: Path) -> Config:
    """RETURNS (Config): The config of the recipe, with the settings of the corpus, but with the
    loss and the steps of the recipe."""
    recipe = load_config(project_path / CONFIG)
    steps = {name: recipe["training"][name] for name in ("max_steps", "patience", "eval_frequency")}
    component = recipe["components"]["nested_spancat"]
    variant = Variant(factory=component["factory"], config={"loss": component["loss"]})
    study = study.model_copy(update={"training": steps, "variants": {VARIANT: variant}})
    return make_variant_config(study, corpus, VARIANT, project_path)


def pretrain(docs: Sequence[Doc], folder: Path) -> Path:
    """Pretrain the encoder of config.cfg on texts. RETURNS (Path): The weights."""
    write_texts(folder / "texts.jsonl", docs)
    paths = ["--paths.raw_text", str(folder / "texts.jsonl")]
    run_spacy("pretrain", str(folder / "config.cfg"), str(folder / "pretrained"), *paths)
    return folder / "pretrained" / "model-last.bin"


def train_run(
    run: Run,
    config: Config,
    docs: Sequence[Doc],
    documents: Sequence[Doc],
    weights: Path,
    folder: Path,
) -> Result:
    """Self-train and score the model that is best on the dev part.

    RETURNS (Result): The result, see `evaluation.comparison`.
    """
    dev_path = Path(config["paths"]["dev"])
    annotated: Set[str] = {doc.user_data["record_id"] for doc in docs}
    others = [doc for doc in documents if doc.user_data["record_id"] not in annotated]
    write_texts(folder / "texts.jsonl", others)
    DocBin(docs=docs).to_disk(folder / "train.spacy")
    output = folder / f"{run.corpus}-{run.size}-{run.seed}"
    options = {
        "--output": output,
        "--paths.train": folder / "train.spacy",
        "--paths.init_tok2vec": weights,
        "--system.seed": run.seed,
        "--n-teachers": N_TEACHERS,
    }
    arguments = [str(part) for option in options.items() for part in option]
    run_spacy("eiou", "self-train", str(folder / "config.cfg"), f"{folder}/texts.jsonl", *arguments)
    nlp = spacy.load(output / "model-best")
    dev_scores, _ = score(nlp, dev_path)
    test_scores, test_counts = score(nlp, dev_path.with_name("test.spacy"))
    return {**run._asdict(), "dev": dev_scores, "test": test_scores, "test_counts": test_counts}


def write_texts(path: Path, docs: Sequence[Doc]) -> None:
    srsly.write_jsonl(path, [{"text": doc.text} for doc in docs])


def run_spacy(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "spacy", *arguments], check=True)


if __name__ == "__main__":
    typer.run(main)
