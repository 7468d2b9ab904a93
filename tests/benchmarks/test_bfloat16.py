from pathlib import Path

import pytest
import srsly


@pytest.fixture(scope="module")
def bfloat16(import_benchmark):
    return import_benchmark("bfloat16")


@pytest.mark.parametrize("name", ["bfloat16", "bfloat16_cnn"])
def test_page_is_the_one_that_the_report_makes(name, bfloat16):
    folder = Path(bfloat16.__file__).parent / name
    page = (folder / "BFLOAT16.md").read_text(encoding="utf8")
    assert bfloat16.make_report(srsly.read_json(folder / "bfloat16.json")) == page


def test_time_is_the_median_of_the_rounds(bfloat16):
    runs = {
        "single precision": {"f": 0.5, "macro_f": 0.25, "cpu_seconds": [2.0, 90.0, 1.0]},
        "bfloat16": {"f": 0.4999, "macro_f": 0.25, "cpu_seconds": [0.5, 1.0, 1.5]},
    }
    expected = ["genia/test.spacy", "50.00 / 25.00", "49.99 / 25.00", "2.00", "1.00", "0.50"]
    assert bfloat16.make_row("genia/test.spacy", runs) == expected
