import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


@pytest.fixture(scope="module")
def report(import_benchmark):
    return import_benchmark("report")


def test_tables_of_all_pages_are_those_that_the_report_makes(report):
    places = set()
    for path in report.find_pages(ROOT):
        page = path.read_text(encoding="utf8")
        assert report.fill_tables(page, BENCHMARKS) == page, path
        places |= {name for _, name in report.PLACE.findall(page)}
    assert places == {*report.TABLES}


@pytest.mark.parametrize(
    "name, row",
    [
        ("comparison", "| CMeEE | 300 |  | 29.7 ± 1.5 / 12.7 ± 2.7 | 35.4 ± 0.8 / 27.2 ± 1.7 |"),
        ("comparison", "| GENIA | 15,022 |  | 73.9 ± 0.2 / 74.1 ± 0.1 |"),
        ("transformers", "| GENIA | 1,400 | MiniLM | 62.5 ± 0.5 / 57.9 ± 1.9 |"),
        ("models", "| genia | 5,513 | 73.8 | 72.7 | 73.3 | 73.7 |"),
        ("speed", "| predict | 48 | 1 | 11.40 | 0.80 | 0.16 |"),
    ],
)
def test_tables_hold_the_results(report, name, row):
    assert row in report.TABLES[name](BENCHMARKS)


def test_plot_is_the_same_for_the_same_results(report, tmp_path):
    for name in ("a.svg", "b.svg"):
        report.plot_few_documents(BENCHMARKS, tmp_path / name)
    image = (tmp_path / "a.svg").read_text(encoding="utf8")
    assert image == (tmp_path / "b.svg").read_text(encoding="utf8")
    texts = [*report.COMPONENTS, *report.CORPORA.values(), "macro F on test (%)"]
    assert all(f"<!-- {text} -->" in image for text in texts)


def test_each_study_has_its_row():
    text = (BENCHMARKS / "README.md").read_text(encoding="utf8")
    rows = re.findall(r"^\| \[(\w+)\]\(studies/(\w+)/RESULTS\.md\) \|", text, re.MULTILINE)
    assert all(title == name for title, name in rows)
    studies = [path.parent.name for path in BENCHMARKS.glob("studies/*/RESULTS.md")]
    assert sorted(studies) == sorted(name for _, name in rows)


@pytest.mark.parametrize(
    "page", sorted(BENCHMARKS.rglob("*.md")), ids=lambda page: page.parent.name
)
def test_links_lead_somewhere(page):
    for name in LINK.findall(page.read_text(encoding="utf8")):
        assert (page.parent / name).exists(), name
