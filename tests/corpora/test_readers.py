import subprocess
import sys

from spacy_eiou import corpora


def test_formats():
    assert list(corpora.READERS) == [
        "genia",
        "cmeee",
        "cmeee-json",
        "maintie",
        "brat",
        "iob2",
        "conll",
        "jsonl",
        "label-studio",
        "docbin",
    ]
    assert set(corpora.__all__) >= {reader.__name__ for reader in corpora.READERS.values()}


def test_torch_is_not_needed():
    code = "import sys; sys.modules['torch'] = None; import spacy_eiou.corpora"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
