"""Count the mutants that the tests kill, and say why the others survive.

It reads what `mutmut run` leaves in the folder `mutants`; run both in the root of the repository.
"""

import random
import re
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any, Dict, List, Optional

import srsly
import typer
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code

from spacy_eiou.provenance import describe_code, get_provenance
from spacy_eiou.tables import markdown_table

KILLED = ("killed", "timeout", "segfault")
# Why mutants survive, and expressions that find them by what they remove and add.
REASONS = {
    "The name of a codec in another case, or the UTF-8 that is also the default where they ran": (
        r"-.*(utf-?8|utf-16).*\n\+.*(UTF-?8|UTF-16|encoding=None)",
        r"-.*encoding=\"UTF-8\"\?.*\n\+.*encoding=\"utf-8\"",
        r"-.*\"w\", encoding=\"utf8\".*\n\+.*\"w\", newline",
        r"-.*make_parser\(.*\"UTF-8\"\)\n\+.*\"utf-8\"",
    ),
    "Line ends, which are the same without it on POSIX": (r"-.*newline=\"\\n\".*\n\+.*\"utf8\", ",),
    "`None` in place of a false default": (r"-.*ensure_ascii=False.*\n\+.*ensure_ascii=None",),
    "Only speed or memory differ: the size of a chunk, the order in memory, what is read ahead": (
        r"-.*(iter_batches|CHUNK_SIZE|buffer_text|order=\"F\"|kind=\"stable\"|b\[:, 0\] - widest)",
        r"-.*if first < end and last > shard",
        r"-.*(counting == \"characters\" or|_make_locate\(\"characters\" if)",
    ),
    "Only the device of arrays differs, and the tests have one": (r"-.*get_array_ops\(values\)",),
    "Only the line that a warning points at differs": (r"-.*stacklevel",),
    "The same value after a normalisation: a softmax or a mean weight": (
        r"-.*(counts / counts\.sum\(\)|\(1 - self\.effective_number\) /)",
        r"-.*targets\[(:, -1|rows, labels)\] = 1",
    ),
    "Still a key of its own for each span or label, or integers that floats hold exactly": (
        r"-.*for char in label\.casefold\(\)",
        r"-.*(base = |\* base \+|rows \* n_classes)",
    ),
    "A state or an argument that nothing reads before it is set": (
        r"-.*self\.(key|length|medline_id|terms|text)\b.* = ",
        r"-.*draft = Draft\(\"\", ",
        r"-\s*return entity, found, None, \"\"\n",
    ),
    "spaCy reads names of attributes and of sections in any case": (
        r"-.*(has_annotation\(|config = \{\"nlp\")",
    ),
    "A progress bar is off where nobody looks at it": (r"-.*silent=silent",),
    "The condition beside it, or a check before it, already decides": (
        r"-.*(sem or \"\"|FILE_KEYS\) or \"\"|len\(tagged\) > 1|\"%TYPE\"|next\(csv\.reader)",
        r"-.*\"\", \"\"\)\[:3\].*\n\+.*\"XXXX\"\)\[:3\]",
        r"-.*prefix in .*\n\+.*\"XX",
        r"-.*name != \"record\"",
    ),
    "Another part of the same malformed value is named": (r"-.*fragment\.partition",),
    "A number nobody relies on: a hue, a place before every text": (
        r"-.*\* 137\.5\)",
        r"-\s*return -1\n",
    ),
}


def main(
    output_path: Path = typer.Argument(
        Path("benchmarks/mutation"), help="Folder to write the report to"
    ),
    sample: Optional[int] = typer.Option(
        None, help="Only print the names of so many random mutants, for mutmut run"
    ),
    seed: int = typer.Option(0, help="Random seed of the sample"),
) -> None:
    """
    Write mutation.json and MUTATION.md from the results of mutmut.
    """
    modules = {}
    names: List[str] = []
    survivors = []
    for meta_path in sorted(Path("mutants").rglob("*.py.meta")):
        path = meta_path.relative_to("mutants").with_suffix("")
        module = SourceFileMutationData(path=path)
        module.load()
        names += module.exit_code_by_key
        statuses = {
            name: status_by_exit_code[code]
            for name, code in module.exit_code_by_key.items()
            if code is not None
        }
        if statuses:
            modules[path.as_posix()] = dict(Counter(statuses.values()))
        survivors += [describe(name) for name, status in statuses.items() if status == "survived"]
    if sample is not None:
        print(*sorted(random.Random(seed).sample(sorted(names), sample)))
        return
    result = {
        **get_provenance(),
        "mutmut": version("mutmut"),
        "mutants": len(names),
        "seed": seed,
        "modules": modules,
        "survivors": survivors,
    }
    srsly.write_json(output_path / "mutation.json", result)
    (output_path / "MUTATION.md").write_text(make_report(result), encoding="utf8")


def describe(name: str) -> Dict[str, str]:
    """RETURNS (Dict[str, str]): A surviving mutant: its name, its diff and why it survives."""
    lines = get_diff_for_mutant(name).splitlines()[2:]
    diff = "\n".join(line for line in lines if line.startswith(("-", "+")))
    reasons = [
        reason
        for reason, expressions in REASONS.items()
        if any(re.match(expression, diff) for expression in expressions)
    ]
    return {"name": name, "diff": diff, "reason": reasons[0] if reasons else ""}


def make_report(result: Dict[str, Any]) -> str:
    """RETURNS (str): The results as Markdown."""
    return "\n".join(
        [
            "# Mutation tests of `losses`, `spans` and `corpora`",
            "",
            f"mutmut {result['mutmut']} changes one thing at a time in the code and runs the tests "
            "that reach it. Written by `mutation.py`, in the root of the repository:",
            "",
            "    CI=1 mutmut run --max-children 1",
            "    python benchmarks/mutation.py",
            "",
            *describe_sample(result),
            f"The code that it changed: {describe_code(result)}, "
            f"{result.get('date', 'date unknown')}.",
            "",
            make_table(result["modules"]),
            "A mutant that runs out of time or crashes counts as killed.",
            "",
            "## Why the others survive",
            "",
            *(line for reason in (*REASONS, "") for line in show(reason, result["survivors"])),
        ]
    )


def describe_sample(result: Dict[str, Any]) -> List[str]:
    """RETURNS (List[str]): How many of the mutants were tried, if not all, as Markdown."""
    total = result["mutants"]
    tried = sum(sum(statuses.values()) for statuses in result["modules"].values())
    if tried == total:
        return []
    return [
        f"These are {tried:,} of the {total:,} mutants, drawn at random once mutmut has made all:",
        "",
        "    CI=1 mutmut run --max-children 1 "
        f"$(python benchmarks/mutation.py --sample {tried} --seed {result['seed']})",
        "",
    ]


def make_table(modules: Dict[str, Dict[str, int]]) -> str:
    """RETURNS (str): A Markdown table, one row per module and per package."""
    packages: Dict[str, Counter[str]] = {}
    for path, statuses in modules.items():
        packages.setdefault(f"**{Path(path).parent}**", Counter()).update(statuses)
    rows = [make_row(name, statuses) for name, statuses in {**modules, **packages}.items()]
    return markdown_table(["module", "mutants", "survived", "timeout", "killed"], rows)


def make_row(name: str, statuses: Dict[str, int]) -> List[str]:
    total = sum(statuses.values())
    killed = sum(statuses.get(status, 0) for status in KILLED)
    timeout = statuses.get("timeout", 0)
    return [name, str(total), str(total - killed), str(timeout), f"{killed / total:.1%}"]


def show(reason: str, survivors: List[Dict[str, str]]) -> List[str]:
    """RETURNS (List[str]): The survivors that share a reason, as Markdown."""
    diffs = [survivor["diff"] for survivor in survivors if survivor["reason"] == reason]
    if not diffs:
        return []
    return [f"{reason or 'Not judged'} ({len(diffs)}):", "", "```diff", *diffs, "```", ""]


if __name__ == "__main__":
    typer.run(main)
