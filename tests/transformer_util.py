"""A tiny transformer, which tests make."""

LETTERS = "abcdefghijklmnopqrstuvwxyz2"


def make_transformer(path, *, seed=0, words=(), **settings):
    """Make a transformer with random weights, whose pieces are characters and words.

    path (Path): The folder to write.
    seed (int): Seed of the weights.
    words (Iterable[str]): More pieces.
    settings (Any): Settings that differ.
    RETURNS (str): The folder.
    """
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    path.mkdir()
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, "-"]
    pieces += [f"##{character}" for character in LETTERS]
    pieces += words
    (path / "vocab.txt").write_text("\n".join(pieces), encoding="utf8")
    BertTokenizerFast(str(path / "vocab.txt")).save_pretrained(path)
    config = BertConfig(
        vocab_size=len(pieces),
        num_attention_heads=2,
        intermediate_size=32,
        **{"hidden_size": 32, "num_hidden_layers": 1, **settings},
    )
    torch.manual_seed(seed)
    BertModel(config).save_pretrained(path)
    return str(path)
