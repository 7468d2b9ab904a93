"""How many texts a second `eiou serve` annotates for clients that each send one text after the
other, against `nlp.pipe` of the same texts, and how long an answer takes.

The server, all clients together and `nlp.pipe` have a process each, which computes with one thread.
`nlp.pipe` has the machine for itself, before and after the clients.
"""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from statistics import fmean, quantiles
from typing import Any, Dict, Iterable, Iterator, List

import spacy
import srsly
import typer

from spacy_eiou.annotation import SourceText, read_texts
from spacy_eiou.annotation.sources import guess_text_format
from spacy_eiou.provenance import describe_code, get_provenance
from spacy_eiou.tables import markdown_table

FOLDER = Path(__file__).parent / "serve"
MAX_CHARS = 100_000
HEADER = (
    "Words of a text",
    "Clients",
    "Texts a second",
    "nlp.pipe",
    "of nlp.pipe",
    "Median (ms)",
    "99 % (ms)",
    "Errors",
)


def main(
    model: str = typer.Argument(..., help="Name or path of the pipeline"),
    texts_path: str = typer.Argument(..., help="Texts, as eiou annotate reads them"),
    words: List[int] = typer.Option([1, 200], help="Least words of a text: texts are joined"),
    clients: List[int] = typer.Option([1, 8, 64], help="Number of clients"),
    seconds: float = typer.Option(60.0, help="Seconds of each run"),
    n_texts: int = typer.Option(2_000, help="Most different texts"),
    output: Path = typer.Option(FOLDER, help="Folder of serve.json and SERVE.md"),
) -> None:
    """
    Write serve.json and SERVE.md.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    found = read_texts(texts_path, guess_text_format(texts_path), max_length=MAX_CHARS)
    texts = [item.text for item in found if isinstance(item, SourceText)]
    runs = []
    for least in words:
        joined = list(islice(join_texts(texts, least), n_texts))
        for n_clients in clients:
            before = measure_pipe(model, joined)
            with serving(model) as port:
                run = asyncio.run(measure_server(port, joined, n_clients, seconds))
            pipe = fmean([before, measure_pipe(model, joined)])
            n_words = fmean(len(text.split()) for text in joined)
            runs.append({"words": n_words, "clients": n_clients, "pipe": pipe, **run})
            print(json.dumps(runs[-1]))
    result = {"seconds": seconds, "runs": runs, **get_provenance(threads=1)}
    output.mkdir(parents=True, exist_ok=True)
    srsly.write_json(output / "serve.json", result)
    (output / "SERVE.md").write_text(make_report(result), encoding="utf8")


def join_texts(texts: Iterable[str], least: int) -> Iterator[str]:
    """YIELDS (str): Texts that follow each other, joined until they have so many words."""
    joined: List[str] = []
    for text in texts:
        joined.append(text)
        if sum(len(part.split()) for part in joined) >= least:
            yield " ".join(joined)
            joined = []


def measure_pipe(model: str, texts: List[str]) -> float:
    """RETURNS (float): The texts a second of `nlp.pipe`, in a process of its own."""
    result = subprocess.run(
        [sys.executable, __file__, "--pipe", model],
        input=json.dumps(texts),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(result.stdout)


def run_pipe(model: str) -> None:
    """Print the texts a second of `nlp.pipe`.

    model (str): Name or path of the pipeline.
    """
    texts = json.load(sys.stdin)
    nlp = spacy.load(model)
    list(nlp.pipe(texts[:100]))
    start = time.perf_counter()
    n_texts = 0
    # At least so long that the first moments don't count.
    while time.perf_counter() - start < 3:
        n_texts += sum(1 for _ in nlp.pipe(texts))
    print(n_texts / (time.perf_counter() - start))


@contextmanager
def serving(model: str) -> Iterator[int]:
    """Run the server. YIELDS (int): Its port."""
    command = [sys.executable, "-m", "spacy_eiou", "serve", model, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            found = (re.search(r"http://127\.0\.0\.1:(\d+)", line) for line in process.stdout)
            yield int(next(filter(None, found))[1])
        finally:
            process.send_signal(signal.SIGTERM)


async def measure_server(
    port: int, texts: List[str], n_clients: int, seconds: float
) -> Dict[str, Any]:
    """Let clients send texts.

    port (int): The port of the server.
    texts (List[str]): The texts, which are sent again and again.
    n_clients (int): The number of clients.
    seconds (float): How long they do so.
    RETURNS (Dict[str, Any]): The `texts_per_second`, the `median` and the `p99` of the seconds of
        an answer, and the number of `errors`.
    """
    requests = cycle(map(make_request, texts))
    latencies: List[float] = []
    errors = 0
    start = time.perf_counter()

    async def send() -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (sent := time.perf_counter()) < start + seconds:
            writer.write(next(requests))
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            assert length is not None
            await reader.readexactly(int(length[1]))
            latencies.append(time.perf_counter() - sent)
            errors += not head.startswith(b"HTTP/1.1 200 ")
        writer.close()

    await asyncio.gather(*(send() for _ in range(n_clients)))
    cuts = quantiles(latencies, n=100)
    return {
        "texts_per_second": len(latencies) / (time.perf_counter() - start),
        "median": cuts[49],
        "p99": cuts[98],
        "errors": errors,
    }


def make_request(text: str) -> bytes:
    """RETURNS (bytes): The request that sends a text."""
    body = json.dumps({"text": text}).encode()
    head = "POST /annotate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def make_report(result: Dict[str, Any]) -> str:
    """RETURNS (str): The runs as Markdown."""
    rows = [
        (
            f"{run['words']:.0f}",
            str(run["clients"]),
            f"{run['texts_per_second']:,.0f}",
            f"{run['pipe']:,.0f}",
            f"{run['texts_per_second'] / run['pipe']:.2f}",
            f"{1000 * run['median']:.1f}",
            f"{1000 * run['p99']:.1f}",
            str(run["errors"]),
        )
        for run in result["runs"]
    ]
    machine = ", ".join(f"{name} {value}" for name, value in result["machine"].items())
    return (
        "# Speed of `eiou serve`\n\n"
        f"{markdown_table(HEADER, rows, n_text=0)}\n"
        f"- {result['seconds']:g} seconds each, one text per request. The clients run on the same "
        "machine, and take computing time from the server\n"
        f"- machine: {machine}\n"
        f"- code: {describe_code(result)}, date {result['date'][:10]}\n"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--pipe"]:
        run_pipe(sys.argv[2])
    else:
        typer.run(main)
