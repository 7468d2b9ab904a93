import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy
from spacy.cli._util import Arg, Opt, import_code, setup_gpu
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import load_model, minibatch
from thinc.api import fix_random_seed
from thinc.backends import get_array_ops
from thinc.types import Floats2d, Ragged
from wasabi.printer import Printer

from ..evaluation.calibration import find_label_thresholds, find_threshold
from ..evaluation.scorer import get_spans, nested_spans_score
from ..evaluation.statistics import describe_spans_keys
from ..pipeline import NestedSpanCategorizer
from ._util import CODE_OPTION, GPU_OPTION, app, read_examples, write_json

# Candidates with a lower score are not looked at: nearly all of them, and hardly one is gold.
FLOOR = 0.01
SCORES = {"SPAN P": "p", "SPAN R": "r", "SPAN F": "f", "MACRO F": "macro_f"}

# A batch of docs, its candidates and their scores.
Prediction = Tuple[List[Doc], Tuple[Ragged, Floats2d]]


@app.command("calibrate")
def calibrate_cli(
    model: Path = Arg(..., help="Path to the pipeline", exists=True, file_okay=False),
    data_path: Path = Arg(
        ..., help="Location of binary development data in .spacy format", exists=True
    ),
    output: Optional[Path] = Opt(
        None,
        "--output",
        "-o",
        help="Directory to save the pipeline to. Defaults to the one it is in",
        file_okay=False,
    ),
    component_name: Optional[str] = Opt(
        None,
        "--component",
        "-n",
        help="Name of the component. Defaults to the only nested_spancat in the pipeline",
    ),
    per_label: bool = Opt(
        False, "--per-label", "-l", help="Find a threshold per label, for the best macro F-score"
    ),
    min_examples: int = Opt(
        10,
        "--min-examples",
        "-m",
        help="Labels with fewer spans in the data keep the common threshold",
        min=1,
    ),
    code_path: Optional[Path] = CODE_OPTION,
    use_gpu: int = GPU_OPTION,
) -> None:
    """
    Find the threshold of a trained nested_spancat that gives the best micro
    F-score on development data, or one per label, and store it in the
    pipeline. Don't use the test data for this. Thresholds per label need far
    more data than a common one: check that they hold on data of their own.
    """
    import_code(code_path)
    calibrate(
        model,
        data_path,
        output=output,
        component_name=component_name,
        per_label=per_label,
        min_examples=min_examples,
        use_gpu=use_gpu,
        silent=False,
    )


def calibrate(
    model: Path,
    data_path: Path,
    *,
    output: Optional[Path] = None,
    component_name: Optional[str] = None,
    per_label: bool = False,
    min_examples: int = 10,
    use_gpu: int = -1,
    silent: bool = True,
) -> Dict[str, Any]:
    """Find the thresholds that score best on development data and store them in the pipeline,
    unless they score below those that it has.

    model (Path): Directory of the pipeline.
    data_path (Path): A .spacy file or a directory of them.
    output (Optional[Path]): Directory to save the pipeline to, by default the one it is in.
    component_name (Optional[str]): Name of the component. If None, the only one of its kind.
    per_label (bool): Whether to find a threshold per label, which maximises the macro F-score, and
        not only a common one, which maximises the micro F-score.
    min_examples (int): Labels with fewer gold spans keep the common threshold.
    use_gpu (int): GPU ID or -1 for CPU.
    silent (bool): Whether to print nothing.
    RETURNS (Dict[str, Any]): The `threshold` and the `label_thresholds` that the pipeline now has,
        and the scores of `nested_spans_score` `before` and `after`.
    """
    msg = Printer(no_print=silent, pretty=not silent)
    fix_random_seed()
    setup_gpu(use_gpu, silent=silent)
    output = (output or model).resolve()
    try:
        check_output(output)
        nlp = load_model(model)
        examples = read_examples(data_path, nlp)
        component = find_component(nlp, component_name)
        n_gold = count_gold_spans(examples, component.key)
        predictions = predict(nlp, component, examples)
        old = {name: component.cfg[name] for name in ("threshold", "label_thresholds")}
        before = score(component, predictions, examples, old)
        new = find_thresholds(
            component, predictions, examples, n_gold, per_label=per_label, min_examples=min_examples
        )
    except (ValueError, OSError) as err:
        msg.fail(f"Can't calibrate '{model}' on '{data_path}'", err, exits=1)
    after = score(component, predictions, examples, new)
    print_scores(msg, before, after, component.key)
    print_thresholds(msg, component.labels, old, new)
    if per_label:
        warn_about_labels(msg, component.labels, n_gold, new["label_thresholds"], min_examples)
    target = f"spans_{component.key}_{'macro_f' if per_label else 'f'}"
    if after[target] < before[target]:
        msg.warn("The new thresholds score lower than the old ones, which are kept")
        component.cfg.update(old)
        new, after = old, before
    save_pipeline(model.resolve(), output, component)
    msg.good(f"Saved pipeline to {output}")
    return {**new, "before": before, "after": after}


def check_output(output: Path) -> None:
    """Check that saving a pipeline to a directory replaces nothing but another pipeline.

    output (Path): The directory, which need not exist.
    RAISES (ValueError): If it holds anything else.
    """
    if output.exists() and any(output.iterdir()) and not (output / "meta.json").exists():
        raise ValueError(
            f"The output directory '{output}' is neither empty nor a pipeline (it has no "
            "meta.json). Choose another one with --output."
        )


def find_component(nlp: Language, name: Optional[str] = None) -> NestedSpanCategorizer:
    """Find the component to calibrate.

    nlp (Language): The pipeline.
    name (Optional[str]): The name that the user asks for.
    RETURNS (NestedSpanCategorizer): The component of that name, or else the only one of its kind.
    RAISES (ValueError): If there is no such component, or if there are several and no name.
    """
    components = {
        pipe_name: pipe
        for pipe_name, pipe in nlp.pipeline
        if isinstance(pipe, NestedSpanCategorizer)
    }
    if name in components:
        return components[name]
    if name is None and len(components) == 1:
        return components.popitem()[1]
    problem = (
        "Can't tell which component to calibrate, choose one with --component."
        if name is None
        else f"The pipeline has no component '{name}' made by nested_spancat."
    )
    raise ValueError(f"{problem} Components it has: {', '.join(components) or 'none'}.")


def count_gold_spans(examples: List[Example], spans_key: str) -> Dict[str, int]:
    """Count the gold spans of each label.

    examples (List[Example]): The annotated examples.
    spans_key (str): Key of `Doc.spans`.
    RETURNS (Dict[str, int]): The number of spans by label, 0 for any that does not occur.
    RAISES (ValueError): If there are no spans under the key.
    """
    references = [example.reference for example in examples]
    n_gold = Counter(label for doc in references for *_, label in set(get_spans(doc, spans_key)))
    if not n_gold:
        raise ValueError(
            f"No doc has spans under the key '{spans_key}', which the component writes. "
            f"{describe_spans_keys(references)}"
        )
    return n_gold


def predict(
    nlp: Language, component: NestedSpanCategorizer, examples: List[Example]
) -> List[Prediction]:
    """Predict candidates and scores, without choosing among those that reach the floor.

    nlp (Language): The pipeline.
    component (NestedSpanCategorizer): The component.
    examples (List[Example]): The examples, whose predicted docs the components before it annotate.
    RETURNS (List[Prediction]): Batches of predictions, to pass to `set_annotations`.
    """
    earlier = nlp.pipe_names[: nlp.pipe_names.index(component.name)]
    predictions = []
    with nlp.select_pipes(enable=earlier):
        for batch in minibatch(examples, nlp.batch_size):  # type: ignore[no-untyped-call]
            docs = list(nlp.pipe(example.predicted for example in batch))
            for example, doc in zip(batch, docs):
                example.predicted = doc
            predictions.append((docs, select_candidates(*component.predict(docs))))
    return predictions


def select_candidates(candidates: Ragged, scores: Floats2d) -> Tuple[Ragged, Floats2d]:
    """Drop the candidates that no label scores at the floor, and move the rest to the CPU.

    candidates (Ragged): The candidates of each doc, shape (n, 2).
    scores (Floats2d): Their scores, shape (n, K).
    RETURNS (Tuple[Ragged, Floats2d]): The candidates that are left, and their scores.
    """
    to_numpy = get_array_ops(scores).to_numpy
    scores, lengths = to_numpy(scores), to_numpy(candidates.lengths)
    likely = (scores >= FLOOR).any(axis=1)
    doc_indices = numpy.repeat(numpy.arange(len(lengths)), lengths)[likely]
    spans = to_numpy(candidates.dataXd).reshape((-1, 2))[likely]
    n_likely = numpy.bincount(doc_indices, minlength=len(lengths)).astype("i")
    return Ragged(spans, n_likely), scores[likely]


def score(
    component: NestedSpanCategorizer,
    predictions: List[Prediction],
    examples: List[Example],
    thresholds: Dict[str, Any],
) -> Dict[str, Any]:
    """Set the thresholds, annotate the predicted docs with the spans that reach them, and score.

    component (NestedSpanCategorizer): The component.
    predictions (List[Prediction]): Its predictions.
    examples (List[Example]): The examples, with the docs of the predictions.
    thresholds (Dict[str, Any]): The settings `threshold` and `label_thresholds`.
    RETURNS (Dict[str, Any]): The scores of `nested_spans_score`.
    """
    component.cfg.update(thresholds)
    for docs, candidates_scores in predictions:
        component.set_annotations(docs, candidates_scores)
    return nested_spans_score(examples, spans_key=component.key)


def find_thresholds(
    component: NestedSpanCategorizer,
    predictions: List[Prediction],
    examples: List[Example],
    n_gold: Dict[str, int],
    *,
    per_label: bool,
    min_examples: int,
) -> Dict[str, Any]:
    """Find the thresholds that score best, from what the component decodes at the floor.

    Candidates compete for a place by score alone: a common threshold drops spans as it rises and
    never brings one back, so that this is exact. So it is for thresholds per label if spans may
    overlap in any way. If not, a label's threshold may bring back spans of other labels, which is
    left out of account.

    component (NestedSpanCategorizer): The component.
    predictions (List[Prediction]): Its predictions.
    examples (List[Example]): The examples, with the docs of the predictions.
    n_gold (Dict[str, int]): Number of gold spans by label.
    per_label (bool): Whether to find a threshold per label.
    min_examples (int): The least number of gold spans of a label with a threshold of its own.
    RETURNS (Dict[str, Any]): The settings `threshold` and `label_thresholds`.
    RAISES (ValueError): If no prediction is correct.
    """
    score(component, predictions, examples, {"threshold": FLOOR, "label_thresholds": {}})
    scores, correct, labels = get_predictions(examples, component.key)
    threshold = find_threshold(scores, correct, sum(n_gold.values()), floor=FLOOR)
    if threshold is None:
        raise ValueError(
            f"No span that the component scores {FLOOR} or more is a gold span, so that no "
            f"threshold is better than another. Labels of the component: "
            f"{', '.join(component.labels)}. Labels in the data: {', '.join(n_gold)}."
        )
    label_thresholds: Dict[str, float] = {}
    if per_label:
        label_thresholds = find_label_thresholds(
            scores,
            correct,
            labels,
            {label: n_gold[label] for label in component.labels},
            floor=FLOOR,
            min_examples=min_examples,
        )
    return {"threshold": threshold, "label_thresholds": label_thresholds}


def get_predictions(
    examples: List[Example], spans_key: str
) -> Tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """Get the predicted spans of the annotated examples.

    examples (List[Example]): The examples.
    spans_key (str): Key of `Doc.spans`.
    RETURNS (Tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]): Of each span the score, whether
        it is a gold span, and the label. Each of shape (n,).
    """
    scores, correct, labels = [numpy.zeros(0, dtype="f")], [], []
    for example in examples:
        if spans_key in example.reference.spans:
            gold = set(get_spans(example.reference, spans_key))
            predicted = get_spans(example.predicted, spans_key)
            scores.append(example.predicted.spans[spans_key].attrs["scores"])
            correct += [span in gold for span in predicted]
            labels += [label for *_, label in predicted]
    return (
        numpy.concatenate(scores),
        numpy.array(correct, dtype=bool),
        numpy.array(labels, dtype=str),
    )


def save_pipeline(model: Path, output: Path, component: NestedSpanCategorizer) -> None:
    """Save the settings of a component, which hold the thresholds, and everything else as it is.
    If this is interrupted, even by a kill, the pipeline is the old or the new one, or for an
    instant missing: then both lie beside it, in directories whose names begin with a dot.

    model (Path): Directory of the pipeline.
    output (Path): Directory to save to: the same, or another one, which is replaced.
    component (NestedSpanCategorizer): The component.
    """
    if output == model:
        write_json(model / component.name / "cfg", component.cfg)
        return
    new, old = (output.with_name(f".{output.name}.{part}.{os.getpid()}") for part in ("new", "old"))
    try:
        shutil.copytree(model, new)
        write_json(new / component.name / "cfg", component.cfg)
        if output.exists():
            output.replace(old)
        new.replace(output)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def print_scores(
    msg: Printer, before: Dict[str, Any], after: Dict[str, Any], spans_key: str
) -> None:
    """Print the scores before and after, multiplied by 100.

    msg (Printer): The printer to use.
    before (Dict[str, Any]): The scores with the old thresholds.
    after (Dict[str, Any]): The scores with the new ones.
    spans_key (str): The spans key they were computed for.
    """
    rows = []
    for title, name in SCORES.items():
        old, new = (100 * scores[f"spans_{spans_key}_{name}"] for scores in (before, after))
        rows.append((title, f"{old:.2f}", f"{new:.2f}", f"{new - old:+.2f}"))
    msg.table(
        rows,
        header=("", "BEFORE", "AFTER", "GAIN"),
        aligns=("l", "r", "r", "r"),
        title="Results",
    )


def print_thresholds(
    msg: Printer,
    labels: Sequence[str],
    old: Dict[str, Any],
    new: Dict[str, Any],
) -> None:
    """Print the common threshold, and those of the labels that have one of their own.

    msg (Printer): The printer to use.
    labels (Sequence[str]): The labels of the component.
    old (Dict[str, Any]): The settings `threshold` and `label_thresholds` before.
    new (Dict[str, Any]): The settings `threshold` and `label_thresholds` after.
    """
    thresholds = {"(common)": (old["threshold"], new["threshold"])}
    for label in labels:
        if label in old["label_thresholds"] or label in new["label_thresholds"]:
            thresholds[label] = tuple(x["label_thresholds"].get(label) for x in (old, new))
    msg.table(
        [(name, *map(_format_threshold, values)) for name, values in thresholds.items()],
        header=("", "BEFORE", "AFTER"),
        aligns=("l", "r", "r"),
        max_col=max(30, *map(len, thresholds)),
        title="Thresholds",
    )


def warn_about_labels(
    msg: Printer,
    labels: Sequence[str],
    n_gold: Dict[str, int],
    label_thresholds: Dict[str, float],
    min_examples: int,
) -> None:
    """Name the labels that keep the common threshold, and why.

    msg (Printer): The printer to use.
    labels (Sequence[str]): The labels of the component.
    n_gold (Dict[str, int]): Number of gold spans by label.
    label_thresholds (Dict[str, float]): The thresholds of the other labels.
    min_examples (int): The least number of gold spans of a label with a threshold of its own.
    """
    others = [label for label in labels if label not in label_thresholds]
    rare = [f"'{label}' ({n_gold[label]})" for label in others if n_gold[label] < min_examples]
    never_correct = [f"'{label}'" for label in others if n_gold[label] >= min_examples]
    if rare:
        msg.warn(
            f"{len(rare)} labels with under {min_examples} spans keep the common threshold",
            ", ".join(rare),
        )
    if never_correct:
        msg.warn(
            f"{len(never_correct)} labels without a correct prediction keep the common threshold",
            ", ".join(never_correct),
        )


def _format_threshold(threshold: Optional[float]) -> str:
    return "-" if threshold is None else f"{threshold:.4f}"
