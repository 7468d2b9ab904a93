import shutil
import signal
import sys
from contextlib import ExitStack, contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Iterator, Optional

from spacy.cli._util import Arg, Opt, import_code
from wasabi import msg

from ..annotation import ENGINES, OUTPUT_FORMATS, annotate, show_path
from ..annotation.paths import STDIN_PREFIX
from ..corpora import CorpusError
from ..tables import one_line
from ._texts import ID_KEY_OPTION, TEXT_FORMAT_OPTION, TEXT_KEY_OPTION, TO_OPTION
from ._util import CODE_OPTION, GPU_OPTION, app, reporting

FORMAT_NAMES = [suffix[1:] for suffix in OUTPUT_FORMATS]
STDOUT, STDERR = "the standard output", "the standard error"


@app.command("annotate")
def annotate_cli(
    model: str = Arg(..., help="Model name or path"),
    input_path: str = Arg(
        ...,
        help="Texts to annotate: .txt with one text per line, .jsonl, .csv, .parquet, .spacy, each "
        "also as .gz, .zst, .bz2 or .xz, or a directory or a pattern of them, where .txt files "
        "hold one text each, or - for the standard input, read as JSON Lines unless --format says "
        "otherwise",
    ),
    output_path: str = Arg(
        ...,
        help=f"Output {', '.join(OUTPUT_FORMATS)} file, a directory for many of them, the address "
        "of one, or -",
    ),
    text_format: Optional[str] = TEXT_FORMAT_OPTION,
    text_key: str = TEXT_KEY_OPTION,
    id_key: str = ID_KEY_OPTION,
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
    to: Optional[str] = TO_OPTION,
    code_path: Optional[Path] = CODE_OPTION,
    use_gpu: int = GPU_OPTION,
    batch_size: Optional[int] = Opt(
        None,
        "--batch-size",
        "-bs",
        help="Most texts to annotate at once. Defaults to that of the pipeline",
        min=1,
    ),
    n_process: Optional[int] = Opt(
        None,
        "--n-process",
        "-n",
        help="Most processes to use, of one thread each. Defaults to 1, or with Ray and Spark to "
        "as many as there is room for",
        min=1,
    ),
    engine: str = Opt(
        "local",
        "--engine",
        "-e",
        help=f"What runs the processes: {', '.join(ENGINES)}. Ray and Spark are extras",
    ),
    address: Optional[str] = Opt(
        None, "--address", help="Address of the cluster of Ray, or master of Spark"
    ),
    gpus_per_worker: float = Opt(
        0,
        "--gpus-per-worker",
        help="GPUs that Ray gives to each process, or the share of one",
        min=0,
    ),
    summary_path: Optional[Path] = Opt(
        None,
        "--summary",
        help="Also write the numbers of texts, words and spans as JSON",
        dir_okay=False,
    ),
    log_path: Optional[Path] = Opt(
        None,
        "--log-json",
        help="File to append a line of JSON for each part that is done",
        dir_okay=False,
    ),
    max_rejected: Optional[int] = Opt(
        None,
        "--max-rejected",
        help="Most items to reject. With more of them the exit code is 1, though all is written",
        min=0,
    ),
    force: bool = Opt(False, "--force", "-F", help="Overwrite the output files"),
) -> None:
    """
    Annotate any number of texts with a trained pipeline.

    The output has one line per text, in the same order, with the
    character offsets of the spans and the index of the span that each lies in;
    "eiou convert --format jsonl" reads it. What is no text is set aside beside
    the output in a file that ends in .rejected.jsonl. A run that was stopped
    continues where it was if the same command is given again. The exit code is
    0 only if something was annotated.
    """
    if code_path is not None and engine != "local":
        msg.fail(
            "Expected no --code with Ray or Spark: package the pipeline with its code", exits=1
        )
    import_code(code_path)
    from_stdin, is_piped = input_path == "-", output_path == "-"
    shown_input, stdout = show_path(input_path), sys.stdout
    with redirect_stdout(sys.stderr) if is_piped else nullcontext():
        with reporting(f"Can't annotate '{shown_input}'"), ExitStack() as stack:
            if is_piped and to is not None:
                raise CorpusError(
                    "Expected an output file with --to, not -: the tasks are beside it"
                )
            if from_stdin or is_piped:
                stack.enter_context(_exiting_on_sigterm())
            if from_stdin:
                input_path = stack.enter_context(_standard_input())
            if is_piped:
                output_path = stack.enter_context(_standard_output(stdout.fileno()))
            report = annotate(
                model,
                input_path,
                output_path,
                text_format=text_format or ("jsonl" if from_stdin else None),
                text_key=text_key,
                id_key=id_key,
                output_format=output_format,
                spans_key=spans_key,
                graph_path=graph_path,
                brat_path=brat_path,
                html_path=html_path,
                to=to,
                use_gpu=use_gpu,
                batch_size=batch_size,
                n_process=n_process,
                engine=engine,
                address=address,
                gpus_per_worker=gpus_per_worker,
                summary_path=summary_path,
                log_path=log_path,
                max_rejected=max_rejected,
                code_path=code_path,
                force=force,
                silent=False,
            )
        shown = {path: show_path(path) for path in (*report.outputs, report.rejected_path)}
        if is_piped:
            shown |= {report.outputs[0]: STDOUT, report.rejected_path: STDERR}
        if report.n_before:
            msg.info(f"Continued after {report.n_before} texts")
        for path in report.outputs:
            msg.good(f"Saved {report.n_texts} annotated texts: {shown[path]}")
        counts = report.counts
        msg.text(
            f"{counts.n_words:,} words, {sum(counts.n_spans.values()):,} spans, "
            f"{counts.n_empty:,} texts without any, {report.seconds:.1f} seconds"
        )
        if counts.n_spans:
            rows = [
                (one_line(label), f"{n_spans:,}")
                for label, n_spans in sorted(counts.n_spans.items())
            ]
            max_col = max(30, *(len(label) for label, _ in rows))
            msg.table(rows, header=["Label", "Spans"], aligns=["l", "r"], max_col=max_col)
        if report.n_rejected:
            msg.warn(
                f"Rejected {report.n_rejected} items that can't be annotated: "
                f"{shown[report.rejected_path]}"
            )
        if report.n_texts == 0:
            is_plain = from_stdin and text_format is None and report.n_rejected
            hint = "It was read as JSON Lines. For lines of plain text: --format txt"
            msg.fail(
                f"Annotated nothing: no text in '{shown_input}'", hint if is_plain else "", exits=1
            )


@contextmanager
def _exiting_on_sigterm() -> Iterator[None]:
    """Let SIGTERM raise SystemExit, so that nothing is left in the folder of temporary files."""
    previous = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextmanager
def _standard_input() -> Iterator[str]:
    """Keep the standard input in a file, since it is read once to divide it."""
    with TemporaryDirectory(prefix=STDIN_PREFIX) as folder:
        path = Path(folder) / "stdin"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield str(path)


@contextmanager
def _standard_output(descriptor: int) -> Iterator[str]:
    """Copy a file to the standard output in the end, and the items that are rejected to the
    standard error."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "stdout.jsonl"
        rejected_path = path.with_suffix(".rejected.jsonl")
        try:
            yield str(path)
        except CorpusError as err:
            message = str(err).replace(str(path), STDOUT)
            raise CorpusError(message.replace(str(rejected_path), STDERR)) from err
        finally:
            # There is none if the run did not come to its end.
            if path.exists():
                with rejected_path.open(encoding="utf8") as rejected:
                    shutil.copyfileobj(rejected, sys.stderr)
                # A stream of its own, so that nothing is left to write if this fails.
                with path.open("rb") as file, open(descriptor, "wb", closefd=False) as output:
                    shutil.copyfileobj(file, output)
