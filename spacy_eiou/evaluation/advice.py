"""What to do next, given an error analysis."""

from typing import Any, Dict, List, Mapping, Optional, Sequence

from .analysis import AnalyzedDoc
from .suspects import rank_suspects, show_suspect

# So many more examples of a label are weighed.
N_MORE = 50
N_LABELS = 8
N_WIDTHS = 3
N_SUSPECTS = 20
# An interval of the F-score that is wider than this says little.
WIDE = 0.2
BOUNDARY_CLASSES = ("too long", "too short", "shifted")


def advise(analysis: Mapping[str, Any], docs: Sequence[AnalyzedDoc]) -> Dict[str, Any]:
    """Tell where more annotation pays most.

    analysis (Mapping[str, Any]): What `analyze_docs` returns.
    docs (Sequence[AnalyzedDoc]): The docs that were analyzed.
    RETURNS (Dict[str, Any]): JSON-serializable values:
        n_more: The number of examples that are weighed.
        labels: Of the labels whose next examples save the most errors, the `label`, its `errors`,
            how many examples it is `trained_on`, the errors `saved` by `n_more` more, its `f`, the
            `interval` of that and whether it `is_unsure`, and the `advice`.
        widths: The widths with the most errors: `name`, `errors`, `share` of all of these, and
            number of `gold` spans. An error counts on both sides, if both have a span.
        n_suspects: The number of annotations in which the model has something else.
        suspects: The most suspicious of them, see `show_suspect`.
    """
    suspects = rank_suspects(docs)
    widths = [
        {
            "name": row["name"],
            "errors": row["gold"] + row["predicted"] - 2 * row["correct"],
            "gold": row["gold"],
        }
        for row in analysis["by_width"]
    ]
    total = sum(row["errors"] for row in widths)
    widths = sorted((row for row in widths if row["errors"]), key=lambda row: -row["errors"])
    labels = [_weigh(analysis, label) for label in analysis["errors_per_type"]]
    labels.sort(key=lambda row: (-row["saved"], row["label"]))
    return {
        "n_more": N_MORE,
        "labels": labels[:N_LABELS],
        "widths": [{**row, "share": row["errors"] / total} for row in widths[:N_WIDTHS]],
        "n_suspects": len(suspects),
        "suspects": [show_suspect(docs[item.doc], item) for item in suspects[:N_SUSPECTS]],
    }


def _weigh(analysis: Mapping[str, Any], label: str) -> Dict[str, Any]:
    n_errors = sum(analysis["errors_per_type"][label].values())
    row, interval = analysis["scores"]["per_type"][label], analysis["intervals"]["per_type"][label]
    counts = analysis["training_counts"]
    n_examples = row["gold"] if counts is None else counts.get(label, 0)
    low, high = interval["f"] or (0.0, 1.0)
    return {
        "label": label,
        "errors": n_errors,
        "trained_on": None if counts is None else n_examples,
        "saved": save_errors(n_errors, n_examples),
        "f": row["f"],
        "interval": interval["f"],
        "is_unsure": high - low > WIDE,
        "advice": _advise_label(analysis, label),
    }


def save_errors(n_errors: int, n_examples: int, n_more: int = N_MORE) -> float:
    """Estimate how many errors more examples save, if errors fall with the square root of the
    number of examples: a rule of thumb, see `studies.curve` for what is measured.

    n_errors (int): The number of errors.
    n_examples (int): The number of training examples.
    n_more (int): The number of further ones.
    RETURNS (float): The number of errors.
    """
    return float(n_errors * (1 - (n_examples / (n_examples + n_more)) ** 0.5))


def _advise_label(analysis: Mapping[str, Any], label: str) -> str:
    """RETURNS (str): What mends the errors of which a label has the most, if they are a half."""
    errors = analysis["errors_per_type"][label]
    half = sum(errors.values()) / 2
    if sum(errors[name] for name in BOUNDARY_CLASSES) >= half:
        return "say in the guidelines where it begins and ends"
    other = _find_confused(analysis["confusion"], label)
    if errors["wrong type"] >= half and other is not None:
        return f"say in the guidelines what tells it from {other}"
    if errors["spurious"] >= half:
        return "see whether it is missing in the gold"
    return "annotate more of it"


def _find_confused(confusion: List[Dict[str, Any]], label: str) -> Optional[str]:
    """RETURNS (Optional[str]): The label that is predicted most often in the place of another."""
    others = [row for row in confusion if row["gold"] == label and row["predicted"] != label]
    found = [row["predicted"] for row in others if row["predicted"] is not None]
    return found[0] if found else None
