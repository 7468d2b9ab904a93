from pathlib import Path

import cli_util
import pytest
import srsly

CONFIGS = Path(__file__).parents[2] / "configs"
CORPUS = {
    "lang": "en",
    "tokenizer": "spacy_eiou.BiomedicalTokenizer.v1",
    "convert": [{"input": "notes.jsonl", "format": "jsonl", "output": ".", "split_sizes": [2, 1]}],
}


@pytest.fixture
def run(tmp_path):
    def run(config):
        srsly.write_jsonl(
            tmp_path / "notes.jsonl", [{"text": f"IL-{n}", "spans": []} for n in range(3)]
        )
        (tmp_path / "corpus.yml").write_text(srsly.yaml_dumps({**CORPUS, "config": config}))
        args = ["prepare", tmp_path / "corpus.yml", tmp_path / "out", "--assets", tmp_path]
        args += ["--config", CONFIGS / "cnn.cfg"]
        return cli_util.run(*args)

    return run


def test_parts_and_config(run, tmp_path):
    code, output = run({"training.max_steps": 7})
    assert code == 0, output
    assert "train.spacy" in output and "Generated output file (2 documents)" in output
    assert "Saved training config" in output
    assert "max_steps = 7" in (tmp_path / "out" / "config.cfg").read_text("utf8")


def test_error_is_a_message(run, tmp_path):
    code, output = run({"training.max_stepz": 7})
    assert code == 1
    assert "Can't prepare the corpus" in output and "max_stepz" in output
    assert not (tmp_path / "out").exists()
