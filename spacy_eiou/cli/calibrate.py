from pathlib import Path
from typing import Optional

from spacy.cli._util import Arg, Opt, import_code
from wasabi import msg

from ..pipeline import Calibration, calibrate
from ..pipeline.thresholds import MIN_EXAMPLES
from ..spans.scores import TITLES
from ..tables import one_line
from ._util import CODE_OPTION, GPU_OPTION, app, reporting

SCORES = ("p", "r", "f", "macro_f")


@app.command("calibrate")
def calibrate_cli(
    model: Path = Arg(..., help="Path to the pipeline", exists=True, file_okay=False),
    data_path: Path = Arg(
        ..., help="Location of binary development data in .spacy format", exists=True
    ),
    output: Optional[Path] = Opt(
        None,
        "--output",
        "-o",
        help="Directory to save the pipeline to. Defaults to the one it is in",
        file_okay=False,
    ),
    component_name: Optional[str] = Opt(
        None,
        "--component",
        "-n",
        help="Name of the component. Defaults to the only nested_spancat in the pipeline",
    ),
    per_label: bool = Opt(
        False, "--per-label", "-l", help="Find a threshold per label, for the best macro F-score"
    ),
    min_examples: int = Opt(
        MIN_EXAMPLES,
        "--min-examples",
        "-m",
        help="Labels with fewer spans in the data keep the common threshold",
        min=1,
    ),
    json_path: Optional[Path] = Opt(
        None, "--json", "-j", help="Output JSON file for thresholds and scores", dir_okay=False
    ),
    code_path: Optional[Path] = CODE_OPTION,
    use_gpu: int = GPU_OPTION,
) -> None:
    """
    Find the threshold that scores best on development data.

    It is the one of a trained nested_spancat with the best micro F-score, or
    one per label, and is stored in the pipeline. Don't use the test data for
    this. Thresholds per label are shrunk towards the common one, the more the
    fewer spans a label has. They are used if they gain in cross-validation, on
    documents that did not choose them.
    """
    import_code(code_path)
    with reporting(f"Can't calibrate '{model}' on '{data_path}'"):
        calibration = calibrate(
            model,
            data_path,
            output=output,
            component_name=component_name,
            per_label=per_label,
            min_examples=min_examples,
            json_path=json_path,
            use_gpu=use_gpu,
        )
    print_scores(calibration)
    print_thresholds(calibration)
    if calibration.lost_by_label is not None:
        msg.warn(
            "All labels keep the common threshold: those of their own do not hold on other texts",
            f"By cross-validation the macro F-score changes by "
            f"{-100 * calibration.lost_by_label:+.2f}.",
        )
    elif per_label:
        warn_about_labels(calibration, min_examples)
    if calibration.kept_old:
        msg.warn("The new thresholds score lower than the old ones, which are kept")
    msg.good(f"Saved pipeline to {calibration.output}")
    if json_path is not None:
        msg.good(f"Saved thresholds and scores to {json_path}")


def print_scores(calibration: Calibration) -> None:
    """Print the scores before and after, and what cross-validation tells, multiplied by 100.

    calibration (Calibration): The calibration.
    """
    columns = {"Before": calibration.before, "After": calibration.after}
    if calibration.cross_validated is not None:
        columns["CV common"] = calibration.cross_validated
    if calibration.cross_validated_by_label is not None:
        columns["CV per label"] = calibration.cross_validated_by_label
    msg.table(
        [
            (TITLES[name], *(f"{100 * scores[name]:.2f}" for scores in columns.values()))
            for name in SCORES
        ],
        header=("", *columns),
        aligns=("l", *"r" * len(columns)),
        title="Results",
    )
    if calibration.cross_validated is not None and not calibration.kept_old:
        has_lost = calibration.lost_by_label is not None
        by_label = None if has_lost else calibration.cross_validated_by_label
        best = by_label or calibration.cross_validated
        gains = ", ".join(
            f"{TITLES[name]} {100 * (best[name] - calibration.before[name]):+.2f}"
            for name in ("f", "macro_f")
        )
        msg.info(
            f"Gain to expect on other texts, by cross-validation: {gains}",
            f"After is on the {calibration.n_docs:,} documents that chose the thresholds, CV on "
            "documents that did not: it tells what to expect.",
        )


def print_thresholds(calibration: Calibration) -> None:
    """Print the common threshold, and those of the labels that have one of their own.

    calibration (Calibration): The calibration.
    """
    old, new = calibration.old, calibration.new
    rows = [("(common)", f"{old.common:.4f}", f"{new.common:.4f}")]
    for label in calibration.n_gold:
        if label in old.by_label or label in new.by_label:
            before, after = (_format_threshold(x.by_label.get(label)) for x in (old, new))
            rows.append((one_line(label), before, after))
    msg.table(
        rows,
        header=("", "Before", "After"),
        aligns=("l", "r", "r"),
        max_col=max(30, *(len(row[0]) for row in rows)),
        title="Thresholds",
    )


def warn_about_labels(calibration: Calibration, min_examples: int) -> None:
    """Name the labels that keep the common threshold, and why.

    calibration (Calibration): The calibration.
    min_examples (int): The least number of gold spans of a label with a threshold of its own.
    """
    counts = calibration.n_gold
    others = [label for label in counts if label not in calibration.new.by_label]
    rare = [
        f"'{one_line(label)}' ({counts[label]})" for label in others if counts[label] < min_examples
    ]
    never_correct = [f"'{one_line(label)}'" for label in others if counts[label] >= min_examples]
    if rare:
        msg.warn(
            f"{len(rare)} labels with under {min_examples} spans keep the common threshold",
            ", ".join(rare),
        )
    if never_correct:
        msg.warn(
            f"{len(never_correct)} labels without a correct prediction keep the common threshold",
            ", ".join(never_correct),
        )


def _format_threshold(threshold: Optional[float]) -> str:
    return "-" if threshold is None else f"{threshold:.4f}"
