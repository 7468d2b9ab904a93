"""Count the entities of real corpora with other code than that of the package, and compare.

python -m spacy project assets
python benchmarks/account/count_entities.py assets benchmarks/account/account.json

Each corpus is converted to DocBin and to each format that has a writer, and that file to DocBin. In
all of them, entities that are kept, repeated, not on tokens and left out have to be as many as
counted here, and the texts and labels of those that are kept have to be the same.
"""

import json
import re
import tarfile
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple
from xml.etree import ElementTree

import spacy
import typer
from spacy.tokens import DocBin

from spacy_eiou.corpora import WRITERS, convert
from spacy_eiou.files import write_file, write_json
from spacy_eiou.provenance import get_provenance
from spacy_eiou.tables import markdown_table

# Start and end in characters, and label.
Span = Tuple[int, int, str]
# A text, its entities, and how many annotations are none that a span can be.
Text = Tuple[str, List[Span], int]

TYPE = re.compile(r"G#(DNA|RNA|protein|cell_line|cell_type)(_|$)")
DOCCANO = {"offsets": "characters"}


@dataclass
class Counts:
    """What there is in a corpus.

    other, duplicates, misaligned, kept (int): Numbers of entities.
    found (Counter[Tuple[str, str]]): Label and text, without white space, of those that are kept.
    """

    other: int = 0
    duplicates: int = 0
    misaligned: int = 0
    kept: int = 0
    found: Counter[Tuple[str, str]] = field(default_factory=Counter)

    def to_dict(self) -> Dict[str, int]:
        """RETURNS (Dict[str, int]): The numbers."""
        names = ("other", "duplicates", "misaligned", "kept")
        return {name: getattr(self, name) for name in names}


class Corpus(NamedTuple):
    """A corpus.

    path (str): Where it lies in the assets.
    read (Callable[[Path], Iterator[Text]]): Reads it.
    lang (str): Its language.
    tokenizer (str): The tokenizer, "Character", "Biomedical" or "Whitespace".
    options (Dict[str, Any]): Options of `convert`.
    """

    path: str
    read: Callable[[Path], Iterator[Text]]
    lang: str
    tokenizer: str
    options: Mapping[str, Any] = MappingProxyType({})


def read_genia(path: Path) -> Iterator[Text]:
    """Sentences; other types, and terms that are coordinated or have none, are not counted."""
    with tarfile.open(path) as archive:
        member = next(item for item in archive if item.name.endswith(".xml"))
        root = ElementTree.parse(archive.extractfile(member)).getroot()  # type: ignore[arg-type]
    for sentence in root.iter("sentence"):
        spans: List[Span] = []
        n_other = 0

        def walk(node: ElementTree.Element, start: int) -> int:
            nonlocal n_other
            end = start + len(node.text or "")
            for child in node:
                end = walk(child, end) + len(child.tail or "")
            if node.tag == "cons":
                match = TYPE.match(node.get("sem", ""))
                if match:
                    spans.append((start, end, match[1]))  # noqa: B023
                else:
                    n_other += 1
            return end

        walk(sentence, 0)
        yield "".join(sentence.itertext()), spans, n_other


def read_cmeee(path: Path) -> Iterator[Text]:
    """Lines of text and entities, whose ends are inclusive. Two are reversed."""
    for line in path.read_bytes().decode().split("\n"):
        if line.strip():
            text, *fields = line.rstrip("\r").split("|||")
            triples = [item.split() for item in fields if item.strip()]
            spans = [(int(start), int(end) + 1, label) for start, end, label in triples]
            yield (
                text,
                [span for span in spans if span[0] < span[1]],
                sum(start >= end for start, end, _ in spans),
            )


def read_cmeee_json(path: Path) -> Iterator[Text]:
    """Records of JSON, whose ends are inclusive."""
    for item in json.loads(path.read_bytes()):
        spans = [(e["start_idx"], e["end_idx"] + 1, e["type"]) for e in item["entities"]]
        yield item["text"], spans, 0


def read_maintie(depth: int) -> Callable[[Path], Iterator[Text]]:
    """Entities are given in tokens, whose text is joined."""

    def read(path: Path) -> Iterator[Text]:
        for item in json.loads(path.read_bytes()):
            words = item["tokens"]
            spans = []
            for entity in item["entities"]:
                start = len("".join(f"{word} " for word in words[: entity["start"]]))
                length = len(" ".join(words[entity["start"] : entity["end"]]))
                label = "/".join(entity["type"].split("/")[:depth])
                spans.append((start, start + length, label))
            yield " ".join(words), spans, 0

    return read


def read_brat(path: Path) -> Iterator[Text]:
    """Pairs of files. None of their entities lies over a line break; those of several fragments are
    counted as others."""
    for text_path in sorted(path.rglob("*.txt")):
        text = text_path.read_bytes().decode()
        spans: List[Span] = []
        n_other = 0
        for line in text_path.with_suffix(".ann").read_bytes().decode().split("\n"):
            if line.startswith("T"):
                label, *offsets = line.split("\t")[1].split(" ")
                if len(offsets) == 2:
                    spans.append((int(offsets[0]), int(offsets[1]), label))
                else:
                    n_other += 1
        yield text, spans, n_other


CORPORA = {
    **{
        f"MaintIE, level {level}": Corpus(
            "maintie/gold_release.json",
            read_maintie(9 if level == 3 else level),
            "en",
            "Whitespace",
            {"level": level},
        )
        for level in (1, 2, 3)
    },
    "SpokenHPG test": Corpus("spoken_hpg/test", read_brat, "ja", "Character"),
    "SpokenHPG train": Corpus("spoken_hpg/train", read_brat, "ja", "Character"),
    "CMeEE-V2": Corpus("cmeee_v2/CMeEE-V2_dev.json", read_cmeee_json, "zh", "Character"),
    "CMeEE dev": Corpus("cmeee/val_data.txt", read_cmeee, "zh", "Character"),
    "GENIA": Corpus("genia/GENIAcorpus3.02.tgz", read_genia, "en", "Biomedical"),
    "CMeEE train": Corpus("cmeee/train_data_all.txt", read_cmeee, "zh", "Character"),
}


def is_boundary(text: str, offset: int, tokenizer: str) -> bool:
    """RETURNS (bool): Whether a token may begin or end at an offset."""
    before, after = text[offset - 1 : offset], text[offset : offset + 1]
    if tokenizer == "Biomedical":
        return not (before.isalnum() and after.isalnum())
    return tokenizer == "Character" or not (before.strip() and after.strip())


def count(texts: Iterator[Text], tokenizer: str) -> Counts:
    """Count the entities of a corpus. White space around them does not belong to them.

    texts (Iterator[Text]): The texts.
    tokenizer (str): The tokenizer.
    RETURNS (Counts): The counts.
    """
    counts = Counts()
    for text, spans, n_other in texts:
        counts.other += n_other
        seen = set()
        for start, end, label in spans:
            while start < end and text[start].isspace():
                start += 1
            while start < end and text[end - 1].isspace():
                end -= 1
            if start == end:
                counts.other += 1
            elif (start, end, label) in seen:
                counts.duplicates += 1
            elif all(is_boundary(text, offset, tokenizer) for offset in (start, end)):
                counts.kept += 1
                counts.found[label, "".join(text[start:end].split())] += 1
            else:
                counts.misaligned += 1
            seen.add((start, end, label))
    return counts


def count_docs(path: Path, lang: str) -> Counter[Tuple[str, str]]:
    """RETURNS (Counter[Tuple[str, str]]): See `Counts.found`."""
    vocab = spacy.blank(lang).vocab if lang != "ja" else spacy.blank("xx").vocab
    spans = (
        (span.label_, "".join(span.text.split()))
        for doc in DocBin().from_disk(path).get_docs(vocab)
        for span in doc.spans["sc"]
    )
    return Counter(spans)


def compare(corpus: Corpus, assets: Path) -> Dict[str, Any]:
    """Convert a corpus to each format and back.

    corpus (Corpus): The corpus.
    assets (Path): The folder of all corpora.
    RETURNS (Dict[str, Any]): The counts, and what differs, by format.
    """
    source = assets / corpus.path
    counts = count(corpus.read(source), corpus.tokenizer)
    tokens: Dict[str, Any] = {
        "lang": corpus.lang,
        "tokenizer": f"spacy_eiou.{corpus.tokenizer}Tokenizer.v1",
    }
    differences: Dict[str, List[str]] = {}
    with TemporaryDirectory() as name:
        folder = Path(name)
        (account,) = convert(source, folder / "direct.spacy", **tokens, **corpus.options).values()
        found = count_docs(folder / "direct.spacy", corpus.lang)
        differences["docbin"] = find_differences(counts, account, found, lost=True)
        for to, writer in WRITERS.items():
            path = folder / f"{to}{writer.suffix}"
            (written,) = convert(source, path, to=to, **tokens, **corpus.options).values()
            options: Dict[str, Any] = DOCCANO if to == "doccano" else {}
            (read,) = convert(path, folder / f"{to}_back.spacy", **tokens, **options).values()
            found = count_docs(folder / f"{to}_back.spacy", corpus.lang)
            differences[to] = find_differences(counts, written, None, lost=writer.needs_words)
            counts_read = Counts(0, counts.duplicates, counts.misaligned, counts.kept, counts.found)
            if writer.needs_words:
                counts_read.duplicates = counts_read.misaligned = 0
            differences[to] += find_differences(counts_read, read, found, lost=True)
    return {**counts.to_dict(), "differences": {k: v for k, v in differences.items() if v}}


def find_differences(counts: Counts, account: Any, found: Any, lost: bool) -> List[str]:
    """Compare an account.

    counts (Counts): What was counted.
    account (Account): The account of a conversion.
    found (Optional[Counter[Tuple[str, str]]]): Label and text of what was converted.
    lost (bool): Whether repeated and misaligned entities are left out.
    RETURNS (List[str]): What differs.
    """
    dropped = dict(account.dropped)
    in_file = {
        "duplicates": dropped.pop("duplicate", 0),
        "misaligned": dropped.pop("misaligned", 0),
        "other": sum(dropped.values()),
        "kept": sum(account.entities.values()),
    }
    expected = counts.to_dict()
    if not lost:
        expected["kept"] += expected["duplicates"] + expected["misaligned"]
        expected["duplicates"] = expected["misaligned"] = 0
    differences = [
        f"{key}: {expected[key]} counted, {in_file[key]} in the account"
        for key in in_file
        if expected[key] != in_file[key]
    ]
    if found is not None and found != counts.found:
        examples = [*(counts.found - found), *(found - counts.found)][:5]
        differences.append(f"other labels or texts: {examples}")
    return differences


def main(
    assets: Path = typer.Argument(..., help="Folder of the corpora"),
    output: Path = typer.Argument(..., help="JSON file of the results"),
    only: Optional[List[str]] = typer.Option(None, help="Corpora. Defaults to all that are there"),
) -> None:
    """Count the entities of each corpus, and compare. The results of other corpora that the output
    has are kept, if the code is the same."""
    earlier = json.loads(output.read_text("utf8")) if output.exists() else {}
    is_same = earlier.get("code") == get_provenance()["code"]
    results: Dict[str, Any] = earlier["corpora"] if is_same else {}
    for name, corpus in CORPORA.items():
        if (assets / corpus.path).exists() and name in (only or CORPORA):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                results[name] = compare(corpus, assets)
            print(name, results[name], flush=True)
            formats = ["docbin", *WRITERS]
            result = {"formats": formats, **get_provenance(), "corpora": results}
            write_json(output, result)
            write_file(output.with_name("ACCOUNT.md"), make_report(result).encode())


def make_report(result: Dict[str, Any]) -> str:
    """RETURNS (str): The table of the results, in Markdown."""
    names = ("kept", "duplicates", "misaligned", "other")
    rows = [
        [
            name,
            *(f"{counts[column]:,}" for column in names),
            str(sum(map(len, counts["differences"].values()))),
        ]
        for name, counts in result["corpora"].items()
    ]
    text = (
        "# Counted by other code\n\n"
        "The entities of each corpus, as a program counts them that shares no code with the "
        "package, and how\noften a number, or a label or text, differs in the conversion to one "
        f"of {len(result['formats'])} formats and back. Written by\n"
        "`benchmarks/account/count_entities.py`.\n\n"
    )
    return text + markdown_table(["corpus", *names, "differences"], rows)


if __name__ == "__main__":
    typer.run(main)
