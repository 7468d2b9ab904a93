"""Which way to take: the test scores of this project's models and spaCy's against their speed.

The scores are those of the studies on GENIA. The speed is measured, with the encoders that the
studies have and candidates of up to 12 tokens:

python benchmarks/tradeoff.py measure corpus/genia/dev.spacy VECTORS TRANSFORMER
python benchmarks/tradeoff.py report

VECTORS is a folder that `eiou vectors` wrote, TRANSFORMER the package, folder or name of the MiniLM
of the studies.
"""

from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Dict, List, NamedTuple, Tuple

import srsly
import typer
from matplotlib import rc_context
from matplotlib.figure import Figure
from speed import ENCODERS, Measurement, Setting, Side, prepare_models, side_settings
from speed_report import describe_measurement

from spacy_eiou.files import write_file, write_json
from spacy_eiou.provenance import get_provenance
from spacy_eiou.studies.compare import read_results
from spacy_eiou.tables import format_mean, markdown_table

FOLDER = Path(__file__).parent
OUTPUT = FOLDER / "tradeoff"
MAX_WIDTH = 12
COLORS = {"spancat": "tab:gray", "spancat_singlelabel": "tab:orange", "nested_spancat": "tab:blue"}
MARKERS = {300: "o", 1400: "s", 15022: "^"}
DESCRIPTION = """\
# Which way to take

Test part of GENIA: mean and deviation of three seeds. The speed is that of the whole pipeline on
sentences of GENIA, in one thread of a CPU; all components have the same encoders. Written by
`benchmarks/tradeoff.py` from the studies that are named and from `speed.json`.

- *prepared*: the encoder has learned from MPNet and the text of all sentences; a CNN has static
  vectors as well ([few examples](../../docs/few-examples.md))
- *self-trained*: the model has also learned from what three others found in the sentences without
  annotation
- *taught by MPNet*: from what MPNet, trained on the annotated sentences, found in the others;
  *taught by MiniLM*: from what MiniLM found in sentences of other corpora
- *large*: an encoder of twice the width, with `cpu_bfloat16`
"""

app = typer.Typer(help=__doc__, no_args_is_help=True)


class Model(NamedTuple):
    """A point of the plot.

    title (str): What the model is.
    component (str): Its component.
    encoder (str): What it was measured with, a key of `make_settings`.
    study (str): The study that has its scores.
    variant (str): Its name there.
    size (int): The training sentences.
    way (str): How to make such a model, if it is one to recommend.
    texts (int): The sentences without annotation that this takes.
    """

    title: str
    component: str
    encoder: str
    study: str
    variant: str
    size: int
    way: str = ""
    texts: int = 0


def make_models(component: str, models: List[Tuple[Any, ...]]) -> List[Model]:
    return [Model(title, component, *fields) for title, *fields in models]


RUN_ALL = "`project run all`"
PAGE = "https://github.com/spacy-eiou/spacy-eiou/blob/main/docs/few-examples.md"
FEW_EXAMPLES = f"[`project run few_examples`]({PAGE})"
PREPARED_TRANSFORMER = (
    f"[`spacy pretrain` and `train`]({PAGE}#a-transformer-as-the-final-model), "
    "MiniLM prepared by MPNet"
)
N_SENTENCES = 15_022
# Of other biomedical corpora, see biomedical_texts.py.
N_OTHERS = 78_561
MODELS = [
    *make_models(
        "spancat",
        [("spancat", "CNN", "genia_300", "spancat", 300)],
    ),
    *make_models(
        "spancat_singlelabel",
        [
            ("spancat_singlelabel", "CNN", "genia_300", "spancat_singlelabel", 300),
            ("with MiniLM", "MiniLM", "genia_minilm", "spancat_singlelabel with MiniLM", 1400),
            ("spancat_singlelabel", "CNN", "genia", "spancat_singlelabel", 15022),
        ],
    ),
    *make_models(
        "nested_spancat",
        [
            ("nested_spancat", "CNN", "genia_300", "nested_spancat", 300, RUN_ALL),
            (
                "self-trained",
                "CNN",
                "genia_300_few_examples",
                "few examples",
                300,
                FEW_EXAMPLES,
                N_SENTENCES - 300,
            ),
            (
                "prepared",
                "CNN with vectors",
                "genia_300_pretraining_longer",
                "vectors and pretraining",
                300,
            ),
            (
                "prepared, self-trained",
                "CNN with vectors",
                "genia_300_pretraining_recipe_mpnet",
                "vectors, pretraining and self-training",
                300,
            ),
            (
                "prepared, taught by MPNet",
                "CNN with vectors",
                "genia_300_pretraining_recipe_mpnet",
                "vectors, pretraining and self-training, taught by MPNet",
                300,
                f"{FEW_EXAMPLES}, with `--vars.transformer` (MPNet) and `--vars.n_teachers 1`",
                N_SENTENCES - 300,
            ),
            ("with MiniLM", "MiniLM", "genia_minilm_prepared", "recipe", 1400),
            (
                "with MiniLM, prepared",
                "MiniLM",
                "genia_minilm_prepared",
                "prepared",
                1400,
                PREPARED_TRANSFORMER,
                N_SENTENCES - 1400,
            ),
            ("nested_spancat", "CNN", "genia", "nested_spancat", 15022, RUN_ALL),
            (
                "with MiniLM",
                "MiniLM",
                "genia_minilm_all",
                "recipe",
                15022,
                f"{RUN_ALL}, with `--vars.config transformer` (MiniLM)",
            ),
            ("with MiniLM, prepared", "MiniLM", "genia_minilm_all", "prepared", 15022),
            (
                "large, prepared",
                "large CNN with vectors, bfloat16",
                "genia_large",
                "large, vectors and pretraining",
                15022,
            ),
            (
                "large, prepared, taught by MiniLM",
                "large CNN with vectors, bfloat16",
                "genia_large_taught",
                "large, vectors, pretraining and self-training, taught by MiniLM",
                15022,
                f"[`self-train --teacher`]({PAGE}#many-annotated-documents), a CNN of size "
                "`large`, prepared by MPNet, taught by MiniLM",
                N_OTHERS,
            ),
        ],
    ),
]


@app.command("measure")
def measure_command(
    corpus: Path = typer.Argument(..., help="Annotated docs: .spacy", exists=True),
    vectors: Path = typer.Argument(..., help="Folder of static vectors", exists=True),
    transformer: str = typer.Argument(..., help="Package, folder or name of the transformer"),
    rounds: int = typer.Option(5, help="Rounds, after one to warm up"),
    words: int = typer.Option(10_000, help="Words per round"),
) -> None:
    """
    Measure the words per second of each component with each encoder.
    """
    settings = make_settings(str(vectors), transformer)
    result = {**get_provenance(threads=1), "corpus": corpus.name, "rounds": rounds, "words": words}
    with TemporaryDirectory() as models:
        prepare_models(list(settings.values()), corpus, Path(models), words)
        measured = measure_in_turns(settings, corpus, Path(models), rounds, words)
    write_json(OUTPUT / "speed.json", {**result, "measured": measured})


def measure_in_turns(
    settings: Dict[str, Setting], corpus: Path, models: Path, rounds: int, words: int
) -> Dict[str, Dict[str, List[Measurement]]]:
    """RETURNS (Dict[str, Dict[str, List[Measurement]]]): The rounds of each component with each
    encoder, after one to warm up. In each round, all of them have their turn."""
    measured: Dict[str, Dict[str, List[Measurement]]] = {name: {} for name in settings}
    with ExitStack() as stack:
        processes = {
            (name, side): stack.enter_context(
                Side(side_settings(setting, side, corpus, models, words))
            )
            for name, setting in settings.items()
            for side in setting.sides
        }
        for _ in range(rounds + 1):
            for (name, side), process in processes.items():
                measured[name].setdefault(side, []).append(process.measure())
    return {
        name: {side: raw[1:] for side, raw in sides.items()} for name, sides in measured.items()
    }


def make_settings(vectors: str, transformer: str) -> Dict[str, Setting]:
    """RETURNS (Dict[str, Setting]): What is measured, by the name of the encoder."""

    def make_setting(**options: Any) -> Setting:
        return Setting("predict", MAX_WIDTH, **options)

    nested = ("nested_spancat",)
    large = dict(encoder=ENCODERS[1], size="large", vectors=vectors, sides=nested)
    return {
        "CNN": make_setting(encoder=ENCODERS[1], sides=tuple(COLORS)),
        "small CNN": make_setting(encoder=ENCODERS[1], size="small", sides=nested),
        "large CNN": make_setting(encoder=ENCODERS[1], size="large", sides=nested),
        "CNN with vectors": make_setting(encoder=ENCODERS[1], vectors=vectors, sides=nested),
        "large CNN with vectors": make_setting(**large),
        "large CNN with vectors, bfloat16": make_setting(**large, cpu_bfloat16=True),
        "MiniLM": make_setting(encoder=transformer, sides=tuple(COLORS)[1:]),
    }


@app.command("report")
def report_command() -> None:
    """
    Write the table and the plot.
    """
    result = srsly.read_json(OUTPUT / "speed.json")
    points = [(model, get_speed(result, model), get_scores(model)) for model in MODELS]
    write_file(OUTPUT / "TRADEOFF.md", make_report(result, points).encode("utf8"))
    plot(points, OUTPUT / "tradeoff.svg")


def get_speed(result: Dict[str, Any], model: Model) -> float:
    """RETURNS (float): The words per second of a model."""
    raw = result["measured"][model.encoder][model.component]
    return float(median(item["words"] / item["seconds"] for item in raw))


def get_scores(model: Model) -> Dict[str, List[float]]:
    """RETURNS (Dict[str, List[float]]): The micro ("f") and macro F ("macro_f") of each seed."""
    results = read_results(FOLDER / "studies" / model.study / "results.jsonl")
    found = [
        result["test"]
        for run, result in results.items()
        if (run.corpus, run.variant, run.size) == ("genia", model.variant, model.size)
    ]
    return {name: [100 * scores[name] for scores in found] for name in ("f", "macro_f")}


Points = List[Tuple[Model, float, Dict[str, List[float]]]]


def make_report(result: Dict[str, Any], points: Points) -> str:
    """RETURNS (str): TRADEOFF.md."""
    rows = [
        [
            model.component,
            "" if model.title == model.component else model.title,
            f"{model.size:,}",
            format_mean(scores["f"]),
            format_mean(scores["macro_f"]),
            f"{speed:,.0f}",
            f"{1000 / speed:.3f}",
            f"[{model.study}](../studies/{model.study}/RESULTS.md)",
        ]
        for model, speed, scores in points
    ]
    header = [
        "component",
        "way",
        "sentences",
        "micro F",
        "macro F",
        "words/s",
        "seconds per 1,000 words",
        "study",
    ]
    lines = "\n".join(describe_measurement(result))
    table = markdown_table(header, rows, n_text=2)
    return f"{DESCRIPTION}\n{table}\n![Micro F and words per second](tradeoff.svg)\n\n{lines}\n"


def make_ways(benchmarks_path: Path) -> str:
    """RETURNS (str): A table of the models to recommend, those with few sentences first."""
    result = srsly.read_json(benchmarks_path / "tradeoff" / "speed.json")
    rows = []
    for model in sorted(filter(lambda model: model.way, MODELS), key=lambda model: model.size):
        scores = get_scores(model)
        cells = [format_mean(scores[name]) for name in ("f", "macro_f")]
        seconds = f"{1000 / get_speed(result, model):.3f}"
        texts = f"{model.texts:,}" if model.texts else ""
        rows.append([model.way, f"{model.size:,}", texts, " / ".join(cells), seconds])
    header = ["the way", "annotated", "only text", "micro / macro F1", "CPU s / 1,000 words"]
    return markdown_table(header, rows)


def plot(points: Points, path: Path) -> None:
    """Plot micro F against words per second."""
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    for model, speed, scores in points:
        mean = sum(scores["f"]) / len(scores["f"])
        axes.plot(
            speed, mean, MARKERS[model.size], color=COLORS[model.component], markersize=8, alpha=0.8
        )
        # As fast as the others or slower: they have the space on the left.
        is_left = "prepared" in model.title
        axes.annotate(
            model.title,
            (speed, mean),
            xytext=(-7 if is_left else 7, -3),
            ha="right" if is_left else "left",
            textcoords="offset points",
            fontsize=8,
        )
    for component, color in COLORS.items():
        axes.plot([], [], "o", color=color, label=component)
    for size, marker in MARKERS.items():
        axes.plot([], [], marker, color="black", label=f"{size:,} training sentences")
    axes.set(xscale="log", xlabel="words per second, one CPU thread", ylabel="micro F on test (%)")
    axes.set_xlim(right=1_000_000)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    # The same results give the same bytes.
    with rc_context({"svg.hashsalt": "spacy_eiou"}):
        figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    app()
