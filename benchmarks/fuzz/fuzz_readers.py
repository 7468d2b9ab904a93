"""Read damaged copies of real annotated files, as many as wanted for each reader.

A reader has to refuse a file with a `CorpusError`, or what it reads has to be sound: each entity
has a label, lies within its text, begins and ends with no white space and is the text that the
file states for it. Other errors, and reads of more than ten seconds, are failures. Formats of which
no file is given are written from those of the others.
"""

import json
import random
import re
import signal
import tarfile
import time
import warnings
import zlib
from collections import Counter, defaultdict
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import spacy
import typer

from spacy_eiou.corpora import (
    CorpusError,
    Draft,
    Record,
    record_to_doc,
    records_to_docs,
    write_records,
)
from spacy_eiou.corpora._files import list_files
from spacy_eiou.corpora.draft import is_stated
from spacy_eiou.corpora.formats import FORMATS, Format, recognize
from spacy_eiou.files import write_file, write_json
from spacy_eiou.provenance import get_provenance
from spacy_eiou.tables import markdown_table

# The content of files that are read together, by their names.
Sample = Dict[str, bytes]

MAX_SAMPLES = 100
MAX_LINES = 8
MAX_SECONDS = 10
MAX_FAILURES = 20
PIECES = (rb"(?s).", rb"\d+|[^\d]+", rb"\w+|[^\w]", rb"[^\n]*\n?")
JUNK = (
    *(b"", b"0", b"-1", b"1", b"7", b"1.5", b"9" * 20, b"1e999", b"null", b"true", b"NaN", b"[]"),
    *(b"{}", b'"', b"\\", b"\\ud800", b"\\u0000", b"O", b"B-X", b"I-X", b"|||", b"|", b";", b"\t"),
    *(b" ", b"\r", b"\n", b"\r\n", b"\n\n", b"\x00", b"\xff", b"\xc3", b"<a>", b"</a>", b"&a;"),
    *("😀".encode(), "\u2028".encode(), "\ufeff".encode(), "\u00a0".encode(), b"-DOCSTART-", b"#"),
)

VALUES: Tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    3,
    1.5,
    10**20,
    "",
    "X",
    " ",
    "😀",
    "a\r\nb",
    [],
    {},
    [[]],
    [0, 2, "X"],
)


def find_samples(paths: List[Path], rng: random.Random) -> Dict[str, List[Sample]]:
    """Cut small samples from real files.

    paths (List[Path]): Files and folders.
    rng (random.Random): Chooses them.
    RETURNS (Dict[str, List[Sample]]): The samples of each format.
    """
    files: Dict[str, List[Path]] = defaultdict(list)
    for file in list_files(paths):
        if file.path.suffix in (".tgz", ".md", ".py") or file.path.name in (
            "SOURCE.txt",
            "LICENSE",
        ):
            continue
        try:
            corpus_format, _, _ = recognize([file.path])
        except (CorpusError, ValueError):
            continue
        files[corpus_format.name].append(file.path)
    samples: Dict[str, List[Sample]] = defaultdict(list)
    for name, found in files.items():
        found = sorted({_get_first(FORMATS[name], path) for path in found})
        n_each = max(1, MAX_SAMPLES // len(found))
        for path in rng.sample(found, min(len(found), MAX_SAMPLES)):
            samples[name] += [_cut(FORMATS[name], path, rng) for _ in range(n_each)]
    for file in list_files(paths):
        if file.path.suffix == ".tgz":
            samples["genia"] += _cut_genia(file.path, rng)
    return samples


def _get_first(corpus_format: Format, path: Path) -> Path:
    return path.with_suffix(corpus_format.together[0]) if corpus_format.together else path


def _cut(corpus_format: Format, path: Path, rng: random.Random) -> Sample:
    """RETURNS (Sample): A few items or lines of a file, and all of those beside it."""
    if corpus_format.together:
        others = [path.with_suffix(suffix) for suffix in corpus_format.together]
        return {other.name: other.read_bytes() for other in others if other.exists()}
    beside = {
        other.name: other.read_bytes()
        for suffix in corpus_format.beside
        for other in path.parent.glob(f"*{suffix}")
    }
    data = path.read_bytes()
    lines = data.splitlines(keepends=True)
    if path.suffix == ".json" and len(data) > 5_000:
        value = json.loads(data)
        if isinstance(value, list):
            data = json.dumps(rng.sample(value, min(3, len(value))), ensure_ascii=False).encode()
    elif len(lines) > MAX_LINES:
        start = rng.randrange(len(lines) - MAX_LINES)
        data = b"".join(lines[start : start + MAX_LINES])
    return {path.name: data, **beside}


def _cut_genia(path: Path, rng: random.Random) -> List[Sample]:
    with tarfile.open(path) as archive:
        member = next(item for item in archive if item.name.endswith("3.02.xml"))
        file = archive.extractfile(member)
        data = b"" if file is None else file.read()
    articles = re.findall(rb"(?s)<article>.*?</article>", data)
    return [
        {"a.xml": b"<set>" + article + b"</set>"}
        for article in rng.sample(articles, min(len(articles), MAX_SAMPLES))
    ]


def write_samples(samples: Dict[str, List[Sample]], rng: random.Random) -> None:
    """Add samples of formats that have none, written from those of other formats.

    samples (Dict[str, List[Sample]]): The samples of each format.
    rng (random.Random): Chooses them.
    """
    records: List[Record] = []
    with TemporaryDirectory() as folder:
        for name, found in samples.items():
            for sample in rng.sample(found, min(len(found), 5)):
                with suppress(CorpusError):
                    found_records = _read(name, Path(folder), sample)
                    records += [record for record in found_records if record.entities][:2]
        records = [record for record in records if len(record.text) < 1_000]
        nlp = spacy.blank("en")
        for name in FORMATS:
            for number in range(0, len(records), 2) if name not in samples else ():
                path = Path(folder) / f"{number}.{name}"
                _write(records[number : number + 2], path, name, nlp)
                if path.is_file():
                    samples[name].append({path.name: path.read_bytes()})


def _write(records: List[Record], path: Path, name: str, nlp: Any) -> None:
    if name == "docbin":
        records_to_docs(nlp, records)[0].to_disk(path)
    elif name in ("bioc", "conll", "iob2", "jsonl", "label-studio", "parquet", "pubtator"):
        write_records(records, path, name, nlp=nlp)


def damage(data: bytes, rng: random.Random) -> bytes:
    """RETURNS (bytes): Data with pieces deleted, repeated, swapped, replaced, added or cut off."""
    for _ in range(rng.randint(1, 4)):
        pieces = re.findall(rng.choice(PIECES), data) or [b""]
        first, last = sorted(rng.randrange(len(pieces)) for _ in range(2))
        last = min(last, first + rng.choice((1, 3, 10, len(pieces))))
        edit = rng.choice(
            ("delete", "repeat", "swap", "replace", "insert", "insert", "shift", "cut")
        )
        if edit == "delete":
            del pieces[first:last]
        elif edit == "repeat":
            pieces.insert(last, pieces[first])
        elif edit == "swap":
            pieces[first], pieces[last] = pieces[last], pieces[first]
        elif edit == "replace":
            pieces[first] = rng.choice(JUNK)
        elif edit == "insert":
            pieces.insert(first, rng.choice(JUNK))
        elif edit == "shift":
            numbers = [i for i, piece in enumerate(pieces) if re.fullmatch(rb"\d{1,9}", piece)]
            if numbers:
                chosen = rng.choice(numbers)
                pieces[chosen] = b"%d" % max(
                    0, int(pieces[chosen]) + rng.choice((-2, -1, 1, 2, 50))
                )
        elif rng.random() < 0.3:
            del pieces[first:]
        data = b"".join(pieces)
    return data


def damage_values(data: bytes, rng: random.Random) -> bytes:
    """RETURNS (bytes): JSON, or a line of JSON, with values replaced, moved or left out, which is
    still JSON; other data with the pieces damaged."""
    lines = data.splitlines() if data.startswith(b"{") and data.count(b"\n{") else [data]
    chosen = rng.randrange(len(lines))
    try:
        value = json.loads(lines[chosen])
    except (ValueError, RecursionError):
        return damage(data, rng)
    for _ in range(rng.randint(1, 3)):
        places = list(_find_places(value))
        if not places:
            break
        (container, key), (other, other_key) = rng.choice(places), rng.choice(places)
        old = container[key]
        if isinstance(old, int) and rng.random() < 0.5:
            container[key] = old + rng.choice((-2, -1, 1, 2, 50))
        elif isinstance(old, str) and rng.random() < 0.5:
            position = rng.randint(0, len(old))
            container[key] = old[:position] + rng.choice((" ", "😀", "\r\n", "x")) + old[position:]
        elif rng.random() < 0.2:
            del container[key]
        else:
            container[key] = deepcopy(rng.choice((*VALUES, other[other_key])))
    lines[chosen] = json.dumps(value, ensure_ascii=rng.random() < 0.5).encode()
    return b"\n".join(lines)


def _find_places(value: Any) -> Iterator[Tuple[Any, Any]]:
    if isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield value, key
            yield from _find_places(item)


def damage_packed(data: bytes, rng: random.Random) -> bytes:
    """RETURNS (bytes): Compressed data with pieces of what it holds damaged."""
    return zlib.compress(damage(zlib.decompress(data), rng))


def choose_damage(name: str, rng: random.Random) -> Callable[[bytes, random.Random], bytes]:
    """RETURNS (Callable[[bytes, random.Random], bytes]): How to damage a file of a format."""
    if rng.random() < 0.3:
        return damage
    return damage_packed if name == "docbin" else damage_values


def _read(name: str, folder: Path, sample: Sample) -> List[Record]:
    for file_name, content in sample.items():
        (folder / file_name).write_bytes(content)
    return list(FORMATS[name].read([folder / next(iter(sample))]))


def _raise_timeout(*_: object) -> None:
    raise TimeoutError(f"more than {MAX_SECONDS} seconds")


def find_fault(records: List[Record], drafts: Dict[str, List[Draft]], nlp: Any) -> Optional[str]:
    """Check what was read.

    records (List[Record]): The records.
    drafts (Dict[str, List[Draft]]): What the file states of the records of each text.
    nlp (Language): A tokenizer.
    RETURNS (Optional[str]): What is wrong, if anything is.
    """
    for record in records:
        mentions = [mention for draft in drafts.get(record.text, []) for mention in draft.mentions]
        for entity in record.entities:
            found = record.text[entity.start : entity.end]
            if not entity.label or not 0 <= entity.start < entity.end <= len(record.text):
                return f"{entity} in a text of {len(record.text)} characters"
            if found != found.strip():
                return f"white space around {entity}"
            if mentions and not any(
                mention.label == entity.label and is_stated(found, mention) for mention in mentions
            ):
                return f"{entity} is '{found}', which the file does not state"
        doc, dropped = record_to_doc(nlp, record)
        if doc.text != record.text or len(doc.spans["sc"]) + len(dropped) != len(record.entities):
            return f"{record.id}: text or entities are lost in its doc"
    return None


def fuzz(name: str, samples: List[Sample], n: int, seed: int) -> Dict[str, Any]:
    """Read damaged files of a format.

    name (str): The format.
    samples (List[Sample]): Files that are not damaged.
    n (int): How many damaged files to read.
    seed (int): Random seed.
    RETURNS (Dict[str, Any]): What came out.
    """
    nlp = spacy.blank("en")
    counts: Counter[str] = Counter()
    failures: List[Dict[str, Any]] = []
    start = time.perf_counter()
    signal.signal(signal.SIGALRM, _raise_timeout)
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(n):
            rng = random.Random(f"{seed} {name} {number}")
            sample = dict(rng.choice(samples))
            damaged = rng.choice(list(sample))
            sample[damaged] = choose_damage(name, rng)(sample[damaged], rng)
            signal.alarm(MAX_SECONDS)
            try:
                records = _read(name, Path(folder), sample)
                drafts = _read_drafts(name, Path(folder) / next(iter(sample)))
                fault = find_fault(records, drafts, nlp)
                counts["read"] += 1
                counts["records"] += len(records)
                counts["entities"] += sum(len(record.entities) for record in records)
            except CorpusError:
                counts["refused"] += 1
                fault = None
            except Exception as err:
                fault = repr(err)
            finally:
                signal.alarm(0)
            if fault is not None:
                counts["failures"] += 1
                text = {
                    key: value.decode("utf8", "backslashreplace") for key, value in sample.items()
                }
                failures += [{"number": number, "fault": fault, "files": text}]
            for file_name in sample:
                (Path(folder) / file_name).unlink()
    return {
        "files": n,
        "samples": len(samples),
        **{key: counts[key] for key in ("read", "refused", "records", "entities", "failures")},
        "seconds": round(time.perf_counter() - start, 1),
        "examples": failures[:MAX_FAILURES],
    }


def _read_drafts(name: str, path: Path) -> Dict[str, List[Draft]]:
    drafts: Dict[str, List[Draft]] = defaultdict(list)
    for item in FORMATS[name].read_file(path):
        if isinstance(item, Draft):
            drafts[item.text].append(item)
    return drafts


def main(
    paths: List[Path] = typer.Argument(..., help="Real annotated files, and folders of them"),
    output: Path = typer.Option(..., help="JSON file of the results"),
    n: int = typer.Option(20_000, help="Damaged files for each reader"),
    seed: int = typer.Option(0, help="Random seed"),
    only: Optional[List[str]] = typer.Option(None, help="Readers to try. Defaults to all"),
) -> None:
    """Read damaged copies of real files, and write what came out. The results of other readers that
    the output has are kept, if the code and the arguments are the same."""
    run = {"n": n, "seed": seed, **get_provenance()}
    rng = random.Random(seed)
    samples = find_samples(paths, rng)
    write_samples(samples, rng)
    earlier = json.loads(output.read_text("utf8")) if output.exists() else {}
    is_same = all(earlier.get(key) == run[key] for key in ("n", "seed", "code"))
    results: Dict[str, Any] = earlier["readers"] if is_same else {}
    for name in only or sorted(samples):
        results[name] = fuzz(name, samples[name], n, seed)
        summary = {key: value for key, value in results[name].items() if key != "examples"}
        print(name, summary, flush=True)
        result = {**run, "readers": dict(sorted(results.items()))}
        write_json(output, result)
        write_file(output.with_name("FUZZ.md"), make_report(result).encode())


def make_report(result: Dict[str, Any]) -> str:
    """RETURNS (str): The table of the results, in Markdown."""
    names = ("files", "read", "refused", "records", "entities", "failures")
    rows = [
        [name, *(f"{counts[column]:,}" for column in names)]
        for name, counts in result["readers"].items()
    ]
    text = (
        "# Damaged copies of real files\n\n"
        "What each reader made of them: it read a file or refused it with an error that says why. A"
        "\nfailure is another error, a wrong entity, or more than ten seconds. Written by\n"
        "`benchmarks/fuzz/fuzz_readers.py`.\n\n"
    )
    return text + markdown_table(["reader", *names], rows)


if __name__ == "__main__":
    typer.run(main)
