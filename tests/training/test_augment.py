import random
import warnings

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Corpus, Example
from spacy.util import fix_random_seed, registry
from thinc.api import Config

from spacy_eiou.training import create_mention_replacement_augmenter
from spacy_eiou.training.augment import find_mentions

NLP = spacy.blank("en")


def make_doc(words, spans=(), spaces=None, **annotation):
    doc = Doc(NLP.vocab, words=words.split(), spaces=spaces, **annotation)
    doc.spans["sc"] = [Span(doc, start, end, label=label) for start, end, label in spans]
    return doc


def make_example(doc):
    return Example(NLP.make_doc(doc.text), doc)


def augment(augmenter, doc):
    (example,) = augmenter(NLP, make_example(doc))
    return example


def get_spans(doc):
    return sorted((span.start, span.end, span.label_) for span in doc.spans["sc"])


def get_outermost_labels(doc):
    boundaries = [(span.start, span.end) for span in doc.spans["sc"]]
    return sorted(
        span.label_
        for span in doc.spans["sc"]
        if not any(
            start <= span.start and span.end <= end and (start, end) != (span.start, span.end)
            for start, end in boundaries
        )
    )


@pytest.fixture
def replace_all(monkeypatch):
    monkeypatch.setattr("spacy_eiou.training.augment.REPLACEMENT_PROBABILITY", 1.0)


@pytest.fixture
def augmenter(replace_all):
    """Augments everything, and knows one DNA with a protein in it and one protein."""
    augmenter = create_mention_replacement_augmenter(1.0)
    known = [(0, 3, "DNA"), (0, 2, "protein"), (4, 5, "protein")]
    augment(augmenter, make_doc("NF-kappa B gene , IL-2", known))
    return augmenter


def test_nested_spans_move_along(augmenter):
    spans = [(2, 3, "cell"), (3, 4, "DNA"), (5, 6, "DNA"), (5, 6, "cell"), (6, 8, "virus")]
    spaces = [True, True, True, False, True, True, False, True, False]
    example = augment(augmenter, make_doc("We saw cells X in Y EBV II .", spans, spaces))
    doc = example.reference
    assert doc.text == "We saw cells NF-kappa B genein Y EBVII ."
    assert get_spans(doc) == [
        (2, 3, "cell"),
        (3, 5, "protein"),
        (3, 6, "DNA"),
        (7, 8, "DNA"),
        (7, 8, "cell"),
        (8, 10, "virus"),
    ]
    assert "NF-kappa B" in [span.text for span in doc.spans["sc"]]
    assert example.predicted.text == doc.text
    assert [token.text for token in example.predicted] == [token.text for token in doc]
    assert len(example.predicted.spans) == 0


def test_shorter_mention(augmenter):
    spans = [(1, 4, "protein"), (1, 2, "cell"), (4, 6, "RNA")]
    doc = augment(augmenter, make_doc("The T cell receptor mRNA II", spans)).reference
    assert doc.text.split() == ["The", "IL-2", "mRNA", "II"]
    assert get_spans(doc) == [(1, 2, "protein"), (2, 4, "RNA")]


def test_several_labels_on_the_same_boundaries_are_one_mention(replace_all):
    augmenter = create_mention_replacement_augmenter(1.0)
    augment(augmenter, make_doc("A B", [(0, 1, "x"), (0, 1, "y"), (1, 2, "x")]))
    doc = augment(augmenter, make_doc("c d", [(0, 2, "y"), (0, 2, "x"), (0, 1, "x")])).reference
    assert doc.text.strip() == "A"
    assert get_spans(doc) == [(0, 1, "x"), (0, 1, "y")]


@pytest.mark.parametrize(
    "spans",
    [
        [(0, 2, "protein"), (1, 3, "protein")],
        [(0, 3, "protein"), (1, 2, "DNA"), (2, 4, "cell")],
        [(2, 2, "protein")],
        [],
    ],
)
def test_crossing_and_empty_spans_stay(augmenter, spans):
    doc = make_doc("a b c d", spans)
    example = augment(augmenter, doc)
    assert example.reference is doc


def test_spans_that_cross_within_a_mention_move_along(replace_all):
    augmenter = create_mention_replacement_augmenter(1.0)
    augment(augmenter, make_doc("a b c", [(0, 3, "x"), (0, 2, "y"), (1, 3, "z")]))
    doc = augment(augmenter, make_doc("m n", [(1, 2, "x")])).reference
    assert doc.text.split() == ["m", "a", "b", "c"]
    assert get_spans(doc) == [(1, 3, "y"), (1, 4, "x"), (2, 4, "z")]


@pytest.mark.parametrize(
    "sent_starts,expected",
    [
        ([True, False, True, False], [True, False, True, False, False, False]),
        ([True, None, True, None], [True, None, True, None, None, None]),
        ([True, None, None, None], [True, None, None, None, None, None]),
    ],
)
def test_sentence_starts(augmenter, sent_starts, expected):
    doc = make_doc("a . B c", [(2, 3, "DNA")], sent_starts=sent_starts)
    doc = augment(augmenter, doc).reference
    assert [token.text for token in doc] == ["a", ".", "NF-kappa", "B", "gene", "c"]
    assert [token.is_sent_start for token in doc] == expected


def test_mention_that_crosses_sentences_stays(augmenter):
    doc = make_doc("a . B c", [(0, 3, "DNA")], sent_starts=[True, False, True, False])
    assert augment(augmenter, doc).reference is doc


def test_ids_categories_and_user_data_are_kept(replace_all):
    augmenter = create_mention_replacement_augmenter(1.0)
    known = make_doc("A")
    known.spans["sc"] = [Span(known, 0, 1, label="x", kb_id="Q1", span_id="s")]
    augment(augmenter, known)
    doc = make_doc("b c", [(0, 1, "x")])
    doc.cats = {"sport": 1.0}
    doc.spans["sc"].append(Span(doc, 1, 2, label="y", kb_id="Q2"))
    doc.user_data.update({"record_id": "r-1", "group": "r"})
    doc = augment(augmenter, doc).reference
    assert {(span.text, span.kb_id_, span.id_) for span in doc.spans["sc"]} == {
        ("A", "Q1", "s"),
        ("c", "Q2", ""),
    }
    assert doc.cats == {"sport": 1.0}
    assert doc.user_data == {"record_id": "r-1", "group": "r"}


def add_group(doc):
    doc.spans["other"] = []


def add_group_attrs(doc):
    doc.spans["sc"].attrs["scores"] = [1.0]


def add_tag(doc):
    doc[0].tag_ = "NN"


def add_lemma(doc):
    doc[0].lemma_ = "b"


def add_entities(doc):
    doc.ents = [Span(doc, 0, 1, label="x")]


def add_absence_of_entities(doc):
    doc.ents = []


def add_heads(doc):
    doc[0].dep_ = "ROOT"


def add_custom_attribute(doc):
    doc.user_data[("._.", "certain", 0, 1)] = True


@pytest.mark.parametrize(
    "annotate,name",
    [
        (add_group, "spans['other']"),
        (add_group_attrs, "spans['sc'].attrs"),
        (add_tag, "TAG"),
        (add_lemma, "LEMMA"),
        (add_entities, "ENT_IOB"),
        (add_absence_of_entities, "ENT_IOB"),
        (add_heads, "DEP"),
        (add_custom_attribute, "._.certain"),
    ],
)
def test_examples_with_other_annotation_stay(augmenter, annotate, name):
    doc = make_doc("b c", [(0, 1, "DNA")])
    annotate(doc)
    with pytest.warns(UserWarning) as caught:
        assert augment(augmenter, doc).reference is doc
        assert augment(augmenter, doc).reference is doc
    assert len(caught) == 1
    assert f"such as {name}." in str(caught[0].message)
    assert caught[0].filename == __file__


def test_attributes_of_the_doc_do_not_hinder(augmenter):
    doc = make_doc("b", [(0, 1, "DNA")])
    doc.user_data[("._.", "source", None, None)] = "web"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        doc = augment(augmenter, doc).reference
    assert doc.user_data == {("._.", "source", None, None): "web"}
    assert [token.text for token in doc] == ["NF-kappa", "B", "gene"]


def test_draws_are_uniform_over_distinct_other_mentions(replace_all):
    fix_random_seed(0)
    augmenter = create_mention_replacement_augmenter(1.0)
    frequent = make_doc("a a a a a a", [(i, i + 1, "x") for i in range(6)])
    augment(augmenter, frequent)
    augment(augmenter, make_doc("b c", [(0, 1, "x"), (1, 2, "x")]))
    doc = make_doc("c", [(0, 1, "x")])
    drawn = [augment(augmenter, doc).reference[0].text for _ in range(1000)]
    assert set(drawn) == {"a", "b"}
    assert 450 < drawn.count("a") < 550


def test_half_of_the_mentions_and_the_level_of_the_examples():
    fix_random_seed(0)
    augmenter = create_mention_replacement_augmenter(0.3)
    augment(augmenter, make_doc("a b", [(0, 1, "x"), (1, 2, "x")]))
    doc = make_doc("a " * 10, [(i, i + 1, "x") for i in range(10)])
    examples = [augment(augmenter, doc) for _ in range(1000)]
    changed = [example.reference for example in examples if example.reference is not doc]
    assert 250 < len(changed) < 350
    n_replaced = sum(token.text == "b" for doc in changed for token in doc)
    assert 4.8 < n_replaced / len(changed) < 5.2


@pytest.mark.parametrize("level", [-0.1, 1.1, float("nan")])
def test_level_is_checked(level):
    with pytest.raises(ValueError, match="between 0 and 1"):
        create_mention_replacement_augmenter(level)


def test_spans_key(replace_all):
    augmenter = create_mention_replacement_augmenter(1.0, spans_key="genes")
    docs = [make_doc("a"), make_doc("b c"), make_doc("d")]
    for doc in docs[:2]:
        del doc.spans["sc"]
        doc.spans["genes"] = [Span(doc, 0, len(doc), label="x")]
    with pytest.warns(UserWarning, match="under 'genes', .* no other key than 'sc'") as caught:
        assert augment(augmenter, docs[2]).reference is docs[2]
        assert augment(augmenter, docs[2]).reference is docs[2]
    assert len(caught) == 1
    assert caught[0].filename == __file__
    augment(augmenter, docs[0])
    assert augment(augmenter, docs[1]).reference.text.strip() == "a"


@st.composite
def docs(draw):
    words = draw(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=8))
    spaces = [draw(st.booleans()) for _ in words]
    indices = st.integers(0, len(words) - 1)
    label = st.sampled_from(["x", "y"])
    bounds = draw(st.lists(st.tuples(indices, indices, label), max_size=5, unique=True))
    spans = [(min(a, b), max(a, b) + 1, label) for a, b, label in bounds]
    return make_doc(" ".join(words), spans, spaces)


CORPORA = st.lists(docs(), min_size=1, max_size=5)
SEEDS = st.integers(0, 1000)


@given(docs())
def test_mentions_are_outermost_and_cross_nothing(doc):
    boundaries = {(span.start, span.end) for span in doc.spans["sc"]}
    expected = {
        (start, end)
        for start, end in boundaries
        if all(
            (start <= other_start and other_end <= end) or other_end <= start or end <= other_start
            for other_start, other_end in boundaries
        )
    }
    mentions = find_mentions(doc.spans["sc"])
    assert [(slot.start, slot.end) for slot, _ in mentions] == sorted(expected)
    for slot, mention in mentions:
        assert mention.words == tuple(token.text for token in slot)


@given(CORPORA, SEEDS)
def test_variants_keep_context_and_outermost_labels(corpus, seed):
    random.seed(seed)
    augmenter = create_mention_replacement_augmenter(1.0)
    for doc in corpus * 3:
        example = augment(augmenter, doc)
        variant = example.reference
        assert get_outermost_labels(variant) == get_outermost_labels(doc)
        assert all(0 <= span.start < span.end <= len(variant) for span in variant.spans["sc"])
        assert get_context(variant) == get_context(doc)
        assert example.predicted.text == variant.text


def get_context(doc):
    """The words outside of what may be replaced, and all that crosses."""
    slots = [slot for slot, _ in find_mentions(doc.spans["sc"])]
    inside = {i for slot in slots for i in range(slot.start, slot.end)}
    words = [token.text_with_ws for token in doc if token.i not in inside]
    endings = [slot[-1].whitespace_ for slot in slots]
    crossing = [(span.text, span.label_) for span in doc.spans["sc"] if span.start not in inside]
    return words, endings, sorted(crossing)


@given(CORPORA, SEEDS)
def test_every_mention_of_a_variant_has_been_seen(corpus, seed):
    random.seed(seed)
    augmenter = create_mention_replacement_augmenter(1.0)
    seen = set()
    for doc in corpus:
        seen.update(mention for _, mention in find_mentions(doc.spans["sc"]))
        variant = augment(augmenter, doc).reference
        found = {mention for _, mention in find_mentions(variant.spans["sc"])}
        assert found <= seen


@given(CORPORA)
def test_level_zero_is_identity(corpus):
    augmenter = create_mention_replacement_augmenter(0.0)
    examples = [make_example(doc) for doc in corpus]
    assert [list(augmenter(NLP, example)) for example in examples] == [[eg] for eg in examples]


CONFIG = """
[corpora]

[corpora.train]
@readers = "spacy.Corpus.v1"
path = null
gold_preproc = false

[corpora.train.augmenter]
@augmenters = "spacy_eiou.mention_replacement.v1"
level = 0.5
"""


def test_config_and_seed(tmp_path):
    path = tmp_path / "train.spacy"
    words = ["p q r", "s t", "u v w z", "k l"]
    corpus = [make_doc(text, [(0, 2, "x"), (1, 2, "y")]) for text in words]
    DocBin(docs=corpus, store_user_data=True).to_disk(path)
    texts = []
    for seed in (1, 1, 2):
        fix_random_seed(seed)
        config = Config().from_str(CONFIG, overrides={"corpora.train.path": str(path)})
        reader = registry.resolve(config)["corpora"]["train"]
        assert isinstance(reader, Corpus)
        texts.append([example.reference.text for _ in range(5) for example in reader(NLP)])
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]
    assert texts[0] != [doc.text for doc in corpus] * 5
