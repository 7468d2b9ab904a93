import re

import pytest
import spacy
from spacy.training import Example
from spacy.util import fix_random_seed

from serve_util import HARD_TEXT, ask, running
from util import TINY_MODEL

pytest.importorskip("fastapi")

TEXTS = [f"The human IL-{number} gene is expressed." for number in (2, 4, 6)] + [HARD_TEXT]
LABELS = {"human IL-. gene": "DNA", "mouse IL-. gene": "DNA", "IL-.": "protein"}


@pytest.fixture(scope="session")
def nlp():
    """A pipeline that finds [human [IL-2]protein gene]DNA."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("nested_spancat", config={"model": TINY_MODEL})
    examples = []
    for text in TEXTS:
        spans = [
            (*found.span(), label)
            for pattern, label in LABELS.items()
            for found in re.finditer(pattern, text)
        ]
        examples.append(Example.from_dict(nlp.make_doc(text), {"spans": {"sc": spans}}))
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    return nlp


@pytest.fixture(scope="session")
def port(nlp):
    """The port of a server with narrow limits."""
    from spacy_eiou.annotation import create_app

    app = create_app(nlp, max_bytes=20_000, max_chars=2_000, max_texts=50, timeout=1.5)
    with running(app, seconds=1.5) as port:
        yield port


@pytest.fixture
def annotate(port):
    """A function that gets the spans of a text from the server."""

    def get_spans(text, **settings):
        status, answer = ask(port, "/annotate", {"text": text, **settings})
        assert status == 200, answer
        return answer["spans"]

    return get_spans
