import shlex
from pathlib import Path
from typing import List, Optional

from spacy.cli._util import Arg, Opt
from wasabi import msg

from ..corpora import ProjectReport, init_project, printable
from ._accounts import (
    ANNOTATOR_OPTION,
    FORMAT_OPTION,
    KEEP_TOKENS_OPTION,
    LEVEL_OPTION,
    MAX_BAD_OPTION,
    MERGE_OPTION,
    OFFSETS_OPTION,
    SIZE_OPTION,
    TAG_NAMES_OPTION,
    TEXT_KEY_OPTION,
    WHOLE_DOCUMENTS_OPTION,
    print_account,
)
from ._ceilings import print_width
from ._util import app, parse_list, reporting


@app.command("init")
def init_cli(
    project_dir: Path = Arg(..., help="Directory of the new project", file_okay=False),
    train: List[Path] = Opt(
        ...,
        "--train",
        help="Annotated file or directory to train on, can be given several times",
        exists=True,
    ),
    dev: List[Path] = Opt(
        [], "--dev", help="The same for the dev part. Defaults to a share of --train", exists=True
    ),
    test: List[Path] = Opt(
        [],
        "--test",
        help="The same for the test part. Defaults to a share of --train, unless there is a --dev",
        exists=True,
    ),
    corpus_format: Optional[str] = FORMAT_OPTION,
    lang: str = Opt("en", "--lang", "-l", help="Language of the texts"),
    tokenizer: Optional[str] = Opt(
        None, "--tokenizer", help="Registered tokenizer. Defaults to that of the language"
    ),
    transformer: Optional[str] = Opt(
        None,
        "--transformer",
        help="Train with this transformer: a name on the hub, a folder, or an installed Python "
        "package with a folder 'model'. Defaults to a model without one",
    ),
    size: str = SIZE_OPTION,
    level: Optional[int] = LEVEL_OPTION,
    offsets: Optional[str] = OFFSETS_OPTION,
    text_key: Optional[str] = TEXT_KEY_OPTION,
    tag_names: Optional[str] = TAG_NAMES_OPTION,
    keep_tokens: bool = KEEP_TOKENS_OPTION,
    annotator: Optional[str] = ANNOTATOR_OPTION,
    merge: Optional[str] = MERGE_OPTION,
    max_bad: float = MAX_BAD_OPTION,
    whole_documents: bool = WHOLE_DOCUMENTS_OPTION,
    force: bool = Opt(
        False, "--force", "-F", help="Write into a directory that is not empty, over its files"
    ),
) -> None:
    """
    Start a spaCy project for annotated texts of your own.

    The texts are copied into it, and its workflow "all" converts them, trains, evaluates and
    packages a model. Nothing is written if a file can't be read as a whole, or if
    more than a few of its items are malformed.
    """
    with reporting(f"Can't start a project in '{printable(project_dir)}'"):
        report = init_project(
            project_dir,
            train,
            dev=dev,
            test=test,
            corpus_format=corpus_format,
            lang=lang,
            tokenizer=tokenizer,
            transformer=transformer,
            size=size,
            level=level,
            offsets=offsets,
            text_key=text_key,
            tag_names=parse_list(tag_names, str, "--tag-names"),
            keep_tokens=keep_tokens,
            annotator=annotator,
            merge=merge,
            max_bad=max_bad,
            whole_documents=whole_documents,
            force=force,
        )
    print_report(report)
    msg.good(f"Started a project in {printable(project_dir)}")
    msg.text("You can now convert the texts, train, evaluate and package a model:")
    # Not through the printer, which would break the line.
    print(f"python -m spacy project run all {shlex.quote(printable(project_dir))}")


def print_report(report: ProjectReport) -> None:
    """Print what a project was made of.

    report (ProjectReport): The report.
    """
    msg.info(f"Read {report.n_files:,} files in the format '{report.corpus_format}'")
    print_account(report.account)
    if report.account.default_width is not None:
        print_width(report.account.default_width)
    (tokenizer, n_misaligned), *others = report.misaligned.items()
    message = (
        f"{n_misaligned:,} of {report.n_entities:,} entities do not begin and end with a token of "
        f"'{tokenizer}'"
    )
    if not others:
        msg.info(message)
        return
    msg.warn(message, "They can't be learned. Another one can be chosen with --tokenizer:")
    msg.table(
        [(name, f"{count:,}") for name, count in others],
        header=("Tokenizer", "Misaligned"),
        aligns=("l", "r"),
        max_col=max(len(name) for name, _ in others),
    )
