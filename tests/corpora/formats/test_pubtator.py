import pytest

from corpus_util import read_drafts, read_problems
from spacy_eiou.corpora.draft import Draft, Mention

pytestmark = pytest.mark.usefixtures("in_tmp_path")


@pytest.mark.parametrize(
    "line, kb_id",
    [
        ("1\t0\t4\tIL-2\tGene\tQ1\tmore", "Q1"),
        ("1\t0\t4\tIL-2\tGene\tQ1", "Q1"),
        ("1\t0\t4\tIL-2\tGene", ""),
        ("1\t0\t4\tIL-2\tGene\t-", ""),
        ("1\t0\t4\tIL-2\tGene\t-1", ""),
        ("1\t0\t4\tIL-2\tGene\tNone", ""),
    ],
)
def test_entity(line, kb_id):
    mention = Mention(0, 4, "Gene", "IL-2", kb_id, "a, line 4")
    drafts = read_drafts("pubtator", f"1|t|IL-2\n1|a|It|binds.\n2|t|x\n{line}\n1\tCID\t5\t6\n")
    assert drafts == [
        Draft("IL-2\nIt|binds.", "a, line 1", id="1", mentions=[mention]),
        Draft("x", "a, line 3", id="2"),
    ]


@pytest.mark.parametrize("line", ["1\tCID\tD1\tD2", "1\tAssociation\t3175\tD003924\tNo"])
def test_relations_are_ignored(line):
    assert read_drafts("pubtator", f"1|t|IL-2\n{line}\n") == [Draft("IL-2", "a, line 1", id="1")]


def test_an_article_that_comes_again_is_another_record():
    article = "1|t|IL-2\n1|a|binds\n1\t0\t4\tIL-2\tGene\n"
    drafts = read_drafts("pubtator", f"{article}\n{article}")
    assert [draft.text for draft in drafts] == ["IL-2\nbinds"] * 2
    assert [mention.where for draft in drafts for mention in draft.mentions] == [
        "a, line 3",
        "a, line 7",
    ]


@pytest.mark.parametrize(
    "line, problem",
    [
        ("2\t0\t4\tIL-2\tGene", "expected 'id|t|title' before '2\\t0\\t4\\tIL-2\\tGene'"),
        ("1\tx\t4\tIL-2\tGene", "expected an offset, not 'x'"),
        ("1\t0\tx\tIL-2\tGene", "expected an offset, not 'x'"),
        ("1\tCID\tQ1", "expected an id, start, end, text and type, not ['1', 'CID', 'Q1']"),
        ("1\t0\t4\tx", "expected an id, start, end, text and type, not ['1', '0', '4', 'x']"),
    ],
)
def test_malformed(line, problem):
    assert read_problems("pubtator", f"1|t|IL-2\n{line}\n") == [f"a, line 2: {problem}"]
