"""A project with a small corpus, and a study of it."""

import re
from copy import deepcopy
from pathlib import Path
from typing import Any, Dict

import spacy
import srsly

from spacy_eiou.corpora import Entity, Record
from spacy_eiou.corpora.docs import records_to_docs

CONFIGS = Path(__file__).parents[1] / "configs"
STUDY: Dict[str, Any] = {
    "config": "configs/cnn.cfg",
    "corpora": {"notes": {"sizes": [2, 4], "max_width": 3}},
    "seeds": [0, 1],
    "training": {"max_steps": 3, "eval_frequency": 2},
    "variants": {
        "single": {"factory": "spancat_singlelabel"},
        "nested": {
            "factory": "nested_spancat",
            "config": {"loss": {"@losses": "spacy_eiou.EMC.v1"}},
        },
    },
    "baseline": "single",
}


def make_project(path, n_train, **settings):
    """Make a project with the corpus "notes", of `n_train`, 2 and 3 documents, and the configs of
    the repository. RETURNS (Path): The project.

    settings (int): What to change in the configs, wherever it is set.
    """
    (path / "configs" / "corpora").mkdir(parents=True)
    for config_path in CONFIGS.glob("*.cfg"):
        config = config_path.read_text(encoding="utf8")
        for name, value in settings.items():
            config = re.sub(rf"^{name} = \d+$", f"{name} = {value}", config, flags=re.M)
        (path / "configs" / config_path.name).write_text(config, encoding="utf8")
    conversion = {"input": "notes.jsonl", "output": "train.spacy", "format": "jsonl"}
    description = {"lang": "en", "tokenizer": "spacy.Tokenizer.v1", "convert": [conversion]}
    srsly.write_yaml(path / "configs" / "corpora" / "notes.yml", description)
    (path / "corpus" / "notes").mkdir(parents=True)
    for part, size in (("train", n_train), ("dev", 2), ("test", 3)):
        records = [
            Record(f"note-{n}", f"gene {n} binds", [Entity(0, 6, "DNA"), Entity(0, 4, "word")])
            for n in range(size)
        ]
        docs, _ = records_to_docs(spacy.blank("en"), records)
        docs.to_disk(path / "corpus" / "notes" / f"{part}.spacy")
    return path


def make_corpus_config(project: Path) -> None:
    """Write the config of the corpus "notes" of a project, that of a CNN."""
    config = (project / "configs" / "cnn.cfg").read_text(encoding="utf8")
    (project / "corpus" / "notes" / "config.cfg").write_text(config, encoding="utf8")


def write_study(folder, **settings):
    """Write a study. RETURNS (Path): Its description.

    settings (Any): What differs from STUDY.
    """
    path = folder / "study.yml"
    srsly.write_yaml(path, {**deepcopy(STUDY), **settings})
    return path
