"""Spans as Label Studio takes them from a machine learning backend.

https://labelstud.io/guide/ml_create, https://labelstud.io/tags/labels
"""

from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Dict, List, Optional, Sequence
from xml.parsers import expat

from ...corpora import CorpusError
from ..prediction import PredictedText

# The most tags `<Labels>` of an interface: each repeats the spans of its text.
MAX_CONTROLS = 50


@dataclass(frozen=True)
class Control:
    """A tag `<Labels>` of a labeling interface, and the `<Text>` that it labels.

    name (str): Its name.
    text_name (str): The name of the text.
    text_key (str): The field of a task that holds the text.
    labels (Dict[str, str]): What Label Studio calls each label of the pipeline. If it is empty, the
        interface takes its labels from the task, and knows any.
    """

    name: str
    text_name: str
    text_key: str
    labels: Dict[str, str] = field(default_factory=dict)

    def get_label(self, label: str) -> Optional[str]:
        """RETURNS (Optional[str]): What Label Studio calls a label, if it has it."""
        return self.labels.get(label) if self.labels else label


def parse_interface(config: str, labels: Sequence[str]) -> List[Control]:
    """Find the tags to give predictions for.

    config (str): The labeling interface of a project, in XML.
    labels (Sequence[str]): The labels of the pipeline. If there are none, it may write any.
    RETURNS (List[Control]): The tags `<Labels>` of a `<Text>`.
    RAISES (CorpusError): If there are none, or more than `MAX_CONTROLS`, or they have no label of
        the pipeline.
    """
    builder = _InterfaceBuilder()
    builder.parse(config)
    controls = [
        Control(name, text_name, builder.text_keys[text_name], builder.labels[name])
        for name, text_name in builder.text_names.items()
        if text_name in builder.text_keys
    ]
    if not controls:
        raise CorpusError(
            'Expected <Labels name="..." toName="..."> for a <Text name="..." value="$..."> in the '
            "labeling interface"
        )
    if len(controls) > MAX_CONTROLS:
        raise CorpusError(
            f"Expected at most {MAX_CONTROLS} <Labels> for texts in the labeling interface, not "
            f"{len(controls):,}"
        )
    if labels and not any(control.get_label(label) for control in controls for label in labels):
        raise CorpusError(
            "Expected a label of the pipeline in the labeling interface, which has: "
            f"{', '.join(label for control in controls for label in control.labels)}. Those of the "
            f"pipeline: {', '.join(labels)}"
        )
    return controls


def get_texts(task: Dict[str, Any], controls: Sequence[Control], where: str) -> Dict[str, str]:
    """Get the texts of a task.

    task (Dict[str, Any]): The field "data" of the task.
    controls (Sequence[Control]): The tags to give predictions for.
    where (str): The task, for error messages.
    RETURNS (Dict[str, str]): The text in each field.
    RAISES (CorpusError): If one is missing.
    """
    texts = {}
    for control in controls:
        text = task.get(control.text_key)
        if not isinstance(text, str):
            raise CorpusError(f"Expected a text in the field '{control.text_key}' of {where}")
        texts[control.text_key] = text
    return texts


def make_prediction(
    predicted: Dict[str, PredictedText], controls: Sequence[Control], model_version: str
) -> Dict[str, Any]:
    """Make the prediction of a task. Spans whose label the interface lacks are left out. Label
    Studio counts characters as Python does, and can show spans that nest.

    predicted (Dict[str, PredictedText]): What was predicted for the text in each field.
    controls (Sequence[Control]): The tags to give predictions for.
    model_version (str): The version of the pipeline.
    RETURNS (Dict[str, Any]): The "result", the "score", which is the mean of those of the spans or
        None, and the "model_version".
    """
    result = [
        _make_region(span, label, control)
        for control in controls
        for span in predicted[control.text_key].spans
        if (label := control.get_label(span["label"])) is not None
    ]
    scores = [region["score"] for region in result if "score" in region]
    score = round(fmean(scores), 4) if scores else None
    return {"result": result, "score": score, "model_version": model_version}


def _make_region(span: Dict[str, Any], label: str, control: Control) -> Dict[str, Any]:
    region = {
        "from_name": control.name,
        "to_name": control.text_name,
        "type": "labels",
        "value": {
            "start": span["start"],
            "end": span["end"],
            "text": span["text"],
            "labels": [label],
        },
    }
    return {**region, "score": span["score"]} if "score" in span else region


class _InterfaceBuilder:
    """What is known of the tags of an interface.

    text_keys (Dict[str, str]): The field of each text, by its name.
    text_names (Dict[str, str]): The name of the text of each tag `<Labels>`.
    labels (Dict[str, Dict[str, str]]): The labels of each of those.
    """

    def __init__(self) -> None:
        self.text_keys: Dict[str, str] = {}
        self.text_names: Dict[str, str] = {}
        self.labels: Dict[str, Dict[str, str]] = {}
        self._open: List[str] = []

    def parse(self, config: str) -> None:
        parser = expat.ParserCreate()
        parser.StartElementHandler = self.start_element
        parser.EndElementHandler = self.end_element
        parser.EntityDeclHandler = _refuse_entity
        try:
            parser.Parse(config, True)
        except expat.ExpatError as err:
            raise CorpusError(f"Expected a labeling interface in XML ({err})") from err

    def start_element(self, tag: str, attributes: Dict[str, str]) -> None:
        name = attributes.get("name", "")
        if tag == "Text":
            self.text_keys[name] = attributes.get("value", "").removeprefix("$")
        elif tag == "Labels":
            self.text_names[name] = attributes.get("toName", "")
            self.labels[name] = {}
            self._open.append(name)
        elif tag == "Label" and self._open:
            value = attributes.get("value", "")
            shown = attributes.get("alias", value)
            self.labels[self._open[-1]].update({value: shown, shown: shown})

    def end_element(self, tag: str) -> None:
        if tag == "Labels":
            self._open.pop()


def _refuse_entity(name: str, *_: object) -> None:
    # One can expand without bound.
    raise CorpusError(f"Did not expect the XML entity '{name}' in the labeling interface")
