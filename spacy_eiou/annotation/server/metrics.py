"""What Prometheus reads.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from bisect import bisect_left
from collections import Counter
from itertools import accumulate
from typing import Counter as CounterType
from typing import Dict, Iterator, Tuple

# The upper bounds of the seconds of a request.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
HELP = {
    "requests_total": ("counter", "Requests by path and status."),
    "texts_total": ("counter", "Texts that were annotated."),
    "words_total": ("counter", "Their tokens."),
    "spans_total": ("counter", "Their spans."),
    "batches_total": ("counter", "Batches in which texts were predicted together."),
    "waiting_texts": ("gauge", "Texts that wait to be predicted."),
    "prediction_seconds": ("histogram", "Seconds of an answer to /annotate or /predict."),
}


class Metrics:
    """The counts of a server."""

    def __init__(self) -> None:
        self.requests: CounterType[Tuple[str, int]] = Counter()
        self.counts = {"texts_total": 0, "words_total": 0, "spans_total": 0}
        self._buckets = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0

    def observe(self, seconds: float) -> None:
        """Count a prediction.

        seconds (float): How long the answer took.
        """
        self._buckets[bisect_left(BOUNDS, seconds)] += 1
        self._seconds += seconds

    def render(self, **others: int) -> str:
        """RETURNS (str): All counts, and others by name, as Prometheus reads them."""
        values: Dict[str, Dict[str, float]] = {
            "requests_total": {
                f'{{path="{path}",status="{status}"}}': count
                for (path, status), count in sorted(self.requests.items())
            },
            **{name: {"": count} for name, count in {**self.counts, **others}.items()},
            "prediction_seconds": dict(self._render_histogram()),
        }
        return "".join(
            f"# HELP spacy_eiou_{name} {text}\n# TYPE spacy_eiou_{name} {kind}\n"
            + "".join(
                f"spacy_eiou_{name}{suffix} {value}\n" for suffix, value in values[name].items()
            )
            for name, (kind, text) in HELP.items()
        )

    def _render_histogram(self) -> Iterator[Tuple[str, float]]:
        bounds = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]
        counts = list(accumulate(self._buckets))
        for bound, count in zip(bounds, counts):
            yield f'_bucket{{le="{bound}"}}', count
        yield "_sum", self._seconds
        yield "_count", counts[-1]
