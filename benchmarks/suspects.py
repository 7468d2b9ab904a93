"""Damage annotations, and see whether `suspects` finds them.

python benchmarks/suspects.py benchmarks/studies/suspects --corpus maintie

Of the training spans of a corpus, 5 % are dropped, moved by a token, relabelled or invented. Of
the suspects, as many as were damaged are looked at. The damage is in CORPUS_SEED_damage.json, the
results in runs.jsonl, from which RESULTS.md is made. A run that was stopped continues.
"""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Set, Tuple

import numpy as np
import srsly
import torch
import typer
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from spacy_eiou.corpora.docbin import FastDocBin, read_docs
from spacy_eiou.evaluation.suspects import Suspect, describe_suspect, log_odds, take_turns
from spacy_eiou.files import write_file, write_json
from spacy_eiou.provenance import get_provenance
from spacy_eiou.spans import LabeledSpan
from spacy_eiou.studies import Result, Suspects, find_suspects
from spacy_eiou.studies.compare import append_result
from spacy_eiou.studies.comparison import group_by
from spacy_eiou.tables import markdown_table

# The most documents of each corpus, and the steps of training.
CORPORA = {"maintie": (10_000, 300), "maintie_level2": (10_000, 300), "genia": (4000, 1600)}
SHARE = 0.05
KINDS = ("dropped", "moved", "relabelled", "invented")
SPANS_KEY = "sc"
RANKINGS = ("margin", "models", "words", "both")
# How many suspects that were not damaged are kept, to be looked at.
N_UNDAMAGED = 10
DESCRIPTION = """\
# Are damaged annotations found?

5 % of the training spans of a corpus are damaged: a quarter each is dropped, moved by one token at
one end, given another label, or invented, with the width and the label of others. `suspects` then
ranks all annotations, with five folds: the CNN of configs/cnn.cfg, 300 steps, and 1,600 for GENIA.

Of the first suspects, as many as were damaged, the share that names a damaged span. *Margin* is by
the probability of the proposal minus that of the annotation, all kinds together; in the others the
kinds take turns: *models* by the log odds of what models find, *words* by those of how the same
words are annotated elsewhere, *both* by the sum, which is `suspects`. A second suspect for the same
damage does not count. *Found* is the share of each kind of damage.
"""


class Damage(NamedTuple):
    """A damaged annotation: the document, the kind, and the span before and after, in tokens."""

    doc: int
    kind: str
    old: Optional[LabeledSpan]
    new: Optional[LabeledSpan]


def main(
    output_path: Path = typer.Argument(..., help="Folder for the damage, results and RESULTS.md"),
    corpora: List[str] = typer.Option([], "--corpus", help="Corpora. Defaults to all"),
    seeds: List[int] = typer.Option([0], "--seed", help="Seeds of the damage"),
    n_seeds: int = typer.Option(1, "--n-seeds", help="How many models to train for each fold"),
    project_path: Path = typer.Option(".", "--project", "-p", help="Directory of project.yml"),
    work_path: Path = typer.Option("suspects", "--work", help="Folder for what is trained on"),
    n_process: int = typer.Option(1, "--n-process", help="How many models to train at once"),
) -> None:
    """
    Damage annotations, and see whether they are found.
    """
    output_path.mkdir(parents=True, exist_ok=True)
    results_path = output_path / "runs.jsonl"
    for corpus in corpora or CORPORA:
        n_docs, max_steps = CORPORA[corpus]
        for seed in seeds:
            known = {(row["corpus"], row["seed"], row["n_seeds"]) for row in read(results_path)}
            if (corpus, seed, n_seeds) in known:
                continue
            corpus_path = work_path / f"{corpus}_{seed}"
            corpus_path.mkdir(parents=True, exist_ok=True)
            source = project_path / "corpus" / corpus
            docs = list(read_docs(source / "train.spacy", Vocab()))
            order = np.random.default_rng(seed).permutation(len(docs))[:n_docs]
            docs = [docs[index] for index in sorted(order.tolist())]
            damages = damage(docs, seed)
            FastDocBin(docs=docs, store_user_data=True).to_disk(corpus_path / "train.spacy")
            shutil.copy(source / "config.cfg", corpus_path / "config.cfg")
            found = find_suspects(
                corpus_path,
                corpus_path / "output",
                n_seeds=n_seeds,
                n_process=n_process,
                overrides={"training.max_steps": max_steps},
                silent=False,
            )
            name = f"{corpus}_{seed}"
            write_json(
                output_path / f"{name}_damage.json",
                [
                    {"record": docs[item.doc].user_data["record_id"], **item._asdict()}
                    for item in damages
                ],
            )
            result = measure(found, docs, damages)
            write_json(output_path / f"{name}_undamaged.json", result.pop("undamaged"))
            append_result(
                results_path,
                {
                    "corpus": corpus,
                    "seed": seed,
                    "n_seeds": n_seeds,
                    "max_steps": max_steps,
                    **result,
                    **get_provenance(threads=torch.get_num_threads()),
                },
            )
    write_file(output_path / "RESULTS.md", make_report(read(results_path)).encode("utf8"))


def read(path: Path) -> List[Result]:
    """RETURNS (List[Result]): The results so far."""
    return list(srsly.read_jsonl(path)) if path.exists() else []


def damage(docs: List[Doc], seed: int) -> List[Damage]:
    """Damage a share of the spans of docs, in place, each kind as often.

    docs (List[Doc]): The docs.
    seed (int): Random seed.
    RETURNS (List[Damage]): What was damaged. No damage makes a span that is there already.
    """
    rng = np.random.default_rng(seed)
    gold = [{(span.start, span.end, span.label_) for span in doc.spans[SPANS_KEY]} for doc in docs]
    spans = [(index, span) for index, own in enumerate(gold) for span in sorted(own)]
    labels = sorted({label for _, (*_, label) in spans})
    left = iter(rng.permutation(len(spans)).tolist())
    # No span may take the boundaries of one that was there.
    taken = [{span[:2] for span in own} for own in gold]
    damages: List[Damage] = []
    while len(damages) < round(SHARE * len(spans)):
        kind = KINDS[len(damages) % len(KINDS)]
        if kind == "invented":
            _, (start, end, label) = spans[rng.integers(len(spans))]
            index, width, old = int(rng.integers(len(docs))), end - start, None
            first = int(rng.integers(max(len(docs[index]) - width, 0) + 1))
            new: Optional[LabeledSpan] = (first, first + width, label)
        else:
            index, old = spans[next(left)]
            start, end, label = old
            if kind == "dropped":
                new = None
            elif kind == "relabelled":
                new = (start, end, str(rng.choice([name for name in labels if name != label])))
            else:
                moves = [(-1, 0), (1, 0), (0, -1), (0, 1)]
                first, last = moves[rng.integers(len(moves))]
                new = (start + first, end + last, label)
        if kind in ("moved", "invented") and new is not None:
            is_possible = 0 <= new[0] < new[1] <= len(docs[index])
            if not is_possible or new[:2] in taken[index]:
                continue
        elif new in gold[index]:
            continue
        gold[index] = (gold[index] - {old}) | ({new} if new else set())
        taken[index] |= {new[:2]} if new else set()
        damages.append(Damage(index, kind, old, new))
    for doc, own in zip(docs, gold):
        ordered = sorted(own, key=lambda span: (span[0], -span[1], span[2]))
        doc.spans[SPANS_KEY] = [Span(doc, *span[:2], label=span[2]) for span in ordered]
    return damages


def measure(found: Suspects, docs: List[Doc], damages: List[Damage]) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): The numbers of `docs`, of `spans` after the damage and of `damaged`
    ones; the share of these among as many first suspects, in each of the rankings of DESCRIPTION;
    of each kind of damage, how many were found and damaged (`kinds`), of each kind of suspects, how
    many of them name a damaged span and how many they are (`suspects`), and the first `undamaged`
    suspects."""
    owners = {
        (item.doc, to_characters(docs[item.doc], side)): number
        for number, item in enumerate(damages)
        for side in (item.old, item.new)
        if side
    }

    def find(suspects: List[Suspect]) -> Tuple[Set[int], List[Suspect]]:
        numbers: Set[int] = set()
        others = []
        for suspect in suspects[: len(damages)]:
            keys = [(suspect.doc, span) for span in (suspect.given, suspect.proposed)]
            own = {owners[key] for key in keys if key in owners}
            if not own:
                others.append(suspect)
            numbers.update(sorted(own - numbers)[:1])
        return numbers, others

    def margin(suspect: Suspect) -> float:
        return suspect.proposed_probability - suspect.given_probability

    def models(suspect: Suspect) -> float:
        odds = log_odds(suspect.proposed_probability) - log_odds(suspect.given_probability)
        return odds if suspect.given and suspect.proposed else odds / 2

    rankings = {
        "margin": sorted(found.suspects, key=margin, reverse=True),
        "models": take_turns(found.suspects, models),
        "words": take_turns(found.suspects, lambda suspect: suspect.score - models(suspect)),
        "both": found.suspects,
    }
    numbers, others = find(found.suspects)
    first = Counter(suspect.kind for suspect in found.suspects[: len(damages)])
    wrong = Counter(suspect.kind for suspect in others)
    kinds = Counter(item.kind for item in damages)
    kinds_found = Counter(damages[number].kind for number in numbers)
    return {
        "docs": len(docs),
        "spans": found.n_spans,
        "damaged": len(damages),
        "confident": found.n_confident,
        **{name: len(find(ranked)[0]) / len(damages) for name, ranked in rankings.items()},
        "kinds": {kind: [kinds_found[kind], kinds[kind]] for kind in KINDS},
        "suspects": {kind: [first[kind] - wrong[kind], first[kind]] for kind in first},
        "undamaged": [
            {**describe_suspect(found.docs[suspect.doc], suspect), "text": docs[suspect.doc].text}
            for suspect in others[:N_UNDAMAGED]
        ],
    }


def to_characters(doc: Doc, span: LabeledSpan) -> LabeledSpan:
    """RETURNS (LabeledSpan): A span of tokens in characters."""
    part = doc[span[0] : span[1]]
    return part.start_char, part.end_char, span[2]


def make_report(results: List[Result]) -> str:
    """RETURNS (str): RESULTS.md."""
    rows = []
    for corpus, own in group_by("corpus", results).items():
        for row in own:
            cells = [f"{100 * row[name]:.1f} %" for name in RANKINGS]
            kinds = [f"{100 * n / max(of, 1):.0f} %" for n, of in row["kinds"].values()]
            numbers = (row[name] for name in ("docs", "spans", "damaged", "confident"))
            counts = [f"{number:,}" for number in numbers]
            models = str(row["n_seeds"])
            rows.append([corpus, str(row["seed"]), models, *counts, *cells, *kinds])
    header = ["corpus", "seed", "models a fold", "documents", "spans", "damaged", "confident"]
    header += [*RANKINGS, *(f"{kind} found" for kind in KINDS)]
    return f"{DESCRIPTION}\n{markdown_table(header, rows)}"


if __name__ == "__main__":
    typer.run(main)
