import re
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from .._parse import parse_offset, read_lines, show
from ..draft import Draft, Mention
from ..record import CorpusError, UnreadableError
from .registry import register_format
from .uima_cas import choose_feature, holds_entities

HEADER = "#FORMAT=WebAnno TSV 3"
# What a value ends with, if it is one of several of its layer or goes on over several tokens.
NUMBER = re.compile(r"(.*?)(?<!\\)\[(\d+)\]", re.DOTALL)
ESCAPED = re.compile(r"\\(.)")
IDENTIFIERS = ("identifier", "kb_id")
# What stands for no annotation, or for a feature without a value.
NO_VALUES = ("*", "_", "")


class Layer(NamedTuple):
    """A layer of spans.

    labels (List[int]): The columns of its features.
    label (int): The one of them that holds the label.
    identifier (Optional[int]): The column of identifiers in a knowledge base, if there is one.
    """

    labels: List[int]
    label: int
    identifier: Optional[int]


@register_format("webanno", recognizes=lambda sample: sample.text.startswith(HEADER))
def read_webanno(path: Path) -> Iterator[Draft]:
    """Read WebAnno TSV 3, as INCEpTION and WebAnno export it. Each layer of spans gives entities,
    apart from parts of speech, lemmas and the like. The label is the first feature of a layer that
    is no box to tick and no number, unless few annotations have it, or else the first one that has
    a value. A file is a record, whose text is that of its sentences, joined with line breaks.
    Chains and relations are ignored.

    path (Path): The file.
    YIELDS (Draft): The record.
    RAISES (UnreadableError): If the file is not in this format.
    """
    lines = list(read_lines(path))
    if not lines or not lines[0][1].startswith(HEADER):
        raise UnreadableError(f"{path}: expected a first line '{HEADER}.x'")
    layers = _find_layers([line for _, line in lines])
    sentences: List[str] = []
    draft = Draft("", str(path), is_located=True)
    # The bounds of each annotation that has a number, and where it begins.
    numbered: Dict[Tuple[int, str, str], Mention] = {}
    position = base = 0
    # Of the token that parts are of.
    bounds, token_offsets = (0, 0), ""
    is_text = False
    for number, line in lines[1:]:
        where = f"{path}, line {number}"
        if line.startswith("#Text=") and is_text:
            # A sentence with line breaks has a line for each of its own.
            sentences[-1] += "\n" + _unescape(line.removeprefix("#Text="))
        elif line.startswith("#Text="):
            base += len(sentences[-1]) + 1 if sentences else 0
            sentences.append(_unescape(line.removeprefix("#Text=")))
            position = 0
            is_text = True
        elif line.strip() and not line.startswith("#"):
            is_text = False
            fields = line.split("\t")
            try:
                if len(fields) < 3 or not sentences:
                    raise CorpusError(f"{where}: expected a token after '#Text=', not {show(line)}")
                sentence, is_part = sentences[-1], "." in fields[0]
                if is_part:
                    token = sentence[slice(*bounds)]
                    position = bounds[0] + _find_part(token, token_offsets, fields[1], where)
                start, end = _find_word(sentence, fields[2], position, where)
                position = bounds[1] if is_part else end
                if not is_part:
                    bounds, token_offsets = (start, end), fields[1]
            except CorpusError as err:
                draft.reject(str(err), line)
                continue
            _read_cells(fields, layers, base + start, base + end, where, draft, numbered)
    draft.text = "\n".join(sentences)
    draft.mentions += numbered.values()
    draft.mentions.sort(key=lambda mention: (mention.start, -mention.end))
    yield draft


def _find_word(sentence: str, cell: str, position: int, where: str) -> Tuple[int, int]:
    """RETURNS (Tuple[int, int]): The bounds of a token in its sentence, from a position on. It may
    be escaped, as the sentence is.
    RAISES (CorpusError): If it is not there."""
    for word in (cell, _unescape(cell)):
        start = sentence.find(word, position)
        if word and start >= 0:
            return start, start + len(word)
    raise CorpusError(f"{where}: expected a token of the sentence, not {show(_unescape(cell))}")


def _find_part(token: str, token_offsets: str, offsets: str, where: str) -> int:
    """RETURNS (int): The character of a token that a part begins with. Offsets are those of Java.
    RAISES (CorpusError): If they are none."""
    start, part_start = (
        parse_offset(pair.partition("-")[0], where) for pair in (token_offsets, offsets)
    )
    units = token.encode("utf-16-le")[: 2 * max(0, part_start - start)]
    return len(units.decode("utf-16-le", "ignore"))


def _find_layers(lines: List[str]) -> List[Layer]:
    """RETURNS (List[Layer]): The layers of entities."""
    rows = [line.split("\t") for line in lines if line.strip() and not line.startswith("#")]
    layers: List[Layer] = []
    n_columns = 3
    for line in lines:
        if line.startswith("#T_"):
            kind, _, names = line.partition("=")
            layer, *features = names.split("|")
            columns = list(range(n_columns, n_columns + max(1, len(features))))
            n_columns = columns[-1] + 1
            if kind == "#T_SP" and holds_entities(layer):
                layers.append(_make_layer(columns, features, rows))
    return layers


def _make_layer(columns: List[int], features: List[str], rows: List[List[str]]) -> Layer:
    named = dict(zip(columns, features))
    identifiers = [column for column, name in named.items() if name in IDENTIFIERS]
    labels = [column for column in columns if column not in identifiers] or columns
    label = choose_feature(
        (column, value)
        for column in labels
        for fields in rows
        for value in (_get_values(fields[column]) if column < len(fields) else ())
    )
    identifier = identifiers[0] if identifiers and labels != columns else None
    return Layer(labels, labels[0] if label is None else label, identifier)


def _get_values(cell: str) -> List[str]:
    values = [_split_number(value)[0] for value in _split(cell)]
    return [value for value in values if value not in NO_VALUES]


def _read_cells(
    fields: List[str],
    layers: List[Layer],
    begin: int,
    end: int,
    where: str,
    draft: Draft,
    numbered: Dict[Tuple[int, str, str], Mention],
) -> None:
    for index, layer in enumerate(layers):
        cells = [_split(fields[column] if column < len(fields) else "_") for column in layer.labels]
        kb_ids = [""]
        if layer.identifier is not None and layer.identifier < len(fields):
            kb_ids = [_split_number(value)[0] for value in _split(fields[layer.identifier])]
        for place, value in enumerate(cells[0]):
            if value in ("_", ""):
                continue
            values = {
                column: _split_number(cell[place])
                for column, cell in zip(layer.labels, cells)
                if place < len(cell)
            }
            number = values[layer.labels[0]][1]
            # The others follow, for an annotation that has no value of the feature chosen.
            names = [values[key][0] for key in (layer.label, *layer.labels) if key in values]
            label = next((name for name in names if name not in NO_VALUES), "")
            kb_id = kb_ids[place] if place < len(kb_ids) and kb_ids[place] not in ("*", "_") else ""
            mention = Mention(begin, end, label, kb_id=kb_id, where=where)
            key = (index, label, number)
            if not number:
                draft.mentions.append(mention)
            elif key in numbered:
                first = numbered[key]
                numbered[key] = Mention(
                    first.start, max(first.end, end), label, kb_id=first.kb_id, where=first.where
                )
            else:
                numbered[key] = mention


def _split(cell: str) -> List[str]:
    return re.split(r"(?<!\\)\|", cell)


def _split_number(value: str) -> Tuple[str, str]:
    match = NUMBER.fullmatch(value)
    return (_unescape(match[1]), match[2]) if match else (_unescape(value), "")


def _unescape(text: str) -> str:
    names = {"n": "\n", "r": "\r", "t": "\t"}
    return ESCAPED.sub(lambda match: names.get(match[1], match[1]), text)
