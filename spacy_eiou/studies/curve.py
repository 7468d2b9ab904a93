"""What more annotated documents would give, by a power law."""

from hashlib import sha256
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

import numpy as np
from numpy.typing import NDArray
from spacy.vocab import Vocab
from thinc.api import Config

from ..corpora import CorpusError
from ..corpora.docbin import read_docs
from ..files import accepts_strings, write_json
from ..pipeline.loading import use_device
from ..progress import ProgressBar
from ..provenance import get_provenance
from .compare import append_result, read_results, score, train_docs
from .comparison import Result
from .study import COMPONENT, Run, hash_settings, load_training_config

SHARES = (0.25, 0.5, 0.75, 1.0)
# The exponents of the power law among which the best one is searched. Smaller ones fit a few sizes
# as well, and promise more than comes (benchmarks/studies/forecast).
MIN_EXPONENT, MAX_EXPONENT, EXPONENT_STEP = 0.75, 2.0, 0.05
N_RESAMPLES = 500
# What a gain in F has to be to matter.
MIN_GAIN = 0.01
# Labels with fewer gold spans in the dev part have no forecast.
MIN_SPANS = 10
SCORES = ("f", "macro_f")

Floats = NDArray[np.float64]


class Forecast(NamedTuple):
    """What more documents would give.

    now (float): The F-score of the power law with all documents.
    then (float): That with twice as many.
    low (float): The lower end of the 95 % interval of the gain.
    high (float): Its upper end.
    """

    now: float
    then: float
    low: float
    high: float

    @property
    def gain(self) -> float:
        """The difference of the two F-scores."""
        return self.then - self.now

    @property
    def advice(self) -> str:
        """Whether to annotate more, as far as it can be told."""
        if self.low >= MIN_GAIN:
            return "annotate more"
        if self.high < MIN_GAIN:
            return "more data won't help"
        return "can't tell"


class Curve(NamedTuple):
    """A learning curve.

    sizes (List[int]): The numbers of documents.
    target (int): The number of documents of the forecasts, twice as many as there are.
    scores (Dict[str, Dict[int, List[float]]]): The micro ("f") and macro F ("macro_f") on the dev
        part, of each seed, by number of documents.
    forecasts (Dict[str, Forecast]): The forecasts of these.
    labels (Dict[str, Forecast]): The forecast of the F-score of each label that has enough gold
        spans in the dev part, the greatest gain first.
    """

    sizes: List[int]
    target: int
    scores: Dict[str, Dict[int, List[float]]]
    forecasts: Dict[str, Forecast]
    labels: Dict[str, Forecast]

    def to_dict(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): The curve as JSON can hold it."""
        return {
            "sizes": self.sizes,
            "target": self.target,
            "scores": self.scores,
            **{
                name: {
                    key: {**found._asdict(), "gain": found.gain, "advice": found.advice}
                    for key, found in forecasts.items()
                }
                for name, forecasts in (("forecasts", self.forecasts), ("labels", self.labels))
            },
        }


@accepts_strings
def curve(
    corpus_path: Path,
    output_path: Path,
    *,
    config_path: Optional[Path] = None,
    shares: Sequence[float] = SHARES,
    n_seeds: int = 3,
    overrides: Optional[Mapping[str, Any]] = None,
    use_gpu: int = -1,
    silent: bool = True,
) -> Curve:
    """Train on parts of a corpus, each of which holds the smaller ones, and tell from the scores on
    the dev part what twice the documents would give. A call that was stopped continues.

    corpus_path (Path): A directory with train.spacy, dev.spacy and config.cfg, as `prepare` writes
        it.
    output_path (Path): The directory of results.jsonl, with a line for each training, and of
        curve.json.
    config_path (Optional[Path]): The training config. If None, the one of the corpus.
    shares (Sequence[float]): The shares of the documents to train on, at least three.
    n_seeds (int): How often to train on each, with other documents and initial weights; at least
        two.
    overrides (Optional[Mapping[str, Any]]): Settings of the config to replace.
    use_gpu (int): GPU ID or -1 for CPU.
    silent (bool): Whether to show no progress.
    RETURNS (Curve): The scores, and the forecasts.
    RAISES (CorpusError): If an argument or the corpus is not as expected.
    RAISES (ValueError): If the config is not as expected.
    """
    if len({*shares}) < 3 or not all(0 < share <= 1 for share in shares) or n_seeds < 2:
        raise CorpusError(
            "Expected at least three shares of the documents, from 0 to 1, and two seeds, since a "
            "power law is fitted to their scores"
        )
    paths = {f"paths.{part}": str(corpus_path / f"{part}.spacy") for part in ("train", "dev")}
    config_path = config_path or corpus_path / "config.cfg"
    for path in (config_path, *map(Path, paths.values())):
        if not path.exists():
            raise CorpusError(f"{path}: expected a file. `eiou prepare` writes it")
    config, nlp = load_training_config(config_path, {**(overrides or {}), **paths})
    docs = list(read_docs(Path(paths["paths.train"]), Vocab()))
    sizes = sorted({round(share * len(docs)) for share in shares})
    if len(sizes) < 3 or sizes[0] < 1:
        raise CorpusError(f"{paths['paths.train']}: expected more documents than {len(docs)}")
    spans_key = nlp.config["components"][COMPONENT]["spans_key"]
    dev_docs = read_docs(Path(paths["paths.dev"]), Vocab())
    if not any(len(doc.spans.get(spans_key, [])) for doc in dev_docs):
        raise CorpusError(f"{paths['paths.dev']}: expected spans under '{spans_key}' to score on")
    settings = _hash(config, [Path(path) for path in paths.values()])
    runs = [
        Run(corpus_path.name, size, "curve", seed, settings)
        for seed in range(n_seeds)
        for size in sizes
    ]
    output_path.mkdir(parents=True, exist_ok=True)
    use_device(use_gpu)
    results = read_results(output_path / "results.jsonl")
    for run in ProgressBar([run for run in runs if run not in results], disable=silent or None):
        order = np.random.default_rng(run.seed).permutation(len(docs))[: run.size]
        nlp = train_docs(config, [docs[index] for index in order], seed=run.seed, use_gpu=use_gpu)
        dev, _ = score(nlp, Path(paths["paths.dev"]))
        results[run] = {**run._asdict(), **get_provenance(), "dev": dev}
        append_result(output_path / "results.jsonl", results[run])
    found = describe_curve([results[run] for run in runs], target=2 * len(docs))
    write_json(output_path / "curve.json", found.to_dict())
    return found


def describe_curve(results: Sequence[Result], *, target: int) -> Curve:
    """Fit power laws to scores.

    results (Sequence[Result]): Of each training the "size" and the scores as "dev".
    target (int): The number of documents of the forecast, twice as many as there are.
    RETURNS (Curve): The scores and the forecasts.
    """
    sizes = np.array([result["size"] for result in results])
    scores = {
        name: {
            size: [float(result["dev"][name]) for result in results if result["size"] == size]
            for size in sorted({*sizes.tolist()})
        }
        for name in SCORES
    }
    per_type = results[0]["dev"]["per_type"] or {}
    labels = {
        label: forecast(
            sizes, np.array([_get_f(result, label) for result in results]), target=target
        )
        for label, row in per_type.items()
        if row["gold"] >= MIN_SPANS
    }
    return Curve(
        sorted({*sizes.tolist()}),
        target,
        scores,
        {
            name: forecast(
                sizes, np.array([result["dev"][name] for result in results]), target=target
            )
            for name in SCORES
        },
        dict(sorted(labels.items(), key=lambda item: -item[1].gain)),
    )


def forecast(sizes: NDArray[np.int64], scores: Floats, *, target: int) -> Forecast:
    """Tell what a score would be with twice the documents. The interval is that of a parametric
    bootstrap: the power law is fitted again to scores that are drawn around it, with the deviation
    that the scores of one size have.

    sizes (NDArray[np.int64]): The number of documents of each training, shape (n,).
    scores (Floats): Its score, shape (n,).
    target (int): The number of documents of the forecast, twice as many as there are.
    RETURNS (Forecast): The forecast.
    """
    if not scores.any():
        # Nothing is learned yet, which doesn't say how much it takes.
        return Forecast(now=0.0, then=0.0, low=0.0, high=1.0)
    # Each training may have had fewer documents than there are.
    ends = np.array([round(target / 2), target])
    law = fit_power_law(sizes, scores)
    now, then = law(ends)
    groups = [scores[sizes == size] for size in np.unique(sizes)]
    squares = sum(float(((group - group.mean()) ** 2).sum()) for group in groups)
    deviation = (squares / max(len(scores) - len(groups), 1)) ** 0.5
    rng = np.random.default_rng(0)
    fitted = law(sizes)
    gains = [
        float(np.diff(fit_power_law(sizes, fitted + noise)(ends))[0])
        for noise in rng.normal(0, deviation, (N_RESAMPLES, len(scores)))
    ]
    low, high = np.quantile(gains, [0.025, 0.975])
    return Forecast(float(now), float(then), float(low), float(high))


class PowerLaw(NamedTuple):
    """An F-score of `1 - error - factor * size ** -exponent`, in which neither error nor factor is
    below 0."""

    error: float
    factor: float
    exponent: float

    def __call__(self, sizes: NDArray[np.int64]) -> Floats:
        """RETURNS (Floats): The F-score with so many documents, shape (n,)."""
        return 1 - self.error - self.factor * sizes.astype("d") ** -self.exponent


def fit_power_law(
    sizes: NDArray[np.int64], scores: Floats, *, min_exponent: float = MIN_EXPONENT
) -> PowerLaw:
    """Fit a power law to scores, by least squares.

    sizes (NDArray[np.int64]): The numbers of documents, shape (n,).
    scores (Floats): The F-scores, shape (n,).
    min_exponent (float): The smallest exponent to try.
    RETURNS (PowerLaw): The power law.
    """
    errors = 1 - scores
    n_exponents = round((MAX_EXPONENT - min_exponent) / EXPONENT_STEP) + 1
    exponents = np.linspace(min_exponent, MAX_EXPONENT, n_exponents)
    # One row for each exponent.
    powers = sizes.astype("d") ** -exponents[:, None]
    centered = powers - powers.mean(axis=1, keepdims=True)
    factors = np.maximum(centered @ (errors - errors.mean()) / (centered**2).sum(axis=1), 0)
    constants = errors.mean() - factors * powers.mean(axis=1)
    # Where the best constant is below 0, the best line goes through 0.
    through_zero = powers @ errors / (powers**2).sum(axis=1)
    factors = np.where(constants < 0, through_zero, factors)
    constants = np.maximum(constants, 0)
    misses = ((constants[:, None] + factors[:, None] * powers - errors) ** 2).sum(axis=1)
    best = int(misses.argmin())
    return PowerLaw(float(constants[best]), float(factors[best]), float(exponents[best]))


def _get_f(result: Result, label: str) -> float:
    return float((result["dev"]["per_type"] or {}).get(label, {}).get("f") or 0)


def _hash(config: Config, paths: Sequence[Path]) -> str:
    digest = sha256(hash_settings(config).encode())
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
