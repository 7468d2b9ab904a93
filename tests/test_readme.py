import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf8")


def test_python_example_prints_what_the_readme_shows(tmp_path):
    code, output = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", README, re.DOTALL).groups()
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert result.stdout == output


def test_table_is_the_one_that_the_report_makes():
    spec = spec_from_file_location("report", ROOT / "benchmarks" / "report.py")
    report = module_from_spec(spec)
    spec.loader.exec_module(report)
    table = README.split(report.START)[1].split(report.END)[0]
    assert table.splitlines() == report.make_table(ROOT / "benchmarks" / "results")
    assert "| genia |" in table
