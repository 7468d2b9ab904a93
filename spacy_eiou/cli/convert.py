from pathlib import Path
from typing import Optional

from spacy.cli._util import Arg, Opt
from wasabi import msg

from ..corpora import WRITERS, convert, printable
from ..corpora.formats.writers import DOCBIN
from ._accounts import (
    ANNOTATOR_OPTION,
    FORMAT_OPTION,
    KEEP_TOKENS_OPTION,
    LEVEL_OPTION,
    MAX_BAD_OPTION,
    MERGE_OPTION,
    OFFSETS_OPTION,
    TAG_NAMES_OPTION,
    TEXT_KEY_OPTION,
    WHOLE_DOCUMENTS_OPTION,
    print_account,
)
from ._util import app, parse_list, reporting


@app.command("convert")
def convert_cli(
    input_path: Path = Arg(..., help="Input file or directory", exists=True),
    output_path: Path = Arg(
        ..., help="Output file (a directory for brat), or that of the parts if the corpus is split"
    ),
    to: str = Opt(DOCBIN, "--to", help=f"Format to write: {', '.join((DOCBIN, *WRITERS))}"),
    corpus_format: Optional[str] = FORMAT_OPTION,
    lang: Optional[str] = Opt(
        None, "--lang", "-l", help="Language of the corpus, e.g. en, for formats that have tokens"
    ),
    tokenizer: Optional[str] = Opt(
        None, "--tokenizer", "-t", help="Registered tokenizer. Defaults to that of the language"
    ),
    spans_key: str = Opt("sc", "--spans-key", "-sk", help="Spans key of the entities in Doc.spans"),
    level: Optional[int] = LEVEL_OPTION,
    offsets: Optional[str] = OFFSETS_OPTION,
    text_key: Optional[str] = TEXT_KEY_OPTION,
    tag_names: Optional[str] = TAG_NAMES_OPTION,
    keep_tokens: bool = KEEP_TOKENS_OPTION,
    annotator: Optional[str] = ANNOTATOR_OPTION,
    merge: Optional[str] = MERGE_OPTION,
    max_bad: float = MAX_BAD_OPTION,
    split_sizes: Optional[str] = Opt(
        None,
        "--split-sizes",
        help="Split in order: documents in train, dev and test, e.g. 80,10,10",
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
    whole_documents: bool = WHOLE_DOCUMENTS_OPTION,
    model: Optional[str] = Opt(
        None,
        "--model",
        "-m",
        help="Name of the model that predicted the entities, to write them as suggestions",
    ),
    strict: bool = Opt(
        False, "--strict", "-S", help="Write nothing if anything would be lost or changed"
    ),
) -> None:
    """
    Convert annotated files into DocBin or another format.

    An account of the entities, and of those that the format can't hold, is
    printed and saved beside each file. Without a split the output is one file;
    with two or three parts it is a directory that holds train.spacy, dev.spacy
    and, for three, test.spacy.
    """
    with reporting(f"Can't convert '{printable(input_path)}'"):
        accounts = convert(
            input_path,
            output_path,
            to=to,
            corpus_format=corpus_format,
            lang=lang,
            tokenizer=tokenizer,
            spans_key=spans_key,
            level=level,
            offsets=offsets,
            text_key=text_key,
            tag_names=parse_list(tag_names, str, "--tag-names"),
            keep_tokens=keep_tokens,
            annotator=annotator,
            merge=merge,
            max_bad=max_bad,
            split_sizes=parse_list(split_sizes, int, "--split-sizes"),
            split_fractions=parse_list(split_fractions, float, "--split-fractions"),
            split_ids=parse_list(split_ids, Path, "--split-ids"),
            seed=seed,
            whole_documents=whole_documents,
            model=model,
            strict=strict,
            silent=False,
        )
    for path, account in accounts.items():
        msg.divider(printable(path.name))
        print_account(account)
        msg.good(f"Generated output file ({account.documents} documents): {printable(path)}")
