from xml.etree import ElementTree

import pytest

from spacy_eiou.evaluation.charts import (
    HEIGHT,
    LEFT,
    TOP,
    WIDTH,
    Bars,
    Line,
    Tick,
    draw_bars,
    draw_lines,
)

TITLES = {"title": "a < b", "x_label": "x & y", "y_label": "y"}


def test_lines_run_from_the_origin():
    chart = draw_lines([Line("curve", [(0, 0), (0.5, 1)])], **TITLES)
    line = ElementTree.fromstring(chart).find("polyline")
    points = f"{LEFT:.1f},{TOP + HEIGHT:.1f} {LEFT + WIDTH / 2:.1f},{TOP:.1f}"
    assert line.attrib == {"class": "curve", "points": points}


def test_points_with_titles_are_marked():
    lines = [Line("a", [(0, 0), (1, 1)], ["x < 1", "y"]), Line("b", [(0, 0), (1, 1)])]
    chart = ElementTree.fromstring(draw_lines(lines, **TITLES))
    assert [circle.find("title").text for circle in chart.findall("circle")] == ["x < 1", "y"]
    assert {circle.get("class") for circle in chart.findall("circle")} == {"a"}


def test_bars_stand_beside_each_other():
    series = [Bars("a", [1, 0.5], ["1", "2"]), Bars("b", [0, 0.25], ["3", "4"])]
    chart = ElementTree.fromstring(draw_bars(series, x_ticks=[], **TITLES))
    bars = {bar.find("title").text: bar for bar in chart.findall("rect")}
    assert float(bars["1"].get("height")) == HEIGHT
    assert float(bars["2"].get("height")) == HEIGHT / 2
    assert float(bars["4"].get("y")) == pytest.approx(TOP + 0.75 * HEIGHT, abs=0.1)
    # Each of the two groups has half of the width, and its two bars 80 % of that
    assert {float(bar.get("width")) for bar in bars.values()} == {0.2 * WIDTH}
    lefts = [float(bars[name].get("x")) for name in "1324"]
    assert lefts == pytest.approx([LEFT + WIDTH * x for x in (0.05, 0.25, 0.55, 0.75)], abs=0.1)


def test_ticks_of_several_lines_move_the_label_of_the_axis():
    def draw(text):
        chart = draw_bars([], x_ticks=[Tick(0.5, text)], **TITLES)
        return ElementTree.fromstring(chart)

    one, two = draw("1"), draw("1\n(7)")
    assert "(7)" in [text.text for text in two.findall("text")]
    heights = [float(chart.get("viewBox").split()[3]) for chart in (one, two)]
    assert heights[1] > heights[0]


def test_text_is_escaped():
    chart = ElementTree.fromstring(draw_lines([], **TITLES))
    assert chart.get("aria-label") == "a < b"
    assert "x & y" in [text.text for text in chart.findall("text")]


def test_no_groups():
    chart = draw_bars([Bars("a", [], [])], x_ticks=[], **TITLES)
    assert ElementTree.fromstring(chart).findall("rect") == []
