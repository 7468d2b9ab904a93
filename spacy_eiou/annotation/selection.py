import heapq
import os
import sys
import time
import warnings
from contextlib import ExitStack, suppress
from hashlib import blake2b
from inspect import signature
from itertools import chain
from pathlib import Path
from typing import (
    Any,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
    Union,
)

import numpy as np
from spacy.language import Language
from spacy.pipeline.spancat import SpanCategorizer
from spacy.tokens import Doc
from thinc.types import Floats2d, Ragged

from ..corpora import CorpusError, list_files
from ..corpora.conversion import find_format
from ..files import accepts_strings, encode_json_line, replacing_all, write_file
from ..models.torch_layers import one_thread
from ..pipeline import load_pipeline
from ..pipeline.prediction import find_component, predict_candidates, select_likely
from ..progress import ProgressBar
from .checks import check_apart, check_new, check_unread
from .prediction import annotate_texts, find_spans_key, make_batches, make_windows
from .source_files import find_sources, guess_text_format
from .sources import RejectedText, SourceText, read_texts
from .strategies import Floats, Prediction, Strategy, TextBatch, get_strategy
from .tasks import TaskWriter, name_tasks

# The final choice is among so many of the best texts for each that is wanted, and at least so many.
POOL_SHARE = 10
MIN_POOL = 1000
# Of a component that has no threshold.
THRESHOLD = 0.5


class Selection(NamedTuple):
    """What `select` has chosen.

    texts (List[Dict[str, Any]]): The texts, as they were written.
    n_texts (int): The number of texts among which they were chosen.
    n_blank (int): The number of texts without a word.
    n_excluded (int): The number of texts that were to be left out.
    n_rejected (int): The number of items that are no text, or one that is too long.
    first_reason (str): What was expected in the place of the first of them, or "".
    outputs (List[Path]): What was written, the main output first.
    seconds (float): How long it took.
    """

    texts: List[Dict[str, Any]]
    n_texts: int
    n_blank: int
    n_excluded: int
    n_rejected: int
    first_reason: str
    outputs: List[Path]
    seconds: float


@accepts_strings
def select(
    model: Union[str, Path, Language],
    input_path: Union[str, Path],
    output_path: Union[str, Path],
    *,
    n: int = 50,
    strategy: str = "combined",
    models: Sequence[Union[str, Path, Language]] = (),
    random_share: float = 0.1,
    exclude: Sequence[Union[str, Path]] = (),
    seed: int = 0,
    text_format: Optional[str] = None,
    text_key: str = "text",
    id_key: str = "id",
    spans_key: Optional[str] = None,
    to: Optional[str] = None,
    use_gpu: int = -1,
    force: bool = False,
    silent: bool = True,
) -> Selection:
    """Choose the texts that are worth annotating next, and suggest their spans. Texts are read and
    scored one after the other, in memory that doesn't grow with their number. The same texts,
    models and options give the same choice. Of equal texts, one is chosen.

    model (Union[str, Path, Language]): The pipeline, which has a nested_spancat or spancat, or its
        name or path.
    input_path (Union[str, Path]): The texts, see `find_sources`.
    output_path (Union[str, Path]): The .jsonl file to write, with a line for each text: "id",
        "text", "spans" as suggestions, and in "meta" the "strategy", the "score" and the "reason"
        of the choice, and as "source" what else the source says of the text.
    n (int): The number of texts to choose.
    strategy (str): A name in `STRATEGIES`.
    models (Sequence[Union[str, Path, Language]]): More pipelines with the same labels, each of
        which is asked as well.
    random_share (float): The share of the texts that is chosen at random, so that it is like all
        texts: for the dev part.
    exclude (Sequence[Union[str, Path]]): Texts to leave out, such as those that are annotated, also
        as a corpus that `convert` recognizes. The field or column of their text is `text_key`, or
        else "text".
    seed (int): Random seed.
    text_format (Optional[str]): Format of the texts. If None, that of the suffix.
    text_key (str): Field or column of the text.
    id_key (str): Field or column of the id.
    spans_key (Optional[str]): Key of `Doc.spans`. If None, the one that a component writes.
    to (Optional[str]): Format of tasks for an annotation tool, one of `WRITERS`, to write beside
        the output: those of selected.jsonl are selected.tasks, with the suffix of the format.
    use_gpu (int): GPU ID or -1 for CPU.
    force (bool): Whether to overwrite the output files.
    silent (bool): Whether to show no progress.
    RETURNS (Selection): The texts, and among how many they were chosen.
    RAISES (CorpusError): If the input or an argument is not as expected, or there is no text to
        choose.
    RAISES (ValueError, OSError): If a pipeline can't be loaded, or has no such component.
    """
    start = time.perf_counter()
    _check_choice(n, strategy, random_share)
    output_path = Path(output_path)
    if output_path.suffix != ".jsonl":
        raise CorpusError(f"Expected an output file with the suffix .jsonl, not {output_path}")
    tasks = None if to is None else TaskWriter(to)
    planned = {} if tasks is None else tasks.plan(name_tasks(output_path, ".jsonl"))
    outputs = [output_path, *planned]
    text_format = text_format or guess_text_format(input_path)
    read = [source.location for source in find_sources(input_path, text_format)]
    check_apart(outputs, [*read, *chain.from_iterable(map(_list_excluded, exclude))])
    check_unread(outputs, input_path)
    check_new(outputs, [] if tasks is None else tasks.get_folders(planned), own=(), force=force)
    nlps = [
        item if isinstance(item, Language) else load_pipeline(str(item), use_gpu=use_gpu)
        for item in (model, *models)
    ]
    selection = choose_texts(
        nlps,
        input_path,
        n=n,
        strategy=strategy,
        random_share=random_share,
        exclude=exclude,
        seed=seed,
        text_format=text_format,
        text_key=text_key,
        id_key=id_key,
        spans_key=spans_key,
        silent=silent,
    )
    if tasks is not None:
        tasks.set_pipeline(nlps[0], find_spans_key(nlps[0], spans_key))
        with replacing_all(planned) as new:
            for path, write in planned.items():
                write(selection.texts, new[path])
    write_file(output_path, b"".join(map(encode_json_line, selection.texts)))
    seconds = round(time.perf_counter() - start, 3)
    return selection._replace(outputs=outputs, seconds=seconds)


def choose_texts(
    nlps: Sequence[Language],
    input_path: Union[str, Path],
    *,
    n: int,
    strategy: str = "combined",
    random_share: float = 0.0,
    exclude: Sequence[Union[str, Path]] = (),
    seed: int = 0,
    text_format: Optional[str] = None,
    text_key: str = "text",
    id_key: str = "id",
    spans_key: Optional[str] = None,
    silent: bool = True,
) -> Selection:
    """Choose texts as `select` does, and write nothing.

    nlps (Sequence[Language]): The pipelines. The first one suggests spans.
    input_path, n, strategy, random_share, exclude, seed, text_format, text_key, id_key, spans_key,
    silent: See `select`.
    RETURNS (Selection): The texts, without outputs.
    RAISES (CorpusError): If the input or an argument is not as expected, or there is no text to
        choose.
    RAISES (ValueError): If a pipeline has no such component.
    """
    start = time.perf_counter()
    _check_choice(n, strategy, random_share)
    chosen_strategy, random = get_strategy(strategy), get_strategy("random")
    scorer = TextScorer(nlps, spans_key=spans_key, seed=seed)
    reader = TextReader(
        read_texts(
            input_path,
            text_format or guess_text_format(input_path),
            text_key=text_key,
            id_key=id_key,
            max_length=min(nlp.max_length for nlp in nlps),
        ),
        {key for path in exclude for key in _read_keys(path, text_key, scorer)},
        scorer,
    )
    n_random = 0 if chosen_strategy is random else round(random_share * n)
    # What is chosen at random may be among the best as well.
    pools = {chosen_strategy: Pool(max(POOL_SHARE * n, MIN_POOL) + n_random)}
    if n_random:
        pools[random] = Pool(n_random)
    with one_thread(), ProgressBar(unit=" texts", disable=silent or None) as bar:
        for n_scored in scorer.score(reader, pools):
            bar.update(n_scored)
        if not reader.n_texts:
            raise CorpusError(
                f"Expected texts to choose from, found {reader.n_blank:,} blank, "
                f"{reader.n_excluded:,} excluded, {reader.n_rejected:,} other items. "
                f"{reader.first_reason}"
            )
        controls = pools[random].rank() if n_random else []
        drawn = {item.key for item in controls}
        items = [item for item in pools[chosen_strategy].rank() if item.key not in drawn]
        items = choose(items, n - len(controls), is_diverse=chosen_strategy.is_diverse)
        chosen = [(strategy, item) for item in items]
        # Evenly spread, so that they are the same share of what is annotated first.
        for index, item in enumerate(controls, start=1):
            chosen.insert(round(index / random_share) - 1, ("random", item))
        texts = scorer.describe(chosen)
    if len(texts) < n:
        warnings.warn(f"Expected {n:,} texts to choose, found only {len(texts):,}", stacklevel=4)
    return Selection(
        texts,
        reader.n_texts,
        reader.n_blank,
        reader.n_excluded,
        reader.n_rejected,
        reader.first_reason,
        [],
        round(time.perf_counter() - start, 3),
    )


def _check_choice(n: int, strategy: str, random_share: float) -> None:
    get_strategy(strategy)
    if n < 1 or not 0 <= random_share <= 1:
        raise CorpusError("Expected to choose at least one text, and a share from 0 to 1 at random")


class Item(NamedTuple):
    """A text that may be chosen: its score, its key, by which it is known again, the text, and the
    mean of its token vectors."""

    score: float
    key: bytes
    source: SourceText
    vector: Floats


class Pool:
    """The texts with the highest scores, each once, in memory that doesn't grow with the number of
    texts that are offered.

    size (int): The most texts that it holds.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.items: Dict[bytes, Item] = {}
        self.ranks: List[Tuple[float, bytes]] = []

    def accepts(self, score: float, key: bytes) -> bool:
        """RETURNS (bool): Whether a text is new, and its score high enough."""
        is_full = len(self.ranks) == self.size
        return key not in self.items and not (is_full and (score, key) < self.ranks[0])

    def add(self, item: Item) -> None:
        """Add a text, in the place of the one with the lowest score if there is no place left.

        item (Item): A text that the pool accepts.
        """
        self.items[item.key] = item
        heapq.heappush(self.ranks, (item.score, item.key))
        if len(self.ranks) > self.size:
            del self.items[heapq.heappop(self.ranks)[1]]

    def rank(self) -> List[Item]:
        """RETURNS (List[Item]): The texts, the highest score first."""
        return [self.items[key] for _, key in sorted(self.ranks, reverse=True)]


def choose(items: Sequence[Item], n: int, *, is_diverse: bool) -> List[Item]:
    """Choose texts, one after the other.

    items (Sequence[Item]): The texts, the highest score first.
    n (int): How many to choose.
    is_diverse (bool): Whether a score counts as far as a text is unlike those that are chosen: by
        the distance to the nearest one, where those of equal and of opposite vectors are 0 and 1.
        With equal scores this is the greedy choice of a core-set (Sener and Savarese 2018, arXiv
        1708.00489).
    RETURNS (List[Item]): The texts that are chosen.
    """
    if not is_diverse or len(items) <= n:
        return list(items[:n])
    scores = np.array([item.score for item in items])
    vectors = np.array([item.vector for item in items])
    # The encoder gives all texts much in common, which tells nothing.
    vectors -= vectors.mean(axis=0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-12
    distances = np.ones(len(items))
    left = np.ones(len(items), dtype=bool)
    chosen = []
    for _ in range(n):
        best = int(np.where(left, scores * distances, -1).argmax())
        chosen.append(items[best])
        left[best] = False
        distances = np.minimum(distances, (1 - vectors @ vectors[best]) / 2)
    return chosen


class TextReader:
    """Texts that may be chosen. What is not is counted.

    items (Iterable[Union[SourceText, RejectedText]]): The texts, and what was rejected.
    excluded (Set[bytes]): The keys of texts that may not be chosen.
    scorer (TextScorer): Gives the keys.
    """

    def __init__(
        self,
        items: Iterable[Union[SourceText, RejectedText]],
        excluded: Set[bytes],
        scorer: "TextScorer",
    ) -> None:
        self.items = items
        self.excluded = excluded
        self.scorer = scorer
        self.n_texts = self.n_blank = self.n_excluded = self.n_rejected = 0
        self.first_reason = ""

    def __iter__(self) -> Iterator[SourceText]:
        for item in self.items:
            if isinstance(item, RejectedText):
                self.n_rejected += 1
                self.first_reason = self.first_reason or item.reason
            elif not item.text.strip():
                self.n_blank += 1
            elif self.excluded and self.scorer.get_key(item.text) in self.excluded:
                self.n_excluded += 1
            else:
                self.n_texts += 1
                yield item


class TextScorer:
    """Scores texts by what pipelines predict for them."""

    def __init__(
        self,
        nlps: Sequence[Language],
        *,
        spans_key: Optional[str] = None,
        seed: int = 0,
    ) -> None:
        """Create a scorer.

        nlps (Sequence[Language]): The pipelines. The first one suggests spans and gives vectors.
        spans_key (Optional[str]): Key of `Doc.spans`. If None, the one that a component writes.
        seed (int): Random seed.
        RAISES (CorpusError): If the pipelines do not have the same labels.
        """
        self.nlps = nlps
        self.spans_key = find_spans_key(nlps[0], spans_key)
        self.components = [
            find_component(nlp, SpanCategorizer, spans_key=self.spans_key) for nlp in nlps
        ]
        self.salt = seed.to_bytes(8, "little", signed=True)
        self.batch_size = min(nlp.batch_size for nlp in nlps)
        self.labels = sorted(self.components[0].labels)
        for component in self.components[1:]:
            differing = ", ".join(sorted({*component.labels} ^ {*self.labels}))
            if differing:
                raise CorpusError(
                    f"Expected models with the same labels, not some without {differing}"
                )
        # Of each component, the column of each label in its scores.
        self.columns = [
            [component.labels.index(label) for label in self.labels]
            for component in self.components
        ]
        counts = self.components[0].cfg.get("class_counts")
        self.label_counts = None if counts is None else np.array(counts)[self.columns[0]]

    def get_key(self, text: str) -> bytes:
        """RETURNS (bytes): What is the same for texts that differ in white space and case only, and
        looks random."""
        normal = " ".join(text.split()).casefold()
        return blake2b(
            normal.encode("utf8", "surrogatepass"), digest_size=8, salt=self.salt
        ).digest()

    def score(self, sources: Iterable[SourceText], pools: Dict[Strategy, Pool]) -> Iterator[int]:
        """Score texts, and put the best ones of each strategy into its pool.

        sources (Iterable[SourceText]): The texts, none of which is blank.
        pools (Dict[Strategy, Pool]): The strategies and their pools.
        YIELDS (int): The number of texts of each batch that is done.
        """
        for window in make_windows(sources):
            with ExitStack() as zones:
                for nlp in self.nlps:
                    zones.enter_context(nlp.memory_zone())
                docs = dict(enumerate(self.nlps[0].make_doc(source.text) for source in window))
                lengths = [len(doc) for doc in docs.values()]
                for indices in make_batches(lengths, self.batch_size):
                    some = [window[index] for index in indices]
                    self._score_batch(some, [docs.pop(index) for index in indices], pools)
                    yield len(indices)

    def describe(self, chosen: Sequence[Tuple[str, Item]]) -> List[Dict[str, Any]]:
        """Suggest the spans of texts that were chosen, and say why these were.

        chosen (Sequence[Tuple[str, Item]]): The name of a strategy, and a text that it has chosen.
        RETURNS (List[Dict[str, Any]]): The texts, see `select`.
        """
        sources = [item.source for _, item in chosen]
        annotations = annotate_texts(self.nlps[0], sources, self.spans_key)
        texts = []
        for (name, item), annotation in zip(chosen, annotations, strict=True):
            with ExitStack() as zones:
                for nlp in self.nlps:
                    zones.enter_context(nlp.memory_zone())
                docs = [self.nlps[0].make_doc(item.source.text)]
                (reason,) = get_strategy(name).explain(self._predict([item.source], docs))
            meta = {"strategy": name, "score": round(item.score, 4), "reason": reason}
            if item.source.meta:
                meta["source"] = item.source.meta
            texts.append({**annotation, "meta": meta})
        return texts

    def _score_batch(
        self, sources: Sequence[SourceText], docs: List[Doc], pools: Dict[Strategy, Pool]
    ) -> None:
        keys = [self.get_key(source.text) for source in sources]
        batch = self._predict(sources, docs)
        entering = [
            (pool, index, score)
            for strategy, pool in pools.items()
            for index, score in enumerate(_score_texts(strategy, batch))
            if pool.accepts(score, keys[index])
        ]
        # Of few texts, since an encoder that is a part of the component has to run once more.
        rows = sorted({index for _, index, _ in entering})
        vectors = dict(zip(rows, self._embed([docs[row] for row in rows])))
        for pool, index, score in entering:
            if pool.accepts(score, keys[index]):
                pool.add(Item(score, keys[index], sources[index], vectors[index]))

    def _predict(self, sources: Sequence[SourceText], docs: List[Doc]) -> TextBatch:
        """RETURNS (TextBatch): What the pipelines predict for texts. They are given as docs of the
        first one as well, which the components before the last one annotate."""
        texts = [source.text for source in sources]
        predictions = []
        for nlp, component, columns in zip(self.nlps, self.components, self.columns):
            own_docs = docs if nlp is self.nlps[0] else list(map(nlp.make_doc, texts))
            ((own_docs, candidates, scores),) = predict_candidates(nlp, component, own_docs)
            likely, scores = select_likely(candidates, scores[:, : len(self.labels)])
            scores = scores[:, columns]
            predictions.append(self._make_prediction(component, own_docs, likely, scores))
        return TextBatch(
            texts,
            np.array([int.from_bytes(self.get_key(text), "big") for text in texts]) / 2**64,
            np.array(list(map(len, docs))),
            self.labels,
            self.label_counts,
            predictions,
        )

    def _make_prediction(
        self, component: SpanCategorizer, docs: List[Doc], candidates: Ragged, scores: Floats2d
    ) -> Prediction:
        cfg = component.cfg
        common = THRESHOLD if cfg["threshold"] is None else cfg["threshold"]
        thresholds = [cfg.get("label_thresholds", {}).get(label, common) for label in self.labels]
        lengths = np.array(list(map(len, docs)))
        texts = np.repeat(np.arange(len(docs)), candidates.lengths)
        tokens = candidates.dataXd + (lengths.cumsum() - lengths)[texts, None]
        characters = np.concatenate([doc.to_array(["IDX", "LENGTH"]).astype("i8") for doc in docs])
        starts, ends = characters[:, 0], characters.sum(axis=1)
        bounds = np.column_stack([starts[tokens[:, 0]], ends[tokens[:, 1] - 1]])
        return Prediction(texts, bounds, scores, scores >= np.array(thresholds, dtype="f"))

    def _embed(self, docs: List[Doc]) -> List[Floats]:
        """RETURNS (List[Floats]): The mean token vector of each text."""
        if not docs:
            return []
        model = self.components[0].model
        vectors = model.get_ref("tok2vec").predict(docs)
        return [model.ops.to_numpy(array).mean(axis=0) for array in vectors]


def _score_texts(strategy: Strategy, batch: TextBatch) -> List[float]:
    scores = np.asarray(strategy.score(batch), dtype=float)
    if scores.shape != (len(batch.texts),) or not np.isfinite(scores).all():
        raise CorpusError(
            "Expected a strategy that gives a finite score to each text, not "
            f"{scores.tolist()!r:.100} to {len(batch.texts)} texts"
        )
    found: List[float] = scores.tolist()
    return found


def _is_corpus(path: Union[str, Path]) -> bool:
    """RETURNS (bool): Whether files are in no format of texts, such as those of annotation tools.
    RAISES (CorpusError): If there are none."""
    try:
        guess_text_format(path)
    except CorpusError:
        if not os.path.exists(path):
            raise
        return True
    return False


def _list_excluded(path: Union[str, Path]) -> List[str]:
    if _is_corpus(path):
        return [str(file.path) for file in list_files([Path(path)])]
    return [source.location for source in find_sources(path)]


def _read_keys(path: Union[str, Path], text_key: str, scorer: TextScorer) -> Set[bytes]:
    if _is_corpus(path):
        return {scorer.get_key(text) for text in _read_corpus(path, text_key)}
    try:
        return {scorer.get_key(text) for text in _read_all(path, text_key)}
    except CorpusError:
        with suppress(CorpusError):
            # What was chosen or annotated before has the text there.
            return {scorer.get_key(text) for text in _read_all(path, "text")}
        raise


def _read_corpus(path: Union[str, Path], text_key: str) -> Iterator[str]:
    try:
        corpus_format, files = find_format(None, [Path(path)])
    except CorpusError:
        # It may be neither, and is more likely to be meant as texts.
        guess_text_format(path)
        raise
    has_key = text_key != "text" and "text_key" in signature(corpus_format.read_file).parameters
    options = {"text_key": text_key} if has_key else {}
    for record in corpus_format.read(files, **options):
        if record.skipped == "malformed":
            raise CorpusError(f"Can't tell which texts to leave out. {record.bad[0]}")
        yield record.text


def _read_all(path: Union[str, Path], text_key: str) -> Iterator[str]:
    text_format = guess_text_format(path)
    for item in read_texts(path, text_format, text_key=text_key, max_length=sys.maxsize):
        if isinstance(item, RejectedText):
            raise CorpusError(f"Can't tell which texts to leave out. {item.reason}")
        yield item.text
