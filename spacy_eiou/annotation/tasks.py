"""Annotated texts as tasks for annotation tools."""

import warnings
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence

from spacy.language import Language

from ..corpora import Entity, Record
from ..corpora.formats.writers import TOOLS, Target, get_writer
from ..corpora.writing import hold_records
from .prediction import Annotation

# Whose formats are meant, in the help of commands. Any other one of `WRITERS` will do.
TOOL_NAMES = ("label-studio", "prodigy", "doccano", "brat", *TOOLS)


class TaskWriter:
    """Writes what a pipeline finds in texts as suggestions, by a writer of `corpora`.

    to (str): The format, one of `WRITERS`.
    RAISES (CorpusError): If there is no such format.
    """

    def __init__(self, to: str) -> None:
        self.writer = get_writer(to)
        self.nlp: Optional[Language] = None
        self.labels: Sequence[str] = ()

    def set_pipeline(self, nlp: Language, spans_key: str) -> None:
        """Tell whose suggestions they are.

        nlp (Language): The pipeline.
        spans_key (str): The spans key of the suggestions. The labels of the component that writes
            it are those that annotators can choose from.
        """
        self.nlp = nlp
        self.labels = sorted(
            {
                label
                for name, pipe in nlp.pipeline
                if getattr(pipe, "key", None) == spans_key
                for label in nlp.pipe_labels.get(name, ())
            }
        )

    def plan(self, path: Path) -> Dict[Path, Callable[[Iterable[Annotation], Path], None]]:
        """Name the files to write.

        path (Path): The path of the tasks, without a suffix.
        RETURNS (Dict[Path, Callable[[Iterable[Annotation], Path], None]]): What writes annotated
            texts, by the path of the tasks, and of what lies beside them.
        """

        def write_beside(make: Callable[[Sequence[str]], bytes]) -> Any:
            return lambda _, target: target.write_bytes(make(self.labels))

        return {
            path.with_name(path.name + self.writer.suffix): self.write,
            **{
                path.with_name(path.name + suffix): write_beside(make)
                for suffix, make in self.writer.beside
            },
        }

    def get_folders(self, paths: Iterable[Path]) -> List[Path]:
        """RETURNS (List[Path]): Those of the paths of `plan` that are folders."""
        return [] if self.writer.suffix else [*paths]

    def write(self, annotations: Iterable[Annotation], path: Path) -> None:
        """Write tasks. Warns of what the format can't hold.

        annotations (Iterable[Annotation]): The annotated texts, all of which are in memory.
        path (Path): The file or folder, which is not there yet.
        """
        assert self.nlp is not None
        records, account = hold_records(self.writer, map(to_record, annotations), self.nlp)
        lost = [*account.warnings]
        for counts, what in (
            (account.skipped, "texts"),
            (account.changed_texts, "changed texts"),
            (account.dropped, "spans"),
            (account.changed, "changed spans"),
        ):
            lost += [f"{count:,} {what} ({reason})" for reason, count in counts.items()]
        if lost:
            warnings.warn(f"The tasks don't hold all: {'; '.join(lost)}", stacklevel=2)
        labels = sorted({*self.labels, *account.entities})
        self.writer.write(records, Target(path, labels, describe_model(self.nlp)))


def name_tasks(path: Path, suffix: str) -> Path:
    """RETURNS (Path): The path of the tasks beside an output with this suffix, which has none."""
    return path.with_name(f"{path.name.removesuffix(suffix)}.tasks")


def describe_model(nlp: Language) -> str:
    """RETURNS (str): The name and the version of a pipeline."""
    return f"{nlp.lang}_{nlp.meta['name']}-{nlp.meta['version']}"


def to_record(annotation: Annotation) -> Record:
    """RETURNS (Record): An annotated text with its suggestions."""
    entities: List[Entity] = [
        Entity(span["start"], span["end"], span["label"], span.get("kb_id", ""), span.get("score"))
        for span in annotation["spans"]
    ]
    return Record(annotation["id"], annotation["text"], tuple(entities))
