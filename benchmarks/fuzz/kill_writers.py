"""Kill `convert` while it writes, at random instants, as many as wanted for each format.

What is left has to be the old output, the new one, or none, and the same command has to write the
same bytes afterwards. Instants lie between the first and the last change to the file system.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import typer

from spacy_eiou.corpora import WRITERS, convert
from spacy_eiou.corpora.formats.writers import DOCBIN
from spacy_eiou.files import write_file, write_json
from spacy_eiou.provenance import get_provenance
from spacy_eiou.tables import markdown_table

# The content of each file, by its path.
Files = Dict[str, bytes]

CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir")


def run(function: Callable[[], object], delay: Optional[float] = None) -> float:
    """Call a function in another process.

    function (Callable[[], object]): The function.
    delay (Optional[float]): The seconds after its first change to the file system when it is
        killed. If None, it is not.
    RETURNS (float): The seconds from its first to its last change, or -1 if it was killed.
    """
    receiver, sender = os.pipe()
    pid = os.fork()
    if pid == 0:
        with suppress(BaseException):
            _tell_changes(sender)
            function()
            os._exit(0)
        os._exit(1)
    os.close(sender)
    os.read(receiver, 1)
    start = last = time.perf_counter()
    if delay is not None:
        time.sleep(delay)
        os.kill(pid, signal.SIGKILL)
    # The other end is closed when the process ends.
    while os.read(receiver, 1_000):
        last = time.perf_counter()
    _, status = os.waitpid(pid, 0)
    os.close(receiver)
    if os.WIFSIGNALED(status):
        return -1.0
    if status:
        raise RuntimeError("expected a command that succeeds")
    return last - start


def _tell_changes(sender: int) -> None:
    def tell(event: str, args: Tuple[Any, ...]) -> None:
        creates = event == "open" and isinstance(args[2], int) and args[2] & os.O_CREAT
        if creates or event in CHANGES:
            os.write(sender, b".")

    sys.addaudithook(tell)


def convert_parts(source: Path, output: Path, name: str, sizes: Sequence[int]) -> None:
    """Convert a corpus, split in two parts.

    source (Path): The corpus.
    output (Path): The folder of the parts.
    name (str): The format to write.
    sizes (Sequence[int]): The size of each part.
    """
    lang = "en" if name == DOCBIN or WRITERS[name].needs_words else None
    convert(source, output, to=name, lang=lang, corpus_format="jsonl", split_sizes=sizes)


def get_files(folder: Path) -> Files:
    """RETURNS (Files): The files that a reader sees: not those that begin with a dot."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.parts)
    }


def find_state(files: Files, old: Files, new: Files, first: str) -> Optional[str]:
    """RETURNS (Optional[str]): "old", "new" or "absent"; None if parts of several are there.
    Nobody reads parts of which the first one is missing, a file or a folder."""
    if files in (old, new):
        return "new" if files == new else "old" if old else "absent"
    return None if any(path.split("/")[0] == first for path in files) else "absent"


def kill(name: str, n: int, seed: int, n_records: int = 6) -> Dict[str, object]:
    """Kill the writer of a format.

    name (str): The format.
    n (int): How often.
    seed (int): Random seed.
    n_records (int): Number of texts to write.
    RETURNS (Dict[str, object]): What was left, and what was wrong.
    """
    rng = random.Random(f"{seed} {name}")
    counts: Counter[str] = Counter()
    failures: List[str] = []
    with TemporaryDirectory() as folder:
        source = Path(folder) / "source.jsonl"
        source.write_text("".join(make_line(number) for number in range(n_records)))
        half = n_records // 2
        sizes = {"old": [half, n_records - half], "new": [half + 1, n_records - half - 1]}
        whole = {}
        for state in sizes:
            convert_parts(source, Path(folder) / state, name, sizes[state])
            whole[state] = get_files(Path(folder) / state)
        # A folder is never replaced.
        is_folder = name != DOCBIN and not WRITERS[name].suffix
        output = Path(folder) / "output"
        first = "train.spacy" if name == DOCBIN else f"train{WRITERS[name].suffix}"

        def write() -> None:
            convert_parts(source, output, name, sizes["new"])

        seconds = run(write)
        while counts["killed"] < n:
            has_old = not is_folder and rng.random() < 0.5
            shutil.rmtree(output)
            if has_old:
                shutil.copytree(Path(folder) / "old", output)
            elif rng.random() < 0.5:
                output.mkdir()
            duration = run(write, rng.uniform(0, seconds))
            if duration >= 0:
                # The machine was faster than thought.
                seconds = duration
                continue
            counts["killed"] += 1
            left = find_state(
                get_files(output), whole["old"] if has_old else {}, whole["new"], first
            )
            counts[left or "mixed"] += 1
            if left is None:
                failures.append(f"left {sorted(get_files(output))}")
            try:
                if not is_folder or left != "new":
                    write()
                if get_files(output) != whole["new"]:
                    failures.append("the next run wrote other bytes")
            except Exception as err:
                failures.append(f"the next run failed: {err!r}")
    return {
        **{key: counts[key] for key in ("killed", "old", "new", "absent")},
        "failures": len(failures),
        "examples": failures[:5],
    }


def make_line(number: int) -> str:
    """RETURNS (str): A line of JSON with an annotated text."""
    text = f"Pump P{number} leaks at its flange."
    return json.dumps({"id": f"r{number}", "text": text, "spans": [[0, 4, "Equipment"]]}) + "\n"


def main(
    output: Path = typer.Argument(..., help="JSON file of the results"),
    n: int = typer.Option(20, help="Kills of each writer"),
    n_records: int = typer.Option(400, help="Texts to write"),
    seed: int = typer.Option(0, help="Random seed"),
) -> None:
    """Kill each writer, and write what was left."""
    results = {}
    for name in (DOCBIN, *WRITERS):
        results[name] = kill(name, n, seed, n_records)
        print(name, results[name], flush=True)
        run_of = {"n": n, "n_records": n_records, "seed": seed, **get_provenance()}
        write_json(output, {**run_of, "writers": results})
        write_file(output.with_name("KILL.md"), make_report({"writers": results}).encode())


def make_report(result: Dict[str, Any]) -> str:
    """RETURNS (str): The table of the results, in Markdown."""
    names = ("killed", "old", "new", "absent", "failures")
    rows = [
        [name, *(str(counts[column]) for column in names)]
        for name, counts in result["writers"].items()
    ]
    text = (
        "# Killed conversions\n\n"
        "`convert` was killed at random instants between its first and its last change to the file"
        "\nsystem. What was left was the old output, the new one or none, and the same command then"
        "\nwrote the same bytes; all else is a failure. Written by "
        "`benchmarks/fuzz/kill_writers.py`.\n\n"
    )
    return text + markdown_table(["format", *names], rows)


if __name__ == "__main__":
    typer.run(main)
