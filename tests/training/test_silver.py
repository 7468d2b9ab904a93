import gc
from typing import List

import pytest
import spacy
from self_training_util import get_spans, make_ruler, write_texts
from spacy.tokens import Doc, DocBin, Span

from spacy_eiou.corpora import CorpusError
from spacy_eiou.training import silver
from spacy_eiou.training.silver import Silver, annotate_silver, vote
from spacy_eiou.training.texts import check_texts


def read_parts(path):
    vocab = spacy.blank("en").vocab
    return {
        part.name: [doc.text for doc in DocBin().from_disk(part).get_docs(vocab)]
        for part in sorted(path.glob("*.spacy"))
    }


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(silver, "CHARACTERS_PER_PART", 12)


@pytest.fixture
def ruler(tmp_path):
    return spacy.load(make_ruler(tmp_path / "ruler", "gene"))


def annotate(nlp, texts_path, checksum="a"):
    texts = check_texts(texts_path, max_length=20)
    return annotate_silver([nlp], texts, texts_path.with_name("silver"), checksum=checksum)


def test_parts(small_parts, ruler, tmp_path):
    path = write_texts(tmp_path / "a.txt", "a gene", "b gene", "c", "", "x" * 21, "gene and gene")
    assert annotate(ruler, path) == Silver(4, 0, {"word": 4})
    assert read_parts(tmp_path / "silver") == {
        "0000.spacy": ["a gene", "b gene"],
        "0001.spacy": ["c", "gene and gene"],
    }


def test_whole_parts_are_kept(small_parts, ruler, tmp_path, monkeypatch):
    path = write_texts(tmp_path / "a.txt", *[f"gene number {n}" for n in range(3)])
    annotated: List[str] = []

    def stop(docs):
        annotated.append(docs[0].text)
        if len(annotated) == 2:
            raise KeyboardInterrupt
        return vote(docs)

    monkeypatch.setattr(silver, "vote", stop)
    with pytest.raises(KeyboardInterrupt):
        annotate(ruler, path)
    assert list(read_parts(tmp_path / "silver")) == ["0000.spacy"]
    # What a kill leaves that comes before the progress is written.
    (tmp_path / "silver" / "0001.spacy").touch()
    (tmp_path / "silver" / "0009.spacy").touch()
    assert annotate(ruler, path) == Silver(3, 1, {"word": 3})
    assert annotated == ["gene number 0", "gene number 1", "gene number 1", "gene number 2"]
    assert read_parts(tmp_path / "silver") == {
        f"000{n}.spacy": [f"gene number {n}"] for n in range(3)
    }
    assert annotate(ruler, path) == Silver(3, 3, {"word": 3})
    assert len(annotated) == 4


@pytest.mark.parametrize("is_part_lost", [True, False])
def test_other_parts_are_removed(small_parts, ruler, tmp_path, is_part_lost):
    path = write_texts(tmp_path / "a.txt", *[f"gene number {n}" for n in range(3)])
    annotate(ruler, path)
    write_texts(path, "no other gene")
    if is_part_lost:
        (tmp_path / "silver" / "0001.spacy").unlink()
    with pytest.warns(UserWarning, match="silver: starting from the first text, because"):
        result = annotate(ruler, path, checksum="a" if is_part_lost else "b")
    assert result == Silver(1, 0, {"word": 1})
    assert read_parts(tmp_path / "silver") == {"0000.spacy": ["no other gene"]}


def count_docs():
    return sum(type(item) is Doc for item in gc.get_objects())


@pytest.mark.parametrize("n_texts", [100, 400])
def test_memory_is_bounded(n_texts, tmp_path, ruler, monkeypatch):
    n_alive: List[int] = []

    def count(docs):
        if docs[0].text.endswith("50 moves"):
            n_alive.append(count_docs())
        return vote(docs)

    monkeypatch.setattr(silver, "CHARACTERS_PER_PART", 300)
    monkeypatch.setattr(silver, "vote", count)
    path = write_texts(tmp_path / "a.txt", *[f"gene-{n} moves" for n in range(n_texts)])
    gc.collect()
    n_before = count_docs()
    n_strings = len(ruler.vocab.strings)
    assert annotate(ruler, path).n_texts == n_texts
    assert len(n_alive) == n_texts // 100
    # A part has 22 to 25 texts.
    assert max(n_alive) - n_before <= 50
    assert len(ruler.vocab.strings) <= n_strings + 50


def make_doc(text, *entities, key="sc"):
    doc = spacy.blank("en").make_doc(text)
    doc.spans[key] = [Span(doc, *entity) for entity in entities]
    return doc


def test_vote():
    outer, inner, other = (0, 3, "DNA"), (0, 1, "word"), (0, 1, "DNA")
    annotations = [(inner, outer), (outer, other), (inner,), (outer, inner)]
    docs = [make_doc("gene 4 moves", *entities) for entities in annotations]
    assert get_spans(vote(docs[:1])) == [inner, outer]
    assert get_spans(vote(docs[:2])) == [outer]
    docs = [make_doc("gene 4 moves", *entities) for entities in annotations]
    assert get_spans(vote(docs)) == [inner, outer]


def test_equal_spans_of_one_teacher_are_one_vote():
    entities = [(0, 1, "word", 0, kb_id) for kb_id in ("Q1", "Q2")]
    docs = [make_doc("gene 4 moves", *entities), *(make_doc("gene 4 moves") for _ in range(2))]
    assert get_spans(vote(docs)) == []
    docs = [make_doc("gene 4 moves", *entities), make_doc("gene 4 moves", (0, 1, "word"))]
    assert get_spans(vote(docs)) == [(0, 1, "word")]


def test_vote_with_several_keys():
    docs = [
        make_doc("gene 4 moves", (0, 1, "word")),
        make_doc("gene 4 moves", (1, 2, "number"), key="numbers"),
        make_doc("gene 4 moves", (1, 2, "number"), key="numbers"),
    ]
    doc = vote(docs)
    assert get_spans(doc) == []
    assert get_spans(doc, "numbers") == [(1, 2, "number")]


def test_vote_on_different_tokens():
    docs = [make_doc("gene-4 moves"), make_doc("gene - 4 moves")]
    with pytest.raises(CorpusError, match="'gene-4 moves' into different tokens"):
        vote(docs)
