import warnings
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import (
    Any,
    Callable,
    Collection,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import spacy
from spacy.language import Language
from spacy.pipeline.spancat import DEFAULT_SPANS_KEY
from spacy.vocab import Vocab

from ..factories import importing_no_factories
from ..files import accepts_strings, real_path, to_json, write_files
from ..progress import ProgressBar
from ..tables import one_line
from ._files import ACCOUNT_FIELD, CorpusFile, printable
from .account import Account
from .annotators import merge_annotators
from .checks import LabeledText, find_shared, find_warnings
from .docbin import read_docs
from .docs import find_inclusive_ends, records_to_docs
from .formats import Format, get_format, recognize, warn_of_unknown
from .formats.writers import DOCBIN, WRITERS, Writer, get_writer
from .joining import check_documents, join_documents
from .record import CorpusError, Record
from .splits import read_ids, split_by_fractions, split_by_ids, split_by_sizes
from .writing import check_outputs, find_outputs, hold_records, require_tokenizer, write_parts

PARTS = ("train", "dev", "test")
# The share of malformed items from which on a corpus is refused.
MAX_BAD = 0.01
N_SHOWN = 20

# The records of each file or folder that is written.
Parts = Mapping[Path, Iterable[Record]]
# The account of each of them, and what writes them all.
Converted = Tuple[Dict[Path, Account], Callable[[], None]]


class Reading(NamedTuple):
    """How a corpus is read, see `convert`. Of a reader's own options, None are those left out."""

    offsets: Optional[str] = None
    level: Optional[int] = None
    text_key: Optional[str] = None
    tag_names: Optional[Sequence[str]] = None
    keep_tokens: bool = False
    annotator: Optional[str] = None
    merge: Optional[str] = None
    max_bad: float = MAX_BAD

    def get_options(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): The options of the reader that are given."""
        options = {
            "offsets": self.offsets,
            "level": self.level,
            "text_key": self.text_key,
            "tag_names": None if self.tag_names is None else list(self.tag_names),
            "keep_tokens": self.keep_tokens or None,
        }
        return {name: value for name, value in options.items() if value is not None}

    def read(self, corpus_format: Format, paths: Sequence[Union[Path, CorpusFile]]) -> List[Record]:
        """Read files.

        corpus_format (Format): Their format.
        paths (Sequence[Union[Path, CorpusFile]]): Files, and folders of files.
        RETURNS (List[Record]): The records, one for each text that several annotators annotated.
        RAISES (CorpusError): If the files are not as expected.
        """
        records = list(corpus_format.read(paths, **self.get_options()))
        return merge_annotators(records, self.merge, self.annotator)


@accepts_strings
def convert(
    input_path: Path,
    output_path: Path,
    *,
    lang: Optional[str] = None,
    to: str = DOCBIN,
    corpus_format: Optional[str] = None,
    tokenizer: Optional[str] = None,
    spans_key: str = DEFAULT_SPANS_KEY,
    level: Optional[int] = None,
    offsets: Optional[str] = None,
    text_key: Optional[str] = None,
    tag_names: Optional[Sequence[str]] = None,
    keep_tokens: bool = False,
    annotator: Optional[str] = None,
    merge: Optional[str] = None,
    max_bad: float = MAX_BAD,
    split_sizes: Optional[Sequence[int]] = None,
    split_fractions: Optional[Sequence[float]] = None,
    split_ids: Optional[Sequence[Path]] = None,
    seed: int = 0,
    whole_documents: bool = False,
    model: Optional[str] = None,
    strict: bool = False,
    beside: Optional[Collection[Path]] = None,
    silent: bool = True,
) -> Dict[Path, Account]:
    """Convert a corpus into DocBin or another format, whole or split into two or three parts.

    input_path (Path): The corpus, a file or a directory.
    output_path (Path): The file to write, a directory for "brat", or the directory of the parts if
        the corpus is split.
    lang (Optional[str]): Code of the language, which is needed if the format has tokens.
    to (str): The format to write, "docbin" or one of `WRITERS`.
    corpus_format (Optional[str]): A name in `READERS`. If None, what the content tells.
    tokenizer (Optional[str]): Name of a registered tokenizer. If None, that of the language.
    spans_key (str): Key of the entities in `Doc.spans`.
    level (Optional[int]): Levels of the labels to keep, see `read_maintie`.
    offsets (Optional[str]): How offsets count, one of `COUNTINGS`. If None, what the texts of
        entities tell, as far as the corpus states them.
    text_key (Optional[str]): The field of the text, see `read_jsonl`.
    tag_names (Optional[Sequence[str]]): The names of tags that are numbers, see `read_jsonl`.
    keep_tokens (bool): Whether to keep the tokens that come with a text, see `read_jsonl`.
    annotator (Optional[str]): The only annotator to keep, see `merge_annotators`.
    merge (Optional[str]): How to merge several annotators, see `merge_annotators`.
    max_bad (float): The share of malformed items from which on the corpus is refused. A single one
        is let pass, unless this is 0.
    split_sizes (Optional[Sequence[int]]): Number of records in each part, in order.
    split_fractions (Optional[Sequence[float]]): Share of the documents in each part, at random.
    split_ids (Optional[Sequence[Path]]): Files that list the ids of each part.
    seed (int): Random seed for the fractions.
    whole_documents (bool): Whether to join the records of a document, such as its sentences, after
        the corpus is split, see `join_documents`.
    model (Optional[str]): Name of the model that predicted the entities, to write them as
        suggestions where the format tells them from annotations. None if people annotated them.
    strict (bool): Whether to raise an error if anything would be lost or changed.
    beside (Optional[Collection[Path]]): Other parts of the corpus, which should share no documents
        with this one. If None, those that lie beside the output.
    silent (bool): Whether to show no progress.
    RETURNS (Dict[Path, Account]): The files and their accounts.
    RAISES (CorpusError): If the corpus or an argument is not as expected. Nothing is written.
    """
    reading = Reading(offsets, level, text_key, tag_names, keep_tokens, annotator, merge, max_bad)
    paths = check_conversion(
        input_path,
        output_path,
        to=to,
        corpus_format=corpus_format,
        reading=reading,
        split_sizes=split_sizes,
        split_fractions=split_fractions,
        split_ids=split_ids,
    )
    if tokenizer is not None and lang is None:
        raise CorpusError("Expected a language (--lang) with a tokenizer")
    if to == DOCBIN and model is not None:
        raise CorpusError(f"Expected no model: the format '{DOCBIN}' tells no suggestions")
    with importing_no_factories():
        nlp = None if lang is None else make_nlp(lang, tokenizer)
    if to == DOCBIN or get_writer(to).needs_words:
        require_tokenizer(to, nlp)
    found, inputs = find_format(corpus_format, [input_path])
    records = reading.read(found, inputs)
    check_records(records, [input_path], reading.max_bad)
    if all(record.skipped is not None for record in records):
        raise CorpusError(
            f"{printable(input_path)}: expected a document, but its {len(records)} records are all "
            f"skipped ({records[0].skipped})"
        )
    if split_sizes is not None:
        parts = split_by_sizes(records, split_sizes)
    elif split_fractions is not None:
        parts = split_by_fractions(records, split_fractions, seed)
    elif split_ids is not None:
        parts = _split_by_id_files(records, split_ids, strict)
    else:
        parts = [records]
    if whole_documents:
        check_documents(records, input_path)
        parts = [join_documents(part) for part in parts]
    tracked = {path: ProgressBar(part, disable=silent or None) for path, part in zip(paths, parts)}
    if to == DOCBIN:
        accounts, write = _to_docbin(tracked, nlp, spans_key)
    else:
        accounts, write = _to_format(get_writer(to), tracked, nlp, model)
    if not any(account.documents for account in accounts.values()):
        reasons = ", ".join(reason for account in accounts.values() for reason in account.skipped)
        raise CorpusError(f"{printable(input_path)}: no record can be written as {to} ({reasons})")
    last = accounts[paths[-1]]
    hints = [] if nlp is None else find_inclusive_ends(nlp, chain(*parts), accounts.values())
    last.warnings += hints
    if strict:
        _check_lossless(accounts.values())
    _check_any_kept(input_path, list(accounts.values()), hints)
    last.warnings += find_warnings(
        {path.stem: to_labeled_texts(part) for path, part in zip(paths, parts)}
    )
    if to == DOCBIN and len(paths) == 1:
        _warn_of_other_parts(paths[0], parts[0], beside)
    write()
    return accounts


def _to_docbin(parts: Parts, nlp: Optional[Language], spans_key: str) -> Converted:
    nlp = require_tokenizer(DOCBIN, nlp)
    converted = {path: records_to_docs(nlp, part, spans_key) for path, part in parts.items()}
    accounts = {path: account for path, (_, account) in converted.items()}

    def write() -> None:
        contents = {path: docs.to_bytes() for path, (docs, _) in converted.items()}
        contents.update(
            (_docbin_account_path(path), to_json(accounts[path].to_dict())) for path in parts
        )
        write_files(contents)

    return accounts, write


def _to_format(
    writer: Writer, parts: Parts, nlp: Optional[Language], model: Optional[str]
) -> Converted:
    held = {path: hold_records(writer, part, nlp) for path, part in parts.items()}
    accounts = {path: account for path, (_, account) in held.items()}
    return accounts, lambda: write_parts(writer, held, model)


def check_conversion(
    input_path: Path,
    output_path: Path,
    *,
    to: str = DOCBIN,
    corpus_format: Optional[str] = None,
    reading: Reading = Reading(),
    split_sizes: Optional[Sequence[int]] = None,
    split_fractions: Optional[Sequence[float]] = None,
    split_ids: Optional[Sequence[Path]] = None,
) -> List[Path]:
    """Check what can be known of a conversion before anything is read. The arguments are those of
    `convert`.

    RETURNS (List[Path]): The files or folders that will be written.
    RAISES (CorpusError): If an argument is not as expected.
    """
    if corpus_format is not None:
        get_format(corpus_format).check_options(reading.get_options())
    merge_annotators([], reading.merge)
    splits = [split for split in (split_sizes, split_fractions, split_ids) if split is not None]
    if len(splits) > 1:
        raise CorpusError("Expected one way to split: by sizes, by fractions or by ids")
    writer = None if to == DOCBIN else get_writer(to, (DOCBIN,))
    outputs = _find_parts(output_path, len(splits[0]) if splits else None, writer)
    inputs = [input_path, *(split_ids or [])]
    if writer is None:
        files = [*outputs, *map(_docbin_account_path, outputs)]
        _check_paths(inputs, files)
        for output in files:
            if output.is_dir():
                raise CorpusError(f"{output}: expected a file to write, not a directory")
        for output in outputs:
            account = _docbin_account_path(output)
            if output.exists() and not account.exists():
                raise CorpusError(
                    f"{printable(output)}: expected a file that convert has written, with its "
                    f"account {account.name} beside it. This file would be lost"
                )
            if account.exists() and ACCOUNT_FIELD not in account.read_bytes():
                raise CorpusError(
                    f"{printable(account)}: expected an account of convert. This file would be lost"
                )
    else:
        _check_paths(inputs, [file for path in outputs for file in find_outputs(writer, path)])
        check_outputs(writer, outputs)
        if real_path(output_path).is_relative_to(real_path(input_path)):
            raise CorpusError(
                f"{printable(output_path)}: expected an output outside of {printable(input_path)}, "
                "which would hold it the next time"
            )
    return outputs


def find_format(
    name: Optional[str], paths: Sequence[Path]
) -> Tuple[Format, Sequence[Union[Path, CorpusFile]]]:
    """Find the format of files. Files that are in no known format are left out, with a warning.

    name (Optional[str]): Its name. If None, what the content tells.
    paths (Sequence[Path]): Files, and folders of files.
    RETURNS (Tuple[Format, Sequence[Union[Path, CorpusFile]]]): The format, and the files and
        folders to read.
    RAISES (CorpusError): If there is no such format, or the content does not tell one.
    """
    if name is not None:
        return get_format(name), paths
    corpus_format, files, unknown = recognize(paths)
    warn_of_unknown(unknown)
    return corpus_format, files


def check_records(records: Sequence[Record], paths: Sequence[Path], max_bad: float) -> None:
    """Check that there are records, and that few items are malformed.

    records (Sequence[Record]): The records.
    paths (Sequence[Path]): The corpus, for error messages.
    max_bad (float): The share of malformed items from which on it is refused.
    RAISES (CorpusError): If there is none, or too many items are malformed.
    """
    bad = [problem for record in records for problem in record.bad]
    n_items = sum(1 + len(record.entities) + len(record.dropped) for record in records)
    listed = "".join(f"\n{problem}" for problem in bad[:N_SHOWN])
    more = f"\n... and {len(bad) - N_SHOWN:,} more" if len(bad) > N_SHOWN else ""
    if all(record.skipped == "malformed" for record in records):
        raise CorpusError(f"{printable(paths[0])}: expected at least one record{listed}{more}")
    is_single = len(bad) == 1 and max_bad > 0
    if len(bad) > max_bad * n_items and not is_single:
        raise CorpusError(
            f"{printable(paths[0])}: {len(bad):,} of {n_items:,} items are malformed, more than a "
            f"share of {max_bad} (to let more pass: --max-bad){listed}{more}"
        )


def to_labeled_texts(records: Iterable[Record]) -> List[LabeledText]:
    """RETURNS (List[LabeledText]): The annotated texts of records that are not skipped."""
    return [LabeledText.from_record(record) for record in records if record.skipped is None]


def _warn_of_other_parts(
    path: Path, records: List[Record], beside: Optional[Collection[Path]]
) -> None:
    """Warn of documents that a part shares with others that lie beside it."""
    examples = to_labeled_texts(records)
    for part in PARTS if path.stem in PARTS else ():
        other = path.with_name(f"{part}.spacy")
        if other != path and other.exists() and (beside is None or other in beside):
            try:
                others = [LabeledText.from_doc(doc) for doc in read_docs(other, Vocab())]
            # It is not this file that is damaged.
            except CorpusError:
                continue
            both = {part: others, path.stem: examples}
            for warning in find_shared({name: both[name] for name in PARTS if name in both}):
                warnings.warn(warning, stacklevel=4)


def _check_lossless(accounts: Iterable[Account]) -> None:
    losses: List[str] = []
    for account in accounts:
        # So far they tell only what the format can't hold, and why.
        losses += [*account.bad[:N_SHOWN], *account.warnings]
        for counts, kind in (
            (account.skipped, "records skipped"),
            (account.dropped, "entities dropped"),
            (account.changed, "entities changed"),
            (account.changed_texts, "texts changed"),
        ):
            losses += [f"{count:,} {kind} ({reason})" for reason, count in counts.items()]
    if losses:
        raise CorpusError(
            "Expected to keep all entities and records as they are, since --strict is set:\n"
            + "\n".join(losses)
        )


def _check_any_kept(path: Path, accounts: Sequence[Account], hints: List[str]) -> None:
    dropped = sum((account.dropped for account in accounts), Counter[str]())
    if not dropped or any(account.entities for account in accounts):
        return
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in dropped.most_common())
    reason = next(iter(dropped))
    example = next(a.examples[reason] for a in accounts if reason in a.examples)
    hint = "".join(f" {hint}" for hint in hints)
    if dropped["misaligned"] and not hint:
        hint = " Misaligned ones do not begin and end with a token: try another --tokenizer"
    raise CorpusError(
        f"{printable(path)}: expected entities that can be kept, but all are dropped ({reasons}). "
        f"The first is '{one_line(example.text)}' in {example.record}, characters "
        f"{example.entity.start} to {example.entity.end}.{hint}"
    )


def make_nlp(lang: str, tokenizer: Optional[str]) -> Language:
    """Make a pipeline with nothing else than a tokenizer.

    lang (str): Code of the language.
    tokenizer (Optional[str]): Name of a registered tokenizer. If None, that of the language.
    RETURNS (Language): The pipeline.
    RAISES (CorpusError): If there is no such language or tokenizer.
    """
    config = {"nlp": {"tokenizer": {"@tokenizers": tokenizer}}} if tokenizer else {}
    try:
        return spacy.blank(lang, config=config)
    except (ImportError, ValueError) as err:
        raise CorpusError(f"Can't create the tokenizer: {err}") from err


def _split_by_id_files(
    records: List[Record], id_paths: Sequence[Path], strict: bool
) -> List[List[Record]]:
    split = split_by_ids(records, [read_ids(path) for path in id_paths])
    problems = []
    if split.unknown_ids:
        problems.append(f"{len(split.unknown_ids)} ids match no record: {split.unknown_ids[0]} ...")
    if split.unlisted:
        problems.append(f"{len(split.unlisted)} records are unlisted: {split.unlisted[0].id} ...")
    if strict and problems:
        raise CorpusError(f"Expected id lists that match the corpus, but {'; '.join(problems)}")
    for problem in problems:
        warnings.warn(problem, stacklevel=4)
    return split.parts


def _find_parts(output_path: Path, n_parts: Optional[int], writer: Optional[Writer]) -> List[Path]:
    suffix = ".spacy" if writer is None else writer.suffix
    if n_parts is None:
        if output_path.suffix != suffix and writer is None:
            fitting = [name for name, item in WRITERS.items() if item.suffix == output_path.suffix]
            raise CorpusError(
                f"Expected an output file with the suffix .spacy, not {output_path}. To write "
                f"another format, choose it with --to: {', '.join(fitting or WRITERS)}"
            )
        return [output_path]
    if not 2 <= n_parts <= len(PARTS):
        raise CorpusError(f"Expected two or three parts ({', '.join(PARTS)}), not {n_parts}")
    return [output_path / f"{name}{suffix}" for name in PARTS[:n_parts]]


def _check_paths(inputs: Sequence[Path], outputs: Sequence[Path]) -> None:
    for path in inputs:
        if not path.exists():
            raise CorpusError(f"{printable(path)}: expected a file or a directory to read")
    read = [real_path(path) for path in inputs]
    for output in filter(Path.exists, outputs):
        place = real_path(output)
        if any(place.is_relative_to(path) or place.samefile(path) for path in read):
            raise CorpusError(f"Expected another output path: {output} is read, and would be lost")


def _docbin_account_path(path: Path) -> Path:
    return path.with_suffix(".json")
