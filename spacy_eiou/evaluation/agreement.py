"""How far annotators agree, and where they differ."""

import warnings
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path
from typing import (
    Any,
    Dict,
    Hashable,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from ..annotation.checks import check_not_among
from ..corpora import CorpusError, Reading, Record, printable
from ..corpora.conversion import MAX_BAD, check_records, find_format
from ..files import accepts_strings, to_json, write_files
from ..spans.groups import LabeledSpan
from ..spans.scores import score_spans
from .agreement_page import render_agreement
from .errors import SpanError, find_errors

# How two annotations of the same thing differ, by the class of the error that the second one would
# be if the first one were gold.
DIFFERENCES = {
    "other label": "on the same boundaries, with another label",
    "longer": "the second span holds the first one and more, with the same label",
    "shorter": "the second span is a part of the first one, with the same label",
    "shifted": "the spans cross, with the same label",
    "boundaries and label": "the spans overlap, with other boundaries and another label",
    "only first": "nothing of the second annotator's accounts for it",
    "only second": "nothing of the first annotator's accounts for it",
}
_CLASSES = {
    "wrong type": "other label",
    "too long": "longer",
    "too short": "shorter",
    "boundary and type": "boundaries and label",
    "spurious": "only second",
}
# The scores of `score_spans` that are the same from both sides.
SCORES = ("f", "boundary_f", "label_acc", "inner_f", "outer_f", "flat_f")
# The name under which the suggestions of a model are compared.
SUGGESTIONS = "suggestions"
# How many of the most frequent differences are kept.
N_FREQUENT = 50

# The spans of a text by the name of the annotator.
Annotations = Dict[str, Set[LabeledSpan]]


class AnnotatedText(NamedTuple):
    """A text that several annotators annotated.

    id (str): Its id, as the first of them has it.
    text (str): The text.
    annotations (Annotations): The spans of each annotator.
    """

    id: str
    text: str
    annotations: Annotations


@accepts_strings
def agreement(
    paths: Sequence[Path],
    output: Optional[Path] = None,
    *,
    corpus_format: Optional[str] = None,
    level: Optional[int] = None,
    offsets: Optional[str] = None,
    text_key: Optional[str] = None,
    tag_names: Optional[Sequence[str]] = None,
    annotators: Sequence[str] = (),
    suggestions: Optional[Path] = None,
    max_bad: float = MAX_BAD,
    limit: int = 200,
) -> Dict[str, Any]:
    """Measure how far annotators agree on the texts that several of them annotated, or what they
    made of the suggestions of a model. Texts are matched by what they say; skipped ones are left
    out.

    paths (Sequence[Path]): A file or folder of each annotator, or a single one that names its
        annotators.
    output (Optional[Path]): Directory to write index.html, a page that shows the annotations side
        by side, and agreement.json.
    corpus_format (Optional[str]): A name in `READERS`. If None, what the content of each tells.
    level, offsets, text_key, tag_names, max_bad: See `convert`.
    annotators (Sequence[str]): The annotators to compare. If empty, all.
    suggestions (Optional[Path]): What a model suggested to them: a file of `select` or `annotate`,
        or an export of Label Studio with predictions, which may be that of the annotators. It has
        no part in how far people agree, see `compare_annotators`.
    limit (int): The most texts to show, those with the most differences first.
    RETURNS (Dict[str, Any]): What `compare_annotators` returns, and with suggestions as
        `corrections` what `describe_corrections` returns for each annotator.
    RAISES (CorpusError): If a file is not as expected, or no two annotators share a text.
    """
    outputs = [] if output is None else [output / "index.html", output / "agreement.json"]
    check_not_among(outputs, [*paths, *([] if suggestions is None else [suggestions])])
    reading = Reading(offsets, level, text_key, tag_names, max_bad=max_bad)
    names = _name_paths(paths)
    records: Dict[str, List[Record]] = {}
    if suggestions is not None:
        records[SUGGESTIONS] = _read(suggestions, None, reading, predictions=True)
    for name, path in zip(names, paths):
        read = _read(path, corpus_format, reading)
        for annotator, own in _group_by_annotator(name, read, is_alone=len(paths) == 1).items():
            if annotator == SUGGESTIONS:
                raise CorpusError(
                    f"Expected another name of a file or annotator than '{SUGGESTIONS}'. Those of "
                    "a model are for --suggestions"
                )
            records[annotator] = own
    unknown = [name for name in annotators if name not in records]
    if unknown:
        raise CorpusError(f"Expected annotators from {', '.join(records)}, not {unknown[0]}")
    if annotators:
        wanted = [*([] if suggestions is None else [SUGGESTIONS]), *annotators]
        records = {name: records[name] for name in wanted}
    if len(records) < 2:
        raise CorpusError(
            f"{printable(paths[0])}: expected several annotators, not only {', '.join(records)}. "
            "Name one file for each, or one that tells who annotated what"
        )
    texts = match_texts(records)
    if not any(len(text.annotations) > 1 for text in texts):
        raise CorpusError(
            f"Expected texts that several annotators annotated. {', '.join(records)} share none"
        )
    result = compare_annotators(texts, limit=limit)
    if suggestions is not None:
        result["corrections"] = [
            describe_corrections(name, texts) for name in records if name != SUGGESTIONS
        ]
    if output is not None:
        page = render_agreement(result, DIFFERENCES).encode("utf8")
        write_files(dict(zip(outputs, (page, to_json(result)))))
    return result


def _read(
    path: Path, corpus_format: Optional[str], reading: Reading, *, predictions: bool = False
) -> List[Record]:
    """RETURNS (List[Record]): The records of a file or folder, or what a model predicted for them,
    if the format has both."""
    if not path.exists():
        raise CorpusError(f"{printable(path)}: expected a file or a directory to read")
    found, inputs = find_format(corpus_format, [path])
    options = reading.get_options()
    if predictions and found.name == "label-studio":
        options["predictions"] = True
    read = list(found.read(inputs, **options))
    check_records(read, [path], reading.max_bad)
    _warn_of_dropped(path, read)
    return read


def describe_corrections(annotator: str, texts: Sequence[AnnotatedText]) -> Dict[str, Any]:
    """Tell what an annotator made of the suggestions of a model, which is a test of the model. What
    annotators see they tend to accept, so the scores are too good rather than too bad.

    annotator (str): The name of the annotator.
    texts (Sequence[AnnotatedText]): The texts, with the suggestions under the name `SUGGESTIONS`.
    RETURNS (Dict[str, Any]): The `annotator`, the number of `texts`, how many suggestions were
        `accepted` as they are, `corrected` (another label or other boundaries, see `find_errors`)
        and `removed`, how many spans were `added`, and the scores `p`, `r`, `f` and `per_type` of
        the suggestions, see `score_spans`.
    """
    both = [text for text in texts if {SUGGESTIONS, annotator} <= text.annotations.keys()]
    gold = [text.annotations[annotator] for text in both]
    suggested = [text.annotations[SUGGESTIONS] for text in both]
    errors = [error for sides in zip(gold, suggested) for error in find_errors(*sides)]
    n_removed = sum(error.gold is None for error in errors)
    n_added = sum(error.predicted is None for error in errors)
    scores = score_spans(gold, suggested)
    return {
        "annotator": annotator,
        "texts": len(both),
        "accepted": scores["correct"],
        "corrected": len(errors) - n_removed - n_added,
        "removed": n_removed,
        "added": n_added,
        **{name: scores[name] for name in ("p", "r", "f", "per_type")},
    }


def _name_paths(paths: Sequence[Path]) -> List[str]:
    """RETURNS (List[str]): A name for each path, as short as can be."""
    for names in ([path.stem for path in paths], [path.name for path in paths]):
        if len(set(names)) == len(names):
            return names
    names = [str(path) for path in paths]
    if len(set(names)) < len(names):
        raise CorpusError("Expected a file or folder of each annotator, not the same one twice")
    return names


def _group_by_annotator(
    name: str, records: Iterable[Record], *, is_alone: bool
) -> Dict[str, List[Record]]:
    """RETURNS (Dict[str, List[Record]]): The records of each annotator of a file. One of several
    files is an annotator by itself, unless it names several."""
    records = [record for record in records if record.skipped is None]
    annotators = {record.annotator: None for record in records if record.annotator is not None}
    if not annotators or (len(annotators) == 1 and not is_alone):
        return {name: records}
    n_unnamed = sum(record.annotator is None for record in records)
    if n_unnamed:
        warnings.warn(f"{name}: left out {n_unnamed} texts without an annotator", stacklevel=4)
    return {
        annotator if is_alone else f"{name}: {annotator}": [
            record for record in records if record.annotator == annotator
        ]
        for annotator in annotators
    }


def _warn_of_dropped(path: Path, records: Iterable[Record]) -> None:
    reasons = Counter(dropped.reason for record in records for dropped in record.dropped)
    if reasons:
        listed = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
        warnings.warn(f"{printable(path)}: left out annotations ({listed})", stacklevel=4)


def match_texts(records: Mapping[str, Iterable[Record]]) -> List[AnnotatedText]:
    """Find out who annotated what. White space at the end of a text is not compared. Of equal
    texts, those with the same id are matched, then the first of one annotator that is left with the
    first of the others, and so on.

    records (Mapping[str, Iterable[Record]]): The records of each annotator.
    RETURNS (List[AnnotatedText]): The texts, in the order in which they first occur, equal ones one
        after the other.
    """
    texts: Dict[str, Dict[Tuple[Optional[str], int], AnnotatedText]] = {}
    for annotator, own in records.items():
        for text, equal in _group_by_text(own).items():
            places = texts.setdefault(text, {})
            others = iter([place for key, place in places.items() if key not in equal])
            for key, record in equal.items():
                place = places.get(key) or next(others, None)
                if place is None:
                    place = places[key] = AnnotatedText(record.id, text, {})
                spans = {(entity.start, entity.end, entity.label) for entity in record.entities}
                place.annotations[annotator] = spans
    return [place for places in texts.values() for place in places.values()]


def _group_by_text(
    records: Iterable[Record],
) -> Dict[str, Dict[Tuple[Optional[str], int], Record]]:
    """RETURNS (Dict[str, Dict[Tuple[Optional[str], int], Record]]): The records of each text, by
    their id and how many before have the same one."""
    texts: Dict[str, Dict[Tuple[Optional[str], int], Record]] = {}
    seen: Counter[Tuple[str, Optional[str]]] = Counter()
    for record in records:
        # The files of brat mostly end with a line end, the fields of JSON do not.
        text = record.text.rstrip()
        texts.setdefault(text, {})[record.id, seen[text, record.id]] = record
        seen[text, record.id] += 1
    return texts


def compare_annotators(texts: Sequence[AnnotatedText], *, limit: int = 200) -> Dict[str, Any]:
    """Measure how far annotators agree on the texts that several of them annotated.

    Where no span is, nobody can count what is agreed upon; the F-score, which leaves it out, is
    what a kappa over all candidates would come close to (Hripcsak and Rothschild 2005). Whether
    labels agree by chance can be told where annotators marked the same boundaries: there, the
    labels of one annotator are one category, also if they are several.

    texts (Sequence[AnnotatedText]): The texts. Under the name `SUGGESTIONS` they may have those of
        a model. Where people share texts, these count in `annotators`, `pairs`, `examples` and the
        numbers of `spans` only: both accept what they see, which is no agreement of theirs.
    limit (int): The most texts to give as examples.
    RETURNS (Dict[str, Any]): JSON-serializable values:
        annotators: The number of `texts` and `spans` of each.
        texts, unshared_texts: How many texts several annotated, and how many only one.
        averaged_pairs: How many pairs of annotators the means are of.
        f, boundary_f, label_acc, inner_f, outer_f, flat_f: The mean over the pairs of annotators of
            the F-scores of `score_spans`, and of the share of equal labels on equal boundaries.
        kappa: The mean over the pairs of Cohen's kappa of the labels on equal boundaries.
        alpha: Krippendorff's alpha of the labels on boundaries that at least two annotators marked.
        per_label: For each label, the most frequent one first, the mean F-score over the pairs as
            `f`, and the number of `spans` of each annotator in shared texts.
        pairs: For each pair the names `first` and `second`, the number of `texts` that they share,
            the same scores, how many boundaries are equal as `boundaries`, and the numbers of
            `spans` of both; `differences`, the number of each kind; `confusions`, the most frequent
            `first` and `second` labels on the same boundaries and their `count`; `extents`, the
            most frequent `words` that one has and the other has not in the same span, the
            annotator `with` them, and the `count`; and `unmatched`, the most frequent spans of
            one, by `text`, `label`, `annotator` and `count`.
        examples: The texts with the most differences first: `id`, `text`, `spans` of each annotator
            with `start`, `end`, `label` and whether they are `shared` by all, and the `kinds` and
            `labels` of the differences.
    """
    shared = [text for text in texts if len(text.annotations) > 1]
    names = list(dict.fromkeys(name for text in texts for name in text.annotations))
    pairs = [
        compare_pair(first, second, both)
        for first, second in combinations(names, 2)
        if (both := [text for text in shared if {first, second} <= text.annotations.keys()])
    ]
    people = [name for name in names if name != SUGGESTIONS]
    judged = [text for text in shared if len(text.annotations.keys() - {SUGGESTIONS}) > 1]
    if not judged:
        people, judged = names, shared
    averaged = [pair for pair in pairs if {pair["first"], pair["second"]} <= {*people}]
    means = {name: _mean(pair[name] for pair in averaged) for name in (*SCORES, "kappa")}
    return {
        "annotators": {
            name: {
                "texts": sum(name in text.annotations for text in texts),
                "spans": sum(len(text.annotations.get(name, ())) for text in texts),
            }
            for name in names
        },
        "texts": len(judged),
        "unshared_texts": len(texts) - len(judged),
        "averaged_pairs": len(averaged),
        **means,
        "alpha": krippendorff_alpha(_list_units(judged, people)),
        "per_label": _describe_labels(judged, names, averaged),
        "pairs": pairs,
        "examples": _find_examples(shared, limit),
    }


def compare_pair(first: str, second: str, texts: Sequence[AnnotatedText]) -> Dict[str, Any]:
    """Compare two annotators.

    first (str): The name of one.
    second (str): The name of the other.
    texts (Sequence[AnnotatedText]): Texts that both annotated.
    RETURNS (Dict[str, Any]): See `compare_annotators`, `pairs`.
    """
    sides = [[text.annotations[name] for text in texts] for name in (first, second)]
    scores = score_spans(*sides)
    units = list(_list_units(texts, (first, second)))
    differences: Counter[str] = Counter()
    confusions: Counter[Tuple[str, str]] = Counter()
    extents: Counter[Tuple[str, str]] = Counter()
    unmatched: Counter[Tuple[str, str, str]] = Counter()
    for text, gold, predicted in zip(texts, *sides):
        for error in find_errors(gold, predicted):
            kind = name_difference(error)
            differences[kind] += 1
            if error.gold is None or error.predicted is None:
                start, end, label = error.span
                name = first if error.predicted is None else second
                unmatched[text.text[start:end], label, name] += 1
            elif kind == "other label":
                confusions[error.gold[2], error.predicted[2]] += 1
            else:
                extents.update(
                    (words, name)
                    for name, outer, inner in (
                        (first, error.gold, error.predicted),
                        (second, error.predicted, error.gold),
                    )
                    for words in _subtract(text.text, outer, inner)
                )
    per_type = scores["per_type"] or {}
    return {
        "first": first,
        "second": second,
        "texts": len(texts),
        "spans": [scores["gold"], scores["predicted"]],
        **{name: scores[name] for name in SCORES},
        "boundaries": len(units),
        "kappa": cohen_kappa(units),
        "alpha": krippendorff_alpha(units),
        "per_label": {label: row["f"] for label, row in per_type.items()},
        "differences": {kind: differences[kind] for kind in DIFFERENCES},
        "confusions": [
            {"first": one, "second": other, "count": count}
            for (one, other), count in confusions.most_common(N_FREQUENT)
        ],
        "extents": [
            {"words": words, "with": name, "count": count}
            for (words, name), count in extents.most_common(N_FREQUENT)
        ],
        "unmatched": [
            {"text": words, "label": label, "annotator": name, "count": count}
            for (words, label, name), count in unmatched.most_common(N_FREQUENT)
        ],
    }


def name_difference(error: SpanError) -> str:
    """RETURNS (str): One of `DIFFERENCES`, for an error of a second annotator if the first one's
    spans were gold."""
    if error.error_class.startswith("missed"):
        return "only first"
    return _CLASSES.get(error.error_class, error.error_class)


def cohen_kappa(units: Sequence[Sequence[Hashable]]) -> Optional[float]:
    """Compute Cohen's kappa (1960): by how much two annotators agree beyond what their choices of
    categories let expect, from 0 for chance to 1.

    units (Sequence[Sequence[Hashable]]): The two categories of each unit.
    RETURNS (Optional[float]): Kappa. None if there is no unit, or both have used one and the same
        category only.
    """
    total = len(units)
    n_equal = sum(first == second for first, second in units)
    firsts = Counter(first for first, _ in units)
    seconds = Counter(second for _, second in units)
    n_by_chance = sum(count * seconds[category] for category, count in firsts.items())
    if n_by_chance == total**2:
        return None
    expected = n_by_chance / total**2
    return (n_equal / total - expected) / (1 - expected)


def krippendorff_alpha(units: Iterable[Sequence[Hashable]]) -> Optional[float]:
    """Compute Krippendorff's alpha for categories: one minus the disagreement within units,
    relative to that among all values (Krippendorff, Computing Krippendorff's Alpha-Reliability,
    2011). Any number of annotators may have missed a unit.

    units (Iterable[Sequence[Hashable]]): The categories that annotators gave to each unit. Units
        with less than two don't count.
    RETURNS (Optional[float]): Alpha. None if no unit counts, or there is one category only.
    """
    values: Counter[Hashable] = Counter()
    observed = 0.0
    for unit in units:
        if len(unit) > 1:
            counts = Counter(unit)
            values += counts
            observed += _count_unequal_pairs(counts) / (len(unit) - 1)
    total = sum(values.values())
    unequal = _count_unequal_pairs(values)
    return 1 - (total - 1) * observed / unequal if unequal else None


def _count_unequal_pairs(counts: Mapping[Hashable, int]) -> int:
    """RETURNS (int): The number of ordered pairs of values that differ."""
    return sum(counts.values()) ** 2 - sum(count**2 for count in counts.values())


def _list_units(texts: Iterable[AnnotatedText], names: Sequence[str]) -> Iterator[List[Hashable]]:
    """YIELDS (List[Hashable]): The labels that annotators gave to the same boundaries, in their
    order, if at least two did."""
    for text in texts:
        units: Dict[Tuple[int, int], List[Hashable]] = defaultdict(list)
        for name in names:
            labels: Dict[Tuple[int, int], Set[str]] = defaultdict(set)
            for start, end, label in text.annotations.get(name, ()):
                labels[start, end].add(label)
            for bounds, own in labels.items():
                units[bounds].append(frozenset(own))
        yield from (unit for unit in units.values() if len(unit) > 1)


def _subtract(text: str, outer: LabeledSpan, inner: LabeledSpan) -> Iterator[str]:
    """YIELDS (str): What one span has before and after the other, in lower case."""
    before = text[outer[0] : max(outer[0], min(inner[0], outer[1]))]
    after = text[min(outer[1], max(inner[1], outer[0])) : outer[1]]
    yield from filter(None, (words.strip().lower() for words in (before, after)))


def _describe_labels(
    texts: Sequence[AnnotatedText], names: Sequence[str], pairs: Sequence[Mapping[str, Any]]
) -> Dict[str, Dict[str, Any]]:
    counts = {
        name: Counter(label for text in texts for *_, label in text.annotations.get(name, ()))
        for name in names
    }
    total = sum(counts.values(), Counter[str]())
    return {
        label: {
            "f": _mean(pair["per_label"].get(label) for pair in pairs),
            "spans": {name: counts[name][label] for name in names},
        }
        for label, _ in sorted(total.items(), key=lambda item: (-item[1], item[0]))
    }


def _find_examples(texts: Sequence[AnnotatedText], limit: int) -> List[Dict[str, Any]]:
    examples: List[Dict[str, Any]] = []
    n_differences = []
    for text in texts:
        kinds: Counter[str] = Counter()
        labels: Set[str] = set()
        for first, second in combinations(text.annotations.values(), 2):
            for error in find_errors(first, second):
                kinds[name_difference(error)] += 1
                labels.update(span[2] for span in (error.gold, error.predicted) if span)
        n_differences.append(sum(kinds.values()))
        shared = set.intersection(*text.annotations.values())
        examples.append(
            {
                "id": text.id,
                "text": text.text,
                "spans": {
                    name: [
                        {"start": start, "end": end, "label": label, "shared": span in shared}
                        for span in sorted(spans)
                        for start, end, label in (span,)
                    ]
                    for name, spans in text.annotations.items()
                },
                "kinds": dict(kinds),
                "labels": sorted(labels),
            }
        )
    order = sorted(range(len(examples)), key=lambda index: -n_differences[index])
    return [examples[index] for index in order[:limit]]


def _mean(values: Iterable[Optional[float]]) -> Optional[float]:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
