import json

import pytest

from serve_util import HARD_TEXT as TEXT
from serve_util import SECONDS, running
from spacy_eiou.annotation import create_app

DNA = ["human IL-2 gene", "mouse IL-4 gene"]
PROTEIN = ["IL-2", "IL-4"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(nlp):
    with running(create_app(nlp, max_chars=300)) as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def page(browser, url):
    browser.get(url)
    browser.get_log("browser")
    return browser


# As Selenium knows the keys, which not every environment of the tests has.
TAB, ENTER, SPACE = "\ue004", "\ue007", "\ue00d"


def wait(page, script):
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(page, SECONDS, poll_frequency=0.05).until(lambda _: page.execute_script(script))


def write(page, text):
    set_value = "const [box, text] = arguments; box.value = text;"
    box = page.find_element("id", "text")
    page.execute_script(f"{set_value} box.dispatchEvent(new Event('input'))", box, text)


def annotate(page, text=TEXT):
    write(page, text)
    wait(page, "return document.querySelectorAll('#tree li').length > 0")


def set_threshold(page, value):
    script = (
        "const [box, value] = arguments; box.value = value; box.dispatchEvent(new Event('input'))"
    )
    page.execute_script(script, page.find_element("id", "threshold"), value)


def get_tree(page):
    return [item.text for item in page.find_elements("css selector", "#tree q")]


def get_json(page):
    return json.loads(page.find_element("id", "json").text)


def get_text(page):
    """The text that is drawn, without labels."""
    return page.execute_script(
        "const copy = document.getElementById('spans').cloneNode(true);"
        "copy.querySelectorAll('b, em').forEach((label) => label.remove());"
        "return copy.textContent"
    )


def test_entities_of_a_text(page):
    annotate(page)
    assert get_text(page) == TEXT
    assert get_tree(page) == [DNA[0], PROTEIN[0], DNA[1], PROTEIN[1]]
    inner = page.find_elements("css selector", "#tree li li q")
    assert [item.text for item in inner] == PROTEIN
    labels = [label.text for label in page.find_elements("css selector", ".token b")]
    assert labels == ["DNA", "protein"] * 2
    assert page.find_element("id", "status").text == "4 entities"
    answer = get_json(page)
    assert answer["text"] == TEXT
    assert [span["parent"] for span in answer["spans"]] == [None, 0, None, 2]
    assert [TEXT[span["start"] : span["end"]] for span in answer["spans"]] == get_tree(page)


def test_inner_span_is_below_the_outer_one(page):
    annotate(page)
    tops = [line.rect["y"] for line in page.find_elements("css selector", ".token b")[:2]]
    assert tops[1] - tops[0] == 18


def test_labels_are_switched_off_by_the_keyboard(page):
    annotate(page)
    box = page.find_element("css selector", "#labels input[value=DNA]")
    box.send_keys(SPACE)
    assert get_tree(page) == PROTEIN
    assert page.find_element("id", "status").text == "2 entities, 2 hidden"
    assert [span["parent"] for span in get_json(page)["spans"]] == [None, None]
    page.find_element("id", "all-off").send_keys(ENTER)
    assert get_tree(page) == []
    assert get_text(page) == TEXT
    page.find_element("id", "all-on").send_keys(ENTER)
    assert len(get_tree(page)) == 4


def test_threshold(page):
    annotate(page)
    set_threshold(page, 0.01)
    wait(page, "return document.querySelectorAll('#tree li').length > 4")
    assert page.find_element("id", "threshold-value").text == "0.01"
    set_threshold(page, 0.99)
    wait(page, "return document.querySelectorAll('#tree li').length < 4")
    assert all(span["score"] >= 0.99 for span in get_json(page)["spans"])
    page.find_element("id", "reset").click()
    wait(page, "return document.querySelectorAll('#tree li').length === 4")
    assert page.find_element("id", "threshold-value").text == "0.50"


def test_problem_is_told(page):
    write(page, "a " * 200)
    wait(page, "return !document.getElementById('error').hidden")
    assert page.find_element("id", "error").text.startswith("Expected at most 300 characters, not")
    annotate(page)
    assert not page.find_element("id", "error").is_displayed()
    write(page, "")
    wait(page, "return document.getElementById('json').textContent === ''")


def test_json_is_copied_or_selected(page):
    annotate(page)
    page.find_element("id", "copy").click()
    wait(page, "return document.getElementById('copied').textContent !== ''")
    told = page.find_element("id", "copied").text
    assert told in ("Copied", "Selected: copy it with Ctrl+C")
    if told != "Copied":
        assert json.loads(page.execute_script("return getSelection().toString()"))["text"] == TEXT


def test_everything_is_reached_by_the_keyboard_and_has_a_name(page):
    annotate(page)
    focused = []
    page.find_element("id", "text").click()
    for _ in range(12):
        page.switch_to.active_element.send_keys(TAB)
        element = page.switch_to.active_element
        if element.tag_name == "body":
            break
        focused.append(element.get_attribute("id") or element.get_attribute("value"))
        assert element.accessible_name, focused
    expected = ["threshold", "reset", "all-on", "all-off", "DNA", "protein", "copy", "json"]
    assert [name for name in focused if name in expected] == [
        name for name in expected if name != "reset"
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_page_fits_the_window(page, width, scheme):
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    try:
        page.refresh()
        annotate(page, f"{TEXT} {'x' * 200}")
        script = "return [document.documentElement.scrollWidth, innerWidth]"
        scroll_width, inner_width = page.execute_script(script)
        assert scroll_width <= width and inner_width == width
        colors = page.execute_script(
            "const {color, backgroundColor} = getComputedStyle(document.body);"
            "return [color, backgroundColor].map((rgb) => Number(rgb.match(/[0-9]+/)[0]))"
        )
        assert (colors[0] < colors[1]) == (scheme == "light")
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_nothing_goes_wrong_in_the_browser(page, url):
    annotate(page)
    assert page.title == "en_pipeline"
    assert page.get_log("browser") == []
    loaded = page.execute_script(
        "return performance.getEntriesByType('resource').map((r) => r.name)"
    )
    assert set(loaded) == {url + name for name in ("page.css", "page.js", "annotate")}
