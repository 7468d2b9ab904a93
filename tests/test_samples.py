import json
from collections import Counter
from pathlib import Path
from typing import List, Tuple

import pytest

ASSETS = Path(__file__).parent.parent / "assets"
PARTS = ("train", "dev", "test")

Span = Tuple[int, int, str]
Sentence = Tuple[str, List[Span]]


def read_biomedical(part):
    path = ASSETS / "sample_biomedical" / f"{part}.jsonl"
    for line in path.read_text(encoding="utf8").splitlines():
        record = json.loads(line)
        yield record["text"], [(s["start"], s["end"], s["label"]) for s in record["spans"]]


def read_annotations(path):
    annotations = []
    for line in path.read_text(encoding="utf8").splitlines():
        _, location, surface = line.split("\t")
        label, start, end = location.split()
        annotations.append(((int(start), int(end), label), surface))
    return annotations


def read_industrial(part):
    for path in sorted((ASSETS / "sample_industrial" / part).glob("*.txt")):
        spans = [span for span, _ in read_annotations(path.with_suffix(".ann"))]
        line_start = 0
        for line in path.read_text(encoding="utf8").splitlines():
            line_end = line_start + len(line)
            yield (
                line,
                [
                    (start - line_start, end - line_start, label)
                    for start, end, label in spans
                    if line_start <= start and end <= line_end
                ],
            )
            line_start = line_end + 1


READERS = {"sample_biomedical": read_biomedical, "sample_industrial": read_industrial}


@pytest.fixture(params=sorted(READERS))
def corpus(request):
    return request.param


@pytest.fixture
def sentences(corpus):
    return {part: list(READERS[corpus](part)) for part in PARTS}


def count_labels(sentences):
    return {
        part: Counter(label for _, spans in sentences[part] for _, _, label in spans)
        for part in PARTS
    }


def counts_in_readme(corpus):
    """The rows of the table under the heading of the corpus."""
    readme = (ASSETS / "README.md").read_text(encoding="utf8")
    section = readme.split(f"## {corpus}\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:1] == "|"]
    return {label: tuple(map(int, counts)) for label, _, *counts in rows[2:]}


def test_part_sizes(sentences):
    assert [len(sentences[part]) for part in PARTS] == [240, 60, 60]


def test_offsets_point_at_text(sentences):
    for part in PARTS:
        for text, spans in sentences[part]:
            for start, end, _ in spans:
                assert 0 <= start < end <= len(text)
                assert text[start:end] == text[start:end].strip()


def test_boundaries_are_unique(sentences):
    for part in PARTS:
        for text, spans in sentences[part]:
            assert len({(start, end) for start, end, _ in spans}) == len(spans), text


def test_no_sentence_occurs_twice(sentences):
    texts = Counter(" ".join(text.lower().split()) for part in PARTS for text, _ in sentences[part])
    assert [text for text, count in texts.items() if count > 1] == []


def test_ids_are_unique():
    ids = [
        json.loads(line)["id"]
        for part in PARTS
        for line in (ASSETS / "sample_biomedical" / f"{part}.jsonl").open(encoding="utf8")
    ]
    assert len(set(ids)) == len(ids) == 360


def test_labels_have_a_long_tail_in_every_part(sentences):
    counts = count_labels(sentences)
    assert len(counts["train"]) >= 8
    assert set(counts["train"]) == set(counts["dev"]) == set(counts["test"])
    assert 6 <= min(counts["train"].values()) <= 15


def test_entities_are_nested(sentences):
    spans_total = inner_total = 0
    for part in PARTS:
        for _, spans in sentences[part]:
            spans_total += len(spans)
            inner_total += sum(
                any(
                    outer_start <= start and end <= outer_end
                    for outer_start, outer_end, _ in spans
                    if (outer_start, outer_end) != (start, end)
                )
                for start, end, _ in spans
            )
    assert inner_total / spans_total >= 0.1


@pytest.mark.parametrize("part", PARTS)
def test_brat_surface_matches_text(part):
    paths = sorted((ASSETS / "sample_industrial" / part).glob("*.ann"))
    read = 0
    for path in paths:
        text = path.with_suffix(".txt").read_text(encoding="utf8")
        assert text.endswith("\n")
        for (start, end, _), surface in read_annotations(path):
            assert text[start:end] == surface
            read += 1
    assert read == sum(len(spans) for _, spans in read_industrial(part))


def test_readme_counts_are_the_real_ones(corpus, sentences):
    counts = count_labels(sentences)
    real = {label: tuple(counts[part][label] for part in PARTS) for label in counts["train"]}
    assert counts_in_readme(corpus) == real
