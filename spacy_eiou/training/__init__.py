from .augment import create_mention_replacement_augmenter
from .corpus import create_mixed_corpus
from .self_training import SelfTraining, self_train

__all__ = [
    "SelfTraining",
    "create_mention_replacement_augmenter",
    "create_mixed_corpus",
    "self_train",
]
