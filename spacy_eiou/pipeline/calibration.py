import shutil
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np
import srsly
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import load_config
from thinc.types import Floats2d, Ragged

from ..files import accepts_strings, check_not_read, replacing, write_file, write_json
from ..spans.groups import describe_spans_keys, get_spans
from ..spans.pairs import Ints
from ..spans.scores import select_scores
from .loading import load_finished_pipeline
from .nested_spancat import NestedSpanCategorizer
from .prediction import FLOOR, find_component, predict_candidates, read_examples, select_likely
from .scorer import nested_spans_score
from .thresholds import (
    MIN_EXAMPLES,
    Labels,
    ScoredSpans,
    Thresholds,
    cross_validate,
    find_thresholds,
)

# A batch of docs, its candidates and their scores.
Prediction = Tuple[List[Doc], Tuple[Ragged, Floats2d]]


class Calibration(NamedTuple):
    """What `calibrate` found.

    old (Thresholds): The thresholds before.
    new (Thresholds): Those that were found.
    kept_old (bool): Whether the old ones score better, so that the pipeline keeps them.
    before (Dict[str, Any]): The scores of `score_spans` with the old thresholds.
    after (Dict[str, Any]): Those with the thresholds that the pipeline has now.
    cross_validated (Optional[Dict[str, float]]): Precision, recall, micro and macro F-score of a
        common threshold on docs that did not choose it, see `cross_validate`. None if there are not
        two docs.
    cross_validated_by_label (Optional[Dict[str, float]]): The same of thresholds per label, if they
        were asked for.
    n_gold (Dict[str, int]): The number of gold spans of each label of the component.
    n_docs (int): The number of annotated docs.
    output (Path): Where the pipeline is saved.
    """

    old: Thresholds
    new: Thresholds
    kept_old: bool
    before: Dict[str, Any]
    after: Dict[str, Any]
    cross_validated: Optional[Dict[str, float]]
    cross_validated_by_label: Optional[Dict[str, float]]
    n_gold: Dict[str, int]
    n_docs: int
    output: Path

    @property
    def thresholds(self) -> Thresholds:
        """The thresholds that the pipeline has now."""
        return self.old if self.kept_old else self.new

    @property
    def lost_by_label(self) -> Optional[float]:
        """How much lower the macro F-score of thresholds per label is in cross-validation than that
        of a common one, so that they are left out. None if it is not lower."""
        common, by_label = self.cross_validated, self.cross_validated_by_label
        lost = common["macro_f"] - by_label["macro_f"] if common and by_label else 0.0
        return lost if lost > 0 else None

    def to_dict(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): JSON-serializable values."""
        thresholds = {name: getattr(self, name)._asdict() for name in ("old", "new", "thresholds")}
        return {**self._asdict(), **thresholds, "output": str(self.output)}


@accepts_strings
def calibrate(
    model: Path,
    data_path: Path,
    *,
    output: Optional[Path] = None,
    component_name: Optional[str] = None,
    per_label: bool = False,
    min_examples: int = MIN_EXAMPLES,
    json_path: Optional[Path] = None,
    use_gpu: int = -1,
) -> Calibration:
    """Find the thresholds that score best on development data and store them in the pipeline,
    unless they score below those that it has.

    model (Path): Directory of the pipeline.
    data_path (Path): A .spacy file or a directory of them.
    output (Optional[Path]): Directory to save the pipeline to, by default the one it is in.
    component_name (Optional[str]): Name of the component. If None, the only one of its kind.
    per_label (bool): Whether to find a threshold per label, for the macro F-score, and not only a
        common one, which maximises the micro F-score. They are shrunk towards the common one, and
        used if they score higher in cross-validation.
    min_examples (int): Labels with fewer gold spans keep the common threshold.
    json_path (Optional[Path]): JSON file to write the thresholds and the scores to.
    use_gpu (int): GPU ID or -1 for CPU.
    RETURNS (Calibration): The thresholds and the scores, before and after.
    RAISES (ValueError): If the pipeline, the data or the output are not as expected.
    RAISES (OSError): If there is no such pipeline.
    """
    model, output = model.resolve(), (output or model).resolve()
    check_output(model, output, data_path)
    if json_path is not None:
        check_not_read(json_path, [model, output, data_path])
    nlp = load_finished_pipeline(str(model), use_gpu=use_gpu)
    component = find_component(nlp, NestedSpanCategorizer, name=component_name)
    examples = read_examples(data_path, nlp)
    n_gold = count_gold_spans(examples, component.key)
    predictions = predict(nlp, component, examples)
    old = Thresholds(component.cfg["threshold"], component.cfg["label_thresholds"])
    before = score(component, predictions, examples, old)
    annotate(component, predictions, Thresholds(FLOOR, {}))
    annotated = [example for example in examples if component.key in example.reference.spans]
    spans = get_scored_spans(annotated, component.key)
    try:
        new, common, by_label = find_best(
            spans, len(annotated), old, per_label=per_label, min_examples=min_examples
        )
    except ValueError as err:
        raise ValueError(
            f"{err} Labels of the component: {', '.join(component.labels)}. Labels in the data: "
            f"{', '.join(n_gold)}."
        ) from err
    after = score(component, predictions, examples, new)
    target = "macro_f" if per_label else "f"
    kept_old = after[target] < before[target]
    if kept_old:
        set_thresholds(component, old)
        after = before
    save_pipeline(model, output, component)
    n_gold = {label: n_gold[label] for label in component.labels}
    calibration = Calibration(
        old, new, kept_old, before, after, common, by_label, n_gold, len(annotated), output
    )
    if json_path is not None:
        write_json(json_path, calibration.to_dict())
    return calibration


def check_output(model: Path, output: Path, data_path: Path) -> None:
    """Check that saving a pipeline to a directory replaces nothing else than another pipeline.

    model (Path): Directory of the pipeline.
    output (Path): The directory, which need not exist.
    data_path (Path): The data.
    RAISES (ValueError): If it holds anything else, or the pipeline itself, or the data.
    """
    if output != model and output in (data_path.resolve(), *data_path.resolve().parents):
        raise ValueError(
            f"The output directory '{output}' holds the data, which would be lost. Choose another "
            "one with --output."
        )
    if output in model.parents:
        raise ValueError(
            f"The output directory '{output}' holds the pipeline itself, which would be lost. "
            "Choose another one with --output."
        )
    if model in output.parents:
        raise ValueError(
            f"The output directory '{output}' lies in that of the pipeline. Choose another one "
            "with --output."
        )
    is_other = output != model and output.exists()
    if is_other and any(output.iterdir()) and not (output / "meta.json").exists():
        raise ValueError(
            f"The output directory '{output}' is neither empty nor a pipeline (it has no "
            "meta.json). Choose another one with --output."
        )


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
    """Predict candidates and scores, without choosing among those that reach the floor, or a
    threshold of the component that is lower.

    nlp (Language): The pipeline.
    component (NestedSpanCategorizer): The component.
    examples (List[Example]): The examples, whose predicted docs the components before it annotate.
    RETURNS (List[Prediction]): Batches of predictions, to pass to `set_annotations`.
    """
    floor = min(FLOOR, component.cfg["threshold"], *component.cfg["label_thresholds"].values())
    predicted = (example.predicted for example in examples)
    predictions = [
        (docs, select_likely(candidates, scores, floor=floor))
        for docs, candidates, scores in predict_candidates(nlp, component, predicted)
    ]
    for example, doc in zip(examples, chain.from_iterable(docs for docs, _ in predictions)):
        example.predicted = doc
    return predictions


def score(
    component: NestedSpanCategorizer,
    predictions: List[Prediction],
    examples: List[Example],
    thresholds: Thresholds,
) -> Dict[str, Any]:
    """Set the thresholds, annotate the predicted docs with the spans that reach them, and score.

    component (NestedSpanCategorizer): The component.
    predictions (List[Prediction]): Its predictions.
    examples (List[Example]): The examples, with the docs of the predictions.
    thresholds (Thresholds): The thresholds.
    RETURNS (Dict[str, Any]): The scores of `score_spans`.
    """
    annotate(component, predictions, thresholds)
    return select_scores(nested_spans_score(examples, spans_key=component.key), component.key)


def annotate(
    component: NestedSpanCategorizer, predictions: List[Prediction], thresholds: Thresholds
) -> None:
    """Set the thresholds, and annotate the predicted docs with the spans that reach them.

    component (NestedSpanCategorizer): The component.
    predictions (List[Prediction]): Its predictions.
    thresholds (Thresholds): The thresholds.
    """
    set_thresholds(component, thresholds)
    for docs, candidates_scores in predictions:
        component.set_annotations(docs, candidates_scores)


def set_thresholds(component: NestedSpanCategorizer, thresholds: Thresholds) -> None:
    """Set the thresholds of a component.

    component (NestedSpanCategorizer): The component.
    thresholds (Thresholds): The thresholds.
    """
    component.cfg["threshold"] = thresholds.common
    component.cfg["label_thresholds"] = thresholds.by_label


def find_best(
    spans: ScoredSpans, n_docs: int, old: Thresholds, *, per_label: bool, min_examples: int
) -> Tuple[Thresholds, Optional[Dict[str, float]], Optional[Dict[str, float]]]:
    """Find the thresholds that score best, from what the component decodes at the floor.

    Candidates compete for a place by score alone: a common threshold drops spans as it rises and
    never brings one back, so that this is exact. So it is for thresholds per label if spans may
    overlap in any way. If not, a label's threshold may bring back spans of other labels, which is
    left out of account.

    spans (ScoredSpans): What the component decodes at the floor, and the gold spans.
    n_docs (int): The number of docs.
    old (Thresholds): The thresholds of the component.
    per_label (bool): Whether to find a threshold per label, unless cross-validation tells that a
        common one gives a higher macro F-score.
    min_examples (int): The least number of gold spans of a label with a threshold of its own.
    RETURNS (Tuple[Thresholds, Optional[Dict[str, float]], Optional[Dict[str, float]]]): The
        thresholds, and what `cross_validate` gives for a common threshold and for those per label,
        where they were asked for.
    RAISES (ValueError): If no prediction is correct.
    """
    settings: Dict[str, Any] = {"floor": FLOOR, "min_examples": min_examples}
    found = find_thresholds(spans, per_label=per_label, **settings)
    if found is None:
        raise ValueError(
            f"No span that the component scores {FLOOR} or more is a gold span, so that no "
            "threshold is better than another."
        )
    common = cross_validate(spans, n_docs, old, **settings)
    by_label = cross_validate(spans, n_docs, old, per_label=True, **settings) if per_label else None
    if common and by_label and by_label["macro_f"] < common["macro_f"]:
        found = Thresholds(found.common, {})
    # As they will be loaded, since the JSON of spaCy keeps ten digits.
    return Thresholds(*srsly.json_loads(srsly.json_dumps(found))), common, by_label


def get_scored_spans(examples: List[Example], spans_key: str) -> ScoredSpans:
    """Get the spans of the annotated examples.

    examples (List[Example]): The examples.
    spans_key (str): Key of `Doc.spans`.
    RETURNS (ScoredSpans): The predicted and the gold spans.
    """
    scores, correct, predicted, gold = [np.zeros(0, dtype="f")], [], [], []
    for index, example in enumerate(examples):
        gold_spans = set(get_spans(example.reference, spans_key))
        spans = get_spans(example.predicted, spans_key)
        scores.append(example.predicted.spans[spans_key].attrs["scores"])
        correct += [span in gold_spans for span in spans]
        predicted += [(index, label) for *_, label in spans]
        gold += [(index, label) for *_, label in gold_spans]
    predicted_docs, labels = _split(predicted)
    gold_docs, gold_labels = _split(gold)
    return ScoredSpans(
        # As the component compares them
        np.concatenate(scores).astype("f"),
        np.array(correct, dtype=bool),
        labels,
        predicted_docs,
        gold_labels,
        gold_docs,
    )


def _split(rows: List[Tuple[int, str]]) -> Tuple[Ints, Labels]:
    docs = np.array([doc for doc, _ in rows], dtype=np.int64)
    return docs, np.array([label for _, label in rows], dtype=str)


def save_pipeline(model: Path, output: Path, component: NestedSpanCategorizer) -> None:
    """Save the settings of a component, which hold the thresholds, and everything else as it is.

    model (Path): Directory of the pipeline.
    output (Path): Directory to save to: the same, or another one, which is replaced.
    component (NestedSpanCategorizer): The component.
    """
    if output == model:
        save_settings(model, component)
        return
    with replacing(output) as new:
        shutil.copytree(model, new)
        save_settings(new, component)


def save_settings(path: Path, component: NestedSpanCategorizer) -> None:
    """Save the settings of a component where it was loaded from, and its threshold in the config of
    the pipeline as well.

    path (Path): Directory of the pipeline.
    component (NestedSpanCategorizer): The component.
    """
    config = load_config(path / "config.cfg")
    config["components"][component.name]["threshold"] = component.cfg["threshold"]
    write_json(path / component.name / "cfg", component.cfg)
    write_file(path / "config.cfg", config.to_bytes())
