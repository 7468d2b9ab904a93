from typing import Any, Dict

from thinc.api import Config

from ..corpora import CorpusError
from ..extras import find_transformer
from ..templates import TEMPLATES_PATH
from .vectors import select_callbacks

COMPONENT = "nested_spancat"
# What a teacher and the pipeline that it teaches have in common.
SHARED_SETTINGS = ("spans_key", "threshold", "max_positive", "overlap", "suggester")
SHARED_OF_NLP = (
    "lang",
    "tokenizer",
    "before_creation",
    "after_creation",
    "after_pipeline_creation",
)
# With batches of 8 documents, each of 300 is seen 19 times.
N_STEPS = 700
# Of many documents, each is seen four times.
DOCS_PER_STEP = 2


def make_teacher_config(config: Config, transformer: str, n_docs: int = 0) -> Config:
    """Let a pretrained transformer learn what a pipeline learns.

    config (Config): The training config of the pipeline, complete with spaCy's defaults.
    transformer (str): The transformer, see `find_transformer`.
    n_docs (int): The number of training documents. With more than 1,400, it takes more steps to see
        them, but not more than the pipeline takes.
    RETURNS (Config): The training config of the teacher: configs/transformer.cfg, with the
        language, the tokenizer and what makes it, the corpora, the candidates and the scores of the
        pipeline.
    RAISES (CorpusError): If the pipeline hasn't exactly one component "nested_spancat".
    """
    components = [
        component
        for component in config["components"].values()
        if component.get("factory") == COMPONENT
    ]
    if len(components) != 1:
        raise CorpusError(
            f"Expected one component '{COMPONENT}' that a transformer can teach, found "
            f"{len(components)}"
        )
    training = {name: config["training"][name] for name in ("train_corpus", "dev_corpus")}
    n_steps = max(N_STEPS, n_docs // DOCS_PER_STEP)
    n_steps = min(config["training"]["max_steps"] or n_steps, n_steps)
    schedule = {"warmup_steps": n_steps // 10, "total_steps": n_steps}
    settings: Dict[str, Any] = {
        "nlp": {name: value for name, value in config["nlp"].items() if name in SHARED_OF_NLP},
        "initialize": select_callbacks(config),
        "components": {
            "transformer": {"model": {"name": find_transformer(transformer)}},
            COMPONENT: {name: components[0][name] for name in SHARED_SETTINGS},
        },
        "training": {
            **training,
            "max_steps": n_steps,
            "eval_frequency": max(n_steps // 2, 1),
            "optimizer": {"learn_rate": schedule},
        },
    }
    teacher = Config().from_disk(TEMPLATES_PATH / "transformer.cfg", interpolate=False)
    teacher = teacher.merge(settings)
    # Others than those of the template may have other settings.
    teacher["corpora"] = config["corpora"]
    teacher["training"]["score_weights"] = config["training"]["score_weights"]
    return teacher
