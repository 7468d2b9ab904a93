import shutil
import time
import warnings
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, Dict, Iterable, List, Mapping, NamedTuple, Optional, Union

from spacy.about import __version__ as spacy_version
from spacy.language import Language
from spacy.util import ensure_path

from .. import __version__
from ..corpora import CorpusError
from ..files import encode_json_line, remove, write_json
from ..progress import ProgressBar
from .annotator import SPANS_COLUMN
from .checks import check_apart, check_new, check_outside, check_unread
from .engines import ENGINES, EngineOptions, check_engine
from .folders import Folder, RemoteFolder, append_line, open_folder
from .outputs import Outputs, check_outputs, planning_outputs
from .paths import get_state, show_path, without_scheme
from .prediction import find_spans_key, load_once
from .resume import (
    bind_folder,
    compute_digest,
    finish_file,
    finish_folder,
    finish_remote,
    locked,
    log_done,
    part_of,
    read_done,
)
from .shards import (
    Counts,
    ShardAnnotator,
    check_same_columns,
    get_shard_names,
    merge_parquet,
    open_output,
)
from .sinks import read_annotations
from .source_files import TEXT_FORMATS, Shard, SourceFile, find_sources, guess_text_format
from .sources import Fields, plan_shards
from .tasks import TaskWriter

# Bytes of a shard, about: those of a folder of outputs, and those that become a single output.
SHARD_SIZE = 16 * 2**20
STEP_SIZE = 128 * 2**10


class AnnotationReport(NamedTuple):
    """What `annotate` wrote.

    n_texts (int): The number of texts in the output.
    n_before (int): How many of them an earlier run had annotated, which was stopped.
    n_rejected (int): The number of items that can't be annotated: no text, or a text that is too
        long.
    outputs (List[Union[str, Path]]): The outputs, the main one first. An address is a string.
    rejected_path (Union[str, Path]): The file that holds the rejected items, or the folder of such
        files.
    counts (Counts): The numbers of words and spans.
    seconds (float): How long this run took.
    """

    n_texts: int
    n_before: int
    n_rejected: int
    outputs: List[Union[str, Path]]
    rejected_path: Union[str, Path]
    counts: Counts
    seconds: float

    def to_dict(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): The report as JSON can hold it."""
        return {
            **self._asdict(),
            "outputs": [show_path(path) for path in self.outputs],
            "rejected_path": show_path(self.rejected_path),
            "counts": asdict(self.counts),
        }


def annotate(
    model: Union[str, Path],
    input_path: Union[str, Path],
    output_path: Union[str, Path],
    *,
    text_format: Optional[str] = None,
    text_key: str = "text",
    id_key: str = "id",
    output_format: str = "jsonl",
    spans_key: Optional[str] = None,
    graph_path: Optional[Union[str, Path]] = None,
    brat_path: Optional[Union[str, Path]] = None,
    html_path: Optional[Union[str, Path]] = None,
    to: Optional[str] = None,
    use_gpu: int = -1,
    batch_size: Optional[int] = None,
    n_process: Optional[int] = None,
    engine: str = "local",
    address: Optional[str] = None,
    gpus_per_worker: float = 0,
    summary_path: Optional[Union[str, Path]] = None,
    log_path: Optional[Union[str, Path]] = None,
    max_rejected: Optional[int] = None,
    code_path: Optional[Union[str, Path]] = None,
    force: bool = False,
    silent: bool = True,
) -> AnnotationReport:
    """Annotate texts with the spans that a pipeline finds. The texts are divided into shards. Each
    becomes a file whose bytes follow from the texts, the pipeline and the options alone, however
    many processes there are. If the run is stopped, the next call with the same arguments does the
    shards that are missing, and the output is as if nothing had happened.

    The output is a file, or a folder of a file for each shard with a manifest. A file is made of
    its shards in the end. Until then these are in a folder beside it that ends in .part. Both may
    be an address: each file is put there whole.

    model (Union[str, Path]): Name or path of the pipeline.
    input_path (Union[str, Path]): The texts, see `find_sources`.
    output_path (Union[str, Path]): The file to write, see `OUTPUT_FORMATS`, or a folder, which has
        no suffix. As a string, it may be an address that fsspec opens.
    text_format (Optional[str]): Format of the texts. If None, that of the suffix.
    text_key (str): Field or column of the text.
    id_key (str): Field or column of the id.
    output_format (str): Suffix of the files of a folder, without the first dot.
    spans_key (Optional[str]): Key of `Doc.spans`. If None, the one that a component writes.
    graph_path (Optional[Union[str, Path]]): A .graphml or .jsonl file to write the entities and
        their nesting.
    brat_path (Optional[Union[str, Path]]): New directory to write brat standoff annotation.
    html_path (Optional[Union[str, Path]]): File to write a page that shows the spans.
    to (Optional[str]): Format of tasks for an annotation tool, one of `WRITERS`, to write beside
        the output: those of texts.jsonl are texts.tasks, with the suffix of the format. All texts
        are in memory then.
    use_gpu (int): GPU ID or -1 for CPU.
    batch_size (Optional[int]): Most texts to annotate at once. If None, that of the pipeline.
    n_process (Optional[int]): Most processes. If None, one, or with Ray and Spark as many as there
        is room for.
    engine (str): What calls the function of a shard, one of `ENGINES`.
    address (Optional[str]): Address of the cluster of the engine. If None, the engine's default.
    gpus_per_worker (float): GPUs that each process gets from Ray, or the share of one.
    summary_path (Optional[Union[str, Path]]): File to write the report as JSON.
    log_path (Optional[Union[str, Path]]): File to append a line of JSON for each shard that is
        done.
    max_rejected (Optional[int]): The most items that may be rejected. With more of them this ends
        with an error, when everything is written. If None, there is no limit.
    code_path (Optional[Union[str, Path]]): The file of registered functions that was imported for
        the pipeline. If it has changed, a run that was stopped starts from the first text.
    force (bool): Whether to overwrite output files.
    silent (bool): Whether to show no progress.
    RETURNS (AnnotationReport): The numbers of texts, and what was written.
    RAISES (CorpusError): If the input or an argument is not as expected, or too much is rejected.
    RAISES (ValueError, OSError): If the pipeline can't be loaded, or a process was killed.
    """
    start = time.perf_counter()
    model = str(model)
    input_path, output_path = map(without_scheme, (input_path, output_path))
    graph, brat, html = map(ensure_path, (graph_path, brat_path, html_path))
    summary, log = map(ensure_path, (summary_path, log_path))
    options = EngineOptions(n_process, use_gpu, address, gpus_per_worker)
    check_engine(engine, options)
    tasks = None if to is None else TaskWriter(to)
    text_format = text_format or guess_text_format(input_path)
    if text_format not in TEXT_FORMATS.values():
        raise CorpusError(
            f"Expected a format from {', '.join(TEXT_FORMATS.values())}, not '{text_format}'"
        )
    with ExitStack() as stack:
        outputs = stack.enter_context(
            planning_outputs(output_path, output_format, graph, brat, html, tasks)
        )
        sources = find_sources(input_path, text_format)
        others = [path for path in (summary, log) if path is not None]
        _check_paths(outputs, others, input_path, sources, force=force)
        if outputs.suffix == ".parquet":
            _check_columns(outputs, sources, text_format, text_key)
        load_once.cache_clear()
        # The processes of another engine may have GPUs that this one hasn't.
        nlp = load_once(model, use_gpu if engine == "local" else -1)
        spans_key = find_spans_key(nlp, spans_key)
        if tasks is not None:
            tasks.set_pipeline(nlp, spans_key)
        model_parts = _find_model_parts(nlp)
        if code_path is not None:
            model_parts.append(Path(code_path))
        check_outside([*outputs.all, *others], model_parts, "the files of the pipeline")
        annotator = ShardAnnotator(
            model=model,
            spans_key=spans_key,
            folder=outputs.shards,
            suffix=outputs.shard_suffix,
            text_format=text_format,
            fields=Fields(text_key, id_key),
            batch_size=batch_size or nlp.batch_size,
            use_gpu=0 if gpus_per_worker else use_gpu,
        )
        for path in outputs.all:
            stack.enter_context(locked(path, is_folder=outputs.is_folder))
        # Between the first check and the lock, another process may have ended.
        check_outputs(outputs, input_path, sources, force=force)
        size = SHARD_SIZE if outputs.is_folder else STEP_SIZE
        folder = open_folder(outputs.shards)
        if bind_folder(folder, _compute_digest(annotator, size, sources, model_parts)):
            warnings.warn(
                "Starting from the first text: the texts, the pipeline, its code or the options "
                "have changed",
                stacklevel=2,
            )
        shards = plan_shards(sources, text_format, size=size)
        done = read_done(folder, outputs.shard_suffix)
        counts = _run(
            annotator, shards, done, folder, engine=engine, options=options, log=log, silent=silent
        )
        _finish(outputs, folder, _describe(annotator, input_path, counts), len(shards))
    total = _add_up(counts)
    report = AnnotationReport(
        total.n_texts,
        _add_up(done.values()).n_texts,
        total.n_rejected,
        [outputs.locate(outputs.path), *outputs.writers],
        outputs.locate(outputs.rejected_path),
        total,
        round(time.perf_counter() - start, 3),
    )
    if summary is not None:
        write_json(summary, report.to_dict())
    if max_rejected is not None and report.n_rejected > max_rejected:
        raise CorpusError(
            f"Rejected {report.n_rejected:,} items that can't be annotated, more than "
            f"{max_rejected:,}. They are in {show_path(report.rejected_path)}, and the "
            f"{report.n_texts:,} texts that were annotated in {show_path(output_path)}"
        )
    return report


def _check_paths(
    outputs: Outputs,
    others: List[Path],
    input_path: Union[str, Path],
    sources: List[SourceFile],
    *,
    force: bool,
) -> None:
    """Check the outputs, and the other files to write, which may be there already."""
    check_outputs(outputs, input_path, sources, force=force)
    check_apart([*outputs.all, *others], [source.location for source in sources])
    check_new(others, [], own=(), force=True)
    check_unread([*outputs.files, *others], input_path)


def _check_columns(
    outputs: Outputs, sources: List[SourceFile], text_format: str, text_key: str
) -> None:
    if text_key == SPANS_COLUMN:
        raise CorpusError(
            f"Expected texts in another column than '{SPANS_COLUMN}', which holds what is found"
        )
    if text_format == "parquet" and not outputs.is_folder:
        check_same_columns([source.location for source in sources])


def _run(
    annotator: ShardAnnotator,
    shards: List[Shard],
    done: Mapping[int, Counts],
    folder: Folder,
    *,
    engine: str,
    options: EngineOptions,
    log: Optional[Path],
    silent: bool,
) -> List[Counts]:
    """RETURNS (List[Counts]): The counts of each shard, when those that are missing are done."""
    counts = {**done}
    left = [item for item in enumerate(shards) if item[0] not in done]
    progress = Progress(sum(shard.size for _, shard in left), silent=silent)
    with progress, closing(ENGINES[engine](annotator, left, options)) as results:
        for number, new in results:
            log_done(folder, number, new)
            if log is not None:
                append_line(log, encode_json_line({"shard": number, **asdict(new)}))
            counts[number] = new
            progress.update(new, shards[number].size)
    load_once.cache_clear()
    return [counts[number] for number in range(len(shards))]


def _finish(outputs: Outputs, folder: Folder, info: Dict[str, Any], n_shards: int) -> None:
    """Make the outputs of the shards, and put them in their places."""
    if outputs.is_folder:
        finish_folder(folder, info)
    elif isinstance(folder, RemoteFolder):
        folder.fetch(part_of(outputs.path))
        _finish_file(outputs, n_shards)
        finish_remote(folder, {str(outputs.locate(path)): path for path in reversed(outputs.all)})
    else:
        _finish_file(outputs, n_shards)


def _add_up(counts: Iterable[Counts]) -> Counts:
    total = Counts()
    for item in counts:
        total.add(item)
    return total


class Progress:
    """A bar of the bytes that are done, with the numbers of texts and of words a second."""

    def __init__(self, n_bytes: int, *, silent: bool) -> None:
        self.bar = ProgressBar(
            total=n_bytes, unit="B", unit_scale=True, disable=silent or None, dynamic_ncols=True
        )
        self.counts = Counts()
        self.start = time.perf_counter()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def update(self, counts: Counts, n_bytes: int) -> None:
        self.counts.add(counts)
        words_per_second = self.counts.n_words / (time.perf_counter() - self.start)
        self.bar.set_postfix_str(
            f"{self.counts.n_texts:,} texts, {words_per_second:,.0f} words/s", refresh=False
        )
        self.bar.update(n_bytes)


def _compute_digest(
    annotator: ShardAnnotator, size: int, sources: List[SourceFile], model_parts: List[Path]
) -> str:
    files = (file for path in model_parts for file in (path, *path.rglob("*")))
    locations = [source.location for source in sources]
    locations += [str(file) for file in sorted(files) if file.is_file()]
    settings = {
        **asdict(annotator),
        "model": None,
        "folder": None,
        "size": size,
        "names": [source.name for source in sources],
        "versions": [__version__, spacy_version],
    }
    return compute_digest(map(get_state, locations), settings)


def _describe(
    annotator: ShardAnnotator, input_path: Union[str, Path], counts: List[Counts]
) -> Dict[str, Any]:
    names = ("model", "spans_key", "text_format", "batch_size")
    shards = [
        {
            "name": get_shard_names(number, annotator.suffix)[0],
            # How long it took is no part of what was made.
            **{name: value for name, value in asdict(item).items() if name != "seconds"},
        }
        for number, item in enumerate(counts)
    ]
    return {
        "input": show_path(input_path),
        **{name: getattr(annotator, name) for name in names},
        "shards": shards,
    }


def _finish_file(outputs: Outputs, n_shards: int) -> None:
    folder = part_of(outputs.path)
    paths = [
        [folder / name for name in get_shard_names(number, outputs.shard_suffix)]
        for number in range(n_shards)
    ]
    merged = folder / f"merged{outputs.suffix}"
    if outputs.suffix == ".parquet":
        merge_parquet([path for path, _ in paths], merged)
    else:
        with open_output(merged, outputs.suffix) as output:
            _copy_files([path for path, _ in paths], output)
    remove(part_of(outputs.rejected_path))
    with part_of(outputs.rejected_path).open("wb") as rejected:
        _copy_files([path for _, path in paths if path.exists()], rejected)
    for path, write in outputs.writers.items():
        remove(part_of(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        write(read_annotations(merged), part_of(path))
    finish_file(outputs.path, merged, outputs.exports)


def _copy_files(paths: Iterable[Path], output: BinaryIO) -> None:
    for path in paths:
        with path.open("rb") as file:
            shutil.copyfileobj(file, output)


def _find_model_parts(nlp: Language) -> List[Path]:
    """RETURNS (List[Path]): The files and folders that the pipeline was loaded from. Others may be
    beside them, an output among them."""
    names = ["config.cfg", "meta.json", "tokenizer", "vocab", *nlp.component_names]
    return [path for path in map(nlp.path.joinpath, names) if path.exists()]
