"""Write the table of test scores into the README, from what `eiou evaluate` wrote."""

from pathlib import Path
from typing import Any, Dict, List

import srsly
import typer

START, END = "<!-- results: start -->\n", "<!-- results: end -->\n"
COLUMNS = {
    "entities": "gold",
    "P": "p",
    "R": "r",
    "**micro F**": "f",
    "**macro F**": "macro_f",
    "inner F": "inner_f",
    "outer F": "outer_f",
    "flat F": "flat_f",
    "boundary F": "boundary_f",
    "label acc.": "label_acc",
    "mean IoU": "mean_iou",
}


def main(results_path: Path = Path("benchmarks/results"), readme_path: Path = Path("README.md")):
    readme = readme_path.read_text(encoding="utf8")
    before, after = readme.split(START)[0], readme.split(END)[1]
    table = "".join(f"{line}\n" for line in make_table(results_path))
    readme_path.write_text(before + START + table + END + after, encoding="utf8")


def make_table(results_path: Path) -> List[str]:
    """RETURNS (List[str]): The lines of a Markdown table, one row per JSON file."""
    header = ["corpus", *COLUMNS]
    rows = [make_row(path.stem, srsly.read_json(path)) for path in results_path.glob("*.json")]
    rows.sort(key=lambda row: int(row[1].replace(",", "")), reverse=True)
    alignment = ["---"] + ["---:"] * len(COLUMNS)
    return ["| " + " | ".join(cells) + " |" for cells in [header, alignment, *rows]]


def make_row(corpus: str, scores: Dict[str, Any], spans_key: str = "sc") -> List[str]:
    values = [scores[f"spans_{spans_key}_{name}"] for name in COLUMNS.values()]
    return [corpus, f"{values[0]:,}", *(f"{100 * value:.1f}" for value in values[1:])]


if __name__ == "__main__":
    typer.run(main)
