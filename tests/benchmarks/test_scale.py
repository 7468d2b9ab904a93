import pytest


@pytest.fixture(scope="module")
def scale_report(import_benchmark):
    return import_benchmark("scale_report")


def make_runs(seconds, cpu_seconds, **figures):
    return [{"seconds": seconds, "cpu_seconds": cpu_seconds, "load": 0.5, **figures}] * 3


RESULTS = {
    **{f"pipe {texts}": make_runs(9, 9) for texts in ("sentences", "short", "documents")},
    **{
        f"{kind} {texts}": make_runs(seconds, cpu, n_texts=100, n_words=3600, output_mb=2)
        for kind, seconds, cpu in [("one", 10, 10), ("two", 5, 11)]
        for texts in ("sentences", "short", "documents")
    },
    "load sentences": [{"seconds": 2.5, "load": 1.0}],
    "two many": make_runs(10, 20, n_texts=1000, start_seconds=1),
    "ray many": make_runs(12.5, 20, n_texts=1000, start_seconds=7),
    "memory 100": make_runs(1, 1, peak_mb=500),
}


def test_ratios(scale_report):
    header, rows = scale_report.tabulate_processes(RESULTS)
    assert len(header) == len(rows[0])
    assert rows[0] == ["20,000 sentences", "10", "0.90", "1.11", "2.00", "1.10"]
    assert scale_report.tabulate_engines(RESULTS)[1] == [
        ["two processes", "100", "1.00", "1.0"],
        ["Ray, two nodes", "80", "0.80", "7.0"],
    ]
    assert scale_report.tabulate_memory(RESULTS)[1] == [["100", "500"]]


def test_costs(scale_report):
    costs = scale_report.write_costs(RESULTS)
    # 50 million / 100 x 11 s / 3,600, and a billion / 3,600 x 11 s / 3,600.
    assert "| 50 million documents of 12 words | 1527.8 | 1000 |" in costs
    assert "| 1 billion words in documents of 2,000 | 848.8 | 556 |" in costs
