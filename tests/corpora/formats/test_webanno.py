import pytest

from corpus_util import read_drafts, read_problems
from spacy_eiou.corpora.draft import Draft, Mention

pytestmark = pytest.mark.usefixtures("in_tmp_path")

LAYERS = "#T_SP=custom.A|identifier|label|kb_id|kind\n#T_RL=custom.R|x\n#T_SP=B\n#T_SP=C|kb_id"
HEADER = f"#FORMAT=WebAnno TSV 3.3\n{LAYERS}\n"


def make_file(*rows, text="IL-2 gene binds"):
    return f"{HEADER}#Text={text}\n" + "".join("\t".join(row) + "\n" for row in rows)


def make_mention(start, end, label, line, kb_id=""):
    return Mention(start, end, label, kb_id=kb_id, where=f"a, line {line}")


def read_mentions(*cells):
    """Read a file of the tokens IL-2, gene and binds with these cells."""
    words = [("1-1", "0-4", "IL-2"), ("1-2", "5-9", "gene"), ("1-3", "10-15", "binds")]
    (draft,) = read_drafts("webanno", make_file(*map(lambda w, c: (*w, *c), words, cells)))
    assert draft == Draft("IL-2 gene binds", "a", mentions=draft.mentions, is_located=True)
    return draft.mentions


@pytest.mark.parametrize(
    "cells, mentions",
    [
        ([["_", "gene"], ["_", "_"], ["_", ""]], [make_mention(0, 4, "gene", 7)]),
        # The first feature with a value, and an identifier beside it.
        (
            [["Q1", "gene", "Q3", "x"], ["_", "*", "_", "x"], ["*", "*", "_", "_"]],
            [
                make_mention(0, 4, "gene", 7, "Q1"),
                make_mention(5, 9, "x", 8),
                make_mention(10, 15, "", 9),
            ],
        ),
        # Several of a layer, over several tokens, of which the second lacks an identifier.
        (
            [
                ["Q\\[1[1]|*[2]", "gene[1]|*[2]", "_", "x[1]"],
                ["Q\\[1[1]|*[2]", "gene[1]|*[2]", "_", "x[1]|y[2]"],
            ],
            [
                make_mention(0, 9, "gene", 7, "Q[1"),
                make_mention(0, 4, "", 7),
                make_mention(5, 9, "y", 8),
            ],
        ),
        # Other numbers, labels and layers are other entities.
        (
            [
                ["_", "a[1]", "_", "_", "_", "*[1]", "a[1]"],
                ["_", "a[2]", "_", "_", "_", "*[1]", "a[1]"],
                ["_", "b[2]"],
            ],
            [
                make_mention(0, 9, "", 7),
                make_mention(0, 9, "a", 7),
                make_mention(0, 4, "a", 7),
                make_mention(5, 9, "a", 8),
                make_mention(10, 15, "b", 9),
            ],
        ),
        ([["", "a\\[1]\\|\\_\\\\\\tb\\r"]], [make_mention(0, 4, "a[1]|_\\\tb\r", 7)]),
        (
            [["Q1|Q2|_|_", "a|b|c|_|", "_", "_"]],
            [
                make_mention(0, 4, "a", 7, "Q1"),
                make_mention(0, 4, "b", 7, "Q2"),
                make_mention(0, 4, "c", 7),
            ],
        ),
        ([["Q1", "a|b"]], [make_mention(0, 4, "a", 7, "Q1"), make_mention(0, 4, "b", 7)]),
        ([["_", "gene", "_", "_", "_"]], [make_mention(0, 4, "gene", 7)]),
        ([["_", "_|x"]], [make_mention(0, 4, "x", 7)]),
        ([["_", "[1]", "_", "x[1]"]], [make_mention(0, 4, "x", 7)]),
        # A box to tick or a number, and the label
        (
            [["_", "true", "_", "x"], ["_", "2[1]", "_", "y[1]"], ["_", "false"]],
            [
                make_mention(0, 4, "x", 7),
                make_mention(5, 9, "y", 8),
                make_mention(10, 15, "false", 9),
            ],
        ),
        ([[]], []),
    ],
)
def test_cells(cells, mentions):
    assert read_mentions(*cells) == mentions


def test_sentences_repeated_words_and_parts_of_tokens():
    rows = "1-1\t0-1\ta\t_\tx[1]\n1-1.1\t0-1\ta\t_\tx[1]\n"
    rows += "1-2\t2-4\tab\t_\ty[2]\n1-2.1\t2-3\ta\t_\ty[2]\n"
    second = "\n#Text=a\\nb\\\\\n2-1\t5-6\ta\t_\tz\n2-2\t7-9\tb\\\\\t_\tz\n"
    (draft,) = read_drafts("webanno", f"{HEADER}#Text=a ab\n{rows}{second}")
    assert draft.text == "a ab\na\nb\\"
    assert draft.mentions == [
        make_mention(0, 1, "x", 7),
        make_mention(2, 4, "y", 9),
        make_mention(5, 6, "z", 13),
        make_mention(7, 9, "z", 14),
    ]


def test_offsets_tell_which_part_of_a_token_it_is():
    rows = [
        ("1-1", "0-12", "😀-IL-2/IL-2"),
        ("1-1.1", "8-12", "IL-2", "_", "x"),
        ("1-2", "13-14", "a"),
    ]
    (draft,) = read_drafts("webanno", make_file(*rows, text="😀-IL-2/IL-2 a"))
    assert (draft.mentions, draft.bad) == ([make_mention(7, 11, "x", 8)], [])


def test_a_sentence_with_a_line_break_has_several_lines():
    rows = [("1-1", "0-4", "pump"), ("1-2", "5-9", "pump", "_", "x"), ("1-3", "10-11", "B")]
    (draft,) = read_drafts("webanno", make_file(*rows, text="pump\n#Text=pump B"))
    assert draft.text == "pump\npump B"
    assert (draft.mentions, draft.bad) == ([make_mention(5, 9, "x", 9)], [])


def test_layers_of_what_a_text_consists_of_are_no_entities():
    layers = "#T_SP=x.type.pos.POS|PosValue|coarseValue\n#T_SP=x.Lemma|value\n#T_SP=x.Entity|value"
    rows = "1-1\t0-3\tAnn\tNNP\tPROPN\tAnn\tPER\n1-2\t4-10\tsleeps\tVBZ\tVERB\tsleep\t_\n"
    content = f"#FORMAT=WebAnno TSV 3.3\n{layers}\n\n#Text=Ann sleeps\n{rows}"
    (draft,) = read_drafts("webanno", content)
    assert draft.mentions == [make_mention(0, 3, "PER", 7)]


def test_a_token_is_not_escaped():
    rows = [("1-1", "0-5", "AC\\DC", "_", "x")]
    (draft,) = read_drafts("webanno", make_file(*rows, text="AC\\\\DC"))
    assert draft.text == "AC\\DC"
    assert (draft.mentions, draft.bad) == ([make_mention(0, 5, "x", 7)], [])


@pytest.mark.parametrize(
    "content, problems",
    [
        ("", ["a: expected a first line '#FORMAT=WebAnno TSV 3.x'"]),
        ("x\n", ["a: expected a first line '#FORMAT=WebAnno TSV 3.x'"]),
        (
            make_file(("1-1", "0-4"), ("1-1", "0-4", "IL-3"), ("1-1", "0-4", "")),
            [
                "a, line 7: expected a token after '#Text=', not '1-1\\t0-4'",
                "a, line 8: expected a token of the sentence, not 'IL-3'",
                "a, line 9: expected a token of the sentence, not ''",
            ],
        ),
        (
            f"{HEADER}1-1\t0-4\tIL-2\n",
            ["a, line 6: expected a token after '#Text=', not '1-1\\t0-4\\tIL-2'"],
        ),
    ],
)
def test_malformed(content, problems):
    assert read_problems("webanno", content) == problems


def test_layer_with_two_identifiers_takes_the_first():
    layer = "#T_SP=A|label|kb_id|identifier"
    content = f"#FORMAT=WebAnno TSV 3.2\n{layer}\n#Text=a\n1-1\t0-1\ta\tx\tQ1\tQ2\n"
    (draft,) = read_drafts("webanno", content)
    assert draft.mentions == [make_mention(0, 1, "x", 4, "Q1")]
