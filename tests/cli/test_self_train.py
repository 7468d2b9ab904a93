from pathlib import Path
from typing import List, Tuple

import pytest
import spacy
import srsly
from spacy.tokens import Doc, DocBin, Span
from spacy.util import load_config
from thinc.api import Config
from typer.testing import CliRunner, Result

from spacy_eiou.cli import app
from spacy_eiou.cli.self_train import mix_corpus, vote
from spacy_eiou.corpora import Entity, Record, records_to_docs

CONFIG = Path(__file__).parents[2] / "configs" / "few_examples.cfg"
STEPS = ["--training.max_steps", "2", "--training.eval_frequency", "1"]


def write_docs(path: Path, n_docs: int) -> Path:
    records = [
        Record(f"note-{n}", f"gene {n} binds", (Entity(0, 6, "DNA"), Entity(0, 4, "word")))
        for n in range(n_docs)
    ]
    records_to_docs(spacy.blank("en"), records)[0].to_disk(path)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    write_docs(path / "train.spacy", 4)
    write_docs(path / "dev.spacy", 2)
    texts = [{"text": f"gene {n} moves"} for n in range(6)]
    srsly.write_jsonl(path / "texts.jsonl", texts)
    return path


def self_train(data: Path, texts: str, output_path: Path, *options: str) -> Result:
    paths = ["--paths.train", str(data / "train.spacy"), "--paths.dev", str(data / "dev.spacy")]
    arguments = [str(CONFIG), str(data / texts), "--output", str(output_path), *paths, *STEPS]
    return CliRunner().invoke(app, ["self-train", *arguments, *options])


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output_path = tmp_path_factory.mktemp("trained")
    result = self_train(data, "texts.jsonl", output_path, "--gold-share", "0.4")
    assert result.exit_code == 0, result.output
    return output_path


def read_texts(path: Path) -> List[str]:
    nlp = spacy.blank("en")
    return [doc.text for doc in DocBin().from_disk(path).get_docs(nlp.vocab)]


def test_teacher_and_student(trained: Path) -> None:
    for path in (trained / "teacher-1" / "model-best", trained / "model-best"):
        component = spacy.load(path).get_pipe("nested_spancat")
        assert set(component.labels) == {"DNA", "word"}


def test_silver_docs_are_those_that_the_teacher_annotates(data: Path, trained: Path) -> None:
    teacher = spacy.load(trained / "teacher-1" / "model-best")
    silver = list(DocBin().from_disk(trained / "silver.spacy").get_docs(teacher.vocab))
    assert [doc.text for doc in silver] == [f"gene {n} moves" for n in range(6)]
    for doc in silver:
        expected = teacher(doc.text)
        assert list(map(str, doc.spans["sc"])) == list(map(str, expected.spans["sc"]))
        assert [s.label_ for s in doc.spans["sc"]] == [s.label_ for s in expected.spans["sc"]]


def test_student_learns_from_both(data: Path, trained: Path) -> None:
    config = load_config(trained / "config.cfg")
    nlp = spacy.load(trained / "model-best")
    corpus = spacy.util.registry.resolve({"train": config["corpora"]["train"]})["train"]
    texts = [example.text for example in corpus(nlp)]
    assert texts == read_texts(trained / "silver.spacy") + read_texts(data / "train.spacy")


def test_a_teacher_of_ones_own(data: Path, trained: Path, tmp_path: Path) -> None:
    teacher = str(trained / "teacher-1" / "model-best")
    result = self_train(data, "texts.jsonl", tmp_path, "--teacher", teacher)
    assert result.exit_code == 0, result.output
    assert not list(tmp_path.glob("teacher*"))
    assert read_texts(tmp_path / "silver.spacy") == read_texts(trained / "silver.spacy")


def test_teachers_of_ones_own_vote(data: Path, tmp_path: Path) -> None:
    options: List[str] = []
    for number, word in enumerate(["gene", "moves", "gene"]):
        nlp = spacy.blank("en")
        ruler = nlp.add_pipe("span_ruler", config={"spans_key": "sc"})
        ruler.add_patterns([{"label": "word", "pattern": word}])
        nlp.to_disk(tmp_path / f"ruler-{number}")
        options += ["--teacher", str(tmp_path / f"ruler-{number}")]
    result = self_train(data, "texts.jsonl", tmp_path / "output", *options)
    assert result.exit_code == 0, result.output
    silver = DocBin().from_disk(tmp_path / "output" / "silver.spacy").get_docs(nlp.vocab)
    assert [spans(doc) for doc in silver] == [[(0, 1, "word")]] * 6


def test_teachers_with_different_tokenizers(data: Path, trained: Path, tmp_path: Path) -> None:
    teacher, other = str(trained / "teacher-1" / "model-best"), str(tmp_path / "characters")
    tokenizer = {"@tokenizers": "spacy_eiou.CharacterTokenizer.v1"}
    spacy.blank("en", config={"nlp": {"tokenizer": tokenizer}}).to_disk(other)
    options = ["--teacher", teacher, "--teacher", other]
    result = self_train(data, "texts.jsonl", tmp_path / "output", *options)
    assert result.exit_code == 1
    assert "'gene 0 moves' into different tokens" in " ".join(result.output.split())
    assert not (tmp_path / "output").exists()


def test_several_teachers(data: Path, tmp_path: Path) -> None:
    result = self_train(data, "texts.jsonl", tmp_path, "--n-teachers", "2", "--system.seed", "7")
    assert result.exit_code == 0, result.output
    teachers = [spacy.load(tmp_path / f"teacher-{n}" / "model-best") for n in (1, 2)]
    assert [nlp.config["training"]["seed"] for nlp in teachers] == [7, 8]
    assert len({nlp.get_pipe("nested_spancat").model.to_bytes() for nlp in teachers}) == 2
    docs = [nlp("gene 4 moves") for nlp in teachers]
    silver = list(DocBin().from_disk(tmp_path / "silver.spacy").get_docs(docs[0].vocab))
    assert spans(silver[4]) == spans(vote(docs))


def make_doc(text: str, *entities: Tuple[int, int, str], key: str = "sc") -> Doc:
    doc = spacy.blank("en").make_doc(text)
    doc.spans[key] = [Span(doc, *entity) for entity in entities]
    return doc


def spans(doc: Doc, key: str = "sc") -> List[Tuple[int, int, str]]:
    return [(span.start, span.end, span.label_) for span in doc.spans[key]]


def test_vote() -> None:
    outer, inner, other = (0, 3, "DNA"), (0, 1, "word"), (0, 1, "DNA")
    annotations = [(inner, outer), (outer, other), (inner,), (outer, inner)]
    docs = [make_doc("gene 4 moves", *entities) for entities in annotations]
    assert spans(vote(docs[:1])) == [inner, outer]
    assert spans(vote(docs[:2])) == [outer]
    docs = [make_doc("gene 4 moves", *entities) for entities in annotations]
    assert spans(vote(docs)) == [inner, outer]


def test_vote_with_several_keys() -> None:
    docs = [
        make_doc("gene 4 moves", (0, 1, "word")),
        make_doc("gene 4 moves", (1, 2, "number"), key="numbers"),
        make_doc("gene 4 moves", (1, 2, "number"), key="numbers"),
    ]
    doc = vote(docs)
    assert spans(doc) == []
    assert spans(doc, "numbers") == [(1, 2, "number")]


def test_vote_on_different_tokens() -> None:
    docs = [make_doc("gene-4 moves"), make_doc("gene - 4 moves")]
    with pytest.raises(ValueError, match="'gene-4 moves' into different tokens"):
        vote(docs)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("texts.pdf", "", "expected a file that ends in"),
        ("broken.jsonl", '{"text": "gene"}\n{"text": 3}\n', "text 2"),
    ],
)
def test_texts_that_cannot_be_read(
    data: Path, trained: Path, tmp_path: Path, name: str, content: str, message: str
) -> None:
    (data / name).write_text(content, encoding="utf8")
    teacher = str(trained / "teacher-1" / "model-best")
    result = self_train(data, name, tmp_path, "--teacher", teacher)
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())
    assert not list(tmp_path.iterdir())


def test_only_the_training_corpus_is_mixed() -> None:
    config = load_config(CONFIG)
    mixed = mix_corpus(config, Path("silver.spacy"), 0.3)
    assert mixed["corpora"]["train"] == {
        "@readers": "spacy_eiou.MixedCorpus.v1",
        "gold": config["corpora"]["train"],
        "silver": {"@readers": "spacy.Corpus.v1", "path": "silver.spacy", "gold_preproc": False},
        "gold_share": 0.3,
    }
    assert Config({**mixed, "corpora": config["corpora"]}) == config
