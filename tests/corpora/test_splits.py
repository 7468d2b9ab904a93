from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spacy_eiou.corpora import (
    CorpusError,
    Record,
    read_ids,
    split_by_fractions,
    split_by_ids,
    split_by_sizes,
)


def make_records(n, group_size=None):
    return [
        Record(f"r{i}", f"text {i}", (), group=f"g{i // group_size}" if group_size else None)
        for i in range(n)
    ]


def get_ids(parts):
    return [[record.id for record in part] for part in parts]


def test_sizes():
    assert get_ids(split_by_sizes(make_records(4), [2, 1, 1])) == [["r0", "r1"], ["r2"], ["r3"]]


def test_skipped_records_do_not_count_for_the_sizes():
    records = make_records(6)
    for number in (0, 3, 5):
        records[number] = replace(records[number], skipped="malformed")
    assert get_ids(split_by_sizes(records, [2, 1])) == [["r0", "r1", "r2", "r3"], ["r4", "r5"]]


@pytest.mark.parametrize("sizes", [[2, 1], [2, 3], [5, -1], [4, 0]])
def test_sizes_that_do_not_fit(sizes):
    shown = f"{sizes[0]}, {sizes[1]}, which sum to {sum(sizes)}"
    with pytest.raises(CorpusError, match=f"positive split sizes that sum to 4, .* not {shown}"):
        split_by_sizes(make_records(4), sizes)


@given(st.integers(10, 60), st.integers(1, 3), st.integers(0, 3))
def test_fractions_partition_the_groups(n_groups, group_size, seed):
    records = make_records(n_groups * group_size, group_size)
    parts = split_by_fractions(records, [0.8, 0.1, 0.1], seed)
    groups = [{record.group for record in part} for part in parts]
    assert (
        sorted((name for ids in get_ids(parts) for name in ids), key=lambda name: int(name[1:]))
        == get_ids([records])[0]
    )
    assert sum(map(len, groups)) == n_groups
    for part, fraction in zip(groups, [0.8, 0.1, 0.1], strict=True):
        assert abs(len(part) - fraction * n_groups) <= 1
    for part in parts:
        assert part == sorted(part, key=records.index)


def test_fractions_depend_on_the_seed_alone():
    records = make_records(100)
    first, again, other = (split_by_fractions(records, [0.5, 0.5], seed) for seed in (0, 0, 1))
    assert first == again != other
    assert split_by_fractions(records, [0.5, 0.5]) == first


def test_equal_texts_stay_together_unless_they_belong_to_documents():
    records = [Record(str(i), f"text {i % 10}", ()) for i in range(30)]
    parts = split_by_fractions(records, [0.8, 0.1, 0.1])
    assert [len(part) for part in parts] == [24, 3, 3]
    texts = [{record.text for record in part} for part in parts]
    assert not (texts[0] & texts[1] or texts[0] & texts[2] or texts[1] & texts[2])
    grouped = [Record(str(i), "", (), group=str(i)) for i in range(4)]
    assert [len(part) for part in split_by_fractions(grouped, [0.5, 0.5])] == [2, 2]


def test_fractions_may_be_rounded():
    parts = split_by_fractions(make_records(9), [0.3333333] * 3)
    assert [len(part) for part in parts] == [3, 3, 3]


@pytest.mark.parametrize("fractions", [[0.8, 0.1], [1.1, -0.1], [1.0, 0.0], [float("nan"), 0.5]])
def test_fractions_that_do_not_fit(fractions):
    shown = f"{fractions[0]}, {fractions[1]}"
    with pytest.raises(CorpusError, match=f"positive split fractions that sum to 1, not {shown}"):
        split_by_fractions(make_records(10), fractions)


def test_skipped_records_do_not_count_for_the_fractions():
    records = make_records(4)
    skipped = [Record(f"s{i}", "", (), skipped="no answer") for i in range(40)]
    first, second = split_by_fractions([*skipped, *records], [0.5, 0.5])
    expected_first, expected_second = split_by_fractions(records, [0.5, 0.5])
    assert (first, second) == ([*skipped, *expected_first], expected_second)
    assert len(expected_second) == 2
    with pytest.raises(CorpusError, match="Expected more documents to split: 1"):
        split_by_fractions([*skipped, *records[:1]], [0.5, 0.5])


@pytest.mark.parametrize("fractions", [[0.8, 0.1, 0.1], [0.1, 0.9]])
def test_too_few_documents_for_the_fractions(fractions):
    with pytest.raises(CorpusError, match="Expected more documents to split: 3"):
        split_by_fractions(make_records(6, 2), fractions)


def test_ids_of_records_and_groups():
    records = make_records(8, 2)
    split = split_by_ids(records, [["g2", "r1", "x"], ["g0", "r7"]])
    assert get_ids(split.parts) == [["r1", "r4", "r5"], ["r0", "r7"]]
    assert split.unknown_ids == ["x"]
    assert get_ids([split.unlisted]) == [["r2", "r3", "r6"]]


@given(st.lists(st.integers(0, 2), min_size=3, max_size=20))
def test_ids_partition_the_records(owners):
    assume(set(owners) == {0, 1, 2})
    records = make_records(len(owners))
    lists = [[f"r{i}" for i, owner in enumerate(owners) if owner == part] for part in range(3)]
    split = split_by_ids(records, lists)
    assert get_ids(split.parts) == lists
    assert (split.unknown_ids, split.unlisted) == ([], [])


def test_id_in_two_lists():
    with pytest.raises(CorpusError, match="Expected 'r1' in one list of ids, not in two"):
        split_by_ids(make_records(2), [["r0", "r1"], ["r1"]])


def test_list_that_matches_nothing():
    with pytest.raises(CorpusError, match="no record matches list 2"):
        split_by_ids(make_records(2), [["r0", "r1"], ["x"]])


def test_read_ids(tmp_path):
    path = tmp_path / "ids.txt"
    path.write_bytes("\ufeffMEDLINE:1\r\n\r\n MEDLINE:2 \n".encode())
    assert read_ids(path) == ["MEDLINE:1", "MEDLINE:2"]
