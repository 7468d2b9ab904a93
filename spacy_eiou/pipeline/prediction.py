"""What a loaded pipeline predicts for annotated docs, and what it gives its candidates."""

from pathlib import Path
from typing import Iterable, Iterator, List, Optional, Set, Tuple, Type, TypeVar

import numpy as np
from spacy.language import Language
from spacy.pipeline.spancat import SpanCategorizer
from spacy.tokens import Doc
from spacy.training import Corpus, Example
from spacy.util import minibatch
from thinc.backends import get_array_ops
from thinc.types import Floats2d, Ragged

from ..corpora.docbin import read_docs
from ..spans.groups import describe_spans_keys
from .ceilings import Ceilings, find_ceilings

# Candidates with a lower score are not looked at: nearly all of them, and hardly one is gold.
FLOOR = 0.01

Component = TypeVar("Component", bound=SpanCategorizer)


def read_examples(path: Path, nlp: Language) -> List[Example]:
    """Read annotated docs, to compare them with what a pipeline predicts.

    path (Path): A .spacy file or a directory of them.
    nlp (Language): The pipeline.
    RETURNS (List[Example]): The examples, as `spacy.Corpus` makes them.
    RAISES (CorpusError): If a file is damaged, or is no .spacy file.
    """
    return list(Corpus(path).make_examples(nlp, read_docs(path, nlp.vocab)))


def get_spans_keys(nlp: Language) -> Set[str]:
    """Get the keys of `Doc.spans` that the components of a pipeline name in their attribute `key`.

    nlp (Language): The pipeline.
    RETURNS (Set[str]): The keys.
    """
    keys = {getattr(pipe, "key", None) for _, pipe in nlp.pipeline}
    return {key for key in keys if key is not None}


def find_compared_key(
    nlp: Language, examples: List[Example], spans_key: Optional[str] = None
) -> str:
    """Find the spans key to compare.

    nlp (Language): The pipeline.
    examples (List[Example]): The annotated examples.
    spans_key (Optional[str]): The key that the user asks for.
    RETURNS (str): The key asked for, or else the one that both pipeline and data hold.
    RAISES (ValueError): If the data lack the key asked for, or if none or several are shared.
    """
    references = [example.reference for example in examples]
    data_keys: Set[str] = {key for doc in references for key in doc.spans}
    pipeline_keys = get_spans_keys(nlp)
    shared_keys = data_keys & pipeline_keys
    if spans_key is not None:
        if spans_key in data_keys:
            return spans_key
        problem = f"No doc has the spans key '{spans_key}'."
    else:
        if len(shared_keys) == 1:
            return shared_keys.pop()
        problem = "Can't tell which spans key to compare, choose one with --spans-key."
    raise ValueError(
        f"{problem} {describe_spans_keys(references)} "
        f"Spans keys that the pipeline writes: {', '.join(sorted(pipeline_keys)) or 'none'}."
    )


def find_component(
    nlp: Language,
    kind: Type[Component],
    *,
    name: Optional[str] = None,
    spans_key: Optional[str] = None,
) -> Component:
    """Find the only component of a kind.

    nlp (Language): The pipeline.
    kind (Type[Component]): The class of the component.
    name (Optional[str]): Its name, if that is known.
    spans_key (Optional[str]): The spans key that it writes, if that is known.
    RETURNS (Component): The component.
    RAISES (ValueError): If there is no such component, or several.
    """
    components = {pipe_name: pipe for pipe_name, pipe in nlp.pipeline if isinstance(pipe, kind)}
    found = [
        pipe
        for pipe_name, pipe in components.items()
        if name in (None, pipe_name) and spans_key in (None, pipe.key)
    ]
    if len(found) == 1:
        return found[0]
    asked = f" named '{name}'" if name else f" that writes '{spans_key}'" if spans_key else ""
    known = ", ".join(f"'{pipe_name}' ('{pipe.key}')" for pipe_name, pipe in components.items())
    raise ValueError(
        f"Expected one {kind.__name__}{asked} in the pipeline, not {len(found)}. It has, each with "
        f"the spans key that it writes: {known or 'none'}."
    )


def find_ceilings_of_key(
    nlp: Language, examples: Iterable[Example], spans_key: str
) -> Optional[Ceilings]:
    """Find the gold spans that the component which writes a spans key can never predict.

    nlp (Language): The pipeline.
    examples (Iterable[Example]): The annotated examples, whose predicted docs no component has
        annotated yet.
    spans_key (str): Key of `Doc.spans`.
    RETURNS (Optional[Ceilings]): The numbers, or None if it is not a single span categorizer.
    """
    components = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, SpanCategorizer)]
    found = [pipe for pipe in components if pipe.key == spans_key]
    if len(found) != 1:
        return None
    annotated = (example for example in examples if spans_key in example.reference.spans)
    return find_ceilings(found[0], annotated, nlp=nlp)


def predict_candidates(
    nlp: Language, component: SpanCategorizer, docs: Iterable[Doc]
) -> Iterator[Tuple[List[Doc], Ragged, Floats2d]]:
    """Predict candidates and their probabilities, batch by batch, and set no annotation.

    nlp (Language): The pipeline.
    component (SpanCategorizer): The component.
    docs (Iterable[Doc]): The docs, which the components before it annotate.
    YIELDS (Tuple[List[Doc], Ragged, Floats2d]): A batch of docs, their candidates and the scores of
        these, to pass to `set_annotations`.
    """
    earlier = nlp.pipe_names[: nlp.pipe_names.index(component.name)]
    with nlp.select_pipes(enable=earlier):
        for batch in minibatch(docs, nlp.batch_size):  # type: ignore[no-untyped-call]
            batch_docs = list(nlp.pipe(batch))
            yield batch_docs, *component.predict(batch_docs)


def select_likely(
    candidates: Ragged, scores: Floats2d, *, floor: float = FLOOR
) -> Tuple[Ragged, Floats2d]:
    """Drop the candidates that no label scores at the floor, and move the rest to the CPU.

    candidates (Ragged): The candidates of each doc, shape (n, 2).
    scores (Floats2d): Their scores, shape (n, K).
    floor (float): The floor.
    RETURNS (Tuple[Ragged, Floats2d]): The candidates that are left, and their scores.
    """
    to_numpy = get_array_ops(scores).to_numpy
    scores, lengths = to_numpy(scores), to_numpy(candidates.lengths)
    likely = (scores >= floor).any(axis=1)
    doc_indices = np.repeat(np.arange(len(lengths)), lengths)[likely]
    spans = to_numpy(candidates.dataXd).reshape((-1, 2))[likely]
    n_likely = np.bincount(doc_indices, minlength=len(lengths)).astype("i")
    return Ragged(spans, n_likely), scores[likely]
