import re
from html import unescape

import pytest

from spacy_eiou.evaluation.advice import advise
from spacy_eiou.evaluation.analysis import AnalyzedDoc, analyze_docs
from spacy_eiou.evaluation.errors import ERROR_CLASSES
from spacy_eiou.evaluation.report import MAX_CONFUSION_TYPES, render_report

SCRIPT = "<script>throw 1</script>"
PAGE_SETTINGS = {
    "model": "model",
    "data": "dev.spacy",
    "spans_key": "sc",
    "unannotated_docs": 0,
    "ceilings": {"gold": 0, "unreachable": 0, "reasons": []},
    "threshold": 0.5,
    "label_thresholds": {},
    "floor": 0.01,
    "direction": "ltr",
    "next": {"n_more": 50, "labels": [], "widths": [], "n_suspects": 0, "suspects": []},
}

CEILINGS = {
    "gold": 3000,
    "unreachable": 1200,
    "reasons": [{"reason": "too wide", "count": 1200, "example": "a b", "remedy": "max_width"}],
}


def make_analysis(docs, training_counts=None, *, max_examples=200, **settings):
    analysis = analyze_docs(docs, training_counts, max_examples=max_examples)
    return {**PAGE_SETTINGS, **settings, **analysis}


def make_doc(tokens, gold=(), predicted=(), candidates=(), record_id=None):
    return AnalyzedDoc(list(tokens), set(gold), set(predicted), dict(candidates), record_id)


# A wrong type, a spurious and a missed span
DOC = make_doc(
    ["the ", "IL-2 ", "gene ", "binds"],
    gold=[(4, 8, "protein"), (9, 13, "DNA")],
    predicted=[(4, 8, "DNA"), (14, 19, "RNA")],
    candidates={(4, 8, "DNA"): 0.7, (4, 8, "protein"): 0.2},
)


def get_texts(page):
    """The texts of the rendered examples, without labels."""
    texts = re.findall(r'<div class="spans".*?>(.*?)</div>', page, flags=re.DOTALL)
    return [
        unescape(re.sub(r"<[^>]*>", "", re.sub(r"<(b|em)\b.*?</\1>", "", text))) for text in texts
    ]


@pytest.mark.parametrize(
    "tokens,gold",
    [
        (["(", "IL", "-", "2", ") ", "gene"], [(1, 5, "A"), (1, 3, "B")]),
        (["肺", "部", "感", "染", "，", "发", "热"], [(0, 4, "A"), (0, 2, "B"), (5, 7, "C")]),
        (["a ", "& ", "<b> ", "{x}"], [(2, 9, "A")]),
        (["التهاب ", "الرئة"], [(7, 12, "A")]),
    ],
)
def test_text_is_not_altered(tokens, gold):
    page = render_report(make_analysis([make_doc(tokens, gold)]))
    assert get_texts(page) == ["".join(tokens)] * 2 * len(gold)


def test_everything_is_escaped():
    label = f"A{SCRIPT}"
    doc = make_doc([SCRIPT], [(0, 4, label)], [(0, 4, "B")], {(0, 4, "B"): 0.6}, SCRIPT)
    settings = {name: SCRIPT for name in ("model", "data", "spans_key")}
    page = render_report(make_analysis([doc], {label: 1}, **settings))
    assert SCRIPT not in page
    assert page.count("<script>") == 1
    assert get_texts(page) == [SCRIPT] * 2


def test_page_loads_nothing():
    page = render_report(make_analysis([DOC]))
    assert "://" not in page
    assert "@import" not in page
    assert re.findall(r'(?:src|href)="([^#].*?)"', page) == ["data:,"]


def test_span_in_error_is_marked():
    page = render_report(make_analysis([DOC], max_examples=1))
    gold, predicted = re.findall(r'<div class="spans".*?</div>', page, flags=re.DOTALL)
    assert re.findall("<mark>(.*?)</mark>", gold) == ["protein"] * 2
    assert re.findall("<mark>(.*?)</mark>", predicted) == ["DNA"] * 2
    assert "RNA" in predicted


@pytest.mark.parametrize(
    "max_examples,text", [(2, "Showing 2 of 3 errors, spread"), (3, "Showing 3 of 3 errors.")]
)
def test_number_of_examples(max_examples, text):
    page = render_report(make_analysis([DOC], max_examples=max_examples))
    assert text in " ".join(page.split())
    assert page.count("<article") == max_examples


@pytest.mark.parametrize(
    "settings,text",
    [
        ({}, "at its threshold of 0.5."),
        ({"threshold": None}, "The dot is what the pipeline predicts."),
        ({"label_thresholds": {"A": 0.3}}, "threshold of 0.5 and those of 1 types."),
        ({"unannotated_docs": 1200}, "1,200 docs without the key are left out."),
        ({"direction": "rtl"}, "direction: rtl"),
        ({"ceilings": CEILINGS}, "1,200 of 3,000 gold spans can never be predicted"),
        ({"ceilings": CEILINGS}, '<th>too wide</th> <td data-title="gold spans">1,200</td>'),
    ],
)
def test_what_was_analyzed(settings, text):
    assert text in " ".join(render_report(make_analysis([DOC], **settings)).split())


def test_training_counts():
    page = render_report(make_analysis([DOC], {"protein": 1234}))
    assert ">1,234</td>" in page
    assert "<th>trained on</th>" in page
    assert "<th>trained on</th>" not in render_report(make_analysis([DOC]))


def test_confusion_of_many_types_is_cut():
    types = [f"type{index:02}" for index in range(MAX_CONFUSION_TYPES + 5)]
    docs = [make_doc(["a"], [(0, 1, label)]) for label in types]
    page = " ".join(render_report(make_analysis(docs)).split())
    assert f"The {MAX_CONFUSION_TYPES} most frequent of {len(types)} types" in page
    assert page.count("<span>type") == MAX_CONFUSION_TYPES


def test_nothing_to_show():
    page = render_report(make_analysis([make_doc(["a"])]))
    assert "<strong>-</strong><span>Micro F</span>" in page
    assert "Showing 0 of 0 errors." in " ".join(page.split())


@pytest.fixture
def page(browser, tmp_path):
    """The browser with a page that is hard to fit into a narrow window."""
    long_label = "an/unusually/long/label/for/a/type/of/entity"
    wide = make_doc(
        ["x" * 120, " ", *"感染" * 20, SCRIPT],
        gold=[(0, 120, long_label), (121, 150, long_label)],
        predicted=[(125, 130, "DNA"), (125, 127, SCRIPT)],
        record_id="r" * 80,
    )
    path = tmp_path / "index.html"
    analysis = make_analysis([DOC, wide], ceilings=CEILINGS)
    advice = {**advise(analysis, [DOC, wide]), "suspects": []}
    path.write_text(render_report({**analysis, "next": advice}), encoding="utf8")
    browser.get(path.as_uri())
    return browser


def select(browser, name, value):
    from selenium.webdriver.support.select import Select

    Select(browser.find_element("id", name)).select_by_visible_text(value)


def count_visible(browser):
    articles = browser.find_elements("tag name", "article")
    return sum(article.is_displayed() for article in articles)


@pytest.mark.slow
@pytest.mark.parametrize(
    "error_class,label,n_visible",
    [
        ("all", "all", 6),
        ("wrong type", "all", 1),
        ("all", "DNA", 3),  # a wrong type, a missed span and a predicted one with both wrong
        ("missed flat", "DNA", 1),
        ("missed flat", "RNA", 0),
    ],
)
def test_filters(page, error_class, label, n_visible):
    select(page, "error-class", error_class)
    select(page, "type", label)
    assert count_visible(page) == n_visible
    assert page.find_element("id", "shown").text == str(n_visible)


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_page_fits_the_window(page, width):
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.refresh()
    size = page.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert size[0] <= width and size[1] == width
    too_wide = "return [...document.querySelectorAll('table:not(.confusion)')]"
    too_wide += ".filter(table => table.offsetWidth > table.parentElement.clientWidth).length"
    assert width > 500 or page.execute_script(too_wide) == 0


@pytest.mark.slow
def test_nothing_goes_wrong_in_the_browser(page):
    assert page.title == "Error analysis of model"
    assert page.get_log("browser") == []
    assert page.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_page_ends_with_what_to_do_next():
    analysis = make_analysis([DOC] * 2)
    advice = advise(analysis, [DOC] * 2)
    texts = [{"text": f"{SCRIPT} text", "meta": {"reason": "about 3 errors"}}]
    page = render_report({**analysis, "next": {**advice, "texts": texts}})
    assert page.index('id="examples"') < page.index('id="next"')
    for text in ("say in the guidelines what tells it from DNA", "about 3 errors"):
        assert text in page[page.index('id="next"') :]
    assert "If it\n      was trained on these docs" in page
    assert SCRIPT not in page
    assert "Texts to annotate" not in render_report(analysis)


def test_links_and_classes_are_on_the_page():
    page = render_report(make_analysis([DOC]))
    for name in ("classes", "types", "charts", "examples", "next"):
        assert f'href="#{name}"' in page and f'id="{name}"' in page
    for meaning in ERROR_CLASSES.values():
        assert f"<dd>{meaning}</dd>" in page
