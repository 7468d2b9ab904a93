from .augment import create_mention_replacement_augmenter
from .corpus import create_mixed_corpus
from .self_training import SelfTraining, self_train
from .vectors import WordVectors, make_vectors

__all__ = [
    "SelfTraining",
    "WordVectors",
    "create_mention_replacement_augmenter",
    "create_mixed_corpus",
    "make_vectors",
    "self_train",
]
