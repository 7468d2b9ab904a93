"""Ray, Spark and an object store: the same bytes, whatever is killed. See CONTRIBUTING.md."""

import importlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
import torch
from annotation_util import TEXTS, read_local, save_model, write_texts
from test_docs import EXTERNAL, read_blocks, read_page, run_python

from spacy_eiou.annotation import annotate
from spacy_eiou.annotation.annotator import load_once
from spacy_eiou.corpora import CorpusError

pytestmark = [pytest.mark.external, pytest.mark.timeout(300)]

MODULE = importlib.import_module("spacy_eiou.annotation.annotate")
NAMES = ["out.jsonl", "out.jsonl.zst", "out.parquet", "out"]


@pytest.fixture(scope="module", autouse=True)
def small_shards():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MODULE, "STEP_SIZE", 4096)
        patch.setattr(MODULE, "SHARD_SIZE", 16384)
        yield


@pytest.fixture(autouse=True)
def no_other_cluster(monkeypatch):
    """Ray would join any cluster of this machine."""
    monkeypatch.setenv("RAY_ADDRESS", "local")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    return write_texts(tmp_path_factory.mktemp("texts") / "texts.jsonl", TEXTS * 8)


def read_output(path):
    return read_local(path if path.is_dir() else path.parent)


@pytest.fixture(scope="module")
def whole(model, texts, tmp_path_factory):
    """The files that each output consists of."""
    files = {}
    for name in NAMES:
        output = tmp_path_factory.mktemp("whole") / name
        annotate(model, texts, output)
        files[name] = read_output(output)
    return files


@pytest.fixture
def ray():
    ray = pytest.importorskip("ray")
    yield ray
    ray.shutdown()


def start(function, **options):
    """Ray gives its processes 30 seconds to start, which is little on a busy machine."""
    for _ in range(3):
        try:
            return function(**options)
        except Exception as err:
            error = err
            time.sleep(5)
    raise error


def start_ray(ray, **options):
    def init():
        ray.shutdown()
        ray.init(log_to_driver=False, include_dashboard=False, **options)

    start(init)


@pytest.fixture
def cluster(ray):
    """Two nodes, of one core each, besides the one of the driver."""
    from ray.cluster_utils import Cluster

    cluster = start(Cluster, initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(2):
        start(cluster.add_node, num_cpus=1)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture(scope="module")
def spark():
    """Two workers, each a process of its own."""
    sql = pytest.importorskip("pyspark.sql")
    builder = sql.SparkSession.builder.master("local-cluster[2,1,1024]")
    session = builder.config("spark.driver.host", "127.0.0.1").getOrCreate()
    yield session
    session.stop()


@pytest.mark.parametrize("name", NAMES)
def test_ray(model, texts, whole, tmp_path, ray, name):
    start_ray(ray, num_cpus=2)
    annotate(model, texts, tmp_path / name, engine="ray")
    assert read_output(tmp_path / name) == whole[name]
    assert ray.is_initialized()


def test_ray_that_is_started_and_relative_paths(model, texts, whole, tmp_path, ray, monkeypatch):
    monkeypatch.chdir(tmp_path)
    annotate(os.path.relpath(model), texts, "out.jsonl", engine="ray", n_process=1)
    assert read_output(tmp_path / "out.jsonl") == whole["out.jsonl"]
    assert not ray.is_initialized()


def test_spark_that_is_started(model, texts, whole, tmp_path, monkeypatch):
    sql = pytest.importorskip("pyspark.sql")
    monkeypatch.chdir(tmp_path)
    annotate(os.path.relpath(model), texts, "out.jsonl", engine="spark", n_process=2)
    assert read_output(tmp_path / "out.jsonl") == whole["out.jsonl"]
    assert sql.SparkSession.getActiveSession() is None


@pytest.mark.parametrize("name", NAMES)
def test_spark(model, texts, whole, tmp_path, spark, name):
    annotate(model, texts, tmp_path / name, engine="spark")
    assert read_output(tmp_path / name) == whole[name]


@pytest.mark.parametrize("engine", ["ray", "spark"])
def test_error_is_that_of_local(model, texts, tmp_path, ray, request, engine):
    if engine == "spark":
        request.getfixturevalue("spark")
    damaged = tmp_path / "in.jsonl.gz"
    damaged.write_bytes(b"no gzip")
    errors = []
    for name in ("local", engine):
        with pytest.raises(CorpusError, match="Not a gzipped file") as error:
            annotate(model, damaged, tmp_path / "out.jsonl", engine=name)
        errors.append(str(error.value))
    assert errors[0] == errors[1]


def find_workers(engine):
    """RETURNS: The processes of this user that annotate."""
    names = {"ray": b"ray::_call_there", "spark": b"pyspark.daemon"}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if names[engine] in path.read_bytes() and is_descendant(int(path.parent.name)):
                yield int(path.parent.name)
        except OSError:
            continue


def is_descendant(pid):
    while pid > 1 and pid != os.getpid():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        pid = int(fields[1])
    return pid == os.getpid()


def kill_workers(engine, random, ended):
    """Kill workers at random instants, at most two: an engine gives up a task whose workers were
    killed again and again. RETURNS: How many."""
    n_killed = 0
    while n_killed < 2 and not ended.wait(random.uniform(0, 2)):
        # The last one of Spark is a worker rather than the daemon that starts them.
        for pid in sorted(find_workers(engine))[-1:]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                n_killed += 1
    return n_killed


@pytest.mark.timeout(600)
@pytest.mark.parametrize("engine", ["ray", "spark"])
def test_killed_processes(model, texts, whole, tmp_path, ray, request, engine):
    """Ten times, at random instants, a process is killed."""
    if engine == "spark":
        request.getfixturevalue("spark")
    else:
        start_ray(ray, num_cpus=2)
    random, output, n_killed = Random(0), tmp_path / "out.jsonl", 0
    while n_killed < 10:
        ended = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            killing = pool.submit(kill_workers, engine, random, ended)
            try:
                annotate(model, texts, output, engine=engine, force=True)
            finally:
                ended.set()
            n_killed += killing.result()
        assert read_output(output) == whole["out.jsonl"]


@pytest.mark.timeout(600)
def test_removed_nodes(model, texts, whole, tmp_path, ray, cluster):
    """Ten times, at random instants, a node goes and another one comes."""
    start(ray.init, address=cluster.address, log_to_driver=False)
    random, output, n_removed = Random(0), tmp_path / "out.jsonl", 0
    while n_removed < 10:
        # Ray starts nodes in the main thread only.
        with ThreadPoolExecutor(1) as pool:
            run = pool.submit(annotate, model, texts, output, engine="ray", force=True)
            while n_removed < 10 and not wait([run], timeout=random.uniform(0, 3)).done:
                cluster.remove_node(random.choice(sorted(cluster.worker_nodes, key=str)))
                start(cluster.add_node, num_cpus=1)
                n_removed += 1
            assert run.result().n_texts == len(TEXTS) * 8
        assert read_output(output) == whole["out.jsonl"]


@pytest.fixture(scope="module")
def bucket():
    """The address of a bucket of an S3 server on this machine."""
    server = pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    thread = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    thread.start()
    host, port = thread.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        import s3fs

        s3fs.S3FileSystem().mkdir("bucket")
        yield "s3://bucket"
    thread.stop()


def read_s3(location):
    import s3fs

    files = s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False)
    return {path.rpartition("/")[2]: files.cat_file(path) for path in files.find(location)}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("engine", ["local", "ray"])
def test_object_store(model, texts, whole, bucket, ray, name, engine):
    folder = f"{bucket}/{engine}-{name}"
    annotate(model, texts, f"{folder}/{name}", engine=engine, n_process=2)
    assert read_s3(folder) == whole[name]


@pytest.mark.parametrize("name", ["out.jsonl", "out"])
def test_object_store_and_a_killed_run(model, texts, whole, bucket, name):
    folder, random = f"{bucket}/killed-{name}", Random(name)
    arguments = {"model": model, "input_path": texts, "output_path": f"{folder}/{name}"}
    for _ in range(5):
        process = multiprocessing.get_context("fork").Process(
            target=annotate, kwargs={**arguments, "n_process": 2, "force": True}
        )
        process.start()
        process.join(random.uniform(0, 4))
        process.kill()
        process.join()
    report = annotate(**arguments, force=True)
    assert report.n_texts == len(TEXTS) * 8
    assert read_s3(folder) == whole[name]


@pytest.mark.parametrize("engine", ["ray", "spark"])
def test_threads_of_this_process_are_as_before(model, texts, tmp_path, engine, ray, request):
    if engine == "spark":
        request.getfixturevalue("spark")
    before = torch.get_num_threads()
    annotate(model, texts, tmp_path / "out.jsonl", engine=engine)
    assert torch.get_num_threads() == before
    assert load_once.cache_info().currsize == 0


def read_result(reason, namespace):
    """RETURNS: The annotated rows, and what ends the engine."""
    annotated = namespace.get("annotated")
    if reason == "needs Ray":
        return namespace["ray"].data.read_parquet("annotated").take_all(), namespace["ray"].shutdown
    if reason == "needs Spark":
        rows = [row.asDict(recursive=True) for row in annotated.collect()]
        return rows, annotated.sparkSession.stop
    if reason == "needs Dask":
        return annotated.compute().to_dict("records"), int
    return list(annotated.with_format(None)), int


def end_java():
    """End the Java of earlier tests, for which relative paths are those of another folder."""
    from pyspark import SparkContext

    if SparkContext._gateway is not None:
        SparkContext._gateway.shutdown()
        SparkContext._gateway = SparkContext._jvm = None


@pytest.mark.parametrize("reason", sorted(EXTERNAL))
def test_code_of_the_documentation(reason, tmp_path, monkeypatch):
    if reason == "needs Spark":
        end_java()
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "training").mkdir()
    save_model(tmp_path / "training" / "model-best")
    write_texts(tmp_path / "texts.jsonl")
    blocks = read_blocks(read_page("docs/scale.md"))
    assert reason in {block.reason for block in blocks}
    namespace = {}
    for block in blocks:
        if block.language == "python" and block.reason in (None, reason):
            run_python(block.code, namespace)
    rows, stop = read_result(reason, namespace)
    stop()
    assert [(row["text"], row["year"]) for row in rows] == [
        ("The mouse IL-2 gene is not expressed.", 1998),
        (None, 2001),
    ]
    assert [span["label"] for span in rows[0]["spans"]] == ["organism", "DNA"]
    assert rows[1]["spans"] is None
