"""Which parts of the recipe that trains a transformer matter: change one at a time.

python benchmarks/transformer_recipe.py benchmarks/studies/genia_transformer_recipe

The study names variants of VARIANTS, below. Each run is a file in the folder `runs` of the study,
so that several processes can share the work with `--variant` and `--seed`; results.jsonl and
RESULTS.md are made of all of them. A run that was stopped is trained again. A variant that is
"prepared" begins with the `--weights` of `spacy pretrain` with configs/transformer_pretraining.cfg.
Models that `--models` keeps can teach others, see pretraining.py.
"""

import signal
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import srsly
import typer
from pretraining import save_model
from spacy.util import load_config, registry, set_dot_to_object
from thinc.api import Config
from thinc.optimizers import FloatOrSeq

from spacy_eiou.files import to_json_line, write_file, write_json
from spacy_eiou.pipeline.loading import use_device
from spacy_eiou.studies import Result, Run, Study
from spacy_eiou.studies.compare import (
    draw_subsets,
    read_results,
    score_run,
    train_docs,
    write_report,
)
from spacy_eiou.studies.comparison import group_by
from spacy_eiou.studies.study import (
    hash_settings,
    list_runs,
    locate_transformer,
    make_variant_config,
)
from spacy_eiou.tables import format_mean, markdown_table
from spacy_eiou.training import AdamW, build_adamw_v1
from spacy_eiou.training.optimizer import clip_gradients

OPTIMIZER = "training.optimizer"
RATE = f"{OPTIMIZER}.learn_rate.initial_rate"
FACTOR = f"{OPTIMIZER}.encoder_factor"
# What begins with the weights that another transformer has prepared.
PREPARED = "prepared"
PRETRAINING = "configs/transformer_pretraining.cfg"
SPANS = "components.transformer.model.get_spans"
POOLING = "components.nested_spancat.model.tok2vec.pooling"


def batch_by_sequence(size: int) -> Dict[str, Any]:
    return {"@batchers": "spacy.batch_by_sequence.v1", "size": size}


def batch_by_length(size: int) -> Dict[str, Any]:
    return {"@batchers": "spacy_eiou.batch_by_length.v1", "size": size, "buffer": 256}


def batch_by_words(size: int) -> Dict[str, Any]:
    settings = {"size": size, "tolerance": 0.2, "discard_oversize": False}
    return {"@batchers": "spacy.batch_by_words.v1", **settings}


def batch_by_padded(size: int) -> Dict[str, Any]:
    settings = {"size": size, "buffer": 256, "discard_oversize": False}
    return {"@batchers": "spacy.batch_by_padded.v1", **settings}


RECIPE: Dict[str, Any] = {
    "training.batcher": batch_by_length(8),
    OPTIMIZER: {
        "@optimizers": "spacy_eiou.AdamW.v1",
        "encoder_factor": 0.2,
        "L2": 0.01,
        "grad_clip": 5.0,
        "learn_rate": {"@schedules": "warmup_linear.v1", "initial_rate": 0.001},
    },
}
# What differs from the recipe. "updates" is the factor of the number of updates.
VARIANTS: Dict[str, Dict[str, Any]] = {
    "recipe": {},
    "as before": {
        "updates": 600 / 1050,
        "training.batcher": batch_by_words(500),
        OPTIMIZER: {
            "@optimizers": "Adam.v1",
            "learn_rate": {"@schedules": "warmup_linear.v1", "initial_rate": 0.0005},
        },
    },
    "one rate, 0.0002": {RATE: 0.0002, FACTOR: 1.0},
    "one rate, 0.0005": {RATE: 0.0005, FACTOR: 1.0},
    "constant rate": {f"{OPTIMIZER}.learn_rate": 0.001},
    "all weights decay": {f"{OPTIMIZER}.@optimizers": "transformer_recipe.decay_all"},
    "no weight decay": {f"{OPTIMIZER}.L2": 0.0},
    "each gradient clipped": {f"{OPTIMIZER}.@optimizers": "transformer_recipe.clip_each"},
    "no clipping": {f"{OPTIMIZER}.grad_clip": 0.0},
    "batches of 500 words": {"updates": 440 / 1050, "training.batcher": batch_by_words(500)},
    "batches of any length": {"training.batcher": batch_by_sequence(8)},
    "batch_by_padded": {"training.batcher": batch_by_padded(250)},
    "batches of 16": {"updates": 0.5, "training.batcher": batch_by_length(16)},
    "first piece": {POOLING: {"@layers": "reduce_first.v1"}},
    "maximum of pieces": {POOLING: {"@layers": "reduce_max.v1"}},
    "layer decay 0.9": {f"{OPTIMIZER}.layer_decay": 0.9},
    "layer decay 0.8": {f"{OPTIMIZER}.layer_decay": 0.8},
    "averages": {f"{OPTIMIZER}.use_averages": True},
    "encoder rate 0.0001": {FACTOR: 0.1},
    "encoder rate 0.0004": {FACTOR: 0.4},
    "head rate 0.0005": {RATE: 0.0005, FACTOR: 0.4},
    "head rate 0.002": {RATE: 0.002, FACTOR: 0.1},
    "8 passes": {"updates": 8 / 6},
    PREPARED: {},
    f"{PREPARED}, whole documents": {
        "training.batcher": batch_by_length(1),
        f"{SPANS}.window": 256,
        f"{SPANS}.stride": 192,
    },
}


@registry.optimizers("transformer_recipe.decay_all")
def build_decay_all(
    learn_rate: FloatOrSeq, encoder_factor: float, L2: float, grad_clip: float
) -> AdamW:
    """Biases and weights of norms decay as well."""
    optimizer = build_adamw_v1(
        learn_rate, encoder_factor=encoder_factor, L2=L2, grad_clip=grad_clip
    )
    optimizer._find_weight_decay = lambda key, weights: L2
    return optimizer


@registry.optimizers("transformer_recipe.clip_each")
def build_clip_each(
    learn_rate: FloatOrSeq, encoder_factor: float, L2: float, grad_clip: float
) -> AdamW:
    """The gradient of each weight has a norm of its own, at most 1, as with Thinc."""
    optimizer = build_adamw_v1(learn_rate, encoder_factor=encoder_factor, L2=L2)
    optimizer._clip = lambda gradients: [clip_gradients([one], 1.0) for one in gradients]
    return optimizer


def main(
    study_path: Path = typer.Argument(..., help="Folder of study.yml, runs and RESULTS.md"),
    variants: List[str] = typer.Option([], "--variant", help="Variants. Defaults to all"),
    seeds: List[int] = typer.Option([], "--seed", help="Seeds. Defaults to all"),
    runs_path: Optional[Path] = typer.Option(
        None, "--runs", help="Folder for a file per run. Defaults to runs in the study's folder"
    ),
    weights: Optional[Path] = typer.Option(None, help="Pretrained weights, for `prepared`"),
    models_path: Optional[Path] = typer.Option(
        None, "--models", help="Folder to keep the models in, each with its CPU seconds beside it"
    ),
    report_only: bool = typer.Option(False, "--report-only", help="Train nothing"),
    max_steps: Optional[int] = typer.Option(None, help="Another number of updates, for a trial"),
    max_seconds: int = typer.Option(0, help="End with an error after this time, 0 for never"),
    use_gpu: int = typer.Option(-1, "--gpu-id", "-g", help="GPU ID or -1 for CPU"),
    project_path: Path = typer.Option(".", "--project", "-p", help="Directory of project.yml"),
) -> None:
    """
    Train the variants of a study with its seeds, and write tables.
    """
    study = Study.read(study_path / "study.yml")
    if max_steps is not None:
        study.training.update(max_steps=max_steps, eval_frequency=max_steps)
    (corpus,) = study.corpora
    names = variants or list(study.variants)
    configs = {name: make_config(study, corpus, name, project_path) for name in names}
    settings = {(corpus, name): hash_settings(config) for name, config in configs.items()}
    study.variants = {name: study.variants[name] for name in names}
    study.seeds = seeds or study.seeds
    runs = list_runs(study, settings)
    runs_path = runs_path or study_path / "runs"
    runs_path.mkdir(parents=True, exist_ok=True)
    paths = {run: runs_path / f"{run.variant}, {run.size}, {run.seed}.json" for run in runs}
    results = read_results(study_path / "results.jsonl")
    results.update((run, srsly.read_json(path)) for run, path in paths.items() if path.exists())
    missing = [] if report_only else [run for run in runs if run not in results]
    prepared = {run.variant for run in missing if PREPARED in run.variant}
    if prepared:
        if weights is None:
            raise typer.BadParameter(f"Expected --weights for {', '.join(sorted(prepared))}")
        for name in prepared:
            configs[name] = configs[name].merge(begin_with(weights, project_path))
    for run in missing:
        with bounded(max_seconds):
            results[run] = train(
                study, run, configs[run.variant], models_path, project_path, use_gpu
            )
        write_json(paths[run], results[run])
    if not (variants or seeds):
        found = [results[run] for run in runs if run in results]
        lines = "".join(map(to_json_line, found))
        write_file(study_path / "results.jsonl", lines.encode("utf8"))
        write_report(study, found, study_path)
        report = (study_path / "RESULTS.md").read_text("utf8") + format_dev_scores(found)
        write_file(study_path / "RESULTS.md", report.encode("utf8"))


def make_config(study: Study, corpus: str, variant: str, project_path: Path) -> Config:
    """RETURNS (Config): The training config of a variant."""
    config = make_variant_config(study, corpus, variant, project_path)
    settings = {**VARIANTS[variant]}
    max_steps = round(config["training"]["max_steps"] * settings.pop("updates", 1.0))
    settings["training.max_steps"] = max_steps
    settings["training.eval_frequency"] = -(-max_steps // 5)
    for name, value in Config({**RECIPE, **settings}).copy().items():
        set_dot_to_object(config, name, value)
    schedule = config["training"]["optimizer"]["learn_rate"]
    if isinstance(schedule, dict):
        schedule.update(warmup_steps=max_steps // 10, total_steps=max_steps)
    return config


def begin_with(weights: Path, project_path: Path) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): The settings of a model that begins with pretrained weights."""
    pretraining = load_config(project_path / PRETRAINING, interpolate=True)["pretraining"]
    return {"pretraining": pretraining, "initialize": {"init_tok2vec": str(weights.resolve())}}


def train(
    study: Study,
    run: Run,
    config: Config,
    models_path: Optional[Path],
    project_path: Path,
    use_gpu: int,
) -> Result:
    """RETURNS (Result): The result of a run, and how long it took."""
    use_device(use_gpu)
    docs = draw_subsets(study, project_path)[run.corpus][run.seed][: run.size]
    started, cpu_started = time.monotonic(), time.process_time()
    nlp = train_docs(locate_transformer(config), docs, seed=run.seed, use_gpu=use_gpu)
    if models_path is not None:
        path = models_path / f"{run.variant}-{run.size}-{run.seed}"
        save_model(nlp, path, time.process_time() - cpu_started)
    result = score_run(run, nlp, Path(config["paths"]["dev"]), use_gpu=use_gpu)
    result["seconds"] = time.monotonic() - started
    result["cpu_seconds"] = time.process_time() - cpu_started
    scores = {part: [result[part][name] for name in ("f", "macro_f")] for part in ("dev", "test")}
    print(run, scores, result["seconds"], flush=True)
    return result


def format_dev_scores(results: List[Result]) -> str:
    """RETURNS (str): The scores on the dev part, and the time of each variant, in Markdown."""
    rows = []
    for size, same_size in group_by("size", results).items():
        for variant, own in group_by("variant", same_size).items():
            dev = [format_mean(100 * run["dev"][name] for run in own) for name in ("f", "macro_f")]
            seconds = [format_mean(run[name] for run in own) for name in ("seconds", "cpu_seconds")]
            rows.append([variant, f"{size:,}", str(len(own)), *dev, *seconds])
    header = ["variant", "documents", "seeds", "micro F", "macro F", "seconds", "CPU seconds"]
    text = (
        "\n## Dev part, by which to choose\n\n"
        "The seconds are those of training with its evaluations, and of scoring.\n\n"
    )
    return text + markdown_table(header, rows)


@contextmanager
def bounded(seconds: int) -> Iterator[None]:
    """End the process with an error after some time."""

    def stop(*_: Any) -> None:
        raise SystemExit(f"Stopped after {seconds} seconds")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    yield
    signal.alarm(0)


if __name__ == "__main__":
    typer.run(main)
