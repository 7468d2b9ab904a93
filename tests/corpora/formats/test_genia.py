import gzip
import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus_util import read_drafts, read_problems, recognizes
from spacy_eiou.corpora import CorpusError, Dropped, Entity, read_genia
from spacy_eiou.corpora.draft import Draft, Mention
from spacy_eiou.corpora.formats import FORMATS

XML = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE set SYSTEM "gpml.dtd">
<set><import resource="GENIAontology.daml" prefix="G"></import>
{}
</set>"""
ARTICLE = (
    "<article><articleinfo><bibliomisc>{}</bibliomisc></articleinfo>"
    "<title><sentence>{}</sentence></title></article>"
)
NESTED = (
    '<cons lex="IL-2_gene" sem="G#DNA_domain_or_region"><cons lex="IL-2" '
    'sem="G#protein_molecule">IL-2</cons> gene</cons>  binds.'
)


def write_xml(path, body):
    path = path / "GENIA.xml"
    path.write_text(XML.format(body), encoding="utf-8")
    return path


def write_tgz(path, members):
    path = path / "GENIA.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def read_sentence(path, sentence):
    return next(read_genia(write_xml(path, ARTICLE.format("MEDLINE:1", sentence))))


def test_nested_terms(tmp_path):
    record = read_sentence(tmp_path, NESTED)
    assert record.id == "MEDLINE:1-1"
    assert record.group == "MEDLINE:1"
    assert record.text == "IL-2 gene  binds."
    assert set(record.entities) == {Entity(0, 4, "protein"), Entity(0, 9, "DNA")}
    assert record.dropped == ()


@pytest.mark.parametrize(
    "sem, label",
    [
        ("G#DNA_N/A", "DNA"),
        ("G#RNA_molecule", "RNA"),
        ("G#protein_complex", "protein"),
        ("G#cell_line", "cell_line"),
        ("G#cell_type", "cell_type"),
    ],
)
def test_labels(tmp_path, sem, label):
    record = read_sentence(tmp_path, f'a <cons sem="{sem}">&lt;β😀&gt;</cons>')
    assert record.text == "a <β😀>"
    assert record.entities == (Entity(2, 6, label),)


@pytest.mark.parametrize(
    "attribute, sem, reason",
    [
        ('sem="G#virus"', "G#virus", "other type"),
        ('sem="G#cell_component"', "G#cell_component", "other type"),
        ('sem="(AND G#RNA_molecule G#RNA_molecule)"', None, "coordinated term"),
        ('lex="alpha-"', "", "untyped fragment"),
    ],
)
def test_other_terms_are_dropped(tmp_path, attribute, sem, reason):
    record = read_sentence(tmp_path, f"a <cons {attribute}>bc</cons>")
    sem = attribute[5:-1] if sem is None else sem
    assert record.entities == ()
    assert record.dropped == (Dropped(reason, "MEDLINE:1-1", Entity(2, 4, sem), "bc"),)


def test_where_each_sentence_and_term_is(in_tmp_path):
    sentences = f"{NESTED}</sentence>\n<sentence>a <cons>b</cons> c"
    first, second = read_drafts(
        "genia", XML.format(ARTICLE.format(" MEDLINE:1 ", sentences)), "a.xml"
    )
    where = ["a.xml, MEDLINE:1-1", "a.xml, MEDLINE:1-2"]
    mentions = [Mention(0, 4, "protein", where=where[0]), Mention(0, 9, "DNA", where=where[0])]
    fields = {"group": "MEDLINE:1", "is_located": True}
    text = "IL-2 gene  binds."
    assert first == Draft(text, where[0], id="MEDLINE:1-1", mentions=mentions, **fields)
    dropped = [Dropped("untyped fragment", "MEDLINE:1-2", Entity(2, 3, ""), "b")]
    assert second == Draft("a b c", where[1], id="MEDLINE:1-2", dropped=dropped, **fields)
    assert second.dropped[0].where == where[1]


@pytest.mark.parametrize(
    "content, problem",
    [
        ("<a>", "a.xml: expected well-formed XML (no element found: line 1, column 3)"),
        ("<cons/>", "a.xml, None: did not expect <cons> here"),
        (ARTICLE.format("M", "a <i/>"), "a.xml, M: did not expect <i> here"),
        (
            "<a><sentence>x</sentence></a>",
            "a.xml: expected <bibliomisc> before the first <sentence>",
        ),
        (
            f"<a>{ARTICLE.format('M', 'a')}<article><cons/></article></a>",
            "a.xml, None: did not expect <cons> here",
        ),
        (
            "<!DOCTYPE a [<!ENTITY b 'c'>]><a/>",
            "a.xml: did not expect the XML entity 'b'. Write out its replacement",
        ),
    ],
)
def test_whole_messages(in_tmp_path, content, problem):
    assert read_problems("genia", content, "a.xml") == [problem]


def test_whole_messages_of_archives(in_tmp_path):
    write_tgz(Path(), {"a.xml": b"", "b.xml": b"", "c.txt": b""})
    with pytest.raises(CorpusError) as caught:
        list(FORMATS["genia"].read_file(Path("GENIA.tgz")))
    assert str(caught.value) == "GENIA.tgz: expected one .xml file in the archive, not 2"


@pytest.mark.parametrize(
    "content, path, expected",
    [
        ("x", "a.tgz", True),
        ("x", "a.tar.gz", True),
        (" <set><bibliomisc>", "a.xml", True),
        ("<set>", "a.xml", False),
        ("x <bibliomisc>", "a.xml", False),
    ],
)
def test_recognized(in_tmp_path, content, path, expected):
    assert recognizes("genia", content, path) is expected


def test_ids_are_unique_when_a_medline_id_repeats(tmp_path):
    body = "".join(ARTICLE.format(name, "x") for name in ("MEDLINE:1", "MEDLINE:2", "MEDLINE:1"))
    records = list(read_genia(write_xml(tmp_path, body)))
    assert [record.id for record in records] == ["MEDLINE:1-1", "MEDLINE:2-1", "MEDLINE:1-2"]


def test_archive(tmp_path):
    path = write_xml(tmp_path, ARTICLE.format("MEDLINE:1", NESTED) * 1000)
    archive = write_tgz(tmp_path, {"G/GENIA.xml": path.read_bytes(), "G/gpml.dtd": b""})
    assert list(read_genia(archive)) == list(read_genia(path))


@pytest.mark.parametrize("members", [{}, {"a.txt": b"x"}, {"a.xml": b"x", "b.xml": b"x"}])
def test_archive_without_one_corpus(tmp_path, members):
    with pytest.raises(CorpusError, match=r"expected one \.xml file in the archive"):
        list(read_genia(write_tgz(tmp_path, members)))


def test_damaged_archive(tmp_path):
    path = write_tgz(tmp_path, {"a.xml": XML.format(ARTICLE.format("M", NESTED)).encode()})
    data = path.read_bytes()
    for damaged in (b"", b"text", data[: len(data) // 2], gzip.compress(b"x" * 600)):
        path.write_bytes(damaged)
        with pytest.raises(CorpusError, match=r"expected a complete \.tgz archive"):
            list(read_genia(path))


@pytest.mark.parametrize(
    "body",
    [
        "<article><sentence>x</sentence></article>",
        ARTICLE.format("MEDLINE:1", "x") + "<article><sentence>x</sentence></article>",
        "<article><articleinfo><bibliomisc> </bibliomisc></articleinfo>"
        "<sentence>x</sentence></article>",
    ],
)
def test_sentence_without_id(tmp_path, body):
    with pytest.raises(CorpusError, match="expected <bibliomisc> before the first <sentence>"):
        list(read_genia(write_xml(tmp_path, body)))


@pytest.mark.parametrize("element", ["<sentence>b</sentence>", "<i>b</i>", "<bibliomisc/>"])
def test_unexpected_element_in_a_sentence(tmp_path, element):
    with pytest.raises(CorpusError, match=r"GENIA\.xml, MEDLINE:1: did not expect <"):
        read_sentence(tmp_path, f"a {element}")


def test_term_outside_a_sentence(tmp_path):
    with pytest.raises(CorpusError, match="did not expect <cons> here"):
        list(read_genia(write_xml(tmp_path, "<cons>x</cons>")))


@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE set [<!ENTITY a "b">]><set></set>',
        b'<!DOCTYPE set SYSTEM "g.dtd"><set><sentence>&a;</sentence></set>',
    ],
)
def test_xml_entities_are_refused(tmp_path, data):
    path = tmp_path / "a.xml"
    path.write_bytes(data)
    with pytest.raises(CorpusError, match="did not expect the XML entity 'a'"):
        list(read_genia(path))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<set>",
        b"<set><a></set>",
        b"<set>\xff</set>",
        b"<?xml version='1.0' encoding='ISO-8859-1'?><set>\xff</set>",
    ],
)
def test_malformed_xml(tmp_path, data):
    path = tmp_path / "a.xml"
    path.write_bytes(data)
    with pytest.raises(CorpusError, match=r"a\.xml: expected well-formed XML"):
        list(read_genia(path))


FRAGMENTS = [
    "<sentence>",
    "</sentence>",
    "<cons sem='G#DNA'>",
    "</cons>",
    "&a;",
    "\0",
    "x",
    "<article>",
]


@given(st.lists(st.sampled_from(FRAGMENTS)))
def test_garbage_raises_nothing_but_corpus_errors(tmp_path_factory, fragments):
    path = write_xml(tmp_path_factory.getbasetemp(), ARTICLE.format("M", "".join(fragments)))
    try:
        records = list(read_genia(path))
    except CorpusError as err:
        assert str(path) in str(err)
    else:
        assert all(record.text.strip("x") == "" for record in records)
