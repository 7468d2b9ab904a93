from pathlib import Path

import pytest
import spacy
import srsly
from cli_util import run
from transformer_util import make_transformer

CONFIG = Path(__file__).parents[2] / "configs" / "few_examples_transformer.cfg"


@pytest.mark.slow
def test_command(tmp_path):
    transformer, texts_path = make_transformer(tmp_path / "transformer"), tmp_path / "texts.jsonl"
    srsly.write_jsonl(texts_path, [{"text": "the human gene"}, {"text": "a gene moves"}, {}])
    options = ["--config", CONFIG, "--size", 5, "--max-megabytes", 0.02]
    code, output = run("vectors", transformer, texts_path, tmp_path / "vectors", *options)
    assert code == 0, output
    assert "2 texts, 6 tokens, 5 distinct words" in output
    assert "45 vectors of 5 dimensions keep 100% of theirs" in output
    assert "Rejected 1 items that are no texts" in output
    assert spacy.load(tmp_path / "vectors").vocab.vectors.shape == (45, 5)


def test_tokenizer_of_the_user(tmp_path):
    (tmp_path / "code.py").write_text(
        "import spacy\n"
        "from spacy.tokenizer import Tokenizer\n\n"
        '@spacy.registry.tokenizers("cli_vectors.Spaces.v1")\n'
        "def build():\n"
        "    return lambda nlp: Tokenizer(nlp.vocab)\n",
        "utf8",
    )
    config = spacy.util.load_config(CONFIG)
    config["nlp"]["tokenizer"] = {"@tokenizers": "cli_vectors.Spaces.v1"}
    config.to_disk(tmp_path / "config.cfg")
    srsly.write_jsonl(tmp_path / "texts.jsonl", [{"text": "the gene (a)"}])
    transformer = make_transformer(tmp_path / "transformer")
    arguments = [transformer, tmp_path / "texts.jsonl", tmp_path / "vectors"]
    options = ["--config", tmp_path / "config.cfg", "--code", tmp_path / "code.py"]
    code, output = run("vectors", *arguments, *options)
    assert code == 0, output
    assert "1 texts, 3 tokens, 3 distinct words" in output
