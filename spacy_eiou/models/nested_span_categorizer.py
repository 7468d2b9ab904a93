from typing import List, Tuple, cast

from spacy.tokens import Doc
from thinc.api import Model, chain, list2ragged, with_getitem
from thinc.types import Floats2d, Ragged

from .span_scorer import span_scorer


def build_nested_span_categorizer_v1(
    tok2vec: Model[List[Doc], List[Floats2d]],
    scorer: Model[Floats2d, Floats2d],
    hidden_size: int = 64,
) -> Model[Tuple[List[Doc], Ragged], Floats2d]:
    """Build a model that scores candidate spans, given a token-to-vector model.

    Each candidate gets a boundary-aware vector (see `span_vectors`), which the scorer maps to one
    score per class. For `nested_spancat` the scorer has to give logits ("Linear.v1"); with
    "spacy.LinearLogistic.v1" the model fits spaCy's `spancat`, with "Softmax.v2" its
    `spancat_singlelabel`.

    tok2vec (Model[List[Doc], List[Floats2d]]): The token-to-vector model.
    scorer (Model[Floats2d, Floats2d]): Maps span vectors of shape (n, hidden_size) to scores.
    hidden_size (int): Width of the span vectors.
    RETURNS (Model[Tuple[List[Doc], Ragged], Floats2d]): A model that takes docs and candidates,
        rows `[start, end)` in tokens, and gives scores of shape (n, nO).
    RAISES (ValueError): If the width is not positive.
    """
    if hidden_size < 1:
        raise ValueError(f"Expected a hidden_size of at least 1, not {hidden_size}")
    model = chain(
        cast(
            Model[Tuple[List[Doc], Ragged], Tuple[Ragged, Ragged]],
            with_getitem(0, chain(tok2vec, cast(Model[List[Floats2d], Ragged], list2ragged()))),
        ),
        span_scorer(scorer, hidden_size),
    )
    model.set_ref("tok2vec", tok2vec)
    model.set_ref("scorer", model.layers[1].layers[0])
    return model
