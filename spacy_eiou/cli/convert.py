from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, TypeVar

import spacy
from spacy.cli._util import Arg, Opt
from spacy.language import Language
from tqdm import tqdm
from typer import BadParameter
from wasabi import Printer
from wasabi import msg as cli_msg

from ..corpora import (
    READERS,
    Account,
    CorpusError,
    Record,
    read_ids,
    records_to_docs,
    split_by_fractions,
    split_by_ids,
    split_by_sizes,
)
from ._util import app, to_json, write_files

PARTS = ("train", "dev", "test")

T = TypeVar("T")


@app.command("convert")
def convert_cli(
    input_path: Path = Arg(..., help="Input file or directory", exists=True),
    output_path: Path = Arg(
        ..., help="Output .spacy file, or the output directory if the corpus is split"
    ),
    corpus_format: str = Opt(
        ..., "--format", "-f", help=f"Format of the corpus: {', '.join(READERS)}"
    ),
    lang: str = Opt(..., "--lang", "-l", help="Language of the corpus, e.g. en"),
    tokenizer: Optional[str] = Opt(
        None, "--tokenizer", "-t", help="Registered tokenizer. Defaults to that of the language"
    ),
    spans_key: str = Opt("sc", "--spans-key", "-sk", help="Spans key of the entities in Doc.spans"),
    level: Optional[int] = Opt(
        None,
        "--level",
        help="Levels of the labels to keep, 0 for a single label (only for maintie). Defaults to 1",
        min=0,
        max=3,
    ),
    split_sizes: Optional[str] = Opt(
        None, "--split-sizes", help="Split in order: records in train, dev and test, e.g. 80,10,10"
    ),
    split_fractions: Optional[str] = Opt(
        None,
        "--split-fractions",
        help="Split documents at random: shares of train, dev and test, e.g. 0.8,0.1,0.1",
    ),
    split_ids: Optional[str] = Opt(
        None,
        "--split-ids",
        help="Split by id: files that list the ids in train, dev and test, e.g. a.txt,b.txt,c.txt",
    ),
    seed: int = Opt(0, "--seed", "-s", help="Random seed for --split-fractions"),
    strict: bool = Opt(
        False, "--strict", "-S", help="Write nothing if an entity or a record would be lost"
    ),
) -> None:
    """
    Convert a corpus with nested entities into DocBin format for training. An
    account of the entities, and of those that the docs can't hold, is printed
    and saved beside each .spacy file. Without a split the output is one file;
    with two or three parts it is a directory that holds train.spacy, dev.spacy
    and, for three, test.spacy.
    """
    try:
        convert(
            input_path,
            output_path,
            corpus_format=corpus_format,
            lang=lang,
            tokenizer=tokenizer,
            spans_key=spans_key,
            level=level,
            split_sizes=_parse_list(split_sizes, int, "--split-sizes"),
            split_fractions=_parse_list(split_fractions, float, "--split-fractions"),
            split_ids=_parse_list(split_ids, Path, "--split-ids"),
            seed=seed,
            strict=strict,
            silent=False,
        )
    except (CorpusError, OSError) as err:
        cli_msg.fail(f"Can't convert '{input_path}'", err, exits=1)


def convert(
    input_path: Path,
    output_path: Path,
    *,
    corpus_format: str,
    lang: str,
    tokenizer: Optional[str] = None,
    spans_key: str = "sc",
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
    silent (bool): Whether to print nothing.
    RETURNS (Dict[Path, Account]): The files and their accounts.
    RAISES (CorpusError): If the corpus or an argument is not as expected. Nothing is written.
    """
    msg = Printer(no_print=silent, pretty=not silent)
    nlp = make_nlp(lang, tokenizer)
    records = _read_records(input_path, corpus_format, level)
    chosen = [split for split in (split_sizes, split_fractions, split_ids) if split is not None]
    if len(chosen) > 1:
        raise CorpusError("Expected one way to split: by sizes, by fractions or by ids")
    if split_sizes is not None:
        parts = split_by_sizes(records, split_sizes)
    elif split_fractions is not None:
        parts = split_by_fractions(records, split_fractions, seed)
    elif split_ids is not None:
        parts = _split_by_id_files(records, split_ids, strict, msg)
    else:
        parts = [records]
    paths = _get_output_paths(output_path, len(parts), is_split=bool(chosen))
    _protect_inputs([input_path, *(split_ids or [])], paths)
    converted = {
        path: records_to_docs(nlp, tqdm(part, disable=silent or None), spans_key)
        for path, part in zip(paths, parts, strict=True)
    }
    accounts = {path: account for path, (_, account) in converted.items()}
    for path, account in accounts.items():
        msg.divider(path.name)
        account.print(msg)
    if strict and not all(account.is_lossless() for account in accounts.values()):
        raise CorpusError("Expected to keep all entities and records, since --strict is set")
    contents = {path: docs.to_bytes() for path, (docs, _) in converted.items()}
    contents.update((_account_path(path), to_json(accounts[path].to_dict())) for path in paths)
    write_files(contents)
    for path, (docs, _) in converted.items():
        msg.good(f"Generated output file ({len(docs)} documents): {path}")
    return accounts


def make_nlp(lang: str, tokenizer: Optional[str]) -> Language:
    config = {"nlp": {"tokenizer": {"@tokenizers": tokenizer}}} if tokenizer else {}
    try:
        return spacy.blank(lang, config=config)
    except (ImportError, ValueError) as err:
        raise CorpusError(f"Can't create the tokenizer: {err}") from err


def _read_records(path: Path, corpus_format: str, level: Optional[int]) -> List[Record]:
    if corpus_format not in READERS:
        raise CorpusError(f"Expected a format from {', '.join(READERS)}, not '{corpus_format}'")
    if level is not None and corpus_format != "maintie":
        raise CorpusError(f"Expected no level: the labels of '{corpus_format}' have none")
    options = {} if level is None else {"level": level}
    records = list(READERS[corpus_format](path, **options))
    if not records:
        raise CorpusError(f"{path}: expected at least one record")
    return records


def _split_by_id_files(
    records: List[Record], id_paths: Sequence[Path], strict: bool, msg: Printer
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
        msg.warn(problem)
    return split.parts


def _get_output_paths(output_path: Path, n_parts: int, *, is_split: bool) -> List[Path]:
    if not is_split:
        if output_path.suffix != ".spacy":
            raise CorpusError(f"Expected an output file with the suffix .spacy, not {output_path}")
        return [output_path]
    if not 2 <= n_parts <= len(PARTS):
        raise CorpusError(f"Expected two or three parts ({', '.join(PARTS)}), not {n_parts}")
    return [output_path / f"{name}.spacy" for name in PARTS[:n_parts]]


def _protect_inputs(inputs: Sequence[Path], outputs: Sequence[Path]) -> None:
    for output in (*outputs, *map(_account_path, outputs)):
        if output.exists() and any(output.samefile(path) for path in inputs):
            raise CorpusError(f"Expected another output path: {output} is read, and would be lost")


def _account_path(path: Path) -> Path:
    return path.with_suffix(".json")


def _parse_list(value: Optional[str], kind: Callable[[str], T], option: str) -> Optional[List[T]]:
    if value is None:
        return None
    try:
        return [kind(item) for item in value.split(",")]
    except ValueError as err:
        raise BadParameter(
            f"expected values separated by commas ({err})", param_hint=option
        ) from err
