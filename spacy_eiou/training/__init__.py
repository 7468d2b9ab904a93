from .augment import create_mention_replacement_augmenter
from .corpus import create_mixed_corpus

__all__ = ["create_mention_replacement_augmenter", "create_mixed_corpus"]
