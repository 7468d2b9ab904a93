import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus_util import assert_malformed
from spacy_eiou.corpora import Changed, Entity, read_iob2


def read(path, data):
    path = path / "data.iob2"
    path.write_bytes(data.encode())
    return list(read_iob2(path))


def read_entities(path, *cells):
    """Read the entities of one-letter tokens, with which offsets are twice the token index."""
    (record,) = read(path, "\n".join(f"x\t{cell}" for cell in cells))
    return sorted((e.start // 2, (e.end + 1) // 2, e.label) for e in record.entities)


@pytest.mark.parametrize("separator", ["\t", " ", "   "])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_columns_are_layers(tmp_path, separator, line_end):
    rows = ["IL-2 B-DNA B-protein", "gene I-DNA O", "binds O O", "", "", "-DOCSTART- O", "😀 O O"]
    records = read(tmp_path, line_end.join(rows).replace(" ", separator))
    assert [record.id for record in records] == ["data-1", "data-2"]
    assert records[0].text == "IL-2 gene binds"
    assert records[0].words == ("IL-2", "gene", "binds")
    assert records[0].entities == (Entity(0, 9, "DNA"), Entity(0, 4, "protein"))
    assert (records[1].text, records[1].entities) == ("😀", ())


def test_document_start_ends_a_record_and_begins_a_group(tmp_path):
    records = read(tmp_path, "a O\n-DOCSTART- O\nb O\n\nc O\n-DOCSTART- O\nd O\n")
    assert [record.text for record in records] == ["a", "b", "c", "d"]
    alone, *groups = [record.group for record in records]
    assert alone is None
    assert [group.rpartition("-")[2] for group in groups] == ["1", "1", "2"]


@pytest.mark.parametrize("word", ["a\u00a0b", "\u00a0a"])
def test_no_break_space_is_part_of_a_token(tmp_path, word):
    (record,) = read(tmp_path, f"{word} B-X\n")
    assert record.words == (word,)


@pytest.mark.parametrize(
    "cells, entities",
    [
        (["B-X", "B-X", "I-X"], [(0, 1, "X"), (1, 3, "X")]),
        (["B-X", "O", "B-X"], [(0, 1, "X"), (2, 3, "X")]),
        (["B-X|B-Y", "I-X", "O"], [(0, 1, "Y"), (0, 2, "X")]),
        (["B-X", "B-Y|I-X", "I-Y"], [(0, 2, "X"), (1, 3, "Y")]),
        (["B-X", "I-X|B-X", "I-X|I-X", "I-X"], [(0, 4, "X"), (1, 3, "X")]),
        (["B-X", "O", "I-Y|I-X"], [(0, 1, "X"), (2, 3, "X"), (2, 3, "Y")]),
        (["B-X", "I-X|I-X"], [(0, 2, "X"), (1, 2, "X")]),
        (["B-a-b", "I-a-b"], [(0, 2, "a-b")]),
    ],
)
def test_tags(tmp_path, cells, entities):
    assert read_entities(tmp_path, *cells) == entities


def test_inside_tag_does_not_continue_over_a_blank_line(tmp_path):
    first, second = read(tmp_path, "a B-X\n\nb I-X\n")
    assert first.entities == second.entities == (Entity(0, 1, "X"),)
    assert second.changed == (
        Changed("begins with I- rather than B-", "data-2", Entity(0, 1, "X"), "b"),
    )


def test_empty_token(tmp_path):
    assert_malformed(lambda: read(tmp_path, "\tO\n"), "expected tokens of at least one character")


def test_single_column(tmp_path):
    assert_malformed(
        lambda: read(tmp_path, "a\n"), "line 1: expected a token and its tags in two columns"
    )


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4), st.sampled_from("XY"))))
def test_entities_survive_as_tags(tmp_path_factory, spans):
    spans = sorted({(start, min(10, start + width), label) for start, width, label in spans})
    layers = [["O"] * 10 for _ in spans] or [["O"] * 10]
    for layer, (start, end, label) in zip(layers, spans, strict=False):
        layer[start:end] = [f"B-{label}"] + [f"I-{label}"] * (end - start - 1)
    rows = zip(*layers, strict=True)
    (record,) = read(
        tmp_path_factory.getbasetemp(), "\n".join("\t".join(["x", *row]) for row in rows)
    )
    found = sorted((e.start // 2, (e.end + 1) // 2, e.label) for e in record.entities)
    assert found == spans
