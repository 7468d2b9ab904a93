"""Choose what to annotate next, with the gold part as the annotator.

python benchmarks/selection.py benchmarks/studies/selection --corpus maintie_level2

From 50 documents on, a model is trained, the strategy chooses 50 more with it, and so on. Random
choice, to compare with, goes further. The results are appended to rounds.jsonl, from which
RESULTS.md and the plots are made. A run that was stopped continues.
"""

from collections import Counter
from io import StringIO
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any, Dict, List, Optional

import numpy as np
import srsly
import torch
import typer
from spacy.tokens import DocBin
from spacy.training.initialize import init_nlp
from spacy.training.loop import DIR_MODEL_BEST, train
from spacy.util import load_model
from spacy.vocab import Vocab
from thinc.api import Config

from spacy_eiou.annotation import TextBatch, register_strategy, select
from spacy_eiou.annotation.strategies import Floats, score_uncertainty
from spacy_eiou.corpora.docbin import read_docs
from spacy_eiou.files import write_file
from spacy_eiou.provenance import get_provenance
from spacy_eiou.spans import get_spans
from spacy_eiou.studies import Result, Study, StudyCorpus, Variant
from spacy_eiou.studies.compare import append_result, score
from spacy_eiou.studies.comparison import group_by, plot_learning_curves
from spacy_eiou.studies.study import COMPONENT, make_variant_config
from spacy_eiou.tables import format_mean, markdown_table

# The widest candidate of each corpus, and the most training documents to choose from.
CORPORA = {"maintie_level2": (4, 860), "genia": (12, 3000), "spoken_hpg": (14, 700)}
SEEDS = (0, 1, 2)
# A label is rare if it has fewer training examples.
N_RARE = 5
# What is told of the texts that are chosen: the number, its unit, and the title.
CHOSEN = (
    ("errors", "words", "errors a word"),
    ("errors", "texts", "errors a text"),
    ("rare_spans", "texts", "rare spans a text"),
    ("spans", "texts", "spans a text"),
    ("words", "texts", "words a text"),
)
N_FIRST = N_ROUND = 50
N_RANDOM = 300
N_OTHERS = 200
TRAINING = {"max_steps": 300, "eval_frequency": 300}
DESCRIPTION = f"""\
# Choosing what to annotate next

The gold part of a corpus is the annotator. A model is trained on {N_FIRST} documents, the strategy
chooses {N_ROUND} more with it, and so on; random choice goes further, to compare with. The CNN of
configs/cnn.cfg, {TRAINING["max_steps"]} steps. Micro / macro F, times 100: mean and standard
deviation over the seeds, each of which draws the first documents and the initial weights.

*Uncertainty per text* is the score of `uncertainty` times the number of words: what is expected in
the whole text. Errors are those that the model makes in the texts that are chosen with it. Rare are
spans of labels with fewer than {N_RARE} examples in the documents so far.
"""
STRATEGIES = (
    "random",
    "combined",
    "combined_per_word",
    "uncertainty per text",
    "uncertainty",
    "longest",
    "entropy",
    "least confidence",
    "rare",
    "diversity",
)


@register_strategy("longest")
def score_longest(batch: TextBatch) -> Floats:
    return batch.n_words.astype("d")


@register_strategy("entropy")
def score_entropy(batch: TextBatch) -> Floats:
    """The mean entropy of the decisions on candidates and labels."""
    (found,) = batch.predictions
    p = np.clip(found.probabilities, 1e-6, 1 - 1e-6)
    entropies = -(p * np.log(p) + (1 - p) * np.log(1 - p)).sum(axis=1)
    total, n_candidates = np.zeros(len(batch.texts)), np.zeros(len(batch.texts))
    np.add.at(total, found.texts, entropies)
    np.add.at(n_candidates, found.texts, 1)
    return total / np.maximum(n_candidates, 1)


@register_strategy("least confidence")
def score_least_confidence(batch: TextBatch) -> Floats:
    """One minus the confidence of the least confident decision."""
    (found,) = batch.predictions
    doubts = np.minimum(found.probabilities, 1 - found.probabilities).max(axis=1)
    scores = np.zeros(len(batch.texts))
    np.maximum.at(scores, found.texts, doubts)
    return scores


@register_strategy("uncertainty per text")
def score_uncertainty_per_text(batch: TextBatch) -> Floats:
    return score_uncertainty(batch) * batch.n_words


def main(
    output_path: Path = typer.Argument(..., help="Folder for rounds.jsonl and RESULTS.md"),
    corpora: List[str] = typer.Option([], "--corpus", help="Corpora. Defaults to all"),
    strategies: List[str] = typer.Option([], "--strategy", help="Strategies. Defaults to all"),
    seeds: List[int] = typer.Option([], "--seed", help="Seeds. Defaults to all"),
    n_rounds: Optional[int] = typer.Option(
        None, "--rounds", help="The most rounds. With 1, nothing is trained on what was chosen"
    ),
    project_path: Path = typer.Option(".", "--project", "-p", help="Directory of project.yml"),
) -> None:
    """
    Compare strategies of choosing what to annotate next.
    """
    output_path.mkdir(parents=True, exist_ok=True)
    results_path = output_path / "rounds.jsonl"
    for corpus in corpora or CORPORA:
        for seed in seeds or SEEDS:
            simulation = Simulation(corpus, seed, project_path)
            for strategy in strategies or STRATEGIES:
                done = [
                    result
                    for result in read_results(results_path)
                    if (result["corpus"], result["seed"]) == (corpus, seed)
                ]
                if any(result["variant"] == strategy for result in done):
                    continue
                for result in simulation.run(strategy, n_rounds):
                    append_result(results_path, result)
    write_report(read_results(results_path), output_path)


def read_results(path: Path) -> List[Result]:
    """RETURNS (List[Result]): The results so far."""
    return list(srsly.read_jsonl(path)) if path.exists() else []


def write_report(results: List[Result], output_path: Path) -> None:
    """Write RESULTS.md, and a plot for each corpus.

    results (List[Result]): The results.
    output_path (Path): The directory.
    """
    parts = [DESCRIPTION]
    for corpus, corpus_results in group_by("corpus", results).items():
        parts.append(f"## {corpus}\n")
        if len(group_by("size", corpus_results)) > 1:
            plot_learning_curves(corpus_results, output_path / f"{corpus}.svg")
            parts.append(f"![F-score by number of documents]({corpus}.svg)\n")
            for part, title in (("test", "Test part"), ("dev", "Dev part")):
                parts.append(f"{title}:\n\n{format_table(corpus_results, part)}")
        parts.append(f"What is chosen in the first round:\n\n{format_chosen(corpus_results)}")
    write_file(output_path / "RESULTS.md", "\n".join(parts).encode("utf8"))


def format_table(results: List[Result], part: str) -> str:
    """RETURNS (str): Micro and macro F of each strategy and number of documents, and how many words
    the last documents have."""
    sizes = sorted(group_by("size", results))
    rows = []
    for strategy, own in group_by("variant", results).items():
        by_size = group_by("size", own)
        scores = [format_scores(by_size.get(size, []), part) for size in sizes]
        last = by_size[max(by_size)]
        words = mean(result["n_words"] / result["size"] for result in last)
        seeds = len(group_by("seed", own))
        rows.append([strategy, str(seeds), *scores, f"{words:.1f}"])
    header = ["strategy", "seeds", *(f"{size} documents" for size in sizes), "words a document"]
    return markdown_table(header, rows)


def format_chosen(results: List[Result]) -> str:
    """RETURNS (str): What each strategy chooses with the first model."""
    rows = []
    first = [result for result in results if result["size"] == N_FIRST]
    for strategy, own in group_by("variant", first).items():
        chosen = [result["chosen"] for result in own]
        rates = [[numbers[name] / numbers[unit] for numbers in chosen] for name, unit, _ in CHOSEN]
        cells = [format_mean(some, digits=2) for some in rates]
        rows.append([strategy, str(len(chosen)), *cells])
    return markdown_table(["strategy", "seeds", *(title for *_, title in CHOSEN)], rows)


def format_scores(results: List[Result], part: str) -> str:
    """RETURNS (str): Micro and macro F: means, with deviations if there are several seeds."""
    values = [[100 * result[part][name] for result in results] for name in ("f", "macro_f")]
    return " / ".join(format_mean(some) for some in values if some)


class Simulation:
    """An annotator who knows the gold spans of a corpus.

    corpus (str): Name of the corpus.
    seed (int): Draws the first documents and the weights.
    project_path (Path): The directory of project.yml.
    """

    def __init__(self, corpus: str, seed: int, project_path: Path) -> None:
        self.corpus = corpus
        self.seed = seed
        max_width, n_docs = CORPORA[corpus]
        study = Study(
            config="configs/cnn.cfg",
            corpora={corpus: StudyCorpus(sizes=[N_FIRST], max_width=max_width)},
            seeds=[seed],
            variants={COMPONENT: Variant(factory=COMPONENT)},
            baseline=COMPONENT,
            training=TRAINING,
        )
        self.config = make_variant_config(study, corpus, COMPONENT, project_path)
        self.parts = project_path / "corpus" / corpus
        docs = list(read_docs(self.parts / "train.spacy", Vocab()))
        order = np.random.default_rng(seed).permutation(len(docs))[:n_docs]
        self.docs = {docs[index].user_data["record_id"]: docs[index] for index in order}
        self.folder = TemporaryDirectory()
        self.first: Optional[Path] = None

    def run(self, strategy: str, n_rounds: Optional[int] = None) -> List[Result]:
        """RETURNS (List[Result]): The scores in each round of a strategy, and what it chose."""
        n_last = N_RANDOM if strategy == "random" else N_OTHERS
        ids = list(self.docs)[:N_FIRST]
        folder = Path(self.folder.name) / strategy
        folder.mkdir()
        texts, known = folder / "texts.jsonl", folder / "known.jsonl"
        srsly.write_jsonl(texts, ({"id": key, "text": doc.text} for key, doc in self.docs.items()))
        # The same for all strategies.
        self.first = self.first or self._train(ids, Path(self.folder.name) / "first")
        model = self.first
        results: List[Result] = []
        while len(ids) < n_last and len(results) != n_rounds:
            srsly.write_jsonl(known, ({"text": self.docs[key].text} for key in ids))
            selection = select(
                str(model),
                texts,
                folder / "selected.jsonl",
                n=N_ROUND,
                strategy=strategy,
                random_share=0,
                exclude=[known],
                seed=self.seed,
                force=True,
            )
            chosen = self._describe(selection.texts, ids)
            results.append({**self._score(strategy, ids, model), "chosen": chosen})
            ids = [*ids, *(text["id"] for text in selection.texts)]
            if len(results) != n_rounds:
                model = self._train(ids, folder / "model")
        return (
            results if len(results) == n_rounds else [*results, self._score(strategy, ids, model)]
        )

    def _describe(self, chosen: List[Dict[str, Any]], ids: List[str]) -> Dict[str, int]:
        """RETURNS (Dict[str, int]): The numbers of words and spans in the texts that were chosen,
        of errors that the model makes there, and of spans of rare labels, by the documents so
        far."""
        known = Counter(label for key in ids for *_, label in get_spans(self.docs[key], "sc"))
        docs = [self.docs[text["id"]] for text in chosen]
        gold = [set(get_spans(doc, "sc")) for doc in docs]
        predicted = [
            {(span["start"], span["end"], span["label"]) for span in text["spans"]}
            for text in chosen
        ]
        return {
            "texts": len(docs),
            "words": sum(map(len, docs)),
            "spans": sum(map(len, gold)),
            "errors": sum(len(one ^ other) for one, other in zip(gold, predicted)),
            "rare_spans": sum(known[label] < N_RARE for spans in gold for *_, label in spans),
        }

    def _train(self, ids: List[str], folder: Path) -> Path:
        folder.mkdir(exist_ok=True)
        config: Config = self.config.copy()
        config["system"]["seed"] = self.seed
        config["paths"]["train"] = str(folder / "train.spacy")
        DocBin(docs=[self.docs[key] for key in ids]).to_disk(folder / "train.spacy")
        train(init_nlp(config), folder, stdout=StringIO(), stderr=StringIO())
        return folder / DIR_MODEL_BEST

    def _score(self, strategy: str, ids: List[str], model: Path) -> Result:
        nlp = load_model(model)
        docs = [self.docs[key] for key in ids]
        result = {
            "corpus": self.corpus,
            "seed": self.seed,
            "variant": strategy,
            "size": len(ids),
            "n_words": sum(map(len, docs)),
            "n_spans": sum(len(doc.spans["sc"]) for doc in docs),
        }
        for part in ("dev", "test"):
            scores, _ = score(nlp, self.parts / f"{part}.spacy")
            result[part] = {name: scores[name] for name in ("f", "macro_f", "p", "r")}
        return {**result, "ids": ids, **get_provenance(threads=torch.get_num_threads())}


if __name__ == "__main__":
    typer.run(main)
