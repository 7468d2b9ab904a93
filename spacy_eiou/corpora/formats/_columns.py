import re
from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from ...files import open_text
from .._parse import read_lines, show
from ..draft import Draft, Mention
from ..record import Changed, CorpusError, Dropped, Entity, Record, UnreadableError, join_words
from .registry import Sample
from .writers import Target, locate_words, replace_in_entities

DOCUMENT_START = "-DOCSTART-"
# B, I, E and S of IOBES; M, L and U are other names of I, E and S (BMES, BILOU).
TAG = re.compile(r"([BIESMLU])[-_](.+)")
# What separates the tags of a cell. Labels may hold any of these characters but "|".
SEPARATOR = re.compile(r"\||[;,+](?=[BIESMLU]-)")
# Readers take a blank at the end of a tag for a part of the separator.
NOT_IN_LABEL = re.compile(rf"[\t\r\n]| +\Z|{SEPARATOR.pattern}")
# Columns of a table of tokens, in lower case: the number of the sentence, the token and its tag.
SENTENCE_NAMES = ("sentence #", "sentence_id", "sentence_idx", "sent_id")
TOKEN_NAMES = ("word", "words", "token", "tokens")
TAG_NAMES = ("tag", "tags", "label", "labels", "ner", "ner_tag", "ner_tags")
# The number of a token, and that of a word of several tokens or of a token that is not in the text,
# as CoNLL-U has them.
NUMBER = re.compile(r"\d{1,9}")
OTHER_NUMBER = re.compile(r"\d{1,9}[-.]\d{1,9}")
# Why their tags are left out.
OF_OTHERS = "tag of a word of several tokens, or of a token that is not in the text"
# The share of numbers from which on a column doesn't hold the words of a text.
MANY_NUMBERS = 0.9
# A column that has more values, or in a short file other values for more than half of the tokens,
# holds words rather than parts of speech.
MAX_TAGS = 50
# Labels of CoNLL 2000: a column that has no others holds phrases rather than entities.
PHRASES = frozenset(
    ("NP", "VP", "PP", "ADVP", "ADJP", "SBAR", "PRT", "CONJP", "INTJ", "LST", "UCP")
)

# The number of the line and the columns of a token.
Row = Tuple[int, List[str]]
# The prefix and the label of each tag of a token.
Tags = List[Tuple[str, str]]


class Sentence(NamedTuple):
    """Consecutive tokens of a file in columns.

    rows (List[Row]): The tokens.
    document (Optional[int]): Number of the document, if `-DOCSTART-` lines separate documents.
    others (Sequence[Row]): Words of several tokens, and tokens that are not in the text.
    """

    rows: List[Row]
    document: Optional[int]
    others: Sequence[Row] = ()


class Layout(NamedTuple):
    """What the columns of a file are.

    token (int): The column of the tokens.
    layers (List[int]): The columns of tags.
    begins (List[bool]): Whether an entity begins with B- in each of them, which IOB1 has only
        between two entities of one label.
    """

    token: int
    layers: List[int]
    begins: List[bool]


def read_columns(path: Path, *, with_phrases: bool) -> Iterator[Draft]:
    """Read tokens in columns, separated by tabs if the file has one and otherwise by spaces.

    path (Path): The file.
    with_phrases (bool): Whether a column of phrases (NP, VP, ...) is read beside others.
    YIELDS (Draft): The sentences.
    RAISES (UnreadableError): If no column holds tags, or the first one holds no words.
    """
    yield from make_drafts(path, list(read_sentences(path)), with_phrases=with_phrases)


def make_drafts(path: Path, sentences: List[Sentence], *, with_phrases: bool) -> Iterator[Draft]:
    """Read the entities of tokens in columns.

    path (Path): The file that holds them.
    sentences (List[Sentence]): The sentences.
    with_phrases (bool): Whether a column of phrases (NP, VP, ...) is read beside others.
    YIELDS (Draft): The sentences.
    RAISES (UnreadableError): If no column holds tags, or the first one holds no words.
    """
    if not sentences:
        return
    if _are_numbered(sentences):
        sentences = [
            sentence._replace(
                rows=[row for row in sentence.rows if row[1][0].isdecimal()],
                others=[row for row in sentence.rows if not row[1][0].isdecimal()],
            )
            for sentence in sentences
        ]
    layout = find_layout(sentences, path, with_phrases)
    for number, sentence in enumerate(sentences, start=1):
        yield _make_draft(path, number, sentence, layout)


def read_sentences(path: Path) -> Iterator[Sentence]:
    """Read the sentences of a file in columns. Blank lines separate them, `-DOCSTART-` lines begin
    documents, and lines before the first token that begin with # and hold no tag are comments.

    path (Path): The file.
    YIELDS (Sentence): The sentences, none of which is empty.
    """
    lines = [(number, line) for number, line in read_lines(path)]
    has_tabs = any("\t" in line and not _is_comment(line, True) for _, line in lines)
    rows: List[Row] = []
    n_documents = 0
    for number, line in lines:
        is_start = line.startswith(DOCUMENT_START)
        if line.strip() and not is_start:
            if rows or not _is_comment(line, has_tabs):
                rows.append((number, _split(line, has_tabs)))
            continue
        if rows:
            yield Sentence(rows, n_documents or None)
            rows = []
        n_documents += is_start
    if rows:
        yield Sentence(rows, n_documents or None)


def _split(line: str, has_tabs: bool) -> List[str]:
    # Not `split()`, which would take a no-break space for a separator.
    if has_tabs and "\t" in line:
        return [_strip_tag(cell) for cell in line.split("\t")]
    return re.split(" +", line.strip(" "))


def _strip_tag(cell: str) -> str:
    """RETURNS (str): A cell without the spaces around a tag. Those of a token are part of it."""
    stripped = cell.strip(" \r")
    return stripped if stripped != cell and is_tag(stripped) else cell


def _is_comment(line: str, has_tabs: bool) -> bool:
    if not line.startswith("#"):
        return False
    columns = _split(line, has_tabs)
    return (has_tabs and "\t" not in line) or len(columns) < 2 or not is_tag(columns[-1])


def is_tag(cell: str) -> bool:
    """RETURNS (bool): Whether a cell holds nothing but tags, or O."""
    return all(tag == "O" or TAG.fullmatch(tag) for tag in SEPARATOR.split(cell))


def find_layout(sentences: List[Sentence], path: Path, with_phrases: bool) -> Layout:
    """Find out what the columns of a file are.

    sentences (List[Sentence]): The sentences.
    path (Path): The file, for error messages.
    with_phrases (bool): Whether a column of phrases is read beside others.
    RETURNS (Layout): The columns.
    RAISES (UnreadableError): If no column holds tags, or the first one holds no words.
    """
    n_columns = max(len(columns) for sentence in sentences for _, columns in sentence.rows)
    token = int(n_columns > 2 and _are_numbered(sentences))
    columns = range(token + 1, n_columns)
    cells = {
        column: [row[1][column] for s in sentences for row in s.rows if column < len(row[1])]
        for column in columns
    }
    tagged = [column for column in columns if _is_layer(cells[column])]
    others = [cells[column] for column in columns if column not in tagged]
    if token == 0 and not _holds_words(sentences, others):
        number, row = sentences[0].rows[0]
        raise UnreadableError(
            f"{path}, line {number}: expected the token in the first column, or in the second "
            f"after its number in the sentence, not {row}. Leave out the columns before it"
        )
    layers = tagged
    if not with_phrases and len(tagged) > 1:
        layers = [column for column in tagged if not _holds_phrases(cells[column])] or tagged[-1:]
    if not layers:
        number, row = sentences[0].rows[0]
        raise UnreadableError(
            f"{path}, line {number}: expected a token and its tags in two columns or more, the "
            f"tags as O or B-label, not {row}"
        )
    return Layout(token, layers, [_has_begins(sentences, layer) for layer in layers])


def _are_numbered(sentences: List[Sentence]) -> bool:
    """RETURNS (bool): Whether the first column numbers the tokens of each sentence, which are then
    in the second one."""
    if _is_layer([columns[1] for s in sentences for _, columns in s.rows if len(columns) > 1]):
        return False
    if re.split("[-.]", sentences[0].rows[0][1][0])[0] not in ("0", "1"):
        return False
    has_gaps, last = False, 0
    for sentence in sentences:
        cells = [row[1][0] for row in sentence.rows if not OTHER_NUMBER.fullmatch(row[1][0])]
        if not cells or not all(map(NUMBER.fullmatch, cells)):
            return False
        # Numbers may begin anew in each sentence or go on.
        steps = [int(second) - int(first) for first, second in pairwise(cells)]
        if any(step < 1 for step in steps):
            return False
        is_regular = int(cells[0]) in (0, 1, last + 1) and all(step == 1 for step in steps)
        has_gaps, last = has_gaps or not is_regular, int(cells[-1])
    # One may be left out, unless these are the numbers of a text, with parts of speech such as CD.
    others = [columns[1] for s in sentences for _, columns in s.rows if len(columns) > 1]
    return not has_gaps or 2 * sum(map(_is_word, others)) >= len(others)


def _holds_words(sentences: List[Sentence], others: List[List[str]]) -> bool:
    """RETURNS (bool): Whether the first column may hold the tokens. Numbers or names of sentences
    do not, if another column that holds no tags has words."""
    cells = [columns[0] for sentence in sentences for _, columns in sentence.rows]
    n_numbers = sum(bool(NUMBER.fullmatch(cell) or OTHER_NUMBER.fullmatch(cell)) for cell in cells)
    is_numbers = n_numbers >= MANY_NUMBERS * len(cells)
    longer = [item for item in sentences if len(item.rows) > 1]
    is_constant = bool(longer) and all(len({row[0] for _, row in s.rows}) == 1 for s in longer)
    # Other columns of a text of numbers hold parts of speech such as CD or num, and lemmas as many
    # as it.
    return not any(
        (is_numbers and len(set(column)) > max(1, min(MAX_TAGS, len(column) // 2)))
        or (is_constant and len(set(column)) > len(set(cells)))
        for column in others
        if 2 * sum(map(_is_word, column)) > len(column)
    )


def _is_word(cell: str) -> bool:
    return any(map(str.isalpha, cell)) and not cell.isupper()


def _is_layer(cells: List[str]) -> bool:
    """RETURNS (bool): Whether most cells of a column hold tags."""
    cells = [cell for cell in cells if cell not in ("", "_")]
    return bool(cells) and 2 * sum(map(is_tag, cells)) >= len(cells)


def _holds_phrases(cells: List[str]) -> bool:
    tags = {tag for cell in cells for tag in SEPARATOR.split(cell)} - {"O"}
    labels = {tag.partition("-")[2] for tag in tags}
    return bool(labels) and labels <= PHRASES


def _has_begins(sentences: List[Sentence], layer: int) -> bool:
    for sentence in sentences:
        previous: Set[str] = set()
        for _, columns in sentence.rows:
            tags = [TAG.fullmatch(tag) for tag in SEPARATOR.split(_get_cell(columns, layer))]
            pairs = [(match[1], match[2]) for match in tags if match]
            if any(prefix in "BSU" and label not in previous for prefix, label in pairs):
                return True
            previous = {label for _, label in pairs}
    return False


def _get_cell(columns: List[str], layer: int) -> str:
    return columns[layer] if layer < len(columns) and columns[layer] not in ("", "_") else "O"


def _make_draft(path: Path, number: int, sentence: Sentence, layout: Layout) -> Draft:
    places = [f"{path}, line {line}" for line, _ in sentence.rows]
    where = places[0]
    words = [
        columns[layout.token] if len(columns) > layout.token else "" for _, columns in sentence.rows
    ]
    try:
        text, starts, ends = join_words(words, where)
    except CorpusError as err:
        return Draft("", where, number, skipped="malformed", bad=[str(err)])
    draft = Draft(text, where, number, words=words, document=sentence.document, is_located=True)
    for place, (_, columns) in zip(places, sentence.rows):
        if len(columns) <= layout.layers[0]:
            draft.bad.append(
                f"{place}: expected a token and its tags in {layout.layers[-1] + 1} columns, not "
                f"in {len(columns)}"
            )
    for layer, has_begins in zip(layout.layers, layout.begins):
        cells = [
            parse_tags(SEPARATOR.split(_get_cell(columns, layer)), place, draft)
            for place, (_, columns) in zip(places, sentence.rows)
        ]
        add_layer(draft, cells, starts, ends, places, has_begins=has_begins)
        _leave_out_others(draft, path, sentence, layer)
    return draft


def _leave_out_others(draft: Draft, path: Path, sentence: Sentence, layer: int) -> None:
    """Count the tags of words of several tokens, unless these tokens have their labels too."""
    for line, columns in sentence.others:
        first, _, last = columns[0].partition("-")
        tokens = [
            row for _, row in sentence.rows if last and int(first) <= int(row[0]) <= int(last)
        ]
        labels = {label for row in tokens for label in _list_labels(row, layer)}
        for label in _list_labels(columns, layer):
            if label not in labels:
                entity = Entity(0, 0, label)
                where = f"{path}, line {line}"
                draft.dropped.append(Dropped(OF_OTHERS, "", entity, columns[1], where))


def _list_labels(columns: List[str], layer: int) -> List[str]:
    tags = map(TAG.fullmatch, SEPARATOR.split(_get_cell(columns, layer)))
    return [match[2] for match in tags if match]


def parse_tags(tags: Iterable[str], where: str, draft: Draft) -> Tags:
    """Parse the tags of a token. What is none is left out and counted.

    tags (Iterable[str]): The tags.
    where (str): File, and line or record.
    draft (Draft): The text of the token.
    RETURNS (Tags): Their prefixes and labels. O has none.
    """
    parsed: Tags = []
    for tag in tags:
        match = TAG.fullmatch(tag)
        if match:
            parsed.append((match[1], match[2]))
        elif tag != "O":
            message = f"{where}: expected O or a tag such as B-label or I-label, not {show(tag)}"
            draft.reject(message, tag)
    return parsed


def add_layer(
    draft: Draft,
    cells: Sequence[Tags],
    starts: Sequence[int],
    ends: Sequence[int],
    places: Sequence[str],
    *,
    has_begins: bool,
) -> None:
    """Add the entities of one column of tags to a text.

    draft (Draft): The text.
    cells (Sequence[Tags]): The tags of each token.
    starts (Sequence[int]): The character at which each token starts.
    ends (Sequence[int]): The character at which each token ends.
    places (Sequence[str]): File, and line or record, of each token.
    has_begins (bool): Whether an entity of the column begins with B-, so that one that does not is
        counted as a change.
    """
    for first, end, label, is_orphan in read_layer(cells):
        mention = Mention(starts[first], ends[end - 1], label, where=places[first])
        draft.mentions.append(mention)
        if is_orphan and has_begins:
            entity = mention.to_entity(mention.start, mention.end)
            found = draft.text[mention.start : mention.end]
            reason = "begins with I- rather than B-"
            draft.changed.append(Changed(reason, "", entity, found, mention.where))


def read_layer(cells: Sequence[Tags]) -> Iterator[Tuple[int, int, str, bool]]:
    """Read the entities of one column. Entities of one label may nest in it: the ones that began
    last end first. An I- that continues none begins one.

    cells (Sequence[Tags]): The tags of each token.
    YIELDS (Tuple[int, int, str, bool]): Start and end of each entity, in tokens; its label; whether
        it begins with another prefix than B or S.
    """
    entities: List[Tuple[int, int, str, bool]] = []
    opened: Dict[str, List[Tuple[int, bool]]] = {}
    for i, tags in enumerate([*cells, []]):
        continued = Counter(label for prefix, label in tags if prefix in "IMEL")
        ended = Counter(label for prefix, label in tags if prefix in "EL")
        for label, starts in opened.items():
            entities += [(start, i, label, orphan) for start, orphan in starts[continued[label] :]]
            del starts[continued[label] :]
        for label, count in continued.items():
            starts = opened.setdefault(label, [])
            starts += [(i, True)] * (count - len(starts))
            for _ in range(ended[label]):
                start, orphan = starts.pop()
                entities.append((start, i + 1, label, orphan))
        for prefix, label in tags:
            if prefix == "B":
                opened.setdefault(label, []).append((i, False))
            elif prefix in "SU":
                entities.append((i, i + 1, label, False))
    yield from sorted(entities, key=lambda entity: entity[:2])


def find_token_columns(names: Sequence[str]) -> Optional[List[str]]:
    """Find the columns of a table of tokens, such as "Sentence #", "Word" and "Tag".

    names (Sequence[str]): The names of the columns.
    RETURNS (Optional[List[str]]): Those of the sentence, the token and its tag, or None if one
        of them is not there.
    """
    by_name = {name.strip().lower(): name for name in reversed(names)}
    keys = [
        next((key for key in expected if key in by_name), None)
        for expected in (SENTENCE_NAMES, TOKEN_NAMES, TAG_NAMES)
    ]
    return None if None in keys else [by_name[key] for key in keys if key is not None]


def recognizes_columns(sample: Sample) -> bool:
    """RETURNS (bool): Whether a file holds tokens in columns of which one holds tags."""
    if sample.items or find_token_columns(sample.lines[0].split("\t")):
        return False
    rows = [re.split("[\t ]+", line) for line in sample.lines if line.strip()]
    rows = [row for row in rows if row[0] != DOCUMENT_START and not row[0].startswith("#")]
    tagged = [row for row in rows if any(map(is_tag, row[1:]))]
    return bool(tagged) and 2 * len(tagged) > len(rows)


def fit_columns(record: Record) -> Record:
    """Make a record as a file in columns holds it.

    record (Record): The record, which has tokens.
    RETURNS (Record): The record, whose text is its tokens joined with single spaces. Those that are
        white space are left out.
    """
    record = replace_in_entities(record, label=NOT_IN_LABEL)
    located = [word for word in locate_words(record) if not word.text.isspace()]
    if not located:
        return replace(record, entities=(), words=(), skipped="no tokens to write in columns")
    words = [_clean(word.text) for word in located]
    text, starts, ends = join_words(words, record.id)
    entities: List[Entity] = []
    changed = list(record.changed)
    for entity in record.entities:
        # White space at the edges of an entity is no token here.
        first = bisect_left(located, entity.start, key=lambda word: word.start)
        last = bisect_right(located, entity.end, key=lambda word: word.end) - 1
        entities.append(replace(entity, start=starts[first], end=ends[last]))
        if (located[first].start, located[last].end) != (entity.start, entity.end):
            found = text[starts[first] : ends[last]]
            changed.append(Changed("white space trimmed", record.id, entities[-1], found))
    return replace(
        record, text=text, words=tuple(words), entities=tuple(entities), changed=tuple(changed)
    )


def _clean(word: str) -> str:
    word = re.sub(r"[\t\r\n]", " ", word)
    return f"_{word}" if word.startswith(DOCUMENT_START) else word


def write_columns(records: Sequence[Record], target: Target) -> None:
    """Write tokens in columns, separated by tabs: the token, and the tags of each layer as IOB2. An
    entity is in the first layer that has room for it, outer ones first. `-DOCSTART-` lines separate
    the documents that records are parts of.

    records (Sequence[Record]): The records, as `fit_columns` makes them.
    target (Target): Where to write.
    """
    layers = [_find_layers(record.entities) for record in records]
    n_layers = max([1, *map(len, layers)])
    has_groups = any(record.group is not None for record in records)
    with open_text(target.path) as file:
        # A byte order mark would be no part of the first token.
        if records and records[0].text.startswith("\ufeff"):
            file.write("\ufeff")
        for number, record in enumerate(records):
            follows = number > 0 and record.group is not None
            if has_groups and not (follows and record.group == records[number - 1].group):
                file.write("\t".join([DOCUMENT_START, *["O"] * n_layers]) + "\n\n")
            columns = [_make_tags(record, layer) for layer in layers[number]]
            columns += [["O"] * len(record.words or ())] * (n_layers - len(columns))
            for row in zip(record.words or (), *columns):
                file.write("\t".join(row) + "\n")
            file.write("\n")


def _find_layers(entities: Sequence[Entity]) -> List[List[Entity]]:
    layers: List[List[Entity]] = []
    for entity in sorted(entities, key=lambda entity: (entity.start, -entity.end, entity.label)):
        layer = next((layer for layer in layers if layer[-1].end <= entity.start), None)
        if layer is None:
            layers.append([entity])
        else:
            layer.append(entity)
    return layers


def _make_tags(record: Record, layer: Sequence[Entity]) -> List[str]:
    tags = []
    position = 0
    remaining = list(reversed(layer))
    for word in record.words or ():
        if remaining and remaining[-1].end <= position:
            remaining.pop()
        entity = remaining[-1] if remaining else None
        if entity is None or position < entity.start:
            tags.append("O")
        else:
            tags.append(f"{'B' if position == entity.start else 'I'}-{entity.label}")
        position += len(word) + 1
    return tags
