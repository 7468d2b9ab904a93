from pathlib import Path
from typing import Optional

from spacy.cli._util import Arg, Opt, import_code
from wasabi import msg

from ..annotation import OUTPUT_FORMATS, TEXT_FORMATS, annotate, show_path
from ._util import CODE_OPTION, GPU_OPTION, app, reporting

FORMAT_NAMES = [suffix[1:] for suffix in OUTPUT_FORMATS]


@app.command("annotate")
def annotate_cli(
    model: str = Arg(..., help="Model name or path"),
    input_path: str = Arg(
        ...,
        help="Texts to annotate: .txt with one text per line, .jsonl, .csv, .parquet, .spacy, each "
        "also as .gz, .zst, .bz2 or .xz, or a directory or a pattern of them, where .txt files "
        "hold one text each",
    ),
    output_path: Path = Arg(
        ..., help=f"Output {', '.join(OUTPUT_FORMATS)} file, or a directory for many of them"
    ),
    text_format: Optional[str] = Opt(
        None,
        "--format",
        "-f",
        help=f"Format of the input: {', '.join(TEXT_FORMATS.values())}. Defaults to that of the "
        "file extension",
    ),
    text_key: str = Opt(
        "text", "--text-key", "-tk", help="Field of the text in .jsonl, or column in .parquet, .csv"
    ),
    id_key: str = Opt("id", "--id-key", "-ik", help="The same of the id"),
    output_format: str = Opt(
        "jsonl",
        "--output-format",
        "-of",
        help=f"Format of the files in an output directory: {', '.join(FORMAT_NAMES)}",
    ),
    spans_key: Optional[str] = Opt(
        None, "--spans-key", "-sk", help="Spans key to write. Defaults to that of the pipeline"
    ),
    graph_path: Optional[Path] = Opt(
        None,
        "--graph",
        help="Also write the entities and their nesting as a graph, to a .graphml or .jsonl file",
        dir_okay=False,
    ),
    brat_path: Optional[Path] = Opt(
        None, "--brat", help="Also write brat standoff annotation, to a new directory"
    ),
    html_path: Optional[Path] = Opt(
        None, "--html", help="Also write a page that shows the spans, to read", dir_okay=False
    ),
    code_path: Optional[Path] = CODE_OPTION,
    use_gpu: int = GPU_OPTION,
    batch_size: Optional[int] = Opt(
        None,
        "--batch-size",
        "-bs",
        help="Most texts to annotate at once. Defaults to that of the pipeline",
        min=1,
    ),
    n_process: int = Opt(1, "--n-process", "-n", help="Number of processes to use", min=1),
    force: bool = Opt(False, "--force", "-F", help="Overwrite the output files"),
) -> None:
    """
    Annotate texts with the spans that a trained pipeline finds, however many
    there are. The output has one line per text, in the same order, with the
    character offsets of the spans and the index of the span that each lies in;
    "eiou convert --format jsonl" reads it. What is no text is set aside beside
    the output in a file that ends in .rejected.jsonl. A run that was stopped
    continues where it was if the same command is given again.
    """
    import_code(code_path)
    with reporting(f"Can't annotate '{show_path(input_path)}'"):
        report = annotate(
            model,
            input_path,
            output_path,
            text_format=text_format,
            text_key=text_key,
            id_key=id_key,
            output_format=output_format,
            spans_key=spans_key,
            graph_path=graph_path,
            brat_path=brat_path,
            html_path=html_path,
            use_gpu=use_gpu,
            batch_size=batch_size,
            n_process=n_process,
            force=force,
            silent=False,
        )
    if report.n_before:
        msg.info(f"Continued after {report.n_before} texts")
    for path in report.outputs:
        msg.good(f"Saved {report.n_texts} annotated texts: {show_path(path)}")
    if report.n_rejected:
        msg.warn(
            f"Rejected {report.n_rejected} items that can't be annotated: "
            f"{show_path(report.rejected_path)}"
        )
