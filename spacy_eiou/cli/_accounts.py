from typing import Any

from spacy.cli._util import Opt
from wasabi import msg

from ..corpora import COUNTINGS, ENCODER_SIZES, MERGES, READERS, Account
from ..corpora.account import NESTING
from ..corpora.conversion import MAX_BAD, N_SHOWN
from ..tables import one_line

# Options of the commands that read corpora.
FORMAT_OPTION: Any = Opt(
    None,
    "--format",
    "-f",
    help=f"Format of the corpus: {', '.join(READERS)}. Defaults to what the content tells",
)
LEVEL_OPTION: Any = Opt(
    None,
    "--level",
    help="Levels of the labels to keep, 0 for a single label (only for maintie). Defaults to 1",
    min=0,
    max=3,
)
OFFSETS_OPTION: Any = Opt(
    None,
    "--offsets",
    help=f"How offsets count: {', '.join(COUNTINGS)}. Defaults to what the texts of entities tell",
)
TEXT_KEY_OPTION: Any = Opt(
    None, "--text-key", help="Field or column of the text. Defaults to the one that is usual"
)
TAG_NAMES_OPTION: Any = Opt(
    None, "--tag-names", help="Names of tags that are numbers, in their order, e.g. O,B-Part,I-Part"
)
KEEP_TOKENS_OPTION: Any = Opt(
    False, "--keep-tokens", help="Keep the tokens that come with a text, as in Prodigy's exports"
)
SIZE_OPTION: Any = Opt(
    "medium",
    "--size",
    help=f"Size of the encoder, if it is no transformer: {', '.join(ENCODER_SIZES)}. Medium is the "
    "config as it stands",
)
ANNOTATOR_OPTION: Any = Opt(None, "--annotator", help="The only annotator to keep, of several")
MERGE_OPTION: Any = Opt(
    None,
    "--merge",
    help=f"How to merge several annotators of a text: {', '.join(MERGES)}. Of two annotators, a "
    "majority is both. Defaults to the ground truth, or else the first",
)
MAX_BAD_OPTION: Any = Opt(
    MAX_BAD,
    "--max-bad",
    help="Share of malformed items from which on nothing is written. A single one passes, unless "
    "this is 0",
    min=0,
    max=1,
)
WHOLE_DOCUMENTS_OPTION: Any = Opt(
    False,
    "--whole-documents",
    help="Join the sentences of a document, if the corpus says which belong together",
)


def print_account(account: Account) -> None:
    """Print an account as tables, with what was skipped, dropped, changed and malformed.

    account (Account): The account.
    """
    nesting = account.nesting
    total = sum(account.entities.values())
    rows = [
        ("Documents", f"{account.documents:,}", ""),
        *([("Tokens", f"{account.tokens:,}", "")] if account.unit == "tokens" else []),
        ("Entities", f"{total:,}", ""),
    ]
    for name in NESTING:
        count = int(getattr(nesting, name).sum())
        rows.append((f"  {name}", f"{count:,}", _share(count, total)))
    rows.append((f"  longest, in {account.unit}", f"{account.longest:,}", ""))
    msg.table(rows, aligns=("l", "r", "r"))
    msg.table(
        [
            (one_line(label), f"{count:,}", _share(count, total))
            for label, count in account.entities.most_common()
        ],
        header=("Label", "Entities", "Share"),
        aligns=("l", "r", "r"),
        max_col=max(30, *map(len, account.entities), 0),
    )
    if account.n_by_several:
        agreement = "-" if account.agreement is None else f"{account.agreement:.1%}"
        msg.info(
            f"{account.n_by_several:,} documents have several annotators, who agree by {agreement} "
            "(F-score)"
        )
    for reason, count in account.skipped.items():
        msg.warn(f"Skipped {count:,} records ({reason})")
    for kind, counts, examples in (
        ("Dropped", account.dropped, account.examples),
        ("Changed", account.changed, account.changed_examples),
    ):
        for reason, count in counts.most_common():
            example = examples[reason]
            msg.warn(
                f"{kind} {count:,} entities ({reason})",
                f"The first: '{one_line(example.text)}' ({one_line(example.entity.label)}) in "
                f"{example.record}, "
                f"characters {example.entity.start} to {example.entity.end}",
            )
    for reason, count in account.changed_texts.items():
        msg.warn(f"Changed {count:,} texts ({reason})")
    if account.bad:
        msg.warn(f"{len(account.bad):,} items are malformed")
        for problem in account.bad[:N_SHOWN]:
            print(problem)
        if len(account.bad) > N_SHOWN:
            print(f"... and {len(account.bad) - N_SHOWN:,} more, which the account lists")
    for warning in account.warnings:
        msg.warn(warning)


def _share(count: int, total: int) -> str:
    return f"{count / total:.1%}" if total else ""
