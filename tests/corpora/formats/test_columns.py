import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus_util import read_drafts, read_problems, recognizes
from spacy_eiou.corpora import READERS, Changed, CorpusError, Dropped, Entity
from spacy_eiou.corpora.draft import Draft, Mention

pytestmark = pytest.mark.usefixtures("in_tmp_path")

PHRASES = "B-NP|B-VP|B-PP|B-ADVP|B-ADJP|B-SBAR|B-PRT|B-CONJP|B-INTJ|B-LST|B-UCP"
NO_TAGS = (
    "a, line {}: expected a token and its tags in two columns or more, the tags as O or B-label, "
    "not {}"
)


@pytest.mark.parametrize(
    "name, content, entities",
    [
        # Columns of numbers, tokens, phrases and other things
        ("conll", "1\tO\n2\tB-x\n", [("2", "x")]),
        ("conll", "1\tIL-2\tB-x\n2\tgene\tI-x\n", [("IL-2 gene", "x")]),
        ("conll", "1.1\te\t_\n1\tIL-2\tB-x\n2\tgene\tI-x\n", [("IL-2 gene", "x")]),
        ("conll", "0\tIL-2\tB-x\n1\tgene\tI-x\n", [("IL-2 gene", "x")]),
        ("conll", "1\tIL-2\tB-x\n3\tgene\tI-x\n", [("IL-2 gene", "x")]),
        ("conll", "7\tnum\tB-x\na\tb\tO\n", [("7", "x")]),
        ("conll", "12\tCD\tB-x\n7\tCD\tO\n", [("12", "x")]),
        ("conll", "12\t12\tB-x\n7\t7\tO\n", [("12", "x")]),
        ("conll", "1\tCD\tB-x\n3\tCD\tO\n7\tCD\tO\n", [("1", "x")]),
        ("conll", "10\tnum\tO\n20\tnum\tB-x\n", [("20", "x")]),
        ("conll", "ha\tha\tB-x\nha\tha\tO\n", [("ha", "x")]),
        ("conll", "B-12\tB-x\n", [("B-12", "x")]),
        ("conll", "a\tB-NP\n", [("a", "NP")]),
        ("conll", "a\tB-NP\tB-VP\tB-PP\n", [("a", "PP")]),
        ("conll", "a\tB-NP\tB-x\n", [("a", "x")]),
        ("iob2", "a\tB-NP\tB-x\n", [("a", "NP"), ("a", "x")]),
        ("conll", f"a\t{PHRASES}\tB-x\n", [("a", "x")]),
        ("conll", "a\tB-x-NP\tB-x\n", [("a", "x-NP"), ("a", "x")]),
        ("conll", "a\tO\tB-x\n", [("a", "x")]),
        ("conll", "a\tB-NP\tB-x\nb\tO\tO\n", [("a", "x")]),
        ("conll", "a\t_\nb\t_\nc\tB-x\n", [("c", "x")]),
        ("conll", "a\t\nb\t\nc\tB-x\n", [("c", "x")]),
        ("conll", "\u00a0a B-X\n", [("\u00a0a", "X")]),
        ("conll", "a\t_\nb\t\nc\tB-x\n", [("c", "x")]),
        ("conll", "a\tO\tO\nb\tB-y\tO\nc\tx\tO\nd\tx\tO\ne\tx\tB-x\n", [("e", "x")]),
        # Tabs, spaces and comments
        ("conll", "a\tB-x\nb B-x\n", [("a", "x"), ("b", "x")]),
        ("conll", "a\u00a0b B-x\n", [("a\u00a0b", "x")]),
        ("conll", "  a  B-x \n", [("a", "x")]),
        ("conll", "# B-x\na\tB-x\n", [("a", "x")]),
        ("conll", "#\n# a b\na B-x\n", [("a", "x")]),
        ("conll", "# a\tB-x\n", [("# a", "x")]),
        ("conll", "# a\tb\na B-x\n", [("a", "x")]),
        ("conll", "# a B-x\nb c O\n", [("#", "x")]),
        ("conll", "a B-x\n# B-x\n", [("a", "x"), ("#", "x")]),
        # Prefixes
        ("conll", "a B-x\nb E-x\nc S-x\nd U-x\n", [("a b", "x"), ("c", "x"), ("d", "x")]),
        ("conll", "a B-x\nb M-x\nc L-x\nd B-x\n", [("a b c", "x"), ("d", "x")]),
        ("conll", "a I-x\nb B-x\nc I-y\n", [("a", "x"), ("b", "x"), ("c", "y")]),
        ("conll", "a B-x|B-x\nb I-x|I-x\nc I-x\n", [("a b c", "x"), ("a b", "x")]),
        ("conll", "a B-x\nb B-x|I-x\nc I-x|I-x\n", [("a b c", "x"), ("b c", "x")]),
        ("conll", "a B-x|B-x\nb E-x|I-x\nc E-x\n", [("a b c", "x"), ("a b", "x")]),
    ],
)
def test_entities(name, content, entities):
    (draft,) = read_drafts(name, content)
    assert sorted((draft.text[m.start : m.end], m.label) for m in draft.mentions) == sorted(
        entities
    )
    assert (draft.bad, draft.changed, draft.is_located) == ([], [], True)


def test_drafts():
    content = "-DOCSTART- O\n\nIL-2 B-x\n\n\na O\nb I-x\nc B-y\n-DOCSTART- O\nd O"
    changed = Changed("begins with I- rather than B-", "", Entity(2, 3, "x"), "b")
    mentions = [Mention(2, 3, "x", where="a, line 7"), Mention(4, 5, "y", where="a, line 8")]
    drafts = read_drafts("conll", content)
    fields = {"is_located": True, "document": 1}
    assert drafts == [
        Draft(
            "IL-2",
            "a, line 3",
            1,
            words=["IL-2"],
            mentions=[Mention(0, 4, "x", where="a, line 3")],
            **fields,
        ),
        Draft(
            "a b c",
            "a, line 6",
            2,
            words=list("abc"),
            mentions=mentions,
            changed=[changed],
            **fields,
        ),
        Draft("d", "a, line 10", 3, words=["d"], is_located=True, document=2),
    ]
    assert drafts[1].changed[0].where == "a, line 7"
    (draft,) = read_drafts("conll", "a O\n")
    assert draft == Draft("a", "a, line 1", 1, words=["a"], is_located=True)
    assert read_drafts("conll", "\n") == []


def test_numbers_of_sentences_of_one_token_are_its_text():
    rows = "1\tCD\tB-x\n\n7\tCD\tO\n\n3\tCD\tO\n"
    assert [draft.text for draft in read_drafts("conll", rows)] == ["1", "7", "3"]


def test_sentences_of_one_token_have_no_names():
    rows = "IL-2\tgene\tB-x\n\npump\tpart\tO\n\npump\tit\tO\n"
    assert [draft.text for draft in read_drafts("conll", rows)] == ["IL-2", "pump", "pump"]


def test_cell_of_several_tags_begins_entities():
    (draft,) = read_drafts("conll", "a I-x|B-y\n")
    assert [changed.entity.label for changed in draft.changed] == ["x"]
    assert read_drafts("conll", "a I-x|I-y\n")[0].changed == []


def test_order_and_ends_of_entities():
    (draft,) = read_drafts("conll", "a B-y|B-x\nb E-y\nc L-y\nd I-y\n")
    found = [(draft.text[mention.start : mention.end], mention.label) for mention in draft.mentions]
    assert found == [("a", "x"), ("a b", "y"), ("c", "y"), ("d", "y")]
    assert len(draft.changed) == 2
    (draft,) = read_drafts("conll", "a B-y|B-x\n")
    assert [mention.label for mention in draft.mentions] == ["y", "x"]


@pytest.mark.parametrize("first", ["1", "0", "4"])
def test_numbers_of_a_later_sentence_may_begin_anywhere(first):
    rows = f"1\tIL-2\tB-x\n2\tgene\tI-x\n\n{first}\ta\tO\n9\tb\tO\n"
    assert [draft.text for draft in read_drafts("conll", rows)] == ["IL-2 gene", "a b"]


@pytest.mark.parametrize(
    "content",
    [
        # Numbers out of order, those of WebAnno, and names and numbers of sentences
        "1\tthe\tO\n2\tpump\tB-x\n2\tleaks\tO\n",
        "1-1\t0-3\tthe\tO\n1-2\t4-8\tpump\tB-x\n",
        "1\tthe\tO\n1\tpump\tB-x\n",
        "a1\t1\tthe\tO\na1\t2\tpump\tB-x\n\na2\t1\tit\tO\na2\t2\tleaks\tO\n",
    ],
)
def test_first_column_without_words_is_no_text(content):
    (problem,) = read_problems("conll", content)
    assert problem == (
        "a, line 1: expected the token in the first column, or in the second after its number in "
        f"the sentence, not {content.splitlines()[0].split()}. Leave out the columns before it"
    )


def test_tags_of_words_of_several_tokens_are_counted():
    """CoNLL-U."""
    rows = "1-2\tdoesn't\tB-x\n1\tdoes\tB-y\n2\tn't\tO\n2.1\te\tB-y\n"
    rows += "3-4\tit's\tB-z\n3\tit\tB-z\n4\t's\tO\n"
    (draft,) = read_drafts("conll", rows)
    assert draft.text == "does n't it 's"
    assert [mention.label for mention in draft.mentions] == ["y", "z"]
    reason = "tag of a word of several tokens, or of a token that is not in the text"
    assert [(item.reason, item.entity.label, item.text, item.where) for item in draft.dropped] == [
        (reason, "x", "doesn't", "a, line 1"),
        (reason, "y", "e", "a, line 4"),
    ]


def test_row_without_a_token():
    rows = "1\tIL-2\tB-x\n2\tgene\tI-x\n\n1\ta\tO\n2\n"
    first, second = read_drafts("conll", rows)
    problem = "a, line 4: expected tokens of at least one character"
    assert first.text == "IL-2 gene"
    assert second == Draft("", "a, line 4", 2, skipped="malformed", bad=[problem])


@pytest.mark.parametrize(
    "content, problems",
    [
        ("\na b\n", [NO_TAGS.format(2, ["a", "b"])]),
        ("a\tB-x|y\n", [NO_TAGS.format(1, ["a", "B-x|y"])]),
        (
            "a B-x B-y B-z\nb\nc O O O\n",
            ["a, line 2: expected a token and its tags in 4 columns, not in 1"],
        ),
        (
            "a B-x\nb x|O\nc O\n",
            ["a, line 2: expected O or a tag such as B-label or I-label, not 'x'"],
        ),
    ],
)
def test_malformed(content, problems):
    assert read_problems("conll", content) == problems


def test_malformed_tag_is_dropped():
    (draft,) = read_drafts("conll", "a B-x\nb x\n")
    assert draft.dropped == [Dropped("malformed", "", Entity(0, 0, ""), "'x'")]


@pytest.mark.parametrize(
    "content, path, names",
    [
        ("a B-x\nb\tO\n", "a", ["conll"]),
        ("a B-x\nb O\n", "a.iob2", ["iob2"]),
        ("a x B-x\n", "a", ["conll"]),
        ("a B-x x\n", "a", ["conll"]),
        ("B-x\n", "a", []),
        ("B-x a\n", "a", []),
        ("a B-x\nb\n", "a", []),
        ("a B-x\nb O\nc\n", "a", ["conll"]),
        ("-DOCSTART-\n\na B-x\n\n", "a", ["conll"]),
        ("# x\n#y z\na B-x\n", "a", ["conll"]),
        ("", "a", []),
        ("a B-x\nb O\n\0\n", "a", ["conll"]),
        ('{"a": "a B-x"}\n', "a", []),
        ('{"a": 1}\na O\nb O\n', "a", []),
    ],
)
def test_recognized(content, path, names):
    assert [name for name in ("conll", "iob2") if recognizes(name, content, path)] == names


@pytest.mark.parametrize("name", ["conll", "iob2"])
@pytest.mark.parametrize(
    "row, message",
    [
        ("b", "a token and its tags in 2 columns, not in 1"),
        ("b NN", "O or a tag such as B-label or I-label, not 'NN'"),
        ("b B-", "O or a tag such as B-label or I-label, not 'B-'"),
    ],
)
def test_malformed_row(name, row, message):
    problems = read_problems(name, f"a B-X\n{row}\n")
    assert problems == [f"a, line 2: expected {message}"]


@pytest.mark.parametrize("name", ["conll", "iob2"])
@given(content=st.text(alphabet="aBIESO-X|\t \n"))
def test_garbage_raises_nothing_but_corpus_errors(tmp_path_factory, name, content):
    path = tmp_path_factory.getbasetemp() / name
    path.write_text(content)
    try:
        records = list(READERS[name](path))
    except CorpusError as err:
        assert f"{path}, line" in str(err)
    else:
        assert all(record.text == " ".join(record.words or ()) for record in records)
