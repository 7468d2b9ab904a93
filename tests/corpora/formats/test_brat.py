from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus_util import assert_malformed, read_drafts, read_problems
from spacy_eiou.corpora import CorpusError, Dropped, Entity, read_brat
from spacy_eiou.corpora.draft import Draft, Mention


def write(path, text, annotations, name="a"):
    (path / f"{name}.txt").write_bytes(text.encode())
    (path / f"{name}.ann").write_bytes(annotations.encode())
    return path / f"{name}.txt"


def test_nested_entities(tmp_path):
    annotations = "T1\tStorage 9 15\tエタン分解炉\nT2\tProduct 9 12\tエタン\n"
    (record,) = read_brat(write(tmp_path, "エチレン製造装置のエタン分解炉の\n", annotations))
    assert record.id == "a"
    assert record.text == "エチレン製造装置のエタン分解炉の\n"
    assert record.entities == (Entity(9, 15, "Storage"), Entity(9, 12, "Product"))


def test_every_character_of_the_text_counts(tmp_path):
    text = "\ufeff😀\r\na\x00b\r\n"
    (record,) = read_brat(write(tmp_path, text, "T1\tX 1 2\t😀\r\nT2\tX 4 7\ta\x00b\r\n"))
    assert record.text == text
    assert record.entities == (Entity(1, 2, "X"), Entity(4, 7, "X"))


def test_line_break_in_an_entity_is_shown_as_a_space(tmp_path):
    (record,) = read_brat(write(tmp_path, "a\nb", "T1\tX 0 3\ta b\n"))
    assert record.entities == (Entity(0, 3, "X"),)


def test_discontinuous_and_empty_entities_are_dropped(tmp_path):
    annotations = "T1\tX 0 5;16 22\talpha globin\nT2\tX 3 3\t\n"
    (record,) = read_brat(write(tmp_path, "alpha- and beta-globin", annotations))
    assert record.entities == ()
    assert record.dropped == (
        Dropped("discontinuous", "a", Entity(0, 22, "X"), "alpha globin"),
        Dropped("empty or reversed", "a", Entity(3, 3, "X"), ""),
    )


def test_other_annotations_are_ignored(tmp_path):
    others = [
        "R1\tpart Arg1:T1",
        "E1\tX:T1",
        "A1\tNeg T1",
        "M1\tX T1",
        "N1\tReference T1 MESH:D1\tx",
        "#1\tnote",
    ]
    (record,) = read_brat(write(tmp_path, "ab", "\n".join([*others, "*\tEquiv T1 T2", "", ""])))
    assert (record.entities, record.dropped) == ((), ())


def test_folder_is_sorted_and_other_files_are_ignored(tmp_path):
    for name in ("b", "a.1", "c"):
        write(tmp_path, name, "", name)
    (tmp_path / "a.id").write_text("x")
    assert [record.id for record in read_brat(tmp_path)] == ["a.1", "b", "c"]


@pytest.mark.parametrize("missing", ["a.txt", "a.ann"])
@pytest.mark.parametrize("single", [True, False])
def test_file_without_counterpart(tmp_path, missing, single):
    path = write(tmp_path, "x", "")
    (tmp_path / missing).unlink()
    assert_malformed(
        lambda: list(read_brat(path if single else tmp_path)), f"{missing}: expected this file"
    )


@pytest.mark.parametrize(
    "line, message",
    [
        ("T1\tX 0 2", "expected 'T1<tab>label"),
        ("X1\tX 0 2\tab", "expected 'T1<tab>label"),
        ("T1\tX\tab", "expected an offset"),
        ("T1\tX 0 1 2\tab", "expected an offset"),
        ("T1\tX 0 1;\tab", "expected an offset"),
        ("T1\t 0 2\tab", "expected a label"),
        ("T1\tX 0 4\tabc", "expected offsets from 0 to 3"),
        ("T1\tX 0 2\tbc", "expected 'bc' at 0 to 2, but the text has 'ab' there"),
    ],
)
def test_malformed_line(tmp_path, line, message):
    assert_malformed(
        lambda: list(read_brat(write(tmp_path, "abc", f"#1\tx\n{line}\n"))),
        rf"a\.ann, line 2: {message}",
    )


def test_lines_of_all_files(in_tmp_path):
    Path("a.ann").write_text(
        "T1\tgene 0 1;2 4\tI -2\nN1\tReference T1 Q1\tx\nN2\tReference T1 Q2\n"
    )
    Path("a.a1").write_text("T1\tx 0 1\ta\tb\n\nN1\tReference T2 Q3\n")
    Path("a.a2").write_text("T2\ty 0 4\tIL-2\nx\n")
    mentions = [
        Mention(0, 4, "gene", "I -2", "Q1|Q2", "a.ann, line 1", ((0, 1), (2, 4))),
        Mention(0, 1, "x", "a\tb", "Q1|Q2", "a.a1, line 1", ((0, 1),)),
        Mention(0, 4, "y", "IL-2", "Q3", "a.a2, line 1", ((0, 4),)),
    ]
    problem = "a.a2, line 2: expected 'T1<tab>label start end<tab>text', not 'x'"
    dropped = [Dropped("malformed", "", Entity(0, 0, ""), "'x'")]
    draft = Draft("IL-2", "a.txt", mentions=mentions, bad=[problem], dropped=dropped)
    assert read_drafts("brat", "IL-2", "a.txt") == [draft]


@pytest.mark.parametrize("line", ["N1", "N1\tReference", "N1\tReference T1", "N1\tReference T1 "])
def test_malformed_normalization(in_tmp_path, line):
    Path("a.ann").write_text(f"T1\tx 0 1\tI\n{line}\n")
    problem = f"a.ann, line 2: expected 'N1<tab>Reference T1 id', not {line!r}"
    assert read_problems("brat", "IL-2", "a.txt") == [problem]


def test_malformed_files(in_tmp_path):
    assert read_drafts("brat", "x", "a.txt") == [
        Draft(
            "",
            "a.txt",
            skipped="malformed",
            bad=["a.ann: expected this file beside its .txt or .ann file"],
        )
    ]
    Path("a.ann").touch()
    (problem,) = read_problems("brat", b"\xe9", "a.txt")
    assert problem == (
        "a.txt: expected UTF-8 ('utf-8' codec can't decode byte 0xe9 in position 0: unexpected "
        "end of data)"
    )


@pytest.mark.parametrize("other", ["T4\tGap 4 4\t", "T4\tX 16 17\tt"])
def test_offsets_that_count_no_byte_order_mark(tmp_path, other):
    lines = ["T1\tPER 0 3\tAnn", "T2\tPER 8 11\tBob", f"{other}"]
    path = write(tmp_path, "\ufeffAnn met Bob in there", "\n".join(lines))
    (record,) = read_brat(path)
    assert [record.text[entity.start : entity.end] for entity in record.entities] == ["Ann", "Bob"]
    assert len(record.dropped) == 1


def test_text_in_another_encoding(tmp_path):
    path = write(tmp_path, "", "")
    path.write_bytes("é".encode("latin-1"))
    assert_malformed(lambda: list(read_brat(path)), r"a\.txt: expected UTF-8")


@given(st.text(alphabet="T1\tX 023;ab\n\r-"))
def test_garbage_raises_nothing_but_corpus_errors(tmp_path_factory, annotations):
    path = write(tmp_path_factory.getbasetemp(), "ab", annotations)
    try:
        (record,) = read_brat(path)
    except CorpusError as err:
        assert str(path.with_suffix(".ann")) in str(err)
    else:
        assert record.text == "ab"
