"""Spans as lines below the text, so that those that nest and those that cross can be told apart."""

from html import escape
from itertools import pairwise
from typing import Any, Dict, List, Sequence

# Where the first line is below the top of the text, the distance of two, and the height of a label,
# in pixels.
TOP, STEP, LABEL_HEIGHT = 23, 17, 14


def find_layers(spans: Sequence[Dict[str, Any]]) -> List[int]:
    """Find a line for each span that no other span around it, or across its start, takes.

    spans (Sequence[Dict[str, Any]]): The spans, sorted by start, longest first.
    RETURNS (List[int]): The number of the line of each, from 0.
    """
    layers: List[int] = []
    for index, span in enumerate(spans):
        taken = {layers[other] for other in range(index) if spans[other]["end"] > span["start"]}
        layers.append(next(layer for layer in range(len(taken) + 1) if layer not in taken))
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
    layers = find_layers(spans)
    # Only where words and spans begin and end, so that no word is pulled apart by a label
    word_ends = {index for index, token in enumerate(tokens, start=1) if token[-1:].isspace()}
    bounds = {span[bound] for span in spans for bound in ("start", "end")}
    pieces = []
    for start, end in pairwise(sorted({0, len(tokens)} | word_ends | bounds)):
        text = escape("".join(tokens[start:end]))
        inside = [
            (layer, span)
            for layer, span in zip(layers, spans)
            if span["start"] <= start < span["end"]
        ]
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
