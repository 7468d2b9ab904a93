from pathlib import Path
from typing import Any, Dict, List, Optional

from spacy.cli._util import Arg, Opt
from wasabi import msg

from ..evaluation import agreement
from ..tables import format_coefficient, format_percent, one_line
from ._accounts import (
    FORMAT_OPTION,
    LEVEL_OPTION,
    MAX_BAD_OPTION,
    OFFSETS_OPTION,
    TAG_NAMES_OPTION,
    TEXT_KEY_OPTION,
)
from ._util import app, parse_list, reporting

# The most rows of a table of frequent differences.
N_ROWS = 10


@app.command("agreement")
def agreement_cli(
    paths: List[Path] = Arg(
        ..., help="A file or folder of each annotator, or a single one that names its annotators"
    ),
    output: Optional[Path] = Opt(
        None, "--output", "-o", help="Directory for index.html and agreement.json", file_okay=False
    ),
    corpus_format: Optional[str] = FORMAT_OPTION,
    annotators: List[str] = Opt(
        [], "--annotator", help="An annotator to compare, as often as needed. Defaults to all"
    ),
    suggestions: Optional[Path] = Opt(
        None,
        "--suggestions",
        help="What a model suggested: a file of select or annotate, or an export of Label Studio "
        "with predictions. Tells accepted, corrected, removed and added spans apart",
        exists=True,
    ),
    level: Optional[int] = LEVEL_OPTION,
    offsets: Optional[str] = OFFSETS_OPTION,
    text_key: Optional[str] = TEXT_KEY_OPTION,
    tag_names: Optional[str] = TAG_NAMES_OPTION,
    max_bad: float = MAX_BAD_OPTION,
    limit: int = Opt(200, "--limit", "-l", help="The most texts to show on the page", min=0),
) -> None:
    """
    Measure how far annotators agree, and show where they differ.

    Reads what "eiou convert" reads. Texts are matched by what they say.
    """
    names = ", ".join(map(str, paths))
    with reporting(f"Can't compare the annotators of {names}"):
        result = agreement(
            paths,
            output,
            corpus_format=corpus_format,
            level=level,
            offsets=offsets,
            text_key=text_key,
            tag_names=parse_list(tag_names, str, "--tag-names"),
            annotators=annotators,
            suggestions=suggestions,
            max_bad=max_bad,
            limit=limit,
        )
    print_agreement(result)
    if output is not None:
        msg.good(f"Saved the comparison to {output / 'index.html'}")


def print_agreement(result: Dict[str, Any]) -> None:
    """Print tables of the agreement.

    result (Dict[str, Any]): What `agreement` returns.
    """
    msg.table(
        [(name, row["texts"], row["spans"]) for name, row in result["annotators"].items()],
        header=("Annotator", "Texts", "Spans"),
        aligns=("l", "r", "r"),
        title=f"{result['texts']} texts of several annotators",
    )
    if result["unshared_texts"]:
        msg.info(f"Left out {result['unshared_texts']} texts of a single annotator")
    if "corrections" in result:
        counts = ("accepted", "corrected", "removed", "added")
        msg.table(
            [
                (
                    row["annotator"],
                    *(row[name] for name in counts),
                    *(format_percent(row[name]) for name in ("p", "r", "f")),
                )
                for row in result["corrections"]
            ],
            header=("Annotator", *(name.capitalize() for name in counts), "P", "R", "F"),
            aligns=("l", *"rrrrrrr"),
            title="What became of the suggestions",
        )
    scores = ("f", "boundary_f", "inner_f", "outer_f", "flat_f", "label_acc")
    rows = [(f"{pair['first']} / {pair['second']}", pair) for pair in result["pairs"]]
    if len(rows) > 1:
        is_of_all = result["averaged_pairs"] == len(rows)
        rows.append(("Mean" if is_of_all else "Mean without suggestions", result))
    msg.table(
        [
            (
                name,
                *(format_percent(row[score]) for score in scores),
                format_coefficient(row["kappa"]),
                format_coefficient(row["alpha"]),
            )
            for name, row in rows
        ],
        header=("", "F", "Boundary", "Inner", "Outer", "Flat", "Labels", "Kappa", "Alpha"),
        aligns=("l", *"rrrrrrrr"),
        max_col=60,
        title="Agreement",
    )
    msg.table(
        [
            (one_line(label), format_percent(row["f"]), *row["spans"].values())
            for label, row in result["per_label"].items()
        ],
        header=("Label", "F", *result["annotators"]),
        aligns=("l", "r", *"r" * len(result["annotators"])),
        max_col=60,
        title="Agreement per label",
    )
    for pair in result["pairs"]:
        first, second = pair["first"], pair["second"]
        rows_of_kinds = [(kind, count) for kind, count in pair["differences"].items() if count]
        # They are of the first kind, "other label".
        rows_of_kinds[1:1] = [
            (f"  {one_line(row['first'])} / {one_line(row['second'])}", row["count"])
            for row in pair["confusions"][:N_ROWS]
        ]
        msg.table(
            rows_of_kinds,
            header=("Difference", "Spans"),
            aligns=("l", "r"),
            max_col=80,
            title=f"Differences, first {first}, second {second}",
        )
