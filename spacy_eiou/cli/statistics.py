from pathlib import Path
from typing import List, Optional, Union

from spacy.cli._util import Arg, Opt
from wasabi import msg

from ..evaluation import Statistics, statistics
from ..evaluation.statistics import DISTINCT_THRESHOLD, RARE_LABEL_THRESHOLD, LabelStatistics
from ..tables import one_line
from ._ceilings import print_width
from ._util import app, reporting


@app.command("statistics")
def statistics_cli(
    data_path: Path = Arg(..., help="Path to a .spacy file or a directory of them", exists=True),
    output: Optional[Path] = Opt(
        None, "--output", "-o", help="Output JSON file for the statistics", dir_okay=False
    ),
    spans_key: str = Opt("sc", "--spans-key", "-sk", help="Spans key to look at in Doc.spans"),
) -> None:
    """
    Show what the spans in annotated data are like.

    Their lengths and distinctiveness as in spaCy's "debug data", nesting, rare
    labels, and how many candidates each width costs and how many spans it
    covers. Of a directory, also which documents its files share.
    """
    with reporting(f"Can't describe '{data_path}'"):
        result = statistics(data_path, output=output, spans_key=spans_key)
    print_statistics(result)
    if output is not None:
        msg.good(f"Saved statistics to {output}")


def print_statistics(result: Statistics) -> None:
    """Print tables of the statistics, with warnings on what makes a corpus hard to learn from.

    result (Statistics): The statistics.
    """
    msg.table(
        {
            "Docs": result.docs,
            "Annotated docs": result.annotated_docs,
            "Tokens": result.tokens,
            "Spans": result.spans,
        },
        title="Corpus",
    )
    _print_labels(result)
    shares = ("nested", "inner", "outer", "crossing", "overlapping")
    msg.table(
        {share.capitalize(): f"{getattr(result, share) * 100:.2f}" for share in shares},
        title="Nesting (% of the spans)",
    )
    msg.table(
        list(result.depths.items()),
        header=("Depth", "Spans"),
        aligns=("r", "r"),
        title="Depth of nesting",
    )
    msg.table(
        [
            (row.width, f"{row.candidates_per_token:.2f}", f"{row.coverage * 100:.2f}")
            for row in result.widths
        ],
        header=("Up to", "Candidates per token", "Spans covered (%)"),
        aligns=("r", "r", "r"),
        title="Candidate widths (tokens)",
    )
    print_width(result.default_width)
    _print_warnings(result)


def _print_labels(result: Statistics) -> None:
    rows = [
        (one_line(name), *_format_row(label), label.spans) for name, label in result.labels.items()
    ]
    msg.info("SD = Span Distinctiveness, BD = Boundary Distinctiveness")
    msg.table(
        rows,
        header=("Label", "Length", "SD", "BD", "N"),
        footer=("Wgt. Average", *_format_row(result), "-"),
        divider=True,
        aligns=("l", "r", "r", "r", "r"),
        max_col=max(30, *map(len, result.labels)),
        title="Spans (per label)",
    )


def _format_row(row: Union[LabelStatistics, Statistics]) -> List[str]:
    values = (row.length, row.span_distinctiveness, row.boundary_distinctiveness)
    return [f"{value:.2f}" for value in values]


def _print_warnings(result: Statistics) -> None:
    if result.rare_labels:
        counts = ", ".join(
            f"'{one_line(name)}' ({result.labels[name].spans})" for name in result.rare_labels
        )
        msg.warn(
            f"{len(result.rare_labels)} labels with under {RARE_LABEL_THRESHOLD} spans", counts
        )
    else:
        msg.good(f"All labels have at least {RARE_LABEL_THRESHOLD} spans")
    ubiquitous = [name for name, label in result.labels.items() if label.docs_without == 0]
    if ubiquitous:
        names = ", ".join(map(one_line, ubiquitous))
        msg.warn("No examples for texts WITHOUT these labels", names)
    if result.span_distinctiveness < DISTINCT_THRESHOLD:
        msg.warn("Spans may not be distinct from the rest of the corpus")
    else:
        msg.good("Spans are distinct from the rest of the corpus")
    if result.boundary_distinctiveness < DISTINCT_THRESHOLD:
        msg.warn("Boundary tokens are not distinct from the rest of the corpus")
    else:
        msg.good("Boundary tokens are distinct from the rest of the corpus")
    for warning in result.warnings:
        msg.warn(warning)
