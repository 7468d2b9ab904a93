"""Biomedical texts without annotation, to prepare an encoder with more than a corpus has.

    python benchmarks/biomedical_texts.py CLONES corpus/genia OUTPUT

CLONES is a folder of clones of REPOSITORIES, with `git clone` and `git checkout`. Their texts are
written as one sentence per line of JSON: first those of the corpus's training part, then the
others. Of those, a document that shares eight words in a row with the dev or the test part is left
out, so that nothing of these was read before, and so are sentences that repeat another one. The
counts are in a file beside OUTPUT.
"""

import re
from pathlib import Path
from typing import Dict, Iterable, Iterator, Tuple

import spacy
import typer
from spacy.language import Language
from spacy.vocab import Vocab

from spacy_eiou.corpora.docbin import read_docs
from spacy_eiou.files import to_json_line, write_file, write_json

# Addresses, commits, and where the texts are.
REPOSITORIES: Dict[str, Tuple[str, str]] = {
    "openbiocorpora/anatem": (
        "a0209b9d37fb9eb8a2c986f63a5352bd66bc3f2e",
        "original-data/standoff/*/*.txt",
    ),
    "openbiocorpora/bionlp-st-2011-epi": (
        "9e9b686175015e1adc629d3ee3857be004dcd923",
        "original-data/*/*.txt",
    ),
    "openbiocorpora/bionlp-st-2011-id": (
        "e67c70a4ae62a90b3d5060a8af9f1f8d6f9dc969",
        "original-data/*/*.txt",
    ),
    "openbiocorpora/bionlp-st-2013-pc": (
        "ef65fe2f44ee701be857f0cb362e3233abfb8e07",
        "original-data/*/*.txt",
    ),
    "openbiocorpora/cellfinder": (
        "eb8dd94c877344cc811a1b2043cb7d47b8ff64cf",
        "original-data/cellfinder1_brat/*.txt",
    ),
    "openbiocorpora/genetag": (
        "308185a4bac79537aac3c65b1428ef89b798db87",
        "original-data/*/TOKENIZED_CORPUS",
    ),
    "UCDenver-ccp/CRAFT": ("2abe82b8bb8089448b84937d5f61d8c218011322", "articles/txt/*.txt"),
}
N_SHARED = 8
MIN_WORDS = 5
MAX_WORDS = 200


def main(
    clones_path: Path = typer.Argument(..., help="Folder of clones, each named as its repository"),
    corpus_path: Path = typer.Argument(..., help="Folder of train.spacy, dev.spacy, test.spacy"),
    output_path: Path = typer.Argument(..., help="File of texts to write (.jsonl)"),
) -> None:
    """
    Write the texts of a corpus's training part and of other corpora.
    """
    parts = {
        part: [doc.text for doc in read_docs(corpus_path / f"{part}.spacy", Vocab())]
        for part in ("train", "dev", "test")
    }
    held_out = set(list_word_sequences([*parts["dev"], *parts["test"]]))
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    texts = {text: None for text in parts["train"]}
    counts: Dict[str, Dict[str, int]] = {}
    for name, (_, pattern) in REPOSITORIES.items():
        documents = list(read_documents(clones_path / name.split("/")[1], pattern))
        kept = [text for text in documents if held_out.isdisjoint(list_word_sequences([text]))]
        n_before = len(texts)
        texts.update({sentence: None for sentence in split_sentences(nlp, kept)})
        counts[name] = {
            "documents": len(documents),
            "shared": len(documents) - len(kept),
            "sentences": len(texts) - n_before,
        }
        print(name, counts[name], flush=True)
    write_file(output_path, "".join(to_json_line({"text": t}) for t in texts).encode("utf8"))
    write_json(output_path.with_suffix(".json"), {"training": len(parts["train"]), **counts})


def read_documents(path: Path, pattern: str) -> Iterator[str]:
    """YIELDS (str): The documents of a repository."""
    files = sorted(path.glob(pattern))
    if not files:
        raise typer.BadParameter(f"{path}: expected files {pattern}")
    for file in files:
        text = file.read_text("utf8", errors="replace")
        if file.suffix == ".txt":
            yield text
        else:
            # A line is the id of a sentence and its words with tags.
            yield from (join_words(line.split()[1:]) for line in text.splitlines())


def join_words(words: Iterable[str]) -> str:
    """RETURNS (str): The sentence of words with tags, without spaces at punctuation."""
    text = " ".join(word.rpartition("/")[0] for word in words)
    return re.sub(r"([(\[]) | (?=[)\],.;:?%])", r"\1", text)


def split_sentences(nlp: Language, documents: Iterable[str]) -> Iterator[str]:
    """YIELDS (str): The sentences of documents that are neither very short nor very long."""
    paragraphs = (line for text in documents for line in text.splitlines() if line.strip())
    for doc in nlp.pipe(paragraphs):
        for sentence in doc.sents:
            if MIN_WORDS <= len(sentence) <= MAX_WORDS:
                yield sentence.text.strip()


def list_word_sequences(texts: Iterable[str]) -> Iterator[Tuple[str, ...]]:
    """YIELDS (Tuple[str, ...]): All sequences of `N_SHARED` words."""
    for text in texts:
        words = re.findall(r"\w+", text.lower())
        yield from zip(*(words[start:] for start in range(N_SHARED)))


if __name__ == "__main__":
    typer.run(main)
