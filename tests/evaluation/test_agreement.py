import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_eiou.corpora import CorpusError
from spacy_eiou.evaluation import agreement, cohen_kappa, krippendorff_alpha
from spacy_eiou.evaluation.agreement import (
    DIFFERENCES,
    SCORES,
    SUGGESTIONS,
    AnnotatedText,
    compare_annotators,
    compare_pair,
)

TEXT = "The boiler feed pump seal leaked oil."
BOILER, PUMP, FEED_PUMP, SEAL, OIL = (4, 10), (4, 20), (11, 20), (4, 25), (33, 36)
ANNA = [(*BOILER, "part"), (*PUMP, "part"), (*SEAL, "part"), (*OIL, "substance")]
BEN = [(*BOILER, "part"), (*FEED_PUMP, "part"), (*SEAL, "state")]

labels = st.sampled_from(["a", "b", "c"])
bounds = st.tuples(st.integers(0, 5), st.integers(1, 4))
spans = st.sets(
    st.builds(lambda bound, label: (bound[0], sum(bound), label), bounds, labels), max_size=6
)
sides = st.lists(st.tuples(spans, spans, spans), min_size=1, max_size=4)
units = st.lists(st.tuples(labels, labels), max_size=12)


def make_texts(rows, names=("Anna", "Ben", "Carl")):
    return [
        AnnotatedText(str(number), "abc def gh", dict(zip(names, map(set, row))))
        for number, row in enumerate(rows)
    ]


def write(path, *records):
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), "utf8")
    return path


def make_record(found, text=TEXT, **fields):
    return {
        "text": text,
        "spans": [{"start": start, "end": end, "label": label} for start, end, label in found],
        **fields,
    }


@pytest.mark.parametrize(
    "counts,kappa",
    [
        # po = 0.7, pe = 0.5; po = 0.6, pe = 0.54; po = 0.6, pe = 0.46
        ({"yy": 20, "yn": 5, "ny": 10, "nn": 15}, 0.4),
        ({"yy": 45, "yn": 15, "ny": 25, "nn": 15}, 0.06 / 0.46),
        ({"yy": 25, "yn": 35, "ny": 5, "nn": 35}, 0.14 / 0.54),
        ({"ab": 1, "ba": 1}, -1),
        ({"ab": 3}, 0),
        ({"aa": 3}, None),
        ({}, None),
    ],
)
def test_cohen_kappa(counts, kappa):
    found = cohen_kappa([tuple(unit) for unit, count in counts.items() for _ in range(count)])
    assert found == (kappa if kappa is None else pytest.approx(kappa))


@pytest.mark.parametrize(
    "annotators,alpha",
    [
        # The examples of Krippendorff (2011)
        (["0100000010", "1110010000"], 0.095),
        (["aabbdcccedda", "babbbcccedd" + "d"], 0.692),
        (["123321412...", "1233224125.3", ".3332342251.", "12332441251."], 0.743),
        (["aa", "aa"], None),
        (["a.", ".a"], None),
    ],
)
def test_krippendorff_alpha(annotators, alpha):
    units = [[value for value in unit if value != "."] for unit in zip(*annotators)]
    found = krippendorff_alpha(units)
    assert found == (alpha if alpha is None else pytest.approx(alpha, abs=5e-4))


def test_pair():
    # Shared: boiler. Boundaries: boiler and seal. Ben's seal has another label, his pump is shorter
    pair = compare_pair("Anna", "Ben", [AnnotatedText("1", TEXT, {"Anna": {*ANNA}, "Ben": {*BEN}})])
    assert pair["spans"] == [4, 3]
    assert pair["f"] == pytest.approx(2 / 7)
    assert pair["boundary_f"] == pytest.approx(4 / 7)
    assert pair["boundaries"] == 2
    assert pair["label_acc"] == 0.5
    # Anna: part, part. Ben: part, state. pe = 0.5
    assert pair["kappa"] == 0
    # Coincidences: part-part 2, part-state 2; Do = 2 / 4, De = 2 * 3 * 1 / (4 * 3)
    assert pair["alpha"] == pytest.approx(0)
    assert pair["per_label"] == {"part": pytest.approx(0.4), "state": 0, "substance": 0}
    found = {kind: count for kind, count in pair["differences"].items() if count}
    assert found == {"other label": 1, "shorter": 1, "only first": 1}
    assert pair["confusions"] == [{"first": "part", "second": "state", "count": 1}]
    assert pair["extents"] == [{"words": "boiler", "with": "Anna", "count": 1}]
    assert pair["unmatched"] == [
        {"text": "oil", "label": "substance", "annotator": "Anna", "count": 1}
    ]


def test_inner_outer_and_flat_spans_are_scored_apart():
    texts = [AnnotatedText("1", TEXT, {"Anna": {*ANNA}, "Ben": {*ANNA} - {(*BOILER, "part")}})]
    pair = compare_pair("Anna", "Ben", texts)
    # Anna's inner spans are boiler and pump, Ben has the latter alone
    assert pair["inner_f"] == pytest.approx(2 / 3)
    assert pair["flat_f"] == 1


def test_all_labels_of_a_span_are_one_category():
    both = {(0, 3, "a"), (0, 3, "b")}
    pair = compare_pair("Anna", "Ben", make_texts([(both, both), ({(0, 3, "a")}, both)]))
    assert (pair["boundaries"], pair["label_acc"]) == (2, 0.5)


def test_three_annotators():
    one, other = {(0, 3, "a")}, {(0, 3, "b")}
    texts = make_texts([(one, one, other), (one, one, set())])
    texts.append(AnnotatedText("alone", "text", {"Anna": set()}))
    result = compare_annotators(texts)
    assert result["annotators"]["Anna"] == {"texts": 3, "spans": 2}
    assert (result["texts"], result["unshared_texts"]) == (2, 1)
    assert [(pair["first"], pair["second"]) for pair in result["pairs"]] == [
        ("Anna", "Ben"),
        ("Anna", "Carl"),
        ("Ben", "Carl"),
    ]
    assert [pair["f"] for pair in result["pairs"]] == [1, 0, 0]
    assert result["f"] == pytest.approx(1 / 3)
    # Units aab and aa: Do = (4 / 2) / 5, De = 2 * 4 * 1 / (5 * 4)
    assert result["alpha"] == pytest.approx(0)
    assert list(result["per_label"]) == ["a", "b"]
    assert result["per_label"]["a"]["spans"] == {"Anna": 2, "Ben": 2, "Carl": 0}
    assert [example["id"] for example in result["examples"]] == ["0", "1"]
    assert result["examples"][0]["spans"]["Carl"] == [
        {"start": 0, "end": 3, "label": "b", "shared": False}
    ]


def test_suggestions_have_no_part_in_how_far_people_agree():
    one, other, suggested = {(0, 3, "a")}, {(0, 3, "b")}, {(0, 3, "a"), (4, 7, "c")}
    people = make_texts([(one, one | other, other), (one, one, one)])
    people.append(AnnotatedText("alone", "abc def gh", {"Anna": one}))
    with_suggestions = [
        text._replace(annotations={SUGGESTIONS: suggested, **text.annotations}) for text in people
    ]
    expected, found = compare_annotators(people), compare_annotators(with_suggestions)
    for name in (*SCORES, "kappa", "alpha", "texts", "unshared_texts", "averaged_pairs"):
        assert found[name] == expected[name], name
    assert (found["texts"], found["unshared_texts"], found["averaged_pairs"]) == (2, 1, 3)
    assert found["per_label"]["a"]["f"] == expected["per_label"]["a"]["f"]
    assert found["per_label"]["c"]["f"] is None
    assert found["per_label"]["c"]["spans"] == {SUGGESTIONS: 2, "Anna": 0, "Ben": 0, "Carl": 0}
    # The text of Anna alone can be compared with what the model suggested
    assert [(pair["second"], pair["texts"]) for pair in found["pairs"][:3]] == [
        ("Anna", 3),
        ("Ben", 2),
        ("Carl", 2),
    ]
    assert {example["id"] for example in found["examples"]} == {"0", "1", "alone"}


def test_people_who_share_no_text_are_compared_with_the_suggestions():
    one, other = {(0, 3, "a")}, {(0, 3, "b")}
    texts = [
        AnnotatedText("1", "abc", {SUGGESTIONS: one, "Anna": one}),
        AnnotatedText("2", "abc", {SUGGESTIONS: one, "Ben": other}),
    ]
    result = compare_annotators(texts)
    assert (result["f"], result["averaged_pairs"], result["texts"]) == (0.5, 2, 2)


@given(sides)
def test_both_sides_see_the_same(rows):
    texts = make_texts(rows)
    first, second = compare_pair("Anna", "Ben", texts), compare_pair("Ben", "Anna", texts)
    for name in (*SCORES, "kappa", "alpha"):
        assert first[name] == pytest.approx(second[name]), name
    assert first["per_label"] == second["per_label"]


@given(sides)
def test_the_same_annotation_agrees_in_all(rows):
    pair = compare_pair("Anna", "Ben", make_texts([(row[0], row[0]) for row in rows]))
    assert {pair[name] for name in (*SCORES, "kappa", "alpha")} <= {1, None}
    assert not any(pair["differences"].values())


@given(sides)
def test_order_does_not_matter(rows):
    expected = compare_annotators(make_texts(rows))
    turned = compare_annotators(make_texts([(row[2], *row[:2]) for row in rows[::-1]]))
    for name in (*SCORES, "kappa", "alpha"):
        assert turned[name] == pytest.approx(expected[name]), name


@given(units)
def test_kappa_and_alpha_of_many_units_are_alike(found):
    kappa, alpha = cohen_kappa(found * 100), krippendorff_alpha(found * 100)
    assert kappa is None or kappa <= 1
    assert alpha is None or alpha <= 1
    # Alpha takes the categories of both as those of one: where these are the same, it is kappa
    mirrored = (found + [unit[::-1] for unit in found]) * 100
    kappa, alpha = cohen_kappa(mirrored), krippendorff_alpha(mirrored)
    assert alpha == (None if kappa is None else pytest.approx(kappa, abs=0.01))


def test_files_of_several_formats(tmp_path):
    anna = write(tmp_path / "anna.jsonl", make_record(ANNA), make_record([], "Only Anna has this."))
    (tmp_path / "ben").mkdir()
    (tmp_path / "ben" / "1.txt").write_text(f"{TEXT}\n")
    lines = [
        f"T{number}\t{label} {start} {end}\t{TEXT[start:end]}\n"
        for number, (start, end, label) in enumerate(BEN, start=1)
    ]
    (tmp_path / "ben" / "1.ann").write_text("".join(lines))
    result = agreement([anna, tmp_path / "ben"], tmp_path / "page")
    assert list(result["annotators"]) == ["anna", "ben"]
    assert (result["texts"], result["unshared_texts"]) == (1, 1)
    assert result["f"] == pytest.approx(2 / 7)
    saved = json.loads((tmp_path / "page" / "agreement.json").read_text("utf8"))
    assert saved["pairs"][0]["differences"] == result["pairs"][0]["differences"]
    assert "only first" in (tmp_path / "page" / "index.html").read_text("utf8")


def test_one_export_of_several_annotators(tmp_path):
    records = [
        make_record(found, _annotator_id=name)
        for name, found in [("anna", ANNA), ("ben", BEN), ("carl", BEN)]
    ]
    records.append(make_record([], "Rejected.", _annotator_id="ben", answer="reject"))
    path = write(tmp_path / "export.jsonl", *records)
    assert len(agreement([path])["pairs"]) == 3
    result = agreement([path], annotators=["carl", "ben"])
    assert list(result["annotators"]) == ["carl", "ben"]
    assert result["f"] == 1
    with pytest.raises(CorpusError, match="from anna, ben, carl, not dora"):
        agreement([path], annotators=["anna", "dora"])


def test_nobody_is_called_as_the_suggestions_of_a_model(tmp_path):
    paths = [
        write(tmp_path / f"{name}.jsonl", make_record(ANNA)) for name in ("anna", "suggestions")
    ]
    with pytest.raises(CorpusError, match=r"Expected another name .* than 'suggestions'"):
        agreement(paths)


def test_what_is_read_is_never_replaced(tmp_path):
    (tmp_path / "ben").mkdir()
    anna = write(tmp_path / "agreement.json", make_record(ANNA))
    ben = write(tmp_path / "ben" / "a.jsonl", make_record(BEN))
    before = anna.read_bytes()
    with pytest.raises(CorpusError, match=r"another output path: .*agreement.json is or lies in"):
        agreement([anna, ben], tmp_path)
    with pytest.raises(CorpusError, match=r"is or lies in .*ben, which is read"):
        agreement([anna, tmp_path / "ben"], tmp_path / "ben")
    assert anna.read_bytes() == before


def test_what_is_left_out_is_told(tmp_path):
    named = [make_record(BEN, _annotator_id=name) for name in ("anna", "ben")]
    path = write(tmp_path / "export.jsonl", *named, make_record(ANNA))
    with pytest.warns(UserWarning, match="export: left out 1 texts without an annotator"):
        assert agreement([path])["f"] == 1
    broken = write(tmp_path / "broken.jsonl", make_record([*BEN, (4, 4, "part")]))
    other = write(tmp_path / "other.jsonl", make_record(BEN))
    with pytest.warns(UserWarning, match=r"left out annotations \(1 empty or reversed\)"):
        assert agreement([broken, other])["f"] == 1


def test_equal_texts_are_matched_in_order(tmp_path):
    one, other = make_record([(*BOILER, "part")]), make_record([(*OIL, "part")])
    first = write(tmp_path / "a.jsonl", one, other, other)
    second = write(tmp_path / "b.jsonl", one, other)
    result = agreement([first, second])
    assert (result["f"], result["texts"], result["unshared_texts"]) == (1, 2, 1)


def test_equal_texts_with_ids_are_matched_by_them(tmp_path):
    """Notes repeat, and files come in any order."""
    records = [
        {**make_record([(*BOILER, "part")]), "id": "n1"},
        {**make_record([(*OIL, "part")]), "id": "n2"},
        make_record([]),
    ]
    first = write(tmp_path / "a.jsonl", *records)
    second = write(tmp_path / "b.jsonl", records[1], records[2], records[0])
    assert agreement([first, second])["f"] == 1
    third = write(tmp_path / "c.jsonl", records[1])
    result = agreement([first, third])
    assert (result["f"], result["texts"], result["unshared_texts"]) == (1, 1, 2)


def test_texts_of_one_annotator_alone_are_an_error(tmp_path):
    anna, ben = (
        write(tmp_path / f"{name}.jsonl", make_record([], f"{name} has this.")) for name in "ab"
    )
    with pytest.raises(CorpusError, match="a, b share none"):
        agreement([anna, ben])
    with pytest.raises(CorpusError, match="several annotators, not only a"):
        agreement([anna])
    with pytest.raises(CorpusError, match="not the same one twice"):
        agreement([anna, anna])
    with pytest.raises(CorpusError, match="expected a file or a directory"):
        agreement([anna, tmp_path / "c.jsonl"])


def test_all_differences_are_explained():
    crossing = [((0, 3, "a"), (1, 5, "a")), ((0, 3, "a"), (1, 5, "b")), ((1, 2, "a"), (0, 3, "a"))]
    crossing += [((0, 3, "a"), (1, 2, "a")), ((0, 3, "a"), (0, 3, "b"))]
    rows = [({one}, {other}) for one, other in crossing]
    rows += [({(0, 3, "a")}, set()), (set(), {(0, 3, "a")})]
    pair = compare_pair("Anna", "Ben", make_texts(rows))
    assert pair["differences"] == dict.fromkeys(DIFFERENCES, 1)


def make_region(start, end, label):
    value = {"start": start, "end": end, "labels": [label]}
    return {"type": "labels", "value": value}


def check_corrections(result):
    (row,) = result["corrections"]
    counts = [row[name] for name in ("accepted", "corrected", "removed", "added")]
    # The boiler; the pump with other boundaries; the oil; the seal.
    assert counts == [1, 1, 1, 1]
    assert (row["texts"], row["p"], row["r"]) == (1, pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert row["per_type"]["substance"]["predicted"] == 1


SUGGESTED = [(*BOILER, "part"), (*PUMP, "part"), (*OIL, "substance")]
CORRECTED = [(*BOILER, "part"), (*FEED_PUMP, "part"), (*SEAL, "state")]


def test_export_with_predictions_tells_what_was_corrected(tmp_path):
    task = {
        "id": 1,
        "data": {"text": TEXT},
        "predictions": [
            {"model_version": "m", "result": [make_region(*span) for span in SUGGESTED]}
        ],
        "annotations": [
            {"completed_by": "anna", "result": [make_region(*span) for span in CORRECTED]}
        ],
    }
    path = tmp_path / "export.json"
    path.write_text(json.dumps([task]), "utf8")
    result = agreement([path], tmp_path / "output", suggestions=path)
    check_corrections(result)
    assert result["corrections"][0]["annotator"] == "anna"
    page = (tmp_path / "output" / "index.html").read_text("utf8")
    assert "What became of the suggestions" in page
    del task["predictions"]
    path.write_text(json.dumps([task]), "utf8")
    with pytest.raises(CorpusError, match="a task with 'data' and 'predictions'"):
        agreement([path], suggestions=path)


def test_suggestions_of_a_file_are_compared_with_what_came_back(tmp_path):
    def make(spans, **more):
        keys = ("start", "end", "label")
        return {"text": TEXT, "spans": [{**dict(zip(keys, span)), **more} for span in spans]}

    suggested = write(tmp_path / "selected.jsonl", make(SUGGESTED, score=0.5))
    corrected = write(tmp_path / "corrected.jsonl", make(CORRECTED))
    check_corrections(agreement([corrected], suggestions=suggested))
    clash = write(tmp_path / "suggestions.jsonl", make(CORRECTED))
    with pytest.raises(CorpusError, match="another name of a file"):
        agreement([clash], suggestions=suggested)
    assert "corrections" not in agreement([corrected, suggested])
