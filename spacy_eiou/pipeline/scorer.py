from typing import Any, Callable, Dict, Iterable, List, Set, Tuple

from spacy.training import Example

from ..spans.groups import LabeledSpan, get_spans
from ..spans.scores import name_scores, score_spans


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
    gold, predicted = get_compared_spans(examples, spans_key)
    scores = score_spans(gold, predicted)
    if not gold:
        scores = dict.fromkeys(scores)
    return name_scores(scores, spans_key)


def get_compared_spans(
    examples: Iterable[Example], spans_key: str
) -> Tuple[List[Set[LabeledSpan]], List[Set[LabeledSpan]]]:
    """Get the spans of the annotated examples, to compare them.

    examples (Iterable[Example]): The examples. Those whose reference lacks the key are skipped.
    spans_key (str): Key of `Doc.spans`.
    RETURNS (Tuple[List[Set[LabeledSpan]], List[Set[LabeledSpan]]]): The gold and the predicted
        spans of each example.
    RAISES (ValueError): If the predicted and the reference text of an example differ.
    """
    gold, predicted = [], []
    for index, example in enumerate(examples):
        if spans_key not in example.reference.spans:
            continue
        # A doc that is made of words ends in a space.
        if example.predicted.text.rstrip() != example.reference.text.rstrip():
            raise ValueError(
                f"Can't score spans by character: the predicted and the reference text of "
                f"example {index} differ ({example.predicted.text[:50]!r} and "
                f"{example.reference.text[:50]!r}). Predict on a doc made from the reference text."
            )
        gold.append(set(get_spans(example.reference, spans_key)))
        predicted.append(set(get_spans(example.predicted, spans_key)))
    return gold, predicted
