"""A spaCy project for annotated files of one's own."""

import re
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

import srsly
from spacy.language import Language

from ..files import accepts_strings, write_files
from ..templates import TEMPLATES_PATH, render_template
from ._files import CorpusFile, list_files, printable
from .account import Account
from .checks import find_warnings
from .conversion import MAX_BAD, PARTS, Reading, check_records, make_nlp, to_labeled_texts
from .description import Conversion, CorpusDescription, get_encoder_settings
from .docs import find_inclusive_ends, records_to_docs
from .formats import Format, get_format, recognize, warn_of_unknown
from .joining import check_documents, join_documents
from .record import CorpusError, Record
from .splits import split_by_fractions

TOKENIZERS = (
    "spacy.Tokenizer.v1",
    "spacy_eiou.BiomedicalTokenizer.v1",
    "spacy_eiou.WhitespaceTokenizer.v1",
    "spacy_eiou.CharacterTokenizer.v1",
)
COPIED_TEMPLATES = {
    "configs/cnn.cfg": "cnn.cfg",
    "configs/few_examples.cfg": "few_examples.cfg",
    "configs/transformer.cfg": "transformer.cfg",
    "configs/transformer_pretraining.cfg": "transformer_pretraining.cfg",
    ".gitignore": "gitignore",
}
# The share of the dev and of the test part, where they are split off the training files.
HELD_OUT_SHARE = 0.1
# The share of misaligned entities from which on another tokenizer is worth a try.
MISALIGNED_SHARE = 0.01


class ProjectReport(NamedTuple):
    """What `init_project` read.

    corpus_format (str): The format of the files, a name in `READERS`.
    n_files (int): The number of files.
    account (Account): What the records hold.
    n_entities (int): The number of entities.
    misaligned (Dict[str, int]): The number of entities that do not begin and end with a token, by
        tokenizer: the chosen one first, the others only if they are worth a try.
    """

    corpus_format: str
    n_files: int
    account: Account
    n_entities: int
    misaligned: Dict[str, int]


@accepts_strings
def init_project(
    project_dir: Path,
    train: Sequence[Path],
    *,
    dev: Sequence[Path] = (),
    test: Sequence[Path] = (),
    corpus_format: Optional[str] = None,
    lang: str = "en",
    tokenizer: Optional[str] = None,
    transformer: Optional[str] = None,
    size: str = "medium",
    level: Optional[int] = None,
    offsets: Optional[str] = None,
    text_key: Optional[str] = None,
    tag_names: Optional[Sequence[str]] = None,
    keep_tokens: bool = False,
    annotator: Optional[str] = None,
    merge: Optional[str] = None,
    max_bad: float = MAX_BAD,
    whole_documents: bool = False,
    force: bool = False,
) -> ProjectReport:
    """Start a spaCy project for annotated texts.

    project_dir (Path): The directory of the project.
    train (Sequence[Path]): Files and directories to train on. A dev part is split off them if there
        is none, and a test part if there is neither.
    dev (Sequence[Path]): Files and directories of the dev part.
    test (Sequence[Path]): Files and directories of the test part.
    corpus_format (Optional[str]): A name in `READERS`. If None, what the content tells.
    lang (str): Code of the language.
    tokenizer (Optional[str]): Name of a registered tokenizer. If None, that of the language.
    transformer (Optional[str]): Name of a transformer, see `find_transformer`. If None, the model
        has none.
    size (str): The size of the encoder, if it is no transformer, see `prepare`.
    level, offsets, text_key, tag_names, keep_tokens, annotator, merge, max_bad,
    whole_documents: See `convert`.
    force (bool): Whether to write into a directory that is not empty.
    RETURNS (ProjectReport): What the project was made of.
    RAISES (CorpusError): If the files or an argument are not as expected. Nothing is written.
    """
    if not force and project_dir.exists() and any(project_dir.iterdir()):
        raise CorpusError(
            f"{project_dir}: expected an empty directory, or --force to write into it"
        )
    reading = Reading(offsets, level, text_key, tag_names, keep_tokens, annotator, merge, max_bad)
    get_encoder_settings(size)
    nlp = make_nlp(lang, tokenizer)
    tokenizer = str(nlp.config["nlp"]["tokenizer"]["@tokenizers"])
    inputs = {part: paths for part, paths in zip(PARTS, (train, dev, test)) if paths}
    _check_names([*train, *dev, *test])
    reader, unknown = _find_format(corpus_format, [*train, *dev, *test])
    files = {part: _find_files(reader, paths, unknown) for part, paths in inputs.items()}
    _check_assets(project_dir, files)
    records = {part: reading.read(reader, listed) for part, listed in files.items()}
    for part, listed in files.items():
        check_records(records[part], [listed[0].path], max_bad)
    fractions = choose_fractions(records)
    parts = split_records(records, fractions)
    _check_parts(parts)
    if whole_documents:
        for part, found in records.items():
            check_documents(found, inputs[part][0])
        parts = {part: join_documents(found) for part, found in parts.items()}
    everything = [record for part in parts.values() for record in part]
    corpus = describe_corpus(
        list(records), reader.name, lang, tokenizer, fractions, reading, whole_documents
    )
    contents = make_project(
        printable(project_dir.resolve().name), corpus, list(records), transformer, size
    )
    contents.update(
        (f"assets/{part}/{file.name}", file.path.read_bytes())
        for part, listed in files.items()
        for file in listed
    )
    write_files({project_dir / name: data for name, data in contents.items()})
    account = records_to_docs(nlp, everything)[1]
    inclusive = find_inclusive_ends(nlp, everything, [account])
    account.warnings = [
        *inclusive,
        *find_warnings({part: to_labeled_texts(found) for part, found in parts.items()}),
    ]
    return ProjectReport(
        corpus_format=reader.name,
        n_files=sum(map(len, files.values())),
        account=account,
        n_entities=sum(len(record.entities) for record in everything),
        # No tokenizer is the cure for wrong ends.
        misaligned=compare_tokenizers(nlp, everything, () if inclusive else TOKENIZERS),
    )


def _check_names(paths: Sequence[Path]) -> None:
    for path in paths:
        if not path.exists():
            raise CorpusError(
                f"{printable(path)}: expected an annotated file or a directory of them"
            )
        if path.resolve().name.startswith("."):
            raise CorpusError(
                f"{printable(path)}: expected another name, since a project does not read files "
                "whose name begins with a dot"
            )


def _find_format(name: Optional[str], paths: Sequence[Path]) -> Tuple[Format, Set[Path]]:
    """RETURNS (Tuple[Format, Set[Path]]): The format, and the files that are in no known one."""
    if name is not None:
        return get_format(name), set()
    corpus_format, _, unknown = recognize(paths)
    warn_of_unknown(unknown)
    return corpus_format, {file.path for file in unknown}


def _find_files(
    corpus_format: Format, paths: Sequence[Path], unknown: Set[Path]
) -> List[CorpusFile]:
    """RETURNS (List[CorpusFile]): The files of the format, and those beside them that it needs."""
    found = [file for file in list_files(paths) if file.path not in unknown]
    files = corpus_format.add_beside(found)
    if not files:
        raise CorpusError(
            f"{printable(paths[0])}: expected a file in the format '{corpus_format.name}'"
        )
    name, count = Counter(file.name for file in files).most_common(1)[0]
    if count > 1:
        raise CorpusError(
            f"Expected files of different names, but {count} are named '{printable(name)}'"
        )
    names = {file.name for file in files}
    for file in files:
        for parent in map(str, PurePosixPath(file.name).parents):
            if parent in names:
                raise CorpusError(
                    f"Expected files of different names, but '{printable(parent)}' is a file and "
                    "a folder"
                )
    return files


def _check_assets(project_dir: Path, files: Dict[str, List[CorpusFile]]) -> None:
    for part, listed in files.items():
        folder = project_dir / "assets" / part
        names = {file.name for file in listed}
        for file in list_files([folder]) if folder.is_dir() else []:
            if file.name not in names:
                raise CorpusError(
                    f"{printable(file.path)}: expected no other files here, they would be read too"
                )


def choose_fractions(records: Dict[str, List[Record]]) -> Optional[List[float]]:
    """Choose how to split the records to train on.

    records (Dict[str, List[Record]]): The records of the parts that are given.
    RETURNS (Optional[List[float]]): The shares of the train, dev and, unless it is given, test
        part; or None if the dev part is given.
    RAISES (CorpusError): If there are fewer documents than parts.
    """
    if "dev" in records:
        return None
    parts = PARTS[:2] if "test" in records else PARTS
    documents = {record.document for record in records["train"] if record.skipped is None}
    if len(documents) < len(parts):
        raise CorpusError(
            f"Expected at least {len(parts)} documents to split into {', '.join(parts)}, "
            f"not {len(documents)}"
        )
    share = round(max(HELD_OUT_SHARE, 1 / len(documents)), 4)
    n_held_out = len(parts) - 1
    return [round(1 - n_held_out * share, 4), *[share] * n_held_out]


def split_records(
    records: Dict[str, List[Record]], fractions: Optional[List[float]]
) -> Dict[str, List[Record]]:
    """Split the records to train on as `eiou prepare` will.

    records (Dict[str, List[Record]]): The records of the parts that are given.
    fractions (Optional[List[float]]): The shares, see `choose_fractions`.
    RETURNS (Dict[str, List[Record]]): The records of all parts.
    """
    if fractions is None:
        return records
    return {**records, **dict(zip(PARTS, split_by_fractions(records["train"], fractions)))}


def _check_parts(parts: Dict[str, List[Record]]) -> None:
    for part, records in parts.items():
        if all(record.skipped is not None for record in records):
            raise CorpusError(
                f"Expected a document in the {part} part, but its {len(records)} records are all "
                f"skipped ({records[0].skipped})"
            )
    if not any(record.entities for record in parts["train"]):
        raise CorpusError("Expected an entity in the train part, but there is none to learn from")


def compare_tokenizers(
    nlp: Language, records: List[Record], others: Sequence[str] = TOKENIZERS
) -> Dict[str, int]:
    """Count the entities that the tokenizer keeps from being found, and if they are many, those
    that other tokenizers would.

    nlp (Language): The pipeline with the tokenizer.
    records (List[Record]): The records.
    others (Sequence[str]): The names of the other tokenizers.
    RETURNS (Dict[str, int]): The number of entities that do not begin and end with a token, by the
        name of the tokenizer: the one of the pipeline first.
    """
    lang, chosen = nlp.config["nlp"]["lang"], nlp.config["nlp"]["tokenizer"]["@tokenizers"]
    misaligned = {chosen: count_misaligned(nlp, records)}
    if misaligned[chosen] > MISALIGNED_SHARE * sum(len(record.entities) for record in records):
        for name in others:
            if name != chosen:
                misaligned[name] = count_misaligned(make_nlp(lang, name), records)
    return misaligned


def count_misaligned(nlp: Language, records: Iterable[Record]) -> int:
    """Count the entities that do not begin and end with a token.

    nlp (Language): The pipeline whose tokenizer to use, even where the corpus gives the tokens: a
        trained model has nothing else.
    records (Iterable[Record]): The records.
    RETURNS (int): The number of entities.
    """
    return sum(
        doc.char_span(entity.start, entity.end) is None
        for record in records
        for doc in [nlp.make_doc(record.text)]
        for entity in record.entities
    )


def describe_corpus(
    folders: List[str],
    corpus_format: str,
    lang: str,
    tokenizer: str,
    fractions: Optional[List[float]],
    reading: Reading = Reading(),
    whole_documents: bool = False,
) -> CorpusDescription:
    """Describe how `eiou prepare` is to convert the files.

    folders (List[str]): The folders of files, named after their parts.
    corpus_format (str): A name in `READERS`.
    lang (str): Code of the language.
    tokenizer (str): Name of a registered tokenizer.
    fractions (Optional[List[float]]): The shares, see `choose_fractions`.
    reading (Reading): How to read them.
    whole_documents (bool): Whether to join the records of a document.
    RETURNS (CorpusDescription): The description.
    """
    conversions = [
        Conversion(
            input=folder,
            format=corpus_format,
            output=f"{folder}.spacy",
            whole_documents=whole_documents,
            **reading._asdict(),
        )
        for folder in folders
    ]
    if fractions is not None:
        conversions[0].output = "."
        conversions[0].split_fractions = fractions
    return CorpusDescription(lang=lang, tokenizer=tokenizer, convert=conversions)


def make_model_name(title: str) -> str:
    """RETURNS (str): The name of a project's model, with which Python's modules can be called."""
    name = re.sub("[^a-z0-9]+", "_", title.lower()).strip("_")
    return name if name.isidentifier() else f"model_{name}".strip("_")


def make_project(
    title: str,
    corpus: CorpusDescription,
    folders: List[str],
    transformer: Optional[str],
    size: str = "medium",
) -> Dict[str, bytes]:
    """Make the files of a project, other than the texts.

    title (str): The title of the project, from which the name of its model is made.
    corpus (CorpusDescription): The description of its corpus.
    folders (List[str]): The folders of files, named after their parts.
    transformer (Optional[str]): Name of the transformer, if the model has one.
    size (str): The size of the encoder, if it is no transformer.
    RETURNS (Dict[str, bytes]): The paths of the files in the project and their content.
    """
    if transformer is not None and Path(transformer).is_dir():
        # The workflow runs in another directory.
        transformer = str(Path(transformer).resolve())
    values = {
        "title": title,
        "name": make_model_name(title),
        "config": "cnn" if transformer is None else "transformer",
        "transformer": transformer or "",
        "size": size,
        "corpus": corpus,
        "folders": folders,
        "parts": PARTS[:2] if folders == ["train", "dev"] else PARTS,
    }
    files = {name: render_template(name, values) for name in ("project.yml", "README.md")}
    files["configs/corpus.yml"] = srsly.yaml_dumps(corpus.model_dump(exclude_defaults=True))
    return {
        **{name: text.encode() for name, text in files.items()},
        **{name: (TEMPLATES_PATH / file).read_bytes() for name, file in COPIED_TEMPLATES.items()},
    }
