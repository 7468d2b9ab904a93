"""Tables in Markdown, and the numbers in them."""

from typing import Iterable, Optional, Sequence


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], n_text: int = 1) -> str:
    """Write a table in Markdown.

    header (Sequence[str]): The titles of the columns.
    rows (Iterable[Sequence[str]]): The cells of each row. A `|` in a cell is escaped.
    n_text (int): How many of the first columns are text, on the left; the others are numbers, on
        the right.
    RETURNS (str): The table, each row of which ends a line.
    """
    alignment = ["---"] * n_text + ["---:"] * (len(header) - n_text)
    cells = [list(header), alignment, *([_escape(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)


def format_percent(share: Optional[float], digits: int = 1) -> str:
    """RETURNS (str): A share as a number of percent, or "-" if there is none."""
    return "-" if share is None else f"{100 * share:.{digits}f}"


def _escape(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")
