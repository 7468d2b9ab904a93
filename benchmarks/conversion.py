"""Where the CPU time of a conversion goes, and how much of it spaCy and zlib take.

python benchmarks/conversion.py benchmarks/conversion genia assets/genia/GENIAcorpus3.02.tgz
"""

import time
import zlib
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Callable, Dict, List

import spacy
import srsly
import typer
from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_eiou.corpora.account import Account
from spacy_eiou.corpora.docbin import FastDocBin, load_docs
from spacy_eiou.corpora.docs import record_to_doc
from spacy_eiou.corpora.formats import recognize
from spacy_eiou.files import write_file, write_json
from spacy_eiou.provenance import get_provenance
from spacy_eiou.tables import markdown_table

STEPS = {
    "read": "reader",
    "docs": "Docs",
    "account": "account",
    "docbin": "DocBin",
    "write": "file",
    "others": "of these five, spaCy and zlib",
    "load": "reading back",
}


def main(
    output: Path = typer.Argument(..., help="Folder of the results"),
    corpus: str = typer.Argument(..., help="Name of the corpus"),
    path: Path = typer.Argument(..., help="File or folder to convert", exists=True),
    lang: str = typer.Option("en", help="Language"),
    tokenizer: str = typer.Option("spacy.Tokenizer.v1", help="Registered tokenizer"),
    rounds: int = typer.Option(5, help="How often each step is measured"),
) -> None:
    """
    Measure the CPU time of each step of `convert`, and add it to the results.
    """
    nlp = spacy.blank(lang, config={"nlp": {"tokenizer": {"@tokenizers": tokenizer}}})
    measured = [measure(path, nlp) for _ in range(rounds)]
    result = {name: median(item[name] for item in measured) for name in measured[0]}
    results_path = output / "conversion.json"
    results = srsly.read_json(results_path) if results_path.exists() else {}
    results[corpus] = {**get_provenance(threads=1), "rounds": rounds, **result}
    write_json(results_path, results)
    write_file(output / "CONVERSION.md", make_report(results).encode("utf8"))


def measure(path: Path, nlp: Language) -> Dict[str, float]:
    """Convert a corpus.

    path (Path): The file or folder.
    nlp (Language): The pipeline whose tokenizer to use.
    RETURNS (Dict[str, float]): What it holds, and the seconds of each of `STEPS`.
    """
    seconds: Dict[str, float] = {}

    def timed(step: str, function: Callable[[], Any]) -> Any:
        start = time.process_time()
        result = function()
        seconds[step] = seconds.get(step, 0) + time.process_time() - start
        return result

    corpus_format, _, _ = recognize([path])
    records = timed("read", lambda: list(corpus_format.read([path])))
    records = [record for record in records if record.skipped is None]
    pairs = timed("docs", lambda: [record_to_doc(nlp, record) for record in records])
    docs: List[Doc] = [doc for doc, _ in pairs]

    def describe() -> None:
        account = Account()
        for record, (doc, dropped) in zip(records, pairs):
            account.add_record(record)
            account.add(doc, "sc", dropped)

    timed("account", describe)
    docbin = FastDocBin(store_user_data=True)
    timed("docbin", lambda: [docbin.add(doc) for doc in docs])
    with TemporaryDirectory() as name:
        file = Path(name) / "docs.spacy"
        timed("write", lambda: docbin.to_disk(file))
        timed("load", lambda: load_docs(file, spacy.blank("xx").vocab))
        unpacked = zlib.decompress(file.read_bytes())
    attributes = [*docbin.attrs, "SPACY"]
    for function in (
        lambda: [nlp.tokenizer(record.text) for record in records],
        lambda: [doc.text for doc in docs],
        lambda: [doc.to_array(attributes) for doc in docs],
        lambda: [Span(s.doc, s.start, s.end, s.label) for doc in docs for s in doc.spans["sc"]],
        lambda: zlib.compress(unpacked),
    ):
        timed("others", function)
    n_entities = sum(len(doc.spans["sc"]) for doc in docs)
    return {
        "documents": len(docs),
        "tokens": sum(map(len, docs)),
        "entities": n_entities,
        **seconds,
    }


def make_report(results: Dict[str, Dict[str, Any]]) -> str:
    """RETURNS (str): The table of the results, in Markdown."""
    header = ["corpus", "documents", "tokens", "entities", *STEPS.values()]
    rows = []
    for corpus, result in results.items():
        counts = [f"{result[name]:,}" for name in header[1:4]]
        times = [f"{1000 * result[step] / result['documents']:.3f}" for step in STEPS]
        rows.append([corpus, *counts, *times])
    return (
        "# Conversion\n\nCPU milliseconds per document of the steps of `convert`, in one thread: "
        "medians. Written by\n`benchmarks/conversion.py`. spaCy and zlib are the tokenizer, "
        "`Doc.text`, `Doc.to_array`, `Span` and the\ncompression. The start of a process is apart: "
        "as it makes its first `Language`, spaCy loads the factories\nof all packages that are "
        "installed, and with them PyTorch.\n\n" + markdown_table(header, rows)
    )


if __name__ == "__main__":
    typer.run(main)
