import pytest
from self_training_util import write_texts

from spacy_eiou.corpora import CorpusError
from spacy_eiou.training.texts import check_texts


def test_texts_are_counted_and_others_rejected(tmp_path):
    path = write_texts(tmp_path / "a.txt", "gene", "", "x" * 21, "  ", "word", "\t", "y" * 22)
    texts = check_texts(path, max_length=20)
    assert texts.n_texts == 2
    places = [reason.split(":")[0] for reason in texts.rejected]
    assert places == [f"{path}, line 3", f"{path}, line 7"]
    assert "expected at most 20 characters, not 22" in texts.rejected[1]


def test_checksum_is_that_of_the_texts(tmp_path):
    lines = {"same": ["a", "", "b"], "a": ["a", "b"], "b": ["b", "a"], "c": ["ab"], "d": ["a"]}
    paths = [write_texts(tmp_path / f"{name}.txt", *texts) for name, texts in lines.items()]
    checksums = [check_texts(path, max_length=20).checksum for path in paths]
    assert checksums[0] == checksums[1]
    assert len(set(checksums)) == 4


@pytest.mark.parametrize(
    "lines, message",
    [
        ([], "expected texts, found nothing"),
        (["", " "], "expected texts, found nothing"),
        (["x" * 21, "y" * 21], "expected texts, found 2 other items. .*, line 1: expected at most"),
    ],
)
def test_no_texts(tmp_path, lines, message):
    path = write_texts(tmp_path / "a.txt", *lines)
    with pytest.raises(CorpusError, match=message):
        check_texts(path, max_length=20)
