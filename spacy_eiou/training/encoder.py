"""What an encoder learns from texts, before it is trained with annotated documents."""

import warnings
from pathlib import Path
from shutil import rmtree
from typing import Any, Collection, Dict, Iterator, List, Optional, Tuple

import srsly
from spacy.language import Language
from spacy.training.pretrain import pretrain
from spacy.util import dot_to_object, registry
from thinc.api import Config
from wasabi import Printer

from ..corpora import CorpusError
from ..files import open_text, replacing, to_json_line, write_json
from ..models.pretrained import list_words
from .texts import Texts, iterate_texts
from .vectors import load_tokenizer, make_vectors

# What a transformer prepares reads as many tokens, few texts more often than many. If it is another
# transformer, it learns from fewer.
N_TOKENS = 10_800_000
N_TOKENS_OF_TRANSFORMER = 2_300_000
MAX_EPOCHS = 200
LEARN_RATE = 0.002
# The share of the batches in which the learning rate rises, where it has a schedule.
WARMUP = 0.05
# Texts of fewer tokens lack most words of the language. Those that the transformer knows are read
# as well, one by one, each of them once while a text is read so many times.
FEW_TOKENS = 100_000
TIMES_PER_WORD = 10
# Longer texts are pretrained on in parts, so that batches stay small.
TOKENS_PER_PART = 500

VECTORS_NAME = "vectors"
WEIGHTS_NAME = "model-last.bin"
PREPARED_NAME = "prepared.json"


def prepare_encoder(
    config: Config,
    texts: Texts,
    path: Path,
    *,
    checksum: str,
    transformer: Optional[str] = None,
    fixed: Collection[str] = (),
    use_gpu: int = -1,
    silent: bool = True,
) -> Tuple[Config, bool]:
    """Pretrain the encoder of a training config on texts, unless an earlier call has.

    config (Config): The training config, complete with spaCy's defaults.
    texts (Texts): The texts.
    path (Path): The folder to write.
    checksum (str): Stands for all that the result depends on.
    transformer (Optional[str]): A transformer. The encoder learns what it makes of the texts, see
        `set_transformer`, and gets word vectors of it, unless it is a transformer itself. If None,
        the encoder learns what the block [pretraining] says.
    fixed (Collection[str]): The settings that stay as they are, see `set_transformer`.
    use_gpu (int): GPU ID or -1 for CPU.
    silent (bool): Whether to show no progress.
    RETURNS (Tuple[Config, bool]): The config that begins with the pretrained encoder, and whether
        an earlier call had pretrained it.
    RAISES (CorpusError): If the config doesn't say how to pretrain.
    RAISES (ValueError): If the transformer or the config are not as expected.
    """
    check_encoder(config, transformer=transformer)
    path.mkdir(exist_ok=True)
    config.to_disk(path / "config.cfg")
    marker, texts_path = path / PREPARED_NAME, path / "texts.jsonl"
    vectors_path, states_path = path / VECTORS_NAME, path / "hidden_states"
    # What a stopped call with other texts has left there holds the principal components of those.
    cache = states_path / checksum
    prepared = srsly.read_json(marker) if marker.exists() else {}
    is_prepared = prepared.get("checksum") == checksum
    if prepared and not is_prepared:
        warnings.warn(
            f"{path}: preparing the encoder again, because its settings, the texts, the "
            "transformer or the device have changed",
            stacklevel=4,
        )
    if not is_prepared:
        marker.unlink(missing_ok=True)
        Printer(no_print=silent).divider("Pretraining")
        nlp = load_tokenizer(path / "config.cfg")
        n_tokens = write_parts(nlp, texts, texts_path)
        times = 1 if transformer is None else add_words(texts_path, transformer, n_tokens)
        prepared = {"checksum": checksum, "n_tokens": n_tokens, "times_per_word": times}
    if transformer is not None:
        config = set_transformer(
            config, transformer, prepared["n_tokens"], prepared["times_per_word"], fixed
        )
        if not has_transformer(config):
            config["initialize"]["vectors"] = str(vectors_path)
    if not is_prepared:
        if transformer is not None:
            make_vectors(
                transformer,
                texts_path,
                vectors_path,
                config_path=path / "config.cfg",
                cache=cache,
                use_gpu=use_gpu,
                silent=silent,
            )
        with replacing(path / "pretrained") as output:
            output.mkdir()
            settings = set_schedule(make_pretraining(config, texts_path, cache), nlp)
            pretrain(settings.interpolate(), output, use_gpu=use_gpu, silent=silent)
        rmtree(states_path, ignore_errors=True)
        write_json(marker, prepared)
    config["initialize"]["init_tok2vec"] = str(path / "pretrained" / WEIGHTS_NAME)
    return config, is_prepared


def add_words(path: Path, transformer: str, n_tokens: int) -> int:
    """Add the words of a transformer's vocabulary to few texts, each as a text by itself.

    path (Path): The texts, as JSON Lines.
    transformer (str): The transformer, see `make_vectors`.
    n_tokens (int): The number of tokens of the texts.
    RETURNS (int): How often the file has each text: `TIMES_PER_WORD`, or once if texts are many, so
        that there are no words.
    """
    if n_tokens >= FEW_TOKENS:
        return 1
    lines = path.read_text(encoding="utf8")
    words = [{"text": word} for word in list_words(transformer)]
    with replacing(path) as temporary, open_text(temporary) as file_:
        file_.write(lines * TIMES_PER_WORD)
        file_.writelines(map(to_json_line, words))
    return TIMES_PER_WORD


def has_transformer(config: Config) -> bool:
    """RETURNS (bool): Whether the encoder that the block [pretraining] names is a transformer."""
    component = config["components"][config["pretraining"]["component"]]
    return bool(component.get("factory") == "transformer")


def check_encoder(config: Config, *, transformer: Optional[str]) -> None:
    """Check that the encoder of a training config can be pretrained.

    config (Config): The training config, complete with spaCy's defaults.
    transformer (Optional[str]): The transformer that prepares it, if one does.
    RAISES (CorpusError): If the config doesn't say how, or the transformer can't prepare it.
    """
    if not config.get("pretraining"):
        raise CorpusError(
            "Expected a block [pretraining] in the config, as configs/few_examples.cfg has"
        )
    name = config["pretraining"]["component"]
    if name not in config["components"]:
        raise CorpusError(
            f"Expected the encoder as the component in the block [pretraining], not '{name}': the "
            f"pipeline has {', '.join(config['components'])}"
        )
    model = config["components"][name].get("model", {})
    if transformer is not None and not has_transformer(config) and "embed" not in model:
        raise CorpusError(
            f"Expected a block [components.{name}.model.embed], for a transformer to prepare, as "
            "configs/few_examples_transformer.cfg has of the component 'tok2vec'"
        )


def select_settings(config: Config) -> List[Any]:
    """RETURNS (List[Any]): The settings of a training config on which a pretrained encoder
    depends."""
    component = config["components"][config["pretraining"]["component"]]
    blocks = [config[name] for name in ("nlp", "pretraining", "initialize", "system")]
    return [component, *blocks, config["training"]["seed"]]


def leave_out_vectors(config: Config) -> Config:
    """Let a config be checked before its vectors are made.

    config (Config): The training config.
    RETURNS (Config): The config, without static vectors in embeddings if it names none.
    """
    if config.interpolate().get("initialize", {}).get("vectors"):
        return config
    without = {"model": {"embed": {"include_static_vectors": False}}}
    components = {
        name: without
        for name, component in config["components"].items()
        if "include_static_vectors" in component.get("model", {}).get("embed", {})
    }
    return config.merge({"components": components})


def set_transformer(
    config: Config,
    transformer: str,
    n_tokens: int,
    times_per_word: int = 1,
    fixed: Collection[str] = (),
) -> Config:
    """Let an encoder learn what a transformer makes of texts.

    config (Config): The training config. Its encoder has the embedding "spacy.MultiHashEmbed.v2",
        or is another transformer.
    transformer (str): The transformer, see `make_vectors`.
    n_tokens (int): The number of tokens of the texts.
    times_per_word (int): How often an epoch reads each text, see `add_words`.
    fixed (Collection[str]): The numbers of epochs and the learning rate that stay as they are, such
        as "pretraining.max_epochs". Names of other settings have no effect.
    RETURNS (Config): The config with the objective "spacy_eiou.PretrainTransformer.v1", and with
        static vectors, if the encoder is no transformer.
    """
    is_transformer = has_transformer(config)
    n_tokens_to_read = N_TOKENS_OF_TRANSFORMER if is_transformer else N_TOKENS
    n_readings = min(MAX_EPOCHS, max(1, round(n_tokens_to_read / max(n_tokens, 1))))
    n_epochs = max(1, n_readings // times_per_word)
    if "pretraining.max_epochs" in fixed:
        n_epochs = config["pretraining"]["max_epochs"]
    objective = {
        "@architectures": "spacy_eiou.PretrainTransformer.v1",
        "transformer": transformer,
        "cache": None,
    }
    pretraining: Dict[str, Any] = {
        "max_epochs": n_epochs,
        "objective": objective,
    }
    if "pretraining.n_save_epoch" not in fixed:
        pretraining["n_save_epoch"] = n_epochs
    settings = {"pretraining": pretraining}
    if not is_transformer:
        # A schedule has several settings.
        if not any(name.startswith("pretraining.optimizer.learn_rate") for name in fixed):
            pretraining["optimizer"] = {"learn_rate": LEARN_RATE}
        component = config["pretraining"]["component"]
        embed = {"include_static_vectors": True}
        settings["components"] = {component: {"model": {"embed": embed}}}
    return config.merge(settings)


def set_schedule(config: Config, nlp: Language) -> Config:
    """Let a schedule that sinks to zero do so with the last batch of pretraining.

    config (Config): The config for `spacy pretrain`.
    nlp (Language): A pipeline that tokenizes the texts.
    RETURNS (Config): The config with its numbers of steps, if it has such a schedule.
    """
    schedule = config["pretraining"]["optimizer"]["learn_rate"]
    if not isinstance(schedule, dict) or not {"total_steps", "warmup_steps"} <= {*schedule}:
        return config
    settings = config.interpolate()
    batcher = settings["pretraining"]["batcher"]
    corpus = dot_to_object(settings, settings["pretraining"]["corpus"])
    resolved = registry.resolve({"batcher": batcher, "corpus": corpus})
    n_batches = sum(1 for _ in resolved["batcher"](resolved["corpus"](nlp)))
    n_steps = n_batches * settings["pretraining"]["max_epochs"]
    steps = {"total_steps": n_steps, "warmup_steps": round(n_steps * WARMUP)}
    return config.merge({"pretraining": {"optimizer": {"learn_rate": steps}}})


def make_pretraining(config: Config, texts_path: Path, cache: Path) -> Config:
    """RETURNS (Config): A config for `spacy pretrain` with these texts, and with this folder for
    what a transformer makes of them."""
    name = config["pretraining"]["corpus"].partition(".")[2]
    corpus = {"@readers": "spacy.JsonlCorpus.v1", "path": str(texts_path)}
    config = Config({**config, "corpora": {**config["corpora"], name: corpus}})
    if "cache" in config["pretraining"]["objective"]:
        return config.merge({"pretraining": {"objective": {"cache": str(cache)}}})
    return config


def write_parts(nlp: Language, texts: Texts, path: Path) -> int:
    """Write texts for `spacy pretrain`, long ones in parts. RETURNS (int): The number of their
    tokens."""
    n_tokens = 0
    with replacing(path) as temporary, open_text(temporary) as file_:
        for part, length in _split(nlp, texts):
            file_.write(to_json_line({"text": part}))
            n_tokens += length
    return n_tokens


def _split(nlp: Language, texts: Texts) -> Iterator[Tuple[str, int]]:
    for doc in map(nlp.make_doc, iterate_texts(texts)):
        for start in range(0, len(doc), TOKENS_PER_PART):
            part = doc[start : start + TOKENS_PER_PART]
            yield part.text, len(part)
