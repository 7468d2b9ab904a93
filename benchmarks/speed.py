"""Compare the speed and memory of `nested_spancat`, `spancat` and their encoder alone.

Each side runs in a process of its own, and the sides take turns, so that other work of the machine
slows all of them down alike. This process stays small: on Linux, the peak memory of a process
starts at that of the one that started it.
"""

import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Dict, List, Optional, Sequence

import srsly
import typer

from spacy_eiou.provenance import get_provenance

FOLDER = Path(__file__).parent
SAMPLE = FOLDER.parent / "assets" / "sample_biomedical" / "train.jsonl"
SIDES = ("encoder", "spancat", "nested_spancat")
ENCODERS = ("spacy.Tok2Vec.v2", "spacy_eiou.Tok2Vec.v1")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

Measurement = Dict[str, float]


@dataclass(frozen=True)
class Setting:
    """What is measured.

    task (str): "predict", "train" or "load" (a model and its first prediction).
    max_width (int): The widest candidate, in tokens.
    doc_words (int): The least words per doc: docs of the corpus are joined until they have them.
    batch_words (int): Words per batch.
    threads (int): Threads per process.
    gpu_id (int): The GPU, or -1 for the CPU.
    encoder (str): The architecture of the encoder, or the name of a transformer. All sides share
        it, apart from "spacy_encoder", spaCy's encoder alone.
    size (str): The size of the encoder, of `ENCODER_SIZES`.
    vectors (Optional[str]): Folder of the static vectors of the encoder, if it has some.
    cpu_bfloat16 (bool): Whether "spacy_eiou.Tok2Vec.v1" predicts in bfloat16.
    sides (Sequence[str]): What is compared.
    """

    task: str
    max_width: int = 24
    doc_words: int = 1
    batch_words: int = 1000
    threads: int = 1
    gpu_id: int = -1
    encoder: str = ENCODERS[0]
    size: str = "medium"
    vectors: Optional[str] = None
    cpu_bfloat16: bool = False
    sides: Sequence[str] = SIDES


class Side:
    """A process that measures one side of a comparison whenever it is asked to."""

    def __init__(self, settings: Dict[str, Any]) -> None:
        variables = dict.fromkeys(THREAD_VARIABLES, str(settings["threads"]))
        self.process = subprocess.Popen(
            [sys.executable, FOLDER / "speed_side.py", srsly.json_dumps(settings)],
            env={**os.environ, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Side":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.process.communicate()
        if self.process.returncode and exc_info[0] is None:
            raise RuntimeError(f"A process failed, see above: {self.process.args!r}")

    def measure(self) -> Measurement:
        """Run one round and wait for it.

        RETURNS (Measurement): "seconds", "peak_mb", "words" and, after predictions, "spans".
        RAISES (RuntimeError): If the process fails. It says why on standard error.
        """
        assert self.process.stdin is not None and self.process.stdout is not None
        print(file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"A process failed, see above: {self.process.args!r}")
        return srsly.json_loads(line)


def main(
    corpus: Path = typer.Option(SAMPLE, help="Annotated docs: .spacy or .jsonl", exists=True),
    output: Path = typer.Option(
        FOLDER / "speed", help="Directory for speed.json, its report and plot"
    ),
    rounds: int = typer.Option(5, help="Rounds per comparison, after one to warm up"),
    words: int = typer.Option(10_000, help="Words per round"),
    gpu_id: int = typer.Option(-1, "--gpu-id", "-g", help="GPU to measure as well, -1 for none"),
    transformer: Optional[str] = typer.Option(None, help="Transformer to measure as well"),
    quick: bool = typer.Option(False, "--quick", help="Only check that everything runs"),
) -> None:
    """
    Measure words per second and peak memory of nested_spancat, spancat and
    their encoder alone, and write a report.
    """
    settings = quick_settings() if quick else full_settings(gpu_id, transformer)
    if quick:
        rounds, words = 1, 200
    result = {**get_provenance(), "corpus": corpus.name, "rounds": rounds, "words": words}
    with TemporaryDirectory() as models:
        prepare_models(settings, corpus, Path(models), words)
        comparisons = []
        for setting in settings:
            typer.echo(f"{setting}", err=True)
            comparisons.append(compare(setting, corpus, Path(models), rounds, words))
    output.mkdir(parents=True, exist_ok=True)
    srsly.write_json(output / "speed.json", {**result, "comparisons": comparisons})
    # Only now, as matplotlib takes memory.
    from speed_report import write_report

    write_report(output / "speed.json")


def quick_settings() -> List[Setting]:
    settings = [Setting(task, max_width=4) for task in ("predict", "train")]
    return [
        *settings,
        Setting("predict", 4, encoder=ENCODERS[1], sides=("spacy_encoder", "encoder")),
    ]


def full_settings(gpu_id: int, transformer: Optional[str]) -> List[Setting]:
    settings = [
        Setting(task, max_width=width, encoder=encoder)
        for encoder in ENCODERS
        for task in ("predict", "train")
        for width in (12, 24, 48)
    ]
    encoders = ("spacy_encoder", "encoder")
    without_spancat = ("encoder", "nested_spancat")
    settings += [
        Setting(task, encoder=ENCODERS[1], sides=encoders) for task in ("predict", "train")
    ]
    settings += [Setting("predict", doc_words=n) for n in (20, 200, 2000, 20_000)]
    settings += [Setting("predict", batch_words=n) for n in (250, 4000)]
    settings += [Setting(task, threads=2) for task in ("predict", "train")]
    if gpu_id >= 0:
        settings += [Setting(task, gpu_id=gpu_id) for task in ("predict", "train")]
    if transformer is not None:
        settings.append(Setting("predict", encoder=transformer, sides=without_spancat))
    # spancat copies each token of each candidate, and would need more memory than there is.
    settings.append(Setting("predict", doc_words=100_000, sides=without_spancat))
    settings.append(Setting("load"))
    return settings


def prepare_models(settings: List[Setting], corpus: Path, models: Path, words: int) -> None:
    """Train the models that are compared, and save them."""
    for setting in settings:
        for side in setting.sides:
            settings_of_side = side_settings(setting, side, corpus, models, words)
            if not Path(settings_of_side["model"]).exists():
                with Side({**settings_of_side, "task": "prepare", "doc_words": 1, "words": words}):
                    pass


def compare(
    setting: Setting, corpus: Path, models: Path, rounds: int, words: int
) -> Dict[str, Any]:
    """Measure the sides in turns.

    RETURNS (Dict[str, Any]): The setting, the measurements of each side and their ratios.
    """
    sides = {side: side_settings(setting, side, corpus, models, words) for side in setting.sides}
    raw: Dict[str, List[Measurement]] = {side: [] for side in sides}
    with ExitStack() as stack:
        if setting.task != "load":
            processes = {side: stack.enter_context(Side(sides[side])) for side in sides}
        for number in range(rounds + 1):
            # spancat leaves nothing of the others in the processor's cache: in every other round,
            # it comes before the encoder instead.
            for side in sides if number % 2 else reversed(sides):
                if setting.task != "load":
                    raw[side].append(processes[side].measure())
                else:
                    # Only a new process loads a model for the first time.
                    with Side(sides[side]) as process:
                        raw[side].append(process.measure())
    raw = {side: measurements[1:] for side, measurements in raw.items()}
    return {**asdict(setting), "raw": raw, "ratios": ratios(raw)}


def side_settings(
    setting: Setting, side: str, corpus: Path, models: Path, words: int
) -> Dict[str, Any]:
    kind = (setting.encoder, setting.size, bool(setting.vectors), setting.cpu_bfloat16)
    return {
        **asdict(setting),
        "side": side,
        "corpus": str(corpus),
        "model": str(models / "-".join(map(str, (side, *kind, setting.max_width)))),
        "words": max(words, setting.doc_words),
    }


def ratios(raw: Dict[str, List[Measurement]]) -> Dict[str, float]:
    """How the last side compares with the others, by the medians of what was measured.

    raw (Dict[str, List[Measurement]]): The measurements of each side.
    RETURNS (Dict[str, float]): Seconds of the others divided by its own, its peak memory above
        that of the encoder in MB, and that memory divided by `spancat`'s.
    """
    seconds = {side: median(m["seconds"] for m in raw[side]) for side in raw}
    peaks = {side: max(m["peak_mb"] for m in raw[side]) for side in raw}
    *others, last = raw
    result = {f"times_{side}": seconds[side] / seconds[last] for side in others}
    if "encoder" in others:
        above = {side: peak - peaks["encoder"] for side, peak in peaks.items()}
        result["memory_above_encoder_mb"] = above[last]
        if above.get("spancat", 0) > 0:
            result["memory_of_spancat"] = above[last] / above["spancat"]
    return result


if __name__ == "__main__":
    typer.run(main)
