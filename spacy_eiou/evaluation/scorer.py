from typing import Any, Callable, Dict, Iterable, List

from spacy.tokens import Doc
from spacy.training import Example

from .scores import LabeledSpan, score_spans


def make_nested_spans_scorer() -> Callable[..., Dict[str, Any]]:
    """Create a scorer for `doc.spans` that scores nested entities apart.

    RETURNS (Callable[..., Dict[str, Any]]): The function `nested_spans_score`.
    """
    return nested_spans_score


def nested_spans_score(
    examples: Iterable[Example], *, spans_key: str, **kwargs: Any
) -> Dict[str, Any]:
    """Score the spans under a key of `Doc.spans`. Spans are compared by character, so that a
    predicted span that doesn't align with the reference tokens counts as wrong.

    examples (Iterable[Example]): The examples to score. Those whose reference lacks the spans
        key are unannotated and skipped, as in spaCy.
    spans_key (str): Key of `Doc.spans` to score.
    RETURNS (Dict[str, Any]): The scores of `score_spans`, each under its name after
        `spans_{spans_key}_`. All are None if no reference is annotated.
    RAISES (ValueError): If the predicted and the reference text of an example differ.
    """
    gold = []
    predicted = []
    for index, example in enumerate(examples):
        if spans_key not in example.reference.spans:
            continue
        if example.predicted.text != example.reference.text:
            raise ValueError(
                f"Can't score spans by character: the predicted and the reference text of "
                f"example {index} differ ({example.predicted.text[:50]!r} and "
                f"{example.reference.text[:50]!r}). Predict on a doc made from the reference text."
            )
        gold.append(set(get_spans(example.reference, spans_key)))
        predicted.append(set(get_spans(example.predicted, spans_key)))
    scores = score_spans(gold, predicted)
    if not gold:
        scores = dict.fromkeys(scores)
    return {f"spans_{spans_key}_{name}": value for name, value in scores.items()}


def get_spans(doc: Doc, spans_key: str) -> List[LabeledSpan]:
    """Get the boundaries, in characters, and the labels of the spans under a key.

    doc (Doc): The doc.
    spans_key (str): Key of `Doc.spans`, which the doc need not have.
    RETURNS (List[LabeledSpan]): `(start_char, end_char, label)` of each span, in their order.
    """
    return [(span.start_char, span.end_char, span.label_) for span in doc.spans.get(spans_key, [])]
