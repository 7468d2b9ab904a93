"""Annotations that are probably wrong, found by models that were trained on the other ones."""

from collections import Counter, defaultdict
from contextlib import closing, nullcontext
from dataclasses import replace
from hashlib import sha256
from itertools import islice
from multiprocessing import get_all_start_methods
from pathlib import Path
from typing import Any, Collection, Dict, List, Mapping, NamedTuple, Optional, Sequence

import numpy as np
import srsly
from spacy.language import Language
from spacy.pipeline.spancat import SpanCategorizer
from spacy.tokens import Doc
from spacy.util import make_tempdir
from thinc.api import Config

from ..annotation.checks import check_not_among
from ..annotation.engines import run_local
from ..corpora import CorpusError, Entity, Reading, Record, printable
from ..corpora.conversion import MAX_BAD, check_records, find_format
from ..corpora.docbin import FastDocBin
from ..corpora.docs import record_to_doc
from ..corpora.formats.writers import Writer, get_writer
from ..corpora.writing import check_outputs, find_outputs, hold_records, write_parts
from ..evaluation.analysis import AnalyzedDoc
from ..evaluation.analyze import get_probabilities
from ..evaluation.suspects import Suspect, WordIndex, describe_suspect, rank_suspects, show_suspect
from ..evaluation.suspects_page import render_suspects
from ..files import accepts_strings, encode_json_line, write_files
from ..models.torch_layers import one_thread
from ..pipeline.loading import use_device
from ..pipeline.prediction import find_component, predict_candidates
from ..progress import ProgressBar
from ..provenance import get_provenance
from ..spans.groups import LabeledSpan, get_spans
from ..templates import TEMPLATES_PATH
from .compare import append_result, read_results, train_docs
from .study import COMPONENT, Run, hash_settings, load_training_config

# What is written.
PAGE_NAME = "index.html"
SUSPECTS_NAME = "suspects.jsonl"
PREDICTIONS_NAME = "predictions.jsonl"
# What a span has to reach to be predicted.
THRESHOLD = 0.5
# How long to train, unless the user says otherwise.
MAX_STEPS = 800
# The model is scored on so many of the docs that it is trained on, since spaCy asks for some.
N_SCORED = 20
# The name of the model in tasks for annotation tools.
MODEL = "suspects"
# These are written for each training.
NO_PATHS = {"paths.train": None, "paths.dev": None}

Probabilities = Dict[LabeledSpan, float]


class Suspects(NamedTuple):
    """What `find_suspects` has found.

    docs (List[AnalyzedDoc]): The documents, with what is annotated, and what models predict that
        were not trained on them.
    suspects (List[Suspect]): The suspicious annotations, the most suspicious one first.
    inconsistent (List[Dict[str, Any]]): Words that are annotated differently from place to place,
        see `WordIndex.list_inconsistent`.
    n_spans (int): The number of annotated spans.
    n_unjudged (int): How many of them models can't judge: no candidate is equal to them, or no
        other fold has their label.
    """

    docs: List[AnalyzedDoc]
    suspects: List[Suspect]
    inconsistent: List[Dict[str, Any]]
    n_spans: int
    n_unjudged: int

    @property
    def n_confident(self) -> int:
        """The number of suspects that models are sure of. Rather fewer annotations are wrong."""
        return sum(suspect.is_confident for suspect in self.suspects)


@accepts_strings
def find_suspects(
    corpus_path: Path,
    output_path: Path,
    *,
    config_path: Optional[Path] = None,
    n_folds: int = 5,
    n_seeds: int = 1,
    n_process: int = 1,
    to: Optional[str] = None,
    limit: int = 200,
    corpus_format: Optional[str] = None,
    level: Optional[int] = None,
    offsets: Optional[str] = None,
    text_key: Optional[str] = None,
    tag_names: Optional[Sequence[str]] = None,
    annotator: Optional[str] = None,
    merge: Optional[str] = None,
    max_bad: float = MAX_BAD,
    overrides: Optional[Mapping[str, Any]] = None,
    use_gpu: int = -1,
    silent: bool = True,
) -> Suspects:
    """Find annotations that are probably wrong, by models that are trained on the other folds of a
    corpus. How they are ranked says `rank_suspects`. A call that was stopped continues.

    corpus_path (Path): The annotated file or folder, in any format that `convert` reads.
    output_path (Path): The directory of index.html, a page that shows the suspects,
        suspects.jsonl, with a line for each, predictions.jsonl, with what was found so far, and the
        tasks.
    config_path (Optional[Path]): The training config, with the language and the tokenizer. If None,
        config.cfg in the folder of the corpus, as `prepare` writes it, or else a small CNN.
    n_folds (int): The number of folds. Documents of one group or of the same text are in one fold.
    n_seeds (int): How many models to train for each fold; their probabilities are averaged.
    n_process (int): How many models to train at the same time, each by a process of one thread.
    to (Optional[str]): The format of tasks for an annotation tool, one of `WRITERS`: the texts of
        the suspects that are shown, in their order, in which what models propose is in the place of
        what is annotated. If None, no tasks are written.
    limit (int): The most suspects to show on the page and to write as tasks.
    corpus_format, level, offsets, text_key, tag_names, annotator, merge, max_bad: See `convert`.
    overrides (Optional[Mapping[str, Any]]): Settings of the config to replace.
    use_gpu (int): GPU ID or -1 for CPU.
    silent (bool): Whether to show no progress.
    RETURNS (Suspects): The suspects.
    RAISES (CorpusError): If an argument or the corpus is not as expected.
    RAISES (ValueError): If the config is not as expected.
    """
    if n_folds < 2 or n_seeds < 1 or n_process < 1:
        raise CorpusError("Expected at least two folds, one seed and one process")
    if n_process > 1 and (use_gpu >= 0 or "fork" not in get_all_start_methods()):
        raise CorpusError("Expected one process (--n-process) with a GPU, or on this system")
    if not corpus_path.exists():
        raise CorpusError(f"{printable(corpus_path)}: expected a file or a directory to read")
    # What `prepare` wrote, beside which accounts and the config lie.
    parts = sorted(corpus_path.glob("*.spacy"))
    writer = None if to is None else get_writer(to)
    outputs = [output_path / name for name in (PAGE_NAME, SUSPECTS_NAME, PREDICTIONS_NAME)]
    if writer is not None:
        tasks_path = get_tasks_path(output_path, writer)
        outputs += find_outputs(writer, tasks_path)
    check_not_among(outputs, parts or [corpus_path])
    if writer is not None:
        check_outputs(writer, [tasks_path])
    settings = {"training.max_steps": MAX_STEPS, **(overrides or {}), **NO_PATHS}
    config, nlp = load_training_config(config_path or _find_config(corpus_path), settings)
    if config["training"]["max_steps"] < 1:
        raise CorpusError("Expected a number of steps (--training.max_steps), which ends training")
    reading = Reading(
        offsets, level, text_key, tag_names, annotator=annotator, merge=merge, max_bad=max_bad
    )
    found, inputs = find_format(corpus_format, parts or [corpus_path])
    records = reading.read(found, inputs)
    check_records(records, [corpus_path], max_bad)
    records = [record for record in records if record.skipped is None and record.text.strip()]
    folds = assign_folds(records, n_folds)
    # Not of the config, which need not name what is the default.
    spans_key = nlp.config["components"][COMPONENT]["spans_key"]
    docs = [record_to_doc(nlp, record, spans_key)[0] for record in records]
    use_device(use_gpu)
    predictions = predict_folds(
        docs,
        folds,
        config,
        output_path / PREDICTIONS_NAME,
        name=corpus_path.name,
        spans_key=spans_key,
        n_seeds=n_seeds,
        n_process=n_process,
        use_gpu=use_gpu,
        silent=silent,
    )
    # All of it: docs lack what does not begin and end with a token.
    annotated = [{(e.start, e.end, e.label) for e in record.entities} for record in records]
    analyzed = [
        AnalyzedDoc(
            # Texts that come with tokens were given these.
            tokens=[
                token.text_with_ws for token in (nlp.make_doc(record.text) if record.words else doc)
            ],
            gold=gold,
            predicted={span for span, p in found.items() if p >= THRESHOLD},
            candidates=found,
            record_id=record.id,
            unjudged=gold - found.keys(),
        )
        for record, doc, gold, found in zip(records, docs, annotated, predictions, strict=True)
    ]
    words = WordIndex(analyzed)
    result = Suspects(
        analyzed,
        rank_suspects(analyzed, words),
        words.list_inconsistent(),
        sum(len(doc.gold) for doc in analyzed),
        sum(len(doc.unjudged) for doc in analyzed),
    )
    direction = nlp.vocab.writing_system["direction"]
    _write(result, output_path, corpus=printable(corpus_path), direction=direction, limit=limit)
    if writer is not None:
        tasks = make_tasks(records, analyzed, result.suspects[:limit])
        write_parts(writer, {tasks_path: hold_records(writer, tasks, nlp)}, MODEL)
    return result


def _write(result: Suspects, path: Path, *, corpus: str, direction: str, limit: int) -> None:
    docs, suspects = result.docs, result.suspects
    page = render_suspects(
        {
            "corpus": corpus,
            "docs": len(docs),
            "spans": result.n_spans,
            "unjudged": result.n_unjudged,
            "suspects": len(suspects),
            "confident": Counter(suspect.kind for suspect in suspects if suspect.is_confident),
            "labels": sorted({span[2] for doc in docs for span in doc.gold | doc.predicted}),
            "inconsistent": result.inconsistent,
            "examples": [show_suspect(docs[suspect.doc], suspect) for suspect in suspects[:limit]],
            "direction": direction,
        }
    )
    lines = [describe_suspect(docs[suspect.doc], suspect) for suspect in suspects]
    write_files(
        {
            path / PAGE_NAME: page.encode("utf8"),
            path / SUSPECTS_NAME: b"".join(map(encode_json_line, lines)),
        }
    )


def _find_config(corpus_path: Path) -> Path:
    """RETURNS (Path): The training config of a corpus, or else a small CNN."""
    path = corpus_path / "config.cfg"
    return path if path.exists() else TEMPLATES_PATH / "cnn.cfg"


def assign_folds(records: Sequence[Record], n_folds: int) -> List[int]:
    """Divide records at random, so that folds are about as large. Records of one group, or of the
    same text in any case and with any white space, are in one fold.

    records (Sequence[Record]): The records.
    n_folds (int): The number of folds.
    RETURNS (List[int]): The fold of each record.
    RAISES (CorpusError): If a fold would be empty.
    """
    leaders: Dict[str, str] = {}

    def find_leader(key: str) -> str:
        while leaders.setdefault(key, key) != key:
            key = leaders[key]
        return key

    for record in records:
        words = " ".join(record.text.split()).casefold()
        leaders[find_leader(f"words {words}")] = find_leader(record.document)
    parts: Dict[str, List[int]] = defaultdict(list)
    for index, record in enumerate(records):
        parts[find_leader(record.document)].append(index)
    if len(parts) < n_folds:
        raise CorpusError(f"Expected at least {n_folds} documents for as many folds")
    folds = np.zeros(len(records), dtype=np.int64)
    sizes = [0] * n_folds
    keys = list(parts)
    for position in np.random.default_rng(0).permutation(len(keys)).tolist():
        fold = sizes.index(min(sizes))
        folds[parts[keys[position]]] = fold
        sizes[fold] += len(parts[keys[position]])
    return folds.tolist()


def predict_folds(
    docs: Sequence[Doc],
    folds: Sequence[int],
    config: Config,
    path: Path,
    *,
    name: str,
    spans_key: str,
    n_seeds: int = 1,
    n_process: int = 1,
    use_gpu: int = -1,
    silent: bool = True,
) -> List[Probabilities]:
    """Predict each doc by models that are trained on the other folds.

    docs (Sequence[Doc]): The annotated docs.
    folds (Sequence[int]): The fold of each.
    config (Config): The training config.
    path (Path): The file of what was predicted so far, which need not exist.
    name (str): Name of the corpus.
    spans_key (str): Key of `Doc.spans` of the annotation.
    n_seeds (int): How many models to train for each fold.
    n_process (int): How many models to train at the same time.
    use_gpu (int): GPU ID or -1 for CPU.
    silent (bool): Whether to show no progress.
    RETURNS (List[Probabilities]): The mean probability of the likely candidates of each doc, and of
        each annotated span that is a candidate.
    """
    gold = [get_spans(doc, spans_key) for doc in docs]
    settings = _hash(config, docs, gold, folds)
    members = [np.flatnonzero(np.equal(folds, fold)).tolist() for fold in range(max(folds) + 1)]
    runs = {
        Run(name, len(docs) - len(own), f"fold {fold + 1} of {len(members)}", seed, settings): own
        for seed in range(n_seeds)
        for fold, own in enumerate(members)
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    results = read_results(path)

    def predict(_: int, run: Run) -> List[List[List[Any]]]:
        held_out = runs[run]
        others = [docs[index] for index in sorted({*range(len(docs))}.difference(held_out))]
        nlp = _train(config, others, seed=run.seed, use_gpu=use_gpu)
        found = predict_docs(
            nlp, [docs[index].text for index in held_out], [gold[index] for index in held_out]
        )
        return [[[*span, float(f"{p:.4g}")] for span, p in some.items()] for some in found]

    left = [run for run in runs if run not in results]
    done = run_local(predict, [*enumerate(left)], n_process=n_process, use_gpu=use_gpu)
    with closing(done), one_thread() if n_process > 1 else nullcontext():
        for number, spans in ProgressBar(done, total=len(left), disable=silent or None):
            run = left[number]
            results[run] = {**run._asdict(), **get_provenance(), "predictions": spans}
            append_result(path, results[run])
    predictions: List[Probabilities] = [{} for _ in docs]
    for run, own in runs.items():
        for index, spans in zip(own, results[run]["predictions"], strict=True):
            for start, end, label, p in spans:
                span = (start, end, label)
                predictions[index][span] = predictions[index].get(span, 0.0) + p / n_seeds
    return predictions


def _train(config: Config, docs: List[Doc], *, seed: int, use_gpu: int) -> Language:
    """Train for all steps of a config: no held-out document says when to stop."""
    steps = config["training"]["max_steps"]
    # Epochs would end it before the model is scored.
    settings = {"max_epochs": 0, "patience": 0, "eval_frequency": steps}
    config = config.merge({"training": settings})
    with make_tempdir() as path:
        config["paths"]["dev"] = str(path / "dev.spacy")
        FastDocBin(docs=docs[:N_SCORED]).to_disk(path / "dev.spacy")
        return train_docs(config, docs, seed=seed, use_gpu=use_gpu)


def predict_docs(
    nlp: Language, texts: Sequence[str], gold: Sequence[Collection[LabeledSpan]]
) -> List[Probabilities]:
    """Predict the probabilities of spans.

    nlp (Language): The pipeline.
    texts (Sequence[str]): The texts.
    gold (Sequence[Collection[LabeledSpan]]): The annotated spans of each.
    RETURNS (List[Probabilities]): The probability of the likely candidates of each text, and of
        each annotated span that is a candidate and whose label the pipeline has.
    """
    component = find_component(nlp, SpanCategorizer)
    columns = {label: column for column, label in enumerate(component.labels)}
    predictions: List[Probabilities] = []
    for docs, candidates, scores in predict_candidates(nlp, component, map(nlp.make_doc, texts)):
        likely = get_probabilities(component, docs, candidates, scores)
        to_numpy = component.model.ops.to_numpy
        scores = to_numpy(scores)
        rows = enumerate(map(tuple, to_numpy(candidates.dataXd).reshape((-1, 2)).tolist()))
        for doc, found, n_candidates in zip(docs, likely, to_numpy(candidates.lengths)):
            own = {bounds: row for row, bounds in islice(rows, int(n_candidates))}
            for start, end, label in gold[len(predictions)]:
                span = doc.char_span(start, end)
                row = own.get((span.start, span.end)) if span else None
                if row is not None and label in columns:
                    score = float(scores[row, columns[label]])
                    found.setdefault((start, end, label), score)
            predictions.append(found)
    return predictions


def get_tasks_path(output_path: Path, writer: Writer) -> Path:
    """RETURNS (Path): Where `find_suspects` writes tasks."""
    return output_path / f"tasks{writer.suffix}"


def make_tasks(
    records: Sequence[Record], docs: Sequence[AnalyzedDoc], suspects: Sequence[Suspect]
) -> List[Record]:
    """Make tasks for annotators: the texts of suspects, in the order of these, with what models
    propose in the place of what is annotated.

    records (Sequence[Record]): The records.
    docs (Sequence[AnalyzedDoc]): What models predict for each.
    suspects (Sequence[Suspect]): The suspects.
    RETURNS (List[Record]): The records, whose entities have the scores that models give them.
    """
    entities = {
        suspect.doc: {
            (item.start, item.end, item.label): item for item in records[suspect.doc].entities
        }
        for suspect in suspects
    }
    for suspect in suspects:
        if suspect.given is not None:
            del entities[suspect.doc][suspect.given]
        if suspect.proposed is not None:
            entities[suspect.doc][suspect.proposed] = Entity(*suspect.proposed)
    return [
        replace(
            records[index],
            entities=tuple(
                replace(own[span], score=docs[index].candidates.get(span)) for span in sorted(own)
            ),
        )
        for index, own in entities.items()
    ]


def _hash(
    config: Config,
    docs: Sequence[Doc],
    gold: Sequence[Sequence[LabeledSpan]],
    folds: Sequence[int],
) -> str:
    digest = sha256(hash_settings(config).encode())
    for doc, spans, fold in zip(docs, gold, folds):
        words = [token.text_with_ws for token in doc]
        digest.update(srsly.json_dumps([words, spans, fold]).encode("utf8"))
    return digest.hexdigest()[:16]
