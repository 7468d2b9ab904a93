import spacy
from spacy.tokens import Doc, Span

from spacy_eiou.cli._accounts import print_account
from spacy_eiou.corpora import Account, Dropped, Entity


def test_account(capsys):
    label = "B" * 35
    doc = Doc(spacy.blank("en").vocab, words=["x"] * 10)
    doc.spans["sc"] = [Span(doc, 0, 3, "A"), Span(doc, 0, 1, label), Span(doc, 5, 6, "A")]
    account = Account()
    account.add(doc, "sc", [Dropped("misaligned", "r1", Entity(2, 4, "A"), "bc")] * 2)
    account.skip("answer: reject")
    print_account(account)
    output = capsys.readouterr().out
    assert [line.rstrip() for line in output.splitlines() if line.strip()][:12] == [
        "Documents               1",
        "Tokens                 10",
        "Entities                3",
        "  nested                2   66.7%",
        "  inner                 1   33.3%",
        "  outer                 1   33.3%",
        "  crossing              0    0.0%",
        "  overlapping           2   66.7%",
        "  longest, in tokens    3",
        f"Label{' ' * 33}Entities   Share",
        f"A{' ' * 44}2   66.7%",
        f"{label}          1   33.3%",
    ]
    assert "Skipped 1 records (answer: reject)" in output
    assert "Dropped 2 entities (misaligned)" in output
    assert "'bc' (A) in r1, characters 2 to 4" in " ".join(output.split())


def test_nothing_to_count(capsys):
    print_account(Account())
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["Entities", "0"] in rows
    assert ["nested", "0"] in rows
    assert ["longest,", "in", "tokens", "0"] in rows
