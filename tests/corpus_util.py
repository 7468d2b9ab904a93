import re

from spacy_eiou.corpora import CorpusError


def assert_malformed(read, pattern):
    """Check what is malformed, as a reader tells it: of an item in its record, of a file as a whole
    in its error."""
    try:
        problems = [problem for record in read() for problem in record.bad]
    except CorpusError as err:
        problems = [str(err)]
    assert any(re.search(pattern, problem) for problem in problems), problems
