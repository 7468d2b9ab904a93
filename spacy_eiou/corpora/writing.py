"""Records -> files of any format that has a writer."""

import os
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from spacy.language import Language

from ..files import accepts_strings, replacing_all, to_json
from ._files import ACCOUNT_SUFFIX
from ._parse import try_json
from .account import Account
from .docs import record_to_doc
from .formats.writers import Target, Writer, get_writer
from .record import CorpusError, Entity, Record


class HeldRecords(NamedTuple):
    """Records as a format holds them.

    records (List[Record]): Those that are not skipped.
    account (Account): What they hold, and what the format can't hold.
    """

    records: List[Record]
    account: Account


@accepts_strings
def write_records(
    records: Iterable[Record],
    path: Path,
    to: str,
    *,
    nlp: Optional[Language] = None,
    model: Optional[str] = None,
) -> Account:
    """Write records in a format, whole or not at all.

    records (Iterable[Record]): The records. Those that are skipped are left out.
    path (Path): The file to write, or the folder, which must not exist or has to be empty.
    to (str): The format, one of `WRITERS`.
    nlp (Optional[Language]): The pipeline whose tokenizer to use, if the format has tokens.
    model (Optional[str]): Name of the model that predicted the entities, to write them as
        suggestions where the format tells them from annotations. None if people annotated them.
    RETURNS (Account): What was written, and what the format can't hold.
    RAISES (CorpusError): If there is no such format, or it needs a tokenizer.
    """
    writer = get_writer(to)
    held = hold_records(writer, records, nlp)
    check_outputs(writer, [path])
    write_parts(writer, {path: held}, model)
    return held.account


def hold_records(
    writer: Writer, records: Iterable[Record], nlp: Optional[Language] = None
) -> HeldRecords:
    """Make records as a format holds them.

    writer (Writer): What writes the format.
    records (Iterable[Record]): The records.
    nlp (Optional[Language]): The pipeline whose tokenizer to use, if the format has tokens.
    RETURNS (HeldRecords): The records that are not skipped, and the account.
    RAISES (CorpusError): If the format needs a tokenizer.
    """
    account = Account()
    account.unit = "characters"
    held: List[Record] = []
    n_with = {"groups": 0, "scores": 0}
    for record in records:
        if record.skipped is None:
            given, record = record, _hold(writer, record, nlp)
        account.add_record(record)
        if record.skipped is not None:
            continue
        account.add_text(record)
        held.append(record)
        account.changed_texts[writer.text_change] += record.text != given.text
        n_with["groups"] += record.group is not None
        n_with["scores"] += any(entity.score is not None for entity in record.entities)
    account.changed_texts = +account.changed_texts
    account.warnings = [
        f"The format '{writer.name}' holds no {name}: those of {count:,} documents are lost"
        for name, count in n_with.items()
        if count and name not in writer.holds
    ]
    return HeldRecords(held, account)


def _hold(writer: Writer, record: Record, nlp: Optional[Language]) -> Record:
    if writer.needs_words:
        record = tokenize(require_tokenizer(writer.name, nlp), record)
    return writer.hold(record)


def require_tokenizer(name: str, nlp: Optional[Language]) -> Language:
    """RETURNS (Language): The pipeline whose tokenizer to use for a format.
    RAISES (CorpusError): If there is none."""
    if nlp is None:
        raise CorpusError(f"Expected a language (--lang): the format '{name}' has tokens")
    return nlp


def tokenize(nlp: Language, record: Record) -> Record:
    """Give a record tokens, and leave out the entities that do not lie on them.

    nlp (Language): The pipeline whose tokenizer to use, unless the record has tokens.
    record (Record): The record.
    RETURNS (Record): The record, with an account of the entities that are left out.
    RAISES (CorpusError): If the tokens are not those of the text.
    """
    doc, dropped = record_to_doc(nlp, record)
    # Of entities that repeat another one, the first is kept.
    kept = {_get_key(entity): entity for entity in reversed(record.entities)}
    for item in dropped:
        if item.reason != "duplicate":
            kept.pop(_get_key(item.entity), None)
    return replace(
        record,
        words=tuple(token.text for token in doc),
        entities=tuple(reversed(kept.values())),
        dropped=(*record.dropped, *dropped),
    )


def _get_key(entity: Entity) -> Tuple[int, int, str]:
    return entity.start, entity.end, entity.label


def write_parts(
    writer: Writer, parts: Mapping[Path, HeldRecords], model: Optional[str] = None
) -> None:
    """Write the parts of a corpus, and an account beside each, all of them or none.

    writer (Writer): What writes the format.
    parts (Mapping[Path, HeldRecords]): The records of each file or folder.
    model (Optional[str]): See `Target`.
    """
    labels = sorted({label for held in parts.values() for label in held.account.entities})
    with _replacing_parts(writer, list(parts)) as new:
        for path, held in parts.items():
            writer.write(held.records, Target(new[path], labels, model))
            for suffix, make in writer.beside:
                new[path.with_suffix(suffix)].write_bytes(make(labels))
            written = {"files": [file.name for file in find_outputs(writer, path)]}
            new[account_path(path)].write_bytes(to_json({**held.account.to_dict(), **written}))


@contextmanager
def _replacing_parts(writer: Writer, parts: Sequence[Path]) -> Iterator[Mapping[Path, Path]]:
    """Write what `find_outputs` names aside, and put it in its place, see `replacing_all`."""
    outputs = [path for part in parts for path in find_outputs(writer, part)]
    folder = outputs[0].parent
    if len(parts) > 1 and _is_replaceable(folder):
        # All at once. Of folders, only those that are new or empty may be written again.
        with replacing_all([folder]) as new:
            new[folder].mkdir()
            yield {path: new[folder] / path.name for path in outputs}
    else:
        # If this is interrupted, `check_outputs` knows by their accounts what it may write again:
        # they come before other files, but for the first, which is put in its place last.
        with replacing_all([outputs[0], *map(account_path, parts), *outputs[1:]]) as new:
            yield new


def _is_replaceable(folder: Path) -> bool:
    """RETURNS (bool): Whether another folder can take the place of this one: it is not there, or it
    is empty and nothing but a folder."""
    if not folder.exists():
        return True
    is_plain = not folder.is_symlink() and not os.path.ismount(folder)
    is_used = folder.samefile(".") or not os.access(folder.parent, os.W_OK)
    return is_plain and not is_used and not any(folder.iterdir())


def find_outputs(writer: Writer, path: Path) -> List[Path]:
    """RETURNS (List[Path]): What is written for a part: a file or folder, and what lies beside."""
    beside = [path.with_suffix(suffix) for suffix, _ in writer.beside]
    return [path, *beside, account_path(path)]


def account_path(path: Path) -> Path:
    """RETURNS (Path): The account of what was written. Readers of folders leave it out."""
    return path.with_name(path.name + ACCOUNT_SUFFIX)


def check_outputs(writer: Writer, paths: Sequence[Path]) -> None:
    """Check that nothing else is overwritten than what was written by `convert`.

    writer (Writer): What writes the format.
    paths (Sequence[Path]): The files or folders to write.
    RAISES (CorpusError): If something else is there, or two of them are the same.
    """
    for path in paths:
        outputs = find_outputs(writer, path)
        if len({*outputs}) < len(outputs):
            raise CorpusError(f"{path}: expected a file that ends in {writer.suffix}")
        if not writer.suffix and path.exists() and not (path.is_dir() and not any(path.iterdir())):
            raise CorpusError(
                f"{path}: expected the name of a new folder: what is there would be lost"
            )
        if writer.suffix and path.is_dir():
            raise CorpusError(f"{path}: expected a file to write, not a directory")
        # A folder that is there is empty.
        there = [other for other in (outputs if writer.suffix else outputs[1:]) if other.exists()]
        written = _find_written(writer, path)
        lost = [other for other in there if other.name not in written]
        if lost:
            raise CorpusError(
                f"{lost[0]}: expected the name of a new file: this one is not of convert, and "
                "it would be lost"
            )


def _find_written(writer: Writer, path: Path) -> Sequence[str]:
    """RETURNS (Sequence[str]): The names of the files that `convert` wrote for a part."""
    account = account_path(path)
    if not account.exists():
        return ()
    value = try_json(account.read_bytes())
    if not isinstance(value, dict):
        return (path.name, account.name)
    # Earlier versions did not say what they wrote.
    default = [output.name for output in find_outputs(writer, path)]
    files: Sequence[str] = value.get("files", default)
    return files
