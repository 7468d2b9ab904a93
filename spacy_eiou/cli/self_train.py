from collections import Counter
from itertools import tee
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence

import typer
from spacy.cli._util import Arg, Opt, import_code, parse_config_overrides
from spacy.cli.train import train
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.training.loop import DIR_MODEL_BEST
from spacy.util import load_config, load_model, load_model_from_config
from thinc.api import Config
from tqdm import tqdm
from wasabi import msg

from ..annotation.sources import TEXT_FORMATS, RejectedText, guess_text_format, read_texts
from ..corpora import CorpusError
from ..files import write_file
from ._util import CODE_OPTION, GPU_OPTION, app


@app.command(
    "self-train", context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def self_train_cli(
    ctx: typer.Context,
    config_path: Path = Arg(..., help="Path to config file", exists=True, dir_okay=False),
    texts_path: Path = Arg(
        ..., help=f"Texts without annotation: {', '.join(TEXT_FORMATS)} or a directory", exists=True
    ),
    output_path: Path = Opt(..., "--output", "-o", help="Output directory for trained pipelines"),
    teachers: Optional[List[str]] = Opt(
        None,
        "--teacher",
        "-t",
        help="Pipeline that annotates the texts, can be repeated. Defaults to training some",
    ),
    n_teachers: int = Opt(
        1, "--n-teachers", "-nt", help="Teachers to train, which vote on each span", min=1
    ),
    gold_share: float = Opt(
        0.5, "--gold-share", "-gs", help="Share of annotated documents in the training data"
    ),
    code_path: Optional[Path] = CODE_OPTION,
    use_gpu: int = GPU_OPTION,
) -> None:
    """
    Train a pipeline from few annotated documents and many texts without
    annotation. A teacher learns from the documents and annotates the texts, and
    the pipeline learns from both. Several teachers vote. Settings of the config
    can be overridden on the command line, as for `spacy train`, e.g.
    --paths.train ./train.spacy.
    """
    overrides = parse_config_overrides(ctx.args)
    import_code(code_path)
    config = load_config(config_path, overrides=overrides, interpolate=True)
    # spaCy has defaults for the training corpus, but not for one inside it.
    config = load_model_from_config(config, auto_fill=True).config
    if not teachers:
        seed = config["training"]["seed"] or 0
        settings = [{**overrides, "training.seed": seed + number} for number in range(n_teachers)]
        teachers = train_teachers(config_path, output_path, settings, use_gpu)
    msg.divider("Annotating texts")
    silver_path = output_path / "silver.spacy"
    try:
        silver = annotate_texts([load_model(teacher) for teacher in teachers], texts_path)
    except CorpusError as err:
        msg.fail(f"Can't annotate the texts '{texts_path}'", err, exits=1)
    write_file(silver_path, silver.to_bytes())
    msg.good(f"Saved {len(silver):,} annotated texts: {silver_path}")
    mixed_path = output_path / "config.cfg"
    write_file(mixed_path, mix_corpus(config, silver_path, gold_share).to_bytes())
    train(mixed_path, output_path, use_gpu=use_gpu)


def train_teachers(
    config_path: Path, output_path: Path, settings: List[Dict[str, Any]], use_gpu: int
) -> List[str]:
    """Train a pipeline with each of some settings.

    config_path (Path): The training config.
    output_path (Path): The directory for the pipelines.
    settings (List[Dict[str, Any]]): What overrides the config, for each pipeline.
    use_gpu (int): The GPU, or -1 for the CPU.
    RETURNS (List[str]): Where the pipelines are.
    """
    teachers = []
    for number, overrides in enumerate(settings, start=1):
        msg.divider(f"Teacher {number} of {len(settings)}")
        path = output_path / f"teacher-{number}"
        train(config_path, path, use_gpu=use_gpu, overrides=overrides)
        teachers.append(str(path / DIR_MODEL_BEST))
    return teachers


def annotate_texts(nlps: Sequence[Language], texts_path: Path) -> DocBin:
    """Annotate texts, as training data.

    nlps (Sequence[Language]): The pipelines, each of which has a vote on each span.
    texts_path (Path): The texts, see `read_texts`.
    RETURNS (DocBin): The annotated docs.
    RAISES (CorpusError): If the texts, or one of them, are not as expected, or the pipelines split
        one into different tokens.
    """
    texts = _read_texts(texts_path, min(nlp.max_length for nlp in nlps))
    progress = tqdm(texts, unit="texts", disable=None)
    annotated = [nlp.pipe(copy) for nlp, copy in zip(nlps, tee(progress, len(nlps)))]
    return DocBin(docs=map(vote, zip(*annotated)))


def vote(docs: Sequence[Doc]) -> Doc:
    """Keep the spans that more than half of the annotations of a text have.

    docs (Sequence[Doc]): The annotations.
    RETURNS (Doc): The first one, with these spans.
    RAISES (CorpusError): If the annotations do not have the same tokens.
    """
    doc = docs[0]
    if len({tuple(token.text for token in other) for other in docs}) > 1:
        raise CorpusError(
            f"The teachers split the text '{doc.text[:50]}' into different tokens. Use teachers "
            "with the same tokenizer."
        )
    for key in sorted({key for other in docs for key in other.spans}):
        votes = Counter(
            (span.start, span.end, span.label_)
            for other in docs
            for span in other.spans.get(key, [])
        )
        kept = sorted(span for span, n_votes in votes.items() if 2 * n_votes > len(docs))
        doc.spans[key] = SpanGroup(doc, name=key, spans=[Span(doc, *span) for span in kept])
    return doc


def mix_corpus(config: Config, silver_path: Path, gold_share: float) -> Config:
    """Mix silver examples with those that a config trains on.

    config (Config): The training config, complete with spaCy's defaults.
    silver_path (Path): The silver examples, a .spacy file.
    gold_share (float): The share of the gold examples.
    RETURNS (Config): The config, whose training corpus holds both.
    """
    corpus = config["training"]["train_corpus"].partition(".")[2]
    mixed = {
        "@readers": "spacy_eiou.MixedCorpus.v1",
        "gold": config["corpora"][corpus],
        "silver": {
            "@readers": "spacy.Corpus.v1",
            "path": str(silver_path),
            "gold_preproc": False,
        },
        "gold_share": gold_share,
    }
    return Config({**config, "corpora": {**config["corpora"], corpus: mixed}})


def _read_texts(path: Path, max_length: int) -> Iterator[str]:
    for item in read_texts(path, guess_text_format(path), max_length=max_length):
        if isinstance(item, RejectedText):
            raise CorpusError(f"{path}, text {item.number}: {item.reason}")
        yield item.text
