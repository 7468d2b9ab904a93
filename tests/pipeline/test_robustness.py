"""What must hold whatever the texts are, with a small model that is trained for a few steps."""

import shutil

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from spacy.lang.en import English
from spacy.training import Example
from spacy.util import fix_random_seed, import_file

from util import TINY_MODEL

TRAINING_DATA = [
    ("the IL-2 gene binds", [(4, 8, "protein"), (4, 13, "DNA")]),
    ("no IL-3 receptor gene", [(3, 7, "protein"), (3, 16, "protein"), (3, 21, "DNA")]),
]
INIT_PY = """\
from pathlib import Path
from spacy.util import load_model_from_init_py

__version__ = "0.0.0"


def load(**overrides):
    return load_model_from_init_py(__file__, **overrides)
"""

WORDS = [
    "IL-2",
    "gene",
    "the",
    "😀",
    "\xe9",
    "e\u0301",
    "\u202eabc",
    "\ufeff",
    "\r\n",
    "\t",
    "\x00",
    "𝒳",
]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join) | st.text(max_size=12)


def train():
    """RETURNS: A pipeline that predicts all candidates with all labels."""
    fix_random_seed(0)
    nlp = English()
    config = {"model": TINY_MODEL, "threshold": 0.0, "max_positive": None}
    nlp.add_pipe("nested_spancat", config=config)
    examples = [
        Example.from_dict(nlp.make_doc(text), {"spans": {"sc": spans}})
        for text, spans in TRAINING_DATA
    ]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(5):
        nlp.update(examples, sgd=optimizer, drop=0.2)
    return nlp


@pytest.fixture(scope="module")
def nlp():
    return train()


@pytest.fixture(scope="module")
def copies(nlp, tmp_path_factory):
    """The pipeline after it was saved and loaded in each way."""
    package = tmp_path_factory.mktemp("en_tiny")
    name = f"{nlp.meta['lang']}_{nlp.meta['name']}-{nlp.meta['version']}"
    nlp.to_disk(package / name)
    shutil.copy(package / name / "meta.json", package)
    (package / "__init__.py").write_text(INIT_PY)
    return {
        "bytes": spacy.blank("en", config=nlp.config).from_bytes(nlp.to_bytes()),
        "disk": spacy.load(package / name),
        "package": import_file("en_tiny", package / "__init__.py").load(),
    }


def get_spans(doc):
    return [(span.start, span.end, span.label_) for span in doc.spans["sc"]]


def assert_same_predictions(doc, expected, atol):
    assert doc.text == expected.text
    assert get_spans(doc) == get_spans(expected)
    scores, expected_scores = (x.spans["sc"].attrs["scores"] for x in (doc, expected))
    assert_allclose(scores, expected_scores, rtol=0, atol=atol)


@given(st.lists(TEXTS, max_size=6), st.integers(1, 7), st.randoms(use_true_random=False))
def test_predictions_depend_neither_on_other_docs_nor_on_order_nor_on_batch_size(
    nlp, texts, batch_size, random
):
    expected = {text: nlp(text) for text in texts}
    random.shuffle(texts)
    for doc in nlp.pipe(texts, batch_size=batch_size):
        assert_same_predictions(doc, expected[doc.text], atol=1e-5)


def test_predictions_do_not_depend_on_the_number_of_processes(nlp):
    texts = [text for text, _ in TRAINING_DATA] * 3 + ["", "a", "a b c d e f g"]
    docs = list(nlp.pipe(texts, n_process=2, batch_size=2))
    assert len(docs) == len(texts)
    for doc, expected in zip(docs, nlp.pipe(texts)):
        assert_same_predictions(doc, expected, atol=1e-5)


@pytest.mark.parametrize("way", ["bytes", "disk", "package"])
@given(text=TEXTS)
def test_saved_pipeline_gives_the_very_same_scores(nlp, copies, way, text):
    assert_same_predictions(copies[way](text), nlp(text), atol=0)


@given(TEXTS)
def test_offsets_point_into_the_text(nlp, text):
    doc = nlp(text)
    assert doc.text == text
    for span in doc.spans["sc"]:
        assert text[span.start_char : span.end_char] == span.text


def test_same_seed_gives_the_same_bytes(nlp):
    # The vocabulary holds the texts of the other tests
    assert train().to_bytes(exclude=["vocab"]) == nlp.to_bytes(exclude=["vocab"])
