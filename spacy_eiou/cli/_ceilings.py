from typing import Any, Dict, Optional

from wasabi import msg

from ..spans.widths import WidthChoice


def print_ceilings(ceilings: Optional[Dict[str, Any]]) -> None:
    """Print how many gold spans can never be predicted, why, and what mends it.

    ceilings (Optional[Dict[str, Any]]): What `Ceilings.to_dict` returns, if it is known.
    """
    if ceilings is None or not ceilings["unreachable"]:
        return
    msg.warn(
        f"{ceilings['unreachable']:,} of {ceilings['gold']:,} gold spans can never be predicted"
    )
    msg.table(
        [(f"{row['count']:,}", row["reason"], row["remedy"]) for row in ceilings["reasons"]],
        header=("Spans", "Reason", "What mends it"),
        aligns=("r", "l", "l"),
        max_col=100,
    )


def print_width(choice: WidthChoice) -> None:
    """Print what the widest spans cost, and whether candidates are so wide by default.

    choice (WidthChoice): How wide candidates are.
    """
    if choice.width < choice.longest:
        msg.warn(
            f"By default they are left out, with max_width = {choice.width}", choice.describe()
        )
    elif choice.n_outliers:
        msg.info(f"By default max_width is {choice.width}. {choice.describe()}")
