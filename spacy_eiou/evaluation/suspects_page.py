"""The page that shows annotations that are probably wrong."""

from functools import partial
from typing import Any, Mapping

from .layers import render_layers
from .pages import assign_colors, render_page
from .suspects import KINDS

# The most words whose annotations differ.
N_WORDS = 50


def render_suspects(result: Mapping[str, Any]) -> str:
    """Render suspicious annotations as an HTML page that loads nothing.

    result (Mapping[str, Any]): The `corpus`, the numbers of `docs`, `spans`, `unjudged` spans and
        `suspects`, the `confident` ones of each of `KINDS`, all `labels`, the `inconsistent` words,
        see `WordIndex.list_inconsistent`, the suspects to show as `examples`, see `show_suspect`,
        and the writing `direction`.
    RETURNS (str): The page.
    """
    return render_page(
        "suspects.html",
        result,
        kinds=KINDS,
        n_words=N_WORDS,
        render_spans=partial(
            render_layers, colors=assign_colors(result["labels"]), direction=result["direction"]
        ),
    )
