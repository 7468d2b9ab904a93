"""Windows: the parts of docs that a transformer reads one by one."""

import warnings
from typing import TYPE_CHECKING, Callable, Iterator, List, Sequence, Tuple

import numpy as np
from spacy.tokens import Doc, Span
from thinc.types import Ints1d
from torch.nn import Embedding

if TYPE_CHECKING:
    from spacy_transformers.layers.hf_shim import HFShim
    from transformers.modeling_utils import PreTrainedModel
    from transformers.tokenization_utils_base import PreTrainedTokenizerBase


def find_limit(transformer: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> int:
    """Find out how many word pieces a transformer takes at once. Many tokenizers state no limit,
    and the positions of RoBERTa and its kin begin after the one of the padding.

    transformer (PreTrainedModel): The transformer.
    tokenizer (PreTrainedTokenizerBase): Its tokenizer.
    RETURNS (int): The most pieces of a window, with those that mark its start and its end.
    """
    embeddings = getattr(transformer, "embeddings", None)
    table = getattr(embeddings, "position_embeddings", None)
    positions = getattr(transformer.config, "max_position_embeddings", None)
    if isinstance(table, Embedding):
        first = 0 if table.padding_idx is None else table.padding_idx + 1
        positions = table.num_embeddings - first
    # XLNet states -1, for no limit.
    limits = [limit for limit in (positions, tokenizer.model_max_length) if limit and limit > 0]
    return min(limits)


def get_windows(
    docs: Sequence[Doc], *, get_spans: Callable[[Sequence[Doc]], List[List[Span]]], shim: "HFShim"
) -> List[List[Span]]:
    """Get the parts of docs that the transformer reads one by one.

    docs (Sequence[Doc]): The docs.
    get_spans (Callable): Divides docs, by tokens or sentences.
    shim (HFShim): The transformer and its tokenizer.
    RETURNS (List[List[Span]]): The parts of each doc. None is empty, and none has more word pieces
        than the transformer takes, unless it is a single token.
    """
    model = shim._hfmodel
    limit = find_limit(model.transformer, model.tokenizer)
    # What spacy-transformers cuts a token to that has more pieces.
    model.tokenizer.model_max_length = limit
    # Where vectors are cut out of batches, the padding is on the right.
    model.tokenizer.padding_side = "right"
    return [
        [part for window in windows if len(window) for part in fit(window, model.tokenizer, limit)]
        for windows in get_spans(docs)
    ]


def fit(
    window: Span, tokenizer: "PreTrainedTokenizerBase", limit: float, size: float = np.inf
) -> List[Span]:
    """Cut a window that has too many word pieces into several.

    window (Span): The window.
    tokenizer (PreTrainedTokenizerBase): The tokenizer of the transformer.
    limit (float): The most pieces of a window, with those that mark its start and its end.
    size (float): The most pieces of the tokens of a window.
    RETURNS (List[Span]): The windows. A single token is never cut: the transformer reads its first
        pieces, and a warning says so.
    """
    n_special = tokenizer.num_special_tokens_to_add()
    # A piece has a byte at least, so that short texts need not be tokenized twice.
    if len(window.text.encode("utf8")) + n_special <= limit:
        return [window]
    if len(tokenizer(window.text, verbose=False)["input_ids"]) <= limit:
        return [window]
    if len(window) == 1:
        warnings.warn(
            f"The token {window.text[:20]!r}... has more word pieces than the {limit} that the "
            "transformer takes. It reads the first ones",
            stacklevel=2,
        )
        return [window]
    size = min(size, limit - n_special)
    pieces = tokenizer([token.text for token in window], add_special_tokens=False)["input_ids"]
    parts = cut(np.array([len(token) for token in pieces]), size)
    # Tokens may have more pieces together than each by itself.
    return [
        part for start, end in parts for part in fit(window[start:end], tokenizer, limit, size // 2)
    ]


def cut(n_pieces: Ints1d, size: float) -> Iterator[Tuple[int, int]]:
    """Divide tokens into windows. Two that follow each other share up to a quarter of their pieces,
    so that the tokens at their ends have a context.

    n_pieces (Ints1d): The number of word pieces of each token.
    size (float): The most pieces of a window of several tokens.
    YIELDS (Tuple[int, int]): The first token of a window, and the one after its last.
    """
    ends = np.cumsum(n_pieces)
    starts = ends - n_pieces
    first, last = 0, 0
    while last < len(n_pieces):
        last = max(int(np.searchsorted(ends, starts[first] + size, side="right")), first + 1)
        yield first, last
        # The next token has to have room as well.
        needed = ends[min(last, len(ends) - 1)] - size
        first = min(int(np.searchsorted(starts, max(ends[last - 1] - size // 4, needed))), last)
