from pathlib import Path
from typing import Any, Dict, Optional

from spacy.cli._util import Arg, Opt, import_code
from wasabi import msg

from ..evaluation import evaluate
from ..spans.scores import SUBSETS, TITLES, select_scores
from ..tables import format_interval, format_percent, one_line
from ._ceilings import print_ceilings
from ._util import CODE_OPTION, GPU_OPTION, app, reporting

SCORES = ("p", "r", "f", "macro_f", "boundary_f", "label_acc", "mean_iou")
COUNTS = ("gold", "predicted", "correct", "crossing_pairs_gold", "crossing_pairs_predicted")


@app.command("evaluate")
def evaluate_cli(
    model: str = Arg(..., help="Model name or path"),
    data_path: Path = Arg(
        ..., help="Location of binary evaluation data in .spacy format", exists=True
    ),
    output: Optional[Path] = Opt(
        None, "--output", "-o", help="Output JSON file for metrics", dir_okay=False
    ),
    code_path: Optional[Path] = CODE_OPTION,
    use_gpu: int = GPU_OPTION,
    spans_key: Optional[str] = Opt(
        None,
        "--spans-key",
        "-sk",
        help="Spans key to evaluate. Defaults to the one that both the pipeline and the data hold",
    ),
    batch_size: Optional[int] = Opt(
        None,
        "--batch-size",
        "-bs",
        help="Number of docs to predict at once. Defaults to that of the pipeline",
        min=1,
    ),
) -> None:
    """
    Score the spans of a trained pipeline, nested entities apart.

    Expects a loadable spaCy pipeline and evaluation data in the binary .spacy
    format.
    """
    import_code(code_path)
    with reporting(f"Can't evaluate '{model}' on '{data_path}'"):
        scores = evaluate(
            model,
            data_path,
            output=output,
            use_gpu=use_gpu,
            spans_key=spans_key,
            batch_size=batch_size,
        )
    print_scores(scores)
    if output is not None:
        msg.good(f"Saved results to {output}")


def print_scores(scores: Dict[str, Any]) -> None:
    """Print tables of the scores: overall, for subsets of the entities, and per type, the most
    frequent one first. Scores and their intervals are multiplied by 100.

    scores (Dict[str, Any]): What `evaluate` returns.
    """
    spans_scores = select_scores(scores, scores["spans_key"])
    intervals = scores["intervals"]
    confidence = f"{intervals['confidence']:.0%}"
    results = [
        (TITLES[name], format_percent(spans_scores[name], 2), format_interval(intervals[name]))
        for name in SCORES
    ]
    results += [(TITLES[name], str(spans_scores[name]), "") for name in COUNTS]
    results += [
        ("documents", str(intervals["docs"]), ""),
        ("words per second", f"{scores['speed']:.0f}", ""),
    ]
    msg.table(results, header=("", "", confidence), aligns=("l", "r", "r"), title="Results")
    names = ("p", "r", "f", "gold", "predicted")
    subsets = {
        subset: {
            **{name: spans_scores[f"{subset}_{name}"] for name in names},
            "interval": intervals[f"{subset}_f"],
            "docs": intervals[f"{subset}_docs"],
        }
        for subset in SUBSETS
    }
    _print_prf(subsets, "Spans per subset", confidence)
    per_type = {
        label: {
            **row,
            "interval": intervals["per_type"][label]["f"],
            "docs": intervals["per_type"][label]["docs"],
        }
        for label, row in (spans_scores["per_type"] or {}).items()
    }
    by_frequency = dict(sorted(per_type.items(), key=lambda item: -item[1]["gold"]))
    _print_prf(by_frequency, "Spans per type", confidence)
    print_ceilings(scores["ceilings"])


def _print_prf(scores: Dict[str, Dict[str, Any]], title: str, confidence: str) -> None:
    msg.table(
        [
            (
                one_line(name),
                *(format_percent(row[score], 2) for score in ("p", "r", "f")),
                format_interval(row["interval"]),
                row["gold"],
                row["predicted"],
                row["docs"],
            )
            for name, row in scores.items()
        ],
        header=("", "P", "R", "F", f"{confidence} of F", "Gold", "Pred", "Docs"),
        aligns=("l", *"rrrrrrr"),
        max_col=max(30, *map(len, scores), 0),
        spacing=2,
        title=title,
    )
