"""The page that shows an error analysis."""

import math
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Dict, List, Optional, Tuple

from .charts import PERCENT_TICKS, Bars, Line, Tick, draw_bars, draw_lines
from .errors import ERROR_CLASSES
from .layers import render_layers
from .pages import assign_colors, render_page

CARDS = {
    "Micro F": "f",
    "Macro F": "macro_f",
    "Precision": "p",
    "Recall": "r",
    "Inner F": "inner_f",
    "Outer F": "outer_f",
    "Flat F": "flat_f",
    "Boundary F": "boundary_f",
    "Label acc.": "label_acc",
}
SCORES = {"precision": "p", "recall": "r", "f-score": "f"}

# The most types in the confusion matrix, and in one that takes half of the page.
MAX_CONFUSION_TYPES = 20
MAX_NARROW_TYPES = 8
# How high a bar of one is on a logarithmic axis, as the exponent of ten.
ONE = 0.3


@dataclass
class Cell:
    """A cell of the confusion matrix.

    count (int): The number of spans.
    share (float): Their share in the row, between 0 and 1.
    correct (bool): Whether gold and predicted type are the same.
    """

    count: int
    share: float
    correct: bool


def render_report(analysis: Dict[str, Any]) -> str:
    """Render an error analysis as an HTML page that loads nothing.

    analysis (Dict[str, Any]): What `analyze_docs` returns, and what was analyzed: the `model`, the
        `data`, the `spans_key`, the number of `unannotated_docs`, the `ceilings`, the `threshold`
        or None, the `label_thresholds`, what to do `next`, see `advise`, the least probability
        `floor` of a candidate, and the writing `direction`, "ltr" or "rtl".
    RETURNS (str): The page.
    """
    types = _sort_types(analysis)
    return render_page(
        "report.html",
        analysis,
        cards=CARDS,
        error_classes=ERROR_CLASSES,
        types=types,
        is_narrow=len(types) <= MAX_NARROW_TYPES,
        confusion_types=types[:MAX_CONFUSION_TYPES],
        confusion_rows=_make_confusion_rows(analysis["confusion"], types[:MAX_CONFUSION_TYPES]),
        histogram_chart=_draw_histogram(analysis["histogram"]),
        curve_chart=_draw_curve(analysis),
        reliability_chart=_draw_reliability(analysis["reliability"]),
        width_chart=_draw_groups(analysis["by_width"], "tokens of the span (gold spans below)"),
        depth_chart=_draw_groups(analysis["by_depth"], "depth of nesting (gold spans below)"),
        rarity_chart=_draw_groups(analysis["by_rarity"], "examples of the type (gold spans below)"),
        render_spans=partial(
            render_layers,
            colors=assign_colors(types),
            direction=analysis["direction"],
        ),
    )


def _sort_types(analysis: Dict[str, Any]) -> List[str]:
    """The types, the most frequent one among the gold spans first."""
    per_type = analysis["scores"]["per_type"] or {}
    return sorted(per_type, key=lambda label: -per_type[label]["gold"])


def _make_confusion_rows(
    confusion: List[Dict[str, Any]], types: List[str]
) -> List[Tuple[Optional[str], List[Cell]]]:
    """A row for each gold type, with a cell for each predicted type. None comes last in both."""
    counts = {(entry["gold"], entry["predicted"]): entry["count"] for entry in confusion}
    rows = []
    for gold in (*types, None):
        total = sum(count for (row, _), count in counts.items() if row == gold)
        row_counts = [(predicted, counts.get((gold, predicted), 0)) for predicted in (*types, None)]
        rows.append(
            (
                gold,
                [
                    Cell(count, count / total if total else 0.0, gold == predicted)
                    for predicted, count in row_counts
                ],
            )
        )
    return rows


def _draw_histogram(histogram: Dict[str, List[float]]) -> str:
    most = max([1, *histogram["correct"], *histogram["wrong"]])
    ranges = [f"{low:.0%} to {high:.0%}" for low, high in pairwise(histogram["edges"])]
    series = [
        Bars(
            name,
            [_log_height(count, most) for count in histogram[name]],
            [f"{count:,} {name}, {text}" for count, text in zip(histogram[name], ranges)],
        )
        for name in ("correct", "wrong")
    ]
    powers = [10**exponent for exponent in range(math.floor(math.log10(most)) + 1)]
    return draw_bars(
        series,
        x_ticks=PERCENT_TICKS,
        y_ticks=[Tick(_log_height(power, most), f"{power:,}") for power in powers],
        title="Number of correct and wrong candidates by probability",
        x_label="probability (%)",
        y_label="candidates",
    )


def _log_height(count: float, most: float) -> float:
    return (math.log10(count) + ONE) / (math.log10(most) + ONE) if count else 0.0


def _draw_curve(analysis: Dict[str, Any]) -> str:
    curve = Line("curve", [(point["r"], point["p"]) for point in analysis["curve"]])
    scores = analysis["scores"]
    chosen = Line(
        "chosen",
        [(scores["r"] or 0.0, scores["p"] or 0.0)],
        [f"predicted: precision {scores['p'] or 0:.1%}, recall {scores['r'] or 0:.1%}"],
    )
    return draw_lines(
        [curve, chosen],
        title="Precision and recall of the candidates over thresholds",
        x_label="recall (%)",
        y_label="precision (%)",
    )


def _draw_reliability(reliability: List[Dict[str, float]]) -> str:
    measured = Line(
        "curve",
        [(point["probability"], point["correct"]) for point in reliability],
        [f"{point['correct']:.1%} of {point['count']:,} are correct" for point in reliability],
    )
    return draw_lines(
        [Line("ideal", [(0, 0), (1, 1)]), measured],
        title="Share of correct candidates by probability",
        x_label="mean probability (%)",
        y_label="correct (%)",
    )


def _draw_groups(groups: List[Dict[str, Any]], x_label: str) -> str:
    series = [
        Bars(
            name,
            [group[score] for group in groups],
            [
                f"{name} {group[score]:.1%} ({group['gold']:,} gold, {group['predicted']:,} "
                "predicted)"
                for group in groups
            ],
        )
        for name, score in SCORES.items()
    ]
    x_ticks = [
        Tick((index + 0.5) / len(groups), f"{group['name']}\n({group['gold']:,})")
        for index, group in enumerate(groups)
    ]
    return draw_bars(
        series,
        x_ticks=x_ticks,
        title=f"Precision, recall and F-score by {x_label}",
        x_label=x_label,
        y_label="score (%)",
    )
