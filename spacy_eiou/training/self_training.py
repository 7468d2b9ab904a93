import os
import sys
import warnings
from hashlib import sha256
from io import StringIO
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union

import srsly
from spacy.language import Language
from spacy.training.initialize import init_nlp
from spacy.training.loop import DIR_MODEL_BEST, DIR_MODEL_LAST, train
from spacy.util import dict_to_dot, dot_to_object, load_config, load_model, resolve_dot_names
from thinc.api import Config
from wasabi import Printer

from ..annotation.checks import check_unread
from ..corpora import CorpusError
from ..extras import check_transformers, find_transformer
from ..files import accepts_strings, write_file, write_json
from ..models.pretrained import list_words
from ..pipeline import load_pipeline
from ..pipeline.checksums import hash_file
from ..pipeline.loading import use_device
from ..pipeline.prediction import get_spans_keys
from ..settings import check_known
from .corpus import check_gold_share
from .encoder import (
    VECTORS_NAME,
    check_encoder,
    leave_out_vectors,
    prepare_encoder,
    select_settings,
)
from .silver import PROGRESS_NAME, annotate_silver
from .teacher import DOCS_PER_STEP, make_teacher_config
from .texts import check_texts
from .variations import write_variations

# What is written beside the folders of the teachers.
SILVER_NAME = "silver"
ENCODER_NAME = "encoder"
VARIATIONS_NAME = "variations.jsonl"
CONFIG_NAME = "config.cfg"
# Says what a pipeline was trained from. It is there when training has ended.
TRAINED_NAME = "trained.json"


class SelfTraining(NamedTuple):
    """What `self_train` has made.

    teachers (List[Path]): The pipelines that annotated the texts.
    silver_path (Path): The folder of the annotated texts, as .spacy files.
    model_path (Path): The final pipeline.
    n_texts (int): The number of texts that were annotated, with their variations.
    n_spans (Dict[str, int]): The number of spans that they got, by label.
    rejected (List[str]): What was expected in the place of each item that is no text, and where.
    kept (List[Path]): What of all this an earlier call had made, wholly or in part.
    """

    teachers: List[Path]
    silver_path: Path
    model_path: Path
    n_texts: int
    n_spans: Dict[str, int]
    rejected: List[str]
    kept: List[Path]


@accepts_strings
def self_train(
    config_path: Path,
    texts_path: Path,
    output_path: Path,
    *,
    teachers: Optional[Sequence[Union[str, Path]]] = None,
    n_teachers: Optional[int] = None,
    gold_share: float = 0.5,
    pretrain: bool = False,
    transformer: Optional[str] = None,
    transformer_teaches: bool = False,
    n_variations: int = 0,
    overrides: Optional[Dict[str, Any]] = None,
    use_gpu: int = -1,
    silent: bool = True,
) -> SelfTraining:
    """Train a pipeline from few annotated documents and many texts without annotation. Teachers
    learn from the documents and annotate the texts, and the pipeline learns from both.

    All arguments and texts are checked first. A call that was stopped continues where it was when
    it is made again, and the result is as if nothing had happened: what was made from the same
    settings and data is kept, and the rest is made again. Texts are annotated in memory that
    doesn't grow with their number. Training holds all examples, unless `max_epochs` is -1.

    config_path (Path): The training config.
    texts_path (Path): The texts, see `read_texts`. What is no text is rejected, and blank texts are
        left out.
    output_path (Path): The folder to write: "teacher-1" and so on, the annotated texts in "silver",
        the final config "config.cfg" and the final pipeline "model-best". What pretraining made is
        in "encoder", and the texts with their variations are "variations.jsonl".
    teachers (Optional[Sequence[Union[str, Path]]]): Paths or names of pipelines that annotate the
        texts.
    n_teachers (Optional[int]): How many others to train, by default one if there are no `teachers`.
        Each teacher has a vote on each span.
    gold_share (float): The least share of annotated documents in the training data, above 0 and
        below 1.
    pretrain (bool): Whether to pretrain the encoder on the texts first, as the block [pretraining]
        of the config says.
    transformer (Optional[str]): A transformer to pretrain the encoder with: an installed package
        that ships one in its folder `model`, a folder, or a name on a hub. The pipelines that are
        trained don't have it. They know what it makes of the texts, and have word vectors of it,
        unless their encoder is another transformer.
    transformer_teaches (bool): Whether the last one of the teachers to train is the transformer
        itself, see `make_teacher_config`.
    n_variations (int): How many variations of each text the teachers annotate as well, see
        `write_variations`. They need a transformer, and help where texts are few.
    overrides (Optional[Dict[str, Any]]): Settings of the config to replace, such as "paths.train".
    use_gpu (int): GPU ID or -1 for CPU.
    silent (bool): Whether to show no progress, and no log of the trainings.
    RETURNS (SelfTraining): The paths of what was made, and the numbers of texts and spans.
    RAISES (CorpusError): If the texts, a teacher or the output path are not as expected.
    RAISES (ValueError): If another argument, the config or its training data are not as expected.
    RAISES (OSError): If there is no such teacher or file, or the output can't be written.
    """
    check_gold_share(gold_share)
    if n_teachers is None:
        n_teachers = 0 if teachers and not transformer_teaches else 1
    if n_teachers < (0 if teachers else 1):
        raise ValueError(f"Expected at least one teacher to train, not {n_teachers}")
    if transformer_teaches and (transformer is None or n_teachers < 1):
        raise ValueError("Expected a transformer, and a teacher to train, for it to teach")
    if n_variations < 0 or (n_variations and transformer is None):
        raise ValueError(f"Expected a transformer for {n_variations} variations of each text")
    use_device(use_gpu)
    config = load_config(config_path, overrides=overrides or {})
    config = config if transformer is None else leave_out_vectors(config)
    student, config = _initialize(config, use_gpu)
    if not get_spans_keys(student):
        raise CorpusError(
            f"{config_path}: expected a component that writes spans, such as 'nested_spancat'"
        )
    if pretrain or transformer is not None:
        check_encoder(config, transformer=transformer)
    nlps = [load_pipeline(str(teacher), use_gpu=use_gpu) for teacher in teachers or []]
    _check_teachers(map(str, teachers or []), nlps, student)
    teacher_paths = [Path(nlp.path) for nlp in nlps]
    last_config = None
    if transformer is not None and transformer_teaches:
        n_docs = _count_documents(config, student)
        last, last_config = _initialize(make_teacher_config(config, transformer, n_docs), use_gpu)
        _check_teachers([transformer], [last], student)
        # So that it takes no memory.
        del last
    texts = check_texts(texts_path, max_length=min(nlp.max_length for nlp in [student, *nlps]))
    inputs = [config_path, texts_path, *find_data(config), *teacher_paths]
    _check_output(output_path, n_teachers, inputs)
    check_unread([output_path / VARIATIONS_NAME], texts_path)
    del student
    kept: List[Path] = []
    if pretrain or transformer is not None:
        encoder_path = output_path / ENCODER_NAME
        fixed = [name for name in overrides or {} if name.startswith("pretraining.")]
        settings = [*select_settings(config), texts.checksum, transformer, use_gpu >= 0, *fixed]
        checksum = compute_checksum(settings, find_initial(config, transformer))
        config, is_kept = prepare_encoder(
            config,
            texts,
            encoder_path,
            checksum=checksum,
            transformer=transformer,
            fixed=fixed,
            use_gpu=use_gpu,
            silent=silent,
        )
        kept += [encoder_path] if is_kept else []
    seed = config["training"]["seed"] or 0
    configs = [config] * n_teachers
    if last_config is not None:
        configs[-1] = last_config
    for number, teacher_config in enumerate(configs):
        path = output_path / _name_teacher(number)
        title = f"Teacher {number + 1} of {n_teachers}"
        teacher_config = teacher_config.merge({"training": {"seed": seed + number}})
        kept += _train_once(teacher_config, path, title, use_gpu=use_gpu, silent=silent)
        teacher_paths.append(path / DIR_MODEL_BEST)
    trained = teacher_paths[len(nlps) :]
    nlps += [load_pipeline(str(path), use_gpu=use_gpu) for path in trained]
    Printer(no_print=silent).divider("Annotating texts")
    if transformer is not None and n_variations:
        texts = write_variations(
            load_model(output_path / ENCODER_NAME / VECTORS_NAME),
            texts,
            output_path / VARIATIONS_NAME,
            n_variations=n_variations,
            words=list_words(transformer),
            seed=seed,
        )
    silver_path = output_path / SILVER_NAME
    checksum = compute_checksum([texts.checksum, use_gpu >= 0], teacher_paths)
    silver = annotate_silver(nlps, texts, silver_path, checksum=checksum, silent=silent)
    if not silver.n_spans:
        warnings.warn(
            f"The teachers found nothing in {silver.n_texts:,} texts, so that these teach to find "
            "nothing. They may need more steps or another threshold: "
            f"{', '.join(map(str, teacher_paths))}",
            stacklevel=3,
        )
    if silver.n_before:
        kept.append(silver_path)
    # So that they take no memory as the final pipeline is trained.
    del nlps
    config = mix_corpus(config, silver_path, gold_share)
    write_file(output_path / CONFIG_NAME, config.to_bytes())
    kept += _train_once(config, output_path, "Final pipeline", use_gpu=use_gpu, silent=silent)
    return SelfTraining(
        teacher_paths,
        silver_path,
        output_path / DIR_MODEL_BEST,
        silver.n_texts,
        silver.n_spans,
        texts.rejected,
        kept,
    )


def mix_corpus(config: Config, silver_path: Path, gold_share: float) -> Config:
    """Mix silver examples with those that a config trains on.

    config (Config): The training config, complete with spaCy's defaults.
    silver_path (Path): The silver examples, a .spacy file or a folder of them.
    gold_share (float): The share of the gold examples.
    RETURNS (Config): The config, whose training corpus holds both.
    """
    corpus = config["training"]["train_corpus"].partition(".")[2]
    mixed = {
        "@readers": "spacy_eiou.MixedCorpus.v1",
        "gold": config["corpora"][corpus],
        "silver": {
            "@readers": "spacy_eiou.Corpus.v1",
            "path": str(silver_path),
            "gold_preproc": False,
        },
        "gold_share": gold_share,
    }
    return Config({**config, "corpora": {**config["corpora"], corpus: mixed}})


def find_data(config: Config) -> List[Path]:
    """Find the files and folders that a pipeline is trained from: those that its corpora and the
    block [initialize] name, transformers, and the pipelines that components are sourced from.

    config (Config): The training config, complete with spaCy's defaults.
    RETURNS (List[Path]): Those that exist.
    """
    names = [config["training"][name] for name in ("train_corpus", "dev_corpus")]
    blocks = [dot_to_object(config, name) for name in names]
    values = [value for block in blocks for value in dict_to_dot(block).values()]
    values += [component.get("source") for component in config["components"].values()]
    return [*_find_paths(values), *find_initial(config)]


def find_initial(config: Config, transformer: Optional[str] = None) -> List[Path]:
    """Find the files and folders that a pipeline begins with: those that the block [initialize]
    names, and transformers.

    config (Config): The training config, complete with spaCy's defaults.
    transformer (Optional[str]): Another transformer, see `find_transformer`.
    RETURNS (List[Path]): Those that exist.
    """
    models = [component.get("model") for component in config["components"].values()]
    names = [transformer, *(model.get("name") for model in models if isinstance(model, dict))]
    found = [find_transformer(name) for name in names if isinstance(name, str)]
    return _find_paths([*dict_to_dot(config["initialize"]).values(), *found])


def _find_paths(values: Iterable[Any]) -> List[Path]:
    return [Path(value) for value in values if isinstance(value, str) and os.path.exists(value)]


def compute_checksum(settings: Any, paths: Iterable[Path]) -> str:
    """Compute the checksum of settings, and of the content of files and folders.

    settings (Any): The settings, as JSON can hold them.
    paths (Iterable[Path]): The files and folders.
    RETURNS (str): The checksum.
    """
    files = [file for path in paths for file in (path, *sorted(path.rglob("*")))]
    # spaCy reads no hidden files. One may be what a killed call was writing.
    read = [file for file in files if file.is_file() and not file.name.startswith(".")]
    content = [settings, [(file.name, hash_file(file)) for file in read]]
    return sha256(srsly.json_dumps(content, sort_keys=True).encode("utf8")).hexdigest()


def _initialize(config: Config, use_gpu: int) -> Tuple[Language, Config]:
    """RETURNS (Tuple[Language, Config]): The pipeline to train, and its complete config."""
    check_transformers(config)
    nlp = init_nlp(config, use_gpu=use_gpu)
    check_known(config, nlp.config)
    # spaCy has defaults for the training corpus, but not for one inside it. A component that is
    # sourced from another pipeline has lost its source here.
    filled = Config({**nlp.config.interpolate(), "components": config.interpolate()["components"]})
    name = filled["training"]["dev_corpus"]
    (dev_corpus,) = resolve_dot_names(filled, [name])
    if next(iter(dev_corpus(nlp)), None) is None:
        raise CorpusError(f"[{name}]: expected annotated documents, found none")
    return nlp, filled


def _count_documents(config: Config, nlp: Language) -> int:
    """RETURNS (int): The number of training documents, or as many as training can take, if there
    is no end of them."""
    (corpus,) = resolve_dot_names(config, [config["training"]["train_corpus"]])
    most = DOCS_PER_STEP * config["training"]["max_steps"] or None
    return sum(1 for _ in islice(corpus(nlp), most))


def _check_teachers(names: Iterable[str], nlps: Iterable[Language], student: Language) -> None:
    for name, nlp in zip(names, nlps, strict=True):
        if _get_tokenizer(nlp) != _get_tokenizer(student):
            raise CorpusError(
                f"The teacher '{name}' has another tokenizer than the pipeline to train. Set the "
                "same [nlp.tokenizer] in both configs, and train the teacher with it."
            )
        # A component need not say what it writes.
        missing = get_spans_keys(student) - get_spans_keys(nlp) - set(nlp("text").spans)
        if missing:
            raise CorpusError(
                f"The teacher '{name}' doesn't write the spans keys that the pipeline to train "
                f"learns: {', '.join(sorted(missing))}. It writes: "
                f"{', '.join(sorted(get_spans_keys(nlp))) or 'none'}."
            )


def _get_tokenizer(nlp: Language) -> Tuple[Dict[str, Any], bytes]:
    tokenizer: Any = nlp.tokenizer
    settings = nlp.config.interpolate()["nlp"]["tokenizer"]
    return settings, tokenizer.to_bytes(exclude=["vocab"])


def _name_teacher(number: int) -> str:
    return f"teacher-{number + 1}"


def _check_output(path: Path, n_teachers: int, inputs: Iterable[Path]) -> None:
    names = (SILVER_NAME, ENCODER_NAME, VARIATIONS_NAME, CONFIG_NAME)
    folders = (DIR_MODEL_BEST, DIR_MODEL_LAST, *map(_name_teacher, range(n_teachers)))
    outputs = {(path / name).resolve() for name in (*names, *folders)}
    for source in inputs:
        if outputs & {source.resolve(), *source.resolve().parents}:
            raise CorpusError(f"Expected another output path: {source} is read, and would be lost")
    silver_path = path / SILVER_NAME
    if any(silver_path.glob("*.spacy")) and not (silver_path / PROGRESS_NAME).exists():
        raise CorpusError(f"Expected another output path: {silver_path} has files of other origin")
    path.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=path):
        pass


def _train_once(
    config: Config, path: Path, title: str, *, use_gpu: int, silent: bool
) -> List[Path]:
    """Train a pipeline, unless an earlier call has. RETURNS (List[Path]): It, if one has."""
    marker, meta = path / TRAINED_NAME, path / DIR_MODEL_BEST / "meta.json"
    checksum = compute_checksum([config, use_gpu >= 0], find_data(config))
    if marker.exists():
        # Another training may have put its pipeline in the place.
        known = {"checksum": checksum, "meta": hash_file(meta) if meta.exists() else None}
        if srsly.read_json(marker) == known:
            return [path / DIR_MODEL_BEST]
        warnings.warn(
            f"{path}: training again, because the config, its data, the device or the model have "
            "changed",
            stacklevel=4,
        )
        marker.unlink()
    Printer(no_print=silent).divider(title)
    path.mkdir(exist_ok=True)
    nlp = init_nlp(config, use_gpu=use_gpu)
    stdout, stderr = (StringIO(), StringIO()) if silent else (sys.stdout, sys.stderr)
    train(nlp, path, use_gpu=use_gpu, stdout=stdout, stderr=stderr)
    write_json(marker, {"checksum": checksum, "meta": hash_file(meta)})
    return []
