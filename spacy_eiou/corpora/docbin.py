import struct
import warnings
from bisect import bisect_right
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Set, Union
from typing import Counter as CounterType

import numpy as np
from spacy.attrs import IDS
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.training import Corpus, Example
from spacy.training.corpus import FILE_TYPE, walk_corpus
from spacy.vocab import Vocab
from srsly.msgpack import Packer, Unpacker

from .record import UnreadableError

# How spaCy stores a span: id, kb_id, label, start and end in tokens and in characters.
SPAN = struct.Struct(">QQQllll")
STRING_ATTRIBUTES = frozenset(
    IDS[name]
    for name in (
        *("ORTH", "NORM", "TAG", "DEP", "LEMMA", "MORPH"),
        *("ENT_TYPE", "ENT_KB_ID", "ENT_ID"),
    )
)


class FastDocBin(DocBin):
    """spaCy's DocBin, with the same bytes, several times as fast. `srsly.msgpack_loads` and
    `msgpack_dumps` look up all entry points in each of their calls, of which there are several per
    doc; here they are looked up once per file. Strings are collected by hash, not by token."""

    def __init__(self, **options: Any) -> None:
        self._packer = Packer(use_bin_type=True)
        self._known: Set[int] = set()
        super().__init__(**options)

    def add(self, doc: Doc) -> None:
        """Add a doc.

        doc (Doc): The doc.
        """
        # The attributes begin with the form of the token, and "spacy" is no longer among them.
        # The stubs of spaCy know neither arrays of integers nor hashes.
        attributes: Any = doc.to_array([*self.attrs, "SPACY"]).reshape(
            len(doc), len(self.attrs) + 1
        )
        self.tokens.append(attributes[:, :-1])
        self.spaces.append(attributes[:, -1:].astype(bool))
        self.flags.append({"has_unknown_spaces": doc.has_unknown_spaces})
        columns = [i for i, name in enumerate(self.attrs) if name in STRING_ATTRIBUTES]
        # Most columns are nothing but zeros, which stand for the empty string.
        columns = [i for i in columns if attributes[:, i].any()]
        hashes = {0, *attributes[:, columns].ravel().tolist()}
        groups: Dict[bytes, List[str]] = {}
        for key, group in doc.spans.items():
            spans = []
            for span in group:
                hashes.update((span.label, span.kb_id, span.id))
                values = (span.id, span.kb_id, span.label, span.start, span.end)
                spans.append(SPAN.pack(*values, span.start_char, span.end_char))
            data = {"name": group.name, "attrs": group.attrs, "spans": spans}
            groups.setdefault(self._packer.pack(data), []).append(key)
        self.span_groups.append(self._packer.pack(groups or []))
        self.cats.append(doc.cats)
        if self.store_user_data:
            self.user_data.append(self._packer.pack(doc.user_data))
        strings: Any = doc.vocab.strings
        for value in hashes - self._known:
            # The id of a span may be a number that stands for no string.
            if value in strings:
                self.strings.add(strings[value])
        self._known |= hashes

    def get_docs(self, vocab: Vocab, start: int = 0, stop: Optional[int] = None) -> Iterator[Doc]:
        """Recover the docs, or some of them.

        vocab (Vocab): The vocabulary of the docs.
        start (int): The number of the first one, from 0.
        stop (Optional[int]): The number after that of the last one. If None, there is no limit.
        YIELDS (Doc): The docs.
        """
        for string in self.strings:
            vocab[string]
        unpacker = Unpacker(raw=False, max_buffer_size=0)
        tuple_unpacker = Unpacker(raw=False, use_list=False, max_buffer_size=0)
        orth = self.attrs.index(IDS["ORTH"])
        for i in range(len(self.tokens))[start:stop]:
            tokens = self.tokens[i]
            has_unknown_spaces = self.flags[i].get("has_unknown_spaces")
            spaces = None if has_unknown_spaces else self.spaces[i]
            doc = Doc(vocab, words=tokens[:, orth], spaces=spaces)  # type: ignore[arg-type]
            doc = doc.from_array(self.attrs, tokens)  # type: ignore[arg-type]
            doc.cats = self.cats[i]
            groups = _unpack(unpacker, self.span_groups[i]) if self.span_groups[i] else {}
            # A list is what early versions wrote.
            if isinstance(groups, list):
                doc.spans.from_bytes(self.span_groups[i])
                groups = {}
            for data, keys in groups.items():
                _add_group(doc, _unpack(unpacker, data), keys)
            user_data = self.user_data[i] if i < len(self.user_data) else None
            if user_data is not None:
                doc.user_data.update(_unpack(tuple_unpacker, user_data))
            yield doc


def _unpack(unpacker: Unpacker, data: bytes) -> Any:
    unpacker.feed(data)
    return unpacker.unpack()


def _add_group(doc: Doc, data: Dict[str, Any], keys: List[str]) -> None:
    spans = []
    for item in data["spans"]:
        span_id, kb_id, label, start, end, _, _ = SPAN.unpack(item)
        spans.append(Span(doc, start, end, label=label, kb_id=kb_id, span_id=span_id))
    group = SpanGroup(doc, name=data["name"], attrs=data["attrs"], spans=spans)
    for key in keys:
        doc.spans[key] = group if key == keys[0] else group.copy()


def read_docs(path: Path, vocab: Vocab) -> Iterator[Doc]:
    """Read annotated docs.

    path (Path): A .spacy file or a directory of them.
    vocab (Vocab): The vocabulary of the docs.
    YIELDS (Doc): The docs that have tokens.
    RAISES (CorpusError): If there is no .spacy file, or one is damaged.
    """
    locations = walk_corpus(path, FILE_TYPE)
    if not locations or not (path.is_dir() or (path.is_file() and path.suffix == FILE_TYPE)):
        raise UnreadableError(
            f"{path}: expected a .spacy file or a directory of them. To make one: "
            "python -m spacy eiou convert"
        )
    for location in locations:
        yield from (doc for doc in load_docs(location, vocab) if len(doc))


def load_docs(path: Path, vocab: Vocab) -> List[Doc]:
    """Load all docs of a file in spaCy's binary format.

    path (Path): The .spacy file.
    vocab (Vocab): The vocabulary of the docs.
    RETURNS (List[Doc]): The docs.
    RAISES (CorpusError): If the file is damaged.
    """
    try:
        docs = list(FastDocBin().from_disk(path).get_docs(vocab))
        for doc in docs:
            for spans in doc.spans.values():
                # Spans are built, and their labels looked up, no sooner than this.
                {(span.label_, span.kb_id_) for span in spans}
        return docs
    # What damaged bytes raise depends on where they are damaged.
    except Exception as err:
        raise UnreadableError(f"{path}: expected a complete .spacy file ({err!r})") from err


class FastCorpus(Corpus):
    """spaCy's reader of training data, with `FastDocBin`. Sentences that are read in the place of
    their doc keep the spans in them, which spaCy's `Span.as_doc` loses."""

    def make_examples(self, nlp: Language, reference_docs: Iterable[Doc]) -> Iterator[Example]:
        """Make the examples of docs, and of the sentences of those that are too long.

        nlp (Language): The pipeline.
        reference_docs (Iterable[Doc]): The annotated docs.
        YIELDS (Example): The examples.
        """
        lost: CounterType[str] = Counter()
        limit = self.max_length or np.inf
        for reference in reference_docs:
            parts = [reference] if len(reference) < limit else divide_doc(reference, lost)
            for part in parts:
                if len(part) < limit:
                    yield self._make_example(nlp, part, False)
                else:
                    lost[f"in a sentence of max_length = {limit} tokens or more"] += _n_spans(part)
        _warn_of_lost(self.path, lost)

    def make_examples_gold_preproc(
        self, nlp: Language, reference_docs: Iterable[Doc]
    ) -> Iterator[Example]:
        """Make the examples of sentences, with the tokens of the annotation.

        nlp (Language): The pipeline.
        reference_docs (Iterable[Doc]): The annotated docs.
        YIELDS (Example): The examples.
        """
        lost: CounterType[str] = Counter()
        for reference in reference_docs:
            for part in divide_doc(reference, lost):
                yield self._make_example(nlp, part, True)
        _warn_of_lost(self.path, lost)

    def read_docbin(self, vocab: Vocab, locs: Iterable[Union[str, Path]]) -> Iterator[Doc]:
        """Read the docs that have tokens, up to the limit.

        vocab (Vocab): The vocabulary of the docs.
        locs (Iterable[Union[str, Path]]): The .spacy files.
        YIELDS (Doc): The docs.
        """
        paths = [Path(path) for path in locs if str(path).endswith(FILE_TYPE)]
        docs = (doc for path in paths for doc in FastDocBin().from_disk(path).get_docs(vocab))
        yield from islice((doc for doc in docs if len(doc)), self.limit if self.limit > 0 else None)


def divide_doc(doc: Doc, lost: CounterType[str]) -> List[Doc]:
    """Divide a doc into its sentences, if it has any.

    doc (Doc): The doc.
    lost (Counter[str]): Where to count the spans that are lost, by reason.
    RETURNS (List[Doc]): The sentences, with the spans in them.
    """
    if not doc.has_annotation("SENT_START"):
        return [doc]
    sentences = list(doc.sents)
    parts = [sentence.as_doc() for sentence in sentences]
    starts = [sentence.start for sentence in sentences]
    for key, group in doc.spans.items():
        found: List[List[Span]] = [[] for _ in parts]
        for span in group:
            row = bisect_right(starts, span.start) - 1
            part, bounds = parts[row], (span.start - starts[row], span.end - starts[row])
            if bounds[1] <= len(part):
                names = {"label": span.label, "kb_id": span.kb_id, "span_id": span.id}
                found[row].append(Span(part, *bounds, **names))
        for part, spans in zip(parts, found):
            part.spans[key] = SpanGroup(part, name=group.name, spans=spans)
    lost["across the end of a sentence"] += _n_spans(doc) - sum(map(_n_spans, parts))
    return parts


def _n_spans(doc: Doc) -> int:
    return sum(map(len, doc.spans.values()))


def _warn_of_lost(path: Path, lost: CounterType[str]) -> None:
    reasons = [f"{count:,} {reason}" for reason, count in lost.items() if count]
    if reasons:
        warnings.warn(
            f"{path}: spans that no example has, since docs are divided into sentences: "
            f"{'; '.join(reasons)}. Without max_length and gold_preproc, none is lost.",
            stacklevel=3,
        )


def create_corpus(
    path: Optional[Path],
    gold_preproc: bool = False,
    max_length: int = 0,
    limit: int = 0,
    augmenter: Optional[Callable[[Language, Example], Iterable[Example]]] = None,
) -> Corpus:
    """Create a reader of training data, as "spacy.Corpus.v1" but many times as fast. Registered as
    "spacy_eiou.Corpus.v1".

    path (Optional[Path]): A .spacy file or a directory of them.
    gold_preproc (bool): Whether to use the sentences and tokens of the annotation.
    max_length (int): Longest doc in tokens, longer ones are divided into sentences. 0 is no limit.
    limit (int): The most examples to read. 0 is no limit.
    augmenter (Optional[Callable[[Language, Example], Iterable[Example]]]): Makes variants of an
        example.
    RETURNS (Corpus): The reader.
    RAISES (ValueError): If there is no path.
    """
    if path is None:
        raise ValueError("Expected the path of a .spacy file or a directory of them, not none")
    return FastCorpus(
        path,
        gold_preproc=gold_preproc,
        max_length=max_length,
        limit=limit,
        augmenter=augmenter,
    )
