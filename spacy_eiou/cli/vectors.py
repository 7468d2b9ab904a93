from pathlib import Path
from typing import Optional

from spacy.cli._util import Arg, Opt, import_code
from wasabi import msg

from ..annotation import TEXT_FORMATS
from ..training import make_vectors
from ._util import CODE_HELP, GPU_OPTION, app, reporting


@app.command("vectors")
def vectors_cli(
    transformer: str = Arg(
        ..., help="Transformer: an installed package that ships one, a folder, or a name on a hub"
    ),
    texts_path: Path = Arg(
        ..., help=f"Texts without annotation: {', '.join(TEXT_FORMATS)} or a directory", exists=True
    ),
    output_path: Path = Arg(..., help="Directory for the vectors", file_okay=False),
    config_path: Path = Opt(
        ...,
        "--config",
        "-c",
        help="Training config that the vectors are for: its tokenizer makes the words",
        exists=True,
        dir_okay=False,
    ),
    size: int = Opt(192, "--size", "-s", help="Most dimensions of a vector", min=1),
    n_layers: int = Opt(
        3, "--n-layers", "-nl", help="Last layers of the transformer to average", min=1
    ),
    max_megabytes: float = Opt(
        20.0, "--max-megabytes", "-mb", help="Most megabytes of all vectors", min=0
    ),
    cache: Optional[Path] = Opt(
        None,
        "--cache",
        help="Directory to keep what the transformer computes for each text, for `spacy pretrain` "
        "and later runs",
        file_okay=False,
    ),
    code_path: Optional[Path] = Opt(None, "--code", help=CODE_HELP),
    use_gpu: int = GPU_OPTION,
) -> None:
    """
    Make static word vectors from texts and a transformer.

    They are for `vectors` of the block [initialize], with
    `include_static_vectors = true` in the embedding. Words that are in no text
    get one as well. The model that is trained with them needs no transformer.
    """
    import_code(code_path)
    with reporting(f"Can't make vectors of '{texts_path}'"):
        result = make_vectors(
            transformer,
            texts_path,
            output_path,
            config_path=config_path,
            size=size,
            n_layers=n_layers,
            max_megabytes=max_megabytes,
            cache=cache,
            use_gpu=use_gpu,
            silent=False,
        )
    rows, columns = result.shape
    msg.text(
        f"{result.n_texts:,} texts, {result.n_tokens:,} tokens, {result.n_words:,} distinct words"
    )
    msg.text(f"{rows:,} vectors of {columns} dimensions keep {result.explained:.0%} of theirs")
    if result.rejected:
        msg.warn(f"Rejected {len(result.rejected):,} items that are no texts", result.rejected[0])
    msg.good(f"Saved the vectors: {output_path}")
