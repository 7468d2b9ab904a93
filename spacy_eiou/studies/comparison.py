"""Tables and plots of the results of `compare`.

A result is what one line of its results.jsonl holds: the fields of a `Run`, those of
`get_provenance` and as `data` what `hash_corpus` returns, unless it is older than them, as `dev`
and `test` the scores of `score_spans`, and as `test_counts` the numbers of gold, predicted and
correct spans of each test document. Corpora, sizes and variants keep the order in which the results
come.
"""

from pathlib import Path
from statistics import mean, stdev
from typing import Any, Dict, Iterable, List, Optional, Tuple

import numpy as np

from ..evaluation.bootstrap import bootstrap_difference
from ..provenance import describe_code, hash_code
from ..spans.scores import TITLES
from ..tables import format_mean, markdown_table, markdown_text

Result = Dict[str, Any]

COLUMNS = ("f", "macro_f", "p", "r", "boundary_f", "label_acc")
CURVES = ("f", "macro_f")
DIFFERENCE = f"difference in {TITLES['f']}"
# How much farther to the right each variant stands, so that their deviations do not hide each other
OFFSET = 1.02

INTRODUCTION = """\
Scores on the test part, times 100, of the models that were best on the dev part: mean and sample
standard deviation over the seeds. A seed draws both the training documents and the initial weights.
The difference in micro F to `{baseline}` is that of the spans of all common seeds
together, with the 95 % interval of a paired bootstrap over the test documents (10,000 resamples).
The code is the version and the commit that a row was trained with: "unknown" where the results are
older than such notes, "other code" where the package had changed before these tables were written.
"""


def format_comparison(results: List[Result], baseline: str, description: str = "") -> str:
    """Write the tables of a comparison.

    results (List[Result]): The results.
    baseline (str): The variant that the others are compared with.
    description (str): What is compared.
    RETURNS (str): Markdown, with a link to the plot CORPUS.svg of each corpus.
    """
    parts = ["# Comparison\n", INTRODUCTION.format(baseline=baseline)]
    if description:
        parts.insert(1, f"{description.strip()}\n")
    for corpus, corpus_results in group_by("corpus", results).items():
        parts.append(f"## {corpus}\n\n![F-score by number of training documents]({corpus}.svg)\n")
        for size, size_results in group_by("size", corpus_results).items():
            variants = group_by("variant", size_results)
            parts.append(f"### {corpus}, {size:,} training documents\n")
            parts.append(_format_scores(variants, baseline))
            parts.append("F-score per type, with its gold spans in the test part:\n")
            parts.append(_format_types(variants))
    for size, size_results in group_by("size", results).items():
        # A test part without gold spans has no scores.
        scored = (result for result in size_results if result["test"]["gold"])
        corpora = group_by("corpus", scored)
        if len(corpora) > 1:
            parts.append(f"## Mean over {', '.join(corpora)}, {size:,} training documents\n")
            parts.append(_format_corpora(list(corpora.values()), baseline))
    return "\n".join(parts)


def plot_learning_curves(results: List[Result], path: Path) -> None:
    """Plot micro and macro F against the number of training documents, with the standard
    deviation over the seeds. Needs matplotlib.

    results (List[Result]): The results on one corpus.
    path (Path): The image to write.
    RAISES (ImportError): If matplotlib is not installed.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    sizes = sorted(group_by("size", results))
    for axes, name in zip(figure.subplots(1, 2), CURVES):
        scored = [result for result in results if result["test"][name] is not None]
        variants = group_by("variant", scored)
        for number, (variant, variant_results) in enumerate(variants.items()):
            offset = OFFSET ** (number - (len(variants) - 1) / 2)
            groups = sorted(group_by("size", variant_results).items())
            scores = [[100 * result["test"][name] for result in group] for _, group in groups]
            axes.errorbar(
                [size * offset for size, _ in groups],
                [mean(values) for values in scores],
                yerr=[stdev(values) if len(values) > 1 else 0 for values in scores],
                marker="o",
                capsize=3,
                label=variant,
            )
        axes.set_xscale("log")
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.minorticks_off()
        axes.set(
            title=TITLES[name], xlabel="training documents", ylabel=f"{TITLES[name]} on test (%)"
        )
        axes.grid(alpha=0.3)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    # The same results give the same bytes: no date and no random ids.
    with rc_context({"svg.hashsalt": "spacy_eiou"}):
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def group_by(key: str, results: Iterable[Result]) -> Dict[Any, List[Result]]:
    """RETURNS (Dict[Any, List[Result]]): The results by their value of the key, in order."""
    groups: Dict[Any, List[Result]] = {}
    for result in results:
        groups.setdefault(result[key], []).append(result)
    return groups


def _format_scores(variants: Dict[str, List[Result]], baseline: str) -> str:
    rows = [
        [
            markdown_text(variant),
            str(len(results)),
            *(_format_percents(result["test"][name] for result in results) for name in COLUMNS),
            ""
            if variant == baseline
            else _format_difference([(results, variants.get(baseline, []))]),
            _format_code(results),
        ]
        for variant, results in variants.items()
    ]
    titles = [TITLES[name] for name in COLUMNS]
    return markdown_table(["variant", "seeds", *titles, DIFFERENCE, "code"], rows)


def _format_corpora(corpora: List[List[Result]], baseline: str) -> str:
    """Of the variants that have results on all corpora, the means over the corpora."""
    variants = [group_by("variant", results) for results in corpora]
    rows = []
    for variant in variants[0]:
        if all(variant in others for others in variants):
            pairs = [(results[variant], results.get(baseline, [])) for results in variants]
            scores = [
                mean(mean(result["test"][name] for result in results) for results, _ in pairs)
                for name in CURVES
            ]
            rows.append(
                [
                    markdown_text(variant),
                    *(f"{100 * score:.1f}" for score in scores),
                    "" if variant == baseline else _format_difference(pairs),
                ]
            )
    titles = [TITLES[name] for name in CURVES]
    return markdown_table(["variant", *titles, DIFFERENCE], rows)


def _format_types(variants: Dict[str, List[Result]]) -> str:
    # The gold spans are the same in all results, but types without any appear where predicted.
    per_type = next(iter(variants.values()))[0]["test"]["per_type"] or {}
    n_gold = {label: scores["gold"] for label, scores in per_type.items() if scores["gold"]}
    labels = sorted(n_gold, key=lambda label: -n_gold[label])
    rows = [
        [
            markdown_text(label),
            f"{n_gold[label]:,}",
            *(
                _format_percents(result["test"]["per_type"][label]["f"] for result in results)
                for results in variants.values()
            ),
        ]
        for label in labels
    ]
    header = ["type", TITLES["gold"], *map(markdown_text, variants)]
    return markdown_table(header, rows)


def _format_difference(pairs: List[Tuple[List[Result], List[Result]]]) -> str:
    """Of the results and those of the baseline on each corpus."""
    pooled = [_pool_common_seeds(*pair) for pair in pairs]
    corpora = [counts for counts in pooled if counts is not None]
    if len(corpora) < len(pairs):
        return "-"
    difference, lower, upper = bootstrap_difference(corpora)
    return f"{100 * difference:+.1f} [{100 * lower:+.1f}, {100 * upper:+.1f}]"


def _pool_common_seeds(
    results: List[Result], baseline_results: List[Result]
) -> Optional[Tuple[Any, Any]]:
    counts, baseline = _get_counts(results), _get_counts(baseline_results)
    seeds = [seed for seed in counts if seed in baseline]
    if not seeds:
        return None
    return sum(counts[seed] for seed in seeds), sum(baseline[seed] for seed in seeds)


def _get_counts(results: List[Result]) -> Dict[int, Any]:
    """RETURNS (Dict[int, Any]): The counts of the test documents, shape (n, 3), by seed."""
    # Older results have None for documents that are not annotated.
    return {
        result["seed"]: np.array([[count or 0 for count in row] for row in result["test_counts"]])
        for result in results
    }


def _format_percents(scores: Iterable[Optional[float]]) -> str:
    return format_mean(100 * score for score in scores if score is not None)


def _format_code(results: List[Result]) -> str:
    names = [
        describe_code(result)
        + (" (other code)" if result.get("code") not in (None, hash_code()) else "")
        for result in results
    ]
    return "; ".join(dict.fromkeys(names))
