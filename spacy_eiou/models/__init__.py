from .hidden_states import HiddenStates
from .nested_span_categorizer import build_nested_span_categorizer_v1
from .pretraining import build_pretrain_transformer_v1
from .suggesters import SpanSuggester, build_span_suggester_v1
from .tok2vec import build_tok2vec_v1
from .transformer import build_tok2vec_transformer_v1, build_transformer_model_v1

__all__ = [
    "HiddenStates",
    "SpanSuggester",
    "build_nested_span_categorizer_v1",
    "build_pretrain_transformer_v1",
    "build_span_suggester_v1",
    "build_tok2vec_transformer_v1",
    "build_tok2vec_v1",
    "build_transformer_model_v1",
]
