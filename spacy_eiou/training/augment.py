import random
import warnings
from collections import defaultdict
from typing import Callable, DefaultDict, Iterable, Iterator, List, NamedTuple, Set, Tuple, Union

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

# At one half, every mix of old and new mentions in an example is equally likely.
REPLACEMENT_PROBABILITY = 0.5

# Annotation of tokens that words from elsewhere would not fit. Heads imply "DEP".
TOKEN_ATTRS = ("TAG", "POS", "MORPH", "LEMMA", "DEP", "ENT_IOB", "ENT_KB_ID", "ENT_ID")


def create_mention_replacement_augmenter(
    level: float, spans_key: str = "sc", copies: int = 1
) -> Callable[[Language, Example], Iterator[Example]]:
    """Create a data augmentation callback that exchanges mentions for others of the same label,
    together with everything nested in them. The callback can be added to a corpus or other data
    iterator during training.

    level (float): The share of examples to augment, between 0 and 1.
    spans_key (str): Key of the gold spans in `Doc.spans`.
    copies (int): How often to yield each example, each time augmented by itself. Training reads
        its corpus just once, unless `max_epochs` is -1, so that with one copy each example gets
        one form.
    RETURNS (Callable[[Language, Example], Iterator[Example]]): The augmenter.
    RAISES (ValueError): If the level or the number of copies is out of range.
    """
    return MentionReplacementAugmenter(level, spans_key, copies)


class MentionSpan(NamedTuple):
    """A span in a mention.

    start (int): Its first token, counted from the first one of the mention.
    end (int): The token after its last one, counted likewise.
    label (str): Its label.
    kb_id (str): Its knowledge base ID.
    span_id (str): Its ID.
    """

    start: int
    end: int
    label: str
    kb_id: str
    span_id: str


class Mention(NamedTuple):
    """An outermost span with everything nested in it, apart from its text.

    words (Tuple[str, ...]): Its words.
    spaces (Tuple[bool, ...]): Whether a space follows each word but the last one.
    spans (Tuple[MentionSpan, ...]): The outermost span itself and those in it, sorted.
    """

    words: Tuple[str, ...]
    spaces: Tuple[bool, ...]
    spans: Tuple[MentionSpan, ...]

    @property
    def labels(self) -> Tuple[str, ...]:
        """The labels of the outermost boundaries, most often one."""
        boundaries = (0, len(self.words))
        return tuple(span.label for span in self.spans if (span.start, span.end) == boundaries)


class MentionReplacementAugmenter:
    """Exchange mentions in gold docs for others that have passed through before.

    A mention is an outermost span that crosses no other span and no sentence boundary. Each one is
    exchanged with probability one half, for one drawn uniformly from the distinct other mentions
    of its labels. The idea is that of composited nested learning with augmentation (Liao et al.
    2024); how it is done here is this project's reading.

    An example with annotation that would not fit the new words, such as tags or entities, is left
    as it is.
    """

    def __init__(self, level: float, spans_key: str, copies: int) -> None:
        """Initialize the augmenter.

        level (float): The share of examples to augment, between 0 and 1.
        spans_key (str): Key of the gold spans in `Doc.spans`.
        copies (int): How often to yield each example, each time augmented by itself.
        RAISES (ValueError): If the level or the number of copies is out of range.
        """
        if not 0 <= level <= 1:
            raise ValueError(
                f"level of mention replacement must be between 0 and 1, but is {level}."
            )
        if copies < 1:
            raise ValueError(f"copies of mention replacement must be at least 1, but is {copies}.")
        self.level = level
        self.copies = copies
        self.spans_key = spans_key
        self._known: Set[Mention] = set()
        self._by_labels: DefaultDict[Tuple[str, ...], List[Mention]] = defaultdict(list)
        self._has_warned_of: Set[str] = set()

    def __call__(self, nlp: Language, example: Example) -> Iterator[Example]:
        """Yield copies of an example, with some of its mentions exchanged or as it is.

        nlp (Language): The current nlp object.
        example (Example): The example.
        YIELDS (Example): The copies. If mentions were exchanged, the predicted doc has the tokens
            of the reference.
        """
        slots = find_mentions(example.reference.spans.get(self.spans_key, []))
        self._collect(mention for _, mention in slots)
        for _ in range(self.copies):
            yield self._augment(example, slots) if random.random() < self.level else example

    def _collect(self, mentions: Iterable[Mention]) -> None:
        for mention in mentions:
            if mention not in self._known:
                self._known.add(mention)
                self._by_labels[mention.labels].append(mention)

    def _augment(self, example: Example, slots: List[Tuple[Span, Mention]]) -> Example:
        keys = list(example.reference.spans)
        if keys and self.spans_key not in keys:
            self._warn_once(
                "spans_key",
                f"Mention replacement looks for gold spans under {self.spans_key!r}, but there are "
                f"gold docs with no other key than {', '.join(map(repr, keys))}. Its spans_key "
                "should be that of the component.",
            )
        replacements = [
            (slot, self._draw_other(mention))
            for slot, mention in slots
            if random.random() < REPLACEMENT_PROBABILITY
        ]
        if not replacements:
            return example
        annotation = find_other_annotation(example.reference, self.spans_key)
        if annotation:
            self._warn_once(
                "annotation",
                "Mention replacement leaves examples as they are whose gold docs have annotation "
                f"that would not fit the new words, such as {', '.join(annotation)}. To augment "
                "them, remove this annotation from the training data.",
            )
            return example
        reference = replace_mentions(example.reference, self.spans_key, replacements)
        words = [token.text for token in reference]
        spaces = [bool(token.whitespace_) for token in reference]
        return Example(Doc(reference.vocab, words=words, spaces=spaces), reference)

    def _draw_other(self, mention: Mention) -> Mention:
        mentions = self._by_labels[mention.labels]
        # Of two distinct mentions, one at least is another.
        drawn = random.sample(mentions, k=min(2, len(mentions)))
        return next((other for other in drawn if other != mention), mention)

    def _warn_once(self, subject: str, message: str) -> None:
        if subject not in self._has_warned_of:
            self._has_warned_of.add(subject)
            # Where the corpus asks for the copies.
            warnings.warn(message, stacklevel=4)


def find_mentions(spans: Iterable[Span]) -> List[Tuple[Span, Mention]]:
    """Find the outermost spans that cross no other span and no sentence boundary.

    spans (Iterable[Span]): The spans of one doc.
    RETURNS (List[Tuple[Span, Mention]]): The span and what it holds, in the order of the text.
        Several spans on the same outermost boundaries are one mention.
    """
    return [
        (cluster[0], _make_mention(cluster))
        for cluster in _find_clusters(spans)
        if _is_mention(cluster)
    ]


def find_other_annotation(doc: Doc, spans_key: str) -> List[str]:
    """Find the annotation of tokens and spans, apart from one group of spans and from sentences.

    doc (Doc): The doc.
    spans_key (str): Key of the group in `Doc.spans`.
    RETURNS (List[str]): Names of the annotation.
    """
    names = [attr for attr in TOKEN_ATTRS if doc.has_annotation(attr)]
    names += [f"spans[{key!r}]" for key in doc.spans if key != spans_key]
    if doc.spans[spans_key].attrs:
        names.append(f"spans[{spans_key!r}].attrs")
    # Values of custom attributes are kept by character, except those of the doc itself.
    names += [
        f"._.{key[1]}"
        for key in doc.user_data
        if isinstance(key, tuple) and key[0] == "._." and key[2] is not None
    ]
    return names


def replace_mentions(doc: Doc, spans_key: str, replacements: List[Tuple[Span, Mention]]) -> Doc:
    """Make a doc with other mentions. The space after a mention, or none, stays.

    doc (Doc): The doc.
    spans_key (str): Key of the spans in `Doc.spans`.
    replacements (List[Tuple[Span, Mention]]): Spans that `find_mentions` has found, in the order
        of the text, and what to put in their place.
    RETURNS (Doc): The new doc, with spans, sentence starts, categories and user data.
    """
    words = [token.text for token in doc]
    spaces = [bool(token.whitespace_) for token in doc]
    sent_starts: List[Union[bool, int, None]] = [token.is_sent_start for token in doc]
    inner_sent_start = False if False in sent_starts else None
    is_replaced = np.zeros(len(doc) + 1, dtype="bool")
    new_lengths = np.ones(len(doc), dtype="int64")
    # From the right, so that the boundaries of mentions to the left hold.
    for slot, mention in reversed(replacements):
        tokens = slice(slot.start, slot.end)
        words[tokens] = mention.words
        spaces[tokens] = [*mention.spaces, spaces[slot.end - 1]]
        n_inner = len(mention.words) - 1
        sent_starts[tokens] = [sent_starts[slot.start], *[inner_sent_start] * n_inner]
        is_replaced[tokens] = True
        new_lengths[tokens] = 0
        new_lengths[slot.start] = len(mention.words)
    new = Doc(
        doc.vocab,
        words=words,
        spaces=spaces,
        sent_starts=sent_starts,
        user_data=dict(doc.user_data),
    )
    new.cats = dict(doc.cats)
    offsets = [0, *np.cumsum(new_lengths).tolist()]
    kept = [span for span in doc.spans[spans_key] if not is_replaced[span.start]]
    spans = [_make_span(new, offsets[span.start], _describe(span, span.start)) for span in kept]
    for slot, mention in replacements:
        spans += [_make_span(new, offsets[slot.start], span) for span in mention.spans]
    new.spans[spans_key] = spans
    return new


def _find_clusters(spans: Iterable[Span]) -> Iterator[List[Span]]:
    """Split spans wherever no span goes on, each part sorted by start, longest first."""
    cluster: List[Span] = []
    end = 0
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if cluster and span.start >= end:
            yield cluster
            cluster = []
        cluster.append(span)
        end = max(end, span.end)
    if cluster:
        yield cluster


def _is_mention(cluster: List[Span]) -> bool:
    first = cluster[0]
    contains_all = first.end == max(span.end for span in cluster)
    crosses_sentences = any(token.is_sent_start for token in first[1:])
    return len(first) > 0 and contains_all and not crosses_sentences


def _make_mention(cluster: List[Span]) -> Mention:
    outermost = cluster[0]
    return Mention(
        words=tuple(token.text for token in outermost),
        spaces=tuple(bool(token.whitespace_) for token in outermost[:-1]),
        spans=tuple(sorted(_describe(span, outermost.start) for span in cluster)),
    )


def _describe(span: Span, offset: int) -> MentionSpan:
    return MentionSpan(span.start - offset, span.end - offset, span.label_, span.kb_id_, span.id_)


def _make_span(doc: Doc, offset: int, span: MentionSpan) -> Span:
    return Span(
        doc,
        offset + span.start,
        offset + span.end,
        label=span.label,
        kb_id=span.kb_id,
        span_id=span.span_id,
    )
