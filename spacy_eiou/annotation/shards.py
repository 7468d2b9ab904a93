"""The unit of work: a shard of the texts, which becomes one file."""

import gzip
import json
import shutil
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Dict, Iterable, Iterator, List, Sequence, Tuple, Union, cast

from ..corpora import CorpusError
from ..files import encode_json_line
from ..models.torch_layers import one_thread
from .annotator import add_spans
from .folders import open_folder
from .parquet import iter_record_batches, open_parquet
from .paths import show_path
from .prediction import PredictedText, load_once, make_annotation, predict_sources
from .source_files import Shard, import_pyarrow
from .sources import Fields, RejectedText, SourceText, read_shard

OUTPUT_FORMATS = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")
REJECTED_SUFFIX = ".rejected.jsonl"


@dataclass
class Counts:
    """What was annotated.

    n_texts (int): The number of texts.
    n_words (int): The number of their tokens.
    n_empty (int): The number of texts without spans.
    n_rejected (int): The number of items that can't be annotated: no text, or one that is too long.
    n_spans (Dict[str, int]): The number of spans of each label.
    seconds (float): How long it took, summed over processes.
    """

    n_texts: int = 0
    n_words: int = 0
    n_empty: int = 0
    n_rejected: int = 0
    n_spans: Dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, other: "Counts") -> None:
        """Add the counts of other texts.

        other (Counts): The counts.
        """
        self.n_texts += other.n_texts
        self.n_words += other.n_words
        self.n_empty += other.n_empty
        self.n_rejected += other.n_rejected
        self.seconds = round(self.seconds + other.seconds, 3)
        for label, n_spans in other.n_spans.items():
            self.n_spans[label] = self.n_spans.get(label, 0) + n_spans

    def add_text(self, predicted: PredictedText) -> None:
        """Count a text.

        predicted (PredictedText): What was predicted for it.
        """
        self.n_texts += 1
        self.n_words += predicted.n_words
        self.n_empty += not predicted.spans
        for span in predicted.spans:
            self.n_spans[span["label"]] = self.n_spans.get(span["label"], 0) + 1


@dataclass(frozen=True)
class ShardAnnotator:
    """Annotates a shard and writes its file: a function that holds nothing but names, so that any
    process can call it. The file depends on the texts, the pipeline and the options alone.

    model (str): Name or path of the pipeline.
    spans_key (str): Key of `Doc.spans`.
    folder (str): Path or address of the folder of the files.
    suffix (str): One of `OUTPUT_FORMATS`.
    text_format (str): Format of the texts.
    fields (Fields): The fields or columns of the text and of the id.
    batch_size (int): Most texts to annotate at once.
    use_gpu (int): GPU ID or -1 for CPU.
    """

    model: str
    spans_key: str
    folder: str
    suffix: str
    text_format: str
    fields: Fields
    batch_size: int
    use_gpu: int

    def __call__(self, number: int, shard: Shard) -> Counts:
        """Annotate a shard. Its file is there as a whole or not at all, and so is the one of what
        was rejected, if anything was.

        number (int): Its number, which tells the names of the files.
        shard (Shard): The shard.
        RETURNS (Counts): What was annotated.
        """
        start = time.perf_counter()
        counts = Counts()
        folder = open_folder(self.folder)
        name, rejected_name = get_shard_names(number, self.suffix)
        # Sums that several threads share differ in the last digit with the number of threads.
        with one_thread(), folder.replacing(name) as new, TemporaryFile() as rejected:
            if self.suffix != ".parquet":
                self._write_lines(new, rejected, shard, counts)
            elif self.text_format == "parquet":
                self._write_columns(new, rejected, shard, counts)
            else:
                self._write_rows(new, rejected, shard, counts)
            if counts.n_rejected:
                rejected.seek(0)
                with folder.replacing(rejected_name) as path, path.open("wb") as file:
                    shutil.copyfileobj(rejected, file)
        counts.seconds = round(time.perf_counter() - start, 3)
        return counts

    def _write_lines(self, path: Path, rejected: BinaryIO, shard: Shard, counts: Counts) -> None:
        with open_output(path, self.suffix) as output:
            for source, predicted in self._predict(self._read(shard), rejected, counts):
                output.write(encode_json_line(make_annotation(source, predicted)))

    def _write_rows(self, path: Path, rejected: BinaryIO, shard: Shard, counts: Counts) -> None:
        from pyarrow.parquet import ParquetWriter

        pairs = self._predict(self._read(shard), rejected, counts)
        with ParquetWriter(path, make_rows([]).schema) as writer:
            while some := list(islice(pairs, 1000)):
                writer.write_table(make_rows(some))

    def _write_columns(self, path: Path, rejected: BinaryIO, shard: Shard, counts: Counts) -> None:
        """Keep all columns and rows. Rows that are rejected have no spans."""
        from pyarrow.parquet import ParquetWriter

        items = self._read(shard)
        with ParquetWriter(path, _get_output_schema(shard.files[0].location)) as writer:
            for batch in iter_record_batches(shard, self.fields.text):
                some = list(islice(items, len(batch)))
                pairs = self._predict(some, rejected, counts)
                spans = [
                    next(pairs)[1].spans if isinstance(item, SourceText) else None for item in some
                ]
                # The last texts may be followed by what is rejected.
                list(pairs)
                writer.write_batch(add_spans(batch, spans))

    def _read(self, shard: Shard) -> Iterator[Union[SourceText, RejectedText]]:
        nlp = load_once(self.model, self.use_gpu)
        return read_shard(shard, self.text_format, self.fields, max_length=nlp.max_length)

    def _predict(
        self, items: Iterable[Union[SourceText, RejectedText]], rejected: BinaryIO, counts: Counts
    ) -> Iterator[Tuple[SourceText, PredictedText]]:
        nlp = load_once(self.model, self.use_gpu)
        texts = _set_aside_rejected(items, rejected, counts)
        for source, predicted in predict_sources(
            nlp, texts, self.spans_key, batch_size=self.batch_size
        ):
            counts.add_text(predicted)
            yield source, predicted


def get_shard_names(number: int, suffix: str) -> Tuple[str, str]:
    """Name the files of a shard.

    number (int): The number of the shard, from 0.
    suffix (str): One of `OUTPUT_FORMATS`.
    RETURNS (Tuple[str, str]): The file of what is annotated, and that of what is rejected.
    """
    name = f"part-{number:05}"
    # Readers of folders of Parquet leave out what begins so.
    return f"{name}{suffix}", f"_{name}{REJECTED_SUFFIX}"


def get_output_format(name: str) -> str:
    """Tell the format of an output from its suffix.

    name (str): Its name.
    RETURNS (str): One of `OUTPUT_FORMATS`, or "" if the suffix stands for none.
    """
    return next((suffix for suffix in OUTPUT_FORMATS if name.endswith(suffix)), "")


@contextmanager
def open_output(path: Path, suffix: str) -> Iterator[BinaryIO]:
    """Open a file to write lines, packed as the suffix says. The bytes follow from the lines.

    path (Path): The file.
    suffix (str): One of `OUTPUT_FORMATS` of lines.
    YIELDS (BinaryIO): The file.
    """
    with path.open("wb") as file:
        if suffix == ".jsonl.gz":
            with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed:
                yield cast(BinaryIO, packed)
        elif suffix == ".jsonl.zst":
            with import_pyarrow(str(path)).CompressedOutputStream(file, "zstd") as packed:
                yield packed
        else:
            yield file


def make_rows(pairs: List[Tuple[SourceText, PredictedText]]) -> Any:
    """RETURNS (pyarrow.Table): Annotated texts with the columns "id", "text", "meta", which is
    JSON, and "spans"."""
    import pyarrow as pa

    metas = [
        json.dumps(source.meta, ensure_ascii=False) if source.meta else None for source, _ in pairs
    ]
    columns = {
        "id": pa.array([source.id for source, _ in pairs], pa.string()),
        "text": pa.array([source.text for source, _ in pairs], pa.string()),
        "meta": pa.array(metas, pa.string()),
    }
    return add_spans(pa.table(columns), [predicted.spans for _, predicted in pairs])


def check_same_columns(locations: Sequence[str]) -> None:
    """Check that what Parquet files become can be one file.

    locations (Sequence[str]): Their paths or addresses.
    RAISES (CorpusError): If their columns differ.
    """
    first = _get_output_schema(locations[0])
    for location in locations[1:]:
        if _get_output_schema(location) != first:
            raise CorpusError(
                f"{show_path(location)}: expected the same columns as in {show_path(locations[0])}."
                " To keep those of each, choose an output folder"
            )


def _get_output_schema(location: str) -> Any:
    with open_parquet(location) as parquet:
        return add_spans(parquet.schema_arrow.empty_table(), []).schema


def merge_parquet(paths: Iterable[Path], target: Path) -> None:
    """Write Parquet files one after the other into one.

    paths (Iterable[Path]): The files.
    target (Path): The file to write.
    """
    from pyarrow.parquet import ParquetFile, ParquetWriter

    writer = None
    for path in paths:
        with ParquetFile(path) as file:
            if writer is None:
                writer = ParquetWriter(target, file.schema_arrow)
            for group in range(file.num_row_groups):
                writer.write_table(file.read_row_group(group))
    if writer is None:
        writer = ParquetWriter(target, make_rows([]).schema)
    writer.close()


def _set_aside_rejected(
    items: Iterable[Union[SourceText, RejectedText]], rejected: BinaryIO, counts: Counts
) -> Iterator[SourceText]:
    for item in items:
        if isinstance(item, RejectedText):
            rejected.write(encode_json_line(asdict(item)))
            counts.n_rejected += 1
        else:
            yield item
