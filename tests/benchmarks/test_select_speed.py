from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "select_speed.py"


@pytest.fixture
def script() -> Any:
    spec = spec_from_file_location("select_speed", PATH)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_summary(script: Any) -> None:
    runs = [
        {"command": command, "texts": texts, "cpu_seconds": seconds, "peak_mb": peak}
        for command, texts, seconds, peak in (
            ("annotate", 10, 8, 100),
            ("select", 10, 10, 150),
            ("annotate", 10, 10, 90),
            ("select", 10, 8, 160),
            ("annotate", 20, 16, 100),
            ("select", 20, 20, 160),
        )
    ]
    assert script.summarize(runs)["sizes"] == {
        "10": {"speed": 1.0, "annotate_mb": 100, "select_mb": 160},
        "20": {"speed": 0.8, "annotate_mb": 100, "select_mb": 160},
    }


def test_no_two_texts_are_the_same(script: Any) -> None:
    assert len({row["text"] for row in script.make_texts(["a", "b"], 50)}) == 50
