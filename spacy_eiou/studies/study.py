from hashlib import sha256
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple, Union

import srsly
from pydantic import BaseModel, NonNegativeInt, PositiveInt
from spacy.language import DEFAULT_CONFIG, Language
from spacy.util import dict_to_dot, load_config, load_model_from_config
from thinc.api import Config

from ..corpora import CorpusDescription, CorpusError, find_transformer, make_config
from ..extras import check_transformers
from ..settings import check_known, check_training

# The component of the training config whose place the variants take.
COMPONENT = "nested_spancat"


class Variant(BaseModel, extra="forbid"):
    """A component to compare: its factory, the settings that differ from its defaults, and the size
    of its encoder, see `prepare`."""

    factory: str
    config: Dict[str, Any] = {}
    size: str = "medium"


class StudyCorpus(BaseModel, extra="forbid"):
    """A corpus to compare on: numbers of training documents, and the widest candidate in tokens."""

    sizes: List[PositiveInt]
    max_width: PositiveInt


class Study(BaseModel, extra="forbid"):
    """What to compare. The path of the training config is relative to the project, corpora go by
    the names of their descriptions, a seed draws training documents as well as weights, and
    `training` holds settings for the block [training]. The transformer, if the config has one, goes
    by any name that `find_transformer` takes. The description stands above the tables."""

    description: str = ""
    config: str
    transformer: Optional[str] = None
    corpora: Dict[str, StudyCorpus]
    seeds: List[NonNegativeInt]
    variants: Dict[str, Variant]
    baseline: str
    training: Dict[str, Any] = {}

    @classmethod
    def read(cls, path: Path) -> "Study":
        """Read the description of a study.

        path (Path): A YAML file with the fields of `Study`.
        RETURNS (Study): The study.
        RAISES (ValueError): If a setting is unknown, missing or not as expected.
        """
        try:
            study = cls.model_validate(srsly.read_yaml(path))
        except ValueError as err:
            raise ValueError(f"{path}: expected the description of a study ({err})") from err
        if study.baseline not in study.variants:
            names = ", ".join(study.variants)
            raise ValueError(f"{path}: expected a baseline from {names}, not '{study.baseline}'")
        for numbers in [study.seeds, *(corpus.sizes for corpus in study.corpora.values())]:
            if not numbers or len(set(numbers)) < len(numbers):
                raise ValueError(f"{path}: expected distinct seeds and sizes, not {numbers}")
        return study


class Run(NamedTuple):
    """One training, and the key of its result.

    corpus (str): Name of the corpus.
    size (int): Number of training documents.
    variant (str): Name of the variant.
    seed (int): Random seed.
    settings (str): Hash of the config.
    """

    corpus: str
    size: int
    variant: str
    seed: int
    settings: str


def make_variant_config(study: Study, corpus: str, variant: str, project_path: Path) -> Config:
    """Make the training config of a variant: that of the study, with the variant in the place of
    the component "nested_spancat". Encoder, spans key, candidates and scorer stay the same.

    study (Study): The study.
    corpus (str): Name of the corpus.
    variant (str): Name of the variant.
    project_path (Path): The directory of project.yml.
    RETURNS (Config): The config, complete with the defaults.
    RAISES (ValueError): If a setting is unknown, or the config has no such component or is none to
        train several times, see `check_references`.
    """
    description_path = project_path / "configs" / "corpora" / f"{corpus}.yml"
    description = CorpusDescription.read(description_path)
    corpus_path = project_path / "corpus" / corpus
    settings = study.variants[variant]
    config = make_config(project_path / study.config, description, corpus_path, size=settings.size)
    if COMPONENT not in config["components"]:
        raise ValueError(f"{study.config}: expected a component '{COMPONENT}' to replace")
    if study.transformer is not None:
        if "transformer" not in config["components"]:
            raise ValueError(f"{study.config}: it has no transformer to name {study.transformer}")
        config["components"]["transformer"]["model"]["name"] = study.transformer
    replaced = config["components"][COMPONENT]
    shared = Config(
        {
            "spans_key": replaced["spans_key"],
            "scorer": replaced["scorer"],
            "suggester": make_suggester(study, corpus, variant),
            "model": {"tok2vec": replaced["model"]["tok2vec"]},
        }
    )
    config["components"][COMPONENT] = shared.merge({"factory": settings.factory, **settings.config})
    unknown = [name for name in study.training if name not in config["training"]]
    if unknown:
        raise ValueError(f"Unknown settings of the block [training]: {', '.join(unknown)}")
    # No variant stops before the others.
    config = config.merge({"training": {"patience": 0, **study.training}})
    try:
        check_training(config)
        check_transformers(config)
        config = load_model_from_config(config, auto_fill=True).config
    except ValueError as err:
        raise ValueError(f"Can't make the variant '{variant}' for '{corpus}': {err}") from err
    check_references(config, study.config)
    return config


def make_suggester(study: Study, corpus: str, variant: str) -> Dict[str, Any]:
    """Make the block of the suggester of all spans up to `max_width` tokens: for spaCy's components
    spaCy's own, which gives the same candidates.

    study (Study): The study.
    corpus (str): Name of the corpus.
    variant (str): Name of the variant.
    RETURNS (Dict[str, Any]): The block.
    """
    max_width = study.corpora[corpus].max_width
    if study.variants[variant].factory == COMPONENT:
        return {"@misc": "spacy_eiou.span_suggester.v1", "max_width": max_width}
    return {"@misc": "spacy.ngram_range_suggester.v1", "min_size": 1, "max_size": max_width}


def load_training_config(path: Path, overrides: Mapping[str, Any]) -> Tuple[Config, Language]:
    """Load a training config that a study trains several times.

    path (Path): The config.
    overrides (Mapping[str, Any]): Settings to replace.
    RETURNS (Tuple[Config, Language]): The config, and the pipeline that it describes, untrained.
    RAISES (CorpusError): If it has no component "nested_spancat" or no seed, or is none to train
        several times, see `check_references`.
    RAISES (ValueError): If it is not as expected otherwise.
    """
    config = load_config(path, overrides=dict(overrides))
    if COMPONENT not in config.get("components", {}):
        raise CorpusError(f"{path}: expected a component '{COMPONENT}'")
    if "seed" not in config.get("system", {}):
        raise CorpusError(
            f"{path}: expected the setting 'seed' in [system]. `spacy init fill-config` adds it"
        )
    check_references(config, path)
    nlp = load_model_from_config(config, auto_fill=True)
    check_known(config, nlp.config)
    return config, nlp


def check_references(config: Config, path: Union[str, Path]) -> None:
    """Check that a training config follows what is set for each training: that its corpora read the
    paths "train" and "dev", as far as they are among its [paths], and its seed is that of [system].

    config (Config): The config.
    path (Union[str, Path]): The file that it is from.
    RAISES (CorpusError): If it has a path or a seed of its own, which all trainings would share.
    """
    # What is not set is as spaCy sets it.
    filled = Config(DEFAULT_CONFIG).merge(config)
    parts = [part for part in ("train", "dev") if part in config.get("paths", {})]
    # Values that no config has, to be found again where it refers to them.
    paths, seed = {part: f"the {part} part of a training" for part in parts}, -1
    filled["paths"].update(paths)
    filled["system"]["seed"] = seed
    settings = dict_to_dot(filled.interpolate())
    for part, path_of_part in paths.items():
        corpus = settings[f"training.{part}_corpus"]
        read = [value for name, value in settings.items() if name.startswith(f"{corpus}.")]
        if not any(path_of_part in str(value) for value in read):
            raise CorpusError(
                f"{path}: expected the setting path = ${{paths.{part}}} in [{corpus}], since it is "
                "set for each training"
            )
    if settings["training.seed"] != seed:
        raise CorpusError(
            f"{path}: expected the setting seed = ${{system.seed}} in [training], since it is set "
            "for each training"
        )


def locate_transformer(config: Config) -> Config:
    """Let a training config say where its transformer lies on this machine, which is no part of the
    settings of a run.

    config (Config): The config.
    RETURNS (Config): A copy of it, which is the same if it has no transformer.
    """
    config = config.copy()
    if "transformer" in config["components"]:
        model = config["components"]["transformer"]["model"]
        model["name"] = find_transformer(model["name"])
    return config


def hash_settings(config: Config) -> str:
    """Hash the settings of a training config, apart from its paths and its seed.

    config (Config): The config.
    RETURNS (str): 16 hexadecimal digits.
    """
    settings = config.copy()
    del settings["paths"]["train"], settings["paths"]["dev"], settings["system"]["seed"]
    return sha256(srsly.json_dumps(settings, sort_keys=True).encode("utf8")).hexdigest()[:16]


def list_runs(study: Study, settings: Dict[Tuple[str, str], str]) -> List[Run]:
    """List the runs of a study. All variants of a seed come together, so that what there is of an
    unfinished study can be compared.

    study (Study): The study.
    settings (Dict[Tuple[str, str], str]): The hash of the settings for each corpus and variant.
    RETURNS (List[Run]): The runs.
    """
    return [
        Run(name, size, variant, seed, settings[name, variant])
        for name, corpus in study.corpora.items()
        for size in corpus.sizes
        for seed in study.seeds
        for variant in study.variants
    ]
