"""Compare the recipe for few examples with the variants of a study, on the same documents.

For GENIA: python benchmarks/few_examples.py benchmarks/studies/genia_300
benchmarks/studies/genia_300_few_examples

The recipe has the documents of the study's subsets, and the texts of the other training documents
without their annotation: it pretrains on all texts, then self-trains. The teacher may be the
nested_spancat of another study, such as one with a transformer:

python benchmarks/few_examples.py benchmarks/studies/maintie_100
benchmarks/studies/maintie_100_few_examples --teacher-study benchmarks/studies/maintie_100_minilm
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Dict, NamedTuple, Optional, Sequence, Set

import spacy
import srsly
import typer
from spacy.cli.train import train
from spacy.tokens import Doc, DocBin
from spacy.training.loop import DIR_MODEL_BEST
from spacy.training.pretrain import pretrain
from spacy.util import load_config
from spacy.vocab import Vocab
from thinc.api import Config

from spacy_eiou.corpora.docbin import read_docs
from spacy_eiou.studies import Result, Run, Study, Variant
from spacy_eiou.studies.compare import (
    append_result,
    draw_subsets,
    read_results,
    score_run,
    write_report,
)
from spacy_eiou.studies.study import (
    COMPONENT,
    hash_settings,
    locate_transformer,
    make_variant_config,
)
from spacy_eiou.training import self_train

CONFIG = "configs/few_examples.cfg"
VARIANT = "few examples"
DESCRIPTION = (
    f"*{VARIANT}* is the recipe of {CONFIG}, which has the texts of the other training documents "
    "as well, without their annotation."
)
N_TEACHERS = 3


class Recipe(NamedTuple):
    """What to train.

    variant (str): The name of the recipe in the tables.
    config (Config): The training config.
    teacher_config (Optional[Config]): The training config of the teacher. By default, there are
        N_TEACHERS with the same config as the model.
    """

    variant: str
    config: Config
    teacher_config: Optional[Config] = None

    @property
    def settings(self) -> str:
        """RETURNS (str): What tells apart the results of different recipes."""
        if self.teacher_config is None:
            return f"{hash_settings(self.config)}-{N_TEACHERS}"
        return f"{hash_settings(self.config)}-{hash_settings(self.teacher_config)}"


def main(
    study_path: Path = typer.Argument(..., help="Folder of study.yml and results.jsonl"),
    output_path: Path = typer.Argument(..., help="Folder for results.jsonl and RESULTS.md"),
    pretrained: Optional[Path] = typer.Option(
        None, help="Weights that an earlier pretraining on the texts of the corpus saved"
    ),
    teacher_study_path: Optional[Path] = typer.Option(
        None, "--teacher-study", help="Folder of a study whose nested_spancat is the teacher"
    ),
    project_path: Path = typer.Option(".", "--project", "-p", help="Directory of project.yml"),
) -> None:
    """
    Train the recipe for few examples on the documents of a study, and report
    its scores beside those of the study. A run that was stopped continues.
    """
    study = Study.read(study_path / "study.yml")
    study.config = CONFIG
    study.description = f"{study.description.strip()} {DESCRIPTION}"
    teacher_study = Study.read(teacher_study_path / "study.yml") if teacher_study_path else None
    subsets = draw_subsets(study, project_path)
    results_path = output_path / "results.jsonl"
    output_path.mkdir(parents=True, exist_ok=True)
    results = read_results(results_path)
    for corpus, settings in study.corpora.items():
        recipe = make_recipe(study, teacher_study, corpus, project_path)
        documents = list(read_docs(project_path / "corpus" / corpus / "train.spacy", Vocab()))
        runs = [
            Run(corpus, size, recipe.variant, seed, recipe.settings)
            for size in settings.sizes
            for seed in study.seeds
        ]
        with TemporaryDirectory() as name:
            folder = Path(name)
            recipe.config.to_disk(folder / "config.cfg")
            weights = pretrained
            for run in runs:
                if run not in results:
                    weights = weights or pretrain_encoder(recipe.config, documents, folder)
                    docs = subsets[corpus][run.seed][: run.size]
                    results[run] = train_run(run, recipe, docs, documents, weights, folder)
                    append_result(results_path, results[run])
    baseline = read_results(study_path / "results.jsonl")
    write_report(study, [*baseline.values(), *results.values()], output_path)


def make_recipe(
    study: Study, teacher_study: Optional[Study], corpus: str, project_path: Path
) -> Recipe:
    """RETURNS (Recipe): The recipe for a corpus.
    RAISES (typer.BadParameter): If the teacher's study lacks the corpus, or has not one
        nested_spancat."""
    config = make_recipe_config(study, corpus, project_path)
    if teacher_study is None:
        return Recipe(VARIANT, config)
    teachers = [
        name for name, variant in teacher_study.variants.items() if variant.factory == COMPONENT
    ]
    if corpus not in teacher_study.corpora or len(teachers) != 1:
        raise typer.BadParameter(
            f"expected a study of {corpus} with one {COMPONENT}, not of "
            f"{', '.join(teacher_study.corpora)} with {len(teachers)}",
            param_hint="--teacher-study",
        )
    teacher_config = make_variant_config(teacher_study, corpus, teachers[0], project_path)
    return Recipe(f"{VARIANT}, taught by {teachers[0]}", config, teacher_config)


def make_recipe_config(study: Study, corpus: str, project_path: Path) -> Config:
    """RETURNS (Config): The config of the recipe, with the settings of the corpus, but with the
    loss and the steps of the recipe."""
    recipe = load_config(project_path / CONFIG)
    steps = {name: recipe["training"][name] for name in ("max_steps", "patience", "eval_frequency")}
    component = recipe["components"]["nested_spancat"]
    variant = Variant(factory=component["factory"], config={"loss": component["loss"]})
    study = study.model_copy(update={"training": steps, "variants": {VARIANT: variant}})
    return make_variant_config(study, corpus, VARIANT, project_path)


def pretrain_encoder(config: Config, docs: Sequence[Doc], folder: Path) -> Path:
    """Pretrain the encoder of a config on texts. RETURNS (Path): The weights."""
    write_texts(folder / "texts.jsonl", docs)
    config = config.merge({"paths": {"raw_text": str(folder / "texts.jsonl")}})
    output = folder / "pretrained"
    output.mkdir()
    pretrain(config.interpolate(), output, silent=False)
    return output / "model-last.bin"


def train_run(
    run: Run,
    recipe: Recipe,
    docs: Sequence[Doc],
    documents: Sequence[Doc],
    weights: Path,
    folder: Path,
) -> Result:
    """Self-train and score the model that is best on the dev part. RETURNS (Result): The result."""
    annotated: Set[str] = {doc.user_data["record_id"] for doc in docs}
    others = [doc for doc in documents if doc.user_data["record_id"] not in annotated]
    write_texts(folder / "texts.jsonl", others)
    DocBin(docs=docs).to_disk(folder / "train.spacy")
    output = folder / f"{run.corpus}-{run.size}-{run.seed}"
    overrides = {"paths.train": str(folder / "train.spacy"), "system.seed": run.seed}
    teachers: Dict[str, Any] = {"n_teachers": N_TEACHERS}
    if recipe.teacher_config is not None:
        locate_transformer(recipe.teacher_config).to_disk(folder / "teacher.cfg")
        train(folder / "teacher.cfg", output / "teacher", overrides=overrides)
        teachers = {"teachers": [output / "teacher" / DIR_MODEL_BEST]}
    self_train(
        folder / "config.cfg",
        folder / "texts.jsonl",
        output,
        overrides={**overrides, "paths.init_tok2vec": str(weights)},
        silent=False,
        **teachers,
    )
    nlp = spacy.load(output / DIR_MODEL_BEST)
    return score_run(run, nlp, Path(recipe.config["paths"]["dev"]))


def write_texts(path: Path, docs: Sequence[Doc]) -> None:
    srsly.write_jsonl(path, [{"text": doc.text} for doc in docs])


if __name__ == "__main__":
    typer.run(main)
