from spacy_eiou.annotation.server.metrics import Metrics


def test_text_that_prometheus_reads():
    metrics = Metrics()
    metrics.requests["/annotate", 200] = 12_345_678
    for seconds in (0.005, 0.006, 100):
        metrics.observe(seconds)
    lines = metrics.render(batches_total=3, waiting_texts=0).splitlines()
    assert lines[:3] == [
        "# HELP spacy_eiou_requests_total Requests by path and status.",
        "# TYPE spacy_eiou_requests_total counter",
        'spacy_eiou_requests_total{path="/annotate",status="200"} 12345678',
    ]
    assert "spacy_eiou_batches_total 3" in lines
    prefix = "spacy_eiou_prediction_seconds_"
    counts = [line.removeprefix(prefix) for line in lines if line.startswith(prefix)]
    assert counts[:2] == ['bucket{le="0.005"} 1', 'bucket{le="0.01"} 2']
    assert counts[-4:] == ['bucket{le="60"} 2', 'bucket{le="+Inf"} 3', "sum 100.011", "count 3"]
