from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Set

from spacy.cli._util import Arg, Opt, import_code, setup_gpu
from spacy.language import Language
from spacy.scorer import Scorer
from spacy.training import Example
from spacy.util import load_model
from thinc.api import fix_random_seed
from wasabi.printer import Printer

from ..evaluation.scorer import nested_spans_score
from ..evaluation.statistics import describe_spans_keys
from ._util import CODE_OPTION, GPU_OPTION, app, read_examples, write_json

SCORES = {
    "SPAN P": "p",
    "SPAN R": "r",
    "SPAN F": "f",
    "MACRO F": "macro_f",
    "BOUNDARY F": "boundary_f",
    "LABEL ACC": "label_acc",
    "MEAN IOU": "mean_iou",
}
COUNTS = {
    "GOLD": "gold",
    "PREDICTED": "predicted",
    "CORRECT": "correct",
    "CROSSING GOLD": "crossing_pairs_gold",
    "CROSSING PRED": "crossing_pairs_predicted",
}
SUBSETS = ("nested", "inner", "outer", "crossing", "flat")


@app.command("evaluate")
def evaluate_cli(
    model: str = Arg(..., help="Model name or path"),
    data_path: Path = Arg(
        ..., help="Location of binary evaluation data in .spacy format", exists=True
    ),
    output: Optional[Path] = Opt(
        None, "--output", "-o", help="Output JSON file for metrics", dir_okay=False
    ),
    code_path: Optional[Path] = CODE_OPTION,
    use_gpu: int = GPU_OPTION,
    spans_key: Optional[str] = Opt(
        None,
        "--spans-key",
        "-sk",
        help="Spans key to evaluate. Defaults to the one that both the pipeline and the data hold",
    ),
    batch_size: Optional[int] = Opt(
        None,
        "--batch-size",
        "-bs",
        help="Number of docs to predict at once. Defaults to that of the pipeline",
    ),
) -> None:
    """
    Evaluate the spans that a trained pipeline predicts, with nested entities
    apart. Expects a loadable spaCy pipeline and evaluation data in the binary
    .spacy format.
    """
    import_code(code_path)
    evaluate(
        model,
        data_path,
        output=output,
        use_gpu=use_gpu,
        spans_key=spans_key,
        batch_size=batch_size,
        silent=False,
    )


def evaluate(
    model: str,
    data_path: Path,
    *,
    output: Optional[Path] = None,
    use_gpu: int = -1,
    spans_key: Optional[str] = None,
    batch_size: Optional[int] = None,
    silent: bool = True,
) -> Dict[str, Any]:
    """Evaluate the spans that a pipeline predicts.

    model (str): Name or path of the pipeline.
    data_path (Path): A .spacy file or a directory of them.
    output (Optional[Path]): JSON file to write.
    use_gpu (int): GPU ID or -1 for CPU.
    spans_key (Optional[str]): Key of `Doc.spans` to score. If None, the one that both a component
        of the pipeline and the data hold.
    batch_size (Optional[int]): Number of docs to predict at once. If None, that of the pipeline.
    silent (bool): Whether to print nothing.
    RETURNS (Dict[str, Any]): The scores of `nested_spans_score`, and as `speed` the words per
        second of tokenization and prediction.
    """
    msg = Printer(no_print=silent, pretty=not silent)
    fix_random_seed()
    setup_gpu(use_gpu, silent=silent)
    try:
        nlp = load_model(model)
        examples = read_examples(data_path, nlp)
        spans_key = find_spans_key(nlp, examples, spans_key)
    except (ValueError, OSError) as err:
        msg.fail(f"Can't evaluate '{model}' on '{data_path}'", err, exits=1)
    if spans_key not in get_spans_keys(nlp):
        msg.warn(f"No component of the pipeline says that it writes the spans key '{spans_key}'")
    scores = nlp.evaluate(examples, batch_size=batch_size, scorer=NestedSpansScorer(nlp, spans_key))
    print_scores(msg, scores, spans_key)
    if output is not None:
        write_json(output, scores)
        msg.good(f"Saved results to {output}")
    return scores


class NestedSpansScorer(Scorer):
    """Score nothing but the spans under one key, whatever scorers the components have.

    nlp (Language): The pipeline.
    spans_key (str): Key of `Doc.spans` to score.
    """

    def __init__(self, nlp: Language, spans_key: str) -> None:
        super().__init__(nlp)
        self.spans_key = spans_key

    def score(self, examples: Iterable[Example], *, per_component: bool = False) -> Dict[str, Any]:
        """Score the predicted spans, see `nested_spans_score`."""
        return nested_spans_score(examples, spans_key=self.spans_key)


def find_spans_key(nlp: Language, examples: List[Example], spans_key: Optional[str] = None) -> str:
    """Find the spans key to evaluate.

    nlp (Language): The pipeline.
    examples (List[Example]): The annotated examples.
    spans_key (Optional[str]): The key that the user asks for.
    RETURNS (str): The key asked for, or else the one that both pipeline and data hold.
    RAISES (ValueError): If the data lack the key asked for, or if none or several are shared.
    """
    references = [example.reference for example in examples]
    data_keys: Set[str] = {key for doc in references for key in doc.spans}
    pipeline_keys = get_spans_keys(nlp)
    shared_keys = data_keys & pipeline_keys
    if spans_key is not None:
        if spans_key in data_keys:
            return spans_key
        problem = f"No doc has the spans key '{spans_key}'."
    else:
        if len(shared_keys) == 1:
            return shared_keys.pop()
        problem = "Can't tell which spans key to evaluate, choose one with --spans-key."
    raise ValueError(
        f"{problem} {describe_spans_keys(references)} "
        f"Spans keys that the pipeline writes: {', '.join(sorted(pipeline_keys)) or 'none'}."
    )


def get_spans_keys(nlp: Language) -> Set[str]:
    """Get the keys of `Doc.spans` that the components of a pipeline name in their attribute `key`.

    nlp (Language): The pipeline.
    RETURNS (Set[str]): The keys.
    """
    keys = {getattr(pipe, "key", None) for _, pipe in nlp.pipeline}
    return {key for key in keys if key is not None}


def print_scores(msg: Printer, scores: Dict[str, Any], spans_key: str) -> None:
    """Print tables of the scores: overall, for subsets of the entities, and per type, the most
    frequent one first. Scores are multiplied by 100.

    msg (Printer): The printer to use.
    scores (Dict[str, Any]): The scores, with `speed`.
    spans_key (str): The spans key they were computed for.
    """
    spans_scores = {
        name[len(f"spans_{spans_key}_") :]: value
        for name, value in scores.items()
        if name != "speed"
    }
    results = {title: _format_score(spans_scores[name]) for title, name in SCORES.items()}
    results.update({title: str(spans_scores[name]) for title, name in COUNTS.items()})
    results["SPEED"] = f"{scores['speed']:.0f}"
    msg.table(results, title="Results")
    subsets = {
        subset: {
            name: spans_scores[f"{subset}_{name}"] for name in ("p", "r", "f", "gold", "predicted")
        }
        for subset in SUBSETS
    }
    _print_prf(msg, subsets, "SPANS (per subset)")
    per_type = spans_scores["per_type"] or {}
    _print_prf(
        msg,
        dict(sorted(per_type.items(), key=lambda item: -item[1]["gold"])),
        "SPANS (per type)",
    )


def _print_prf(msg: Printer, scores: Dict[str, Dict[str, Any]], title: str) -> None:
    msg.table(
        [
            (
                name,
                *(_format_score(row[score]) for score in ("p", "r", "f")),
                row["gold"],
                row["predicted"],
            )
            for name, row in scores.items()
        ],
        header=("", "P", "R", "F", "GOLD", "PRED"),
        aligns=("l", "r", "r", "r", "r", "r"),
        max_col=max(30, *map(len, scores), 0),
        title=title,
    )


def _format_score(score: Optional[float]) -> str:
    return "-" if score is None else f"{score * 100:.2f}"
