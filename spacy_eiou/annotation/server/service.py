"""A pipeline behind the server."""

import hashlib
from typing import Any, Dict, List, Optional, Sequence

from spacy.language import Language
from spacy.tokenizer import Tokenizer

from ...pipeline import NestedSpanCategorizer
from ..prediction import PredictedText, find_spans_key, predict_texts

# The time that spaCy's tokenizer takes for a word grows with the square of its length.
MAX_WORD_CHARS = 1_000


class Service:
    """A pipeline, and what the server tells of it.

    nlp (Language): The pipeline.
    spans_key (str): Key of `Doc.spans`.
    component (Optional[NestedSpanCategorizer]): What writes the spans, if its threshold can be set.
    labels (List[str]): The labels of the spans, as far as the pipeline tells.
    name (str): Its language and name.
    version (str): Its name and version, and a digest of its weights and settings.
    """

    def __init__(self, nlp: Language, spans_key: Optional[str] = None) -> None:
        """Create a service.

        nlp (Language): The pipeline.
        spans_key (Optional[str]): Key of `Doc.spans`. If None, the one that a component writes.
        RAISES (CorpusError): If none or several are written.
        """
        self.nlp = nlp
        self.spans_key = find_spans_key(nlp, spans_key)
        writers: List[Any] = [
            pipe for _, pipe in nlp.pipeline if getattr(pipe, "key", None) == self.spans_key
        ]
        labels = [label for pipe in writers for label in getattr(pipe, "labels", ())]
        self.labels = [*dict.fromkeys(labels)]
        last = writers[-1] if writers else None
        self.component = last if isinstance(last, NestedSpanCategorizer) else None
        self.name = f"{nlp.lang}_{nlp.meta['name']}"
        digest = hashlib.sha256(nlp.to_bytes(exclude=["vocab"])).hexdigest()
        # What is slow the first time is done before the first request, and what fails, fails now.
        self.predict(["A text."], None)
        self.version = f"{self.name}-{nlp.meta['version']}+{digest[:8]}"

    def predict(self, texts: Sequence[str], threshold: Optional[float]) -> List[PredictedText]:
        """Predict the spans of some texts. Nothing of the pipeline is changed.

        texts (Sequence[str]): The texts.
        threshold (Optional[float]): The threshold of all labels. If None, those of the component.
        RETURNS (List[PredictedText]): What was predicted for each text.
        """
        cfg: Dict[str, Dict[str, Any]] = {}
        if self.component is not None and threshold is not None:
            cfg = {self.component.name: {"threshold": threshold}}
        return predict_texts(self.nlp, texts, self.spans_key, component_cfg=cfg)

    def has_long_word(self, text: str) -> bool:
        """RETURNS (bool): Whether a text has a word that takes the tokenizer too long."""
        return (
            isinstance(self.nlp.tokenizer, Tokenizer)
            and len(text) > MAX_WORD_CHARS
            and any(len(word) > MAX_WORD_CHARS for word in text.split())
        )
