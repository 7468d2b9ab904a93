"""What a transformer reads at once."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import pytest
from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab
from transformer_util import OURS, count_pieces, make_nlp, make_transformer

from spacy_eiou.models.windows import cut, find_limit, fit


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_transformer(tmp_path_factory.mktemp("models") / "transformer", num_hidden_layers=2)


def get_alignment(nlp: Language, docs: List[Doc]) -> List[List[int]]:
    """RETURNS (List[List[int]]): For each doc, how many word pieces each token is made of."""
    return [
        doc._.trf_data.align.lengths.tolist()[: len(doc)] for doc in nlp.pipe(docs, batch_size=2)
    ]


# A letter is a piece, and the transformer takes 40 of them with [CLS] and [SEP].
@pytest.mark.parametrize(
    "words",
    [
        # 2,000 pieces without an end of a sentence
        ["moves"] * 400,
        # Lines that end with a token without pieces
        ["gene", "moves", "\n"] * 400,
        # Lines that are longer than a window
        [*["gene"] * 12, "\n"] * 40,
        ["a" * 38] * 5,
        ["a"] * 39,
    ],
)
@pytest.mark.parametrize("getter", ["strided_spans", "sent_spans", "doc_spans"])
def test_no_token_is_lost(path: str, words: List[str], getter: str) -> None:
    settings = {"window": 24, "stride": 18} if getter == "strided_spans" else {}
    spans = {"@span_getters": f"spacy-transformers.{getter}.v1", **settings}
    nlp = make_nlp(OURS, path, get_spans=spans, tokenizer_config={"model_max_length": 40})
    starts = [n == 0 for n in range(len(words))]
    docs = [Doc(nlp.vocab, words=words, sent_starts=starts), Doc(nlp.vocab)]
    n_pieces, none = get_alignment(nlp, docs)
    assert [n == 0 for n in n_pieces] == [word.isspace() for word in words]
    assert none == []
    shapes = count_pieces(nlp, docs)
    assert max(width for _, width in shapes) <= 40


def test_windows_share_tokens_where_they_are_cut(path: str) -> None:
    spans = {"@span_getters": "spacy-transformers.doc_spans.v1"}
    nlp = make_nlp(OURS, path, get_spans=spans, tokenizer_config={"model_max_length": 10})
    doc = Doc(nlp.vocab, words=["ab", "c", "de", "f", "gh", "i", "ab", "c"])
    (windows,) = nlp.get_pipe("transformer").model.attrs["get_spans"]([doc])
    assert [(window.start, window.end) for window in windows] == [(0, 5), (4, 8)]
    assert get_alignment(nlp, [doc]) == [[2, 1, 2, 1, 4, 1, 2, 1]]


@pytest.mark.parametrize(
    "n_pieces,size,expected",
    [
        ([2, 2, 2], 6, [(0, 3)]),
        ([1] * 10, 4, [(0, 4), (3, 7), (6, 10)]),
        # No room for what two windows could share, and tokens that are larger than a window.
        ([1, 1, 4, 1, 9, 0, 1], 4, [(0, 2), (2, 3), (3, 4), (4, 5), (5, 7)]),
        ([1, 2], 0, [(0, 1), (1, 2)]),
    ],
)
def test_tokens_are_cut_into_windows(
    n_pieces: List[int], size: int, expected: List[Tuple[int, int]]
) -> None:
    assert list(cut(np.array(n_pieces), size)) == expected


def test_tokens_may_have_more_pieces_together(path: str) -> None:
    """For this tokenizer a word has one piece by itself, and two beside others."""

    class Tokenizer:
        def num_special_tokens_to_add(self) -> int:
            return 2

        def __call__(self, texts: Any, **_: Any) -> Dict[str, Any]:
            if isinstance(texts, str):
                return {"input_ids": [0] * (2 + 2 * (len(texts) // 3))}
            return {"input_ids": [[0]] * len(texts)}

    doc = Doc(Vocab(), words=["abc"] * 9, spaces=[False] * 9)
    windows = fit(doc[:], Tokenizer(), 8)  # type: ignore[arg-type]
    assert {token.i for window in windows for token in window} == set(range(9))
    assert max(len(window) for window in windows) == 3


@pytest.mark.parametrize("positions, limit", [(-1, 40), (None, 40), (24, 24), (64, 40)])
def test_a_transformer_may_state_no_limit(positions: Optional[int], limit: int) -> None:
    transformer = SimpleNamespace(config=SimpleNamespace(max_position_embeddings=positions))
    assert find_limit(transformer, SimpleNamespace(model_max_length=40)) == limit


def test_the_end_of_a_token_is_not_lost_in_silence(path: str) -> None:
    nlp = make_nlp(OURS, path, tokenizer_config={"model_max_length": 40})
    doc = Doc(nlp.vocab, words=["gene", "acgt" * 20, "moves"])
    with pytest.warns(UserWarning, match="'acgtacgtacgtacgtacgt'... has more word pieces than"):
        assert get_alignment(nlp, [doc]) == [[4, 39, 5]]


# Those of RoBERTa begin after the one of the padding.
@pytest.mark.parametrize("kind, positions", [("Bert", 24), ("Roberta", 26)])
def test_a_tokenizer_that_states_no_limit_may_have_long_tokens(
    tmp_path: Path, kind: str, positions: int
) -> None:
    path = make_transformer(tmp_path / kind, kind=kind, max_position_embeddings=positions)
    nlp = make_nlp(OURS, path)
    model = nlp.get_pipe("transformer").model
    assert find_limit(model.transformer, model.tokenizer) == 24
    doc = Doc(nlp.vocab, words=["gene", "acgt" * 20, "moves"])
    with pytest.warns(UserWarning, match="has more word pieces than the 24 that"):
        assert get_alignment(nlp, [doc]) == [[4, 23, 5]]
    (n_pieces,) = get_alignment(nlp, [Doc(nlp.vocab, words=["a"] * 60)])
    assert len(n_pieces) == 60
    assert min(n_pieces) == 1
