import json
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import numpy as np
from spacy.language import Language
from spacy.pipeline.spancat import SpanCategorizer
from spacy.tokens import Doc
from spacy.training import Example
from thinc.types import Floats2d, Ragged

from ..annotation.checks import check_apart, check_unread
from ..annotation.selection import choose_texts
from ..annotation.source_files import find_sources
from ..corpora import CorpusError, printable
from ..files import accepts_strings, to_json_line, write_files
from ..pipeline.ceilings import find_ceilings
from ..pipeline.loading import load_finished_pipeline
from ..pipeline.prediction import (
    FLOOR,
    find_compared_key,
    find_component,
    predict_candidates,
    read_examples,
    select_likely,
)
from ..progress import ProgressBar
from ..spans.groups import LabeledSpan, get_spans
from .advice import advise
from .analysis import AnalyzedDoc, analyze_docs
from .report import render_report

# What is written, beside a page.
ANALYSIS_NAME = "analysis.json"
SELECTED_NAME = "selected.jsonl"


@accepts_strings
def analyze(
    model: str,
    data_path: Path,
    output: Optional[Path] = None,
    *,
    limit: int = 200,
    texts: Optional[str] = None,
    n_texts: int = 10,
    use_gpu: int = -1,
    spans_key: Optional[str] = None,
    silent: bool = True,
) -> Dict[str, Any]:
    """Analyze the errors of a pipeline.

    model (str): Name or path of the pipeline.
    data_path (Path): A .spacy file or a directory of them.
    output (Optional[Path]): Directory to write index.html, a page that shows the errors, and
        analysis.json.
    limit (int): The most errors to show as examples.
    texts (Optional[str]): Texts without annotation, in any format that `select` reads. Those that
        are worth annotating next are chosen of them, and written to selected.jsonl.
    n_texts (int): How many of them to choose.
    use_gpu (int): GPU ID or -1 for CPU.
    spans_key (Optional[str]): Key of `Doc.spans` to analyze. If None, the one that both a component
        of the pipeline and the data hold.
    silent (bool): Whether to show no progress.
    RETURNS (Dict[str, Any]): What `analyze_docs` returns, as `next` what `advise` returns and the
        chosen `texts`, see `select`, and what `render_report` needs besides.
    RAISES (ValueError): If the data or the pipeline do not tell which spans to analyze.
    RAISES (OSError): If there is no such pipeline.
    RAISES (CorpusError): If chosen texts of before would be lost, which were changed, or texts that
        are read.
    """
    if output is not None and texts is not None:
        _check_selected(output, texts)
    nlp = load_finished_pipeline(model, use_gpu=use_gpu)
    examples = read_examples(data_path, nlp)
    spans_key = find_compared_key(nlp, examples, spans_key)
    component = find_component(nlp, SpanCategorizer, spans_key=spans_key)
    annotated = [example for example in examples if spans_key in example.reference.spans]
    progress = ProgressBar(
        predict(nlp, component, annotated), total=len(annotated), disable=silent or None
    )
    docs = list(progress)
    analysis = {
        "model": printable(model),
        "data": printable(data_path),
        "spans_key": spans_key,
        "threshold": component.cfg["threshold"],
        "label_thresholds": component.cfg.get("label_thresholds", {}),
        "floor": FLOOR,
        "direction": nlp.vocab.writing_system["direction"],
        "unannotated_docs": len(examples) - len(annotated),
        "ceilings": find_ceilings(component, annotated, nlp=nlp).to_dict(),
        **analyze_docs(docs, get_training_counts(component), max_examples=limit),
    }
    analysis["next"] = advise(analysis, docs)
    chosen: Dict[str, bytes] = {}
    if texts is not None:
        selection = choose_texts([nlp], texts, n=n_texts, spans_key=spans_key, silent=silent)
        analysis["next"]["texts"] = selection.texts
        chosen[SELECTED_NAME] = _encode_texts(selection.texts)
    if output is not None:
        page = render_report(analysis).encode("utf8")
        # Texts may hold numbers of more digits than spaCy's JSON keeps.
        data = json.dumps(analysis, ensure_ascii=False, indent=2).encode("utf8")
        # The chosen texts first, so that they are never there without the analysis that knows them.
        contents = {**chosen, "index.html": page, ANALYSIS_NAME: data}
        write_files({output / name: content for name, content in contents.items()})
    return analysis


def _encode_texts(texts: List[Dict[str, Any]]) -> bytes:
    return "".join(map(to_json_line, texts)).encode("utf8")


def _check_selected(output: Path, texts: str) -> None:
    """Check that the texts that were chosen before are as they were written: somebody may have
    annotated them. Nor may their file be one of those to choose from."""
    path, analysis = output / SELECTED_NAME, output / ANALYSIS_NAME
    check_apart([path], [source.location for source in find_sources(texts)])
    check_unread([path], texts)
    if path.exists():
        known = json.loads(analysis.read_bytes())["next"] if analysis.exists() else {}
        if path.read_bytes() != _encode_texts(known.get("texts", [])):
            raise CorpusError(
                f"{printable(path)}: expected the texts that were chosen before. This file is "
                "another one, or was changed, and would be lost: move it, or choose another output"
            )


def predict(
    nlp: Language, component: SpanCategorizer, examples: List[Example]
) -> Iterator[AnalyzedDoc]:
    """Predict spans, and the probabilities of candidates.

    nlp (Language): The pipeline.
    component (SpanCategorizer): The component.
    examples (List[Example]): The annotated examples.
    YIELDS (AnalyzedDoc): What the analysis needs of each.
    """
    # Copies, so that the tensors that components leave there go with each batch
    copies = (example.predicted.copy() for example in examples)
    references = (example.reference for example in examples)
    for docs, candidates, scores in predict_candidates(nlp, component, copies):
        component.set_annotations(docs, (candidates, scores))
        probabilities = get_probabilities(component, docs, candidates, scores)
        # In this order, since zip takes from the last one no more than it needs
        for doc, doc_probabilities, reference in zip(docs, probabilities, references):
            yield AnalyzedDoc(
                tokens=[token.text_with_ws for token in doc],
                gold=set(get_spans(reference, component.key)),
                predicted=set(get_spans(doc, component.key)),
                candidates=doc_probabilities,
                record_id=reference.user_data.get("record_id"),
            )


def get_probabilities(
    component: SpanCategorizer, docs: List[Doc], candidates: Ragged, scores: Floats2d
) -> Iterator[Dict[LabeledSpan, float]]:
    """Get the probabilities that reach the floor.

    component (SpanCategorizer): The component.
    docs (List[Doc]): The docs.
    candidates (Ragged): The candidates of each doc, shape (n, 2).
    scores (Floats2d): Their scores, shape (n, K), or (n, K + 1) if the last is "no entity".
    YIELDS (Dict[LabeledSpan, float]): The probability of each likely candidate and label of a doc.
    """
    labels = component.labels
    candidates, scores = select_likely(candidates, scores[:, : len(labels)])
    bounds = np.cumsum(candidates.lengths)[:-1]
    doc_parts = zip(docs, np.split(candidates.dataXd, bounds), np.split(scores, bounds))
    for doc, doc_candidates, doc_scores in doc_parts:
        probabilities = {}
        for row, column in np.argwhere(doc_scores >= FLOOR):
            start, end = doc_candidates[row]
            span = doc[start:end]
            key = (span.start_char, span.end_char, labels[column])
            probabilities[key] = float(doc_scores[row, column])
        yield probabilities


def get_training_counts(component: SpanCategorizer) -> Optional[Dict[str, int]]:
    """Get the number of spans of each label that a component was trained on.

    component (SpanCategorizer): The component.
    RETURNS (Optional[Dict[str, int]]): The numbers, or None if the component does not know them.
    """
    counts = component.cfg.get("class_counts")
    return None if counts is None else dict(zip(component.labels, counts))
