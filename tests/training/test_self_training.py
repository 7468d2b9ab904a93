import os
import shutil
import signal
import sys
import warnings
from itertools import count
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
import spacy
import srsly
from self_training_util import CONFIG, get_spans, make_ruler, write_data
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.util import load_config, registry
from thinc.api import Config

from spacy_eiou.corpora import CorpusError
from spacy_eiou.corpora.docbin import read_docs
from spacy_eiou.models.torch_layers import one_thread
from spacy_eiou.training import SelfTraining, self_train, self_training, silver
from spacy_eiou.training.self_training import find_data, find_initial, mix_corpus
from spacy_eiou.training.silver import vote

TEXTS = [f"gene {n} moves" for n in range(6)]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def overrides(data):
    return write_data(data)


@pytest.fixture(scope="module")
def trained(data, overrides, tmp_path_factory):
    output_path = tmp_path_factory.mktemp("trained")
    texts_path = data / "texts.jsonl"
    return self_train(CONFIG, texts_path, output_path, overrides=overrides, gold_share=0.4)


def read_silver(path):
    return list(read_docs(path, spacy.blank("en").vocab))


def get_files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_result(trained):
    path = trained.silver_path.parent
    docs = read_silver(path / "silver")
    labels = [span.label_ for doc in docs for span in doc.spans["sc"]]
    assert trained == SelfTraining(
        teachers=[path / "teacher-1" / "model-best"],
        silver_path=path / "silver",
        model_path=path / "model-best",
        n_texts=6,
        n_spans={label: labels.count(label) for label in set(labels)},
        rejected=[],
        kept=[],
    )
    for model_path in (*trained.teachers, trained.model_path):
        component = spacy.load(model_path).get_pipe("nested_spancat")
        assert set(component.labels) == {"DNA", "word"}


def test_silver_docs_are_those_that_the_teacher_annotates(trained):
    teacher = spacy.load(trained.teachers[0])
    docs = read_silver(trained.silver_path)
    assert [doc.text for doc in docs] == TEXTS
    assert [get_spans(doc) for doc in docs] == [sorted(get_spans(teacher(text))) for text in TEXTS]


def test_final_pipeline_learns_from_both(data, trained):
    config = load_config(trained.silver_path.parent / "config.cfg")
    corpus = registry.resolve({"train": config["corpora"]["train"]})["train"]
    texts = [example.text for example in corpus(spacy.load(trained.model_path))]
    gold = [doc.text for doc in read_silver(data / "train.spacy")]
    assert sorted(texts) == sorted([*TEXTS, *gold])


def test_teachers_of_ones_own_vote(data, overrides, tmp_path):
    words = ["gene", "moves", "gene"]
    teachers = [make_ruler(tmp_path / str(n), word) for n, word in enumerate(words)]
    result = self_train(
        CONFIG, data / "texts.jsonl", tmp_path / "output", teachers=teachers, overrides=overrides
    )
    assert result.teachers == [Path(teacher) for teacher in teachers]
    assert result.n_spans == {"word": 6}
    assert [get_spans(doc) for doc in read_silver(result.silver_path)] == [[(0, 1, "word")]] * 6
    assert not list((tmp_path / "output").glob("teacher*"))


@pytest.mark.slow
def test_trained_teachers_vote_beside_others(data, overrides, trained, tmp_path):
    texts_path = data / "texts.jsonl"
    options = {"teachers": trained.teachers, "n_teachers": 1, "overrides": overrides}
    result = self_train(CONFIG, texts_path, tmp_path, **options)
    assert result.teachers == [*trained.teachers, tmp_path / "teacher-1" / "model-best"]


@pytest.mark.slow
def test_several_teachers(data, overrides, tmp_path):
    settings = {**overrides, "system.seed": 7}
    result = self_train(CONFIG, data / "texts.jsonl", tmp_path, n_teachers=2, overrides=settings)
    teachers = [spacy.load(path) for path in result.teachers]
    assert [nlp.config["training"]["seed"] for nlp in teachers] == [7, 8]
    assert spacy.load(result.model_path).config["training"]["seed"] == 7
    assert len({nlp.get_pipe("nested_spancat").model.to_bytes() for nlp in teachers}) == 2
    docs = read_silver(result.silver_path)
    expected = [vote([nlp(text) for nlp in teachers]) for text in TEXTS]
    assert [get_spans(doc) for doc in docs] == [get_spans(doc) for doc in expected]


def test_what_is_no_text_is_rejected(data, overrides, tmp_path):
    texts_path = tmp_path / "texts.jsonl"
    texts_path.write_text('{"text": "gene"}\n{"text": 3}\n\n{"text": ""}\n{"txt": "gene"}\n')
    teachers = [make_ruler(tmp_path / "ruler", "gene")]
    output_path = tmp_path / "output"
    result = self_train(CONFIG, texts_path, output_path, teachers=teachers, overrides=overrides)
    assert result.n_texts == 1
    assert [reason.split(":")[0] for reason in result.rejected] == [
        f"{texts_path}, line 2, 'text'",
        f"{texts_path}, line 5",
    ]
    assert [doc.text for doc in read_silver(result.silver_path)] == ["gene"]


def test_components_keep_their_source(data, overrides, trained, tmp_path):
    config = load_config(CONFIG)
    config["components"]["tok2vec"] = {"source": str(trained.teachers[0])}
    config["components"]["nested_spancat"]["model"]["tok2vec"]["width"] = 16
    config["training"]["frozen_components"] = ["tok2vec"]
    config["training"]["annotating_components"] = ["tok2vec"]
    config.to_disk(tmp_path / "config.cfg")
    settings = {name: value for name, value in overrides.items() if "tok2vec" not in name}
    result = self_train(
        tmp_path / "config.cfg",
        data / "texts.jsonl",
        tmp_path / "output",
        teachers=trained.teachers,
        overrides=settings,
    )
    paths = [trained.teachers[0], result.model_path]
    weights = [spacy.load(path).get_pipe("tok2vec").model.to_bytes() for path in paths]
    assert weights[0] == weights[1]


def test_only_the_training_corpus_is_mixed():
    config = load_config(CONFIG)
    mixed = mix_corpus(config, Path("silver"), 0.3)
    assert mixed["corpora"]["train"] == {
        "@readers": "spacy_eiou.MixedCorpus.v1",
        "gold": config["corpora"]["train"],
        "silver": {"@readers": "spacy_eiou.Corpus.v1", "path": "silver", "gold_preproc": False},
        "gold_share": 0.3,
    }
    assert Config({**mixed, "corpora": config["corpora"]}) == config


@pytest.mark.parametrize("silent", [True, False])
def test_nothing_is_printed_unless_asked(silent, data, overrides, tmp_path, capfd):
    self_train(CONFIG, data / "texts.jsonl", tmp_path, overrides=overrides, silent=silent)
    output, errors = capfd.readouterr()
    assert (output + errors == "") == silent
    for words in ("Teacher 1 of 1", "Annotating texts", "SPANS_SC_F"):
        assert (words in output) != silent


# Everything is checked before time is spent.


@pytest.fixture
def no_training(monkeypatch):
    def train(*args, **kwargs):
        raise AssertionError("Too late")

    monkeypatch.setattr(self_training, "train", train)
    monkeypatch.setattr(silver, "vote", train)


def empty_docs(path):
    DocBin(docs=[Doc(spacy.blank("en").vocab)]).to_disk(path)
    return path


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"gold_share": 0.0}, ValueError, "above 0 and below 1, but is 0.0"),
        ({"gold_share": 1.0}, ValueError, "above 0 and below 1, but is 1.0"),
        ({"n_teachers": 0}, ValueError, "at least one teacher to train, not 0"),
        ({"use_gpu": 99}, ValueError, "Can't use the GPU 99"),
        ({"training.dropout": "much"}, ValueError, "dropout"),
        ({"training.max_stps": 1}, ValueError, "spaCy doesn't know: 'training.max_stps'"),
        ({"components.nested_spancat.factory": "nested_spancta"}, ValueError, "nested_spancta"),
        ({"nlp.pipeline": ["tok2vec"]}, ValueError, "a component that writes spans"),
        ({"paths.train": None}, ValueError, "Expected the path of a .spacy file"),
        ({"paths.train": "nowhere/train.spacy"}, OSError, "nowhere/train.spacy"),
        ({"paths.dev": "nowhere/dev.spacy"}, OSError, "nowhere/dev.spacy"),
        ({"components.nested_spancat.spans_key": "spans"}, ValueError, "under the key 'spans'"),
        ({"teachers": ["no_such_teacher"]}, OSError, "Can't find model 'no_such_teacher'"),
    ],
    ids=str,
)
def test_arguments_and_config_are_checked(
    arguments: Dict[str, Any],
    error: type,
    message: str,
    data: Path,
    overrides: Dict[str, Any],
    tmp_path: Path,
    no_training: None,
) -> None:
    settings = {name: value for name, value in arguments.items() if "." in name}
    others = {name: value for name, value in arguments.items() if "." not in name}
    with pytest.raises(error, match=message):
        self_train(
            CONFIG,
            data / "texts.jsonl",
            tmp_path / "output",
            overrides={**overrides, **settings},
            **others,
        )
    assert not (tmp_path / "output").exists()


def test_dev_documents_are_checked(data, overrides, tmp_path, no_training):
    settings = {**overrides, "paths.dev": str(empty_docs(tmp_path / "dev.spacy"))}
    with pytest.raises(CorpusError, match=r"\[corpora.dev\]: expected annotated documents"):
        self_train(CONFIG, data / "texts.jsonl", tmp_path / "output", overrides=settings)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("texts.pdf", "", "expected a file that ends in"),
        ("texts.txt", "", "expected texts, found nothing"),
        ("texts.jsonl", '{"text": 3}\n{"text": 4}\n', "expected texts, found 2 other items"),
    ],
)
def test_texts_are_checked(name, content, message, overrides, tmp_path, no_training):
    (tmp_path / name).write_text(content)
    with pytest.raises(CorpusError, match=message):
        self_train(CONFIG, tmp_path / name, tmp_path / "output", overrides=overrides)
    assert not (tmp_path / "output").exists()


CHARACTERS = {"nlp": {"tokenizer": {"@tokenizers": "spacy_eiou.CharacterTokenizer.v1"}}}


@pytest.mark.parametrize(
    "teacher, message",
    [
        (CHARACTERS, "has another tokenizer than the pipeline to train"),
        ({"spans_key": "other"}, "the spans keys that .* learns: sc. It writes: other."),
    ],
)
def test_teachers_are_checked(teacher, message, data, overrides, tmp_path, no_training):
    teachers = [
        make_ruler(tmp_path / "good", "gene"),
        make_ruler(tmp_path / "a", "gene", **teacher),
    ]
    with pytest.raises(CorpusError, match=f"The teacher '{teachers[1]}' .*{message}"):
        self_train(
            CONFIG, data / "texts.jsonl", tmp_path / "b", teachers=teachers, overrides=overrides
        )
    assert not (tmp_path / "b").exists()


def test_rules_of_the_tokenizer_are_checked(data, overrides, tmp_path, no_training):
    nlp = spacy.load(make_ruler(tmp_path / "ruler", "gene"))
    nlp.tokenizer.add_special_case("genes", [{"ORTH": "gene"}, {"ORTH": "s"}])
    nlp.to_disk(tmp_path / "other")
    with pytest.raises(CorpusError, match="has another tokenizer"):
        self_train(
            CONFIG,
            data / "texts.jsonl",
            tmp_path / "output",
            teachers=[tmp_path / "other"],
            overrides=overrides,
        )


@Language.component("find_first_word")
def find_first_word(doc):
    doc.spans["sc"] = [doc[:1]]
    return doc


def test_teacher_that_does_not_say_what_it_writes(data, overrides, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("find_first_word")
    nlp.to_disk(tmp_path / "teacher")
    result = self_train(
        CONFIG,
        data / "texts.jsonl",
        tmp_path / "output",
        teachers=[tmp_path / "teacher"],
        overrides=overrides,
    )
    assert result.n_spans == {"": 6}


def test_a_pipeline_is_trained_from_its_transformer_and_vectors(tmp_path):
    names = ["train.spacy", "dev.spacy", "transformer", "vectors"]
    train, dev, transformer, vectors = paths = [tmp_path / name for name in names]
    for path in paths:
        path.touch()
    config = Config(
        {
            "training": {"train_corpus": "corpora.train", "dev_corpus": "corpora.dev"},
            "corpora": {"train": {"path": str(train)}, "dev": {"path": str(dev), "limit": 0}},
            "components": {
                "transformer": {"model": {"name": str(transformer)}},
                "ner": {"model": None},
            },
            "initialize": {"vectors": str(vectors), "init_tok2vec": None},
        }
    )
    assert find_data(config) == [train, dev, vectors, transformer]
    assert find_initial(config, str(dev)) == [vectors, dev, transformer]


def test_output_is_checked(data, overrides, tmp_path, no_training):
    texts_path = data / "texts.jsonl"
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        self_train(CONFIG, texts_path, tmp_path / "file", overrides=overrides)
    teacher = make_ruler(tmp_path / "model-best", "gene")
    with pytest.raises(CorpusError, match="model-best is read, and would be lost"):
        self_train(CONFIG, texts_path, tmp_path, teachers=[teacher], overrides=overrides)
    (tmp_path / "teacher-1").mkdir()
    teacher = make_ruler(tmp_path / "teacher-1" / "model-best", "gene")
    with pytest.raises(CorpusError, match="teacher-1/model-best is read, and would be lost"):
        self_train(
            CONFIG, texts_path, tmp_path, teachers=[teacher], n_teachers=1, overrides=overrides
        )
    (tmp_path / "texts").mkdir()
    shutil.copy(texts_path, tmp_path / "texts")
    with pytest.raises(CorpusError, match="the next run would read it"):
        self_train(CONFIG, tmp_path / "texts", tmp_path / "texts" / "new", overrides=overrides)
    (tmp_path / "silver").mkdir()
    (tmp_path / "silver" / "my.spacy").touch()
    with pytest.raises(CorpusError, match="silver has files of other origin"):
        self_train(CONFIG, texts_path, tmp_path, overrides=overrides)
    assert (tmp_path / "silver" / "my.spacy").exists()


@pytest.mark.slow
def test_gpu_is_used_throughout(data, overrides, tmp_path, monkeypatch):
    calls: List[Tuple[str, int]] = []

    def record(name):
        function = getattr(self_training, name)

        def call(*args, use_gpu, **kwargs):
            calls.append((name, use_gpu))
            return function(*args, use_gpu=use_gpu, **kwargs)

        monkeypatch.setattr(self_training, name, call)

    for name in ("init_nlp", "load_pipeline", "train"):
        record(name)
    gpus: List[int] = []
    monkeypatch.setattr("spacy_eiou.pipeline.loading.require_gpu", gpus.append)
    teachers = [make_ruler(tmp_path / "ruler", "gene")]
    arguments = {"overrides": overrides, "use_gpu": 3}
    self_train(CONFIG, data / "texts.jsonl", tmp_path / "a", teachers=teachers, **arguments)
    self_train(CONFIG, data / "texts.jsonl", tmp_path / "b", **arguments)
    names = ["init_nlp", "load_pipeline", "init_nlp", "train"]
    assert calls[:4] == [(name, 3) for name in names]
    names = ["init_nlp", "init_nlp", "train", "load_pipeline", "init_nlp", "train"]
    assert calls[4:] == [(name, 3) for name in names]
    assert gpus == [3, 3, 3, 3]


# A call that was stopped continues.


@pytest.fixture
def call(data, overrides, monkeypatch):
    """Makes the same call in any working directory."""
    monkeypatch.setattr(silver, "CHARACTERS_PER_PART", 24)

    def call(path, **arguments):
        path.mkdir(exist_ok=True)
        monkeypatch.chdir(path)
        defaults = {"n_teachers": 2, "overrides": overrides}
        texts_path = arguments.pop("texts_path", data / "texts.jsonl")
        return self_train(CONFIG, texts_path, Path("output"), **{**defaults, **arguments})

    return call


STEPS = ("model-last", "model-best", "trained.json", "progress.json", "config.cfg")


def run_and_kill(step, function, *args):
    """Call a function in another process, which is killed before it puts in place number `step` of
    what it writes. RETURNS (bool): Whether it was killed, rather than done before."""
    pid = os.fork()
    if pid == 0:
        steps = count(1)

        def kill(event, args):
            if event in ("os.mkdir", "os.rename"):
                path = Path(args[event == "os.rename"])
                is_step = path.name in STEPS or path.parent.name == "silver"
                if is_step and next(steps) == step:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(kill)
        try:
            function(*args)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
# A forked process has one, and sums of several differ in the last digit.
@one_thread()
def test_result_is_the_same_after_a_kill(call, tmp_path):
    expected = call(tmp_path / "whole")
    files = get_files(tmp_path / "whole")
    kept: List[int] = []
    for step in count(1):
        path = tmp_path / str(step)
        if not run_and_kill(step, call, path):
            break
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            result = call(path)
        assert result == expected._replace(kept=result.kept)
        kept.append(len(result.kept))
        assert {n: b for n, b in get_files(path).items() if ".new." not in n} == files
    assert kept == sorted(kept)
    # Two teachers of at least two steps, three parts of two, and the final pipeline.
    assert len(kept) >= 13
    assert set(kept) == {0, 1, 2, 3}


@pytest.mark.slow
def test_what_has_not_changed_is_kept(call, data, overrides, tmp_path):
    def call_again(**arguments):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = call(tmp_path, **arguments)
        messages = [str(warning.message) for warning in caught if warning.filename == __file__]
        return result, [message.split(",")[0] for message in messages]

    output = Path("output")
    one, two = (output / f"teacher-{n}" / "model-best" for n in (1, 2))
    silver_path, model_path = output / "silver", output / "model-best"
    teachers_again = [f"{path.parent}: training again" for path in (one, two)]
    silver_again = f"{silver_path}: starting from the first text"
    model_again = f"{output}: training again"

    first, messages = call_again(overrides=overrides)
    assert first.kept == messages == []
    second, messages = call_again(overrides=overrides)
    assert second == first._replace(kept=[one, two, silver_path, model_path])
    assert messages == []

    result, messages = call_again(gold_share=0.6)
    assert result.kept == [one, two, silver_path]
    assert messages == [model_again]

    srsly.write_jsonl(tmp_path / "texts.jsonl", [{"text": "gene 1 moves"}])
    result, messages = call_again(texts_path=tmp_path / "texts.jsonl")
    assert (result.kept, result.n_texts) == ([one, two], 1)
    assert messages == [silver_again, model_again]
    assert [path.name for path in silver_path.glob("*.spacy")] == ["0000.spacy"]

    result, messages = call_again(n_teachers=1)
    assert result.kept == [one]

    result, messages = call_again(overrides={**overrides, "training.dropout": 0.2})
    assert result.kept == []
    assert messages == [*teachers_again, silver_again, model_again]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["train", "dev"])
def test_changed_documents_are_noticed(name, call, overrides, tmp_path):
    settings = {**overrides, **write_data(tmp_path)}
    call(tmp_path, overrides=settings, n_teachers=1)
    docs = read_silver(tmp_path / f"{name}.spacy")
    DocBin(docs=docs[:1], store_user_data=True).to_disk(tmp_path / f"{name}.spacy")
    with pytest.warns(UserWarning, match="teacher-1: training again"):
        result = call(tmp_path, overrides=settings, n_teachers=1)
    assert result.teachers[0] not in result.kept


def test_teachers_that_find_nothing_are_told(data, overrides, tmp_path):
    teacher = make_ruler(tmp_path / "teacher", "nothing of the texts")
    with pytest.warns(UserWarning, match=r"found nothing in \d+ texts.*teacher"):
        self_train(
            CONFIG,
            data / "texts.jsonl",
            tmp_path / "output",
            teachers=[teacher],
            overrides=overrides,
        )
