import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Tuple, Union

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from ..corpora._parse import check_type, get_field, parse_json
from ..corpora.record import CorpusError
from .paths import show_path

TEXT_FORMATS = {".txt": "txt", ".jsonl": "jsonl", ".parquet": "parquet", ".spacy": "docbin"}


@dataclass(frozen=True)
class SourceText:
    """A text to annotate.

    id (str): Name of the text within its source.
    text (str): The text, exactly as in the source.
    meta (Dict[str, Any]): What else the source says of the text.
    """

    id: str
    text: str
    meta: Dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RejectedText:
    """What a source has in the place of a text.

    number (int): Number of the line, row, doc or file in the source, from 1.
    reason (str): What was expected there.
    raw (str): What is there. Bytes that are not in UTF-8 are shown as in "\\xff".
    """

    number: int
    reason: str
    raw: str


class RawText(NamedTuple):
    """An item of a source before its check: its number from 1, the place for error messages, the id
    unless it has one of its own, and the data."""

    number: int
    where: str
    id: str
    data: Any


def read_texts(
    path: Path, text_format: str, *, text_key: str = "text", max_length: int
) -> Iterator[Union[SourceText, RejectedText]]:
    """Read texts one after the other, in memory that doesn't grow with their number. Only a DocBin
    is loaded whole. An item that is no text is rejected, and the next one read.

    "txt" is a file with one text per line, a blank line among them, or a folder whose .txt files
    hold one text each. "jsonl" is JSON Lines, whose blank lines are no texts. "parquet" has a
    column of texts and maybe a column "id"; other columns aren't read. "docbin" is a .spacy file,
    of whose docs only the text is used. The id of a text is the "id" of its object or row, the
    "record_id" of its doc, the name of its file without the suffix, or else the name of the file
    and the number of the text in it.

    path (Path): The source.
    text_format (str): A format in the values of `TEXT_FORMATS`.
    text_key (str): Field or column of the text, for "jsonl" and "parquet".
    max_length (int): The most characters of a text that isn't rejected.
    YIELDS (Union[SourceText, RejectedText]): The texts and what was rejected, in order.
    RAISES (CorpusError): If the source as a whole is not as expected.
    """
    read, parse = READERS[text_format]
    for raw in read(path, text_key):
        try:
            source = parse(raw, text_key)
            if len(source.text) > max_length:
                raise CorpusError(
                    f"{raw.where}: expected at most {max_length} characters, not "
                    f"{len(source.text)} (raise `max_length` of the pipeline, or split the text)"
                )
            yield source
        except CorpusError as err:
            yield RejectedText(raw.number, str(err), _show(raw.data))


def find_text_files(path: Path) -> List[Path]:
    """Find the files of a source: itself, or the .txt files of a folder, but not of its subfolders.

    path (Path): A file or a folder.
    RETURNS (List[Path]): The files, sorted by name.
    RAISES (CorpusError): If the folder has no .txt files.
    """
    if not path.is_dir():
        return [path]
    files = sorted(path.glob("*.txt"))
    if not files:
        raise CorpusError(f"{show_path(path)}: expected a file, or a folder of .txt files")
    for file in files:
        if not file.is_file():
            raise CorpusError(f"{show_path(file)}: expected a file, not a folder or a broken link")
    return files


def guess_text_format(path: Path) -> str:
    """Tell the format of a source from its suffix. That of a folder is "txt".

    path (Path): A file or a folder.
    RETURNS (str): A format in the values of `TEXT_FORMATS`.
    RAISES (CorpusError): If the suffix stands for none.
    """
    suffix = ".txt" if path.is_dir() else path.suffix
    if suffix not in TEXT_FORMATS:
        raise CorpusError(
            f"{show_path(path)}: expected a file that ends in {', '.join(TEXT_FORMATS)}, or one of "
            f"the formats {', '.join(TEXT_FORMATS.values())}"
        )
    return TEXT_FORMATS[suffix]


def _make_raw(path: Path, number: int, unit: str, data: Any) -> RawText:
    where = f"{show_path(path)}, {unit} {number}"
    return RawText(number, where, f"{show_path(Path(path.stem))}-{number}", data)


def _read_lines(path: Path, text_key: str) -> Iterator[RawText]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            data = line.removesuffix(b"\n").removesuffix(b"\r")
            yield _make_raw(path, number, "line", data)


def _read_plain_text(path: Path, text_key: str) -> Iterator[RawText]:
    if not path.is_dir():
        yield from _read_lines(path, text_key)
        return
    for number, file in enumerate(find_text_files(path), start=1):
        yield RawText(number, show_path(file), show_path(Path(file.stem)), file.read_bytes())


def _parse_plain_text(raw: RawText, text_key: str) -> SourceText:
    return SourceText(raw.id, _decode(raw))


def _read_jsonl(path: Path, text_key: str) -> Iterator[RawText]:
    return (raw for raw in _read_lines(path, text_key) if raw.data.strip())


def _parse_jsonl(raw: RawText, text_key: str) -> SourceText:
    item = parse_json(_decode(raw), raw.where)
    text = get_field(item, text_key, str, raw.where)
    meta = {key: value for key, value in item.items() if key not in (text_key, "id")}
    try:
        json.dumps(meta, allow_nan=False)
    except ValueError as err:
        raise CorpusError(f"{raw.where}: expected valid JSON, whose numbers are finite") from err
    return SourceText(_get_id(item, raw), text, meta)


def _read_parquet(path: Path, text_key: str) -> Iterator[RawText]:
    try:
        from pyarrow import ArrowInvalid
        from pyarrow.parquet import ParquetFile
    except ImportError as err:
        raise CorpusError(
            f"{show_path(path)}: expected pyarrow to be installed. Try: pip install "
            "'spacy-eiou[parquet]'"
        ) from err
    try:
        file = ParquetFile(path)
    except ArrowInvalid as err:
        raise CorpusError(f"{show_path(path)}: expected a Parquet file ({err})") from err
    with file:
        names = file.schema_arrow.names
        if text_key not in names:
            raise CorpusError(
                f"{show_path(path)}: expected a column '{text_key}', not only {names}"
            )
        columns = [name for name in (text_key, "id") if name in names]
        number = 0
        for batch in file.iter_batches(columns=columns, batch_size=1024):
            for row in zip(*(batch.column(name) for name in columns)):
                number += 1
                data = dict(zip(columns, map(_get_value, row)))
                yield _make_raw(path, number, "row", data)


def _get_value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        return scalar.as_buffer().to_pybytes()


def _parse_parquet(raw: RawText, text_key: str) -> SourceText:
    text = check_type(raw.data[text_key], str, f"{raw.where}, '{text_key}'")
    return SourceText(_get_id(raw.data, raw), text)


def _read_docbin(path: Path, text_key: str) -> Iterator[RawText]:
    try:
        docs = DocBin().from_disk(path)
    # What damaged bytes raise depends on where they are damaged.
    except Exception as err:
        raise CorpusError(f"{show_path(path)}: expected a complete .spacy file ({err!r})") from err
    for number, doc in enumerate(docs.get_docs(Vocab()), start=1):
        yield _make_raw(path, number, "doc", doc)


def _parse_docbin(raw: RawText, text_key: str) -> SourceText:
    doc: Doc = raw.data
    return SourceText(str(doc.user_data.get("record_id", raw.id)), doc.text)


def _get_id(item: Dict[str, Any], raw: RawText) -> str:
    text_id = item.get("id")
    return raw.id if text_id is None else str(text_id)


def _decode(raw: RawText) -> str:
    try:
        return str(raw.data, "utf-8")
    except UnicodeDecodeError as err:
        raise CorpusError(f"{raw.where}: expected UTF-8 ({err})") from err


def _show(data: Any) -> str:
    return data.decode("utf-8", "backslashreplace") if isinstance(data, bytes) else str(data)


READERS: Dict[
    str,
    Tuple[Callable[[Path, str], Iterator[RawText]], Callable[[RawText, str], SourceText]],
] = {
    "txt": (_read_plain_text, _parse_plain_text),
    "jsonl": (_read_jsonl, _parse_jsonl),
    "parquet": (_read_parquet, _parse_parquet),
    "docbin": (_read_docbin, _parse_docbin),
}
