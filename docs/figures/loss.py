"""Draw loss.svg, from the functions that the loss computes with: python docs/figures/loss.py"""

from pathlib import Path
from typing import List

import numpy as np

from spacy_eiou.losses import build_emc_v1
from spacy_eiou.spans import eiou_distance, overlapping_pairs

WORDS = ["The", "boiler", "feed", "pump", "seal", "leaked", "again"]
GOLD = (1, 4)
COUNTS = [1, 3, 10, 30, 100, 300, 1000, 3000, 10000]
# Edge of a cell of the heat map, and of its margin, in pixels.
CELL, LEFT, TOP = 48, 90, 50
# The curve: its left and upper edge, width and height.
X, Y, WIDTH, HEIGHT = 530, 60, 300, 270


def draw() -> str:
    """RETURNS (str): The figure, in SVG."""
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" width="880" height="420" viewBox="0 0 880 420"'
        ' font-family="sans-serif" font-size="13">',
        '<rect width="880" height="420" fill="#ffffff"/>',
        *draw_heat_map(),
        *draw_curve(),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def draw_heat_map() -> List[str]:
    """RETURNS (List[str]): The distance of each candidate from the gold span, a row per first and a
    column per last token."""
    n_words = len(WORDS)
    spans = [(start, end) for start in range(n_words) for end in range(start + 1, n_words + 1)]
    candidates, gold = np.array(spans), np.array([GOLD])
    rows, _ = overlapping_pairs(candidates, gold)
    distances = eiou_distance(candidates[rows], gold.repeat(len(rows), axis=0))
    colours = dict(zip(rows.tolist(), distances.tolist()))
    lines = [text(LEFT, 24, f"EIoU distance from “{' '.join(WORDS[slice(*GOLD)])}”", "start")]
    for row, (start, end) in enumerate(spans):
        x, y = LEFT + (end - 1) * CELL, TOP + start * CELL
        if row in colours:
            distance = colours[row]
            # From dark blue, 0, to nearly white.
            shade = round(235 * min(distance / distances.max(), 1))
            lines.append(cell(x, y, f"rgb({shade},{80 + shade * 155 // 235},{160 + shade // 3})"))
            ink = "#ffffff" if shade < 120 else "#222222"
            lines.append(text(x + CELL / 2, y + CELL / 2 + 5, f"{distance:.2f}", "middle", ink))
        else:
            lines.append(cell(x, y, "#f4f4f4"))
    for index, word in enumerate(WORDS):
        lines.append(text(LEFT - 8, TOP + (index + 0.5) * CELL + 5, word, "end"))
        lines.append(text(LEFT + (index + 0.5) * CELL, TOP - 8, word, "middle"))
    lines.append(
        text(LEFT, TOP + n_words * CELL + 22, "row: first token, column: last one", "start")
    )
    return lines


def draw_curve() -> List[str]:
    """RETURNS (List[str]): The margin of a label by the number of its training examples."""
    # The last class is "no entity", which has no margin.
    class_counts = np.array([*COUNTS, 1], dtype="f")
    margins = -build_emc_v1()._shifts(class_counts)[:-1]
    xs = X + WIDTH * np.log10(COUNTS) / np.log10(COUNTS[-1])
    ys = Y + HEIGHT * (1 - margins / margins.max())
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys))
    lines = [
        text(X, 24, "Margin of a label, in logits", "start"),
        f'<path d="M{X} {Y}V{Y + HEIGHT}H{X + WIDTH}" fill="none" stroke="#888888"/>',
        f'<polyline points="{points}" fill="none" stroke="#0050a0" stroke-width="2"/>',
    ]
    for x, y, count, margin in zip(xs, ys, COUNTS, margins):
        lines.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#0050a0"/>')
        lines.append(text(x + 6, y - 8, f"{margin:.1f}", "start"))
        lines.append(text(x, Y + HEIGHT + 20, f"{count:,}", "middle", size=10))
    lines.append(text(X, Y + HEIGHT + 42, "number of its training examples", "start"))
    return lines


def cell(x: float, y: float, fill: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill="{fill}" stroke="#ffffff"/>'


def text(
    x: float, y: float, content: str, anchor: str, ink: str = "#222222", size: int = 13
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{ink}" font-size="{size}">'
        f"{content}</text>"
    )


if __name__ == "__main__":
    Path(__file__).with_suffix(".svg").write_text(draw(), encoding="utf8")
