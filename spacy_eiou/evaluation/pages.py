"""What the pages of this package share."""

from typing import Any, Dict, Mapping, Sequence

from jinja2 import Environment, PackageLoader

from ..tables import format_coefficient, format_interval, format_percent

# Of a span in error, and of another span of the same type.
COLORS = (
    ("#6fbdf7", "#dceefc"),
    ("#f8ab5e", "#fdead8"),
    ("#7fce85", "#e0f3e1"),
    ("#f08aa5", "#fbe3e9"),
    ("#ad97ee", "#eae4fb"),
    ("#ecc94b", "#faf2d0"),
    ("#5ccabd", "#d7f3ef"),
    ("#d295d2", "#f4e6f4"),
    ("#b9c553", "#eff2d8"),
    ("#c2a788", "#f0e9e1"),
)


def assign_colors(labels: Sequence[str]) -> Dict[str, Sequence[str]]:
    """RETURNS (Dict[str, Sequence[str]]): The colors of each label, see `render_layers`."""
    return {label: COLORS[index % len(COLORS)] for index, label in enumerate(labels)}


def render_page(name: str, values: Mapping[str, Any], **more: Any) -> str:
    """Render a page that loads nothing.

    name (str): File name of the template.
    values (Mapping[str, Any]): The values that it uses.
    **more (Any): More of them.
    RETURNS (str): The page.
    """
    environment = Environment(
        loader=PackageLoader("spacy_eiou.evaluation"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        coefficient=format_coefficient,
        interval=format_interval,
        percent=format_percent,
        thousands="{:,}".format,
    )
    return environment.get_template(name).render(values, **more)
