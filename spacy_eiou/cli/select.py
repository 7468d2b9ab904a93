from pathlib import Path
from typing import List, Optional

from spacy.cli._util import Arg, Opt, import_code
from wasabi import msg

from ..annotation import STRATEGIES, select, show_path
from ..tables import one_line
from ._texts import ID_KEY_OPTION, TEXT_FORMAT_OPTION, TEXT_KEY_OPTION, TO_OPTION
from ._util import CODE_OPTION, GPU_OPTION, app, reporting

# How much of a text a table shows, in characters, and of how many texts.
WIDTH = 50
N_SHOWN = 10


@app.command("select")
def select_cli(
    model: str = Arg(..., help="Model name or path"),
    input_path: str = Arg(..., help="File, directory or pattern of texts to choose from"),
    output_path: Path = Arg(..., help="Output .jsonl file", dir_okay=False),
    n: int = Opt(50, "--n", help="The number of texts to choose", min=1),
    strategy: str = Opt(
        "combined", "--strategy", help=f"How to choose: {', '.join(STRATEGIES)}, or one of --code"
    ),
    models: List[str] = Opt(
        [], "--model", help="One more model with the same labels to ask, as often as needed"
    ),
    random_share: float = Opt(
        0.1,
        "--random",
        help="Share of the texts to choose at random, for the dev part",
        min=0,
        max=1,
    ),
    exclude: List[str] = Opt(
        [], "--exclude", help="Texts to leave out, such as annotated ones, as often as needed"
    ),
    seed: int = Opt(0, "--seed", "-s", help="Random seed"),
    text_format: Optional[str] = TEXT_FORMAT_OPTION,
    text_key: str = TEXT_KEY_OPTION,
    id_key: str = ID_KEY_OPTION,
    spans_key: Optional[str] = Opt(
        None, "--spans-key", "-sk", help="Spans key to suggest. Defaults to that of the pipeline"
    ),
    to: Optional[str] = TO_OPTION,
    code_path: Optional[Path] = CODE_OPTION,
    use_gpu: int = GPU_OPTION,
    force: bool = Opt(False, "--force", "-F", help="Overwrite the output file"),
) -> None:
    """
    Choose the texts that are worth annotating next.

    The output has one line per text, with the spans that the model suggests,
    and why the text was chosen. Annotation tools take it, and "eiou convert
    --format jsonl" reads it.
    """
    import_code(code_path)
    with reporting(f"Can't choose texts of '{show_path(input_path)}'"):
        selection = select(
            model,
            input_path,
            output_path,
            n=n,
            strategy=strategy,
            models=models,
            random_share=random_share,
            exclude=exclude,
            seed=seed,
            text_format=text_format,
            text_key=text_key,
            id_key=id_key,
            spans_key=spans_key,
            to=to,
            use_gpu=use_gpu,
            force=force,
            silent=False,
        )
    msg.table(
        [
            (one_line(text["text"][:WIDTH]), one_line(text["meta"]["reason"]))
            for text in selection.texts[:N_SHOWN]
        ],
        header=("Text", "Reason"),
        max_col=80,
        title="The first texts",
    )
    left_out = f"{selection.n_blank:,} blank, {selection.n_excluded:,} excluded"
    msg.good(
        f"Saved {len(selection.texts)} of {selection.n_texts:,} texts ({left_out}): "
        f"{', '.join(map(show_path, selection.outputs))}"
    )
    if selection.n_rejected:
        msg.warn(
            f"Left out {selection.n_rejected} items that are no text, or one too long",
            selection.first_reason,
        )
