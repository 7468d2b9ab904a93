import re

import pytest
from study_util import CONFIGS

from spacy_eiou.corpora import CorpusError
from spacy_eiou.studies.study import hash_settings, load_training_config

PATHS = {"paths.train": "train.spacy", "paths.dev": "dev.spacy"}


def load(folder, *replaced):
    config = (CONFIGS / "cnn.cfg").read_text(encoding="utf8")
    for old, new in replaced:
        assert old in config
        config = config.replace(old, new)
    (folder / "base.cfg").write_text(config, encoding="utf8")
    config, _ = load_training_config(folder / "base.cfg", PATHS)
    return config


@pytest.mark.parametrize(
    "old,new,words",
    [
        ("path = ${paths.train}", 'path = "all.spacy"', "path = ${paths.train} in [corpora.train]"),
        ("path = ${paths.dev}", 'path = "all.spacy"', "path = ${paths.dev} in [corpora.dev]"),
        ("path = ${paths.dev}", "path = ${paths.train}", "path = ${paths.dev} in [corpora.dev]"),
        ('"corpora.train"', '"corpora.all"', "path = ${paths.train} in [corpora.all]"),
        ("seed = ${system.seed}", "seed = 42", "seed = ${system.seed} in [training]"),
    ],
)
def test_what_is_the_same_in_each_training_is_an_error(tmp_path, old, new, words):
    with pytest.raises(CorpusError, match=re.escape(f"base.cfg: expected the setting {words}")):
        load(tmp_path, (old, new))


def test_what_is_not_set_is_as_spacy_sets_it(tmp_path):
    names = ("train_corpus", "dev_corpus")
    unset = [(f'{name} = "corpora.{name[:-7]}"\n', "") for name in names]
    config = load(tmp_path, *unset, ("seed = ${system.seed}\n", ""))
    assert config["paths"]["train"] == "train.spacy"
    assert not {*names, "seed"} & config["training"].keys()


def test_documents_may_be_a_part_of_a_mixed_corpus(tmp_path):
    mixed = """[corpora.train]
@readers = "spacy_eiou.MixedCorpus.v1"

[corpora.train.silver]
@readers = "spacy_eiou.Corpus.v1"
path = "silver.spacy"

[corpora.train.gold]"""
    config = load(tmp_path, ("[corpora.train]", mixed))
    assert config["corpora"]["train"]["gold"]["path"] == "${paths.train}"


def test_checks_are_no_part_of_the_settings(tmp_path):
    config = load(tmp_path)
    assert config["system"]["seed"] == 0
    assert config["corpora"]["train"]["path"] == "${paths.train}"
    other, _ = load_training_config(tmp_path / "base.cfg", {})
    assert hash_settings(config) == hash_settings(other)
