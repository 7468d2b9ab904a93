"""Texts that pipelines annotate, as training data."""

import warnings
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Dict, Iterable, NamedTuple, Sequence, Tuple

import srsly
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup

from ..corpora import CorpusError
from ..corpora.docbin import FastDocBin
from ..files import write_file, write_json
from ..progress import ProgressBar
from .texts import Texts, iterate_texts, split_texts

# A part is the text that is annotated, and held in memory, before a file is written.
CHARACTERS_PER_PART = 1_000_000

PROGRESS_NAME = "progress.json"


class Silver(NamedTuple):
    """Texts that were annotated.

    n_texts (int): Their number.
    n_before (int): How many of them an earlier call had annotated, which was stopped.
    n_spans (Dict[str, int]): The number of their spans, by label.
    """

    n_texts: int
    n_before: int
    n_spans: Dict[str, int]


def annotate_silver(
    nlps: Sequence[Language], texts: Texts, path: Path, *, checksum: str, silent: bool = True
) -> Silver:
    """Annotate texts in parts, each of which is a file, in memory that doesn't grow with their
    number. A call that was stopped is continued after the last whole part.

    nlps (Sequence[Language]): The pipelines, each of which has a vote on each span.
    texts (Texts): The texts.
    path (Path): The folder for the .spacy files, 0000.spacy and so on.
    checksum (str): Checksum of the pipelines and texts. Parts of other ones are removed.
    silent (bool): Whether to show no progress.
    RETURNS (Silver): The numbers of texts and spans.
    RAISES (CorpusError): If the pipelines split a text into different tokens.
    """
    progress = _resume(path, checksum)
    n_before: int = progress["n_texts"]
    with ProgressBar(total=texts.n_texts, unit="texts", disable=silent or None) as bar:
        parts = split_texts(iterate_texts(texts), CHARACTERS_PER_PART)
        for number, part in enumerate(parts):
            if number < progress["n_parts"]:
                bar.update(len(part))
                continue
            data, n_spans = _annotate_part(nlps, part, bar)
            write_file(path / _name_part(number), data)
            progress["n_parts"] += 1
            progress["n_texts"] += len(part)
            progress["n_spans"] = Counter(progress["n_spans"]) + n_spans
            write_json(path / PROGRESS_NAME, progress)
    return Silver(progress["n_texts"], n_before, dict(progress["n_spans"]))


def vote(docs: Sequence[Doc]) -> Doc:
    """Keep the spans that more than half of the annotations of a text have.

    docs (Sequence[Doc]): The annotations.
    RETURNS (Doc): The first one, with these spans.
    RAISES (CorpusError): If the annotations do not have the same tokens.
    """
    doc = docs[0]
    if len({tuple(token.text for token in other) for other in docs}) > 1:
        raise CorpusError(
            f"The teachers split the text '{doc.text[:50]}' into different tokens. Use teachers "
            "with the same tokenizer, none of which merges tokens."
        )
    for key in sorted({key for other in docs for key in other.spans}):
        # Equal spans of one annotation, which may differ in their IDs, are one vote.
        votes = Counter(
            found
            for other in docs
            for found in {(span.start, span.end, span.label_) for span in other.spans.get(key, [])}
        )
        kept = sorted(span for span, n_votes in votes.items() if 2 * n_votes > len(docs))
        doc.spans[key] = SpanGroup(doc, name=key, spans=[Span(doc, *span) for span in kept])
    return doc


def _name_part(number: int) -> str:
    return f"{number:04}.spacy"


def _resume(path: Path, checksum: str) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): What is done, which is all that there is in the folder then."""
    progress_path = path / PROGRESS_NAME
    progress: Dict[str, Any] = {"checksum": checksum, "n_parts": 0, "n_texts": 0, "n_spans": {}}
    if progress_path.exists():
        earlier = srsly.read_json(progress_path)
        n_found = sum((path / _name_part(n)).exists() for n in range(earlier["n_parts"]))
        if (earlier["checksum"], earlier["n_parts"]) == (checksum, n_found):
            progress = earlier
        else:
            warnings.warn(
                f"{path}: starting from the first text, because the teachers, the texts or the "
                "files have changed",
                stacklevel=5,
            )
    write_json(progress_path, progress)
    done = {_name_part(number) for number in range(progress["n_parts"])}
    for file in path.glob("*.spacy"):
        if file.name not in done:
            file.unlink()
    return progress


def _annotate_part(
    nlps: Sequence[Language], texts: Iterable[str], bar: ProgressBar
) -> Tuple[bytes, Counter[str]]:
    """RETURNS (Tuple[bytes, Counter[str]]): A .spacy file, and its number of spans by label."""
    docs, n_spans = FastDocBin(), Counter[str]()
    with ExitStack() as zones:
        for nlp in nlps:
            zones.enter_context(nlp.memory_zone())
        for annotations in zip(*(nlp.pipe(texts) for nlp in nlps), strict=True):
            doc = vote(annotations)
            docs.add(doc)
            n_spans.update(span.label_ for spans in doc.spans.values() for span in spans)
            bar.update()
        return docs.to_bytes(), n_spans
