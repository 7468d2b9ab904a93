"""The transformer config, with a tiny transformer that the test makes."""

import shutil
from pathlib import Path

import pytest
import spacy
from spacy.cli.package import get_third_party_dependencies
from spacy.training import Example
from spacy.util import fix_random_seed, load_model_from_config
from transformer_util import make_transformer

from spacy_eiou.corpora.description import Conversion, CorpusDescription, make_config

CONFIG_PATH = Path(__file__).parents[2] / "configs" / "transformer.cfg"
CORPUS = CorpusDescription(
    lang="en",
    tokenizer="spacy_eiou.BiomedicalTokenizer.v1",
    convert=[Conversion(input="notes.jsonl", output="train.spacy", format="jsonl")],
)
TEXT = "the human il-2 gene"
SPANS = [(4, 9, "organism"), (10, 14, "protein"), (4, 19, "DNA")]


@pytest.fixture
def transformer_path(tmp_path):
    return make_transformer(tmp_path / "transformer")


@pytest.mark.slow
def test_component_learns_from_a_transformer_and_needs_no_folder_later(transformer_path, tmp_path):
    fix_random_seed(0)
    config = make_config(CONFIG_PATH, CORPUS, tmp_path, transformer_path)
    nlp = load_model_from_config(config)
    example = Example.from_dict(nlp.make_doc(TEXT), {"spans": {"sc": SPANS}})
    optimizer = nlp.initialize(lambda: [example])
    optimizer.learn_rate = 0.01
    for _ in range(60):
        nlp.update([example], sgd=optimizer)

    def get_spans(nlp):
        doc = nlp(TEXT)
        return {(span.start_char, span.end_char, span.label_) for span in doc.spans["sc"]}

    assert get_spans(nlp) == set(SPANS)
    # What a package of the model requires by itself.
    requirements = {name.split(">")[0] for name in get_third_party_dependencies(nlp.config)}
    assert requirements == {"spacy-eiou", "spacy-transformers"}
    nlp.to_disk(tmp_path / "model")
    shutil.rmtree(transformer_path)
    loaded = spacy.load(tmp_path / "model")
    assert get_spans(loaded) == set(SPANS)
    # The component may have the transformer for itself.
    loaded.replace_listeners("transformer", "nested_spancat", ["model.tok2vec"])
    loaded.remove_pipe("transformer")
    loaded.to_disk(tmp_path / "replaced")
    assert get_spans(spacy.load(tmp_path / "replaced")) == set(SPANS)
