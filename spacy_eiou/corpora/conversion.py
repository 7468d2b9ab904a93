import warnings
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import spacy
from spacy.language import Language
from spacy.pipeline.spancat import DEFAULT_SPANS_KEY
from tqdm import tqdm

from ..files import to_json, write_files
from .account import Account
from .docs import records_to_docs
from .formats import get_format
from .record import CorpusError, Record
from .splits import read_ids, split_by_fractions, split_by_ids, split_by_sizes

PARTS = ("train", "dev", "test")


def convert(
    input_path: Path,
    output_path: Path,
    *,
    corpus_format: str,
    lang: str,
    tokenizer: Optional[str] = None,
    spans_key: str = DEFAULT_SPANS_KEY,
    level: Optional[int] = None,
    split_sizes: Optional[Sequence[int]] = None,
    split_fractions: Optional[Sequence[float]] = None,
    split_ids: Optional[Sequence[Path]] = None,
    seed: int = 0,
    strict: bool = False,
    silent: bool = True,
) -> Dict[Path, Account]:
    """Convert a corpus into DocBin format, whole or split into two or three parts.

    input_path (Path): The corpus, a file or a directory.
    output_path (Path): The .spacy file to write, or if the corpus is split the directory.
    corpus_format (str): A name in `READERS`.
    lang (str): Code of the language.
    tokenizer (Optional[str]): Name of a registered tokenizer. If None, that of the language.
    spans_key (str): Key of the entities in `Doc.spans`.
    level (Optional[int]): Levels of the labels to keep, see `read_maintie`.
    split_sizes (Optional[Sequence[int]]): Number of records in each part, in order.
    split_fractions (Optional[Sequence[float]]): Share of the documents in each part, at random.
    split_ids (Optional[Sequence[Path]]): Files that list the ids of each part.
    seed (int): Random seed for the fractions.
    strict (bool): Whether to raise an error if an entity or a record would be lost.
    silent (bool): Whether to show no progress.
    RETURNS (Dict[Path, Account]): The files and their accounts.
    RAISES (CorpusError): If the corpus or an argument is not as expected. Nothing is written.
    """
    paths = check_conversion(
        input_path,
        output_path,
        corpus_format=corpus_format,
        level=level,
        split_sizes=split_sizes,
        split_fractions=split_fractions,
        split_ids=split_ids,
    )
    nlp = make_nlp(lang, tokenizer)
    records = list(get_format(corpus_format).read([input_path], **_get_options(level)))
    if not records:
        raise CorpusError(f"{input_path}: expected at least one record")
    if split_sizes is not None:
        parts = split_by_sizes(records, split_sizes)
    elif split_fractions is not None:
        parts = split_by_fractions(records, split_fractions, seed)
    elif split_ids is not None:
        parts = _split_by_id_files(records, split_ids, strict)
    else:
        parts = [records]
    converted = {
        path: records_to_docs(nlp, tqdm(part, disable=silent or None), spans_key)
        for path, part in zip(paths, parts, strict=True)
    }
    accounts = {path: account for path, (_, account) in converted.items()}
    if strict and not all(account.is_lossless() for account in accounts.values()):
        raise CorpusError("Expected to keep all entities and records, since --strict is set")
    contents = {path: docs.to_bytes() for path, (docs, _) in converted.items()}
    contents.update((_account_path(path), to_json(accounts[path].to_dict())) for path in paths)
    write_files(contents)
    return accounts


def check_conversion(
    input_path: Path,
    output_path: Path,
    *,
    corpus_format: str,
    level: Optional[int] = None,
    split_sizes: Optional[Sequence[int]] = None,
    split_fractions: Optional[Sequence[float]] = None,
    split_ids: Optional[Sequence[Path]] = None,
) -> List[Path]:
    """Check what can be known of a conversion before anything is read. The arguments are those of
    `convert`.

    RETURNS (List[Path]): The .spacy files that will be written.
    RAISES (CorpusError): If an argument is not as expected.
    """
    get_format(corpus_format).check_options(_get_options(level))
    splits = [split for split in (split_sizes, split_fractions, split_ids) if split is not None]
    if len(splits) > 1:
        raise CorpusError("Expected one way to split: by sizes, by fractions or by ids")
    outputs = _find_outputs(output_path, len(splits[0]) if splits else None)
    _check_paths([input_path, *(split_ids or [])], outputs)
    return outputs


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


def _get_options(level: Optional[int]) -> Dict[str, Any]:
    return {} if level is None else {"level": level}


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
        warnings.warn(problem, stacklevel=3)
    return split.parts


def _find_outputs(output_path: Path, n_parts: Optional[int]) -> List[Path]:
    if n_parts is None:
        if output_path.suffix != ".spacy":
            raise CorpusError(f"Expected an output file with the suffix .spacy, not {output_path}")
        return [output_path]
    if not 2 <= n_parts <= len(PARTS):
        raise CorpusError(f"Expected two or three parts ({', '.join(PARTS)}), not {n_parts}")
    return [output_path / f"{name}.spacy" for name in PARTS[:n_parts]]


def _check_paths(inputs: Sequence[Path], outputs: Sequence[Path]) -> None:
    for path in inputs:
        if not path.exists():
            raise CorpusError(f"{path}: expected a file or a directory to read")
    for output in (*outputs, *map(_account_path, outputs)):
        if output.is_dir():
            raise CorpusError(f"{output}: expected a file to write, not a directory")
        if output.exists() and any(output.samefile(path) for path in inputs):
            raise CorpusError(f"Expected another output path: {output} is read, and would be lost")


def _account_path(path: Path) -> Path:
    return path.with_suffix(".json")
