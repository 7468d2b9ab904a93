import sys

import pytest

from spacy_eiou.provenance import get_provenance
from spacy_eiou.spans import score_spans
from spacy_eiou.studies.comparison import format_comparison, plot_learning_curves

GOLD = [{(0, 4, "DNA")}, {(0, 4, "DNA"), (5, 9, "RNA")}]
ALL, FIRST = GOLD, [GOLD[0], set()]


def make_result(variant, seed, predicted, size=100):
    counts = [[len(g), len(p), len(g & p)] for g, p in zip(GOLD, predicted)]
    return {
        "corpus": "notes",
        "size": size,
        "variant": variant,
        "seed": seed,
        "test": score_spans(GOLD, predicted),
        "test_counts": counts,
    }


RESULTS = [
    make_result("spancat", 0, FIRST),
    make_result("nested", 0, ALL),
    make_result("spancat", 1, ALL),
    make_result("nested", 1, ALL),
]


def rows(results, baseline="spancat"):
    lines = format_comparison(results, baseline).splitlines()
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line]


def test_tables_by_hand():
    _, _, spancat, nested, header, _, dna, rna = rows(RESULTS)
    # F of seed 0 is 2 * 1 / (3 + 1), of seed 1 it is 1
    assert spancat[:3] == ["spancat", "2", "75.0 ± 35.4"]
    assert spancat[-2:] == ["", "unknown"]
    assert nested[2:8] == ["100.0 ± 0.0"] * 6
    # Pooled over seeds: 2 * 6 / 12 against 2 * 4 / (6 + 4)
    assert nested[8].startswith("+20.0 [")
    assert header == ["type", "gold spans", "spancat", "nested"]
    assert dna == ["DNA", "2", "83.3 ± 23.6", "100.0 ± 0.0"]
    assert rna == ["RNA", "1", "50.0 ± 70.7", "100.0 ± 0.0"]


def test_documents_without_annotation_in_older_results_count_nothing():
    def add_row(row):
        return [
            {**result, "test_counts": [*result["test_counts"], row(number)]}
            for number, result in enumerate(RESULTS)
        ]

    expected = rows(add_row(lambda number: [0, 0, 0]))
    assert expected[3][8].startswith("+20.0 [")
    # The others are of today.
    assert rows(add_row(lambda number: [None] * 3 if number % 2 else [0, 0, 0])) == expected


def test_only_common_seeds_are_compared_with_the_baseline():
    assert rows(RESULTS[1:])[2][-2] == "+0.0 [+0.0, +0.0]"
    assert rows(RESULTS[:1] + RESULTS[3:])[3][-2] == "-"
    assert rows(RESULTS[3:])[2][1:3] == ["1", "100.0"]


def test_rows_of_other_code_are_marked():
    today = {**RESULTS[0], **get_provenance(), "commit": "0123456789ab-dirty"}
    other = {**RESULTS[2], **today, "seed": 1, "commit": "89ab", "code": "other"}
    version = today["versions"]["spacy-eiou"]
    assert rows([today])[2][-1] == f"{version}, 0123456-dirty"
    assert (
        rows([today, other, RESULTS[1]])[2][-1]
        == f"{version}, 0123456-dirty; {version}, 89ab (other code)"
    )


def test_description_stands_above_the_tables():
    lines = format_comparison(RESULTS, "spancat", "What this is.\n").splitlines()
    assert lines[:5] == ["# Comparison", "", "What this is.", "", lines[4]]
    assert lines[4].startswith("Scores on the test part")


def test_scores_that_are_undefined_are_a_dash():
    nothing = make_result("nested", 0, [set(), set()])
    assert rows([nothing])[2][2:8] == ["0.0", "0.0", "0.0", "0.0", "0.0", "-"]


def test_sizes_have_tables_of_their_own():
    text = format_comparison([*RESULTS, make_result("nested", 0, ALL, size=1000)], "spancat")
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "# Comparison",
        "## notes",
        "### notes, 100 training documents",
        "### notes, 1,000 training documents",
    ]


def test_means_over_corpora_by_hand():
    other = [make_result("spancat", 0, ALL), make_result("nested", 0, FIRST)]
    results = [*RESULTS, make_result("third", 0, ALL), *({**r, "corpus": "other"} for r in other)]
    text = format_comparison(results, "spancat")
    title, table = text.split("## Mean over ")[1].split("\n\n")
    assert title == "notes, other, 100 training documents"
    _, _, spancat, nested = table.splitlines()
    # F of spancat is 1/2 and 1 on the notes, on the other corpus 1; of nested 1, 1 and 1/2
    assert spancat == "| spancat | 87.5 | 83.3 |  |"
    # Micro F of seeds pooled: 1 against 0.8, and 1/2 against 1
    assert nested.startswith("| nested | 75.0 | 66.7 | -15.0 [")


def test_corpora_without_gold_spans_have_no_part_in_the_mean():
    nothing = {**make_result("spancat", 0, ALL), "test": score_spans([set()], [set()])}
    other = {**nothing, "corpus": "other", "test_counts": [[0, 0, 0]]}
    assert "Mean over" not in format_comparison([*RESULTS, other], "spancat")


def test_plot_is_the_same_for_the_same_results(tmp_path):
    results = [*RESULTS, make_result("nested", 0, ALL, size=300)]
    for name in ("a.svg", "b.svg"):
        plot_learning_curves(results, tmp_path / name)
    image = (tmp_path / "a.svg").read_text(encoding="utf8")
    assert image == (tmp_path / "b.svg").read_text(encoding="utf8")
    assert all(text in image for text in ("<svg", "spancat", "nested", "macro F"))


def test_plot_leaves_out_what_has_no_score(tmp_path):
    unscored = make_result("nested", 0, ALL, size=300)
    unscored["test"] = dict.fromkeys(unscored["test"])
    plot_learning_curves([*RESULTS, unscored], tmp_path / "a.svg")
    plot_learning_curves([unscored], tmp_path / "b.svg")
    assert (tmp_path / "b.svg").exists()


def test_plot_needs_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError):
        plot_learning_curves(RESULTS, tmp_path / "a.svg")
