"""Small charts as SVG, to be styled by the page that they stand in."""

from html import escape
from typing import List, NamedTuple, Sequence, Tuple

# The plot and the room around it, in the units of the SVG.
WIDTH, HEIGHT = 420, 230
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 12, 30
LINE_HEIGHT = 14

# Share of its room that a group of bars fills.
BAR_FILL = 0.8


class Tick(NamedTuple):
    """A mark on an axis.

    position (float): Where it stands, from 0 at the origin to 1.
    text (str): Its label, of one line or several.
    """

    position: float
    text: str


class Line(NamedTuple):
    """A line, or a mark if it has one point.

    name (str): Its CSS class.
    points (List[Tuple[float, float]]): Its points, from 0 at the origin to 1.
    titles (Sequence[str]): What to say of each point, which is then marked.
    """

    name: str
    points: List[Tuple[float, float]]
    titles: Sequence[str] = ()


class Bars(NamedTuple):
    """One bar in each group.

    name (str): Their CSS class.
    heights (List[float]): Their heights, from 0 to 1.
    titles (List[str]): What to say of each.
    """

    name: str
    heights: List[float]
    titles: List[str]


PERCENT_TICKS = [Tick(share / 100, str(share)) for share in range(0, 101, 20)]


def draw_lines(lines: Sequence[Line], *, title: str, x_label: str, y_label: str) -> str:
    """Draw lines between two axes in percent.

    lines (Sequence[Line]): The lines.
    title (str): What the chart shows, for those who can't see it.
    x_label (str): Label of the horizontal axis.
    y_label (str): Label of the vertical axis.
    RETURNS (str): The SVG.
    """
    shapes = []
    for line in lines:
        points = [(_x(x), _y(y)) for x, y in line.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        shapes.append(f'<polyline class="{line.name}" points="{path}"/>')
        shapes += [
            f'<circle class="{line.name}" cx="{x:.1f}" cy="{y:.1f}" r="4.5">'
            f"<title>{escape(point_title)}</title></circle>"
            for (x, y), point_title in zip(points, line.titles)
        ]
    return _draw(shapes, PERCENT_TICKS, PERCENT_TICKS, title, x_label, y_label)


def draw_bars(
    series: Sequence[Bars],
    *,
    x_ticks: Sequence[Tick],
    y_ticks: Sequence[Tick] = PERCENT_TICKS,
    title: str,
    x_label: str,
    y_label: str,
) -> str:
    """Draw groups of bars beside each other.

    series (Sequence[Bars]): The bars, as many in each series as there are groups.
    x_ticks (Sequence[Tick]): The marks on the horizontal axis.
    y_ticks (Sequence[Tick]): The marks on the vertical axis.
    title (str): What the chart shows, for those who can't see it.
    x_label (str): Label of the horizontal axis.
    y_label (str): Label of the vertical axis.
    RETURNS (str): The SVG.
    """
    shapes = []
    for index, bars in enumerate(series):
        offset = (1 - BAR_FILL) / 2 + index * BAR_FILL / len(series)
        for group, (height, bar_title) in enumerate(zip(bars.heights, bars.titles)):
            left = _x((group + offset) / len(bars.heights))
            width = WIDTH * BAR_FILL / len(series) / len(bars.heights)
            shapes.append(
                f'<rect class="{bars.name}" x="{left:.1f}" y="{_y(height):.1f}" '
                f'width="{width:.1f}" height="{height * HEIGHT:.1f}">'
                f"<title>{escape(bar_title)}</title></rect>"
            )
    return _draw(shapes, x_ticks, y_ticks, title, x_label, y_label)


def _draw(
    shapes: Sequence[str],
    x_ticks: Sequence[Tick],
    y_ticks: Sequence[Tick],
    title: str,
    x_label: str,
    y_label: str,
) -> str:
    """Draw shapes over the axes and their labels."""
    left, right, bottom = _x(0), _x(1), _y(0)
    axes = []
    for position, text in y_ticks:
        y = _y(position)
        axes.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        axes.append(f'<text x="{left - 7}" y="{y + 4:.1f}" text-anchor="end">{escape(text)}</text>')
    for position, text in x_ticks:
        for number, line in enumerate(text.splitlines(), start=1):
            axes.append(
                f'<text x="{_x(position):.1f}" y="{bottom + 3 + LINE_HEIGHT * number}" '
                f'text-anchor="middle">{escape(line)}</text>'
            )
    middle_x, middle_y = _x(0.5), _y(0.5)
    bottom += LINE_HEIGHT * max((len(text.splitlines()) for _, text in x_ticks), default=0) + BOTTOM
    axes.append(
        f'<text class="axis" x="{middle_x}" y="{bottom - 7}" text-anchor="middle">'
        f"{escape(x_label)}</text>"
    )
    axes.append(
        f'<text class="axis" x="14" y="{middle_y}" text-anchor="middle" '
        f'transform="rotate(-90 14 {middle_y})">{escape(y_label)}</text>'
    )
    return (
        f'<svg viewBox="0 0 {right + RIGHT} {bottom}" role="img" aria-label="{escape(title)}">'
        f"{''.join([*axes, *shapes])}</svg>"
    )


def _x(position: float) -> float:
    return LEFT + position * WIDTH


def _y(position: float) -> float:
    return TOP + (1 - position) * HEIGHT
