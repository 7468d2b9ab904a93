"""How the offsets of a file count: by characters, as here, or by other units."""

from dataclasses import replace
from functools import lru_cache
from typing import Callable, Iterable, List, Literal, NamedTuple, Optional, Set, Tuple, get_args

import numpy as np
from numpy.typing import NDArray

from .draft import Draft, Mention, is_stated, make_record
from .record import Changed, Record, UnreadableError

Counting = Literal[
    "characters",
    "utf-16",
    "characters-crlf-as-one",
    "utf-16-crlf-as-one",
    "characters-lf-as-two",
    "utf-16-lf-as-two",
    "utf-8",
]
COUNTINGS: Tuple[str, ...] = get_args(Counting)
# The countings that are considered for entities whose text is not stated. The others would explain
# too many offsets that are simply wrong.
LIKELY = COUNTINGS[:4]

Spans = Optional[List[Tuple[int, int]]]


class _Item(NamedTuple):
    text: str
    mention: Mention


def resolve(
    drafts: Iterable[Draft],
    name: str,
    path: str,
    counting: Optional[str] = None,
    default: str = "characters",
) -> List[Record]:
    """Make records of the drafts of a file, after finding out how its offsets count. That is the
    first counting with which all of the texts that the file states, or that can be found with any
    counting, are where it says.

    drafts (Iterable[Draft]): The drafts.
    name (str): Name of the file, for ids.
    path (str): The file, for error messages.
    counting (Optional[str]): How its offsets count, if that is known, one of `COUNTINGS`.
    default (str): How offsets of the format count.
    RETURNS (List[Record]): The records.
    RAISES (UnreadableError): If the offsets count in several ways.
    """
    drafts = list(drafts)
    items = [
        _Item(draft.text, mention)
        for draft in drafts
        if not draft.is_located
        for mention in draft.mentions
    ]
    chosen = counting or _choose(items, path, default)
    records = [
        make_record(draft, name, _make_locate("characters" if draft.is_located else chosen))
        for draft in drafts
    ]
    if counting is not None or chosen == default != "characters":
        return records
    if chosen != default:
        reason = f"offsets count {chosen}"
        doubtful = {id(item.mention) for item in items if _differ(item, (default, chosen))}
    else:
        others = [name for name in LIKELY if name != default]
        reason = f"offsets taken to count {chosen}; else choose --offsets {' or '.join(others)}"
        doubtful = _find_doubtful(items)
    if not doubtful:
        return records
    return [
        _add_remarks(record, draft, doubtful, reason, chosen)
        for record, draft in zip(records, drafts)
    ]


def _choose(items: List[_Item], path: str, default: str) -> str:
    misfits = [item for item in items if not _fits(item, default)]
    others = [name for name in COUNTINGS if name != default]
    explained = [item for item in misfits if any(_fits(item, name) for name in others)]
    if not explained:
        return _choose_by_words(items, default)
    fitting = [item for item in items if _fits(item, default)]
    for name in others:
        if all(_fits(item, name) for item in (*explained, *fitting)):
            return _choose_by_words(items, name)
    first = explained[0].mention
    raise UnreadableError(
        f"{path}: expected offsets that count in one way, but those of {len(explained)} entities, "
        f"the first of which is at {first.where}, do not count {default}, and others do. Choose "
        f"one with --offsets: {', '.join(COUNTINGS)}"
    )


def _choose_by_words(items: List[_Item], default: str) -> str:
    """Choose how offsets count where no text is stated: if the default misplaces them, then a
    counting that misplaces none. A single word may be cut on purpose, also by several mentions."""
    doubtful = _find_doubtful(items)
    places = {
        (item.text, item.mention.start, item.mention.end): item
        for item in items
        if id(item.mention) in doubtful
    }
    unstated = [*places.values()]
    if sum(_count_misplaced(item, default) for item in unstated) < 2:
        return default
    countings = (name for name in COUNTINGS if not any(_count_misplaced(i, name) for i in unstated))
    return next(countings, default)


def _count_misplaced(item: _Item, counting: str) -> int:
    """RETURNS (int): How many of the two offsets of a mention are within a word, or have white
    space on the inside."""
    spans = locate(item.text, item.mention, counting)
    if spans is None:
        return 2
    start, end = spans[0][0], spans[-1][1]
    text = item.text[start:end]
    is_cut = [
        item.text[offset - 1 : offset].isalnum() and item.text[offset : offset + 1].isalnum()
        for offset in (start, end)
    ]
    return sum([is_cut[0] or text[:1].isspace(), is_cut[1] or text[-1:].isspace()])


def _fits(item: _Item, counting: str) -> bool:
    """RETURNS (bool): Whether a mention is in the text, and if its text is stated, it is there."""
    if item.mention.text is None and counting not in LIKELY:
        return False
    spans = locate(item.text, item.mention, counting)
    if spans is None or item.mention.text is None:
        return spans is not None
    return is_stated(" ".join(item.text[start:end] for start, end in spans), item.mention)


def _find_doubtful(items: List[_Item]) -> Set[int]:
    """Find mentions of which nothing tells how they count.

    RETURNS (Set[int]): Their `id()`. If the stated text of another one tells it, there is none.
    """
    doubtful: Set[int] = set()
    for item in items:
        if _differ(item, LIKELY):
            if item.mention.text is not None:
                return set()
            doubtful.add(id(item.mention))
    return doubtful


def _differ(item: _Item, countings: Iterable[str]) -> bool:
    """RETURNS (bool): Whether it depends on how its offsets count where a mention is."""
    if is_plain(item.text):
        return False
    return len({str(locate(item.text, item.mention, counting)) for counting in countings}) > 1


def _add_remarks(
    record: Record, draft: Draft, doubtful: Set[int], reason: str, counting: str
) -> Record:
    changed = []
    for mention in draft.mentions:
        spans = locate(draft.text, mention, counting) if id(mention) in doubtful else None
        if spans:
            entity = mention.to_entity(spans[0][0], spans[-1][1])
            text = draft.text[entity.start : entity.end]
            changed.append(Changed(reason, record.id, entity, text, mention.where or draft.where))
    return replace(record, changed=(*record.changed, *changed))


@lru_cache(maxsize=1024)
def is_plain(text: str) -> bool:
    """RETURNS (bool): Whether all countings agree in a text, other than those of line ends as two
    characters and of UTF-8."""
    return "\r\n" not in text and (text.isascii() or max(text) <= "\uffff")


def _make_locate(counting: str) -> Callable[[str, Mention], Spans]:
    return lambda text, mention: locate(text, mention, counting)


def locate(text: str, mention: Mention, counting: str) -> Spans:
    """Find a mention in its text.

    text (str): The text.
    mention (Mention): The mention.
    counting (str): How its offsets count.
    RETURNS (Optional[List[Tuple[int, int]]]): Start and end of each fragment, in characters. None
        if they lie outside of the text, or between the units of a character.
    """
    base = mention.base
    if counting == "characters" or (counting in LIKELY and is_plain(text)):
        length = len(text) - base
        for start, end in mention.bounds:
            if not (0 <= start <= length and 0 <= end <= length):
                return None
        return [(base + start, base + end) for start, end in mention.bounds]
    positions = find_positions(text[base:], counting)
    located = []
    for bounds in mention.bounds:
        start, end = (int(index) for index in np.searchsorted(positions, bounds))
        for index, offset in ((start, bounds[0]), (end, bounds[1])):
            if index == len(positions) or positions[index] != offset:
                return None
        located.append((base + start, base + end))
    return located


@lru_cache(maxsize=64)
def find_positions(text: str, counting: str) -> NDArray[np.int64]:
    """RETURNS (NDArray[np.int64]): The offset of each character of a text, and of its end."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    widths = np.ones(len(points), dtype=np.int64)
    if counting.startswith("utf-16"):
        widths += points > 0xFFFF
    elif counting == "utf-8":
        widths += (points > 0x7F).astype(np.int64) + (points > 0x7FF) + (points > 0xFFFF)
    is_lf = points == ord("\n")
    is_crlf = np.zeros(len(points), dtype=bool)
    is_crlf[:-1] = (points[:-1] == ord("\r")) & is_lf[1:]
    if counting.endswith("crlf-as-one"):
        widths[is_crlf] = 0
    elif counting.endswith("lf-as-two"):
        after_cr = np.zeros(len(points), dtype=bool)
        after_cr[1:] = is_crlf[:-1]
        widths[is_lf & ~after_cr] = 2
    return np.concatenate([[0], np.cumsum(widths)])
