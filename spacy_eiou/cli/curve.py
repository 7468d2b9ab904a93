from pathlib import Path
from typing import List, Optional

import typer
from spacy.cli._util import Arg, Opt, import_code
from wasabi import msg

from ..spans.scores import TITLES
from ..studies import Curve, curve
from ..tables import one_line
from ._util import (
    CODE_OPTION,
    GPU_OPTION,
    WITH_OVERRIDES,
    app,
    parse_list,
    parse_overrides,
    reporting,
)


@app.command("curve", context_settings=WITH_OVERRIDES)
def curve_cli(
    ctx: typer.Context,
    corpus_path: Path = Arg(
        ..., help="Directory of train.spacy, dev.spacy and config.cfg", exists=True, file_okay=False
    ),
    output_path: Path = Opt(
        ..., "--output", "-o", help="Directory for results.jsonl and curve.json", file_okay=False
    ),
    config_path: Optional[Path] = Opt(
        None, "--config", help="Training config. Defaults to that of the corpus", exists=True
    ),
    shares: str = Opt(
        "0.25,0.5,0.75,1", "--shares", help="Shares of the documents to train on, at least three"
    ),
    n_seeds: int = Opt(3, "--n-seeds", help="How often to train on each", min=2),
    code_path: Optional[Path] = CODE_OPTION,
    use_gpu: int = GPU_OPTION,
) -> None:
    """
    Tell whether more annotated documents would pay.

    Trains on parts of the documents, fits a power law to the scores on the dev
    part, and says what twice the documents would give, for each label too.
    Settings of the config can be overridden on the command line, as for
    `spacy train`. A run that was stopped continues.
    """
    overrides = parse_overrides(ctx)
    import_code(code_path)
    with reporting(f"Can't draw the learning curve of '{corpus_path}'"):
        result = curve(
            corpus_path,
            output_path,
            config_path=config_path,
            shares=parse_list(shares, float, "--shares") or [],
            n_seeds=n_seeds,
            overrides=overrides,
            use_gpu=use_gpu,
            silent=False,
        )
    print_curve(result)
    msg.good(f"Saved the curve to {output_path / 'curve.json'}")


def print_curve(result: Curve) -> None:
    """Print the scores and the forecasts.

    result (Curve): What `curve` returns.
    """
    msg.table(
        [
            (size, *(_format_mean(result.scores[name][size]) for name in result.scores))
            for size in result.sizes
        ],
        header=("Documents", *(TITLES[name] for name in result.scores)),
        aligns=("r", "r", "r"),
        title="Learning curve on the dev part",
    )
    forecasts = {TITLES[name]: found for name, found in result.forecasts.items()}
    msg.table(
        [
            (
                one_line(name),
                f"{100 * found.now:.1f}",
                f"{100 * found.then:.1f}",
                f"{100 * found.gain:+.1f} [{100 * found.low:+.1f}, {100 * found.high:+.1f}]",
                found.advice,
            )
            for name, found in {**forecasts, **result.labels}.items()
        ],
        header=("", "Now", "Then", "Gain", "Advice"),
        aligns=("l", "r", "r", "r", "l"),
        max_col=60,
        title=f"Forecast for {result.target:,} documents",
    )


def _format_mean(scores: List[float]) -> str:
    return f"{100 * sum(scores) / len(scores):.1f}"
