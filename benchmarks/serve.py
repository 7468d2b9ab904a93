"""How many texts a second `eiou serve` annotates, against `nlp.pipe` of the same texts, and how
long an answer takes.

The server, all clients together (`serve_clients.py`) and `nlp.pipe` have a process each, which
computes with one thread. `nlp.pipe` and the server take turns, so that other work of the machine
slows both down alike. The clients share the machine with the server: how much of a core they take
is stated.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from statistics import fmean, median
from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple

import matplotlib
import spacy
import srsly
import typer
from matplotlib.figure import Figure
from speed_report import describe_measurement

from spacy_eiou.annotation import SourceText, read_texts
from spacy_eiou.annotation.source_files import guess_text_format
from spacy_eiou.provenance import get_provenance
from spacy_eiou.tables import markdown_table

FOLDER = Path(__file__).parent
MAX_CHARS = 100_000
# nlp.pipe takes no longer turns, and neither does what comes before the first one.
SECONDS_OF_PIPE = 5.0
# What a process may take beside its measurement: it loads the model, and reads all texts once.
MORE_SECONDS = 120
# Clients x texts of a request.
LOADS = ["1x1", "8x1", "64x1", "8x32"]
HEADER = (
    *("Words of a text", "Texts of a request", "Clients", "Cores", "Texts a second", "nlp.pipe"),
    *("of nlp.pipe", "Median (ms)", "99 % (ms)", "Errors"),
)
CPU_HEADER = (
    *("Words of a text", "Texts of a request", "Clients", "Cores", "Server (ms)", "nlp.pipe (ms)"),
    *("Clients (ms)", "Cores of the server", "Cores of the clients"),
)

Run = Dict[str, Any]


def main(
    model: str = typer.Argument(..., help="Name or path of the pipeline"),
    texts_path: str = typer.Argument(..., help="Texts, as eiou annotate reads them"),
    words: List[int] = typer.Option([1, 200], help="Least words of a text: texts are joined"),
    loads: List[str] = typer.Option(LOADS, help="Clients x texts of a request, as 8x32"),
    seconds: float = typer.Option(60.0, help="Seconds of the server, over all rounds"),
    rounds: int = typer.Option(5, help="How often nlp.pipe and the server take turns"),
    n_texts: int = typer.Option(2_000, help="Most different texts"),
    output: Path = typer.Option(FOLDER / "serve", help="Folder of the results"),
) -> None:
    """
    Write serve.json, SERVE.md and serve.svg.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    found = read_texts(texts_path, guess_text_format(texts_path), max_length=MAX_CHARS)
    texts = [item.text for item in found if isinstance(item, SourceText)]
    runs: List[Run] = []
    result = {
        **get_provenance(threads=1),
        "model": Path(model).name,
        "texts": Path(texts_path).name,
    }
    result.update(seconds=seconds, rounds=rounds, runs=runs)
    output.mkdir(parents=True, exist_ok=True)
    for least in words:
        joined = list(islice(join_texts(texts, least), n_texts))
        n_words = fmean(len(text.split()) for text in joined)
        for load in loads:
            n_clients, size = map(int, load.split("x"))
            for n_cores in (1, os.cpu_count()):
                measured = measure(
                    model, joined, n_clients, size, seconds / rounds, rounds, n_cores
                )
                settings = {"words": n_words, "clients": n_clients, "texts_of_a_request": size}
                runs.append({**settings, "n_cores": n_cores, **measured})
                typer.echo(json.dumps(runs[-1]), err=True)
                # What was measured is kept if a later measurement fails.
                srsly.write_json(output / "serve.json", result)
    write_report(output / "serve.json")


def join_texts(texts: Iterable[str], least: int) -> Iterator[str]:
    """YIELDS (str): Texts that follow each other, joined until they have so many words."""
    joined: List[str] = []
    for text in texts:
        joined.append(text)
        if sum(len(part.split()) for part in joined) >= least:
            yield " ".join(joined)
            joined = []


def measure(
    model: str,
    texts: List[str],
    n_clients: int,
    size: int,
    seconds: float,
    rounds: int,
    n_cores: Optional[int],
) -> Dict[str, List[Run]]:
    """Let `nlp.pipe` and the server take turns.

    model (str): Name or path of the pipeline.
    texts (List[str]): The texts.
    n_clients (int): The number of clients.
    size (int): The texts of a request: 1 are sent as a text, more as a list.
    seconds (float): How long the clients send requests.
    rounds (int): The number of turns.
    n_cores (Optional[int]): The cores that the server may use. If None, all of them.
    RETURNS (Dict[str, List[Run]]): What was measured of "pipe" and "server" in each.
    """
    starts = range(0, len(texts) - size + 1, size)
    bodies = [
        json.dumps({"text": texts[start] if size == 1 else texts[start : start + size]})
        for start in starts
    ]
    pipe, server = [], []
    with serving(model, n_cores) as (port, pid):
        # The first requests are those of a new process.
        run_clients(port, bodies, n_clients, min(seconds, SECONDS_OF_PIPE))
        for _ in range(rounds):
            settings = {"model": model, "texts": texts, "seconds": min(seconds, SECONDS_OF_PIPE)}
            pipe.append(run_process("--pipe", settings))
            before = get_cpu_seconds(pid)
            run = run_clients(port, bodies, n_clients, seconds)
            run["server_cpu_seconds"] = get_cpu_seconds(pid) - before
            server.append({**run, "texts": run["requests"] * size})
    return {"pipe": pipe, "server": server}


def run_clients(port: int, bodies: List[str], n_clients: int, seconds: float) -> Run:
    settings = {"port": port, "bodies": bodies, "n_clients": n_clients, "seconds": seconds}
    return run_process(str(FOLDER / "serve_clients.py"), settings)


def run_process(option: str, settings: Dict[str, Any]) -> Run:
    """RETURNS (Run): What another process has measured, and the load of the machine before."""
    load = round(os.getloadavg()[0], 2)
    command = [sys.executable, *([__file__] if option.startswith("--") else []), option]
    result = subprocess.run(
        command,
        input=json.dumps(settings),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=settings["seconds"] + MORE_SECONDS,
    )
    return {**json.loads(result.stdout), "load": load}


def run_pipe(model: str, texts: List[str], seconds: float) -> Run:
    """Measure `nlp.pipe`, from its second pass over the texts on.

    model (str): Name or path of the pipeline.
    texts (List[str]): The texts.
    seconds (float): How long to do so.
    RETURNS (Run): The number of "texts", the "seconds" and the "cpu_seconds".
    """
    nlp = spacy.load(model)
    list(nlp.pipe(texts))
    start, cpu_start = time.perf_counter(), time.process_time()
    n_texts = 0
    while time.perf_counter() < start + seconds:
        n_texts += sum(1 for _ in nlp.pipe(texts))
    return {
        "texts": n_texts,
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - cpu_start,
    }


@contextmanager
def serving(model: str, n_cores: Optional[int]) -> Iterator[Tuple[int, int]]:
    """Run the server, on so many cores. YIELDS (Tuple[int, int]): Its port and its process."""
    command = [sys.executable, "-m", "spacy_eiou", "serve", model, "--port", "0"]
    cores = sorted(os.sched_getaffinity(0))[-(n_cores or 0) :]
    command = ["taskset", "--cpu-list", ",".join(map(str, cores)), *command]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            found = (re.search(r"http://127\.0\.0\.1:(\d+)", line) for line in process.stdout)
            yield int(next(filter(None, found))[1]), process.pid
        finally:
            process.send_signal(signal.SIGTERM)


def get_cpu_seconds(pid: int) -> float:
    """RETURNS (float): The CPU time that a process has used, on Linux."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def write_report(path: Path) -> None:
    """Write SERVE.md and serve.svg beside the results.

    path (Path): serve.json.
    """
    result = srsly.read_json(path)
    runs = [summarize(run) for run in result["runs"]]
    texts = f"{result['texts']}, model {result['model']}"
    loads = [turn["load"] for run in result["runs"] for turn in run["pipe"] + run["server"]]
    lines = [
        "# Speed of `eiou serve`",
        "",
        f"Medians of {result['rounds']} rounds, in which `nlp.pipe` and the server take turns, the "
        f"server for {result['seconds'] / result['rounds']:g} seconds each. Both compute with one "
        "thread. The clients run on the same machine.",
        "",
        markdown_table(HEADER, [make_row(run) for run in runs], n_text=0),
        "CPU time of a text:",
        "",
        markdown_table(CPU_HEADER, [make_cpu_row(run) for run in runs], n_text=0),
        *describe_measurement({**result, "corpus": texts}),
        f"- load of the machine as each measurement began: {min(loads):.1f} to {max(loads):.1f}",
        "",
        "![Texts a second, and time of an answer](serve.svg)",
        "",
    ]
    path.with_name("SERVE.md").write_text("\n".join(lines), encoding="utf8")
    save_plot(runs, path.with_name("serve.svg"))


def summarize(run: Run) -> Dict[str, float]:
    """RETURNS (Dict[str, float]): The medians of a run."""
    pairs = [*zip(run["pipe"], run["server"], strict=True)]

    def take(name: str) -> float:
        return median(server[name] / server["texts"] for _, server in pairs)

    return {
        **{name: run[name] for name in ("words", "clients", "texts_of_a_request", "n_cores")},
        "texts_per_second": median(get_speed(server) for _, server in pairs),
        "pipe": median(get_speed(pipe) for pipe, _ in pairs),
        "ratio": median(get_speed(server) / get_speed(pipe) for pipe, server in pairs),
        "median": median(server["median"] for _, server in pairs),
        "p99": median(server["p99"] for _, server in pairs),
        "errors": sum(server["errors"] for _, server in pairs),
        "server_cpu": take("server_cpu_seconds"),
        "pipe_cpu": median(pipe["cpu_seconds"] / pipe["texts"] for pipe, _ in pairs),
        "clients_cpu": take("cpu_seconds"),
        "server_cores": median(
            server["server_cpu_seconds"] / server["seconds"] for _, server in pairs
        ),
        "clients_cores": median(server["cpu_seconds"] / server["seconds"] for _, server in pairs),
    }


def get_speed(run: Run) -> float:
    return float(run["texts"] / run["seconds"])


def describe_load(run: Dict[str, float]) -> List[str]:
    return [
        f"{run['words']:.0f}",
        f"{run['texts_of_a_request']:.0f}",
        f"{run['clients']:.0f}",
        f"{run['n_cores']:.0f}",
    ]


def make_row(run: Dict[str, float]) -> List[str]:
    return [
        *describe_load(run),
        f"{run['texts_per_second']:,.0f}",
        f"{run['pipe']:,.0f}",
        f"{run['ratio']:.2f}",
        f"{1000 * run['median']:.1f}",
        f"{1000 * run['p99']:.1f}",
        f"{run['errors']:.0f}",
    ]


def make_cpu_row(run: Dict[str, float]) -> List[str]:
    names = ("server_cpu", "pipe_cpu", "clients_cpu")
    return [
        *describe_load(run),
        *(f"{1000 * run[name]:.2f}" for name in names),
        f"{run['server_cores']:.2f}",
        f"{run['clients_cores']:.2f}",
    ]


def save_plot(runs: List[Dict[str, float]], path: Path) -> None:
    # The same measurements give the same file.
    matplotlib.rcParams["svg.hashsalt"] = "serve"
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    shares, times = figure.subplots(1, 2)
    names = [
        f"{clients} clients"
        + (f", {size} texts a request" if size != "1" else "")
        + (", one core" if cores == "1" else "")
        for _, size, clients, cores in map(describe_load, runs)
    ]
    shares.barh(names, [run["ratio"] for run in runs], color="#4477aa")
    shares.axvline(1, color="#333333", linewidth=1)
    shares.set(title="Texts a second", xlabel="of nlp.pipe")
    shares.invert_yaxis()
    for name, label, color in (("p99", "99 %", "#ee6677"), ("median", "median", "#4477aa")):
        times.barh(names, [1000 * run[name] for run in runs], color=color, label=label)
    times.set(title="Time of an answer", xlabel="milliseconds", yticks=[])
    times.invert_yaxis()
    times.legend()
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    if sys.argv[1:] == ["--pipe"]:
        print(json.dumps(run_pipe(**json.load(sys.stdin))))
    else:
        typer.run(main)
