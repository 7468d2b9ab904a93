"""Whether a component gets the tokens and the token vectors that it was trained with: spaCy sources
components into other pipelines without a word about it."""

import warnings
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np
from spacy.language import Language
from spacy.pipeline import Tok2Vec
from spacy.tokens import Doc
from spacy.util import load_config
from thinc.api import Config, Model
from thinc.backends import get_array_ops

ENCODERS = ("tok2vec", "transformer", "curated_transformer")
# The longest doc, in tokens, that is encoded once more to compare.
MAX_COMPARED = 10_000
# What the same encoder may differ by on another batch or machine.
TOLERANCE = 1e-2


class Origin:
    """The pipeline that a component was made for. It does not go with copies of the component.

    nlp (Optional[Language]): The pipeline, if it is known.
    """

    def __init__(self, nlp: Optional[Language] = None) -> None:
        self.nlp = nlp

    def __reduce__(self) -> Tuple[Any, ...]:
        return Origin, ()


class SavedPipeline(NamedTuple):
    """What the config of a saved pipeline tells of it.

    tokenizer (str): Its tokenizer, see `describe_tokenizer`.
    earlier (Dict[str, Any]): The settings of the components before the one in question, by name.
    """

    tokenizer: str
    earlier: Dict[str, Any]


def read_pipeline(path: Path) -> Optional[SavedPipeline]:
    """Read the config of the pipeline that a component is saved in.

    path (Path): Directory of the component.
    RETURNS (Optional[SavedPipeline]): What it tells; None if there is no config beside the
        component, or that of something else.
    """
    try:
        config = load_config(path.parent / "config.cfg")
        names = config["nlp"]["pipeline"]
        earlier = {name: config["components"][name] for name in names[: names.index(path.name)]}
        return SavedPipeline(describe_tokenizer(config), earlier)
    # The config of something else may lack anything, and need not even be one of spaCy.
    except (OSError, ValueError, KeyError):
        return None


def check_docs(name: str, model: Model[Any, Any], origin: Origin, docs: List[Doc]) -> None:
    """Check the first docs that a component gets, and warn if predictions on them are of no use.

    name (str): Name of the component.
    model (Model): Its model.
    origin (Origin): The pipeline that it was made for.
    docs (List[Doc]): The docs, one with tokens among them.
    """
    doc = min((doc for doc in docs if len(doc)), key=len)
    listeners = list(_list_listeners(model))
    if any(_lacks_vectors(listener, doc) for listener in listeners):
        _warn(
            f"[{name}] Docs have no token vectors, so that predictions are of no use: the pipeline "
            f"lacks the encoder that the component listens to, or has it after '{name}'. Source "
            "the encoder as well, before the component; or call replace_listeners on the trained "
            "pipeline, so that the component has an encoder of its own. In training, an annotating "
            "component needs its encoder among annotating_components.",
        )
        return
    if origin.nlp is None or len(doc) > MAX_COMPARED:
        return
    fresh = origin.nlp.tokenizer(doc.text)
    if [token.text for token in fresh] != [token.text for token in doc]:
        # The tokens of a doc may be given, or be merged, in the pipeline that it was trained in.
        if doc.vocab is origin.nlp.vocab:
            return
        _warn(
            f"[{name}] The component gets other tokens than it was trained with: use the "
            f"tokenizer of the pipeline that it is from, in the block [nlp.tokenizer] "
            f"({describe_tokenizer(origin.nlp.config)}).",
        )
    encoders = [(n, pipe) for n, pipe in origin.nlp.pipeline if isinstance(pipe, Tok2Vec)]
    for listener in listeners:
        # Of several ones in a pipeline, a doc keeps the vectors of the last one.
        for encoder_name, encoder in encoders if len(encoders) == 1 else ():
            is_heard = listener.upstream_name in ("*", encoder_name)
            # Components after the encoder may have changed what it reads.
            # Beside a fresh doc, whose vocab has word vectors if the encoder needs them.
            vectors = encoder.predict([doc, fresh])
            if is_heard and not any(_is_like(each, doc.tensor) for each in vectors):
                _warn(
                    f"[{name}] The component gets the token vectors of another encoder than it "
                    f"was trained with. Source '{encoder_name}' as well, under another name "
                    "that the component listens to; or call replace_listeners on the trained "
                    "pipeline, so that the component has an encoder of its own.",
                )


def _is_like(vectors: Any, others: Any) -> bool:
    """RETURNS (bool): Whether token vectors are the same, up to rounding."""
    vectors, others = (get_array_ops(X).to_numpy(X) for X in (vectors, others))
    return vectors.shape == others.shape and bool(abs(vectors - others).max() <= TOLERANCE)


def check_saved(name: str, model: Model[Any, Any], tokenizer: Optional[str], path: Path) -> None:
    """Check the pipeline that a component is loaded with, as far as its config tells, and warn.

    name (str): Name of the component.
    model (Model): Its model.
    tokenizer (Optional[str]): The tokenizer that it was trained with, see `describe_tokenizer`.
    path (Path): Directory of the component.
    """
    pipeline = read_pipeline(path)
    if pipeline is None:
        return
    if tokenizer is not None and pipeline.tokenizer != tokenizer:
        _warn(
            f"[{name}] The component was trained with another tokenizer ({tokenizer}) than that of "
            f"the pipeline ({pipeline.tokenizer}). Set it in the block [nlp.tokenizer], or train "
            "it again.",
        )
    earlier = pipeline.earlier
    has_encoder = any(settings.get("factory") in ENCODERS for settings in earlier.values())
    for listener in _list_listeners(model):
        if not (
            has_encoder if listener.upstream_name == "*" else listener.upstream_name in earlier
        ):
            _warn(
                f"[{name}] The pipeline has no encoder that the component listens to "
                f"('{listener.upstream_name}') before it. Source the encoder as well; or call "
                "replace_listeners on the trained pipeline, so that the component has one of its "
                "own.",
            )


def describe_tokenizer(config: Config) -> str:
    """RETURNS (str): The name of the tokenizer of a pipeline, and of the language."""
    return f"{config['nlp']['tokenizer']['@tokenizers']}, {config['nlp']['lang']}"


def _list_listeners(model: Model[Any, Any]) -> Iterator[Any]:
    # Those of spaCy, of spacy-transformers and of spacy-curated-transformers
    yield from (node for node in model.walk() if hasattr(node, "upstream_name"))


def _lacks_vectors(listener: Any, doc: Doc) -> bool:
    if "transformer" in listener.name:
        return not doc.has_extension("trf_data") or doc._.trf_data is None
    return bool(np.size(doc.tensor) == 0)


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=5)
