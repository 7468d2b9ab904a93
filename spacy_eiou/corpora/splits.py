import math
import random
from bisect import bisect_left
from itertools import accumulate
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence

from ._parse import read_lines
from .record import CorpusError, Record


class IdSplit(NamedTuple):
    """Records split by lists of ids.

    parts (List[List[Record]]): The records of each list, in the order of the corpus.
    unknown_ids (List[str]): The ids that no record has.
    unlisted (List[Record]): The records whose id no list has.
    """

    parts: List[List[Record]]
    unknown_ids: List[str]
    unlisted: List[Record]


def split_by_sizes(records: Sequence[Record], sizes: Sequence[int]) -> List[List[Record]]:
    """Split records in their order. Those that are skipped make up no doc: they do not count, and
    stand in the part of the record before them.

    records (Sequence[Record]): The records.
    sizes (Sequence[int]): The number of records in each part.
    RETURNS (List[List[Record]]): The parts.
    RAISES (CorpusError): If a size is not positive, or their sum is not the number of records.
    """
    n_records = sum(record.skipped is None for record in records)
    if min(sizes) < 1 or sum(sizes) != n_records:
        raise CorpusError(
            f"Expected positive split sizes that sum to {n_records}, the number of records that "
            f"are not skipped, not {', '.join(map(str, sizes))}, which sum to {sum(sizes)}"
        )
    counts = accumulate(record.skipped is None for record in records)
    part_ends = [*accumulate(sizes)]
    parts: List[List[Record]] = [[] for _ in sizes]
    for record, count in zip(records, counts):
        parts[bisect_left(part_ends, count)].append(record)
    return parts


def split_by_fractions(
    records: Sequence[Record], fractions: Sequence[float], seed: int = 0
) -> List[List[Record]]:
    """Split records at random. The records of one group stay together, and so do those that belong
    to no group and have the same text. The fractions are those of the groups. Records that are
    skipped make up no doc: they do not count, and stand in the first part. Each part keeps the
    order of the corpus.

    records (Sequence[Record]): The records.
    fractions (Sequence[float]): The share of each part.
    seed (int): Seed of the random choice.
    RETURNS (List[List[Record]]): The parts.
    RAISES (CorpusError): If the fractions do not sum to 1, or a part would be empty.
    """
    if min(fractions) <= 0 or not math.isclose(sum(fractions), 1.0, abs_tol=1e-6):
        raise CorpusError(
            f"Expected positive split fractions that sum to 1, not {', '.join(map(str, fractions))}"
        )
    groups: Dict[str, List[int]] = {}
    skipped = []
    for i, record in enumerate(records):
        if record.skipped is None:
            groups.setdefault(record.document, []).append(i)
        else:
            skipped.append(i)
    shuffled = list(groups.values())
    random.Random(seed).shuffle(shuffled)
    parts: List[List[int]] = []
    start = 0
    for i in range(len(fractions)):
        end = round(sum(fractions[: i + 1]) * len(shuffled))
        if start == end:
            raise CorpusError(
                f"Expected more documents to split: {len(shuffled)} of them leave a part empty"
            )
        parts.append([index for group in shuffled[start:end] for index in group])
        start = end
    parts[0] += skipped
    return [[records[index] for index in sorted(part)] for part in parts]


def split_by_ids(records: Sequence[Record], id_lists: Sequence[Sequence[str]]) -> IdSplit:
    """Split records by lists of ids, each of a record or of a group.

    records (Sequence[Record]): The records.
    id_lists (Sequence[Sequence[str]]): The ids of each part.
    RETURNS (IdSplit): The parts, and what the lists and the records leave over.
    RAISES (CorpusError): If two lists share an id, or no record is in a list.
    """
    part_of: Dict[str, int] = {}
    for part, ids in enumerate(id_lists):
        for name in ids:
            if part_of.setdefault(name, part) != part:
                raise CorpusError(f"Expected '{name}' in one list of ids, not in two")
    parts: List[List[Record]] = [[] for _ in id_lists]
    unlisted = []
    found = set()
    for record in records:
        names = [name for name in (record.id, record.group) if name in part_of]
        found.update(names)
        if names:
            parts[part_of[names[0]]].append(record)
        else:
            unlisted.append(record)
    for part, members in enumerate(parts):
        if not members:
            raise CorpusError(
                f"Expected ids of records in each list, but no record matches list {part + 1}"
            )
    return IdSplit(parts, [name for name in part_of if name not in found], unlisted)


def read_ids(path: Path) -> List[str]:
    """Read a list of ids.

    path (Path): A file with one id per line.
    RETURNS (List[str]): The ids.
    RAISES (CorpusError): If the file is not in UTF-8.
    """
    return [line.strip() for _, line in read_lines(path) if line.strip()]
