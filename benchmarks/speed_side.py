"""One side of the comparison in `speed.py`: measures once for each line of standard input."""

import resource
import sys
import time
from itertools import cycle
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import numpy as np
import spacy
import srsly
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.training.batchers import minibatch_by_words
from thinc.api import fix_random_seed, require_gpu, xp2torch

from spacy_eiou.corpora import read_jsonl, record_to_doc
from spacy_eiou.corpora.description import find_transformer, get_encoder_settings
from spacy_eiou.pipeline.nested_spancat import DEFAULT_CONFIG

TOK2VEC = DEFAULT_CONFIG["model"]["tok2vec"]
TRANSFORMER = {
    "@architectures": "spacy_eiou.TransformerModel.v1",
    "cpu_bfloat16": True,
    "tokenizer_config": {"use_fast": True},
    "get_spans": {
        "@span_getters": "spacy-transformers.strided_spans.v1",
        "window": 128,
        "stride": 96,
    },
}
SPANS_KEY = "sc"
POOLING = {"grad_factor": 1.0, "pooling": {"@layers": "reduce_mean.v1"}}
TEXT = "The IL-2 gene is expressed in T cells."

# Does what is timed, and gives the docs that it was done to.
Task = Callable[[], List[Doc]]


def main(settings: Dict[str, Any]) -> None:
    if settings["gpu_id"] >= 0:
        require_gpu(settings["gpu_id"])
    fix_random_seed(0)
    if settings["task"] == "prepare":
        names = ("side", "max_width", "encoder", "size", "vectors", "cpu_bfloat16")
        nlp = make_pipeline(*(settings[name] for name in names))
        docs = make_docs(nlp, settings)
        prepare(nlp, docs)
        nlp.to_disk(settings["model"])
        return
    if settings["task"] == "load":
        # What is loaded counts, not spaCy itself.
        sys.stdin.readline()
        print_measurement(lambda: [spacy.load(settings["model"])(TEXT)])
        return
    nlp = spacy.load(settings["model"])
    docs = make_docs(nlp, settings)
    make_task = {"predict": make_predict_task, "train": make_train_task}[settings["task"]]
    task = make_task(nlp, docs, settings["batch_words"])
    for _ in sys.stdin:
        print_measurement(task)


def print_measurement(task: Task) -> None:
    start = time.perf_counter()
    docs = task()
    seconds = time.perf_counter() - start
    print(
        srsly.json_dumps(
            {
                "seconds": seconds,
                "peak_mb": peak_mb(),
                "words": sum(map(len, docs)),
                "spans": sum(len(doc.spans.get(SPANS_KEY, [])) for doc in docs),
            }
        ),
        flush=True,
    )


def make_predict_task(nlp: Language, docs: List[Doc], batch_words: int) -> Task:
    for doc in docs:
        doc.spans.clear()
    batches = list(minibatch_by_words(docs, batch_words, get_length=len))

    def predict() -> List[Doc]:
        for batch in batches:
            list(nlp.pipe(batch, batch_size=len(batch)))
        synchronize(nlp)
        return docs

    return predict


def make_train_task(nlp: Language, docs: List[Doc], batch_words: int) -> Task:
    batches = list(minibatch_by_words([make_example(doc) for doc in docs], batch_words))
    optimizer = nlp.resume_training()
    component: Any = nlp.get_pipe(nlp.pipe_names[0])

    def train() -> List[Doc]:
        for batch in batches:
            if nlp.has_pipe("tok2vec"):
                # The component itself would wait for the gradients of others.
                vectors, backprop = component.model.begin_update([eg.predicted for eg in batch])
                backprop(vectors)
                component.finish_update(optimizer)
            else:
                nlp.update(batch, sgd=optimizer)
        synchronize(nlp)
        return docs

    return train


def make_pipeline(
    side: str,
    max_width: int,
    encoder: str,
    size: str = "medium",
    vectors: Optional[str] = None,
    cpu_bfloat16: bool = False,
) -> Language:
    """Make a pipeline with one component, after the transformer if that is the encoder, which is
    the same on all sides."""
    nlp = spacy.blank("en")
    nlp.config["initialize"]["vectors"] = vectors
    if side == "spacy_encoder":
        encoder = "spacy.Tok2Vec.v2"
    tok2vec = make_tok2vec(encoder, size, vectors is not None)
    if cpu_bfloat16:
        tok2vec["cpu_bfloat16"] = True
    if "Tok2Vec" not in encoder:
        model = {**TRANSFORMER, "name": find_transformer(encoder)}
        nlp.add_pipe("transformer", config={"model": model})
        tok2vec = {"@architectures": "spacy-transformers.TransformerListener.v1", **POOLING}
    elif side in ("encoder", "spacy_encoder"):
        nlp.add_pipe("tok2vec", config={"model": tok2vec})
    ngrams = {"@misc": "spacy.ngram_range_suggester.v1", "min_size": 1, "max_size": max_width}
    suggesters = {
        "spancat": ngrams,
        "spancat_singlelabel": ngrams,
        "nested_spancat": {"@misc": "spacy_eiou.span_suggester.v1", "max_width": max_width},
    }
    if side in suggesters:
        config = {"suggester": suggesters[side], "model": {"tok2vec": tok2vec}}
        nlp.add_pipe(side, config=config)
    return nlp


def make_tok2vec(encoder: str, size: str, has_vectors: bool) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): The config of an encoder that is no transformer."""
    embed, encode = dict(TOK2VEC["embed"]), dict(TOK2VEC["encode"])
    embed["include_static_vectors"] = has_vectors
    for name, value in get_encoder_settings(size).items():
        block, _, key = name.partition(".")
        {"embed": embed, "encode": encode}[block][key] = value
    embed["width"] = encode["width"]
    return {"@architectures": encoder, "embed": embed, "encode": encode}


def prepare(nlp: Language, docs: List[Doc]) -> None:
    """Train briefly, and choose the threshold that predicts as many spans as are gold: after a
    short training, the default one would be far from it."""
    examples = [make_example(doc) for doc in docs]
    optimizer = nlp.initialize(lambda: examples)
    name = nlp.pipe_names[-1]
    if name in ("tok2vec", "transformer"):
        return
    for batch in minibatch_by_words(examples, 1000):
        nlp.update(batch, sgd=optimizer)
    component: Any = nlp.get_pipe(name)
    scores = []
    for doc in docs:
        with nlp.select_pipes(disable=name):
            nlp(doc)
        doc_scores = component.predict([doc])[1]
        best_only = component.cfg["max_positive"] == 1
        scores.append(doc_scores.max(axis=1) if best_only else doc_scores.ravel())
    n_gold = sum(len(doc.spans[SPANS_KEY]) for doc in docs)
    component.cfg["threshold"] = float(np.sort(np.concatenate(scores))[-n_gold])


def make_docs(nlp: Language, settings: Dict[str, Any]) -> List[Doc]:
    """Repeat the docs of the corpus until there are `words` words, joined to docs of at least
    `doc_words` words."""
    docs: List[Doc] = []
    parts: List[Doc] = []
    n_words = n_part_words = 0
    for part in cycle(read_docs(nlp, Path(settings["corpus"]))):
        parts.append(part)
        n_part_words += len(part)
        if n_part_words >= settings["doc_words"]:
            docs.append(Doc.from_docs(parts, exclude=["user_data"]))  # type: ignore[call-arg]
            n_words += n_part_words
            parts, n_part_words = [], 0
        if n_words >= settings["words"]:
            break
    return docs


def read_docs(nlp: Language, corpus: Path) -> List[Doc]:
    if corpus.suffix == ".jsonl":
        return [record_to_doc(nlp, record, SPANS_KEY)[0] for record in read_jsonl(corpus)]
    return list(DocBin().from_disk(corpus).get_docs(nlp.vocab))


def make_example(reference: Doc) -> Example:
    words = [token.text for token in reference]
    spaces = [bool(token.whitespace_) for token in reference]
    return Example(Doc(reference.vocab, words=words, spaces=spaces), reference)


def synchronize(nlp: Language) -> None:
    """Wait for the GPU, if there is one: it works while Python goes on."""
    component: Any = nlp.get_pipe(nlp.pipe_names[0])
    xp2torch(component.model.ops.alloc1f(1)).cpu()


def peak_mb() -> float:
    """RETURNS (float): The most memory that this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak) / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    main(srsly.json_loads(sys.argv[1]))
