import warnings
from pathlib import Path
from time import perf_counter
from typing import Any, Dict, List, Optional

from spacy.language import Language
from spacy.training import Example

from ..files import accepts_strings, check_not_read, write_json
from ..pipeline.loading import load_finished_pipeline
from ..pipeline.prediction import (
    find_ceilings_of_key,
    find_compared_key,
    get_spans_keys,
    read_examples,
)
from ..pipeline.scorer import get_compared_spans, nested_spans_score
from .bootstrap import bootstrap_intervals


@accepts_strings
def evaluate(
    model: str,
    data_path: Path,
    *,
    output: Optional[Path] = None,
    use_gpu: int = -1,
    spans_key: Optional[str] = None,
    batch_size: Optional[int] = None,
) -> Dict[str, Any]:
    """Evaluate the spans that a pipeline predicts.

    model (str): Name or path of the pipeline.
    data_path (Path): A .spacy file or a directory of them.
    output (Optional[Path]): JSON file to write the scores to.
    use_gpu (int): GPU ID or -1 for CPU.
    spans_key (Optional[str]): Key of `Doc.spans` to score. If None, the one that both a component
        of the pipeline and the data hold.
    batch_size (Optional[int]): Number of docs to predict at once. If None, that of the pipeline.
    RETURNS (Dict[str, Any]): The scores of `nested_spans_score`; as `intervals` their 95 %
        intervals and numbers of documents, see `bootstrap_intervals`; as `spans_key` what they are
        for, as `speed` the words per second of prediction, without tokenization, once everything
        is loaded and compiled, and as `ceilings` the gold spans that can never be predicted, see
        `Ceilings`.
    RAISES (ValueError): If the data or the pipeline do not tell which spans to score, or the output
        is one of their files.
    RAISES (OSError): If there is no such pipeline.
    """
    if output is not None:
        check_not_read(output, [model, data_path])
    nlp = load_finished_pipeline(model, use_gpu=use_gpu)
    examples = read_examples(data_path, nlp)
    spans_key = find_compared_key(nlp, examples, spans_key)
    if spans_key not in get_spans_keys(nlp):
        warnings.warn(
            f"No component of the pipeline says that it writes the spans key '{spans_key}'",
            stacklevel=3,
        )
    ceilings = find_ceilings_of_key(nlp, examples, spans_key)
    speed = predict(nlp, examples, batch_size)
    scores = nested_spans_score(examples, spans_key=spans_key)
    intervals = bootstrap_intervals(*get_compared_spans(examples, spans_key))
    scores = {**scores, "spans_key": spans_key, "speed": speed, "intervals": intervals}
    scores["ceilings"] = None if ceilings is None else ceilings.to_dict()
    if output is not None:
        write_json(output, scores)
    return scores


def predict(nlp: Language, examples: List[Example], batch_size: Optional[int] = None) -> float:
    """Let a pipeline annotate the predicted docs of examples.

    nlp (Language): The pipeline.
    examples (List[Example]): The examples.
    batch_size (Optional[int]): Number of docs to predict at once. If None, that of the pipeline.
    RETURNS (float): Words per second. What the first prediction takes to load and to compile does
        not count.
    """
    if examples:
        nlp(examples[0].reference.text)
    start = perf_counter()
    docs = nlp.pipe([example.predicted for example in examples], batch_size=batch_size)
    for example, doc in zip(examples, docs):
        example.predicted = doc
    seconds = perf_counter() - start
    return sum(len(example.predicted) for example in examples) / seconds
