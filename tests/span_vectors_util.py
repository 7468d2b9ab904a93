"""A plain implementation of the span vectors, and inputs for it."""

import torch
from hypothesis import strategies as st

from spacy_eiou.models.span_vectors import WIDTH_BUCKETS, SpanVectorParams

WIDTH, HIDDEN = 6, 5


def make_params(seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    shapes = SpanVectorParams.shapes(WIDTH, HIDDEN)
    return SpanVectorParams(
        *(torch.randn(shape, generator=generator).to(dtype).requires_grad_() for shape in shapes)
    )


def make_tokens(n_tokens, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((n_tokens, WIDTH), generator=generator).requires_grad_()


def width_bucket(width):
    """Two buckets per doubling: the floor of log2(width ** 2), in whole numbers."""
    return min((width * width).bit_length() - 1, WIDTH_BUCKETS - 1)


def reference(tokens, candidates, params):
    """One candidate after the other, from a copy of its tokens."""
    first, last, maximum = params.W.chunk(3)
    vectors = []
    for start, end in candidates.tolist():
        inside = tokens[start:end]
        vector = first @ inside[0] + last @ inside[-1]
        vector = vector + torch.stack([maximum @ token for token in inside]).amax(dim=0)
        vector = torch.relu(vector + params.widths[width_bucket(end - start)] + params.b)
        deviation = torch.sqrt(((vector - vector.mean()) ** 2).mean() + 1e-5)
        vectors.append((vector - vector.mean()) / deviation * params.G + params.bG)
    return torch.stack(vectors)


@st.composite
def candidates_within(draw, n_tokens):
    starts = st.integers(0, n_tokens - 1)
    spans = starts.flatmap(
        lambda start: st.tuples(st.just(start), st.integers(start + 1, n_tokens))
    )
    return torch.tensor(draw(st.lists(spans, min_size=1, max_size=12)))
