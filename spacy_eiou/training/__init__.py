from .augment import create_mention_replacement_augmenter
from .batcher import create_batch_by_length
from .corpus import create_mixed_corpus
from .optimizer import AdamW, build_adamw_v1
from .self_training import SelfTraining, self_train
from .vectors import WordVectors, make_vectors

__all__ = [
    "AdamW",
    "SelfTraining",
    "WordVectors",
    "build_adamw_v1",
    "create_batch_by_length",
    "create_mention_replacement_augmenter",
    "create_mixed_corpus",
    "make_vectors",
    "self_train",
]
