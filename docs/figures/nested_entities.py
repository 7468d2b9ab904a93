"""Draw nested_entities.svg, two sentences of the sample corpora with their entities:
python docs/figures/nested_entities.py"""

from pathlib import Path
from typing import Dict, List, Tuple

# A sentence, and its entities with their labels, inner ones before those that contain them.
SENTENCES: Dict[str, List[Tuple[str, str]]] = {
    "Dengue virus infection of mosquito cells was not lytic.": [
        ("Dengue", "disease"),
        ("Dengue virus", "virus"),
        ("Dengue virus infection", "disease"),
        ("mosquito", "organism"),
        ("mosquito cells", "cell type"),
    ],
    "Transfer pump coupling spider shredded.": [
        ("Transfer pump", "equipment"),
        ("Transfer pump coupling", "component"),
        ("Transfer pump coupling spider", "component"),
        ("shredded", "failure"),
    ],
}
COLOURS = {
    "cell type": "#1a7f37",
    "component": "#0e7490",
    "disease": "#bf3989",
    "equipment": "#8250df",
    "failure": "#cf222e",
    "organism": "#9a6700",
    "virus": "#1f6feb",
}
# All in pixels: the width of a character, the height of a bar and of the space below it, the upper
# left end of the first sentence, the height of each, and the width of the picture.
CHARACTER, BAR, GAP, LEFT, TOP, SENTENCE, WIDTH = 12, 22, 4, 30, 42, 136, 720
STYLE = """\
<style>
.card { fill: #ffffff; stroke: #d0d7de }
.sentence { fill: #1f2328; font: 20px ui-monospace, Menlo, Consolas, monospace }
.label { fill: #ffffff; font: 600 13px system-ui, sans-serif; text-anchor: middle }
@media (prefers-color-scheme: dark) {
.card { fill: #0d1117; stroke: #30363d }
.sentence { fill: #e6edf3 }
}
</style>"""


def draw() -> str:
    """RETURNS (str): The figure, in SVG."""
    height = TOP + SENTENCE * len(SENTENCES) - GAP - BAR
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        f' width="{WIDTH}" height="{height}">',
        STYLE,
        f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="10"/>',
    ]
    for row, (sentence, entities) in enumerate(SENTENCES.items()):
        y = TOP + row * SENTENCE
        # The length makes characters equally wide in every font.
        lines.append(
            f'<text class="sentence" x="{LEFT}" y="{y}"'
            f' textLength="{CHARACTER * len(sentence)}">{sentence}</text>'
        )
        for entity, label in entities:
            level = sum(inner != entity and inner in entity for inner, _ in entities)
            x, width = LEFT + CHARACTER * sentence.index(entity), CHARACTER * len(entity)
            lines += draw_bar(label, x, y + 12 + level * (BAR + GAP), width)
    return "\n".join([*lines, "</svg>"]) + "\n"


def draw_bar(label: str, x: int, y: int, width: int) -> List[str]:
    return [
        f'<rect x="{x}" y="{y}" width="{width}" height="{BAR}" rx="5" fill="{COLOURS[label]}"/>',
        f'<text class="label" x="{x + width / 2}" y="{y + 16}">{label}</text>',
    ]


if __name__ == "__main__":
    Path(__file__).with_suffix(".svg").write_text(draw(), encoding="utf8")
