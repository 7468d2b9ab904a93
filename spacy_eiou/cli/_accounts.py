from wasabi import msg

from ..corpora import Account
from ..corpora.account import NESTING


def print_account(account: Account) -> None:
    """Print an account as tables, with what was skipped and dropped.

    account (Account): The account.
    """
    nesting = account.nesting
    total = sum(account.entities.values())
    rows = [
        ("Documents", f"{account.documents:,}", ""),
        ("Tokens", f"{account.tokens:,}", ""),
        ("Entities", f"{total:,}", ""),
    ]
    for name in NESTING:
        count = int(getattr(nesting, name).sum())
        rows.append((f"  {name}", f"{count:,}", _share(count, total)))
    rows.append(("  longest, in tokens", f"{account.longest:,}", ""))
    msg.table(rows, aligns=("l", "r", "r"))
    msg.table(
        [
            (label, f"{count:,}", _share(count, total))
            for label, count in account.entities.most_common()
        ],
        header=("Label", "Entities", "Share"),
        aligns=("l", "r", "r"),
        max_col=max(30, *map(len, account.entities), 0),
    )
    for reason, count in account.skipped.items():
        msg.warn(f"Skipped {count:,} records ({reason})")
    for reason, count in account.dropped.most_common():
        example = account.examples[reason]
        msg.warn(
            f"Dropped {count:,} entities ({reason})",
            f"The first: '{example.text}' ({example.entity.label}) in {example.record}, "
            f"characters {example.entity.start} to {example.entity.end}",
        )


def _share(count: int, total: int) -> str:
    return f"{count / total:.1%}" if total else ""
