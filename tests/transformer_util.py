"""A tiny transformer, which tests make."""

import spacy

OURS = "spacy_eiou.TransformerModel.v1"
LETTERS = "abcdefghijklmnopqrstuvwxyz2"
TEXTS = ["il-2 gene", "", "the human\n il-2  gene moves", "\n", "a"]


def make_docs(texts=TEXTS):
    nlp = spacy.blank("en")
    return [nlp.make_doc(text) for text in texts]


def make_transformer(path, *, kind="Bert", seed=0, words=(), **settings):
    """Make a transformer with random weights, whose pieces are characters and words.

    path (Path): The folder to write.
    kind (str): "Bert", or "Roberta", whose positions begin after the one of the padding.
    seed (int): Seed of the weights.
    words (Iterable[str]): More pieces.
    settings (Any): Settings that differ.
    RETURNS (str): The folder.
    """
    import torch
    import transformers

    path.mkdir()
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, "-"]
    pieces += [f"##{character}" for character in LETTERS]
    pieces += words
    (path / "vocab.txt").write_text("\n".join(pieces), encoding="utf8")
    transformers.BertTokenizerFast(str(path / "vocab.txt")).save_pretrained(path)
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=len(pieces),
        num_attention_heads=2,
        intermediate_size=32,
        **{"hidden_size": 32, "num_hidden_layers": 1, **settings},
    )
    torch.manual_seed(seed)
    getattr(transformers, f"{kind}Model")(config).save_pretrained(path)
    return str(path)


def make_nlp(architecture, path, **settings):
    """Make a pipeline of a transformer."""
    nlp = spacy.blank("en")
    spans = {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 24, "stride": 18}
    model = {"@architectures": architecture, "name": path, "get_spans": spans, **settings}
    nlp.add_pipe("transformer", config={"model": model})
    nlp.initialize()
    return nlp


def count_pieces(nlp, docs):
    """RETURNS (List[Tuple[int, int]]): The shapes of what the transformer computes."""
    model = nlp.get_pipe("transformer").model
    shapes = []
    model.transformer.register_forward_pre_hook(
        lambda _, args, kwargs: shapes.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    model.predict(docs)
    return shapes
