from pathlib import Path
from typing import Optional

import typer
from spacy.cli._util import Arg, Opt, import_code
from wasabi import msg

from ..corpora import WRITERS, printable
from ..corpora.formats.writers import get_writer
from ..evaluation.suspects import KINDS, explain
from ..studies import Suspects, find_suspects
from ..studies.suspects import get_tasks_path
from ..tables import one_line
from ._accounts import (
    ANNOTATOR_OPTION,
    FORMAT_OPTION,
    LEVEL_OPTION,
    MAX_BAD_OPTION,
    MERGE_OPTION,
    OFFSETS_OPTION,
    TAG_NAMES_OPTION,
    TEXT_KEY_OPTION,
)
from ._util import (
    CODE_OPTION,
    GPU_OPTION,
    WITH_OVERRIDES,
    app,
    parse_list,
    parse_overrides,
    reporting,
)

# How many suspects a table shows.
N_SHOWN = 10


@app.command("suspects", context_settings=WITH_OVERRIDES)
def suspects_cli(
    ctx: typer.Context,
    corpus_path: Path = Arg(..., help="Annotated file or directory", exists=True),
    output_path: Path = Arg(
        ..., help="Directory for index.html, suspects.jsonl and predictions.jsonl", file_okay=False
    ),
    config_path: Optional[Path] = Opt(
        None,
        "--config",
        help="Training config. Defaults to config.cfg in the directory, or else a small CNN",
        exists=True,
    ),
    n_folds: int = Opt(5, "--n-folds", help="The number of folds", min=2),
    n_seeds: int = Opt(1, "--n-seeds", help="How many models to train for each fold", min=1),
    n_process: int = Opt(
        1, "--n-process", "-n", help="How many models to train at the same time", min=1
    ),
    to: Optional[str] = Opt(
        None,
        "--to",
        help="Format of tasks to write, with what models propose in the place of what is "
        f"annotated: {', '.join(WRITERS)}",
    ),
    limit: int = Opt(
        200, "--limit", "-l", help="The most suspects to show on the page, and as tasks", min=0
    ),
    corpus_format: Optional[str] = FORMAT_OPTION,
    level: Optional[int] = LEVEL_OPTION,
    offsets: Optional[str] = OFFSETS_OPTION,
    text_key: Optional[str] = TEXT_KEY_OPTION,
    tag_names: Optional[str] = TAG_NAMES_OPTION,
    annotator: Optional[str] = ANNOTATOR_OPTION,
    merge: Optional[str] = MERGE_OPTION,
    max_bad: float = MAX_BAD_OPTION,
    code_path: Optional[Path] = CODE_OPTION,
    use_gpu: int = GPU_OPTION,
) -> None:
    """
    Find annotations that are probably wrong.

    Models that are trained on the other folds of the corpus tell which spans
    are missing, spurious, or have a wrong boundary or label. Settings of the
    config can be overridden on the command line, as for `spacy train`. A run
    that was stopped continues.
    """
    overrides = parse_overrides(ctx)
    import_code(code_path)
    with reporting(f"Can't look for suspicious annotations in '{printable(corpus_path)}'"):
        result = find_suspects(
            corpus_path,
            output_path,
            config_path=config_path,
            n_folds=n_folds,
            n_seeds=n_seeds,
            n_process=n_process,
            to=to,
            limit=limit,
            corpus_format=corpus_format,
            level=level,
            offsets=offsets,
            text_key=text_key,
            tag_names=parse_list(tag_names, str, "--tag-names"),
            annotator=annotator,
            merge=merge,
            max_bad=max_bad,
            overrides=overrides,
            use_gpu=use_gpu,
            silent=False,
        )
    print_suspects(result)
    msg.good(f"Saved the suspects to {output_path / 'index.html'}")
    if to is not None:
        msg.good(f"Saved tasks to {get_tasks_path(output_path, get_writer(to))}")


def print_suspects(result: Suspects) -> None:
    """Print the numbers of suspects, and the first of them.

    result (Suspects): What `find_suspects` returns.
    """
    counts = {
        kind: [suspect.is_confident for suspect in result.suspects if suspect.kind == kind]
        for kind in KINDS
    }
    msg.table(
        [(kind, sum(confident), len(confident)) for kind, confident in counts.items()],
        header=("Kind", "Confident", "All"),
        aligns=("l", "r", "r"),
        title=f"Suspicious annotations, of {result.n_spans:,} spans",
    )
    msg.table(
        [
            (suspect.kind, one_line(explain(result.docs[suspect.doc], suspect)))
            for suspect in result.suspects[:N_SHOWN]
        ],
        header=("Kind", "Reason"),
        max_col=120,
        title="The first suspects",
    )
    if result.n_unjudged:
        msg.info(
            f"{result.n_unjudged:,} spans could not be judged: they don't begin and end with a "
            "token, are wider than the candidates, or have a label that no other fold has"
        )
