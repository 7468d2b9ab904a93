import json
import re
from pathlib import Path

from spacy_eiou.corpora import CorpusError
from spacy_eiou.corpora.formats import FORMATS, Sample


def assert_malformed(read, pattern):
    """Check what is malformed, as a reader tells it: of an item in its record, of a file as a whole
    in its error."""
    try:
        problems = [problem for record in read() for problem in record.bad]
    except CorpusError as err:
        problems = [str(err)]
    assert any(re.search(pattern, problem) for problem in problems), problems


def write(content, path="a"):
    """Write a file with a content: bytes, text, or else what becomes JSON."""
    if not isinstance(content, bytes):
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        content = text.encode("utf8")
    Path(path).write_bytes(content)


def read_drafts(name, content, path="a", **options):
    """RETURNS (List[Draft]): What a file with a content, text or JSON, states in a format."""
    write(content, path)
    return list(FORMATS[name].read_file(Path(path), **options))


def read_records(name, content, path="a", **options):
    """RETURNS (List[Record]): The records of such a file."""
    write(content, path)
    return list(FORMATS[name].read([Path(path)], **options))


def read_problems(name, content, path="a", **options):
    """RETURNS (List[str]): What is malformed in such a file, each as a whole message."""
    try:
        return [
            problem
            for draft in read_drafts(name, content, path, **options)
            for problem in draft.bad
        ]
    except CorpusError as err:
        return [str(err)]


def recognizes(name, content, path="a"):
    """RETURNS (bool): Whether such a file is recognized as one in the format."""
    write(content, path)
    return FORMATS[name].recognizes(Sample(Path(path)))
