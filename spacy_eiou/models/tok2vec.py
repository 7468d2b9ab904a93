"""spaCy's token-to-vector models with the same weights, computed faster."""

from typing import Any, Callable, Iterable, List, Tuple

import numpy as np
from spacy.attrs import ORTH
from spacy.ml.models.tok2vec import MultiHashEmbed, build_Tok2Vec_model
from spacy.tokens import Doc
from spacy.vectors import Mode, Vectors
from spacy.vocab import Vocab
from thinc.api import Model, to_numpy
from thinc.layers.chain import forward as forward_chain
from thinc.types import Floats2d, Ints1d, Ints2d, Ragged
from thinc.util import get_array_module

from .ngram_vectors import NGramVectors
from .torch_layers import compute_with_torch, multiply, no_backprop, replace_forward


def build_tok2vec_v1(
    embed: Model[List[Doc], List[Floats2d]],
    encode: Model[List[Floats2d], List[Floats2d]],
    cpu_bfloat16: bool = False,
) -> Model[List[Doc], List[Floats2d]]:
    """Build "spacy.Tok2Vec.v2", computed faster. Layers, weights and, up to rounding, results are
    the same: each of the two architectures loads what the other has saved.

    PyTorch computes the layers that are Thinc's own "Linear.v1", "Maxout.v1" and "LayerNorm.v1". In
    prediction, the tokens of a batch that have all features in common share one embedding, if the
    embedding is "spacy.MultiHashEmbed.v2".

    embed (Model[List[Doc], List[Floats2d]]): Embeds tokens without their context.
    encode (Model[List[Floats2d], List[Floats2d]]): Encodes the context.
    cpu_bfloat16 (bool): Whether prediction multiplies matrices in bfloat16 on a CPU that has
        instructions for it. Others compute in single precision, as training does.
    RETURNS (Model[List[Doc], List[Floats2d]]): The token-to-vector model.
    """
    tok2vec = build_Tok2Vec_model(embed, encode)
    if is_hash_embedding(embed, include_static_vectors=False):
        replace_forward(tok2vec, embed, embed_distinct)
    elif is_hash_embedding(embed, include_static_vectors=True):
        replace_forward(tok2vec, embed, EmbedDistinctWords())
    compute_with_torch(tok2vec, cpu_bfloat16=cpu_bfloat16)
    return tok2vec


def is_hash_embedding(
    model: Model[List[Doc], List[Floats2d]], *, include_static_vectors: bool
) -> bool:
    """RETURNS (bool): Whether a model is "spacy.MultiHashEmbed.v2", by the functions of its
    layers."""
    expected = MultiHashEmbed(1, ["NORM", "SHAPE"], [1, 1], include_static_vectors)
    same_chain = _functions([model, *model.layers]) == _functions([expected, *expected.layers])
    # With other numbers of attributes, the same layers occur more or less often.
    return same_chain and set(_functions(model.walk())) <= set(_functions(expected.walk()))


def _functions(nodes: Iterable[Model[Any, Any]]) -> List[Callable[..., Any]]:
    return [node._func for node in nodes]


def embed_distinct(
    model: Model[List[Doc], List[Floats2d]], docs: List[Doc], is_train: bool
) -> Tuple[List[Floats2d], Callable[[List[Floats2d]], List[Doc]]]:
    """The forward pass of "spacy.MultiHashEmbed.v2" without static vectors."""
    if is_train:
        return forward_chain(model, docs, is_train)  # type: ignore[no-any-return]
    extract, to_ragged, embed, mix, to_list = model.layers
    features = to_ragged.predict(extract.predict(docs))
    rows, kinds = distinct_rows(features.dataXd)
    distinct = Ragged(features.dataXd[rows], model.ops.asarray1i([len(rows)]))
    vectors = mix.predict(embed.predict(distinct)).dataXd[kinds]
    return to_list.predict(Ragged(vectors, features.lengths)), no_backprop


class EmbedDistinctWords:
    """The forward pass of "spacy.MultiHashEmbed.v2" with static vectors. It remembers the vectors
    of words."""

    def __init__(self) -> None:
        self.word_vectors = NGramVectors()

    def __call__(
        self, model: Model[List[Doc], List[Floats2d]], docs: List[Doc], is_train: bool
    ) -> Tuple[List[Floats2d], Callable[[List[Floats2d]], List[Doc]]]:
        if is_train:
            return forward_chain(model, docs, is_train)  # type: ignore[no-any-return]
        both, mix, to_list = model.layers
        (extract, to_ragged, embed), static_vectors = both.layers[0].layers, both.layers[1]
        ops = model.ops
        features = to_ragged.predict(extract.predict(docs))
        vocab = find_vocab(docs, static_vectors.get_dim("nM"))
        words = np.concatenate(read_words(docs, vocab.vectors))
        rows, kinds = distinct_rows(
            ops.xp.column_stack([features.dataXd, ops.asarray(words.astype("uint64"))])
        )
        lengths = ops.asarray1i([len(rows)])
        hashed = embed.predict(Ragged(features.dataXd[rows], lengths))
        vectors = self._project(static_vectors, vocab, words[to_numpy(rows)])
        both_vectors = ops.xp.hstack([hashed.dataXd, vectors])
        mixed = mix.predict(Ragged(both_vectors, lengths)).dataXd[kinds]
        return to_list.predict(Ragged(mixed, features.lengths)), no_backprop

    def _project(
        self, static_vectors: Model[List[Any], Ragged], vocab: Vocab, words: Ints1d
    ) -> Floats2d:
        if getattr(vocab.vectors, "mode", None) != Mode.floret:
            return static_vectors.predict([Words(vocab, words)]).dataXd
        vectors = self.word_vectors.get(vocab.vectors, words)
        return multiply(vectors, static_vectors.get_param("W").T)


def find_vocab(docs: List[Doc], width: int) -> Vocab:
    """Find the vocab whose word vectors a batch gets.

    docs (List[Doc]): The docs, which may be of several vocabs.
    width (int): The width of the vectors.
    RETURNS (Vocab): The first vocab that has vectors of this width.
    RAISES (ValueError): If none has.
    """
    for doc in docs:
        vectors = doc.vocab.vectors
        if len(vectors) and vectors.shape[1] == width:
            return doc.vocab
    raise ValueError(
        "Expected at least one doc whose vocab has the word vectors that the encoder was trained "
        "with, such as those that `nlp.make_doc` makes"
    )


def read_words(docs: List[Doc], vectors: Vectors) -> List[Ints1d]:
    """Read the words of docs, and let a table of vectors know those of other vocabs.

    docs (List[Doc]): The docs.
    vectors (Vectors): The table.
    RETURNS (List[Ints1d]): For each doc the hashes that the table looks its words up by.
    """
    words = [doc.to_array(getattr(vectors, "attr", ORTH)) for doc in docs]
    for doc, hashes in zip(docs, words):
        if doc.vocab.strings is not vectors.strings:
            for word in set(hashes.tolist()):
                vectors.strings.add(doc.vocab.strings[word])
    return words


class Words:
    """What the layer of static vectors reads of a doc. The vocab of a doc has to have its words,
    but those of a batch may come from several vocabs."""

    def __init__(self, vocab: Vocab, words: Ints1d) -> None:
        self.vocab = vocab
        self.words = words

    def __len__(self) -> int:
        return len(self.words)

    def to_array(self, _: int) -> Ints1d:
        return self.words


def distinct_rows(features: Ints2d) -> Tuple[Ints1d, Ints1d]:
    """Find the distinct rows of an array.

    features (Ints2d): Shape (n, k).
    RETURNS (Tuple[Ints1d, Ints1d]): The index of one row of each kind, shape (m,), and the kind of
        each row, from 0 to m - 1, shape (n,).
    """
    xp = get_array_module(features)
    # Faster than xp.unique(axis=0).
    order = xp.lexsort(features.T)
    ordered = features[order]
    is_new = xp.ones(len(order), dtype=bool)
    is_new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    kinds = xp.empty_like(order)
    kinds[order] = xp.cumsum(is_new) - 1
    return order[is_new], kinds
