from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import numpy
from spacy.cli._util import Arg, Opt, import_code, setup_gpu
from spacy.language import Language
from spacy.pipeline.spancat import SpanCategorizer
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import load_model, minibatch
from thinc.api import fix_random_seed
from thinc.types import Floats2d, Ragged
from tqdm import tqdm
from wasabi.printer import Printer

from ..evaluation.analysis import AnalyzedDoc, analyze_docs
from ..evaluation.errors import ERROR_CLASSES
from ..evaluation.report import render_report
from ..evaluation.scorer import get_spans
from ..evaluation.scores import LabeledSpan
from ._util import CODE_OPTION, GPU_OPTION, app, read_examples, write_file, write_json
from .calibrate import FLOOR, select_candidates
from .evaluate import find_spans_key


@app.command("analyze")
def analyze_cli(
    model: str = Arg(..., help="Model name or path"),
    data_path: Path = Arg(
        ..., help="Location of binary evaluation data in .spacy format", exists=True
    ),
    output: Path = Opt(
        ..., "--output", "-o", help="Directory for index.html and analysis.json", file_okay=False
    ),
    limit: int = Opt(200, "--limit", "-l", help="The most errors to show as examples", min=0),
    code_path: Optional[Path] = CODE_OPTION,
    use_gpu: int = GPU_OPTION,
    spans_key: Optional[str] = Opt(
        None,
        "--spans-key",
        "-sk",
        help="Spans key to analyze. Defaults to the one that both the pipeline and the data hold",
    ),
) -> None:
    """
    Analyze the errors of a trained nested_spancat or spancat, and write a page
    that shows them: classes of errors, confusion of types, probabilities,
    scores by width, nesting and rarity, and examples.
    """
    import_code(code_path)
    analyze(
        model,
        data_path,
        output,
        limit=limit,
        use_gpu=use_gpu,
        spans_key=spans_key,
        silent=False,
    )


def analyze(
    model: str,
    data_path: Path,
    output: Path,
    *,
    limit: int = 200,
    use_gpu: int = -1,
    spans_key: Optional[str] = None,
    silent: bool = True,
) -> Dict[str, Any]:
    """Analyze the errors of a pipeline.

    model (str): Name or path of the pipeline.
    data_path (Path): A .spacy file or a directory of them.
    output (Path): The directory of index.html and analysis.json.
    limit (int): The most errors to show as examples.
    use_gpu (int): GPU ID or -1 for CPU.
    spans_key (Optional[str]): Key of `Doc.spans` to analyze. If None, the one that both a component
        of the pipeline and the data hold.
    silent (bool): Whether to print nothing.
    RETURNS (Dict[str, Any]): What `analyze_docs` returns, and what `render_report` needs besides.
    """
    msg = Printer(no_print=silent, pretty=not silent)
    fix_random_seed()
    setup_gpu(use_gpu, silent=silent)
    try:
        nlp = load_model(model)
        examples = read_examples(data_path, nlp)
        component = find_component(nlp, find_spans_key(nlp, examples, spans_key))
    except (ValueError, OSError) as err:
        msg.fail(f"Can't analyze '{model}' on '{data_path}'", err, exits=1)
    annotated = [example for example in examples if component.key in example.reference.spans]
    progress = tqdm(
        predict(nlp, component, annotated), total=len(annotated), disable=silent or None
    )
    analysis = {
        "model": model,
        "data": str(data_path),
        "spans_key": component.key,
        "threshold": component.cfg["threshold"],
        "label_thresholds": component.cfg.get("label_thresholds", {}),
        "floor": FLOOR,
        "direction": nlp.vocab.writing_system["direction"],
        "unannotated_docs": len(examples) - len(annotated),
        **analyze_docs(list(progress), get_training_counts(component), max_examples=limit),
    }
    write_json(output / "analysis.json", analysis)
    write_file(output / "index.html", render_report(analysis).encode("utf8"))
    print_errors(msg, analysis["errors"])
    msg.good(f"Saved analysis to {output / 'index.html'}")
    return analysis


def find_component(nlp: Language, spans_key: str) -> SpanCategorizer:
    """Find the component that writes a spans key.

    nlp (Language): The pipeline.
    spans_key (str): Key of `Doc.spans`.
    RETURNS (SpanCategorizer): The component.
    RAISES (ValueError): If there is none that gives its candidates probabilities.
    """
    components = {pipe.key: pipe for _, pipe in nlp.pipeline if isinstance(pipe, SpanCategorizer)}
    if spans_key not in components:
        raise ValueError(
            f"No nested_spancat or spancat in the pipeline writes the spans key '{spans_key}'. "
            f"Spans keys that they write: {', '.join(components) or 'none'}."
        )
    return components[spans_key]


def predict(
    nlp: Language, component: SpanCategorizer, examples: List[Example]
) -> Iterator[AnalyzedDoc]:
    """Predict spans, and the probabilities of candidates.

    nlp (Language): The pipeline.
    component (SpanCategorizer): The component.
    examples (List[Example]): The annotated examples.
    YIELDS (AnalyzedDoc): What the analysis needs of each.
    """
    earlier = nlp.pipe_names[: nlp.pipe_names.index(component.name)]
    with nlp.select_pipes(enable=earlier):
        for batch in minibatch(examples, nlp.batch_size):  # type: ignore[no-untyped-call]
            # On copies, so that the tensors that components leave there go with the batch
            docs = list(nlp.pipe(example.predicted.copy() for example in batch))
            candidates, scores = component.predict(docs)
            component.set_annotations(docs, (candidates, scores))
            probabilities = get_probabilities(component, docs, candidates, scores)
            for example, doc, doc_probabilities in zip(batch, docs, probabilities):
                yield AnalyzedDoc(
                    tokens=[token.text_with_ws for token in doc],
                    gold=set(get_spans(example.reference, component.key)),
                    predicted=set(get_spans(doc, component.key)),
                    candidates=doc_probabilities,
                    record_id=example.reference.user_data.get("record_id"),
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
    candidates, scores = select_candidates(candidates, scores[:, : len(labels)])
    bounds = numpy.cumsum(candidates.lengths)[:-1]
    doc_parts = zip(docs, numpy.split(candidates.dataXd, bounds), numpy.split(scores, bounds))
    for doc, doc_candidates, doc_scores in doc_parts:
        probabilities = {}
        for row, column in numpy.argwhere(doc_scores >= FLOOR):
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


def print_errors(msg: Printer, errors: Dict[str, int]) -> None:
    """Print the number of errors of each class, the most frequent one first.

    msg (Printer): The printer to use.
    errors (Dict[str, int]): The numbers.
    """
    total = sum(errors.values())
    msg.table(
        [
            (name, count, f"{100 * count / total:.1f}" if total else "-", ERROR_CLASSES[name])
            for name, count in sorted(errors.items(), key=lambda item: -item[1])
        ],
        header=("Class", "Errors", "%", "Meaning"),
        aligns=("l", "r", "r", "l"),
        max_col=max(map(len, ERROR_CLASSES.values())),
        title="Error classes",
    )
