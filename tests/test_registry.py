from importlib.metadata import distribution

import pytest
import spacy
from spacy import registry
from spacy.language import Language

ENTRY_POINTS = distribution("spacy-eiou").entry_points
NAMES = {
    "spacy_factories": {"nested_spancat"},
    "spacy_architectures": {
        "spacy_eiou.NestedSpanCategorizer.v1",
        "spacy_eiou.PretrainTransformer.v1",
        "spacy_eiou.TransformerModel.v1",
        "spacy_eiou.Tok2Vec.v1",
        "spacy_eiou.Tok2VecTransformer.v1",
    },
    "spacy_augmenters": {"spacy_eiou.mention_replacement.v1"},
    "thinc_losses": {
        "spacy_eiou.EIoU_EMC.v1",
        "spacy_eiou.EIoU.v1",
        "spacy_eiou.EMC.v1",
        "spacy_eiou.BCE.v1",
    },
    "thinc_optimizers": {"spacy_eiou.AdamW.v1"},
    "spacy_batchers": {"spacy_eiou.batch_by_length.v1"},
    "spacy_readers": {"spacy_eiou.Corpus.v1", "spacy_eiou.MixedCorpus.v1"},
    "spacy_misc": {"spacy_eiou.span_suggester.v1"},
    "spacy_scorers": {"spacy_eiou.nested_spans_scorer.v1"},
    "spacy_tokenizers": {
        "spacy_eiou.BiomedicalTokenizer.v1",
        "spacy_eiou.CharacterTokenizer.v1",
        "spacy_eiou.WhitespaceTokenizer.v1",
    },
    "spacy_cli": {"eiou"},
}


def test_entry_points_are_complete():
    names = {group: set() for group in NAMES}
    for entry_point in ENTRY_POINTS:
        names[entry_point.group].add(entry_point.name)
    assert names == NAMES


@pytest.mark.parametrize("entry_point", ENTRY_POINTS, ids=lambda entry_point: entry_point.name)
def test_registry_finds_the_entry_point(entry_point):
    registry_name = entry_point.group.split("_", 1)[1]
    assert getattr(registry, registry_name).get(entry_point.name) is entry_point.load()


def test_factory_is_usable_in_any_language():
    for language in ("en", "zh", "ja", "xx"):
        assert Language.has_factory("nested_spancat"), language
    component = spacy.blank("xx").add_pipe("nested_spancat")
    meta = spacy.blank("xx").get_factory_meta("nested_spancat")
    assert type(component).__name__ == "NestedSpanCategorizer"
    assert meta.assigns == ["doc.spans"]
