from pathlib import Path
from typing import List, Optional

import typer
from spacy.cli._util import Arg, Opt, import_code
from wasabi import msg

from ..annotation import TEXT_FORMATS
from ..training import self_train
from ._util import CODE_OPTION, GPU_OPTION, WITH_OVERRIDES, app, parse_overrides, reporting

# How many of the rejected items are printed.
N_SHOWN = 10


@app.command("self-train", context_settings=WITH_OVERRIDES)
def self_train_cli(
    ctx: typer.Context,
    config_path: Path = Arg(..., help="Path to config file", exists=True, dir_okay=False),
    texts_path: Path = Arg(
        ..., help=f"Texts without annotation: {', '.join(TEXT_FORMATS)} or a directory", exists=True
    ),
    output_path: Path = Opt(..., "--output", "-o", help="Output directory for trained pipelines"),
    teachers: Optional[List[str]] = Opt(
        None,
        "--teacher",
        "-t",
        help="Pipeline that annotates the texts, can be repeated",
    ),
    n_teachers: Optional[int] = Opt(
        None,
        "--n-teachers",
        "-nt",
        help="Other teachers to train. All vote on each span. Defaults to one without --teacher",
        min=0,
    ),
    gold_share: float = Opt(
        0.5, "--gold-share", "-gs", help="Share of annotated documents in the training data"
    ),
    pretrain: bool = Opt(False, "--pretrain", "-p", help="Pretrain the encoder on the texts first"),
    transformer: Optional[str] = Opt(
        None,
        "--transformer",
        help="Pretrain it with what this transformer makes of the texts, and with word vectors of "
        "it: an installed package that ships one, a folder, or a name on a hub",
    ),
    transformer_teaches: bool = Opt(
        False,
        "--transformer-teaches",
        help="Train the transformer on the documents as well, as the last one of the teachers",
    ),
    n_variations: int = Opt(
        0,
        "--n-variations",
        "-nv",
        help="For few texts and --transformer: annotate so many variations of each text as well, "
        "with words exchanged for near ones",
        min=0,
    ),
    code_path: Optional[Path] = CODE_OPTION,
    use_gpu: int = GPU_OPTION,
) -> None:
    """
    Train with few annotated documents and many other texts.

    A teacher learns from the documents and annotates the texts, and the
    pipeline learns from both. Several teachers vote. The encoder can learn
    from the texts first. Settings of the config can
    be overridden on the command line, as for `spacy train`, e.g.
    --paths.train ./train.spacy. A run that was stopped continues where it was
    if the same command is given again.
    """
    overrides = parse_overrides(ctx)
    import_code(code_path)
    with reporting(f"Can't train with the texts '{texts_path}'"):
        result = self_train(
            config_path,
            texts_path,
            output_path,
            teachers=teachers,
            n_teachers=n_teachers,
            gold_share=gold_share,
            pretrain=pretrain,
            # A project gives an empty name where there is none.
            transformer=transformer or None,
            transformer_teaches=transformer_teaches and transformer != "",
            n_variations=n_variations,
            overrides=overrides,
            use_gpu=use_gpu,
            silent=False,
        )
    counts = sorted(result.n_spans.items(), key=lambda item: (-item[1], item[0]))
    msg.table(
        [(label, f"{count:,}") for label, count in counts],
        header=("Label", "Spans"),
        aligns=("l", "r"),
        divider=True,
        title=f"Spans in {result.n_texts:,} annotated texts",
    )
    if result.rejected:
        more = len(result.rejected) - N_SHOWN
        shown = [*result.rejected[:N_SHOWN], *([f"and {more:,} more"] if more > 0 else [])]
        msg.warn(f"Rejected {len(result.rejected):,} items that are no texts", "\n".join(shown))
    if result.kept:
        msg.info(
            "Kept from an earlier run, which had the same settings and data",
            ", ".join(map(str, result.kept)),
        )
    msg.good(f"Saved the annotated texts: {result.silver_path}")
    msg.good(f"Saved the pipeline: {result.model_path}")
