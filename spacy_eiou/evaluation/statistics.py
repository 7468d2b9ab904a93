import math
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Counter, Dict, Iterable, List, Optional, Tuple

import numpy as np
from spacy.pipeline.spancat import DEFAULT_SPANS_KEY
from spacy.tokens import Doc
from spacy.training.corpus import FILE_TYPE, walk_corpus
from spacy.vocab import Vocab

from ..corpora import LabeledText, find_warnings
from ..corpora.docbin import read_docs
from ..files import accepts_strings, check_not_read, write_json
from ..spans.groups import describe_spans_keys
from ..spans.nesting import find_nesting
from ..spans.pairs import Ints, lay_end_to_end
from ..spans.widths import WidthChoice, choose_width, count_candidates
from ..tables import one_line

# The same as spaCy's thresholds for `debug data`.
RARE_LABEL_THRESHOLD = 50
DISTINCT_THRESHOLD = 1

CANDIDATE_WIDTHS = (1, 2, 4, 8, 12, 16, 24, 32)

# Document index, start and end token.
IndexedSpan = Tuple[int, int, int]


@dataclass
class LabelStatistics:
    """The spans of one label.

    spans (int): Number of spans.
    docs_without (int): Number of docs without a span of the label.
    length (float): Geometric mean of the span lengths, in tokens.
    span_distinctiveness (float): Kullback-Leibler divergence of the distribution of words in the
        spans from the distribution of words in the corpus, in nats.
    boundary_distinctiveness (float): The same divergence for the tokens right before and right
        after the spans.
    """

    spans: int
    docs_without: int
    length: float
    span_distinctiveness: float
    boundary_distinctiveness: float


@dataclass
class WidthStatistics:
    """What a suggester of all spans up to a width gives.

    width (int): Greatest width, in tokens.
    candidates_per_token (float): Number of candidates in the corpus over its number of tokens.
    coverage (float): Share of the spans that are among the candidates, between 0 and 1.
    """

    width: int
    candidates_per_token: float
    coverage: float


@dataclass
class Statistics:
    """Statistics of the spans in a corpus. Shares lie between 0 and 1.

    docs (int): Number of docs.
    annotated_docs (int): Number of docs that hold the spans key.
    tokens (int): Number of tokens.
    spans (int): Number of spans.
    length (float): Average of the labels' values, weighted by their number of spans, as for the
        next two.
    span_distinctiveness (float): See `LabelStatistics`.
    boundary_distinctiveness (float): See `LabelStatistics`.
    nested, inner, outer, crossing, overlapping (float): Share of the spans that are so, see
        `spans.nesting`.
    crossing_pairs (int): Number of pairs of spans that cross.
    depths (Dict[int, int]): Number of spans at each depth: 1 for spans that lie in no other one, 2
        for spans directly inside those, and so on.
    lengths (Dict[int, int]): Number of spans of each length in tokens.
    widths (List[WidthStatistics]): Cost and coverage of candidates up to several widths, the last
        one that of the longest span.
    default_width (WidthChoice): How wide candidates are by default, and what the widest spans cost.
    labels (Dict[str, LabelStatistics]): Statistics by label, the most frequent one first.
    warnings (List[str]): What may be wrong with the corpus, see `find_warnings`.
    """

    docs: int
    annotated_docs: int
    tokens: int
    spans: int
    length: float
    span_distinctiveness: float
    boundary_distinctiveness: float
    nested: float
    inner: float
    outer: float
    crossing: float
    overlapping: float
    crossing_pairs: int
    depths: Dict[int, int]
    lengths: Dict[int, int]
    widths: List[WidthStatistics]
    default_width: WidthChoice
    labels: Dict[str, LabelStatistics]
    warnings: List[str] = field(default_factory=list)

    @property
    def rare_labels(self) -> List[str]:
        """The labels with fewer than `RARE_LABEL_THRESHOLD` spans."""
        return [k for k, label in self.labels.items() if label.spans < RARE_LABEL_THRESHOLD]

    def to_dict(self) -> Dict[str, Any]:
        """Convert the statistics to JSON-serializable values.

        RETURNS (Dict[str, Any]): The attributes by name, and the `rare_labels`.
        """
        return {**asdict(self), "rare_labels": self.rare_labels}


@accepts_strings
def statistics(
    data_path: Path, *, output: Optional[Path] = None, spans_key: str = DEFAULT_SPANS_KEY
) -> Statistics:
    """Compute statistics of the spans in annotated data.

    data_path (Path): A .spacy file or a directory of them, which are taken for the parts of a
        corpus: warnings tell of documents that they share.
    output (Optional[Path]): JSON file to write the statistics to.
    spans_key (str): Key of `Doc.spans` to look at.
    RETURNS (Statistics): The statistics.
    RAISES (ValueError): If a file is damaged, no doc has spans under the key, one of them is empty,
        or the output is one of the files.
    """
    if output is not None:
        check_not_read(output, [data_path])
    vocab = Vocab()
    parts: Dict[str, List[Doc]] = {}
    for path in walk_corpus(data_path, FILE_TYPE) or [data_path]:
        parts.setdefault(path.stem, []).extend(read_docs(path, vocab))
    result = compute_statistics(chain.from_iterable(parts.values()), spans_key)
    result.warnings = find_warnings(
        {
            part: [LabeledText.from_doc(doc, spans_key) for doc in docs if spans_key in doc.spans]
            for part, docs in parts.items()
        }
    )
    if output is not None:
        write_json(output, result.to_dict())
    return result


def compute_statistics(docs: Iterable[Doc], spans_key: str = DEFAULT_SPANS_KEY) -> Statistics:
    """Compute the statistics of annotated docs. Lengths and distinctiveness are defined as in
    spaCy's `debug data`.

    docs (Iterable[Doc]): The annotated docs.
    spans_key (str): Key of `Doc.spans` to look at.
    RETURNS (Statistics): The statistics.
    RAISES (ValueError): If no doc has spans under the key, or one of them is empty.
    """
    docs = list(docs)
    known: Dict[int, str] = {}
    words = [_get_words(doc, known) for doc in docs]
    word_counts = Counter(chain.from_iterable(words))
    spans_by_label: Dict[str, List[IndexedSpan]] = defaultdict(list)
    for index, doc in enumerate(docs):
        for span in doc.spans.get(spans_key, []):
            if span.start >= span.end:
                raise ValueError(
                    f"Can't compute statistics: the span '{span.label_}' at token {span.start} of "
                    f"'{one_line(doc.text[:60])}' is empty. `eiou convert --max-bad 1` leaves out "
                    "what is empty"
                )
            spans_by_label[span.label_].append((index, span.start, span.end))
    if not spans_by_label:
        raise ValueError(
            f"Can't compute statistics: no spans under the key '{spans_key}'. "
            f"{describe_spans_keys(docs)}"
        )
    labels = {
        label: _describe_label(spans, words, word_counts)
        for label, spans in sorted(spans_by_label.items(), key=lambda item: -len(item[1]))
    }
    doc_lengths = np.array([len(doc) for doc in docs])
    spans = np.array(list(chain.from_iterable(spans_by_label.values())))
    lengths = spans[:, 2] - spans[:, 1]
    nesting = find_nesting(lay_end_to_end(spans[:, 0], spans[:, 1:]))
    return Statistics(
        docs=len(docs),
        annotated_docs=sum(spans_key in doc.spans for doc in docs),
        tokens=int(doc_lengths.sum()),
        spans=len(spans),
        length=_weighted_average(labels, "length"),
        span_distinctiveness=_weighted_average(labels, "span_distinctiveness"),
        boundary_distinctiveness=_weighted_average(labels, "boundary_distinctiveness"),
        nested=float(nesting.nested.mean()),
        inner=float(nesting.inner.mean()),
        outer=float(nesting.outer.mean()),
        crossing=float(nesting.crossing.mean()),
        overlapping=float(nesting.overlapping.mean()),
        crossing_pairs=nesting.crossing_pairs,
        depths=_count_values(nesting.depth),
        lengths=_count_values(lengths),
        widths=_describe_widths(lengths, doc_lengths),
        default_width=choose_width(lengths, doc_lengths),
        labels=labels,
    )


def _get_words(doc: Doc, known: Dict[int, str]) -> List[str]:
    """RETURNS (List[str]): The normalized words of a doc. Those that are `known` by the hash of
    their form are not normalized again."""
    # Not by token, of which Python objects would have to be made.
    attributes: Any = doc.to_array(["ORTH"])
    forms = attributes.ravel().tolist()
    for form in forms:
        if form not in known:
            known[form] = _normalize(doc.vocab.strings[form])
    return [known[form] for form in forms]


def _normalize(word: str) -> str:
    return word.lower().replace("``", '"').replace("''", '"')


def _describe_label(
    spans: List[IndexedSpan], words: List[List[str]], word_counts: Counter[str]
) -> LabelStatistics:
    span_words: Counter[str] = Counter()
    boundary_words: Counter[str] = Counter()
    for doc, start, end in spans:
        span_words.update(words[doc][start:end])
        boundary_words.update(words[doc][max(start - 1, 0) : start])
        boundary_words.update(words[doc][end : end + 1])
    return LabelStatistics(
        spans=len(spans),
        docs_without=len(words) - len({doc for doc, _, _ in spans}),
        length=math.exp(sum(math.log(end - start) for _, start, end in spans) / len(spans)),
        span_distinctiveness=_kl_divergence(span_words, word_counts),
        boundary_distinctiveness=_kl_divergence(boundary_words, word_counts),
    )


def _kl_divergence(counts: Counter[str], reference: Counter[str]) -> float:
    total = sum(counts.values())
    reference_total = sum(reference.values())
    return sum(
        count / total * math.log(count / total * reference_total / reference[word])
        for word, count in counts.items()
    )


def _weighted_average(labels: Dict[str, LabelStatistics], name: str) -> float:
    total = sum(getattr(label, name) * label.spans for label in labels.values())
    return float(total / sum(label.spans for label in labels.values()))


def _count_values(values: Ints) -> Dict[int, int]:
    return dict(zip(*(array.tolist() for array in np.unique(values, return_counts=True))))


def _describe_widths(lengths: Ints, doc_lengths: Ints) -> List[WidthStatistics]:
    longest = int(lengths.max())
    widths = [width for width in CANDIDATE_WIDTHS if width < longest] + [longest]
    return [
        WidthStatistics(
            width=width,
            candidates_per_token=float(count_candidates(doc_lengths, width) / doc_lengths.sum()),
            coverage=float((lengths <= width).mean()),
        )
        for width in widths
    ]
