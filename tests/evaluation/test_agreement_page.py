import re
from html import unescape

import pytest

from spacy_eiou.evaluation.agreement import (
    DIFFERENCES,
    SUGGESTIONS,
    AnnotatedText,
    compare_annotators,
)
from spacy_eiou.evaluation.agreement_page import find_direction, render_agreement

LONG = "an/unusually/long/label/for/a/type/of/entity"
SCRIPT = "<script>throw 1</script>"
TEXTS = [
    AnnotatedText(
        "other label", "IL-2 & gene", {"Anna": {(0, 4, "protein")}, "Ben": {(0, 4, "DNA")}}
    ),
    AnnotatedText(
        "r" * 80,
        f"{'x' * 120} {'感染' * 20}\n{SCRIPT}",
        {"Anna": {(0, 120, LONG), (121, 130, SCRIPT)}, "Ben": {(121, 130, SCRIPT)}},
    ),
    AnnotatedText("the same", "no span", {"Anna": set(), "Ben": set()}),
]


def render(texts=TEXTS):
    return render_agreement(compare_annotators(texts), DIFFERENCES)


def get_sides(page):
    """The texts of the annotations, without labels."""
    found = re.findall(r'<div class="spans".*?>(.*?)</div>', page, flags=re.DOTALL)
    return [
        unescape(re.sub(r"<[^>]*>", "", re.sub(r"<(b|em)\b.*?</\1>", "", text))) for text in found
    ]


def test_each_text_is_there_twice():
    shown = [text.text for text in TEXTS]
    assert get_sides(render()) == [shown[0]] * 2 + [shown[1]] * 2 + [shown[2]] * 2


def test_nothing_of_a_text_is_run():
    assert SCRIPT not in render()


def test_only_what_differs_stands_out():
    texts = [AnnotatedText("1", "a b", {"Anna": {(0, 1, "one"), (2, 3, "two")}})]
    texts[0].annotations["Ben"] = {(0, 1, "one")}
    page = render(texts)
    assert "<mark>two</mark>" in page
    assert "<mark>one</mark>" not in page


def test_what_suggestions_count_for_is_told():
    annotations = {SUGGESTIONS: {(0, 1, "one")}, "Anna": {(0, 1, "one")}, "Ben": set()}
    # Nobody but the model has the label of a text that Anna and Ben do not share
    alone = {SUGGESTIONS: {(0, 1, "other")}, "Anna": set()}
    texts = [AnnotatedText("1", "a b", annotations), AnnotatedText("2", "a b", alone)]
    page = " ".join(render(texts).split())
    assert "1 texts are of several annotators." in page
    assert "Suggestions have no part in it" in page
    assert "pairs. " not in page
    assert "<mark>other</mark>" in page
    assert "no part in it" not in render()


def test_numbers_that_nobody_can_tell():
    page = render([AnnotatedText("1", "a", {"Anna": set(), "Ben": set()})])
    assert "<strong>-</strong><span>Cohen&#39;s kappa</span>" in page.replace("'", "&#39;")


@pytest.mark.parametrize("text,direction", [("1 a", "ltr"), ("1. التهاب", "rtl"), ("", "ltr")])
def test_direction(text, direction):
    assert find_direction(text) == direction


@pytest.fixture
def page(browser, tmp_path):
    path = tmp_path / "index.html"
    path.write_text(render(), encoding="utf8")
    browser.get(path.as_uri())
    return browser


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind,label,n_visible",
    [("all", "all", 3), ("other label", "all", 1), ("all", SCRIPT, 0), ("only first", LONG, 1)],
)
def test_filters(page, kind, label, n_visible):
    from selenium.webdriver.support.select import Select

    Select(page.find_element("id", "kind")).select_by_visible_text(kind)
    Select(page.find_element("id", "label")).select_by_visible_text(label)
    articles = page.find_elements("tag name", "article")
    assert sum(article.is_displayed() for article in articles) == n_visible
    assert page.find_element("id", "shown").text == str(n_visible)


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1440])
def test_page_fits_the_window(page, width):
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.refresh()
    size = page.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert size[0] <= width and size[1] == width
    assert page.get_log("browser") == []
