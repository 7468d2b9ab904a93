"""What the tests of self-training share."""

from pathlib import Path
from typing import Any

import spacy
import srsly

from spacy_eiou.corpora import Entity, Record, records_to_docs

CONFIG = Path(__file__).parents[1] / "configs" / "few_examples.cfg"
TINY = {
    "components.tok2vec.model.encode.width": 16,
    "components.tok2vec.model.encode.depth": 1,
    "training.max_steps": 1,
    "training.eval_frequency": 1,
}


def write_data(path):
    """Write train.spacy, dev.spacy and texts.jsonl. RETURNS: The overrides to train with them."""
    for name, n_docs in {"train": 4, "dev": 2}.items():
        records = [
            Record(f"note-{n}", f"gene {n} binds", (Entity(0, 6, "DNA"), Entity(0, 4, "word")))
            for n in range(n_docs)
        ]
        records_to_docs(spacy.blank("en"), records)[0].to_disk(path / f"{name}.spacy")
    srsly.write_jsonl(path / "texts.jsonl", [{"text": f"gene {n} moves"} for n in range(6)])
    paths = {f"paths.{name}": str(path / f"{name}.spacy") for name in ("train", "dev")}
    return {**TINY, **paths}


def write_texts(path, *lines):
    """Write a text per line. RETURNS: The path."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf8")
    return path


def make_ruler(path, word, spans_key="sc", **config):
    """Save a teacher that annotates one word. RETURNS: Its path."""
    nlp = spacy.blank("en", config=config)
    ruler: Any = nlp.add_pipe("span_ruler", config={"spans_key": spans_key})
    ruler.add_patterns([{"label": "word", "pattern": word}])
    nlp.to_disk(path)
    return str(path)


def get_spans(doc, key="sc"):
    return [(span.start, span.end, span.label_) for span in doc.spans[key]]
