import pytest

from corpus_util import read_drafts, read_problems, recognizes, write
from spacy_eiou.corpora import Dropped, Entity
from spacy_eiou.corpora.draft import Draft, Mention

pytestmark = pytest.mark.usefixtures("in_tmp_path")

SPANS = '"[[0, 4, ""gene""]]"'


def make_mention(start, end, label, text=None, kb_id="", line=2, fragments=()):
    return Mention(start, end, label, text, kb_id, f"a, line {line}", fragments)


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_texts_with_lists_of_entities(delimiter):
    header = ["id", "text", "label", "annotator"]
    rows = [["7", "IL-2", SPANS, "Ann"], ["", '"a,\tb;\nc"', "", ""], ["", "c"]]
    content = "\r\n".join(delimiter.join(row) for row in [header, *rows])
    entity = Mention(0, 4, "gene", where="a, line 2")
    drafts = read_drafts("table", content)
    assert drafts == [
        Draft("IL-2", "a, line 2", 2, "7", [entity], annotator="Ann"),
        Draft("a,\tb;\nc", "a, line 4", 4, annotator=""),
        Draft("c", "a, line 5", 5),
    ]


def test_a_quote_that_encloses_nothing_is_a_token():
    rows = ["sentence_id\tword\ttag", '1\t"\tO', "1\tpump\tB-Part", '1\t"\tO', "1\tfails\tO"]
    (draft,) = read_drafts("table", "\r\n".join(rows))
    assert draft.text == '" pump " fails'
    assert draft.mentions == [Mention(2, 6, "Part", where="a, line 3")]


def test_control_tags_of_label_studio_have_any_names():
    regions = [
        '"[{""start"": 0, ""end"": 4, ""labels"": [""gene""]}]"',
        '"[{""start"": 5, ""end"": 9, ""labels"": [""X""]}]"',
    ]
    rows = [
        "text,id,entity_spans,spots,choice,annotation_id",
        f"IL-2 gene,1,{','.join(regions)},[,7",
    ]
    rows.append("none,2,,,good,8")
    content = "\n".join(rows)
    assert recognizes("table", content)
    first, second = read_drafts("table", content)
    assert first.mentions == [make_mention(0, 4, "gene"), make_mention(5, 9, "X")]
    assert (second.mentions, second.bad) == ([], [])


def test_regions_in_a_field_of_a_task_are_left_out_and_counted():
    cell = '"[{""start"": 0, ""end"": %d, ""labels"": [""gene""]}]"'
    row = f"IL-2 gene,{cell % 4},{cell % 9},7"
    (draft,) = read_drafts("table", f"text,label,prelabels,annotation_id\n{row}\n")
    assert draft.mentions == [make_mention(0, 4, "gene")]
    assert [item.reason for item in draft.dropped] == ["under the key 'prelabels'"]


def test_column_of_the_text():
    (draft,) = read_drafts("table", f"text,other,label\na,IL-2,{SPANS}\n", text_key="other")
    assert draft.text == "IL-2"


@pytest.mark.parametrize(
    "content, problem",
    [
        ("text,label\na,{}\n", "a, line 2, 'label': expected a list of entities, not {}"),
        ("text,label\na,[1]\n", "a, line 2: expected an object with 'start', not 1"),
        (
            "text,label\na,[\n",
            "a, line 2: expected valid JSON (Expecting value: line 1 column 2 (char 1))",
        ),
        ("text,label\nhttp://a,[]\n", None),
        (
            "text,x\na,b\n",
            "a: expected a column of lists of entities, columns of their file, label and offsets, "
            "or those of sentence, token and tag, not text, x",
        ),
        (
            "",
            "a: expected a column of lists of entities, columns of their file, label and offsets, "
            "or those of sentence, token and tag, not ",
        ),
    ],
)
def test_malformed(content, problem):
    if problem is None:
        problem = (
            "a, line 2: expected a text, not the address of one, 'http://a'. Import the tasks with "
            "the texts themselves, or put each text in place of its address"
        )
    assert read_problems("table", content) == [problem]


@pytest.mark.parametrize(
    "header, row, mention",
    [
        ("name,label,start,end", "d,gene,0,4", make_mention(0, 4, "gene", fragments=((0, 4),))),
        (
            "name,type,off0,off1,span,code",
            "d.txt,gene,0,4,IL-2,Q1",
            make_mention(0, 4, "gene", "IL-2", "Q1", fragments=((0, 4),)),
        ),
        (
            "name,label,span,mention,kb_id",
            'd,gene,"0-4, 5 - 9",IL-2 gene,',
            make_mention(0, 9, "gene", "IL-2 gene", fragments=((0, 4), (5, 9))),
        ),
        (
            "name,label,offsets",
            "d,gene,0  4;5-9",
            make_mention(0, 9, "gene", fragments=((0, 4), (5, 9))),
        ),
        ("name,span,label,code", "d,0-4", make_mention(0, 4, "", fragments=((0, 4),))),
        ("id,name,start,end,tag", "d,x,0,4,gene", None),
    ],
)
def test_entities_with_the_file_of_their_text(header, row, mention):
    write("IL-2 gene\r\n", "d.txt")
    write("x", "x.txt")
    (draft,) = read_drafts("table", f"{header}\n{row}\n")
    if mention is None:
        assert draft.text == "x"
    else:
        assert draft == Draft("IL-2 gene\r\n", "d.txt", id="d", mentions=[mention])


def test_texts_are_in_the_folder_or_in_one_below_it(tmp_path):
    for name, text in {"b/d": "second", "a1/d": "first", "b/e": "e", "f": "f", "b/f": "x"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(text, f"{name}.txt")
    rows = "d,0-1,X\ne,0-1,X\nf,0-1,X\nd,1-2,Y\n"
    drafts = read_drafts("table", f"file,span,label\n{rows}")
    assert [(draft.id, draft.text, draft.where) for draft in drafts] == [
        ("d", "first", "a1/d.txt"),
        ("e", "e", "b/e.txt"),
        ("f", "f", "f.txt"),
    ]
    assert drafts[0].mentions == [
        make_mention(0, 1, "X", fragments=((0, 1),)),
        make_mention(1, 2, "Y", line=5, fragments=((1, 2),)),
    ]


@pytest.mark.parametrize("other, ids", [("other.tsv", ["d", "e"]), ("other.csv", ["d"])])
def test_a_text_that_no_row_names_is_skipped(other, ids):
    write("IL-2", "d.txt")
    write("x", "e.txt")
    # Another table of this kind may name it.
    write("", other)
    drafts = read_drafts("table", "file,span,label\nd,0-4,gene\n", "a.csv")
    assert [draft.id for draft in drafts] == ids
    reasons = [None, "no row of the table names the text"]
    assert [draft.skipped for draft in drafts] == reasons[: len(ids)]


@pytest.mark.parametrize(
    "row, problem",
    [
        ("x,0,1,X", "a, line 2: expected the text in a file x.txt beside the table"),
        (",0,1,X", "a, line 2: expected the text in a file .txt beside the table"),
        ("../d,0,1,X", "a, line 2: expected the text in a file ../d.txt beside the table"),
        ("sub/d,0,1,X", "a, line 2: expected the text in a file sub/d.txt beside the table"),
        (
            "latin,0,1,X",
            "latin.txt: expected UTF-8 ('utf-8' codec can't decode byte 0xe9 in "
            "position 0: unexpected end of data)",
        ),
        ("d,x,1,X", "a, line 2: expected an offset, not 'x'"),
        ("d,0,1-2,X", "a, line 2: expected an offset, not '1-2'"),
        ("d,0,x,X", "a, line 2: expected an offset, not 'x'"),
        ("d", "a, line 2: expected an offset, not ''"),
        ("d,0", "a, line 2: expected an offset, not ''"),
    ],
)
def test_malformed_row(tmp_path, row, problem):
    (tmp_path / "sub").mkdir()
    for name in ("d.txt", "sub/d.txt", ".txt"):
        write("IL-2", name)
    write(b"\xe9", "latin.txt")
    assert read_problems("table", f"file,start,end,label\n{row}\n") == [problem]


def test_malformed_entity_is_left_out():
    write("IL-2", "d.txt")
    (draft,) = read_drafts("table", "file,span,label\nd,,X\n")
    assert draft.dropped == [
        Dropped("malformed", "", Entity(0, 0, ""), "{'file': 'd', 'span': '', 'label': 'X'}")
    ]
    assert draft.bad == ["a, line 2: expected an offset, not ''"]


@pytest.mark.parametrize(
    "content, expected",
    [
        ("text,label\n", True),
        ("text,label", False),
        ("", False),
        ("\ntext,label\n", False),
        ("text;label\n", True),
        ("text,XXXX,label\n", True),
        ("text\tlabel\n", True),
        ("text\tlabel, a, b\n", False),
        ("text,x\n", False),
        ("x,label\n", False),
        ("te\rxt,label\n", False),
        ("text,annotation_id,spots\n", True),
        ("file,span,label\n", True),
        ("file,start,end,label\n", True),
        ("file,start,label\n", False),
        ("file,end,label\n", False),
        ("file,span\n", False),
        ("span,label\n", False),
        ('["text","label"]\n["a","b"]\n', False),
        ('{"text": 1}\ntext,label\n', False),
    ],
)
def test_recognized(content, expected):
    assert recognizes("table", content) is expected


TOKENS = """Sentence #,Word,POS,Tag
Sentence: 1,Near,IN,O
,New,NNP,B-geo
,York,NNP,I-geo
,,,
,-,:,O
Sentence: 2,\"\"\"\",``,O
,Iraq,NNP,B_geo
"""


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_tokens_of_sentences(delimiter):
    content = TOKENS.replace(",", delimiter)
    drafts = read_drafts("table", content)
    assert [draft.text for draft in drafts] == ["Near New York -", '" Iraq']
    assert [draft.where for draft in drafts] == ["a, line 2", "a, line 7"]
    assert [draft.mentions for draft in drafts] == [
        [Mention(5, 13, "geo", where="a, line 3")],
        [Mention(2, 6, "geo", where="a, line 8")],
    ]
    assert recognizes("table", content)
    assert not recognizes("conll", content)


def test_sentences_of_documents():
    rows = """doc_id,sentence_id,token,label
d1,0,New,B-LOC
d1,0,York,I-LOC
d2,0,City,I-LOC
,,hall,O
d3,0,Bob,B-PER
d3,1,Rome,B-LOC"""
    drafts = read_drafts("table", rows)
    assert [draft.text for draft in drafts] == ["New York", "City hall", "Bob", "Rome"]
    assert [draft.document for draft in drafts] == [1, 2, 3, 3]


@pytest.mark.parametrize(
    "content, problem",
    [
        (
            "sentence_id,words,labels\n0,a,O\n0,b,gene\n1,c,B-x\n",
            "a, line 3: expected O or a tag such as B-label or I-label, not 'gene'",
        ),
        (
            "sentence_id,words,labels\n0,a,O\n0,b\n",
            "a, line 3: expected a token and its tags in 2 columns, not in 1",
        ),
        (
            "sentence_id,words,labels\n0,,O\n",
            "a, line 2: expected tokens of at least one character",
        ),
        (
            "sentence_id,words,labels\n0,a,gene\n",
            "a, line 2: expected a token and its tags in two columns or more, the tags as O or "
            "B-label, not ['a', 'gene']",
        ),
    ],
)
def test_tokens_that_are_malformed(content, problem):
    assert read_problems("table", content) == [problem]
