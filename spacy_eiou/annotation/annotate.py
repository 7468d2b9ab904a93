import json
import warnings
from contextlib import ExitStack
from dataclasses import asdict
from itertools import chain, islice, tee
from pathlib import Path
from typing import (
    Any,
    BinaryIO,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Union,
)

from spacy.language import Language
from tqdm import tqdm

from ..corpora import CorpusError
from ..files import remove
from ..pipeline import load_pipeline
from .checks import check_outputs, check_outside
from .paths import show_path
from .prediction import find_spans_key, get_span_annotations
from .resume import bind_part, cut_to_batches, finish_parts, locked, part_of, remove_part
from .sinks import GRAPH_WRITERS, Annotation, read_annotations, write_brat, write_html
from .sources import (
    TEXT_FORMATS,
    RejectedText,
    SourceText,
    find_text_files,
    guess_text_format,
    read_texts,
)

# After so many batches, what the vocab took up from them is freed, and processes start anew.
BATCHES_PER_ZONE = 100

Writer = Callable[[Iterable[Annotation], Path], None]


class AnnotationReport(NamedTuple):
    """What `annotate` wrote.

    n_texts (int): The number of texts in the output.
    n_before (int): How many of them an earlier run had annotated, which was stopped.
    n_rejected (int): The number of items that can't be annotated: no text, or a text that is too
        long.
    outputs (List[Path]): The outputs, the main one first.
    rejected_path (Path): The file that holds the rejected items.
    """

    n_texts: int
    n_before: int
    n_rejected: int
    outputs: List[Path]
    rejected_path: Path


def annotate(
    model: str,
    input_path: Path,
    output_path: Path,
    *,
    text_format: Optional[str] = None,
    text_key: str = "text",
    spans_key: Optional[str] = None,
    graph_path: Optional[Path] = None,
    brat_path: Optional[Path] = None,
    html_path: Optional[Path] = None,
    use_gpu: int = -1,
    batch_size: Optional[int] = None,
    n_process: int = 1,
    force: bool = False,
    silent: bool = True,
) -> AnnotationReport:
    """Annotate texts with the spans that a pipeline finds. While it runs, the output is in a file
    that ends in .part, and .part.json says what it was made from. If these have not changed, the
    next call continues from there, and the output is as if nothing had happened.

    model (str): Name or path of the pipeline.
    input_path (Path): The texts, see `read_texts`.
    output_path (Path): The .jsonl file to write.
    text_format (Optional[str]): Format of the texts. If None, that of the suffix.
    text_key (str): Field or column of the text.
    spans_key (Optional[str]): Key of `Doc.spans`. If None, the one that a component writes.
    graph_path (Optional[Path]): A .graphml or .jsonl file to write the entities and their nesting.
    brat_path (Optional[Path]): New directory to write brat standoff annotation.
    html_path (Optional[Path]): File to write a page that shows the spans.
    use_gpu (int): GPU ID or -1 for CPU.
    batch_size (Optional[int]): Number of texts to annotate at once. If None, that of the pipeline.
    n_process (int): Number of processes.
    force (bool): Whether to overwrite output files.
    silent (bool): Whether to show no progress.
    RETURNS (AnnotationReport): The numbers of texts, and what was written.
    RAISES (CorpusError): If the input or an argument is not as expected.
    RAISES (ValueError, OSError): If the pipeline can't be loaded.
    """
    text_format = text_format or guess_text_format(input_path)
    if text_format not in TEXT_FORMATS.values():
        raise CorpusError(
            f"Expected a format from {', '.join(TEXT_FORMATS.values())}, not '{text_format}'"
        )
    if output_path.suffix != ".jsonl":
        raise CorpusError(
            f"Expected an output file with the suffix .jsonl, not {show_path(output_path)}"
        )
    rejected_path = output_path.with_suffix(".rejected.jsonl")
    writers = _get_writers(graph_path, brat_path, html_path)
    outputs = [output_path, *writers, rejected_path]
    folders = [path for path in (brat_path,) if path is not None]
    text_files = find_text_files(input_path)
    check_outputs(output_path, outputs[1:], folders, text_files, force=force)
    nlp = load_pipeline(model, use_gpu=use_gpu)
    model_parts = _find_model_parts(nlp)
    check_outside(outputs, model_parts, "the files of the pipeline")
    spans_key = find_spans_key(nlp, spans_key)
    batch_size = batch_size or nlp.batch_size
    settings = [text_format, text_key, spans_key, batch_size, use_gpu >= 0]
    with ExitStack() as locks:
        for path in outputs:
            locks.enter_context(locked(path))
        # Between the first check and the lock, another process may have ended.
        check_outputs(output_path, outputs[1:], folders, text_files, force=force)
        if bind_part(output_path, [*text_files, *_list_files(model_parts)], settings):
            warnings.warn(
                "Starting from the first text: the texts, the pipeline or the options have changed",
                stacklevel=2,
            )
        for path in folders:
            # It is empty, or a run that was stopped while it finished has put it there.
            remove(path)
        n_done = cut_to_batches(output_path, batch_size)
        texts = read_texts(input_path, text_format, text_key=text_key, max_length=nlp.max_length)
        with (
            part_of(output_path).open("ab") as output,
            part_of(rejected_path).open("wb") as rejected,
        ):
            # Texts that are done are read once more, and what is rejected among them is met again.
            texts_left = islice(_set_aside_rejected(texts, rejected), n_done, None)
            annotations = annotate_texts(
                nlp, texts_left, spans_key, batch_size=batch_size, n_process=n_process
            )
            for annotation in tqdm(annotations, initial=n_done, disable=silent or None):
                output.write(_to_json_line(annotation))
        n_texts, n_rejected = _count_lines(output_path), _count_lines(rejected_path)
        for path, write in writers.items():
            _export(output_path, path, write)
        finish_parts(output_path, outputs[1:])
    return AnnotationReport(n_texts, n_done, n_rejected, outputs[:-1], rejected_path)


def annotate_texts(
    nlp: Language,
    texts: Iterable[SourceText],
    spans_key: str,
    *,
    batch_size: Optional[int] = None,
    n_process: int = 1,
) -> Iterator[Annotation]:
    """Annotate texts one after the other, in memory that doesn't grow with their number.

    nlp (Language): The pipeline.
    texts (Iterable[SourceText]): The texts.
    spans_key (str): Key of `Doc.spans`.
    batch_size (Optional[int]): Number of texts to annotate at once. If None, that of the pipeline.
    n_process (int): Number of processes.
    YIELDS (Annotation): The "id", "text" and "spans" of each text, see `get_span_annotations`, and
        as "meta" what else its source says of it, if anything.
    """
    texts = iter(texts)
    batch_size = batch_size or nlp.batch_size
    for first in texts:
        zone = chain([first], islice(texts, batch_size * BATCHES_PER_ZONE - 1))
        with nlp.memory_zone():
            # With `as_tuples` all texts would be tokenized in the main process.
            piped, sources = tee(zone)
            docs = nlp.pipe(
                (source.text for source in piped), batch_size=batch_size, n_process=n_process
            )
            for doc, source in zip(docs, sources, strict=True):
                spans = get_span_annotations(doc, spans_key)
                meta = {"meta": source.meta} if source.meta else {}
                yield {"id": source.id, "text": source.text, "spans": spans, **meta}


def _get_writers(
    graph_path: Optional[Path], brat_path: Optional[Path], html_path: Optional[Path]
) -> Dict[Path, Writer]:
    writers: Dict[Path, Writer] = {}
    if graph_path is not None:
        if graph_path.suffix not in GRAPH_WRITERS:
            raise CorpusError(
                f"Expected a graph file that ends in {' or '.join(GRAPH_WRITERS)}, not "
                f"{show_path(graph_path)}"
            )
        writers[graph_path] = GRAPH_WRITERS[graph_path.suffix]
    if brat_path is not None:
        writers[brat_path] = write_brat
    if html_path is not None:
        writers[html_path] = write_html
    return writers


def _find_model_parts(nlp: Language) -> List[Path]:
    """RETURNS (List[Path]): The files and folders that the pipeline was loaded from. Others may be
    beside them, an output among them."""
    names = ["config.cfg", "meta.json", "tokenizer", "vocab", *nlp.component_names]
    return [path for path in map(nlp.path.joinpath, names) if path.exists()]


def _list_files(paths: Iterable[Path]) -> List[Path]:
    files = (file for path in paths for file in (path, *path.rglob("*")))
    return sorted(file for file in files if file.is_file())


def _set_aside_rejected(
    texts: Iterable[Union[SourceText, RejectedText]], rejected: BinaryIO
) -> Iterator[SourceText]:
    for text in texts:
        if isinstance(text, RejectedText):
            rejected.write(_to_json_line(asdict(text)))
        else:
            yield text


def _to_json_line(value: Dict[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n").encode("utf8")


def _export(output_path: Path, path: Path, write: Writer) -> None:
    remove_part(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write(read_annotations(part_of(output_path)), part_of(path))


def _count_lines(path: Path) -> int:
    with part_of(path).open("rb") as file:
        return sum(1 for _ in file)
