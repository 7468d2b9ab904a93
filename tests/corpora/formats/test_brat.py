import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus_util import assert_malformed
from spacy_eiou.corpora import CorpusError, Dropped, Entity, read_brat


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
