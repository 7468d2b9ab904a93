import os
import warnings
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import srsly
import torch
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training.initialize import init_nlp
from spacy.training.loop import DIR_MODEL_BEST, train
from spacy.util import load_model, make_tempdir
from spacy.vocab import Vocab
from thinc.api import Config

from ..corpora import PARTS
from ..corpora.docbin import FastDocBin, read_docs
from ..files import accepts_strings, write_file, write_json
from ..pipeline import nested_spans_score
from ..pipeline.checksums import hash_file
from ..pipeline.loading import use_device
from ..pipeline.prediction import read_examples
from ..progress import ProgressBar
from ..provenance import describe_code, get_provenance, hash_code
from ..spans.scores import select_scores
from .comparison import Result, format_comparison, group_by, plot_learning_curves
from .study import (
    COMPONENT,
    Run,
    Study,
    hash_settings,
    list_runs,
    locate_transformer,
    make_variant_config,
)


@accepts_strings
def compare(
    study_path: Path,
    output_path: Path,
    *,
    project_path: Path = Path("."),
    report_only: bool = False,
    use_gpu: int = -1,
    silent: bool = True,
) -> List[Result]:
    """Train and score the variants of a study, and write tables and plots of their scores. Results
    that are there already are kept. A warning tells of those that are missing, and of those of
    other settings, other data or other code.

    study_path (Path): The description of the study, see `Study`.
    output_path (Path): The directory of results.jsonl, subsets.json, RESULTS.md and the plots.
    project_path (Path): The directory of project.yml, with the corpora in corpus/.
    report_only (bool): Whether to train nothing.
    use_gpu (int): GPU ID or -1 for CPU.
    silent (bool): Whether to show no progress.
    RETURNS (List[Result]): The results of the study so far, see `studies.comparison`.
    RAISES (ValueError): If the study, the training data or the results are not as expected.
    RAISES (FileNotFoundError): If a corpus is not converted.
    """
    study = Study.read(study_path)
    configs = {
        (corpus, variant): make_variant_config(study, corpus, variant, project_path)
        for corpus in study.corpora
        for variant in study.variants
    }
    runs = list_runs(study, {key: hash_settings(config) for key, config in configs.items()})
    results_path = output_path / "results.jsonl"
    results = read_results(results_path)
    missing = [run for run in runs if run not in results]
    if missing and report_only:
        warnings.warn(
            f"{len(missing)} of {len(runs)} runs are missing from {results_path}", stacklevel=3
        )
    elif missing:
        subsets = draw_subsets(study, project_path)
        write_json(output_path / "subsets.json", _get_record_ids(subsets))
        use_device(use_gpu)
        progress = ProgressBar(missing, disable=silent or None)
        for run in progress:
            progress.set_description(f"{run.corpus} {run.size} {run.variant} seed {run.seed}")
            docs = subsets[run.corpus][run.seed][: run.size]
            results[run] = train_run(run, configs[run.corpus, run.variant], docs, use_gpu=use_gpu)
            append_result(results_path, results[run])
    found = [results[run] for run in runs if run in results]
    if len(results) > len(found):
        warnings.warn(
            f"{len(results) - len(found)} results of other settings are not reported", stacklevel=3
        )
    _warn_of_other_data(found, project_path)
    write_report(study, found, output_path)
    return found


def draw_subsets(study: Study, project_path: Path) -> Dict[str, Dict[int, List[Doc]]]:
    """Draw the training documents. The first n of them are the subset of size n, so that each
    subset holds the smaller ones.

    study (Study): The study.
    project_path (Path): The directory of project.yml.
    RETURNS (Dict[str, Dict[int, List[Doc]]]): For each corpus and seed, as many documents as the
        largest subset needs, in the order drawn.
    RAISES (FileNotFoundError): If a corpus is not converted.
    RAISES (ValueError): If a corpus has too few documents, or one has no record id.
    """
    subsets: Dict[str, Dict[int, List[Doc]]] = {}
    for name, corpus in study.corpora.items():
        paths = [project_path / "corpus" / name / f"{part}.spacy" for part in PARTS]
        for path in paths:
            if not path.exists():
                raise FileNotFoundError(
                    f"Can't find {path}. Make it with: python -m spacy eiou prepare "
                    f"{project_path / 'configs' / 'corpora' / name}.yml {path.parent} "
                    f"--config {project_path / study.config} --assets {project_path / 'assets'}"
                )
        docs = list(read_docs(paths[0], Vocab()))
        if len(docs) < max(corpus.sizes):
            raise ValueError(
                f"{paths[0]}: expected at least {max(corpus.sizes)} documents, found {len(docs)}"
            )
        if any("record_id" not in doc.user_data for doc in docs):
            raise ValueError(f"{paths[0]}: expected record ids, as `eiou convert` writes them")
        subsets[name] = {}
        for seed in study.seeds:
            order = np.random.default_rng(seed).permutation(len(docs))
            subsets[name][seed] = [docs[index] for index in order[: max(corpus.sizes)]]
    return subsets


def _get_record_ids(
    subsets: Dict[str, Dict[int, List[Doc]]],
) -> Dict[str, Dict[int, List[str]]]:
    return {
        corpus: {seed: [doc.user_data["record_id"] for doc in docs] for seed, docs in seeds.items()}
        for corpus, seeds in subsets.items()
    }


def train_run(run: Run, config: Config, docs: List[Doc], *, use_gpu: int = -1) -> Result:
    """Train a variant and score the model that is best on the dev part.

    run (Run): The run.
    config (Config): The training config of the variant.
    docs (List[Doc]): The training documents.
    use_gpu (int): GPU ID or -1 for CPU.
    RETURNS (Result): The result.
    """
    nlp = train_docs(locate_transformer(config), docs, seed=run.seed, use_gpu=use_gpu)
    return score_run(run, nlp, Path(config["paths"]["dev"]), use_gpu=use_gpu)


def train_docs(config: Config, docs: List[Doc], *, seed: int, use_gpu: int = -1) -> Language:
    """Train a pipeline, and leave nothing on the disk.

    config (Config): The training config.
    docs (List[Doc]): The training documents.
    seed (int): The random seed.
    use_gpu (int): GPU ID or -1 for CPU.
    RETURNS (Language): The pipeline that is best on the dev part.
    """
    config = config.copy()
    config["system"]["seed"] = seed
    with make_tempdir() as path:
        config["paths"]["train"] = str(path / "train.spacy")
        FastDocBin(docs=docs).to_disk(path / "train.spacy")
        nlp = init_nlp(config, use_gpu=use_gpu)
        train(nlp, path, use_gpu=use_gpu, stdout=StringIO(), stderr=StringIO())
        return load_model(path / DIR_MODEL_BEST)


def score_run(run: Run, nlp: Language, dev_path: Path, *, use_gpu: int = -1) -> Result:
    """Score what a run has trained.

    run (Run): The run.
    nlp (Language): The pipeline.
    dev_path (Path): The dev part, dev.spacy. The other parts lie beside it.
    use_gpu (int): The GPU that it was trained on, or -1 for CPU.
    RETURNS (Result): The result.
    """
    gpu = torch.cuda.get_device_name(use_gpu) if use_gpu >= 0 else None
    dev_scores, _ = score(nlp, dev_path)
    test_scores, test_counts = score(nlp, dev_path.with_name("test.spacy"))
    return {
        **run._asdict(),
        **get_provenance(threads=torch.get_num_threads(), gpu=gpu),
        "data": hash_corpus(dev_path.parent),
        "dev": dev_scores,
        "test": test_scores,
        "test_counts": test_counts,
    }


def hash_corpus(path: Path) -> Optional[str]:
    """Hash the files of a corpus, train.spacy, dev.spacy and test.spacy.

    path (Path): The directory of the files.
    RETURNS (Optional[str]): 16 hexadecimal digits. None if a file is missing.
    """
    paths = [path / f"{part}.spacy" for part in PARTS]
    if not all(part.exists() for part in paths):
        return None
    return sha256("".join(map(hash_file, paths)).encode()).hexdigest()[:16]


def score(nlp: Language, path: Path) -> Tuple[Dict[str, Any], List[List[int]]]:
    """Score a pipeline.

    nlp (Language): The pipeline.
    path (Path): The annotated documents, a .spacy file.
    RETURNS (Tuple[Dict[str, Any], List[List[int]]]): The scores of `score_spans`, and the numbers
        of gold, predicted and correct spans of each document, zeros if it is not annotated.
    """
    examples = read_examples(path, nlp)
    for example, doc in zip(examples, nlp.pipe([example.predicted for example in examples])):
        example.predicted = doc
    key = nlp.config["components"][COMPONENT]["spans_key"]
    counts = []
    for example in examples:
        scores = select_scores(nested_spans_score([example], spans_key=key), key)
        counts.append([scores[name] or 0 for name in ("gold", "predicted", "correct")])
    return select_scores(nested_spans_score(examples, spans_key=key), key), counts


def read_results(path: Path) -> Dict[Run, Result]:
    """Read the results of earlier calls. If a call was killed as it wrote, the rest of a line that
    it left is cut off, with a warning.

    path (Path): The file, which need not exist.
    RETURNS (Dict[Run, Result]): The results.
    RAISES (ValueError): If a line is no result.
    """
    data = path.read_bytes() if path.exists() else b""
    end = data.rfind(b"\n") + 1
    if end < len(data):
        warnings.warn(
            f"Dropped the unfinished last line of {path}: its run is missing", stacklevel=2
        )
        write_file(path, data[:end])
    results = {}
    for number, line in enumerate(data[:end].decode("utf8").splitlines(), start=1):
        try:
            result = srsly.json_loads(line)
            results[Run(*(result[name] for name in Run._fields))] = result
        except (ValueError, KeyError, TypeError) as err:
            raise ValueError(f"{path}, line {number}: expected a result in JSON ({err})") from err
    return results


def append_result(path: Path, result: Result) -> None:
    """Append a result to a file as one line, which is on the disk when this returns.

    path (Path): The file.
    result (Result): The result.
    """
    with path.open("ab") as file_:
        file_.write(srsly.json_dumps(result).encode("utf8") + b"\n")
        file_.flush()
        os.fsync(file_.fileno())


def write_report(study: Study, results: List[Result], output_path: Path) -> None:
    """Write the tables to RESULTS.md, and if matplotlib is installed one plot per corpus. Warns of
    results that are not of today's code.

    study (Study): The study.
    results (List[Result]): The results.
    output_path (Path): The directory.
    """
    _warn_of_other_code(results)
    tables = format_comparison(results, study.baseline, study.description)
    write_file(output_path / "RESULTS.md", tables.encode("utf8"))
    try:
        for corpus, corpus_results in group_by("corpus", results).items():
            plot_learning_curves(corpus_results, output_path / f"{corpus}.svg")
    except ImportError:
        warnings.warn(
            "Plotted nothing: matplotlib is missing. Try: pip install 'spacy-eiou[compare]'",
            stacklevel=4,
        )


def _warn_of_other_data(results: List[Result], project_path: Path) -> None:
    for corpus, corpus_results in group_by("corpus", results).items():
        today = hash_corpus(project_path / "corpus" / corpus)
        # Those that are older than this note may be of any data.
        known = {today, *(result.get("data") for result in corpus_results)} - {None}
        if len(known) > 1:
            warnings.warn(
                f"Some results of '{corpus}' are of other data than {today or 'the rest'}, see "
                "'data' in results.jsonl. To train them again, remove their lines",
                stacklevel=4,
            )


def _warn_of_other_code(results: List[Result]) -> None:
    known = [result["code"] for result in results if "code" in result]
    if len(known) < len(results):
        warnings.warn(
            f"{len(results) - len(known)} of {len(results)} results do not say which code they are "
            "of. It may be other code than today's",
            stacklevel=5,
        )
    n_others = len(known) - known.count(hash_code())
    if n_others:
        warnings.warn(
            f"{n_others} of {len(results)} results are of other code than today's "
            f"({describe_code(get_provenance())}), see the column 'code' of RESULTS.md. To train "
            "them again, remove their lines from results.jsonl",
            stacklevel=5,
        )
