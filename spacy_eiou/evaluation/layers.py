"""Spans as lines below the text, so that those that nest and those that cross can be told apart."""

from collections import defaultdict
from html import escape
from itertools import pairwise
from typing import Any, Dict, List, Sequence, Tuple

# Where the first line is below the top of the text, the distance of two, and the height of a label,
# in pixels.
TOP, STEP, LABEL_HEIGHT = 23, 17, 14


def find_layers(spans: Sequence[Dict[str, Any]]) -> List[int]:
    """Find a line for each span that no other span around it, or across its start, takes.

    spans (Sequence[Dict[str, Any]]): The spans, sorted by start, longest first.
    RETURNS (List[int]): The number of the line of each, from 0.
    """
    layers: List[int] = []
    # The line and the end of those that have not ended.
    open_spans: List[Tuple[int, int]] = []
    for span in spans:
        start, end = span["start"], span["end"]
        open_spans = [(layer, other_end) for layer, other_end in open_spans if other_end > start]
        taken = {layer for layer, _ in open_spans}
        layers.append(next(layer for layer in range(len(taken) + 1) if layer not in taken))
        open_spans.append((layers[-1], end))
    return layers


def render_layers(
    tokens: Sequence[str],
    spans: Sequence[Dict[str, Any]],
    colors: Dict[str, Sequence[str]],
    direction: str = "ltr",
) -> str:
    """Render text with its spans below it.

    tokens (Sequence[str]): The tokens, with the whitespace after them: joined, they are the text.
    spans (Sequence[Dict[str, Any]]): The `start` and `end` of each span in tokens, its `label`, and
        as `in_error` whether it stands out.
    colors (Dict[str, Sequence[str]]): Of each label the color of a span that stands out, and that
        of others.
    direction (str): "ltr" or "rtl".
    RETURNS (str): HTML, to be styled by the page that it stands in.
    """
    spans = sorted(spans, key=lambda span: (span["start"], -span["end"], span["label"]))
    starting: Dict[int, List[Tuple[int, Dict[str, Any]]]] = defaultdict(list)
    for layer, span in zip(find_layers(spans), spans):
        starting[span["start"]].append((layer, span))
    # Only where words and spans begin and end, so that no word is pulled apart by a label
    word_ends = {index for index, token in enumerate(tokens, start=1) if token[-1:].isspace()}
    bounds = {span[bound] for span in spans for bound in ("start", "end")}
    pieces = []
    inside: List[Tuple[int, Dict[str, Any]]] = []
    for start, end in pairwise(sorted({0, len(tokens)} | word_ends | bounds)):
        text = escape("".join(tokens[start:end]))
        # Each span starts where a piece does.
        inside = [row for row in inside + starting[start] if start < row[1]["end"]]
        # A line below nothing but whitespace would not be as high.
        pieces.append(
            _render_piece(text, start, inside, colors) if inside and text.strip() else text
        )
    return f'<div class="spans" style="direction: {direction}">{"".join(pieces)}</div>'


def _render_piece(
    text: str, start: int, inside: Sequence[Any], colors: Dict[str, Sequence[str]]
) -> str:
    lines, labels = [], []
    for layer, span in inside:
        color = colors[span["label"]][0 if span["in_error"] else 1]
        style = f"background:{color};top:{TOP + STEP * layer}px"
        lines.append(f'<i style="{style}"></i>')
        if span["start"] == start:
            label = escape(span["label"])
            shown = f"<mark>{label}</mark>" if span["in_error"] else label
            # The label again, unseen, so that the text is as wide and no label covers the next
            labels.append(f'<b style="{style}">{shown}</b><em>{shown}</em>')
    height = TOP + LABEL_HEIGHT + STEP * max(layer for layer, _ in inside)
    return (
        f'<span class="token" style="height:{height}px">{text}{"".join(lines)}{"".join(labels)}'
        "</span>"
    )
