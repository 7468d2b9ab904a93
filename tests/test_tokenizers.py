import pickle
from itertools import groupby

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.training import Example
from spacy.util import registry

import spacy_eiou.tokenizers  # noqa: F401

NAMES = [f"spacy_eiou.{kind}Tokenizer.v1" for kind in ("Biomedical", "Character", "Whitespace")]
BIOMEDICAL, CHARACTER, WHITESPACE = NAMES


def make_nlp(name, lang="en"):
    return spacy.blank(lang, config={"nlp": {"tokenizer": {"@tokenizers": name}}})


def get_tokens(nlp, text):
    return [token.text for token in nlp(text)]


@pytest.mark.parametrize(
    "name, text, tokens",
    [
        (BIOMEDICAL, "(IL-2)-mediated", ["(", "IL", "-", "2", ")", "-", "mediated"]),
        (BIOMEDICAL, "don't U.S.A. a_b", ["don", "'", "t", *"U.S.A.", *"a_b"]),
        (BIOMEDICAL, "β2α::X  \n 😀!", ["β2α", ":", ":", "X", " ", "\n", " ", "😀", "!"]),
        (BIOMEDICAL, "http://a.b/c", ["http", ":", "/", "/", "a", ".", "b", "/", "c"]),
        (CHARACTER, "肺 炎\n😀\x00", ["肺", " ", "炎", "\n", "😀", "\x00"]),
        (WHITESPACE, "<id> can't a/c (u/s).", ["<id>", "can't", "a/c", "(u/s)."]),
    ],
)
def test_tokens(name, text, tokens):
    assert get_tokens(make_nlp(name), text) == tokens


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lang", ["en", "zh", "ja", "xx"])
def test_every_language_can_use_them(name, lang):
    nlp = make_nlp(name, lang)
    assert nlp.config["nlp"]["tokenizer"] == {"@tokenizers": name}
    nlp.initialize()
    assert nlp("肺炎 a").text == "肺炎 a"


NLP = {name: make_nlp(name) for name in NAMES}


# spaCy's strings hold no surrogates.
TEXT_CHARACTERS = st.characters(exclude_categories=["Cs"])


@given(st.sampled_from(NAMES), st.text(alphabet=TEXT_CHARACTERS | st.sampled_from(" -(\n")))
def test_text_is_preserved(name, text):
    assert NLP[name](text).text == text


@given(st.text(alphabet=TEXT_CHARACTERS | st.sampled_from(" -(aé1")))
def test_biomedical_tokens_are_runs_or_single_characters(text):
    expected = []
    for word in text.split():
        for is_run, characters in groupby(word, str.isalnum):
            run = list(characters)
            expected += ["".join(run)] if is_run else run
    tokens = get_tokens(NLP[BIOMEDICAL], text)
    assert [token for token in tokens if not token.isspace()] == expected


@given(st.text(alphabet=TEXT_CHARACTERS))
def test_each_character_is_a_token(text):
    assert get_tokens(NLP[CHARACTER], text) == list(text)


@pytest.mark.parametrize("name", NAMES)
def test_serialization(name, tmp_path):
    nlp = make_nlp(name)
    text = "(IL-2)-mediated  can't 肺炎"
    tokens = get_tokens(nlp, text)
    nlp.to_disk(tmp_path)
    assert get_tokens(spacy.load(tmp_path), text) == tokens
    assert get_tokens(make_nlp(name).from_bytes(nlp.to_bytes()), text) == tokens
    other = registry.tokenizers.get(name)()(spacy.blank("en"))
    other.from_bytes(nlp.tokenizer.to_bytes())
    assert [token.text for token in other(text)] == tokens
    assert [token.text for token in pickle.loads(pickle.dumps(nlp.tokenizer))(text)] == tokens


def test_character_tokenizer_pipes_and_scores():
    nlp = NLP[CHARACTER]
    docs = list(nlp.tokenizer.pipe(["肺炎", ""]))
    assert [len(doc) for doc in docs] == [2, 0]
    example = Example(nlp.make_doc("肺炎"), nlp.make_doc("肺炎"))
    assert nlp.tokenizer.score([example])["token_f"] == 1.0
