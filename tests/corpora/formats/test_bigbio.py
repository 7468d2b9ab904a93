import pytest

from corpus_util import read_drafts, read_problems, recognizes
from spacy_eiou.corpora.draft import Mention

pytestmark = pytest.mark.usefixtures("in_tmp_path")

WHERE = "a, line 1"
TITLE = {"id": "1", "type": "title", "text": ["Naloxone 😀 reverses"], "offsets": [[0, 19]]}
ABSTRACT = {"id": "2", "type": "abstract", "text": ["clonidine"], "offsets": [[21, 30]]}
DRUG = {"type": "Chemical", "text": ["Naloxone"], "offsets": [[0, 8]]}
LINKS = [
    {"db_name": "MESH", "db_id": "D009270"},
    {"db_name": "X", "db_id": ""},
    {"db_name": "UMLS", "db_id": "C0027358"},
]


def make_document(*entities, passages=(ABSTRACT, TITLE)):
    return {
        "id": "0",
        "document_id": "227508",
        "passages": list(passages),
        "entities": list(entities),
        "relations": [],
    }


@pytest.mark.parametrize(
    "entity, mention",
    [
        (DRUG, Mention(0, 8, "Chemical", "Naloxone", "", WHERE)),
        (
            {**DRUG, "normalized": LINKS},
            Mention(0, 8, "Chemical", "Naloxone", "MESH:D009270|UMLS:C0027358", WHERE),
        ),
        ({**DRUG, "text": []}, Mention(0, 8, "Chemical", None, "", WHERE)),
        (
            {"type": "Chemical", "text": ["Nalo", "reverses"], "offsets": [[0, 4], [11, 19]]},
            Mention(0, 19, "Chemical", "Nalo reverses", "", WHERE, ((0, 4), (11, 19))),
        ),
    ],
)
def test_entities(entity, mention):
    (draft,) = read_drafts("jsonl", make_document(entity))
    assert (draft.text, draft.id) == ("Naloxone 😀 reverses  clonidine", "227508")
    assert draft.mentions == [mention]


@pytest.mark.parametrize(
    "entity, problem",
    [
        (1, "a, line 1: expected an object with 'start', not 1"),
        ({**DRUG, "normalized": 3}, "a, line 1: expected list, not 3"),
        ({**DRUG, "normalized": [3]}, "a, line 1: expected an object with 'db_name', not 3"),
        (
            {**DRUG, "normalized": [{"db_name": "X", "db_id": 7}]},
            "a, line 1, 'db_id': expected str, not 7",
        ),
    ],
)
def test_entity_that_is_malformed(entity, problem):
    (draft,) = read_drafts("jsonl", make_document(entity, DRUG))
    assert draft.bad == [problem]
    assert [mention.text for mention in draft.mentions] == ["Naloxone"]


@pytest.mark.parametrize(
    "passage",
    [
        {**ABSTRACT, "offsets": [[18, 27]]},
        {**ABSTRACT, "offsets": [[21, 31]]},
        {**ABSTRACT, "offsets": [[21]]},
        {**ABSTRACT, "text": "clonidine"},
        {**ABSTRACT, "offsets": [["21", "30"]]},
    ],
)
def test_passages_that_are_malformed(passage):
    (problem,) = read_problems("jsonl", make_document(passages=[TITLE, passage]))
    assert problem.startswith("a, line 1")


@pytest.mark.parametrize(
    "name, item, expected",
    [
        ("jsonl", make_document(DRUG), True),
        ("bioc", make_document(DRUG), False),
        ("json", [make_document()], True),
        ("bioc", {"passages": [{"offset": 0, "text": "a"}]}, True),
    ],
)
def test_is_told_from_bioc(name, item, expected):
    assert recognizes(name, item) is expected


def test_fields_of_that_name_mean_nothing_elsewhere():
    entity = {"start": 0, "end": 4, "label": "gene", "normalized": "IL2", "text": ["IL-2"]}
    (draft,) = read_drafts("jsonl", {"text": "IL-2", "spans": [entity]})
    assert (draft.mentions, draft.bad) == ([Mention(0, 4, "gene", where=WHERE)], [])
