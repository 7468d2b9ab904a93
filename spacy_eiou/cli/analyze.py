from pathlib import Path
from typing import Any, Dict, Optional

from spacy.cli._util import Arg, Opt, import_code
from wasabi import msg

from ..evaluation import analyze
from ..evaluation.analyze import SELECTED_NAME
from ..tables import one_line
from ._ceilings import print_ceilings
from ._util import CODE_OPTION, GPU_OPTION, app, reporting


@app.command("analyze")
def analyze_cli(
    model: str = Arg(..., help="Model name or path"),
    data_path: Path = Arg(
        ..., help="Location of binary evaluation data in .spacy format", exists=True
    ),
    output: Path = Opt(
        ..., "--output", "-o", help="Directory for index.html and analysis.json", file_okay=False
    ),
    limit: int = Opt(200, "--limit", "-l", help="The most errors to show as examples", min=0),
    texts: Optional[str] = Opt(
        None,
        "--texts",
        help="Texts without annotation, to choose those to annotate next. Writes selected.jsonl",
    ),
    n_texts: int = Opt(10, "--n-texts", help="How many texts to choose", min=1),
    code_path: Optional[Path] = CODE_OPTION,
    use_gpu: int = GPU_OPTION,
    spans_key: Optional[str] = Opt(
        None,
        "--spans-key",
        "-sk",
        help="Spans key to analyze. Defaults to the one that both the pipeline and the data hold",
    ),
) -> None:
    """
    Write a page that shows where and why a pipeline errs.

    For a trained nested_spancat or spancat: classes of errors, confusion of
    types, probabilities, scores by width, nesting and rarity, examples, and what
    to annotate next.
    """
    import_code(code_path)
    with reporting(f"Can't analyze '{model}' on '{data_path}'"):
        analysis = analyze(
            model,
            data_path,
            output,
            limit=limit,
            texts=texts,
            n_texts=n_texts,
            use_gpu=use_gpu,
            spans_key=spans_key,
            silent=False,
        )
    print_errors(analysis["errors"])
    print_ceilings(analysis["ceilings"])
    print_next(analysis["next"])
    msg.good(f"Saved analysis to {output / 'index.html'}")
    if texts is not None:
        msg.good(f"Saved the chosen texts to {output / SELECTED_NAME}")


def print_errors(errors: Dict[str, int]) -> None:
    """Print the number of errors of each class, the most frequent one first.

    errors (Dict[str, int]): The numbers.
    """
    total = sum(errors.values())
    msg.table(
        [
            (name, count, f"{100 * count / total:.1f}" if total else "-")
            for name, count in sorted(errors.items(), key=lambda item: -item[1])
        ],
        header=("Class", "Errors", "%"),
        aligns=("l", "r", "r"),
        title="Error classes",
    )


def print_next(advice: Dict[str, Any]) -> None:
    """Print the labels whose annotation pays most.

    advice (Dict[str, Any]): What `advise` returns.
    """
    msg.table(
        [
            (one_line(row["label"]), row["errors"], f"{row['saved']:.1f}", one_line(row["advice"]))
            for row in advice["labels"]
        ],
        header=("Label", "Errors", f"Saved by {advice['n_more']} more", "Advice"),
        aligns=("l", "r", "r", "l"),
        max_col=60,
        title="What to do next",
    )
