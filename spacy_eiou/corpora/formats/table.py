import csv
import io
import re
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from .._parse import get_number, parse_json, parse_offset, read_text, show, try_json
from ..draft import Draft, Mention, parse_each
from ..record import CorpusError, UnreadableError
from ._columns import Sentence, find_token_columns, make_drafts
from ._items import (
    ANNOTATION_ID,
    ENTITY_KEYS,
    ID_KEYS,
    TEXT_KEYS,
    find_annotator,
    find_regions,
    find_text,
    parse_entity,
)
from .registry import Sample, register_format

# Columns of a table of entities: the file that holds the text, the label, the text and the offsets.
FILE_KEYS = ("document_id", "doc_id", "filename", "file_name", "file", "document", "name", "id")
LABEL_KEYS = ("entity_type", "label", "type", "tag", "class", "category")
MENTION_KEYS = ("entity_text", "text", "mention", "span", "entity")
SPAN_KEYS = ("entity_span", "span", "offsets")
START_KEYS = ("start", "start_span", "start_offset", "begin", "off0")
END_KEYS = ("end", "end_span", "end_offset", "off1")
CODE_KEYS = ("code", "kb_id", "concept_id", "identifier")

# Columns of the document in a table of tokens.
DOCUMENT_NAMES = ("document_id", "doc_id", "document", "doc", "filename", "file_name", "file")

QUOTED = re.compile(r'"[^"]*(?:""[^"]*)*"')

Row = Dict[str, str]


def _find_column(names: List[str], keys: Tuple[str, ...]) -> Optional[str]:
    return next((key for key in keys if key in names), None)


def _holds_entities(names: List[str]) -> bool:
    has_offsets = _find_column(names, SPAN_KEYS) or (
        _find_column(names, START_KEYS) and _find_column(names, END_KEYS)
    )
    return bool(has_offsets and _find_column(names, FILE_KEYS) and _find_column(names, LABEL_KEYS))


def _recognizes(sample: Sample) -> bool:
    if len(sample.lines) < 2 or sample.items:
        return False
    names = _get_names(sample.lines[0])
    list_keys = (*ENTITY_KEYS, ANNOTATION_ID)
    has_lists = bool(_find_column(names, TEXT_KEYS) and _find_column(names, list_keys))
    return _holds_entities(names) or has_lists or find_token_columns(names) is not None


def _get_delimiter(header: str) -> str:
    return max("\t,;", key=header.count)


def _find_quoting(data: str, delimiter: str) -> Any:
    """RETURNS (int): Whether a quote character encloses cells, or is one of the text: in columns of
    tabs that nothing but tabs divides, and where one opens a cell but doesn't close it."""
    if delimiter != "\t":
        return csv.QUOTE_MINIMAL
    lines = data.replace("\r", "\n").split("\n")
    rows = [line.split("\t") for line in lines if line.strip()]
    is_divided = len({len(row) for row in rows}) == 1
    is_text = any(
        cell.startswith('"') and not QUOTED.fullmatch(cell) for row in rows for cell in row
    )
    return csv.QUOTE_NONE if is_divided and is_text else csv.QUOTE_MINIMAL


def _get_names(header: str) -> List[str]:
    try:
        return next(csv.reader([header], delimiter=_get_delimiter(header)), [])
    except csv.Error:
        return []


@register_format("table", recognizes=_recognizes, beside=(".txt",))
def read_table(path: Path, text_key: Optional[str] = None) -> Iterator[Draft]:
    """Read a table with a header, separated by tabs, commas or semicolons. Either each row is a
    text with a list of its entities as JSON, as in Label Studio's export "CSV"; or each row is an
    entity: the name of the .txt file beside the table that holds its text, its label, its text, and
    its offsets in one column ("0-8") or in two; or each row is a token with its tag, and with the
    number of its sentence at least in the first row of that.

    path (Path): The file.
    text_key (Optional[str]): The column of the text. If None, the one that is usual.
    YIELDS (Draft): The records.
    RAISES (UnreadableError): If the columns are not as expected.
    """
    data = read_text(path)
    delimiter = _get_delimiter(data.partition("\n")[0])
    # A text may be longer than a cell may be by default.
    limit = csv.field_size_limit(len(data) + 1)
    try:
        reader = csv.DictReader(
            io.StringIO(data, newline=""),
            delimiter=delimiter,
            quoting=_find_quoting(data, delimiter),
        )
        names = list(reader.fieldnames or [])
        rows = [(f"{path}, line {reader.line_num}", row) for row in reader]
    except csv.Error as err:
        raise UnreadableError(f"{path}: expected a table ({err})") from err
    finally:
        csv.field_size_limit(limit)
    if _holds_entities(names):
        yield from _read_entities(path, rows)
        return
    token_columns = find_token_columns(names)
    if token_columns is not None:
        document_key = next((name for name in names if name.lower() in DOCUMENT_NAMES), None)
        sentences = list(_group_tokens(rows, document_key, *token_columns))
        yield from make_drafts(path, sentences, with_phrases=True)
        return
    key = _find_column(names, ENTITY_KEYS)
    if key is None and ANNOTATION_ID not in names:
        raise UnreadableError(
            f"{path}: expected a column of lists of entities, columns of their file, label and "
            f"offsets, or those of sentence, token and tag, not {', '.join(names)}"
        )
    yield from parse_each(rows, _make_parser(key, text_key))


def _group_tokens(
    rows: List[Tuple[str, Row]],
    document_key: Optional[str],
    sentence_key: str,
    token_key: str,
    tag_key: str,
) -> Iterator[Sentence]:
    sentence = Sentence([], None)
    current = document = ""
    n_documents = 0
    for where, row in rows:
        if not any(row.values()):
            continue
        name = (row[document_key] if document_key else None) or document
        number = row[sentence_key] or current
        n_documents += name != document
        if (name, number) != (document, current):
            if sentence.rows:
                yield sentence
            sentence = Sentence([], n_documents or None)
        document, current = name, number
        # A short row lacks the last columns.
        cells = [row[token_key] or "", row[tag_key]]
        sentence.rows.append((get_number(where), [cell for cell in cells if cell is not None]))
    if sentence.rows:
        yield sentence


def _make_parser(key: Optional[str], text_key: Optional[str]) -> Callable[[Row, str], Draft]:
    def parse(row: Row, where: str) -> Draft:
        text = find_text(row, where, text_key)
        draft = Draft(text, where, annotator=find_annotator(row))
        draft.number = get_number(where)
        draft.id = next((row[name] for name in ID_KEYS if row.get(name)), None)
        entities, others = _find_regions(row) if ANNOTATION_ID in row else ([], [])
        if not entities and key is not None:
            entities = parse_json(row[key] or "[]", where)
        if not isinstance(entities, list):
            raise CorpusError(
                f"{where}, '{key}': expected a list of entities, not {show(entities)}"
            )
        draft.parse(parse_entity, entities)
        for name, regions in others:
            draft.leave_out(f"under the key '{name}'", parse_entity, regions)
        return draft

    return parse


def _find_regions(row: Row) -> Tuple[List[Any], List[Tuple[str, List[Any]]]]:
    """RETURNS (Tuple[List[Any], List[Tuple[str, List[Any]]]]): The regions of Label Studio's
    export, in the columns that are lists, see `find_regions`."""
    lists = {
        name: cell for name, cell in row.items() if isinstance(cell, str) and cell.startswith("[")
    }
    return find_regions({name: try_json(cell) for name, cell in lists.items()})


def _read_entities(path: Path, rows: List[Tuple[str, Row]]) -> Iterator[Draft]:
    texts = _list_texts(path)
    drafts: Dict[str, Draft] = {}

    def parse(row: Row, where: str) -> List[Draft]:
        stem = _get_cell(row, FILE_KEYS).removesuffix(".txt")
        if stem not in texts:
            raise CorpusError(f"{where}: expected the text in a file {stem}.txt beside the table")
        if stem not in drafts:
            drafts[stem] = _read_text(texts[stem])
        drafts[stem].parse(_parse_row, [row], where)
        return []

    yield from parse_each(rows, parse)
    yield from drafts.values()
    tables = [file for file in path.parent.glob(f"*{path.suffix}") if file.name[0] != "."]
    # Another table may name the other texts.
    for stem in sorted(texts.keys() - drafts.keys()) if len(tables) == 1 else ():
        yield Draft("", str(texts[stem]), id=stem, skipped="no row of the table names the text")


def _list_texts(path: Path) -> Dict[str, Path]:
    """RETURNS (Dict[str, Path]): The files of texts beside a table or in a folder there, by the
    name without the suffix."""
    folders = (path.parent, *sorted(item for item in path.parent.iterdir() if item.is_dir()))
    files = [file for folder in folders for file in sorted(folder.glob("*.txt"))]
    return {file.stem: file for file in reversed(files) if not file.name.startswith(".")}


def _read_text(file: Path) -> Draft:
    try:
        return Draft(file.read_bytes().decode(), str(file), id=file.stem)
    except UnicodeDecodeError as err:
        raise CorpusError(f"{file}: expected UTF-8 ({err})") from err


def _parse_row(row: Row, where: str) -> List[Mention]:
    names = list(row)
    span_key = None
    if _find_column(names, START_KEYS) and _find_column(names, END_KEYS):
        fragments = [(_get_cell(row, START_KEYS), _get_cell(row, END_KEYS))]
    else:
        span_key = _find_column(names, SPAN_KEYS)
        pieces = _get_cell(row, SPAN_KEYS).replace(",", ";").split(";")
        fragments = [_split_span(piece.strip()) for piece in pieces]
    offsets = [(parse_offset(start, where), parse_offset(end, where)) for start, end in fragments]
    mention_key = _find_column([name for name in names if name != span_key], MENTION_KEYS)
    mention = Mention(
        offsets[0][0],
        offsets[-1][1],
        _get_cell(row, LABEL_KEYS),
        (row[mention_key] or None) if mention_key else None,
        _get_cell(row, CODE_KEYS),
        where,
        tuple(offsets),
    )
    return [mention]


def _get_cell(row: Row, keys: Tuple[str, ...]) -> str:
    """RETURNS (str): What is in the first of some columns that is there. A short row lacks some."""
    return next((row[key] or "" for key in keys if key in row), "")


def _split_span(span: str) -> Tuple[str, str]:
    start, _, end = span.partition("-" if "-" in span else " ")
    return start.strip(), end.strip()
