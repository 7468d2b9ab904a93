"""One measurement of `scale.py`, which gives the settings as JSON."""

import json
import resource
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple

START = time.perf_counter()


def main(settings: Dict[str, Any]) -> Dict[str, Any]:
    """Measure.

    settings (Dict[str, Any]): "kind": "pipe" (`nlp.pipe` alone), "load" (the start of a process) or
        another one (`annotate`); "model"; "folder" and "texts", a file in it; "n_process" and
        "engine".
    RETURNS (Dict[str, Any]): "seconds", "cpu_seconds" of this process and those that it started,
        "start_seconds" of what was before, "n_texts", "n_words", "output_mb" and "peak_mb", the
        most memory of one process.
    """
    source = Path(settings["folder"], f"{settings['texts']}.jsonl")
    if settings["kind"] == "load":
        load(settings["model"])
        return {"seconds": time.perf_counter() - START}
    if settings["kind"] == "pipe":
        return measure_pipe(settings["model"], source)
    return measure_annotate(settings, source)


def load(model: str) -> Any:
    from spacy_eiou.annotation.prediction import load_once

    nlp = load_once(model, -1)
    # Some code is compiled, or read from a cache, as it is first used.
    nlp("A text.")
    return nlp


def measure_pipe(model: str, source: Path) -> Dict[str, Any]:
    import spacy

    load(model)
    texts = [json.loads(line)["text"] for line in source.open(encoding="utf8")]
    before = get_times()
    # As annotate does.
    nlp = spacy.load(model)
    n_words = sum(map(len, nlp.pipe(texts)))
    after = get_times()
    return describe(before, after, len(texts), n_words)


def measure_annotate(settings: Dict[str, Any], source: Path) -> Dict[str, Any]:
    from spacy_eiou.annotation import annotate

    load(settings["model"])
    target = source.with_suffix(".out.jsonl")
    engine = settings.get("engine", "local")
    options = {"n_process": settings.get("n_process"), "engine": engine, "force": True}
    with starting(engine):
        if engine != "local":
            # Its processes have loaded the model then.
            annotate(settings["model"], source.with_name("short.jsonl"), target, **options)
        before = get_times()
        report = annotate(settings["model"], source, target, **options)
        after = get_times()
    measured = describe(before, after, report.n_texts, report.counts.n_words)
    return {**measured, "output_mb": target.stat().st_size / 1e6}


@contextmanager
def starting(engine: str) -> Iterator[None]:
    """Start two machines of an engine on this one, which `annotate` finds."""
    if engine == "ray":
        from ray.cluster_utils import Cluster

        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        import ray

        ray.init(address=cluster.address, log_to_driver=False)
        yield
        ray.shutdown()
        cluster.shutdown()
    elif engine == "spark":
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.master("local-cluster[2,1,1024]")
        builder = builder.config("spark.driver.host", "127.0.0.1")
        session = builder.config("spark.ui.showConsoleProgress", "false").getOrCreate()
        session.sparkContext.setLogLevel("ERROR")
        yield
        session.stop()
    else:
        yield


def get_times() -> Tuple[float, float]:
    """RETURNS (Tuple[float, float]): The time, and the CPU time of this process and of those that
    it started and that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return time.perf_counter(), sum(usage.ru_utime + usage.ru_stime for usage in usages)


def describe(
    before: Tuple[float, float], after: Tuple[float, float], n_texts: int, n_words: int
) -> Dict[str, Any]:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "seconds": after[0] - before[0],
        "cpu_seconds": after[1] - before[1],
        "start_seconds": before[0] - START,
        "n_texts": n_texts,
        "n_words": n_words,
        # Kilobytes on Linux.
        "peak_mb": max(usage.ru_maxrss for usage in usages) / 1e3,
    }


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
