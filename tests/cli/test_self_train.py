import cli_util
import pytest
import srsly
from self_training_util import CONFIG, make_ruler, write_data
from spacy.util import load_config

from spacy_eiou.cli.self_train import N_SHOWN


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def overrides(data):
    return write_data(data)


def run(texts_path, *options, code, **overrides):
    """RETURNS: What the command prints, with single spaces."""
    settings = [part for name, value in overrides.items() for part in (f"--{name}", str(value))]
    exit_code, output = cli_util.run("self-train", CONFIG, texts_path, *options, *settings)
    assert exit_code == code, output
    return output


@pytest.mark.slow
def test_command(data, overrides, tmp_path):
    texts = [{"text": f"gene {n} moves"} for n in range(3)]
    srsly.write_jsonl(tmp_path / "texts.jsonl", [*texts, *[{}] * (N_SHOWN + 2)])
    options = ["--teacher", make_ruler(tmp_path / "a", "gene")]
    options += ["--teacher", make_ruler(tmp_path / "b", "gene")]
    options += ["--gold-share", "0.4", "--output", str(tmp_path / "output")]
    output = run(tmp_path / "texts.jsonl", *options, code=0, **overrides)
    assert "Spans in 3 annotated texts" in output
    assert "word 3" in output
    assert "Rejected 12 items that are no texts" in output
    assert f"{tmp_path / 'texts.jsonl'}, line 4: " in output
    assert "and 2 more" in output
    assert "Kept from an earlier run" not in output
    for name in ("silver", "model-best"):
        assert str(tmp_path / "output" / name) in output
    config = load_config(tmp_path / "output" / "config.cfg")
    assert config["corpora"]["train"]["gold_share"] == 0.4
    assert config["training"]["max_steps"] == 1
    assert "Kept from an earlier run" in run(
        tmp_path / "texts.jsonl", *options, code=0, **overrides
    )


@pytest.mark.slow
def test_teachers_are_trained(data, overrides, tmp_path):
    options = ["--n-teachers", "2", "--output", str(tmp_path)]
    output = run(data / "texts.jsonl", *options, code=0, **overrides)
    assert "Teacher 2 of 2" in output
    assert (tmp_path / "teacher-2" / "model-best").exists()


@pytest.mark.parametrize(
    "options, message",
    [
        (["--gold-share", "1.5"], "gold_share of the mixed corpus must be above 0 and below 1"),
        (["--teacher", "nowhere"], "Can't find model 'nowhere'"),
        (["--gpu-id", "99"], "Can't use the GPU 99"),
        (["--training.dropout", "much"], "dropout"),
        (["--transformer-teaches"], "Expected a transformer"),
    ],
)
def test_errors_are_messages(options, message, data, overrides, tmp_path):
    options = [*options, "--output", str(tmp_path / "output")]
    output = run(data / "texts.jsonl", *options, code=1, **overrides)
    assert f"Can't train with the texts '{data / 'texts.jsonl'}'" in output
    assert message in output
    assert "Traceback" not in output
    assert not (tmp_path / "output").exists()


def test_unknown_options_are_told(data, overrides, tmp_path):
    output = run(data / "texts.jsonl", "--pretain", "--output", str(tmp_path), code=2, **overrides)
    assert "No such option '--pretain'" in output.replace(": --pretain", " '--pretain'")
