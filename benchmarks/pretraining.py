"""What an encoder may know before training: compare components that know nothing before, static
vectors, pretraining, both, and that self-train as well.

    python benchmarks/pretraining.py vectors STUDY WORK TRANSFORMER
    python benchmarks/pretraining.py pretrain STUDY WORK TRANSFORMER
    python benchmarks/pretraining.py train STUDY WORK
    python benchmarks/pretraining.py report STUDY

STUDY is a folder with study.yml. The names of its variants say what they know: "vectors",
"pretraining", both, or neither. Vectors and pretraining come from a transformer and the texts of
all training documents, without their annotation, and lie in the folder WORK. Corpora with the same
texts can share it. "self-training" has three such models annotate the texts of the other documents
for the final one; with "taught by MiniLM", a model with the transformer does, and with "taught by
MiniLM and others" it is one of the three. They annotate "variations" of the texts as well. Models
that were trained before teach with `--teacher`, and other texts are annotated with `--texts`.
"mention replacement" exchanges mentions in the annotated documents.

A command that was stopped continues. All runs of a study can be trained at the same time, with
`--corpus`, `--size`, `--variant`, `--seed` and a file of results each: `report` gathers them.
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Dict, List, Optional

import spacy
import srsly
import typer
from few_examples import write_texts
from spacy.cli._util import import_code
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training.loop import DIR_MODEL_BEST
from spacy.training.pretrain import pretrain as pretrain_encoder
from spacy.vocab import Vocab
from thinc.api import Config

from spacy_eiou.corpora.docbin import FastDocBin, read_docs
from spacy_eiou.files import replacing, write_json
from spacy_eiou.models.pretrained import list_words
from spacy_eiou.pipeline.loading import use_device
from spacy_eiou.studies import Result, Run, Study, Variant
from spacy_eiou.studies.compare import (
    append_result,
    draw_subsets,
    read_results,
    score_run,
    train_docs,
    train_run,
    write_report,
)
from spacy_eiou.studies.study import (
    hash_settings,
    list_runs,
    make_variant_config,
)
from spacy_eiou.training import make_vectors, self_train
from spacy_eiou.training.encoder import (
    WEIGHTS_NAME,
    add_words,
    make_pretraining,
    set_transformer,
)
from spacy_eiou.training.teacher import make_teacher_config
from spacy_eiou.training.texts import check_texts
from spacy_eiou.training.variations import write_variations
from spacy_eiou.training.vectors import load_tokenizer

N_TEACHERS = 3
# Steps of a teacher, which has the annotated documents only.
N_STEPS = 1000
N_VARIATIONS = 10
# The share of annotated documents in training, and where the texts are theirs, varied.
GOLD_SHARE = 0.5
GOLD_SHARE_OF_VARIED = 0.1
REPLACEMENT = {
    "@augmenters": "spacy_eiou.mention_replacement.v1",
    "level": 0.5,
    "spans_key": "sc",
    # Each text is read once, in all its forms.
    "copies": 20,
}

app = typer.Typer(help=__doc__, no_args_is_help=True)

STUDY_ARGUMENT = typer.Argument(..., help="Folder of study.yml, results.jsonl and RESULTS.md")
WORK_ARGUMENT = typer.Argument(..., help="Folder for texts, vectors and weights")
TRANSFORMER_ARGUMENT = typer.Argument(..., help="Package, folder or name of a transformer")
N_TEXTS_OPTION = typer.Option(0, help="The most texts to use, 0 for all")
GPU_OPTION = typer.Option(-1, "--gpu-id", "-g", help="GPU ID or -1 for CPU")
VARIANT_OPTION = typer.Option([], "--variant", help="Only these variants")
CODE_OPTION = typer.Option([], "--code", "-c", help="Python files to import first")
PROJECT_OPTION = typer.Option(".", "--project", "-p", help="Directory of project.yml")


@app.command("vectors")
def vectors_command(
    study_path: Path = STUDY_ARGUMENT,
    work_path: Path = WORK_ARGUMENT,
    transformer: str = TRANSFORMER_ARGUMENT,
    n_texts: int = N_TEXTS_OPTION,
    texts_path: Optional[Path] = typer.Option(
        None, "--texts", help="File of other texts to take instead (.jsonl)"
    ),
    max_megabytes: float = typer.Option(20.0, help="The most memory of the vectors"),
    use_gpu: int = GPU_OPTION,
    project_path: Path = PROJECT_OPTION,
) -> None:
    """
    Compute the hidden states of the texts of a study's first corpus, and make
    word vectors of them.
    """
    study = Study.read(study_path / "study.yml")
    corpus = next(iter(study.corpora))
    config = make_config(study, corpus, next(iter(study.variants)), project_path)
    if texts_path is None:
        docs = read_docs(project_path / "corpus" / corpus / "train.spacy", Vocab())
        texts = [doc.text for doc in docs]
    else:
        texts = [line["text"] for line in srsly.read_jsonl(texts_path)]
    texts = texts[: n_texts or None]
    work_path.mkdir(parents=True, exist_ok=True)
    config.to_disk(work_path / "config.cfg")
    if not (work_path / "vectors").exists():
        start = time.process_time()
        nlp = load_tokenizer(work_path / "config.cfg")
        srsly.write_jsonl(work_path / "texts.jsonl", [{"text": text} for text in texts])
        n_tokens = sum(map(len, nlp.tokenizer.pipe(texts)))
        times_per_word = add_words(work_path / "texts.jsonl", transformer, n_tokens)
        report = make_vectors(
            transformer,
            work_path / "texts.jsonl",
            work_path / "vectors",
            config_path=work_path / "config.cfg",
            cache=work_path / "cache",
            max_megabytes=max_megabytes,
            use_gpu=use_gpu,
        )
        seconds = time.process_time() - start
        numbers = {"n_texts": len(texts), "n_tokens": n_tokens, "times_per_word": times_per_word}
        write_json(
            work_path / "vectors.json", {**report._asdict(), **numbers, "cpu_seconds": seconds}
        )


@app.command("pretrain")
def pretrain_command(
    study_path: Path = STUDY_ARGUMENT,
    work_path: Path = WORK_ARGUMENT,
    transformer: str = TRANSFORMER_ARGUMENT,
    variants: List[str] = VARIANT_OPTION,
    use_gpu: int = GPU_OPTION,
    project_path: Path = PROJECT_OPTION,
) -> None:
    """
    Pretrain the encoders of a study, each of them once, and write the CPU
    seconds of each.
    """
    use_device(use_gpu)
    study = Study.read(study_path / "study.yml")
    corpus = next(iter(study.corpora))
    for name in variants or study.variants:
        weights = get_weights(work_path, name, study.variants[name])
        if "pretraining" in name and not weights.exists():
            config = make_config(study, corpus, name, project_path)
            texts = srsly.read_json(work_path / "vectors.json")
            config = set_transformer(
                config, transformer, texts["n_tokens"], texts["times_per_word"]
            )
            config["components"]["tok2vec"]["model"]["embed"]["include_static_vectors"] = (
                "vectors" in name
            )
            config = config.merge({"paths": get_paths(work_path, name, None)})
            config = make_pretraining(config, work_path / "texts.jsonl", work_path / "cache")
            start = time.process_time()
            with replacing(weights.parent) as path:
                path.mkdir()
                pretrain_encoder(config.interpolate(), path, use_gpu=use_gpu, silent=False)
            seconds = time.process_time() - start
            write_json(weights.parent.with_suffix(".json"), {"cpu_seconds": seconds})


@app.command("train")
def train_command(
    study_path: Path = STUDY_ARGUMENT,
    work_path: Path = WORK_ARGUMENT,
    results_path: Optional[Path] = typer.Option(
        None, "--results", help="File of results. Defaults to results.jsonl in STUDY"
    ),
    corpora: List[str] = typer.Option([], "--corpus", help="Only these corpora"),
    sizes: List[int] = typer.Option([], "--size", help="Only these numbers of documents"),
    variants: List[str] = VARIANT_OPTION,
    seeds: List[int] = typer.Option([], "--seed", help="Only these seeds"),
    transformer: Optional[str] = typer.Option(
        None, help="Package, folder or name of the transformer, for variants that have one teach"
    ),
    teacher_paths: List[Path] = typer.Option(
        [], "--teacher", help="Trained models to teach, beside each of which lie its CPU seconds"
    ),
    texts_path: Optional[Path] = typer.Option(
        None, "--texts", help="File of texts to annotate instead (.jsonl)"
    ),
    n_texts: int = N_TEXTS_OPTION,
    code_paths: List[Path] = CODE_OPTION,
    use_gpu: int = GPU_OPTION,
    project_path: Path = PROJECT_OPTION,
) -> None:
    """
    Train and score what is missing of a study.
    """
    for path in code_paths:
        import_code(path)
    use_device(use_gpu)
    study = Study.read(study_path / "study.yml")
    results_path = results_path or study_path / "results.jsonl"
    results = read_results(results_path)
    subsets = draw_subsets(study, project_path)
    for run in list_study_runs(study, project_path):
        chosen = [(run.corpus, corpora), (run.size, sizes), (run.variant, variants)]
        chosen.append((run.seed, seeds))
        if run in results or any(names and value not in names for value, names in chosen):
            continue
        config = make_config(study, run.corpus, run.variant, project_path)
        weights = get_weights(work_path, run.variant, study.variants[run.variant])
        config = config.merge({"paths": get_paths(work_path, run.variant, weights)})
        docs = subsets[run.corpus][run.seed][: run.size]
        start = time.process_time()
        if "self-training" in run.variant:
            teachers = teacher_paths or train_teachers(
                run, config, docs, transformer, work_path / "teachers", use_gpu
            )
            start = time.process_time()
            result = self_train_run(
                run, config, docs, teachers, transformer, texts_path, project_path, use_gpu
            )
            earlier = sum(srsly.read_json(get_seconds_path(path)) for path in teachers)
        else:
            earlier = 0.0
            result = train_run(run, config, docs, use_gpu=use_gpu)
        seconds = round(earlier + time.process_time() - start, 1)
        append_result(results_path, {**result, "n_texts": n_texts or None, "cpu_seconds": seconds})
        scores = {part: (result[part]["f"], result[part]["macro_f"]) for part in ("dev", "test")}
        print(run, scores, seconds)


@app.command("report")
def report_command(
    study_path: Path = STUDY_ARGUMENT,
    others: List[Path] = typer.Argument(None, help="Files of results to add to results.jsonl"),
    code_paths: List[Path] = CODE_OPTION,
    project_path: Path = PROJECT_OPTION,
) -> None:
    """
    Gather results, and write the tables and the plot of a study.
    """
    for path in code_paths:
        import_code(path)
    study = Study.read(study_path / "study.yml")
    results = read_results(study_path / "results.jsonl")
    runs = list_study_runs(study, project_path)
    for path in others or []:
        for run, result in read_results(path).items():
            if run in runs and run not in results:
                results[run] = result
                append_result(study_path / "results.jsonl", result)
    write_report(study, [results[run] for run in runs if run in results], study_path)


def list_study_runs(study: Study, project_path: Path) -> List[Run]:
    settings = {
        (corpus, variant): hash_settings(make_config(study, corpus, variant, project_path))
        for corpus in study.corpora
        for variant in study.variants
    }
    return list_runs(study, settings)


def make_config(study: Study, corpus: str, variant: str, project_path: Path) -> Config:
    """RETURNS (Config): The training config of a variant, without the paths of what is prepared."""
    config = make_variant_config(study, corpus, variant, project_path)
    embed = config["components"]["tok2vec"]["model"]["embed"]
    embed["include_static_vectors"] = "vectors" in variant
    if "mention replacement" in variant:
        config["corpora"]["train"]["augmenter"] = {**REPLACEMENT}
    return config


def get_weights(work_path: Path, name: str, variant: Variant) -> Path:
    """RETURNS (Path): The pretrained weights of a variant, which others can share."""
    vectors = "-vectors" if "vectors" in name else ""
    return work_path / f"pretrained-{variant.size}{vectors}" / WEIGHTS_NAME


def get_paths(work_path: Path, name: str, weights: Optional[Path]) -> Dict[str, Optional[str]]:
    """RETURNS (Dict[str, Optional[str]]): What a variant knows before, for the block [paths]."""
    return {
        "vectors": str(work_path / "vectors") if "vectors" in name else None,
        "init_tok2vec": str(weights) if weights and "pretraining" in name else None,
    }


def make_teacher(config: Config, transformer: str) -> Config:
    """RETURNS (Config): The training config that `self_train` has for a transformer."""
    # It has no word vectors and no pretrained encoder.
    paths = {**config["paths"], "vectors": None, "init_tok2vec": None}
    return make_teacher_config(config, transformer).merge({"paths": paths})


def train_teachers(
    run: Run,
    config: Config,
    docs: List[Doc],
    transformer: Optional[str],
    path: Path,
    use_gpu: int,
) -> List[Path]:
    """Train the teachers of a run, each of them once: runs can share them.
    RETURNS (List[Path]): Their folders, see `save_model`."""
    n_steps = min(N_STEPS, config["training"]["max_steps"])
    configs = [config.merge({"training": {"max_steps": n_steps}})] * N_TEACHERS
    if "taught by" in run.variant:
        if not transformer:
            raise typer.BadParameter(f"{run.variant}: expected --transformer")
        n_others = N_TEACHERS - 1 if "and others" in run.variant else 0
        configs[n_others:] = [make_teacher(config, transformer)]
    teachers = []
    for number, settings in enumerate(configs):
        seed = run.seed + number
        name = f"{run.corpus}-{run.size}-{run.seed}-{hash_settings(settings)}-{seed}"
        teachers.append(path / name)
        if not teachers[-1].exists():
            start = time.process_time()
            nlp = train_docs(settings, docs, seed=seed, use_gpu=use_gpu)
            save_model(nlp, teachers[-1], time.process_time() - start)
    return teachers


def save_model(nlp: Language, path: Path, seconds: float) -> None:
    """Save a model that can teach others, once its CPU seconds are beside it."""
    with replacing(path) as folder:
        nlp.to_disk(folder)
        write_json(get_seconds_path(path), round(seconds, 1))


def get_seconds_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def self_train_run(
    run: Run,
    config: Config,
    docs: List[Doc],
    teachers: List[Path],
    transformer: Optional[str],
    texts_path: Optional[Path],
    project_path: Path,
    use_gpu: int,
) -> Result:
    """Self-train with other texts, if none are given with those of the other documents, and score
    the model that is best on the dev part. RETURNS (Result): The result."""
    annotated = {doc.user_data["record_id"] for doc in docs}
    documents = list(read_docs(project_path / "corpus" / run.corpus / "train.spacy", Vocab()))
    with TemporaryDirectory() as name:
        folder = Path(name)
        others = [doc for doc in documents if doc.user_data["record_id"] not in annotated]
        gold_share = GOLD_SHARE if others or texts_path else GOLD_SHARE_OF_VARIED
        if texts_path is None:
            texts_path = folder / "texts.jsonl"
            # Where all are annotated, their variations are new.
            write_texts(texts_path, others or documents)
        if "variations" in run.variant:
            nlp = spacy.load(config["paths"]["vectors"])
            texts = check_texts(texts_path, max_length=nlp.max_length)
            texts_path = folder / "variations.jsonl"
            write_variations(
                nlp,
                texts,
                texts_path,
                n_variations=N_VARIATIONS,
                words=list_words(transformer) if transformer else [],
                seed=run.seed,
            )
        FastDocBin(docs=docs).to_disk(folder / "train.spacy")
        config.to_disk(folder / "config.cfg")
        overrides = {"paths.train": str(folder / "train.spacy"), "system.seed": run.seed}
        self_train(
            folder / "config.cfg",
            texts_path,
            folder / "output",
            teachers=teachers,
            gold_share=gold_share,
            overrides=overrides,
            use_gpu=use_gpu,
            silent=False,
        )
        nlp = spacy.load(folder / "output" / DIR_MODEL_BEST)
        return score_run(run, nlp, Path(config["paths"]["dev"]), use_gpu=use_gpu)


if __name__ == "__main__":
    app()
