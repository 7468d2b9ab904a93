"""Tables in Markdown, and the numbers and names in them."""

import re
from html import escape
from statistics import mean, stdev
from typing import Iterable, Optional, Sequence

# What Markdown takes for markup within a line. An underscore inside of a word is none.
MARKUP = re.compile(r"[\\`*\[\]~|$]|(?<![^\W_])_|_(?![^\W_])")


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


def format_coefficient(value: Optional[float]) -> str:
    """RETURNS (str): A number from -1 to 1, or "-" if there is none."""
    return "-" if value is None else f"{value:.2f}"


def format_mean(values: Iterable[float], digits: int = 1) -> str:
    """RETURNS (str): The mean of numbers, with their sample standard deviation if there are
    several, or "-" if there are none."""
    values = list(values)
    if not values:
        return "-"
    deviation = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{mean(values):.{digits}f}{deviation}"


def format_interval(interval: Optional[Sequence[float]], digits: int = 1) -> str:
    """RETURNS (str): The ends of an interval of shares as numbers of percent, or "-" if there is
    none."""
    return "-" if interval is None else "–".join(format_percent(end, digits) for end in interval)


def one_line(text: str) -> str:
    """RETURNS (str): A text as one line of a table: line breaks and other characters that are not
    shown are written as escapes, white space is left as it is."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def markdown_text(text: str) -> str:
    """RETURNS (str): A text that Markdown shows as it is, on one line: neither as HTML nor as
    markup, nor as the border of a cell."""
    shown = escape(one_line(text), quote=False)
    return MARKUP.sub(lambda markup: f"&#{ord(markup[0])};", shown)


def markdown_code(text: str) -> str:
    """RETURNS (str): A text in the font of code that Markdown shows as it is, on one line, in a
    table as well."""
    text = one_line(text)
    if text.strip() == text != "" and not set(text) & set("`|\\"):
        return f"`{text}`"
    return f"<code>{markdown_text(text)}</code>"


def _escape(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")
