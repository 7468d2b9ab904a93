import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_eiou.corpora import Entity, read_conll


def read(path, data):
    path = path / "data.conll"
    path.write_bytes(data.encode())
    return list(read_conll(path))


def read_entities(path, *tags):
    """Read the entities of one-letter tokens, with which offsets are twice the token index."""
    (record,) = read(path, "\n".join(f"x {tag}" for tag in tags))
    return [(e.start // 2, (e.end + 1) // 2, e.label) for e in record.entities]


@pytest.mark.parametrize("separator", ["\t", " "])
def test_first_token_that_begins_with_a_hash_is_no_comment(tmp_path, separator):
    rows = ["# id 1", f"#pump{separator}B-A", f"leaks{separator}O", "", f"#1{separator}O"]
    first, second = read(tmp_path, "\n".join(rows))
    assert (first.words, second.words) == (("#pump", "leaks"), ("#1",))


@pytest.mark.parametrize("separator", ["\t", " "])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_last_column_holds_the_tags(tmp_path, separator, line_end):
    rows = ["-DOCSTART- -X- O", "", "U.N. NNP B-NP B-ORG", "official NN I-NP O", ""]
    rows += ["Ekeus NNP B-NP B-PER", "-DOCSTART- -X- O", "😀 NN O"]
    records = read(tmp_path, line_end.join(rows).replace(" ", separator).replace("NN O", "O"))
    assert [record.id for record in records] == ["data-1", "data-2", "data-3"]
    groups = [record.group.split("-", 2) for record in records]
    assert [group[::2] for group in groups] == [
        *[["data", "document-1"]] * 2,
        ["data", "document-2"],
    ]
    assert records[0].text == "U.N. official"
    assert records[0].words == ("U.N.", "official")
    assert records[0].entities == (Entity(0, 4, "ORG"),)
    assert records[1].entities == (Entity(0, 5, "PER"),)
    assert records[2].entities == ()


def test_spaces_beside_tabs_are_no_part_of_a_tag(tmp_path):
    (record,) = read(tmp_path, "boiler\tB-Part \nleaks\tO\r\r\n\u00a0 \tO\n")
    assert record.words == ("boiler", "leaks", "\u00a0 ")
    assert (record.entities, record.bad) == ((Entity(0, 6, "Part"),), ())


def test_without_document_starts_there_are_no_groups(tmp_path):
    assert [record.group for record in read(tmp_path, "a O\n\nb O\n")] == [None, None]


@pytest.mark.parametrize(
    "tags, entities",
    [
        # IOB2
        (["B-X", "I-X", "B-X", "O"], [(0, 2, "X"), (2, 3, "X")]),
        (["B-a-b", "I-a-b"], [(0, 2, "a-b")]),
        # IOB1
        (
            ["I-X", "I-X", "B-X", "I-Y", "O", "I-Y"],
            [(0, 2, "X"), (2, 3, "X"), (3, 4, "Y"), (5, 6, "Y")],
        ),
        # IOBES, BMES, BILOU
        (["B-X", "I-X", "E-X", "S-X", "B-Y", "E-Y"], [(0, 3, "X"), (3, 4, "X"), (4, 6, "Y")]),
        (["B-X", "M-X", "E-X", "B-X", "E-X"], [(0, 3, "X"), (3, 5, "X")]),
        (["U-X", "B-X", "L-X", "U-Y"], [(0, 1, "X"), (1, 3, "X"), (3, 4, "Y")]),
        # An end is an end, even if no beginning follows it
        (["S-X", "I-X", "E-X", "I-X"], [(0, 1, "X"), (1, 3, "X"), (3, 4, "X")]),
    ],
)
def test_schemes(tmp_path, tags, entities):
    assert read_entities(tmp_path, *tags) == entities


SPANS = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.sampled_from("XY")), min_size=1)


@given(SPANS, st.sampled_from(["BIIB", "BIES", "BMES", "BILU"]))
def test_entities_survive_as_tags(tmp_path_factory, spans, scheme):
    begin, inside, end, single = scheme
    tags, expected = [], []
    for gap, width, label in spans:
        tags += ["O"] * gap
        expected.append((len(tags), len(tags) + width, label))
        prefixes = single if width == 1 else begin + inside * (width - 2) + end
        tags += [f"{prefix}-{label}" for prefix in prefixes]
    assert read_entities(tmp_path_factory.getbasetemp(), *tags) == expected
