"""Texts with values to fill in."""

from pathlib import Path
from typing import Any, Dict

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..tables import format_interval, markdown_code, markdown_text

TEMPLATES_PATH = Path(__file__).parent


def render_template(name: str, values: Dict[str, Any]) -> str:
    """Render a template of this package.

    name (str): Name of its file, without the suffix .jinja.
    values (Dict[str, Any]): The values that it uses.
    RETURNS (str): The text.
    """
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES_PATH),
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    templates.filters.update(code=markdown_code, text=markdown_text, interval=format_interval)
    return templates.get_template(f"{name}.jinja").render(values)
