"""What clients send."""

from typing import Any, Dict, List, Optional, Union

from pydantic import BaseModel, ConfigDict, Field

from ...pipeline.prediction import FLOOR


class AnnotateRequest(BaseModel):
    """Texts to annotate.

    text (Union[str, List[str]]): The text, or several.
    threshold (Optional[float]): The least probability of a span, of any label, at least 0.01. If
        None, that of the model.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    text: Union[str, List[str]]
    threshold: Optional[float] = Field(None, ge=FLOOR, le=1, allow_inf_nan=False)


class Task(BaseModel):
    """A task of Label Studio."""

    model_config = ConfigDict(strict=True)

    data: Dict[str, Any]


class PredictRequest(BaseModel):
    """What Label Studio wants to have predicted. It sends more than what is needed."""

    model_config = ConfigDict(strict=True)

    tasks: List[Task]
    label_config: str


class SetupRequest(BaseModel):
    """What Label Studio tells of a project."""

    model_config = ConfigDict(strict=True, protected_namespaces=())

    label_config: str = Field("", alias="schema")
