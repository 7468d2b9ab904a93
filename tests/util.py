"""What several tests share."""

TINY_TOK2VEC = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "pretrained_vectors": None,
    "width": 16,
    "depth": 1,
    "embed_size": 100,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": True,
}
TINY_MODEL = {
    "@architectures": "spacy_eiou.NestedSpanCategorizer.v1",
    "tok2vec": TINY_TOK2VEC,
    "scorer": {"@layers": "Linear.v1"},
    "hidden_size": 16,
}
