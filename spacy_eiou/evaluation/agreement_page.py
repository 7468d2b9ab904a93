"""The page that shows how far annotators agree."""

import re
from functools import partial
from itertools import pairwise
from typing import Any, Dict, List, Mapping, Sequence
from unicodedata import bidirectional

from .layers import render_layers
from .pages import assign_colors, render_page

CARDS = {
    "F": "f",
    "Boundary F": "boundary_f",
    "Equal labels": "label_acc",
    "Inner F": "inner_f",
    "Outer F": "outer_f",
    "Flat F": "flat_f",
}
# The most rows of a table of frequent differences.
N_ROWS = 10


def render_agreement(result: Mapping[str, Any], kinds: Mapping[str, str]) -> str:
    """Render the agreement of annotators as an HTML page that loads nothing.

    result (Mapping[str, Any]): What `compare_annotators` returns.
    kinds (Mapping[str, str]): The kinds of differences and what they mean.
    RETURNS (str): The page.
    """
    # Those that only a model suggested are not among the labels of people.
    shown = [
        span["label"]
        for example in result["examples"]
        for spans in example["spans"].values()
        for span in spans
    ]
    labels = list(dict.fromkeys([*result["per_label"], *shown]))
    return render_page(
        "agreement.html",
        result,
        scores=result,
        cards=CARDS,
        kinds=kinds,
        labels=labels,
        n_rows=N_ROWS,
        render_side=partial(render_side, colors=assign_colors(labels)),
    )


def render_side(
    text: str, spans: Sequence[Mapping[str, Any]], colors: Dict[str, Sequence[str]]
) -> str:
    """Render the annotation of a text.

    text (str): The text.
    spans (Sequence[Mapping[str, Any]]): The `start` and `end` of each span in characters, its
        `label`, and whether all annotators `shared` it.
    colors (Dict[str, Sequence[str]]): See `render_layers`.
    RETURNS (str): HTML.
    """
    bounds = {span[bound] for span in spans for bound in ("start", "end")}
    word_ends = {match.end() for match in re.finditer(r"\s+", text)}
    cuts = sorted({0, len(text)} | bounds | word_ends)
    rows = {cut: row for row, cut in enumerate(cuts)}
    tokens: List[str] = [text[start:end] for start, end in pairwise(cuts)]
    in_tokens = [
        {
            "start": rows[span["start"]],
            "end": rows[span["end"]],
            "label": span["label"],
            "in_error": not span["shared"],
        }
        for span in spans
    ]
    return render_layers(tokens, in_tokens, colors, find_direction(text))


def find_direction(text: str) -> str:
    """RETURNS (str): "rtl" if the first letter of a text is of a script that is written from right
    to left, or else "ltr"."""
    strong = (found for found in map(bidirectional, text) if found in ("L", "R", "AL"))
    return "ltr" if next(strong, "L") == "L" else "rtl"
